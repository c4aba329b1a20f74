"""Drain: no new sessions, a message, time; then the declared policy. The host still serves the sessions it has."""

from __future__ import annotations

from rollout import names
from rollout.arm import UserSession
from rollout.declaration import DeviceCleanup, JoinType, LogOff
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
    RemoveExtension,
    SendMessage,
    SetAllowNewSession,
    Start,
    Step,
    Wait,
)

SESSION_END = 45.0
"""Seconds given to a session to end after it was logged off, before it is asked again."""


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
    preparing = None if isinstance(step, SendMessage | LogOffUsers) else _prepare(view, goal, record, not sessions)
    if preparing is not None:
        return preparing
    return step


def _people(view: HostView, goal: Goal, record: HostRecord, sessions: tuple[UserSession, ...]) -> Step:
    """What is due to the users of the host now."""
    drain, memory = goal.declaration.drain, view.memory
    deadline = record.s + drain.deadline
    reachable = tuple(s for s in sessions if s.state in ("Active", "Disconnected", "Pending"))
    fresh = tuple(s for s in reachable if s.id not in memory.messaged)
    if fresh:
        return SendMessage(fresh, final=False, minutes=max(1, round((deadline - view.now) / 60)))
    if not sessions:
        since = memory.empty_since
        left = drain.zero_sessions_for - (view.now - since) if since is not None else drain.zero_sessions_for
        if left > 0 and not view.vm.off:
            return Wait("no session; making sure that nobody comes back", min(left, 30.0))
        if not memory.may_release:
            return Await(Admission.RELEASE)
        return Enter(record.to(Phase.RELEASE, view.now))
    if memory.logged_off_at is not None and view.now < memory.logged_off_at + SESSION_END:
        return Wait(f"{_who(sessions)} to end", 10.0)
    force = drain.log_off is LogOff.FORCE
    warn_at = deadline - (drain.grace if force else 0.0)
    if view.now < warn_at:
        return Wait(_who(sessions), warn_at - view.now, for_sessions=True)
    if not memory.may_log_off:
        return Wait(f"{_who(sessions)}; nobody is logged off before the canary has passed", 60.0)
    ended = tuple(s for s in sessions if s.state == "Disconnected")
    if force:
        unwarned = tuple(s for s in reachable if s.id not in memory.warned)
        if unwarned:
            return SendMessage(unwarned, final=True, minutes=max(1, round(drain.grace / 60)))
        left = (memory.warned_at or view.now) + drain.grace - view.now
        if left > 0:
            return Wait(f"{_who(sessions)}; logged off in {left / 60:.0f} minutes", min(60.0, left))
        return LogOffUsers(reachable) if reachable else Wait(_who(sessions), 30.0)
    if drain.log_off is LogOff.DISCONNECTED_ONLY and ended:
        return LogOffUsers(ended)
    return GiveBack(f"still in use at the drain deadline ({_who(sessions)}); drain.log_off is {drain.log_off}")


def _who(sessions: tuple[UserSession, ...]) -> str:
    states = [s.state for s in sessions]
    return ", ".join(f"{states.count(state)} {state.lower()}" for state in dict.fromkeys(states)) + " session(s)"


def _prepare(view: HostView, goal: Goal, record: HostRecord, empty: bool) -> Step | None:
    """What is done ahead, while the host still serves its last users, to keep the outage short."""
    old = view.old_disk
    if old is not None and old.tags.get(names.DISK_STATE) != "old":
        return MarkDisk(
            old, "old", image=old.tags.get(names.DISK_IMAGE) or old.source_image, keep=goal.declaration.keep_old_disk
        )
    waiting = view.removable + (view.removable_after_drain if empty else ())
    if waiting:
        # A stopped VM refuses the removal of extensions, and what stays on it replays on the new disk.
        if view.vm.off:
            return Start()
        if view.vm.busy or not view.vm.agent_ready:
            return Wait("VM agent not ready to remove extensions", 15.0)
        return RemoveExtension(waiting[0].name)
    entra = goal.declaration.join is not None and goal.declaration.join.type is JoinType.ENTRA
    clean = goal.declaration.device_cleanup is not DeviceCleanup.NONE
    if empty and entra and clean and view.memory.may_release and not view.memory.left_directory and view.vm.running:
        return LeaveDirectory()
    return None
