"""Build: a temporary VM from the target image provisions the new OS disk, then goes; the disk stays.

A disk made straight from a generalized image has had no Windows set-up and never boots in a swap, so Azure has to
provision it inside a VM of the same computer name. The host itself serves on meanwhile.
"""

from __future__ import annotations

from rollout import names
from rollout.arm import Disk, Vm
from rollout.phases import close
from rollout.protection import Policy, Protection, Then
from rollout.record import HostRecord, Phase
from rollout.steps import (
    Admission,
    Await,
    CheckBuild,
    CreateTemporaryNic,
    CreateTemporaryVm,
    DeallocateTemporaryVm,
    DeleteDisk,
    DeleteTemporaryNic,
    DeleteTemporaryVm,
    Enter,
    Fail,
    GiveBack,
    Goal,
    HostView,
    MarkDisk,
    Part,
    Step,
    Wait,
)
from rollout.values import MINUTE

PATIENCE = 90 * 60.0
"""Seconds for a temporary VM to become ready once it is there: Azure gives set-up 20 to 40 minutes, and a guest that
shut itself down, a silent agent or a restart that stays pending would be waited for without end."""
TRIES = 2
"""Builds of one host before it is given up: provisioning has a heavy tail and single failures that pass."""


def next_step(view: HostView, goal: Goal, record: HostRecord) -> Step:
    """BUILD: make the disk (with build: ahead), then wait to be drained."""
    if view.memory.give_back:
        return Enter(record.to(Phase.LEAVE, view.now))
    protection = goal.declaration.protection
    protected = protection.of(view.vm)
    if protected and protection.policy is Policy.SKIP:
        return GiveBack(protected)
    closing = close.next_step(view, goal, record)
    if closing is not None:
        return closing
    if not view.memory.may_build:
        return Await(Admission.BUILD)
    if goal.declaration.build == "ahead" or record.k:
        making = disk_step(view, goal)
        if making is not None:
            return making
    if protected:
        return _held(protected, view.now - record.s, protection)
    if not view.memory.may_drain:
        return Await(Admission.DRAIN)
    return Enter(
        record.to(
            Phase.DRAIN,
            view.now,
            x=1 if goal.exclusion_tag and goal.exclusion_tag not in view.vm.tags else record.x,
            j=1 if view.removable_after_drain else record.j,
        ),
        exclusion_tag=True if goal.exclusion_tag else None,
        delete_option="Detach" if view.vm.os_disk.get("deleteOption") == "Delete" else None,
    )


def _held(why: str, waited: float, protection: Protection) -> Step:
    """Somebody protects the host, and is waited for until the deadline."""
    if waited < protection.deadline:
        return Wait(why, min(MINUTE, protection.deadline - waited), of=Part.VM, held=True)
    reason = f"{why}; it was waited for {protection.deadline / MINUTE:.0f} min"
    return Fail(reason) if protection.then is Then.FAIL else GiveBack(reason)


def ready(disk: Disk | None) -> bool:
    """The disk is built, provisioned and attached to nothing."""
    return disk is not None and disk.managed_by is None and disk.tags.get(names.DISK_STATE) in ("ready", "old")


def disk_step(view: HostView, goal: Goal) -> Step | None:
    """The next step towards a ready disk with no temporary VM or NIC left, or None when that is so."""
    temporary = view.temporary_vm
    if view.record is not None and view.record.k:
        if view.new_disk is None:
            return Fail(f"the kept disk {view.record.k} has vanished")
        if not ready(view.new_disk) and view.attached != view.record.k:
            return Fail(f"the kept disk {view.record.k} is attached elsewhere or lost its tags")
        return None
    if temporary is None and view.new_disk is not None and view.new_disk.managed_by is None:
        if view.new_disk.tags.get(names.DISK_STATE) not in ("ready", "old"):
            return DeleteDisk(view.new_disk, "its build did not finish")
        return DeleteTemporaryNic() if view.temporary_nic is not None else None
    if temporary is None:
        if view.memory.build_tries >= TRIES:
            return Fail(f"no disk after {view.memory.build_tries} builds of a temporary VM")
        return CreateTemporaryNic() if view.temporary_nic is None else CreateTemporaryVm()
    late = view.memory.build_since is not None and view.now > view.memory.build_since + PATIENCE
    if late and not temporary.busy:
        return Fail(f"the temporary VM was not ready after {PATIENCE / 60:.0f} minutes: {_state(temporary)}")
    if temporary.busy:
        return _until(temporary, f"is {temporary.provisioning_state.lower() or temporary.power}")
    if temporary.provisioning_state == "Failed" or foreign_extensions(view):
        return DeleteTemporaryVm()
    disk_ready = view.new_disk is not None and view.new_disk.tags.get(names.DISK_STATE) == "ready"
    if disk_ready:
        return DeleteTemporaryVm()
    if temporary.running:
        if not temporary.agent_ready:
            return _until(temporary, "waits for its VM agent", like="set-up")
        return DeallocateTemporaryVm() if view.memory.build_checked else CheckBuild()
    if temporary.power == "deallocated" and view.new_disk is not None and view.memory.build_checked:
        return MarkDisk(view.new_disk, "ready", image=goal.image.id)
    if temporary.off and view.new_disk is not None:
        # Not stopped by this process after its check: nobody knows whether Windows set-up is complete on the disk.
        return DeleteTemporaryVm()
    return _until(temporary, f"is {temporary.power or 'unknown'}")


def _until(temporary: Vm, what: str, like: str = "") -> Wait:
    return Wait(f"temporary VM {temporary.name} {what}", 10.0, of=Part.TEMPORARY_VM, like=like)


def _state(temporary: Vm) -> str:
    if not temporary.running:
        return temporary.power or temporary.provisioning_state
    return "Windows set-up did not complete" if temporary.agent_ready else "its VM agent does not answer"


def foreign_extensions(view: HostView) -> tuple[str, ...]:
    """Extensions on the temporary VM: none is ours, so a policy put them there (DeployIfNotExists acts about ten
    minutes after creation), and what they did to the disk would travel with it. Such a build is discarded."""
    return tuple(e.name for e in view.temporary_vm.extensions) if view.temporary_vm is not None else ()
