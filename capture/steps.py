"""The steps a capture is made of. Each is one remote write (or one look, or a wait); `executor.py` performs them.

`phases.next_step` is a pure function from what is observed (`View`) to the next of these. After each step Azure is
looked at again, so that every step is decided by what is, not by what was meant to be.
"""

from __future__ import annotations

from dataclasses import dataclass

from capture.declaration import CaptureDeclaration
from capture.record import CaptureRecord
from rollout.arm import ArmResource, Disk, Vm
from rollout.azure import Body


@dataclass(frozen=True)
class Goal:
    """What is the same for all of a run."""

    declaration: CaptureDeclaration
    location: str
    """Of the image definition, and so of the version."""
    fence: int

    @property
    def id(self) -> str:
        return self.declaration.id


@dataclass(frozen=True)
class GuestState:
    """What the clone's guest said."""

    sysprep: str
    """`none`, `running`, `failed` or `done`."""
    accounts: tuple[str, ...] = ()
    """Local accounts that people made."""
    agent: bool = False
    """It has an AVD agent of its own."""
    reboot_pending: bool = False


@dataclass(frozen=True)
class Memory:
    """What only this process knows. After a crash it is empty, and each of its facts is found out anew."""

    ran: int = 0
    """Update scripts that this process has run to their end; the record follows."""
    guest: GuestState | None = None
    """What the clone's guest said last; None once something was done to it."""
    removed: bool = False
    """The script that removes local accounts has run on this clone."""
    restarts: int = 0
    """Of the clone, for a restart that Windows waits for."""
    silent_since: float | None = None
    """Since when a machine that should answer is known not to."""
    clone_since: float | None = None
    """Since when this process has known the clone."""
    refused: str = ""
    """What Azure said to the last write that it refused for good."""
    replicating: bool = False
    """This process has told Azure to replicate the version to its other regions."""
    verdict: str = ""
    """What the boot test has found; the record follows."""
    set_up: bool = False
    """Windows set-up is complete on the machine of the boot test, and no restart pends."""
    test_since: float | None = None
    """Since when this process has known that machine."""
    marked: bool = False
    """The disk that goes off the golden VM carries its tags."""
    said: tuple[str, ...] = ()
    """The guest's own lines about a failure."""


class Resource(ArmResource):
    """Anything with a provisioning state."""

    @property
    def state(self) -> str:
        return str(self.properties.get("provisioningState") or "")

    @property
    def ready(self) -> bool:
        return self.state == "Succeeded"

    @property
    def failed(self) -> bool:
        return self.state in ("Failed", "Canceled")


class MadeDisk(Disk, Resource):
    """A managed disk, with how far it is made."""


@dataclass(frozen=True)
class View:
    """All of a capture as observed. What does not exist is None."""

    vm: Vm
    """The golden VM."""
    record: CaptureRecord | None
    now: float
    """Azure's time."""
    memory: Memory = Memory()
    before: Resource | None = None
    after: Resource | None = None
    disk: MadeDisk | None = None
    nic: Body | None = None
    clone: Vm | None = None
    version: Resource | None = None
    """The one that the record's capture makes; without a record the declared one."""
    test_vm: Vm | None = None
    test_nic: Body | None = None
    test_disk: MadeDisk | None = None
    restored: MadeDisk | None = None
    """The disk made from the first snapshot after a failure."""
    scripts: tuple[str, ...] = ()
    """Run commands of ours that are left on the golden VM; looked for at the end, once scripts may have begun."""


class Step:
    """Base of all steps."""


@dataclass(frozen=True)
class Wait(Step):
    """Nothing to do now: look again after `seconds`."""

    reason: str
    seconds: float = 10.0


@dataclass(frozen=True)
class Enter(Step):
    """One conditional PATCH of the golden VM that writes the record; None takes it off, with all of our tags.

    It is the claim too: it precedes everything else that is done in a phase.
    """

    record: CaptureRecord | None
    attach: str = ""
    """Id of the OS disk to attach in the same write."""


@dataclass(frozen=True)
class Done(Step):
    """The capture has ended: the version is there."""


@dataclass(frozen=True)
class Fail(Step):
    """The capture cannot go on; everything made for it is removed and the golden VM brought back."""

    reason: str


# -- the golden VM


@dataclass(frozen=True)
class TakeSnapshot(Step):
    which: str
    """`before` or `after`."""


@dataclass(frozen=True)
class DeleteSnapshot(Step):
    """One that failed."""

    snapshot: Resource


@dataclass(frozen=True)
class StartVm(Step): ...


@dataclass(frozen=True)
class PowerOffVm(Step):
    """Shut the guest down; the allocation stays."""


@dataclass(frozen=True)
class DeallocateVm(Step): ...


@dataclass(frozen=True)
class RunUpdate(Step):
    """An update script, and the restart after it where one is declared."""

    number: int


@dataclass(frozen=True)
class RemoveRunCommands(Step):
    """One that a crash left: it would run again on another disk of the VM."""


@dataclass(frozen=True)
class CreateRestoredDisk(Step): ...


@dataclass(frozen=True)
class MarkReplacedDisk(Step):
    """Write into the tags of the disk that goes off whose it is and why; it is kept."""


# -- the clone


@dataclass(frozen=True)
class CreateCloneDisk(Step): ...


@dataclass(frozen=True)
class CreateCloneNic(Step): ...


@dataclass(frozen=True)
class CreateClone(Step): ...


@dataclass(frozen=True)
class AskGuest(Step):
    """How far the clone's guest is: accounts, sysprep, AVD agent, a restart that pends."""


@dataclass(frozen=True)
class RestartClone(Step):
    """Windows waits for a restart, with which sysprep would fail."""


@dataclass(frozen=True)
class RemoveAccounts(Step):
    """Local accounts and their profiles, which make sysprep fail."""


@dataclass(frozen=True)
class StartSysprep(Step): ...


@dataclass(frozen=True)
class CollectLog(Step):
    """The error lines of sysprep's setupact.log, before the clone goes."""


@dataclass(frozen=True)
class DeallocateClone(Step): ...


@dataclass(frozen=True)
class GeneralizeClone(Step): ...


@dataclass(frozen=True)
class DeleteClone(Step): ...


@dataclass(frozen=True)
class DeleteCloneNic(Step): ...


@dataclass(frozen=True)
class DeleteCloneDisk(Step): ...


# -- the version


@dataclass(frozen=True)
class CreateVersion(Step): ...


@dataclass(frozen=True)
class DeleteVersion(Step):
    """One that was not finished, and is ours."""

    version: Resource


@dataclass(frozen=True)
class ReplicateVersion(Step):
    """To its other regions, beside the boot test; still excluded from latest."""


# -- the boot test


@dataclass(frozen=True)
class CreateTestNic(Step): ...


@dataclass(frozen=True)
class CreateTestVm(Step): ...


@dataclass(frozen=True)
class ExamineTestVm(Step):
    """Is Windows set-up complete, and is there no AVD agent."""


@dataclass(frozen=True)
class RunTest(Step):
    """The declared script."""


@dataclass(frozen=True)
class DeleteTestVm(Step): ...


@dataclass(frozen=True)
class DeleteTestDisk(Step): ...


@dataclass(frozen=True)
class DeleteTestNic(Step): ...


@dataclass(frozen=True)
class JudgeVersion(Step):
    """Write the verdict into the version's tags, and offer it as declared, or exclude it from latest."""

    verdict: str
