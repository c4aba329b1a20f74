"""Undo: the new disk failed, so the old one goes back, and the host serves on the old image.

A path of its own, not the swap backwards: the new disk's join changed the machine password, so the old disk's is stale
(for Entra, its device); and the old disk's agent believes itself registered, while the record in the pool is gone.
"""

from __future__ import annotations

from rollout import names, presence
from rollout.draining import LogOff
from rollout.phases import drain, people, rejoin, release, serve
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
    LeaveDirectory,
    LogOffUsers,
    MarkDisk,
    Part,
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
        # Never swapped (or a write whose answer was lost): the old disk only has to come up again, in its size.
        if record.z and view.vm.size.lower() != record.z.lower():
            return release.stop_step(view, goal) or Enter(record, vm_size=record.z)
        return Enter(record.to(Phase.UNDO_REJOIN, view.now))
    if not view.memory.evidence:
        return CollectEvidence()
    if view.old_disk is None:
        return Fail(f"the old disk {record.d} has vanished, so it cannot be put back")
    if view.session_host is not None:
        leaving = _people(view, goal, record)
        if leaving is not None:
            return leaving
        if view.memory.refused_deletes >= release.REFUSALS:
            return Fail("AVD does not let its session-host record be deleted, though it lists no session")
        return DeleteSessionHost(force=False)
    if drain.to_leave_directory(view, goal):
        # The device of the failed disk would stand in the way of the old one's.
        return LeaveDirectory()
    able = view.vm.running and view.vm.agent_ready and not view.vm.busy
    if view.removable and able and not view.memory.removal_given_up:
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


def _people(view: HostView, goal: Goal, record: HostRecord) -> Step | None:
    """A user who got in before the drain counts as a user: no restore under them, but by the declared log-off. Who
    stays past the deadline keeps the host as it is, drained and reported, so that the run ends."""
    host, memory = view.session_host, view.memory
    assert host is not None
    if host.allow_new_session:
        return SetAllowNewSession(False)
    if view.sessions is None:
        return Wait("sessions to be listed", 1.0)
    if not view.sessions:
        return None
    declared, who = goal.declaration.drain, f"{len(view.sessions)} user(s) on the failed disk"
    reachable = tuple(s for s in view.sessions if s.state in people.REACHABLE)
    unwarned = tuple(s for s in reachable if s.id not in memory.warned)
    if unwarned:
        return SendMessage(unwarned, declared.final_message, view.now + declared.grace, presence.FINAL_MESSAGE)
    if memory.logged_off_at is not None and view.now < memory.logged_off_at + people.SESSION_END:
        return Wait(f"{len(view.sessions)} session(s) to end", 10.0, of=Part.SESSIONS)
    warned_for = view.now - (memory.warned_at if memory.warned_at is not None else view.now)
    late = view.now > record.s + declared.deadline + declared.grace
    if declared.log_off is LogOff.FORCE and warned_for >= declared.grace and reachable:
        return LogOffUsers(reachable)
    ended = tuple(s for s in reachable if s.state == "Disconnected")
    if declared.log_off is LogOff.DISCONNECTED_ONLY and late and ended:
        return LogOffUsers(ended, only_disconnected=True)
    if late and (declared.log_off is not LogOff.FORCE or not reachable):
        return Fail(f"{who} stayed past the drain deadline")
    return Wait(f"{who} to leave", 30.0, of=Part.SESSIONS)


def _rejoin(view: HostView, goal: Goal, record: HostRecord) -> Step:
    if view.new_disk is not None and _to_quarantine(view):
        return MarkDisk(view.new_disk, "quarantined", keep=goal.declaration.quarantine.keep)
    late = rejoin.seconds_late(view, goal)
    blocked = rejoin.boot_step(view, late > 0)
    if blocked is not None:
        return blocked
    if view.removable:
        # What could not be removed from the failed disk replays on this one, so it goes before trust is repaired.
        if view.vm.busy and late <= 0:
            return Wait("an operation on the VM to end", rejoin.POLL, of=Part.VM)
        return RemoveExtension(view.removable[0].name)
    if view.session_host is not None and view.session_host.allow_new_session:
        return SetAllowNewSession(False)
    if rejoin.needs_repair(view):
        return Repair()
    login = rejoin.login_step(view, goal, record)
    if login is not None:
        return login
    return rejoin.verify(view, goal, record, Phase.UNDO_SERVE, late)


def _serve(view: HostView, goal: Goal, record: HostRecord) -> Step:
    given = serve.give_back(view, record)
    if given is not None:
        return given
    left = leftovers(view, goal, failed=True)
    if left is not None:
        return left
    return Enter(
        record.to(Phase.ROLLED_BACK, view.now),
        exclusion_tag=False if record.x else None,
        delete_option="Delete" if record.e else None,
        friendly_name="",
    )


def _to_quarantine(view: HostView) -> bool:
    """The failed disk has a place there, is detached, and does not say so yet."""
    disk, kept = view.new_disk, view.record is not None and view.record.q == 1
    return disk is not None and disk.managed_by is None and kept and disk.tags.get(names.DISK_STATE) != "quarantined"


def leftovers(view: HostView, goal: Goal, *, failed: bool) -> Step | None:
    """The next step towards nothing left of a build that is not used, save what is in quarantine; None when nothing is.
    The old disk is in use again, so its tags go back."""
    if view.temporary_vm is not None:
        if view.temporary_vm.busy:
            return Wait(f"temporary VM {view.temporary_vm.name} is busy", 10.0, of=Part.TEMPORARY_VM)
        return DeleteTemporaryVm()
    if view.temporary_nic is not None:
        return DeleteTemporaryNic()
    disk = view.new_disk
    if disk is not None and _to_quarantine(view):
        return MarkDisk(disk, "quarantined", keep=goal.declaration.quarantine.keep)
    kept = disk is not None and disk.tags.get(names.DISK_STATE) == "quarantined"
    if disk is not None and disk.managed_by is None and not kept and not (view.record is not None and view.record.k):
        return DeleteDisk(disk, "its host was rolled back" if failed else "it is not needed")
    old = view.old_disk
    attached = old is not None and old.name.lower() == view.attached.lower()
    if old is not None and attached and old.tags.get(names.DISK_STATE) == "old":
        return MarkDisk(old, "", image=old.tags.get(names.DISK_IMAGE))
    return None
