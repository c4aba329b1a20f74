"""Drain: no new sessions, a message, time; then the declared policy. The host still serves the sessions it has."""

from __future__ import annotations

from rollout import names
from rollout.arm import Disk, UserSession
from rollout.clock import from_iso, iso
from rollout.declaration import DeviceCleanup, JoinType
from rollout.draining import LogOff
from rollout.record import HostRecord, Phase
from rollout.steps import (
    Admission,
    Await,
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
from rollout.values import MINUTE

SESSION_END = 45.0
"""Seconds given to a session to end after it was logged off, before it is asked again."""
REACHABLE = ("Active", "Disconnected", "Pending")
"""States of sessions that a message or a log-off reaches."""
AGENT_PATIENCE = 30 * 60.0
"""Seconds without a sign of the VM agent, which removes extensions, after which the host is left out."""


def next_step(view: HostView, goal: Goal, record: HostRecord) -> Step:
    """DRAIN: until the host has had no session for the declared time and a slot is free."""
    if view.memory.give_back:
        return Enter(record.to(Phase.LEAVE, view.now))
    if view.session_host is not None and view.session_host.allow_new_session:
        return SetAllowNewSession(False)
    if view.session_host is not None and view.sessions is None:
        return Wait("sessions to be listed", 1.0)
    sessions = view.sessions or ()
    step = _people(view, goal, record, sessions)
    urgent = isinstance(step, SendMessage | LogOffUsers | GiveBack)
    preparing = None if urgent else _prepare(view, goal, record, not sessions)
    if preparing is not None:
        return preparing
    return step


def _people(view: HostView, goal: Goal, record: HostRecord, sessions: tuple[UserSession, ...]) -> Step:
    """What is due to the users of the host now."""
    drain, memory = goal.declaration.drain, view.memory
    deadline = record.s + drain.deadline
    reachable = tuple(s for s in sessions if s.state in REACHABLE)
    fresh = tuple(s for s in reachable if s.id not in memory.messaged)
    if fresh:
        return SendMessage(fresh, final=False, minutes=max(1, round((deadline - view.now) / 60)))
    if not sessions:
        since = memory.empty_since
        left = drain.zero_sessions_for - (view.now - since) if since is not None else drain.zero_sessions_for
        if left > 0 and not view.vm.off:
            return Wait("no session; making sure that nobody comes back", min(left, 30.0), of=Part.SESSIONS)
        if not memory.may_release:
            return Await(Admission.RELEASE)
        return Enter(record.to(Phase.RELEASE, view.now))
    if memory.logged_off_at is not None and view.now < memory.logged_off_at + SESSION_END:
        return Wait(f"{_who(sessions)} to end", 10.0, of=Part.SESSIONS)
    force = drain.log_off is LogOff.FORCE
    warn_at = deadline - (drain.grace if force else 0.0)
    if view.now < warn_at:
        return Wait(_who(sessions), warn_at - view.now, of=Part.SESSIONS, listed=True)
    if not memory.may_log_off:
        held = f"{_who(sessions)}; nobody is logged off before the canary has passed"
        return Wait(held, 10 * MINUTE, of=Part.SESSIONS, listed=True)
    ended = tuple(s for s in sessions if s.state == "Disconnected")
    if force:
        unwarned = tuple(s for s in reachable if s.id not in memory.warned)
        if unwarned:
            return SendMessage(unwarned, final=True, minutes=max(1, round(drain.grace / 60)))
        left = (memory.warned_at or view.now) + drain.grace - view.now
        if left > 0:
            soon = f"{_who(sessions)}; logged off at {iso(view.now + left)[11:16]} UTC"
            return Wait(soon, left, of=Part.SESSIONS, listed=True)
        return LogOffUsers(reachable) if reachable else Wait(_who(sessions), 30.0, of=Part.SESSIONS)
    if drain.log_off is LogOff.DISCONNECTED_ONLY and ended:
        return LogOffUsers(ended)
    return GiveBack(f"still in use at the drain deadline ({_who(sessions)}); drain.log_off is {drain.log_off}")


def _who(sessions: tuple[UserSession, ...]) -> str:
    states = [s.state for s in sessions]
    return ", ".join(f"{states.count(state)} {state.lower()}" for state in dict.fromkeys(states)) + " session(s)"


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
