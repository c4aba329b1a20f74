"""The state in which a pool was left, as far as it must be the same whether or not a run was killed (invariant I6).

Per host: the image that its guest runs, power, allowNewSession, registered, joined, size, NIC, IP address, zone, data
disks, tags except the engine's record; for the pool: the set of resource ids with kept disks counted per host, the
scaling plan, what is left of the engine's tags. Pure: from `GET /emulator/state` to a value that is compared.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from rollout.arm import Vm
from rollout.extensions import Class, classify

Body = dict[str, Any]

VM = "microsoft.compute/virtualmachines"
DISK = "microsoft.compute/disks"
NIC = "microsoft.network/networkinterfaces"
SESSION_HOST = "microsoft.desktopvirtualization/hostpools/sessionhosts"
SCALING_PLAN = "microsoft.desktopvirtualization/scalingplans"
RECORD_TAGS = "avd-rollout"
"""Prefix of the engine's tags on VMs and pools, which say where the work stands: none may be left on a host."""

NOBODY = ""


@dataclass(frozen=True)
class HostState:
    """One host at rest."""

    image: str
    booted: bool
    registered: bool
    joined: bool
    allow_new_session: bool | None
    """None where it has no session-host record."""
    status: str
    size: str
    zones: tuple[str, ...]
    nics: tuple[str, ...]
    addresses: tuple[str, ...]
    data_disks: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]
    extensions: tuple[str, ...]
    """Without those that are inert once they ran: they go when a host is drained, whether or not it is swapped."""
    delete_option: str
    friendly_name: str
    kept_disks: int
    """OS disks that belong to it and are attached to nothing."""
    leftovers: tuple[str, ...]
    """The engine's tags that are still on the VM."""


@dataclass(frozen=True)
class EndState:
    """A pool at rest."""

    hosts: tuple[tuple[str, HostState], ...]
    resources: tuple[str, ...]
    """Types and names of all other resources, without OS disks: their names are drawn."""
    scaling_plans: tuple[str, ...]


def end_state(state: Body) -> EndState:
    """The end state of `GET /emulator/state`."""
    resources: dict[str, Body] = state["resources"]
    records = {_vm_of(body): body for body in _of_type(resources, SESSION_HOST)}
    vms = [vm for vm in _of_type(resources, VM) if not vm["name"].startswith("avdtmp-")]
    attached = {_os_disk_id(vm) for vm in vms}
    owners = {str(vm["properties"]["vmId"]).lower(): vm["name"] for vm in vms}
    kept: Counter[str] = Counter()
    for body in _of_type(resources, DISK):
        owner = owners.get(str((body.get("tags") or {}).get("avd-host-id", "")).lower())
        if str(body["id"]).lower() in attached or not (body.get("properties") or {}).get("osType"):
            continue
        kept[owner or NOBODY] += 1
    hosts = tuple(
        (vm["name"], _host(vm, records.get(str(vm["id"]).lower()), state, kept[vm["name"]]))
        for vm in sorted(vms, key=lambda vm: str(vm["name"]))
    )
    plans = tuple(sorted(_plan(plan) for plan in _of_type(resources, SCALING_PLAN)))
    strays = [f"{DISK} for an OS, of no host of the pool"] * kept[NOBODY]
    return EndState(hosts, tuple(sorted(_others(resources) + strays)), plans)


def differences(one: EndState, other: EndState) -> list[str]:
    """What differs, a line each: `vm-1 image: 1.0.0 | 1.0.1`."""
    found = []
    first, second = dict(one.hosts), dict(other.hosts)
    for name in sorted(first.keys() | second.keys()):
        a, b = first.get(name), second.get(name)
        if a is None or b is None:
            found.append(f"{name}: {'is there' if a else 'is missing'} | {'is there' if b else 'is missing'}")
            continue
        for field in HostState.__dataclass_fields__:
            if getattr(a, field) != getattr(b, field):
                found.append(f"{name} {field}: {getattr(a, field)} | {getattr(b, field)}")
    for what, left, right in (
        ("resources", set(one.resources), set(other.resources)),
        ("scaling plans", set(one.scaling_plans), set(other.scaling_plans)),
    ):
        if left != right:
            found.append(f"{what}: only {sorted(left - right)} | only {sorted(right - left)}")
    return found


def _host(vm: Body, record: Body | None, state: Body, kept: int) -> HostState:
    properties, resources = vm["properties"], state["resources"]
    guest = state["guests"].get(properties["vmId"], {})
    nics = [str(each["id"]).lower() for each in properties["networkProfile"]["networkInterfaces"]]
    tags = {str(key): str(value) for key, value in (vm.get("tags") or {}).items()}
    host: Body = (record or {}).get("properties") or {}
    return HostState(
        image=_image(guest.get("imageVersionId")),
        booted=bool(guest.get("booted")),
        registered=bool(guest.get("registered")),
        joined=bool(guest.get("joined")),
        allow_new_session=host.get("allowNewSession"),
        status=str(host.get("status") or ""),
        size=properties["hardwareProfile"]["vmSize"],
        zones=tuple(vm.get("zones") or ()),
        nics=tuple(nics),
        addresses=tuple(_address(resources.get(nic, {})) for nic in nics),
        data_disks=tuple(
            f"{disk['lun']} {str(disk['managedDisk']['id']).lower()}"
            for disk in properties["storageProfile"]["dataDisks"]
        ),
        tags=tuple(sorted((k, v) for k, v in tags.items() if not k.startswith(RECORD_TAGS))),
        extensions=tuple(sorted(e.name for e in Vm(vm).extensions if classify(e) is not Class.REMOVE)),
        delete_option=str(properties["storageProfile"]["osDisk"].get("deleteOption", "")),
        friendly_name=str(host.get("friendlyName") or ""),
        kept_disks=kept,
        leftovers=tuple(sorted(k for k in tags if k.startswith(RECORD_TAGS))),
    )


def _others(resources: dict[str, Body]) -> list[str]:
    found = []
    for key, body in resources.items():
        kind = str(body.get("type", "")).lower()
        is_os_disk = kind == DISK and (body.get("properties") or {}).get("osType")
        if kind != VM and not is_os_disk and not kind.startswith("microsoft.authorization/"):
            found.append(f"{kind} {key.rsplit('/', 1)[-1]}")
    return found + [f"{VM} {vm['name']}" for vm in _of_type(resources, VM) if vm["name"].startswith("avdtmp-")]


def _of_type(resources: dict[str, Body], kind: str) -> list[Body]:
    return [body for body in resources.values() if str(body.get("type", "")).lower() == kind]


def _vm_of(session_host: Body) -> str:
    return str(session_host["properties"].get("resourceId") or "").lower()


def _os_disk_id(vm: Body) -> str:
    return str(vm["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"]).lower()


def _image(image_id: object) -> str:
    return str(image_id or "").rsplit("/", 1)[-1]


def _address(nic: Body) -> str:
    configurations = (nic.get("properties") or {}).get("ipConfigurations") or [{}]
    return str((configurations[0].get("properties") or {}).get("privateIPAddress") or "")


def _plan(plan: Body) -> str:
    enabled = [reference.get("scalingPlanEnabled") for reference in plan["properties"].get("hostPoolReferences") or ()]
    return f"{plan['name']} enabled={enabled} tag={plan['properties'].get('exclusionTag')}"
