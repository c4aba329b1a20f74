"""The steps a host's work is made of. Each is one remote write (or one look, or a wait); `executor.py` performs them.

A phase's `next_step` is a pure function from what is observed (`HostView`) to the next of these. After each step the
host is looked at again, so that every step is decided by what is, not by what was meant to be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rollout.arm import Disk, Extension, SessionHost, UserSession, Vm
from rollout.azure import Body
from rollout.declaration import Declaration
from rollout.images import Image
from rollout.messages import Message
from rollout.post_update import DeclaredExtension
from rollout.record import HostRecord


@dataclass(frozen=True)
class Goal:
    """What is the same for all hosts of a run."""

    declaration: Declaration
    image: Image
    pool_name: str
    rollout: str
    attempt: int
    fence: int
    exclusion_tag: str | None
    """Tag that keeps autoscale off a host; None where no scaling plan is active on the pool."""


@dataclass(frozen=True)
class Memory:
    """What only this process knows of a host. After a crash it is empty, and each of its facts is found out anew."""

    empty_since: float | None = None
    """Since when the host was seen without any session."""
    told: Mapping[str, float] = field(default_factory=dict)
    """Sessions that got a message other than the final one, with Azure's time of the last."""
    warned: Mapping[str, float] = field(default_factory=dict)
    """Sessions that got the final message before a forced log-off, with Azure's time of it."""
    away_since: Mapping[str, float] = field(default_factory=dict)
    """Since when sessions have been seen disconnected."""
    returned: frozenset[str] = frozenset()
    """Sessions whose users came back to them, and have not been told anything since."""
    ended: frozenset[str] = frozenset()
    """Sessions that were logged off as declared."""
    logged_off_at: float | None = None
    """When sessions were ended last: they are gone some seconds later, not at once (recording
    avd-usersessions-list-message-disconnect-delete)."""
    refused_deletes: int = 0
    """How often AVD refused to delete the session-host record though it lists no session."""
    up_since: float | None = None
    """Since when this process has known the VM to run in this phase: a start that Azure has no capacity for, and the
    time in which no process worked, do not count against a disk."""
    unready_since: float | None = None
    """Since when the VM, which is not off, has no agent that answers: a start may hang."""
    busy_since: float | None = None
    """Since when this process has seen an operation on the VM or an extension under way."""
    build_since: float | None = None
    """Since when this process has known the temporary VM."""
    containers_detached: bool = False
    """The guest has no profile container attached; until somebody comes back."""
    containers_since: float | None = None
    """Since when the guest has been asked in vain."""
    post_updated: bool = False
    """The script of post_update has run."""
    healthy_polls: int = 0
    checked: bool = False
    """The checks inside the guest have passed."""
    evidence: bool = False
    """Evidence of the failure was collected."""
    build_checked: bool = False
    build_tries: int = 0
    left_directory: bool = False
    removal_given_up: bool = False
    """An extension of the failed disk could not be removed: the old disk does not wait for that."""
    script_removed: bool = False
    """The hidden extension with the last Run Command script is off the VM."""
    commands_removed: bool = False
    """No managed run command of ours is left on the VM."""
    repaired: bool = False
    may_release: bool = False
    """The scheduler gave the host a slot of max_unavailable."""
    may_build: bool = True
    """False for a host that was begun only to be closed to new sessions."""
    closed: bool | None = None
    """Whether the host is to take no new sessions ahead of its turn; None: nobody has said, and it stays as it is."""
    may_drain: bool = False
    may_log_off: bool = True
    """False while the canary has not passed and this host is not needed for it: nobody is logged off for nothing."""
    give_back: str | None = None
    """Why the host is to leave the run unswapped."""
    allocation_failed_at: float | None = None

    @property
    def warned_at(self) -> float | None:
        """When somebody got the final message last."""
        return max(self.warned.values(), default=None)


@dataclass(frozen=True)
class HostView:
    """A host as observed for its phase; what the phase does not need is None."""

    vm: Vm
    record: HostRecord | None
    now: float
    """Azure's time."""
    memory: Memory = field(default_factory=Memory)
    session_host: SessionHost | None = None
    sessions: tuple[UserSession, ...] | None = None
    """None: not looked at."""
    new_disk: Disk | None = None
    new_disk_name: str = ""
    old_disk: Disk | None = None
    temporary_vm: Vm | None = None
    temporary_nic: Body | None = None
    build_key: str = ""
    removable: tuple[Extension, ...] = ()
    """Extensions on the VM that must be gone before it stops, ordered."""
    removable_after_drain: tuple[Extension, ...] = ()
    resumed: bool = False
    """An earlier process worked on the host."""

    @property
    def attached(self) -> str:
        return self.vm.os_disk_name


class Admission(StrEnum):
    BUILD = "build"
    DRAIN = "drain"
    RELEASE = "release"


class Part(StrEnum):
    """What a look at a host reads, each by a call of its own."""

    VM = "VM"
    SESSION_HOST = "session host"
    SESSIONS = "sessions"
    OLD_DISK = "old disk"
    NEW_DISK = "new disk"
    TEMPORARY_VM = "temporary VM"
    TEMPORARY_NIC = "temporary NIC"


class Step:
    """Base of all steps."""


@dataclass(frozen=True)
class Wait(Step):
    """Nothing to do now: look again after `seconds`."""

    reason: str
    seconds: float = 15.0
    of: Part | None = None
    """What is waited for: until it has changed nothing else is read. None: all is looked at again."""
    listed: bool = False
    """The pool's list, which is read anyhow, tells when a look at the sessions is worth a call."""
    held: bool = False
    """A person is waited for: meanwhile the host holds no place that others could have."""
    like: str = ""
    """What this wait has in common with that of other hosts: how long it took them says when to look."""

    def same(self, step: Step) -> bool:
        """Whether a step goes on with this wait."""
        return isinstance(step, Wait) and (step.of, step.like) == (self.of, self.like)


@dataclass(frozen=True)
class Await(Step):
    """Wait for the scheduler's permission."""

    admission: Admission

    def same(self, step: Step) -> bool:
        """Whether a step goes on with this wait."""
        return step == self


@dataclass(frozen=True)
class Enter(Step):
    """One conditional PATCH of the VM that writes the record, and with it what belongs to the same moment."""

    record: HostRecord | None
    attach: str | None = None
    """Id of the OS disk to attach in the same write."""
    storage_account_type: str | None = None
    vm_size: str | None = None
    delete_option: str | None = None
    exclusion_tag: bool | None = None
    """True puts the autoscale exclusion tag on, False takes it off, None leaves it."""
    friendly_name: str | None = None
    """Kept in a tag of its own; empty removes the tag."""


@dataclass(frozen=True)
class Done(Step):
    """The host's work has ended; the record says how."""


# -- build


@dataclass(frozen=True)
class CreateTemporaryNic(Step): ...


@dataclass(frozen=True)
class CreateTemporaryVm(Step): ...


@dataclass(frozen=True)
class CheckBuild(Step):
    """Ask the guest of the temporary VM whether Windows set-up is complete, and extend the system partition."""


@dataclass(frozen=True)
class DeallocateTemporaryVm(Step): ...


@dataclass(frozen=True)
class MarkDisk(Step):
    """Write a disk's state, host and image into its tags."""

    disk: Disk
    state: str
    image: str | None = None
    keep: float | None = None
    """Seconds from now until which it is kept."""


@dataclass(frozen=True)
class DeleteTemporaryVm(Step): ...


@dataclass(frozen=True)
class DeleteTemporaryNic(Step): ...


@dataclass(frozen=True)
class DeleteDisk(Step):
    disk: Disk
    why: str


# -- drain and release


@dataclass(frozen=True)
class SetAllowNewSession(Step):
    allow: bool
    friendly_name: str | None = None
    """Given back together with the flag, when the record lost it."""


@dataclass(frozen=True)
class SendMessage(Step):
    sessions: tuple[UserSession, ...]
    message: Message
    ends: float
    """Epoch second at which they are to have signed out."""
    what: str
    """MESSAGE, REMINDER or FINAL_MESSAGE of `rollout.presence`."""


@dataclass(frozen=True)
class LogOffUsers(Step):
    sessions: tuple[UserSession, ...]
    only_disconnected: bool = False
    """Whoever has come back to the session meanwhile keeps it."""


@dataclass(frozen=True)
class CheckContainers(Step):
    """Ask the guest of an empty host whether profile containers are still attached."""


@dataclass(frozen=True)
class RemoveExtension(Step):
    name: str


@dataclass(frozen=True)
class RemoveLastScript(Step):
    """The Run Command action keeps its last script, anybody's, in an extension that no list shows."""


@dataclass(frozen=True)
class RemoveRunCommands(Step):
    """A managed run command of ours that a crash left on the VM would run again on its next disk."""


@dataclass(frozen=True)
class LeaveDirectory(Step):
    """Remove the host's Entra device, by Graph or by dsregcmd in the guest."""


@dataclass(frozen=True)
class DeleteSessionHost(Step):
    force: bool


@dataclass(frozen=True)
class PowerOff(Step): ...


@dataclass(frozen=True)
class Deallocate(Step): ...


# -- rejoin


@dataclass(frozen=True)
class Start(Step): ...


@dataclass(frozen=True)
class JoinDirectory(Step):
    """The join extension: AD or Entra, as declared."""


@dataclass(frozen=True)
class InstallAgent(Step):
    """The DSC extension with a valid registration token; the new session-host record is drained in its first answer."""


@dataclass(frozen=True)
class Repair(Step):
    """Make a disk that was attached before serve again: secure channel or device, registration, agent."""


@dataclass(frozen=True)
class Register(Step):
    """Let the agent of a healthy host register anew: somebody deleted the host's session-host record."""


@dataclass(frozen=True)
class InstallExtension(Step):
    """A declared extension of post_update."""

    extension: DeclaredExtension


@dataclass(frozen=True)
class RunPostUpdate(Step):
    """The declared script of post_update."""


@dataclass(frozen=True)
class CheckGuest(Step):
    """Ask the guest: secure channel, Windows Update policy, time zone, and the declared script."""


@dataclass(frozen=True)
class NoteHealthy(Step):
    """One more healthy poll."""

    healthy: bool


@dataclass(frozen=True)
class CollectEvidence(Step):
    """Keep what Azure and the guest say of the failure before the old disk goes back."""


@dataclass(frozen=True)
class Fail(Step):
    """The host cannot go on in this phase; the engine decides where that leads."""

    reason: str


@dataclass(frozen=True)
class GiveBack(Step):
    """The host leaves this run unswapped, and that is no failure of the image."""

    reason: str
