"""Leave: the host goes out of this run unswapped. Drain and tags are given back; it never stopped serving its users.

A host that an earlier attempt left failed was not serving: it stays drained and failed.
"""

from __future__ import annotations

from rollout.phases import rejoin, serve, undo
from rollout.record import BEFORE, HostRecord, Phase
from rollout.steps import Deallocate, Enter, Goal, HostView, SetAllowNewSession, Step, Wait


def next_step(view: HostView, goal: Goal, record: HostRecord) -> Step:
    """LEAVE: flags as found, leftovers away, then no record (or one that says why it failed)."""
    host = view.session_host
    if record.b:
        return undo.leftovers(view, goal, failed=True) or Enter(_failed_still(view, record))
    login = rejoin.login_step(view, goal, record)
    if login is not None:
        return login
    commands = serve.commands_step(view)
    if commands is not None:
        return commands
    if host is not None:
        if record.found_off and (view.vm.running or view.vm.stuck or view.vm.power == "starting"):
            return Wait("its sessions to end before it goes off again", 60.0) if view.sessions else Deallocate()
        wanted = not record.found_draining
        if host.allow_new_session != wanted:
            return SetAllowNewSession(wanted, friendly_name=serve.kept_name(view))
    left = undo.leftovers(view, goal, failed=record.failing)
    if left is not None and not (view.memory.give_back or "").startswith("paused"):
        return left
    return Enter(
        record.to(Phase.ROLLED_BACK, view.now) if record.failing else None,
        exclusion_tag=False if record.x else None,
        delete_option="Delete" if record.e else None,
        friendly_name="",
    )


def _failed_still(view: HostView, record: HostRecord) -> HostRecord:
    """Failed in this attempt, or, when it was only given back, in the one before: then this one may try it again."""
    if record.failing:
        return record.to(Phase.FAILED, view.now)
    return record.to(Phase.FAILED, view.now, a=record.a - 1, w=record.w.removeprefix(BEFORE))
