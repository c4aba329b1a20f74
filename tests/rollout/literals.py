"""Hosts in the middle of their work, as literals: what a phase's `next_step` is asked with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from rollout import names
from rollout.arm import Disk, SessionHost, UserSession, Vm
from rollout.clock import iso
from rollout.extensions import Class, of_class
from rollout.record import HostRecord, Phase
from rollout.steps import Goal, HostView, Memory, Step
from tests.support.observed import (
    GROUP,
    NOW,
    POOL,
    SECRETS,
    Body,
    declaration,
    disk_body,
    image,
    merge,
    session_host_body,
    version,
    vm_body,
    vm_id,
)

ROLLOUT, FENCE = "3f2a9c11", 7
OLD, NEW = "vm-0-os", "vm-0_OsDisk_key"
AD: Body = {"type": "ad", "domain": "contoso.com", "user": "joiner@contoso.com", "password_secret": f"{SECRETS}/join"}
ENTRA: Body = {"type": "entra"}

DSC = ("Microsoft.PowerShell.DSC", "Microsoft.Powershell", "DSC")
AD_JOIN = ("joindomain", "Microsoft.Compute", "JsonADDomainExtension")
LOGIN = ("AADLoginForWindows", "Microsoft.Azure.ActiveDirectory", "AADLoginForWindows")
MONITOR = ("AzureMonitorWindowsAgent", "Microsoft.Azure.Monitor", "AzureMonitorWindowsAgent")


def goal(*, exclusion_tag: str | None = None, attempt: int = 1, **inputs: Any) -> Goal:
    return Goal(declaration(**inputs), image(), "hp1", ROLLOUT, attempt, FENCE, exclusion_tag)


def record(phase: Phase, *, ago: float = 60.0, **changes: Any) -> HostRecord:
    """A record of this rollout, in its phase for `ago` seconds."""
    return replace(HostRecord(ROLLOUT, 1, FENCE, phase, int(NOW - ago), d=OLD), **changes)


def extension(
    known: tuple[str, str, str], state: str = "Succeeded", *, code: str = "succeeded", at: float | None = None
) -> tuple[Body, Body]:
    """A child of the VM and its entry in the instance view; without a code there are no statuses yet."""
    name, publisher, kind = known
    status: Body = {"code": f"ProvisioningState/{code}", "message": f"{name} says {code}"}
    if at is not None:
        status["time"] = iso(at)
    child = {"name": name, "properties": {"publisher": publisher, "type": kind, "provisioningState": state}}
    return child, {"name": name, "statuses": [status] if code else []}


def vm(
    power: str = "running",
    *,
    disk: str = OLD,
    agent: bool = True,
    extensions: Iterable[tuple[Body, Body]] = (),
    size: str = "Standard_D4s_v5",
    name: str = "vm-0",
    tags: dict[str, str] | None = None,
    **properties: Any,
) -> Vm:
    children = tuple(extensions)
    view: Body = {
        "statuses": [{"code": f"PowerState/{power}"}],
        "vmAgent": {"statuses": [{"displayStatus": "Ready" if agent else "Not Ready"}]},
        "extensions": [seen for _, seen in children],
    }
    changes: Body = {
        "tags": tags or {},
        "resources": [child for child, _ in children],
        "etag": '"1"',
        "properties": {
            "hardwareProfile": {"vmSize": size},
            "instanceView": view,
            "storageProfile": {
                "osDisk": {"name": disk, "managedDisk": {"id": f"{GROUP}/providers/Microsoft.Compute/disks/{disk}"}}
            },
        },
    }
    return Vm(merge(merge(vm_body(name), changes), {"properties": properties}))


def session_host(*, ago: float = 10.0, **properties: Any) -> SessionHost:
    """Its record in the pool: Available, last heard of `ago` seconds before now."""
    return SessionHost(session_host_body("vm-0", **{"lastHeartBeat": iso(NOW - ago), **properties}))


def session(state: str = "Active", number: int = 1, *, came: float | None = None) -> UserSession:
    id = f"{POOL}/sessionHosts/vm-0.contoso.com/userSessions/{number}"
    properties = {"sessionState": state, "userPrincipalName": f"u{number}@contoso.com"}
    if came is not None:
        properties["createTime"] = iso(came)
    return UserSession({"id": id, "properties": properties})


def disk(
    name: str, state: str = "", *, attached: bool = False, runs: str = "1.0.0", until: float | None = None
) -> Disk:
    tags = {names.DISK_STATE: state, names.DISK_HOST_ID: "guid-of-vm-0", names.DISK_IMAGE: version(runs)}
    if until is not None:
        tags[names.DISK_KEEP_UNTIL] = iso(until)
    changes: Body = {"tags": tags if state else {}, "managedBy": vm_id("vm-0") if attached else None}
    return Disk(disk_body(name, runs=runs, **changes))


def view(phase: Phase | HostRecord | None = None, machine: Vm | None = None, **changes: Any) -> HostView:
    """A host in a phase: drained where the phase has it so, without sessions."""
    on = machine or vm()
    found = phase if isinstance(phase, HostRecord) or phase is None else record(phase)
    fields: Body = {
        "memory": Memory(),
        "session_host": session_host(allowNewSession=False),
        "sessions": (),
        "new_disk_name": NEW,
        "build_key": "key",
        "removable": of_class(on.extensions, Class.REMOVE),
        "removable_after_drain": of_class(on.extensions, Class.REMOVE_AFTER_DRAIN),
    }
    return HostView(on, found, NOW, **{**fields, **changes})


def temporary(power: str = "running", *, agent: bool = True, **changes: Any) -> Vm:
    """The temporary VM of vm-0."""
    tags = {names.DISK_HOST_ID: "guid-of-vm-0"}
    return vm(power, agent=agent, name="avdtmp-key", disk=NEW, tags=tags, **changes)


def kind(step: Step) -> str:
    """The step's name."""
    return type(step).__name__
