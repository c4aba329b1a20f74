"""What comes next in a capture: pure functions, one per phase. The table of phases is `record.NEXT`."""

from __future__ import annotations

from dataclasses import replace

from capture import boot_test
from capture.declaration import AfterFailure, OsState
from capture.names import ID
from capture.record import ENDING, CaptureRecord, Phase, Power
from capture.steps import (
    AskGuest,
    CollectLog,
    CreateClone,
    CreateCloneDisk,
    CreateCloneNic,
    CreateRestoredDisk,
    CreateVersion,
    DeallocateClone,
    DeallocateVm,
    DeleteClone,
    DeleteCloneDisk,
    DeleteCloneNic,
    DeleteSnapshot,
    DeleteVersion,
    Done,
    Enter,
    Fail,
    GeneralizeClone,
    Goal,
    MarkReplacedDisk,
    PowerOffVm,
    RemoveAccounts,
    RemoveRunCommands,
    ReplicateVersion,
    Resource,
    RestartClone,
    RunUpdate,
    StartSysprep,
    StartVm,
    Step,
    TakeSnapshot,
    View,
    Wait,
)
from rollout.arm import Vm
from rollout.values import MINUTE

AGENT_PATIENCE = 30 * MINUTE
"""Seconds for a machine that was started to have an agent that answers: updates go on at the next boot."""
CLONES = 3
"""Clones of one try before it is given up."""
RESTARTS = 3
"""Restarts of a clone for Windows' sake."""


def next_step(view: View, goal: Goal) -> Step:
    """The next step, whatever phase the record says the capture is in.

    A record of another capture (another declaration, or an interrupted one) is brought to its end first.
    """
    record = view.record
    if record is None or record.f != goal.fence:
        return claim(view, goal)
    match record.p:
        case Phase.BACKUP:
            return _backup(view, goal, record)
        case Phase.UPDATE:
            return _update(view, goal, record)
        case Phase.STOP:
            return _stop(view, goal, record)
        case Phase.CLONE:
            return _clone(view, record)
        case Phase.PREPARE:
            return _prepare(view, goal, record)
        case Phase.PUBLISH:
            return _publish(view, goal, record)
        case Phase.CLEAN:
            return _clean(view, goal, record)
        case Phase.RESTORE:
            return _restore(view, record)
        case Phase.RETURN:
            return _return(view, goal, record)
        case Phase.TEST:
            return boot_test.next_step(view, goal, record)


def claim(view: View, goal: Goal) -> Step:
    """The write that precedes everything else: the record with our fencing number, conditionally.

    Our own record keeps its phase (a crash is resumed). That of another capture is turned to its end. An operation that
    a crash left under way ends first: the claim is a write of the VM and would preempt a run command (recording
    compute-vm-extension-failed-concurrent-vm-update).
    """
    was = view.record
    made = was is None and done(view.version, goal.id)
    if made and (goal.declaration.boot_test is None or boot_test.verdict(view.version)):
        return Done()
    if view.vm.changing:
        return Wait("an operation on the golden VM to end")
    if was is None:
        phase = Phase.TEST if made else Phase.BACKUP
        now = int(view.now)
        return Enter(CaptureRecord(c=goal.id, b=now, f=goal.fence, p=phase, s=now, o=_found(view.vm)))
    if was.c != goal.id and was.p not in ENDING:
        return Enter(replace(was.to(Phase.CLEAN, view.now, w="given up for another capture"), f=goal.fence))
    return Enter(replace(was, f=goal.fence))


def done(version: Resource | None, capture: str) -> bool:
    """The version is there, made by this capture."""
    return version is not None and version.ready and version.tags.get(ID) == capture


def _found(vm: Vm) -> Power:
    return Power.RUNNING if vm.running else Power.STOPPED if vm.power == "stopped" else Power.DEALLOCATED


# -- the golden VM


def _backup(view: View, goal: Goal, record: CaptureRecord) -> Step:
    taking = _snapshot(view.before, "before")
    if taking is not None:
        return taking
    if goal.declaration.updates:
        return Enter(record.to(Phase.UPDATE, view.now, u=1))
    return Enter(record.to(Phase.STOP, view.now))


def _snapshot(snapshot: Resource | None, which: str) -> Step | None:
    """The next step to a finished snapshot; None once it is there."""
    if snapshot is None:
        return TakeSnapshot(which)
    if snapshot.failed:
        return DeleteSnapshot(snapshot)
    return None if snapshot.ready else Wait(f"snapshot {snapshot.name}")


def _update(view: View, goal: Goal, record: CaptureRecord) -> Step:
    vm = view.vm
    if vm.changing:
        return Wait("an operation on the golden VM to end")
    if record.n >= len(goal.declaration.updates):
        return Enter(record.to(Phase.STOP, view.now))
    if view.memory.ran > record.n:
        return Enter(record.to(Phase.UPDATE, view.now, n=view.memory.ran))
    if not vm.running:
        return StartVm()
    if not vm.agent_ready:
        return _until_agent(view, "the golden VM")
    return RunUpdate(record.n)


def _until_agent(view: View, machine: str) -> Step:
    since = view.memory.silent_since
    if since is not None and view.now - since > AGENT_PATIENCE:
        return Fail(f"the VM agent of {machine} did not answer within {AGENT_PATIENCE / MINUTE:.0f} minutes")
    return Wait(f"the VM agent of {machine}")


def _stop(view: View, goal: Goal, record: CaptureRecord) -> Step:
    off = _deallocated(view.vm)
    if off is not None:
        return off
    taking = _snapshot(view.after, "after")
    if taking is not None:
        return taking
    specialized = goal.declaration.os_state is OsState.SPECIALIZED
    return Enter(record.to(Phase.PUBLISH if specialized else Phase.CLONE, view.now))


def _deallocated(vm: Vm) -> Step | None:
    """The next step to a deallocated VM: its guest is shut down first. None once it is."""
    if vm.changing:
        return Wait("an operation on the golden VM to end")
    if vm.power == "deallocated":
        return None
    return DeallocateVm() if vm.power == "stopped" else PowerOffVm()


# -- the clone


def _clone(view: View, record: CaptureRecord) -> Step:
    clone = view.clone
    if clone is None:
        if view.memory.refused:
            return Fail(f"the clone could not be made: {view.memory.refused}")
        if view.disk is None:
            return CreateCloneDisk()
        if view.disk.failed:
            return DeleteCloneDisk()
        if not view.disk.ready:
            return Wait(f"disk {view.disk.name}")
        return CreateCloneNic() if view.nic is None else CreateClone()
    if clone.provisioning_state == "Failed":  # whatever its power state then says
        return Fail(f"the clone could not be made: {view.memory.refused or 'its provisioning failed'}")
    if clone.busy:
        return Wait(f"clone {clone.name} is {clone.provisioning_state.lower() or clone.power}")
    if not clone.running:
        return Fail(f"clone {clone.name} is {clone.power or 'off'}, and was not stopped by this capture")
    return Enter(record.to(Phase.PREPARE, view.now)) if clone.agent_ready else _until_agent(view, "the clone")


def _prepare(view: View, goal: Goal, record: CaptureRecord) -> Step:
    clone, guest, memory = view.clone, view.memory.guest, view.memory
    if clone is not None and clone.busy:
        return Wait(f"clone {clone.name} is {clone.provisioning_state.lower() or clone.power}")
    if clone is None or not clone.running:
        # It stopped, and nobody knows what is on its disk: another one is made.
        removing = _without_clone(view)
        if removing is not None:
            return removing
        if record.t + 1 >= CLONES:
            return Fail(f"{CLONES} clones stopped before they were sysprepped")
        return Enter(record.to(Phase.CLONE, view.now, t=record.t + 1))
    if not clone.agent_ready:
        return _until_agent(view, "the clone")
    if guest is None:
        return AskGuest()
    match guest.sysprep:
        case "done":
            return Enter(record.to(Phase.PUBLISH, view.now))
        case "failed":
            return Fail("sysprep failed on the clone") if memory.said else CollectLog()
        case "running":
            if view.now - record.s > goal.declaration.sysprep_limit:
                minutes = goal.declaration.sysprep_limit / MINUTE
                return Fail(f"sysprep did not end within {minutes:.0f} minutes") if memory.said else CollectLog()
            return Wait("sysprep", 15.0)
        case _:
            return _before_sysprep(view)


def _before_sysprep(view: View) -> Step:
    guest, memory = view.memory.guest, view.memory
    assert guest is not None
    if guest.agent:
        return Fail(
            "the golden VM has an AVD agent of its own, with which every machine of the image would register with the "
            "pool it was made in (Azure/RDS-Templates issue 342); uninstall it there"
        )
    if guest.accounts and memory.removed:
        return Fail(f"local accounts could not be removed from the clone: {', '.join(guest.accounts)}")
    if guest.accounts:
        return RemoveAccounts()
    if guest.reboot_pending:
        if memory.restarts < RESTARTS:
            return RestartClone()
        return Fail(f"Windows still waits for a restart after {RESTARTS}, with which sysprep fails; end its updates")
    return StartSysprep()


def _publish(view: View, goal: Goal, record: CaptureRecord) -> Step:
    version = view.version
    if view.memory.replicating:
        return Enter(record.to(Phase.CLEAN, view.now))
    if version is not None and done(version, record.c):
        # The other regions have their copies from the version, so that nothing here waits for them.
        further = goal.declaration.boot_test is not None and not boot_test.in_all_regions(version, goal)
        return ReplicateVersion() if further else Enter(record.to(Phase.CLEAN, view.now))
    if version is not None:
        if version.tags.get(ID) != record.c:
            return Fail(f"version {version.name} was made by somebody else meanwhile")
        if version.failed:
            return Fail(f"version {version.name} could not be made: {view.memory.refused or version.state}")
        return Wait(f"version {version.name} to be replicated", 30.0)
    if view.memory.refused:
        return Fail(f"the version could not be made: {view.memory.refused}")
    if goal.declaration.os_state is OsState.SPECIALIZED:
        return CreateVersion() if view.after is not None else Fail("the second snapshot has vanished")
    clone = view.clone
    if clone is None:
        return Fail("the clone has vanished")
    if clone.busy:
        return Wait(f"clone {clone.name} is {clone.provisioning_state.lower() or clone.power}")
    if clone.power != "deallocated":
        return DeallocateClone()
    return CreateVersion() if clone.generalized else GeneralizeClone()


# -- the end


def _clean(view: View, goal: Goal, record: CaptureRecord) -> Step:
    version = view.version
    if record.w and version is not None and version.tags.get(ID) == record.c and not version.ready:
        # One that is being made reads the clone's disk until it has ended.
        return DeleteVersion(version) if version.failed else Wait(f"version {version.name} to end", 30.0)
    removing = _without_clone(view)
    if removing is not None:
        return removing
    if view.nic is not None:
        return DeleteCloneNic()
    removing = boot_test.removal(view) or _without_scripts(view)
    if removing is not None:
        return removing
    restore = goal.declaration.after_failure is AfterFailure.RESTORE
    if record.w and record.u and restore:
        return Enter(record.to(Phase.RESTORE, view.now))
    return Enter(record.to(Phase.RETURN, view.now))


def _without_clone(view: View) -> Step | None:
    """The next step to a clone that is gone with its disk; None once they are."""
    if view.clone is not None:
        return DeleteClone()
    return DeleteCloneDisk() if view.disk is not None else None


def _without_scripts(view: View) -> Step | None:
    """The next step to a golden VM without the run command of a script, which would run again on its next disk; None
    once it has none."""
    if not view.scripts:
        return None
    if view.vm.changing:
        return Wait("an operation on the golden VM to end")
    return RemoveRunCommands() if view.vm.running else StartVm()


def _restore(view: View, record: CaptureRecord) -> Step:
    """Off, and on the disk made from the first snapshot. The disk that it had is kept, detached."""
    off = _deallocated(view.vm)
    if off is not None:
        return off
    if view.restored is None or view.restored.failed:
        return CreateRestoredDisk() if view.before is not None else Enter(record.to(Phase.RETURN, view.now))
    if view.vm.os_disk_name.lower() == view.restored.name.lower():
        return Enter(record.to(Phase.RETURN, view.now))
    if not view.restored.ready:
        return Wait(f"disk {view.restored.name}")
    if not view.memory.marked:
        return MarkReplacedDisk()
    return Enter(record, attach=view.restored.id)


def _return(view: View, goal: Goal, record: CaptureRecord) -> Step:
    """The power state as found, then the boot test or the end. From off to stopped leads only a start."""
    tested = goal.declaration.boot_test is not None and record.c == goal.id and not record.w
    rest = Enter(record.to(Phase.TEST, view.now, u=0) if tested else None)
    vm = view.vm
    if vm.changing:
        return Wait("an operation on the golden VM to end")
    match record.o:
        case Power.RUNNING:
            return rest if vm.running else StartVm()
        case Power.STOPPED:
            if vm.power == "stopped":
                return rest
            return PowerOffVm() if vm.running else StartVm()
        case Power.DEALLOCATED:
            return _deallocated(vm) or rest
