"""The reference rollouts: pools of four hosts with fixed sessions, and what is done to them; between them they come to
every phase and step that the engine has. Each is killed at every write in turn (`crashes.py`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from emulator.capacity import pool_changed
from emulator.desktopvirtualization.broker import begin_session, broker_of, end_session
from rollout import names
from rollout.clock import from_iso
from rollout.lease import LENGTH, Holder, decode
from rollout.record import Phase
from rollout.record import decode as decode_record
from rollout.steps import Await, Done, Fail, GiveBack, NoteHealthy, RemoveRunCommands, Step, Wait
from simulation.emulated_pool import DEFINITION, GROUP, POOL, EmulatedPool
from simulation.wire_log import Exchange, kind_of_write

TAGS = f"{POOL}/providers/Microsoft.Resources/tags/default"
ENTRA = {"type": "entra", "mdm_id": "0000000a-0000-0000-c000-000000000000"}
RMM = {"name": "rmm", "publisher": "Contoso.Rmm", "type": "RmmAgent", "version": "1.0", "settings": {"site": "7"}}
SHORT = {"timeout": "PT30M"}
TWO = ["vm-0", "vm-1"]
NIGHT = {"recur_every": "Day", "start": "22:00", "duration": "PT6H", "time_zone": "UTC"}
SHORT_NIGHT = {**NIGHT, "duration": "PT35M"}
"""Two hosts fit into it, one after the other, if neither is slow."""
AHEAD: dict[str, Any] = {
    "include": TWO,
    "max_unavailable": 1.0,
    "canary": {"hosts": 0},
    "window": SHORT_NIGHT,
    "build_ahead": "PT20M",
}


@dataclass(frozen=True)
class Incident:
    """What somebody else does at the `nth` write of a kind that Azure accepts, or at the next one where that returned
    False."""

    kind: str
    nth: int
    do: Callable[[EmulatedPool], bool | None]


@dataclass(frozen=True)
class Reference:
    """One rollout. `pool`: options of the scenario beside four hosts; `before`: what happened to the pool earlier."""

    inputs: Mapping[str, Any] = field(default_factory=dict)
    pool: Mapping[str, Any] = field(default_factory=dict)
    guests: tuple[Mapping[str, Any], ...] = ()
    """Guests that fail whenever they boot: fault, host and image of the emulator's guest rules."""
    before: Callable[[EmulatedPool], Awaitable[None]] | None = None
    incidents: tuple[Incident, ...] = ()
    only: str | None = None
    ends: str = "complete"


def bad(fault: str, host: str = "^vm-", image: str = r"1\.0\.1$") -> dict[str, str]:
    return {"type": "guest", "fault": fault, "host": host, "image": image}


# -- what happens before


async def rolled_out(made: EmulatedPool) -> None:
    """The pool was brought to 1.0.1, and the disks of before are kept for three days."""
    assert (await made.roll(owner="earlier@runner", canary={"hosts": 0})).status == "complete"


def publish(made: EmulatedPool) -> None:
    """A version 1.0.2 is made, which takes some minutes."""
    properties = {
        "publishingProfile": {"targetRegions": [{"name": "westeurope", "regionalReplicaCount": 2}]},
        "storageProfile": {"source": {"id": f"{GROUP}/providers/Microsoft.Compute/images/win11-1.0.1"}},
    }
    made.ask("PUT", f"{DEFINITION}/versions/1.0.2", {"location": "westeurope", "properties": properties})


async def rolled_out_long_ago(made: EmulatedPool) -> None:
    """The pool was brought to 1.0.1, the disks of before are past their date, and there is a version 1.0.2."""
    publish(made)
    earlier = await made.roll(owner="earlier@runner", canary={"hosts": 0}, keep_old_disk="PT1H")
    assert earlier.status == "complete", earlier.summary
    await made.clock.sleep(7200)


async def built_ahead(made: EmulatedPool) -> None:
    """Disks of 1.0.1 lie ready for tonight's window, and there is a version 1.0.2 since."""
    publish(made)
    await made.clock.sleep(from_iso("2026-01-12T21:40:01Z") - made.clock.now())
    earlier = await made.roll(owner="earlier@runner", **AHEAD)
    assert earlier.summary.endswith("2 disks are ready"), earlier.summary


async def scheduled(made: EmulatedPool) -> None:
    """An earlier run noted what is scheduled, of another version too, and the window has opened since."""
    for version in ("1.0.1", "1.0.0", "1.0.1"):
        await made.roll(owner="earlier@runner", version=version, window=NIGHT)
    await made.clock.sleep(from_iso("2026-01-12T22:00:01Z") - made.clock.now())


async def autoscale_leaves_hosts_on(made: EmulatedPool) -> None:
    """Autoscale stops nobody: which hosts are idle when it looks would depend on when they were updated."""
    plan = f"{GROUP}/providers/Microsoft.DesktopVirtualization/scalingPlans/sp1"
    body = made.ask("GET", plan, None, "2024-04-03").body
    (schedule,) = body["properties"]["schedules"]
    schedule |= {"rampUpMinimumHostsPct": 100, "rampDownMinimumHostsPct": 100}
    assert made.ask("PUT", plan, body, "2024-04-03").status == 200


async def may_delete_devices(made: EmulatedPool) -> None:
    """The principal has the right in Microsoft Graph."""
    for principal in made.emulator.world.sections["principals"].values():
        principal["graph_roles"] = ["Device.ReadWrite.All"]


async def nobody_on_vm_0(made: EmulatedPool) -> None:
    """Who of vm-0 signed out; it becomes empty first, so that no crash decides which host is the canary."""
    sessions = f"{POOL}/sessionHosts/vm-0.contoso.com/userSessions"
    for session in made.ask("GET", sessions, None, "2024-04-03").body["value"]:
        assert made.ask("DELETE", session["id"], None, "2024-04-03").status == 200
    await made.clock.sleep(60.0)  # signing out takes a moment


# -- what happens meanwhile


def pause(made: EmulatedPool) -> None:
    """`hostpool pause`."""
    _merge(made, {names.PAUSE: "an administrator"})


def resume(made: EmulatedPool) -> None:
    """`hostpool resume`."""
    properties = {"tags": {names.PAUSE: "an administrator"}}
    made.ask("PATCH", TAGS, {"operation": "Delete", "properties": properties}, "2021-04-01")


def take_lease(made: EmulatedPool) -> None:
    """Another runner takes the lease, and is never heard of again."""
    holder = decode(pool_tags(made).get(names.LEASE))
    fence = holder.fence + 1 if holder is not None else 1
    _merge(made, {names.LEASE: Holder("another@runner", fence, made.emulator.world.now + LENGTH).encode()})


def wipe_lease(made: EmulatedPool) -> None:
    """A template that is applied writes its own tags over the pool's, the rollout's record included."""
    made.ask("PATCH", POOL, {"tags": {"owner": "desktop-team", "costCenter": "4711"}}, "2024-04-03")


def unregister(made: EmulatedPool) -> bool:
    """Somebody deletes the session-host record of vm-1 in the portal, once it serves again."""
    record = decode_record((made.vm("vm-1").get("tags") or {}).get(names.RECORD))
    if record is None or record.p is not Phase.SERVE:
        return False
    return made.ask("DELETE", f"{POOL}/sessionHosts/vm-1.contoso.com", None, "2024-04-03").status == 200


def guests_come(made: EmulatedPool) -> bool:
    """Once a host is closed to new sessions ahead of its turn, so many people come to the first host, which is updated,
    that each host is needed."""
    world, record_id = made.emulator.world, f"{POOL}/sessionHosts/vm-0.contoso.com".lower()
    if world.get(record_id) is None or not _closed(made, takes_sessions=False):
        return False
    broker = broker_of(world, POOL)
    for number in range(GUESTS):
        begin_session(world, broker, record_id, f"guest{number}@contoso.com")
    pool_changed(world, broker.id)
    return True


def guests_leave(made: EmulatedPool) -> bool:
    """Once a host was opened for them, they leave."""
    world = made.emulator.world
    broker = broker_of(world, POOL)
    guests = [s for host in broker.hosts.values() for s in host.values() if s.user.startswith("guest")]
    if not guests or not _closed(made, takes_sessions=True):
        return False
    for session in guests:
        end_session(world, broker, session)
    pool_changed(world, broker.id)
    return True


def _closed(made: EmulatedPool, *, takes_sessions: bool) -> bool:
    """There is a host whose record says that it is closed ahead of its turn, and which takes sessions, or does not."""
    for name in (f"vm-{number}" for number in range(4)):
        record = decode_record((made.vm(name).get("tags") or {}).get(names.RECORD))
        host = made.ask("GET", f"{POOL}/sessionHosts/{name}.contoso.com", None, "2024-04-03")
        takes = host.body["properties"]["allowNewSession"] if host.status == 200 else None
        if record is not None and record.closed and takes is takes_sessions:
            return True
    return False


def pool_tags(made: EmulatedPool) -> dict[str, str]:
    """The host pool's tags."""
    return dict(made.ask("GET", TAGS, None, "2021-04-01").body["properties"]["tags"])


def _merge(made: EmulatedPool, tags: dict[str, str]) -> None:
    answer = made.ask("PATCH", TAGS, {"operation": "Merge", "properties": {"tags": tags}}, "2021-04-01")
    assert answer.status == 200, answer.body


GUESTS = 12
FORCE = {"deadline": "PT15M", "log_off": "force", "grace": "PT5M", "allow_data_loss": True}
CANARY = {"hosts": 1, "bake": "PT10M"}

REFERENCES: dict[str, Reference] = {
    "update": Reference(
        {"version": "1.0.2", "max_unavailable": 2.0, "canary": CANARY, "drain": FORCE},
        {"sessions_per_host": 2, "ignore_probability": 0.7, "off": 1, "draining": 1},
        before=rolled_out_long_ago,
    ),
    "rollback": Reference(
        {"max_unavailable": 2.0, "max_failed": 1.0, "canary": CANARY, "verify": SHORT},
        {"sessions_per_host": 1, "ignore_probability": 1.0, "off": 1},
        (bad("unhealthy", "^vm-1$"),),
        ends="complete_with_failures",
    ),
    "stopped": Reference(
        {"max_unavailable": 2.0, "canary": CANARY, "verify": SHORT},
        {"sessions_per_host": 1, "ignore_probability": 1.0},
        (bad("unhealthy"),),
        before=nobody_on_vm_0,
        ends="stopped",
    ),
    "join-fails": Reference(
        {"include": TWO, "max_failed": 1.0, "verify": SHORT},
        {"sessions_per_host": 0},
        (bad("join_fails", "^vm-1$"),),
        ends="complete_with_failures",
    ),
    "quarantine": Reference(
        {"include": TWO, "max_failed": 1.0, "verify": SHORT, "quarantine": {"disks": 1}},
        {"sessions_per_host": 0},
        (bad("unhealthy", "^vm-1$"),),
        ends="complete_with_failures",
    ),
    "lost": Reference(
        {"include": TWO, "max_failed": 1.0, "verify": {"timeout": "PT25M"}},
        {"sessions_per_host": 0},
        (bad("never_registers", "^vm-1$", "."),),
        ends="complete_with_failures",
    ),
    "revert": Reference(
        {"version": "1.0.0", "max_unavailable": 2.0, "canary": CANARY},
        {"sessions_per_host": 1, "off": 1},
        before=rolled_out,
    ),
    "entra-leave": Reference(
        {"include": TWO, "join": ENTRA, "device_cleanup": "leave"}, {"join": "entra", "sessions_per_host": 0}
    ),
    "entra-graph": Reference(
        {"include": TWO, "join": ENTRA, "device_cleanup": "graph", "max_failed": 1.0, "verify": SHORT},
        {"join": "entra", "sessions_per_host": 0},
        (bad("unhealthy", "^vm-1$"),),
        before=may_delete_devices,
        ends="complete_with_failures",
    ),
    "resize": Reference(
        {
            "include": TWO,
            "vm_size": "Standard_D8s_v5",
            "os_disk_type": "StandardSSD_LRS",
            "max_failed": 1.0,
            "verify": {**SHORT, "script": ["exit 0"]},
        },
        {"sessions_per_host": 0},
        (bad("unhealthy", "^vm-1$"),),
        ends="complete_with_failures",
    ),
    "after-deallocate": Reference(
        {
            "include": TWO,
            "build": "after_deallocate",
            "stop": "power_off",
            "drain": {"check_containers": True},
            "post_update": {"script": ["exit 0"], "extensions": [RMM]},
        },
        {"sessions_per_host": 0},
    ),
    "left-out": Reference(
        {"include": ["vm-0", "vm-3"], "drain": {"deadline": "PT10M", "log_off": "wait"}},
        {"sessions_per_host": 1, "ignore_probability": 1.0, "off": 1},
        ends="complete_with_failures",
    ),
    "paused": Reference(
        {"max_unavailable": 1.0, "canary": CANARY},
        {"sessions_per_host": 1},
        incidents=(Incident("DELETE hostpools/sessionhosts", 2, pause),),
    ),
    "lease": Reference(
        {"max_unavailable": 1.0, "canary": CANARY},
        {"sessions_per_host": 0},
        incidents=(
            Incident("PUT virtualmachines/extensions", 1, take_lease),
            Incident("DELETE hostpools/sessionhosts", 3, wipe_lease),
        ),
    ),
    "unregistered": Reference(
        {"include": ["vm-1"]},
        {"sessions_per_host": 0},
        incidents=(Incident("DELETE virtualmachines/extensions", 3, unregister),),
    ),
    "autoscale": Reference(
        {"include": TWO, "max_unavailable": 1.0},
        {"sessions_per_host": 1, "scaling_plan": True},
        before=autoscale_leaves_hosts_on,
    ),
    "soft": Reference(
        {
            "max_unavailable": 1.0,
            "max_building": 1.0,
            "canary": {"hosts": 1, "bake": "PT0S"},
            "drain": FORCE,
            "hand_off": "soft",
        },
        {"sessions_per_host": 1, "ignore_probability": 1.0, "scaling_plan": True, "max_session_limit": 8},
        before=autoscale_leaves_hosts_on,
        incidents=(
            Incident("PATCH hostpools/sessionhosts", 1, guests_come),
            Incident("PATCH hostpools/sessionhosts", 1, guests_leave),
        ),
    ),
    "scheduled": Reference(
        {"include": TWO, "max_unavailable": 1.0, "window": NIGHT, "canary": {"hosts": 0}},
        {"sessions_per_host": 0},
        before=scheduled,
    ),
    "build-ahead": Reference(
        # The disks of 1.0.1 are removed, and so is that of vm-1, for which the first night is too short.
        {**AHEAD, "version": "1.0.2", "when_closed": "wait"},
        {"sessions_per_host": 0},
        ({**bad("agent_slow", "^vm-0$", r"1\.0\.2$"), "seconds": 1200.0},),
        before=built_ahead,
    ),
    "rebuild": Reference({"version": "1.0.0"}, {"sessions_per_host": 1}, only="vm-1"),
}


# -- what occurred

SILENT = (Wait, Await, Done, NoteHealthy, Fail, GiveBack, RemoveRunCommands)
"""Steps that write nothing; the last one only after a crash."""
STEPS = frozenset(step.__name__ for step in Step.__subclasses__() if step not in SILENT)

_STEP_OF = {
    "PATCH virtualmachines": "Enter",
    "PUT avdtmp networkinterfaces": "CreateTemporaryNic",
    "PUT avdtmp virtualmachines": "CreateTemporaryVm",
    "POST avdtmp virtualmachines/runcommand": "CheckBuild",
    "POST avdtmp virtualmachines/deallocate": "DeallocateTemporaryVm",
    "DELETE avdtmp virtualmachines": "DeleteTemporaryVm",
    "DELETE avdtmp networkinterfaces": "DeleteTemporaryNic",
    "PATCH disks": "MarkDisk",
    "DELETE disks": "DeleteDisk",
    "PATCH hostpools/sessionhosts": "SetAllowNewSession",
    "DELETE hostpools/sessionhosts": "DeleteSessionHost",
    "POST hostpools/sessionhosts/usersessions/sendmessage": "SendMessage",
    "DELETE hostpools/sessionhosts/usersessions": "LogOffUsers",
    "DELETE virtualmachines/extensions": "RemoveExtension",
    "DELETE graph/devices": "LeaveDirectory",
    "POST virtualmachines/poweroff": "PowerOff",
    "POST virtualmachines/deallocate": "Deallocate",
    "POST virtualmachines/start": "Start",
}
KINDS_OF_WRITE = (*_STEP_OF, "PATCH tags", "PUT virtualmachines/extensions", "PUT virtualmachines/runcommands")
"""What the engine writes, as `kind_of_write` names it."""
_STEP_OF_SCRIPT = {
    "avd-leave": "LeaveDirectory",
    "avd-repair": "Repair",
    "avd-register": "Register",
    "avd-verify": "CheckGuest",
    "avd-containers": "CheckContainers",
    "avd-post-update": "RunPostUpdate",
}


def steps_of(exchanges: Iterable[Exchange]) -> set[str]:
    """Names of the steps (`rollout/steps.py`) that made these exchanges; the rollout's own writes are of no step."""
    return {name for each in exchanges if each.write and (name := _step_of(each))}


def _step_of(exchange: Exchange) -> str:
    kind, body = kind_of_write(exchange), exchange.body or {}
    if kind == "POST virtualmachines/runcommand":
        if body["commandId"].startswith("Remove"):
            return "RemoveLastScript"
        return "CollectEvidence" if "Get-WinEvent" in "".join(body["script"]) else "CheckGuest"
    if kind == "PUT virtualmachines/extensions":
        kind_of = {"DSC": "InstallAgent", RMM["type"]: "InstallExtension"}
        return kind_of.get(body["properties"]["type"], "JoinDirectory")
    if kind.endswith("virtualmachines/runcommands"):
        return _STEP_OF_SCRIPT[exchange.path.rsplit("/", 1)[-1]]
    return _STEP_OF.get(kind, "")


def phases_of(exchanges: Iterable[Exchange]) -> set[Phase]:
    """The phases that were written into the records of hosts."""
    values = [((each.body or {}).get("tags") or {}).get(names.RECORD) for each in exchanges if each.write]
    return {record.p for value in values if (record := decode_record(value)) is not None}
