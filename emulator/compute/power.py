"""Power of a virtual machine: start, deallocate, powerOff, restart, redeploy, reapply, generalize.

All but generalize answer 202 with an empty body, Azure-AsyncOperation and Location, and take effect at the end of the
operation. A start is held by extensions that are new to the disk (they replay at its first boot): the VM runs at once,
the operation ends when they have, or after 90 minutes.
"""

from __future__ import annotations

from emulator import durations, guests, operations
from emulator.compute.shapes import not_allowed, require_staying
from emulator.resources import existence
from emulator.wire import ArmError, Body, Headers, Request, Response
from emulator.world import Handler, Resource, World

HELD_START_LIMIT = 90 * 60.0
"""Seconds; VMExtensionProvisioningTimeout of the recordings of 2020."""

# What stands in the way of starting twice: power states that a verb leads to, and the row it takes from another.
_VERBS: dict[str, tuple[str | None, str]] = {
    "start": ("running", "vm start"),
    "deallocate": ("deallocated", "vm deallocate"),
    "powerOff": ("stopped", "vm power off"),
    "restart": (None, "vm restart"),
    "redeploy": (None, "vm redeploy"),
    "reapply": (None, "vm reapply"),
}


def start(world: World, request: Request, path: dict[str, str]) -> Response:
    vm = _vm(world, request)
    if vm.hidden.get("generalized"):
        # issue report; its status is not printed (409 is likely)
        raise not_allowed(f"Operation 'start' is not allowed on VM '{vm.body['name']}' since the VM is generalized.")
    return _begin(world, request, vm, "start")


def deallocate(world: World, request: Request, path: dict[str, str]) -> Response:
    vm = _vm(world, request)
    if "diffDiskSettings" in vm.body["properties"]["storageProfile"]["osDisk"]:
        # that it is refused: learn.microsoft.com/azure/virtual-machines/ephemeral-os-disks; words unverified
        raise not_allowed("This operation is not supported for VMs with an ephemeral OS disk.")
    return _begin(world, request, vm, "deallocate")


def power_off(world: World, request: Request, path: dict[str, str]) -> Response:
    return _begin(world, request, _vm(world, request), "powerOff")


def restart(world: World, request: Request, path: dict[str, str]) -> Response:
    vm = _vm(world, request)
    if guests.machine_of(world, vm).power != "running":
        raise not_allowed("The operation requires the VM to be running (or set to run).")
    return _begin(world, request, vm, "restart")


def redeploy(world: World, request: Request, path: dict[str, str]) -> Response:
    return _begin(world, request, _vm(world, request), "redeploy")


def reapply(world: World, request: Request, path: dict[str, str]) -> Response:
    return _begin(world, request, _vm(world, request), "reapply")


def generalize(world: World, request: Request, path: dict[str, str]) -> Response:
    """200 at once, no operation. The VM cannot start again, and its OS disk counts as sysprepped."""
    vm = _vm(world, request)
    if guests.machine_of(world, vm).power in ("running", "starting"):
        raise not_allowed(f"Operation 'generalize' is not allowed on VM '{vm.body['name']}' since the VM is running.")
    vm.hidden["generalized"] = True
    guests.content_of(world, vm.id).update(generalized=True, provisioned=False)
    return Response(200)


def boot_diagnostics(world: World, request: Request, path: dict[str, str]) -> Response:
    """retrieveBootDiagnosticsData: SAS URIs of screenshot and serial log."""
    vm = _vm(world, request)
    if not (vm.body["properties"].get("diagnosticsProfile") or {}).get("bootDiagnostics", {}).get("enabled"):
        raise ArmError(
            409,
            "OperationNotAllowed",
            f"Operation 'retrieveBootDiagnosticsData' is not allowed on VM '{vm.body['name']}' since boot diagnostics "
            "is not enabled.",
        )
    base = f"https://emulated.blob.core.windows.net/bootdiagnostics-{vm.body['properties']['vmId']}/{vm.body['name']}"
    return Response(
        200,
        {
            "consoleScreenshotBlobUri": f"{base}.screenshot.bmp?sv=2018-03-28&sr=b",
            "serialConsoleLogBlobUri": f"{base}.serialconsole.log?sv=2018-03-28&sr=b",
        },
    )


def settle(world: World, vm: Resource, error: Body | None) -> None:
    """The VM's provisioningState after an operation. One that was preempted leaves it to its successor."""
    if error is None:
        vm.body["properties"]["provisioningState"] = "Succeeded"
        vm.hidden["provisioned_at"] = world.iso().replace("Z", "+00:00")
        vm.hidden.pop("failure", None)
    elif error["code"] != "OperationPreempted":
        vm.body["properties"]["provisioningState"] = "Failed"
        vm.hidden["failure"] = {"code": error["code"], "message": error["message"]}


def reserve_disks(world: World, vm: Resource, *, reserved: bool) -> None:
    """Disks of a deallocated VM are Reserved, of any other Attached; LastOwnershipUpdateTime moves only on a change."""
    storage = vm.body["properties"]["storageProfile"]
    for entry in (storage["osDisk"], *storage.get("dataDisks", [])):
        disk = world.get((entry.get("managedDisk") or {}).get("id") or "")
        state = "Reserved" if reserved else "Attached"
        if disk is not None and disk.body.get("managedBy") and disk.body["properties"].get("diskState") != state:
            disk.body["properties"]["diskState"] = state
            disk.body["properties"]["LastOwnershipUpdateTime"] = world.iso().replace("Z", "+00:00")


def _vm(world: World, request: Request) -> Resource:
    return existence.find(world, request.path.rpartition("/")[0])


def _begin(world: World, request: Request, vm: Resource, verb: str) -> Response:
    require_staying(vm)
    operations.preempt(world, vm.id)
    goal, row = _VERBS[verb]
    there = goal is not None and guests.machine_of(world, vm).power == goal
    if verb == "redeploy" and guests.machine_of(world, vm).power == "deallocated":
        there = True
    seconds = durations.draw(world, "vm already there" if there else row, vm.id)
    vm.body["properties"]["provisioningState"] = "Updating"
    headers: Headers = operations.start(
        world,
        request,
        kind="vm deallocate" if verb == "deallocate" else "vm action",
        resource_id=vm.id,
        seconds=seconds,
        done="power.done",
        vm_id=vm.id,
        verb=verb,
    )
    return Response(202, None, headers)


def _done(world: World, *, operation: str, error: Body | None, vm_id: str, verb: str) -> None:
    vm = world.get(vm_id)
    if vm is None:
        return
    held = vm.hidden.get("held_start") == operation
    if held:
        vm.hidden.pop("held_start")
        settle(world, vm, error)
        return
    if error is not None:
        settle(world, vm, error)
        return
    machine = guests.machine_of(world, vm)
    if verb == "start" and machine.power != "running":
        reserve_disks(world, vm, reserved=False)
        guests.power_on(world, vm)
        vm.etag += 1
        if guests.to_replay(world, vm):
            vm.hidden["held_start"] = operation
            operations.extend(world, operation, None)
            world.schedule(HELD_START_LIMIT, "power.start_overdue", operation=operation)
            return
    elif verb == "deallocate" and machine.power != "deallocated":
        guests.power_off(world, vm, deallocate=True)
        reserve_disks(world, vm, reserved=True)
        vm.etag += 1
    elif verb == "powerOff" and machine.power == "running":
        guests.power_off(world, vm, deallocate=False)
        vm.etag += 1
    elif verb in ("restart", "redeploy") and machine.power == "running":
        guests.reboot(world, vm)
        vm.etag += 1
    settle(world, vm, None)


def _start_overdue(world: World, operation: str) -> None:
    """Event: extensions that replay have held a start for too long."""
    operations.finish(
        world,
        operation,
        {
            "code": "VMExtensionProvisioningTimeout",
            "message": "Provisioning of VM extension has timed out. Extension provisioning has taken too long to "
            "complete. The extension did not report a message.",
        },
    )


HANDLERS: dict[str, Handler] = {"power.done": _done, "power.start_overdue": _start_overdue}
