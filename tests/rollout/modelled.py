"""A host as a model: what each step does to it, with anything that may go wrong, so that its way can be walked.

The model knows no Azure and no waiting: time passes with each step. `chance` decides what fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from rollout.arm import Disk, SessionHost, Vm
from rollout.clock import iso
from rollout.extensions import Class, of_class
from rollout.phases import next_step
from rollout.presence import FINAL_MESSAGE
from rollout.record import ENDED, NEXT, HostRecord, Phase
from rollout.steps import (
    Admission,
    Await,
    CheckBuild,
    CheckGuest,
    CollectEvidence,
    CreateTemporaryNic,
    CreateTemporaryVm,
    Deallocate,
    DeallocateTemporaryVm,
    DeleteDisk,
    DeleteSessionHost,
    DeleteTemporaryNic,
    DeleteTemporaryVm,
    Done,
    Enter,
    Fail,
    GiveBack,
    Goal,
    HostView,
    InstallAgent,
    JoinDirectory,
    LeaveDirectory,
    LogOffUsers,
    MarkDisk,
    Memory,
    NoteHealthy,
    PowerOff,
    Register,
    RemoveExtension,
    RemoveLastScript,
    Repair,
    SendMessage,
    SetAllowNewSession,
    Start,
    Step,
    Wait,
)
from tests.rollout.literals import AD_JOIN, DSC, NEW, OLD, disk, extension, session, temporary, vm
from tests.support.observed import NOW, session_host_body

Chance = Callable[[str], bool]
"""Whether what is named happens."""


@dataclass
class Modelled:
    """One host in one run after another; `chance` is asked by name for each thing that may go wrong."""

    goal: Goal
    chance: Chance
    off: bool = False
    now: float = NOW
    record: HostRecord | None = None
    memory: Memory = field(default_factory=Memory)
    power: str = "running"
    attached: str = OLD
    extensions: dict[str, Any] = field(default_factory=lambda: {"a": DSC, "b": AD_JOIN})
    in_pool: bool = True
    allow: bool = True
    users: int = 1
    healthy: bool = True
    joined: set[str] = field(default_factory=lambda: {OLD})
    disks: dict[str, str] = field(default_factory=dict)
    """States by name of the disks there are beside the attached one's."""
    temporary: str | None = None
    nic: bool = False
    failure: str | None = None
    walked: list[Phase | None] = field(default_factory=list)
    ended: bool = False

    def __post_init__(self) -> None:
        if self.off:
            self.power, self.users = "deallocated", 0

    @property
    def phase(self) -> Phase | None:
        return self.record.p if self.record is not None else None

    def view(self) -> HostView:
        on: Vm = vm(
            self.power,
            disk=self.attached,
            size="Standard_D4s_v5",
            extensions=[extension(known) for known in self.extensions.values()],
        )
        looks = self.phase not in (None, Phase.BUILD, Phase.REJOIN, Phase.UNDO_REJOIN)
        if self.phase is Phase.DRAIN:
            since = None if self.users else self.memory.empty_since or self.now
            self.memory = replace(self.memory, empty_since=since)
        if self.phase in (Phase.REJOIN, Phase.UNDO_REJOIN) and self.power == "running":
            self.memory = replace(self.memory, up_since=self.memory.up_since or self.now)
        beating = self.power == "running" and self.healthy and self.attached in self.joined
        host = SessionHost(
            session_host_body("vm-0", allowNewSession=self.allow, lastHeartBeat=iso(self.now if beating else NOW - 9e6))
        )
        return HostView(
            on,
            self.record,
            self.now,
            self.memory,
            host if self.in_pool else None,
            tuple(session(number=n) for n in range(self.users)) if looks else None,
            self._disk(NEW),
            NEW,
            self._disk(OLD),
            temporary(self.temporary) if self.temporary else None,
            {"id": "/nic"} if self.nic else None,
            "key",
            of_class(on.extensions, Class.REMOVE),
        )

    def _disk(self, name: str) -> Disk | None:
        if name not in self.disks and name != self.attached:
            return None
        return disk(name, self.disks.get(name, ""), attached=name == self.attached, until=self.now + 3e5)

    def crash(self) -> None:
        """The process dies; another one goes on with a higher fencing number."""
        self.memory, self.failure = Memory(), None
        self.goal = replace(self.goal, fence=self.goal.fence + 1)

    def step(self) -> Step:
        """One look and one step, as `HostWork` does it."""
        view = self.view()
        step = next_step(view, self.goal) if self.failure is None else self._after_failure(view)
        self.now += 30.0
        self._do(step)
        return step

    def _after_failure(self, view: HostView) -> Step:
        record, why = self.record, self.failure or ""
        assert record is not None
        match record.p:
            case Phase.BUILD | Phase.DRAIN:
                return Enter(record.to(Phase.LEAVE, view.now, w=why))
            case Phase.RELEASE | Phase.REJOIN:
                return Enter(record.to(Phase.UNDO, view.now, w=why))
            case Phase.UNDO | Phase.UNDO_REJOIN:
                return Enter(record.to(Phase.FAILED, view.now, w=why))
            case _:
                return Done()

    def _enter(self, step: Enter) -> None:
        before, self.record = self.phase, step.record
        self.healthy = self.healthy or step.attach is not None
        if step.attach is not None:
            assert self.power in ("deallocated", "stopped"), "a disk was exchanged under a running VM"
            self.attached = step.attach.rsplit("/", 1)[-1]
            self.healthy = self.attached == OLD or not self.chance("the new disk is bad")
        if before is not self.phase:
            assert self.phase in NEXT[before], (before, self.phase)
            self.failure = None
            self.memory = Memory(give_back=self.memory.give_back if self.phase is Phase.LEAVE else None)
            self.walked.append(self.phase)
        self.ended = self.record is None or self.record.p in ENDED

    def _do(self, step: Step) -> None:
        memory = self.memory
        match step:
            case Enter():
                self._enter(step)
            case Fail():
                self.failure = step.reason
            case GiveBack():
                self.memory = replace(memory, give_back=step.reason)
            case Done():
                self.ended = True
            case Await():
                give_back = self.chance("an order to give back")
                release = step.admission is Admission.RELEASE
                self.memory = replace(
                    memory,
                    may_drain=not release,
                    may_release=release and not give_back,
                    give_back="the rollout was stopped" if give_back else None,
                )
            case Wait():
                self.now += step.seconds
                if self.users and self.chance("a user leaves"):
                    self.users -= 1
            case CreateTemporaryNic():
                self.nic = True
            case CreateTemporaryVm():
                self.disks.setdefault(NEW, "building")
                self.temporary = "stopped" if self.chance("the temporary VM stops") else "running"
                self.memory = replace(memory, build_tries=memory.build_tries + 1, build_checked=False)
            case CheckBuild():
                self.memory = replace(memory, build_checked=True)
            case DeallocateTemporaryVm():
                self.temporary = "deallocated"
            case DeleteTemporaryVm():
                self.temporary = None
                self.memory = replace(memory, build_checked=False)
            case DeleteTemporaryNic():
                self.nic = False
            case MarkDisk():
                self.disks[step.disk.name] = step.state
            case DeleteDisk():
                assert step.disk.name != self.attached, "the attached disk was deleted"
                assert step.disk.name != OLD, "the way back was deleted"
                del self.disks[step.disk.name]
            case SetAllowNewSession():
                self.allow = step.allow
            case SendMessage():
                ids = frozenset(s.id for s in step.sessions)
                self.memory = (
                    replace(memory, warned={**memory.warned, **dict.fromkeys(ids, self.now)})
                    if step.what == FINAL_MESSAGE
                    else replace(memory, told={**memory.told, **dict.fromkeys(ids, self.now)})
                )
            case LogOffUsers():
                assert {s.id for s in step.sessions} <= memory.warned.keys(), "somebody was logged off unwarned"
                self.users = 0
                self.memory = replace(memory, logged_off_at=self.now)
            case RemoveExtension():
                assert self.power == "running", "a stopped VM refuses the removal of extensions"
                self.extensions = {k: e for k, e in self.extensions.items() if e[0] != step.name}
            case RemoveLastScript():
                self.memory = replace(memory, script_removed=True)
            case LeaveDirectory():
                self.memory = replace(memory, left_directory=True)
            case DeleteSessionHost():
                if self.chance("a user comes back"):
                    self.users = 1
                else:
                    self.in_pool = False
            case PowerOff():
                assert self.users == 0, "a user was cut off"
                self.power = "stopped"
            case Deallocate():
                assert self.users == 0, "a user was cut off"
                self.power = "deallocated"
            case Start():
                self.power = "stopped" if self.chance("the guest shuts down") else "running"
                self.memory = replace(memory, healthy_polls=0, checked=False)
            case JoinDirectory():
                self.extensions["b"] = AD_JOIN
                self.joined = {self.attached}
                self.failure = "join failed" if self.chance("the join fails") else None
            case InstallAgent():
                self.extensions["a"] = DSC
                self.in_pool = self.allow = True
            case Repair():
                self.memory = replace(memory, repaired=True)
                if not self.chance("the repair fails"):
                    self.joined = {self.attached}
                    self.in_pool = self.allow = True
            case Register():
                self.memory, self.in_pool = replace(memory, repaired=True), True
            case CheckGuest():
                self.memory = replace(memory, checked=True)
            case NoteHealthy():
                self.memory = replace(memory, healthy_polls=memory.healthy_polls + 1 if step.healthy else 0)
            case CollectEvidence():
                self.memory = replace(memory, evidence=True)
            case _:
                raise AssertionError(f"no model of {step}")
