"""Rejoin: the new disk boots, joins the directory, registers with the pool, and proves that it is healthy.

From the agent's installation on, the new session-host record is watched and drained in its first answer: a new record
takes users at once.
"""

from __future__ import annotations

from rollout.arm import Extension, SessionHost
from rollout.declaration import JoinType
from rollout.extensions import Class, of_class
from rollout.join import AD_JOIN, DSC, ENTRA_LOGIN
from rollout.record import HostRecord, Phase
from rollout.steps import (
    CheckGuest,
    Enter,
    Fail,
    Goal,
    HostView,
    InstallAgent,
    InstallExtension,
    JoinDirectory,
    NoteHealthy,
    Part,
    Repair,
    RunPostUpdate,
    SetAllowNewSession,
    Start,
    Step,
    Wait,
)

POLL = 10.0
"""Seconds between looks at one host: a single GET of a session host has no rate limit (recording
avd-sessionhost-get-and-list), and a VM's bucket of reads is 36 + 12 a minute."""
WATCH = 5.0
"""Seconds between looks once the host may appear in the pool at any moment."""


def next_step(view: HostView, goal: Goal, record: HostRecord) -> Step:
    """REJOIN: start, join, agent, health; then serve."""
    late = seconds_late(view, goal)
    blocked = boot_step(view, late > 0)
    if blocked is not None:
        return blocked
    kept = bool(record.k)
    found = view.session_host
    if found is not None and found.allow_new_session:
        return SetAllowNewSession(False)
    if kept:
        return Repair() if needs_repair(view) else verify(view, goal, record, Phase.SERVE, late)
    joined = join_step(view, goal)
    if joined is not None:
        return joined if late <= 0 or isinstance(joined, Fail) else Fail("did not join in time")
    agent = view.vm.extension(*DSC)
    if found is None or agent is None:
        if agent is None:
            return InstallAgent()
        if agent.provisioning_state == "Failed":
            return Fail(f"agent: {agent.status or 'the DSC extension failed'}")
        if late > 0:
            return Fail("did not register with the pool in time")
        return Wait("the agent to register", WATCH, of=Part.SESSION_HOST)
    installing = post_update_step(view, goal)
    if installing is not None:
        return installing if late <= 0 else Fail("post_update did not end in time")
    return verify(view, goal, record, Phase.SERVE, late)


def seconds_late(view: HostView, goal: Goal) -> float:
    """Seconds past `verify.timeout`, negative before; counted from when this process first saw the VM run."""
    up = view.memory.up_since
    return view.now - up - goal.declaration.verify.timeout if up is not None else -goal.declaration.verify.timeout


def boot_step(view: HostView, late: bool) -> Step | None:
    """The next step towards a running guest whose VM agent answers, or None when it does.

    The start is judged by power state and agent, not by its operation, which an extension can hold for 90 minutes.
    """
    if view.vm.off:
        if late:
            return Fail("did not stay up: the guest shuts itself down")
        return Start() if not view.vm.busy else Wait("VM is busy", POLL, of=Part.VM)
    if not view.vm.running:
        if view.vm.stuck:
            return Fail(f"did not come up: the VM is {view.vm.power or view.vm.provisioning_state.lower()} without end")
        return Wait(f"VM is {view.vm.power or view.vm.provisioning_state.lower()}", POLL, of=Part.VM)
    if not view.vm.agent_ready:
        if late:
            return Fail("did not boot in time: the VM agent never reported")
        return Wait("the guest to boot", POLL, of=Part.VM, like="boot")
    return None


def join_step(view: HostView, goal: Goal) -> Step | None:
    """The next step towards a joined host, or None. The extension's own success is the evidence."""
    join = goal.declaration.join
    if join is None:
        return None
    extension = view.vm.extension(*(AD_JOIN if join.type is JoinType.ACTIVE_DIRECTORY else ENTRA_LOGIN))
    if extension is None:
        return JoinDirectory()
    if extension.provisioning_state == "Succeeded":
        return None
    if extension.provisioning_state == "Failed":
        return Fail(f"domain join: {extension.status or 'the extension failed'}")
    return Wait("the join to finish", POLL, of=Part.VM)


def post_update_step(view: HostView, goal: Goal) -> Step | None:
    """The next step of post_update, or None when all is done. An extension that was on the VM when the disk was
    exchanged runs again by itself."""
    declared = goal.declaration.post_update
    for extension in declared.extensions:
        there = view.vm.extension(extension.publisher, extension.type)
        if there is None or there.provisioning_state == "Failed":
            return InstallExtension(extension)
    return RunPostUpdate() if declared.script and not view.memory.post_updated else None


def needs_repair(view: HostView) -> bool:
    """A disk that was attached before has a stale machine password and an agent that believes itself registered; once
    its record is back in the pool, neither is so any more."""
    return view.session_host is None and not view.memory.repaired


def verify(view: HostView, goal: Goal, record: HostRecord, then: Phase, late: float) -> Step:
    """Healthy: heartbeat newer than the start, status accepted, fatal checks passed, the guest's own checks passed,
    for the declared number of polls in a row."""
    host = view.session_host
    if host is None:
        if late > 0:
            return Fail("did not register with the pool in time")
        return Wait("the host to register", WATCH, of=Part.SESSION_HOST)
    if host.allow_new_session:
        return SetAllowNewSession(False)
    problem = unhealthy(host, record.s, goal, view.now)
    if problem is not None:
        if late > 0:
            return Fail(f"not healthy in time: {problem}")
        if not view.memory.checked and host.status == "Upgrading":
            return CheckGuest()
        if view.memory.healthy_polls:
            return NoteHealthy(False)
        return Wait(problem, POLL, of=Part.SESSION_HOST, like="health")
    if not view.memory.checked:
        return CheckGuest()
    for extension in of_class(view.vm.extensions, Class.KEEP, goal.declaration.post_update.kinds):
        problem = not_fresh(extension, record.s)
        if problem is not None:
            return Fail(f"not healthy in time: {problem}") if late > 0 else Wait(problem, POLL, of=Part.VM)
    if view.memory.healthy_polls < goal.declaration.verify.polls:
        return NoteHealthy(True)
    # The exclusion tag goes with this write; the flag for new sessions follows in the next phase.
    return Enter(record.to(then, view.now))


def login_step(view: HostView, goal: Goal, record: HostRecord) -> Step | None:
    """The Entra login extension back on a host whose own disk stays: it was removed, and the host may have left the
    directory, before the host was sent back. On a joined machine the extension changes nothing."""
    join = goal.declaration.join
    if not record.j or join is None or join.type is not JoinType.ENTRA or not view.vm.running:
        return None
    extension = view.vm.extension(*ENTRA_LOGIN)
    if extension is None:
        if view.vm.agent_ready:
            return JoinDirectory()
        return Wait("VM agent to join the directory again", POLL, of=Part.VM)
    joining = extension.provisioning_state in ("Creating", "Updating")
    return Wait("the join to finish", POLL, of=Part.VM) if joining else None


def not_fresh(extension: Extension, since: float) -> str | None:
    """Why a kept extension has not proven itself on the disk that was attached at `since`; None when it has.

    A VM that is deallocated shows no extensions, and one whose agent is silent an empty list of statuses (recordings
    2018-2024), so what is shown was reported since the start; a status with a time must be of it."""
    if extension.provisioning_state in ("Creating", "Updating", "Deleting"):
        return f"extension {extension.name} is {extension.provisioning_state.lower()}"
    if extension.provisioning_state != "Succeeded" or any("/failed" in code.lower() for code in extension.codes):
        return f"extension {extension.name} failed: {extension.status or extension.provisioning_state}"
    if not extension.codes or 0 < extension.reported_at < since:
        return f"extension {extension.name} has not reported from the new disk"
    return None


def unhealthy(host: SessionHost, since: float, goal: Goal, now: float) -> str | None:
    """Why the host does not count as healthy, or None."""
    if host.heartbeat <= since:
        return "no heartbeat since the start"
    if not host.beats(now):
        return "its heartbeat has stopped"
    if host.status not in goal.declaration.verify.accept:
        return f"status {host.status}"
    if host.fatal_findings:
        return "; ".join(host.fatal_findings)
    return None
