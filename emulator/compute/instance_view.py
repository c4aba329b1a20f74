"""The instance view of a virtual machine: power, provisioning, VM agent and extensions.

A resource of its own under `/instanceView`, and part of the VM with `$expand=instanceView`; without that a VM shows no
power state at all. Status lists are no records: `OSState/generalized` comes first where there is one, and
`ProvisioningState` may have a third part (recording compute-vm-generalized-instance-view and others).
"""

from __future__ import annotations

from datetime import UTC, datetime

from emulator import guests, operations
from emulator.compute.shapes import clone
from emulator.wire import Body
from emulator.world import Resource, World

STALE_AGENT_STOPPED = 120.0
"""Seconds for which a stopped VM still shows the agent Ready (129 of 130 samples)."""
STALE_AGENT_STARTED = 300.0
"""Seconds for which a started VM shows the agent Ready from before (Ready 2-16 s after the start in 99 of 99 samples;
that the value is stale, and for how long, is inferred)."""

_POWER = {
    "running": "VM running",
    "starting": "VM starting",
    "stopped": "VM stopped",
    "stopping": "VM stopping",
    "deallocated": "VM deallocated",
    "deallocating": "VM deallocating",
}


def build(world: World, vm: Resource) -> Body:
    """The instance view as GET returns it now."""
    guest = guests.guest_of(world, vm.body["properties"]["vmId"])
    machine = guests.machine_of(world, vm)
    view: Body = {}
    windows = vm.body["properties"]["storageProfile"]["osDisk"].get("osType") == "Windows"
    if vm.body.get("zones") is None and "availabilitySet" in vm.body["properties"]:
        view |= {"platformUpdateDomain": 0, "platformFaultDomain": 0}
    if machine.power != "deallocated" and (machine.reported or machine.agent_ready) and guest is not None:
        view["computerName"] = guest.computer_name
        view["osName"] = "Windows 11 Enterprise multi-session" if windows else "ubuntu"
        view["osVersion"] = "10.0.26100.1" if windows else "22.04"
    if machine.power != "deallocated":
        view["vmAgent"] = _agent(world, vm, machine)
    view["disks"] = [_disk(world, vm, name) for name in _disk_names(vm)]
    extensions = [extension_view(child) for child in world.under(vm.id, guests.EXTENSION_TYPE)]
    if extensions and machine.power != "deallocated":
        view["extensions"] = extensions
    if (vm.body["properties"].get("diagnosticsProfile") or {}).get("bootDiagnostics", {}).get("enabled"):
        view["bootDiagnostics"] = {}
    view["hyperVGeneration"] = vm.hidden.get("generation", "V1")
    view["statuses"] = statuses(world, vm)
    return view


def statuses(world: World, vm: Resource) -> list[Body]:
    """OSState (if generalized), ProvisioningState, PowerState, HibernationState (if hibernated: nothing here hibernates
    a VM, but one may be put up so)."""
    found: list[Body] = []
    if vm.hidden.get("generalized"):
        found.append({"code": "OSState/generalized", "level": "Info", "displayStatus": "VM generalized"})
    state = vm.body["properties"].get("provisioningState", "Succeeded")
    time = vm.hidden.get("provisioned_at") or vm.body["properties"].get("timeCreated")
    if state == "Succeeded":
        found.append(_status("ProvisioningState/succeeded", "Info", "Provisioning succeeded", time))
    elif state == "Failed":
        failure = vm.hidden.get("failure") or {"code": "InternalExecutionError", "message": ""}
        found.append(
            {
                **_status(f"ProvisioningState/failed/{failure['code']}", "Error", "Provisioning failed", time),
                "message": failure["message"],
            }
        )
    else:
        found.append(_status(f"ProvisioningState/{state.lower()}", "Info", state, None))
        if state == "Creating" and vm.hidden.get("provisioning"):
            found.append(
                _status(
                    "ProvisioningState/creating/osProvisioningInProgress", "Info", "OS Provisioning In progress", None
                )
            )
    power = _power(world, vm)
    found.append({"code": f"PowerState/{power}", "level": "Info", "displayStatus": _POWER[power]})
    if vm.hidden.get("hibernated"):
        found.append({"code": "HibernationState/Hibernated", "level": "Info", "displayStatus": "VM hibernated"})
    return found


def extension_view(extension: Resource) -> Body:
    """An element of `instanceView.extensions`. With a silent agent the list of statuses is empty."""
    properties = extension.body["properties"]
    return {
        "name": extension.body["name"],
        "type": f"{properties['publisher']}.{properties['type']}",
        "typeHandlerVersion": extension.hidden.get("handler_version") or properties.get("typeHandlerVersion"),
        "statuses": clone(extension.hidden.get("statuses", [])),
    }


def _power(world: World, vm: Resource) -> str:
    power = guests.machine_of(world, vm).power
    running = operations.latest(world, vm.id)
    verb = running.payload.get("verb") if running is not None else None
    if verb == "deallocate" and power != "deallocated":
        return "deallocating"
    if verb == "powerOff" and power == "running":
        return "stopping"
    if verb == "start" and power != "running":
        return "starting"
    return power


def _agent(world: World, vm: Resource, machine: guests.Machine) -> Body:
    if machine.power == "stopped":
        ready = machine.reported and world.now - (machine.stopped_at or 0.0) < STALE_AGENT_STOPPED
    else:
        since = machine.started_at if machine.started_at is not None else float("-inf")
        ready = machine.agent_ready or (machine.reported and world.now - since < STALE_AGENT_STARTED)
    version = "2.7.41491.1010"
    time = _seconds(world.now - 5 if ready else world.now)
    if ready:
        status = _status("ProvisioningState/succeeded", "Info", "Ready", time)
        status["message"] = "GuestAgent is running and processing the extensions."
    else:
        status = _status("ProvisioningState/Unavailable", "Warning", "Not Ready", time)
        status["message"] = (
            "VM Agent is unresponsive." if machine.reported else "VM status blob is found but not yet populated."
        )
    agent: Body = {"vmAgentVersion": version if ready else "Unknown", "statuses": [status]}
    if ready:
        agent["extensionHandlers"] = [
            {
                "type": f"{e.body['properties']['publisher']}.{e.body['properties']['type']}",
                "typeHandlerVersion": e.hidden.get("handler_version") or e.body["properties"].get("typeHandlerVersion"),
                "status": {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Ready"},
            }
            for e in world.under(vm.id, guests.EXTENSION_TYPE)
            if e.hidden.get("statuses")
        ]
    return agent


def _disk_names(vm: Resource) -> list[str]:
    storage = vm.body["properties"]["storageProfile"]
    return [d["name"] for d in (storage["osDisk"], *storage.get("dataDisks", [])) if "name" in d]


def _disk(world: World, vm: Resource, name: str) -> Body:
    time = vm.body["properties"].get("timeCreated")
    return {
        "name": name,
        "statuses": [_status("ProvisioningState/succeeded", "Info", "Provisioning succeeded", time)],
    }


def _status(code: str, level: str, display: str, time: str | None) -> Body:
    status: Body = {"code": code, "level": level, "displayStatus": display}
    if time is not None:
        status["time"] = time
    return status


def _seconds(at: float) -> str:
    """Agent times have no fraction."""
    return datetime.fromtimestamp(int(at), UTC).isoformat()
