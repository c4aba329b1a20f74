"""Drain: no new sessions, a message, time; then the declared policy. The host still serves the sessions it has."""

from __future__ import annotations

from rollout import names
from rollout.arm import Disk
from rollout.clock import from_iso
from rollout.declaration import DeviceCleanup, JoinType
from rollout.phases import people
from rollout.record import HostRecord, Phase
from rollout.steps import (
    Admission,
    Await,
    CheckContainers,
    Enter,
    GiveBack,
    Goal,
    HostView,
    LeaveDirectory,
    LogOffUsers,
    MarkDisk,
    Part,
    RemoveExtension,
    RemoveLastScript,
    SendMessage,
    SetAllowNewSession,
    Start,
    Step,
    Wait,
)

CONTAINER_PATIENCE = 15 * 60.0
"""Seconds that profile containers may stay attached when nobody is signed in, after which the host is left out."""
AGENT_PATIENCE = 30 * 60.0
"""Seconds without a sign of the VM agent, which removes extensions, after which the host is left out."""


def next_step(view: HostView, goal: Goal, record: HostRecord) -> Step:
    """DRAIN: until the host has had no session for the declared time and a slot is free."""
    if view.memory.give_back:
        return Enter(record.to(Phase.LEAVE, view.now))
    protected = goal.declaration.protection.of(view.vm)
    if protected:
        return GiveBack(f"{protected}, which came while it was drained")
    if view.session_host is not None and view.session_host.allow_new_session:
        return SetAllowNewSession(False)
    if view.session_host is not None and view.sessions is None:
        return Wait("sessions to be listed", 1.0)
    there = people.people_of(view, goal, record)
    if not there.sessions:
        return _prepare(view, goal, record, True) or _empty(view, goal, record)
    step = people.next_step(there, goal.declaration.zone)
    if isinstance(step, SendMessage | LogOffUsers | GiveBack):
        return step
    told = people.note(there) if not view.vm.changing else None
    return told or _prepare(view, goal, record, False) or step


def _empty(view: HostView, goal: Goal, record: HostRecord) -> Step:
    """Nobody is there: for how long, and is there a slot."""
    since, wanted = view.memory.empty_since, goal.declaration.drain.zero_sessions_for
    left = wanted - (view.now - since) if since is not None else wanted
    if left > 0 and not view.vm.off:
        return Wait("no session; making sure that nobody comes back", min(left, 30.0), of=Part.SESSIONS)
    containers = _containers(view, goal)
    if containers is not None:
        return containers
    if not view.memory.may_release:
        return Await(Admission.RELEASE)
    return Enter(record.to(Phase.RELEASE, view.now))


def _containers(view: HostView, goal: Goal) -> Step | None:
    """The check, where declared, that profile containers are detached: while the host waits for its slot, so that it
    costs no outage. What signs in later is a session first."""
    memory = view.memory
    if not goal.declaration.drain.check_containers or memory.containers_detached or not view.vm.running:
        return None
    if memory.containers_since is not None and view.now > memory.containers_since + CONTAINER_PATIENCE:
        return GiveBack("nobody is signed in, but profile containers are still attached; restart the host")
    if view.vm.busy or not view.vm.agent_ready:
        silent = view.memory.unready_since is not None and view.now > view.memory.unready_since + AGENT_PATIENCE
        if silent:
            return GiveBack(
                "its VM agent does not answer, so that profile containers may be attached; restart the host"
            )
        return Wait("VM agent not ready to say whether profile containers are attached", 15.0, of=Part.VM)
    return CheckContainers()


def _prepare(view: HostView, goal: Goal, record: HostRecord, empty: bool) -> Step | None:
    """What is done ahead, while the host still serves its last users, to keep the outage short."""
    old, keep = view.old_disk, goal.declaration.keep_old_disk
    if old is not None and (old.tags.get(names.DISK_STATE) != "old" or _kept_too_short(old, view.now, keep)):
        return MarkDisk(old, "old", image=old.tags.get(names.DISK_IMAGE) or old.source_image, keep=keep)
    waiting = view.removable + (view.removable_after_drain if empty else ())
    if waiting:
        # A stopped VM refuses the removal of extensions, and what stays on it replays on the new disk.
        if view.vm.off:
            return Start()
        if view.memory.unready_since is not None and view.now > view.memory.unready_since + AGENT_PATIENCE:
            there = ", ".join(extension.name for extension in waiting)
            return GiveBack(f"its VM agent does not answer, so that {there} cannot be removed; restart the host")
        if view.vm.busy or not view.vm.agent_ready:
            return Wait("VM agent not ready to remove extensions", 15.0, of=Part.VM)
        return RemoveExtension(waiting[0].name)
    if view.vm.running and view.vm.agent_ready and not view.vm.busy and not view.memory.script_removed:
        # An administrator's last script would run again on the new disk (an operator's report, unverified).
        return RemoveLastScript()
    if empty and view.memory.may_release and to_leave_directory(view, goal):
        return LeaveDirectory()
    return None


def to_leave_directory(view: HostView, goal: Goal) -> bool:
    """Whether the device that the attached disk registered is to go now, before another disk of the name joins. By
    Microsoft Graph that needs no guest."""
    declared = goal.declaration
    if view.memory.left_directory or declared.join is None or declared.join.type is not JoinType.ENTRA:
        return False
    inside = view.vm.running and view.vm.agent_ready
    return declared.device_cleanup is DeviceCleanup.GRAPH or (declared.device_cleanup is DeviceCleanup.LEAVE and inside)


def _kept_too_short(disk: Disk, now: float, keep: float) -> bool:
    """It was marked by a run long ago (a pause, a failed attempt): from then on its time has run, though it was in
    use."""
    until = disk.tags.get(names.DISK_KEEP_UNTIL)
    return keep > 0 and until is not None and from_iso(until) < now + keep / 2
