"""Undo: the new disk failed, so the old one goes back, and the host serves on the old image.

A path of its own, not the swap backwards: the new disk's join changed the machine password, so the old disk's is stale
(for Entra, its device); and the old disk's agent believes itself registered, while the record in the pool is gone.
"""

from __future__ import annotations

from rollout import names
from rollout.declaration import LogOff
from rollout.phases import rejoin, release, serve
from rollout.phases.drain import SESSION_END
from rollout.record import HostRecord, Phase
from rollout.steps import (
    CollectEvidence,
    DeleteDisk,
    DeleteSessionHost,
    DeleteTemporaryNic,
    DeleteTemporaryVm,
    Enter,
    Fail,
    Goal,
    HostView,
    LogOffUsers,
    MarkDisk,
    RemoveExtension,
    Repair,
    SendMessage,
    SetAllowNewSession,
    Step,
    Wait,
)


def next_step(view: HostView, goal: Goal, record: HostRecord) -> Step:
    """UNDO, UNDO_REJOIN and UNDO_SERVE."""
    match record.p:
        case Phase.UNDO:
            return _undo(view, goal, record)
        case Phase.UNDO_REJOIN:
            return _rejoin(view, goal, record)
        case _:
            return _serve(view, goal, record)


def _undo(view: HostView, goal: Goal, record: HostRecord) -> Step:
    if view.attached == record.d:
        # Never swapped (or a write whose answer was lost): the old disk only has to come up again.
        return Enter(record.to(Phase.UNDO_REJOIN, view.now))
    if not view.memory.evidence:
        return CollectEvidence()
    if view.old_disk is None:
        return Fail(f"the old disk {record.d} has vanished, so it cannot be put back")
    if view.session_host is not None:
        people = _people(view, goal)
        if people is not None:
            return people
        return DeleteSessionHost(force=False)
    if view.removable and view.vm.running and view.vm.agent_ready and not view.vm.busy:
        return RemoveExtension(view.removable[0].name)
    stop = release.stop_step(view, goal)
    if stop is not None:
        return stop
    if record.z and view.vm.size.lower() != record.z.lower():
        return Enter(record, vm_size=record.z)
    return Enter(
        record.to(Phase.UNDO_REJOIN, view.now),
        attach=view.old_disk.id,
        storage_account_type=view.old_disk.sku or None,
    )


def _people(view: HostView, goal: Goal) -> Step | None:
    """A user who got in before the drain counts as a user: no restore under them."""
    host, memory = view.session_host, view.memory
    assert host is not None
    if host.allow_new_session:
        return SetAllowNewSession(False)
    if view.sessions is None:
        return Wait("sessions to be listed", 1.0)
    if not view.sessions:
        return None
    drain = goal.declaration.drain
    unwarned = tuple(s for s in view.sessions if s.id not in memory.warned)
    if unwarned:
        return SendMessage(unwarned, final=True, minutes=max(1, round(drain.grace / 60)))
    if memory.logged_off_at is not None and view.now < memory.logged_off_at + SESSION_END:
        return Wait(f"{len(view.sessions)} session(s) to end", 10.0)
    if drain.log_off is LogOff.FORCE and view.now >= (memory.warned_at or view.now) + drain.grace:
        return LogOffUsers(view.sessions)
    return Wait(f"{len(view.sessions)} user(s) on the failed disk to leave", 30.0)


def _rejoin(view: HostView, goal: Goal, record: HostRecord) -> Step:
    late = view.now - record.s - goal.declaration.verify.timeout
    blocked = rejoin.boot_step(view, late > 0)
    if blocked is not None:
        return blocked
    if view.session_host is not None and view.session_host.allow_new_session:
        return SetAllowNewSession(False)
    if rejoin.needs_repair(view):
        return Repair()
    return rejoin.verify(view, goal, record, Phase.UNDO_SERVE, late)


def _serve(view: HostView, goal: Goal, record: HostRecord) -> Step:
    given = serve.give_back(view, record)
    if given is not None:
        return given
    left = leftovers(view, failed=True)
    if left is not None:
        return left
    return Enter(
        record.to(Phase.ROLLED_BACK, view.now),
        exclusion_tag=False if record.x else None,
        delete_option="Delete" if record.e else None,
        friendly_name="",
    )


def leftovers(view: HostView, *, failed: bool) -> Step | None:
    """The next step towards nothing left of a build that is not used; None when nothing is. The old disk is in use
    again, so its tags go back."""
    if view.temporary_vm is not None:
        if view.temporary_vm.busy:
            return Wait(f"temporary VM {view.temporary_vm.name} is busy", 10.0)
        return DeleteTemporaryVm()
    if view.temporary_nic is not None:
        return DeleteTemporaryNic()
    disk = view.new_disk
    if disk is not None and disk.managed_by is None and not (view.record is not None and view.record.k):
        return DeleteDisk(disk, "its host was rolled back" if failed else "it is not needed")
    old = view.old_disk
    if old is not None and old.tags.get(names.DISK_STATE) == "old":
        return MarkDisk(old, "", image=old.tags.get(names.DISK_IMAGE))
    return None
