"""The verdict: what the emulator itself says of the pool before and after, never what the engine reports.

Each check is a function that returns the lines of what is wrong; no line is a pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

State = dict[str, Any]
Body = dict[str, Any]

VM = "microsoft.compute/virtualmachines"
DISK = "microsoft.compute/disks"
NIC = "microsoft.network/networkinterfaces"
SESSION_HOST = "microsoft.desktopvirtualization/hostpools/sessionhosts"
REMOVED_EXTENSIONS = ("dsc", "jsonaddomainextension", "aadloginforwindows")
"""Extension types that a rollout takes off and puts on again: they are not among those kept."""
VOLATILE = ("etag", "provisioningState", "timeCreated", "instanceView")
ALIVE = (
    "vmTemplate",
    "sessions",
    "lastHeartBeat",
    "lastUpdateTime",
    "statusTimestamp",
    "agentVersion",
    "osVersion",
    "sxSStackVersion",
    "updateState",
    "updateErrorMessage",
    "lastSessionHostUpdateTime",
    "sessionHostHealthCheckResults",
    "objectId",
    "LastOwnershipUpdateTime",
)
"""Properties of pool, session hosts and data disks that change by themselves, or because the image is another."""


@dataclass(frozen=True)
class Evidence:
    """What the emulator says."""

    before: State
    after: State
    version: str
    """The version every host shall run."""
    updater: str
    """Client id of the principal that has only the custom role."""
    requests: list[Body]
    session_events: list[Body]
    capacity: list[Body]
    max_unavailable: int


@dataclass(frozen=True)
class Check:
    title: str
    problems: tuple[str, ...]


def checks(evidence: Evidence) -> list[Check]:
    """All checks in the order of the summary."""
    table: tuple[tuple[str, Callable[[Evidence], list[str]]], ...] = (
        ("every host serves on the new disk", serving),
        ("same VM id, name, NIC and IP address", identity),
        ("everything not declared is as it was", unchanged),
        ("nothing is left over", leftovers),
        ("every call of the updater was allowed by the custom role", allowed),
        ("nobody was cut off", cut_off),
        ("max_unavailable was kept", unavailable),
    )
    return [Check(title, tuple(check(evidence))) for title, check in table]


def of_type(state: State, kind: str) -> dict[str, Body]:
    """Resources of one type, by lower-case id."""
    return {k: v for k, v in state["resources"].items() if str(v.get("type", "")).lower() == kind}


def hosts(state: State) -> dict[str, Body]:
    """The VMs that session hosts stand for, by lower-case id."""
    wanted = {str(h["properties"].get("resourceId") or "").lower() for h in of_type(state, SESSION_HOST).values()}
    return {k: v for k, v in of_type(state, VM).items() if k in wanted}


def serving(evidence: Evidence) -> list[str]:
    found, state = [], evidence.after
    records = {str(h["properties"].get("resourceId") or "").lower(): h for h in of_type(state, SESSION_HOST).values()}
    for vm_id, vm in hosts(evidence.before).items():
        record, name = records.get(vm_id), vm["name"]
        guest = state["guests"].get(vm["properties"]["vmId"], {})
        if record is None:
            found.append(f"{name}: not in the pool")
            continue
        if not guest.get("booted") or not guest.get("joined") or not guest.get("registered"):
            found.append(f"{name}: guest is {guest}")
        if str(guest.get("imageVersionId")).rsplit("/", 1)[-1] != evidence.version:
            found.append(f"{name}: runs {guest.get('imageVersionId')}")
        attached = _os_disk(state["resources"][vm_id]) if vm_id in state["resources"] else ""
        if attached == _os_disk(vm) or str(guest.get("osDiskId")).lower() != attached:
            found.append(f"{name}: still on its old disk")
        before = next(h for h in of_type(evidence.before, SESSION_HOST).values() if h["name"] == record["name"])
        if record["properties"]["allowNewSession"] != before["properties"]["allowNewSession"]:
            found.append(f"{name}: allowNewSession is {record['properties']['allowNewSession']}")
        if record["properties"]["status"] != "Available":
            found.append(f"{name}: {record['properties']['status']}")
    return found


def identity(evidence: Evidence) -> list[str]:
    found = []
    for vm_id, vm in hosts(evidence.before).items():
        after = evidence.after["resources"].get(vm_id)
        if after is None:
            found.append(f"{vm['name']}: the VM is gone")
            continue
        for path in (("properties", "vmId"), ("name",), ("properties", "networkProfile"), ("zones",)):
            if _at(vm, path) != _at(after, path):
                found.append(f"{vm['name']}: {'.'.join(path)} was {_at(vm, path)}, is {_at(after, path)}")
    for nic_id, nic in of_type(evidence.before, NIC).items():
        after = evidence.after["resources"].get(nic_id)
        if after is None or _without(nic) != _without(after):
            found.append(f"NIC {nic['name']} differs: {_difference(_without(nic), _without(after or {}))}")
    return found


def unchanged(evidence: Evidence) -> list[str]:
    found = []
    for vm_id, vm in hosts(evidence.before).items():
        was, now = _settings(vm), _settings(evidence.after["resources"].get(vm_id, {}))
        if was != now:
            found.append(f"{vm['name']}: {_difference(was, now)}")
    os_disks = {_os_disk(vm) for vm in hosts(evidence.before).values()}
    for resource_id, body in evidence.before["resources"].items():
        if str(body.get("type", "")).lower() in (VM, VM + "/extensions", NIC) or resource_id in os_disks:
            continue  # looked at above, and by other checks
        was, now = _of_others(body), _of_others(evidence.after["resources"].get(resource_id, {}))
        if was != now:
            found.append(f"{body.get('name')}: {_difference(was, now)}")
    return found


def leftovers(evidence: Evidence) -> list[str]:
    """New resources are the new OS disks, and what the program declares: gallery, image, versions, roles."""
    declared = ("microsoft.compute/galleries", "microsoft.authorization/")
    attached = {_os_disk(vm) for vm in hosts(evidence.after).values()}
    found = []
    for resource_id in evidence.after["resources"].keys() - evidence.before["resources"].keys():
        body = evidence.after["resources"][resource_id]
        kind = str(body.get("type", "")).lower()
        if kind.startswith(declared) or resource_id in attached:
            continue
        found.append(f"{kind} {body.get('name')}")
    kept = {k for k in of_type(evidence.before, DISK) if k not in of_type(evidence.after, DISK)}
    found += [f"disk {k.rsplit('/', 1)[-1]}, the way back, is gone" for k in sorted(kept)]
    for vm in hosts(evidence.after).values():
        found += [f"{vm['name']}: tag {tag}" for tag in vm.get("tags") or {} if tag.startswith("avd-rollout")]
    return found


def allowed(evidence: Evidence) -> list[str]:
    calls = [r for r in evidence.requests if r["principal"] == evidence.updater]
    if not any(r["method"] == "PATCH" and "/virtualmachines/" in r["path"].lower() for r in calls):
        return ["the updater made no call that swaps a disk"]
    return [f"{r['method']} {r['path']}: {r['action']}" for r in calls if r["status"] in (401, 403)]


def cut_off(evidence: Evidence) -> list[str]:
    return [f"{e['time']} {e['user']} on {e['host']}" for e in evidence.session_events if e["event"] == "cut_off"]


def unavailable(evidence: Evidence) -> list[str]:
    worst = max((s["unavailable"] for s in evidence.capacity), default=0)
    if worst > evidence.max_unavailable:
        return [f"{worst} hosts were unavailable at once, {evidence.max_unavailable} allowed"]
    return []


def _os_disk(vm: Body) -> str:
    """Lower-case id of the attached OS disk."""
    return str(vm["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"]).lower()


def _of_others(body: Body) -> Body:
    """A resource that a rollout may at most put its record on. What a session host does by itself is not among it, nor
    the pool's vmTemplate, which names the new image."""
    kept = _without({key: value for key, value in body.items() if key != "systemData"})
    properties = {key: value for key, value in (kept.get("properties") or {}).items() if key not in ALIVE}
    tags = {key: value for key, value in (kept.get("tags") or {}).items() if not key.startswith("avd-rollout")}
    return {**kept, "properties": properties, "tags": tags}


def _settings(vm: Body) -> Body:
    """A VM's settings without its OS disk and what changes by itself."""
    properties = {k: v for k, v in (vm.get("properties") or {}).items() if k not in VOLATILE}
    storage = dict(properties.get("storageProfile") or {})
    disk = storage.pop("osDisk", {})
    storage["osDisk"] = {k: v for k, v in disk.items() if k not in ("name", "managedDisk", "diskSizeGB")}
    properties["storageProfile"] = storage
    kept = {
        child["name"]: _without(child.get("properties") or {})
        for child in vm.get("resources") or ()
        if str((child.get("properties") or {}).get("type", "")).lower() not in REMOVED_EXTENSIONS
    }
    return {
        "properties": properties,
        "extensions": kept,
        **{key: vm.get(key) for key in ("tags", "identity", "location", "zones", "plan")},
    }


def _without(body: Body) -> Body:
    """A body without what changes by itself, at any depth."""
    return {
        key: _without(value) if isinstance(value, dict) else value for key, value in body.items() if key not in VOLATILE
    }


def _difference(was: Any, now: Any, path: str = "") -> str:
    """The first place where two bodies differ."""
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted(was.keys() | now.keys()):
            if was.get(key) != now.get(key):
                return _difference(was.get(key), now.get(key), f"{path}.{key}".lstrip("."))
    return f"{path} was {was!r}, is {now!r}"[:300]


def _at(body: Body, path: tuple[str, ...]) -> Any:
    for key in path:
        body = body.get(key) or {}
    return body
