"""The work on one host: look, decide, do one step, look again, until its record says that it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from rollout import names
from rollout.admission import Stage
from rollout.arm import SessionHost
from rollout.azure import Azure
from rollout.clock import Clock
from rollout.errors import AllocationFailed, AzureError, Forbidden, HostFailed, LeaseLost, PreconditionFailed, Stopped
from rollout.events import Event, Kind, Listener
from rollout.executor import Executor
from rollout.host_look import HostLook
from rollout.observation import Host
from rollout.phases import next_step
from rollout.plan import Work
from rollout.poll_times import ENOUGH, pause
from rollout.pool_record import RolloutRecord
from rollout.presence import Presence
from rollout.quarantine import Places
from rollout.record import ENDED, UNAVAILABLE, HostRecord, Phase
from rollout.steps import (
    Admission,
    Await,
    Done,
    Enter,
    Fail,
    GiveBack,
    Goal,
    HostView,
    Memory,
    Part,
    SetAllowNewSession,
    Step,
    Wait,
)
from rollout.temporary_vm import build_group
from rollout.urgency import Urgency, urgency
from rollout.values import MINUTE

EMPTY_LOOK = 5 * MINUTE
"""Seconds between looks at the sessions of an empty host that waits for its slot, whatever the pool's list says."""
PATIENCE = 12
"""Refused or unanswered calls in a row after which a host is given up; the pauses between them sum up to 8 minutes."""

URGENCIES = {
    Stage.QUEUED: Urgency.LATER,
    Stage.BUILDING: Urgency.LATER,
    Stage.HELD: Urgency.LATER,
    Stage.BUILT: Urgency.LATER,
    Stage.DRAINING: Urgency.DRAINING,
    Stage.EMPTY: Urgency.DRAINING,
    Stage.OUT: Urgency.OUT,
    Stage.BACK: Urgency.LATER,
    Stage.ENDED: Urgency.LATER,
}

TURNS = {
    Admission.BUILD: "its turn; it takes no new sessions meanwhile",
    Admission.DRAIN: "its turn to be drained",
    Admission.RELEASE: "a slot",
}
"""What a host waits for, for people."""


@dataclass
class Shared:
    """What the works of one run share."""

    azure: Azure
    goal: Goal
    clock: Clock
    executor: Executor
    tell: Listener
    disk_ids: dict[str, str] = field(default_factory=dict)
    """Ids of disks by lower-case name, as observed: a disk may lie in another group than its VM."""
    listed: Callable[[Host], tuple[SessionHost, float] | None] = lambda host: None
    """The session host as the pool's last list has it, and Azure's time when that was asked for; a list is made every
    minute anyhow."""
    moved: set[str] = field(default_factory=set)
    """Names of the hosts that may stand elsewhere than when the scheduler looked last."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a work asks for admission or ends, so that the scheduler looks."""
    hurried: bool = False
    """Everybody waits for the few hosts in work: the canary has not passed."""
    quarantine: Places | None = None
    """Places for failed disks."""
    allocation_failing: set[str] = field(default_factory=set)
    """Hosts whose start Azure refuses for lack of capacity: meanwhile nobody is admitted."""


class HostWork:
    """One host's way through the rollout. The scheduler reads `stage` and calls the `let_` methods."""

    def __init__(self, shared: Shared, host: Host, work: Work, *, built: bool = True) -> None:
        """`built`: of a host that an earlier process left in its build, whether it had begun to build."""
        self.shared, self.host, self.work = shared, host, work
        self.name = host.name
        self.memory = _as_left(host, built)
        self.record: HostRecord | None = host.record
        self.asks: Admission | None = None
        self.held = False
        """Its disk is built, and somebody protects it."""
        self.waiting_for = ""
        self.ended = False
        self.result = ""
        """`done`, `rolled_back`, `failed`, `left_out` or `gone`, once ended."""
        self.reason = ""
        self.why = ""
        """The last failure in full; the record has room for its beginning only."""
        self.serving_again = False
        self.found_off = host.record is not None and host.record.found_off
        self.out_since: float | None = None
        self.outage: float | None = None
        self.emptying: float | None = None
        """Seconds from the beginning of the drain until nobody was left."""
        self.occupied = False
        """It had sessions when it was drained."""
        self.draining_since: float | None = None
        self.task: asyncio.Task[None] | None = None
        names_of = shared.executor.session_host_id
        self.look = HostLook(shared.azure, host, work.revert, shared.disk_ids, names_of, shared.listed)
        self._waiting: Wait | Await | None = None
        """What is waited for, since when, and how often it was looked at."""
        self._waiting_since, self._looks = 0.0, 0
        self._watched: tuple[int, float] | None = None
        """Sessions as of the last look and its time, while the pool's lists are waited for to show others."""
        self._failure: str | None = None
        self._failed_before = False
        self._written: HostRecord | None = None
        """The record as this process wrote it last."""
        self._kept_disk = False
        """The disk that it is given is a kept one."""
        self._of_another = False
        """What is under way was begun by another rollout, whose disk the host is on: it is ended first."""
        self._sleeping: asyncio.Future[None] | None = None
        self._presence = Presence()

    # -- what the scheduler sees and says

    @property
    def stage(self) -> Stage:
        if self.ended:
            return Stage.ENDED
        if self.task is None and not self.half_done:
            return Stage.QUEUED
        phase = self.record.p if self.record is not None else None
        if not self.memory.may_build and (phase is None or phase is Phase.BUILD or phase in ENDED):
            return Stage.QUEUED
        match phase:
            case None | Phase.ROLLED_BACK | Phase.FAILED:
                return Stage.BUILDING
            case Phase.BUILD:
                if self.held:
                    return Stage.HELD
                if self.memory.may_drain:
                    return Stage.DRAINING
                return Stage.BUILT if self.asks is Admission.DRAIN else Stage.BUILDING
            case Phase.DRAIN:
                if self.memory.may_release:
                    return Stage.OUT
                return Stage.EMPTY if self.asks is Admission.RELEASE else Stage.DRAINING
            case Phase.LEAVE:
                return Stage.DRAINING
            case _:
                return Stage.BACK if self.serving_again else Stage.OUT

    @property
    def begun(self) -> bool:
        return self.task is not None

    @property
    def half_done(self) -> bool:
        """A crash left it in the middle: it comes before new hosts."""
        return self.host.record is not None and self.host.record.p not in ENDED

    @property
    def failed(self) -> bool:
        """The host failed, or is on its way back to its old disk."""
        record = self.record
        undoing = record is not None and (
            (record.p in (Phase.UNDO, Phase.UNDO_REJOIN, Phase.UNDO_SERVE) and not self._of_another)
            or (record.p is Phase.LEAVE and record.failing)
        )
        return self.result in ("failed", "rolled_back", "gone") or (undoing and not self.ended)

    @property
    def went_out(self) -> bool:
        """It was taken out of service in this attempt, or failed in it before the run was interrupted."""
        return self.out_since is not None or self._failed_before

    @property
    def updated(self) -> bool:
        """The host serves on the new image."""
        serving = self.record is not None and self.record.p is Phase.SERVE and self.serving_again
        return (serving and not self._of_another) or (self.ended and self.result == "done")

    @property
    def idle(self) -> bool:
        """It was found off or draining, so that it serves nobody once it is given back."""
        return self.found_off or (self.record is not None and self.record.found_draining)

    @property
    def holds_slot(self) -> bool:
        return self.result in ("failed", "gone")

    @property
    def closed(self) -> bool:
        """It is to take no new sessions ahead of its turn."""
        return self.memory.closed is True

    def let_build(self) -> None:
        if self.record is not None and self.record.p is Phase.BUILD and not self.memory.may_build:
            self._tell_phase(Phase.BUILD, None)
        self._let(may_build=True)

    def close(self) -> None:
        """It takes no new sessions from now on, though its turn has not come."""
        self._let(closed=True, may_build=self.memory.may_build and self.task is not None)

    def open(self) -> None:
        """It takes them again."""
        self._let(closed=False)

    def let_drain(self) -> None:
        self._let(may_drain=True)

    def let_release(self) -> None:
        self._let(may_release=True)

    def let_log_off(self, allowed: bool) -> None:
        if self.memory.may_log_off is not allowed:
            self._let(may_log_off=allowed)

    def give_back(self, why: str) -> None:
        """Leave the run unswapped, if the host is still in service; what is out finishes."""
        if self.memory.give_back is None:
            self._let(give_back=why)

    def _let(self, **changes: object) -> None:
        self.memory = replace(self.memory, **changes)  # type: ignore[arg-type]
        self.shared.moved.add(self.name)
        self._wake()

    def recall_failure(self, rollout: RolloutRecord) -> None:
        """A host that failed in this same attempt, before the run was interrupted, has failed: it is not tried again
        before the next attempt."""
        record = self.host.record
        if record is not None and record.p in ENDED and (record.r, record.a) == (rollout.r, rollout.a):
            self.ended, self.reason, self._failed_before = True, record.w, True
            self.result = "rolled_back" if record.p is Phase.ROLLED_BACK else "failed"
            self.reason = _with_disk(record.w, self._in_quarantine())

    # -- the loop

    async def run(self) -> None:
        """Work until the host's record says that it has ended. Raises LeaseLost and Stopped only."""
        with self.shared.azure.under_way():
            await self._run()

    async def _run(self) -> None:
        refused = 0
        while not self.ended:
            urgency.set(Urgency.OUT if self.shared.hurried else URGENCIES[self.stage])
            try:
                decided = await self._look()
                if decided is None:
                    await self._clear_away()
                    self._end("gone", "the VM was deleted while it was worked on")
                    return
                await self._act(*decided)
                refused = 0
            except (LeaseLost, Stopped):
                raise
            except AllocationFailed as error:
                self.look.forget()
                await self._allocation(str(error))
            except HostFailed as error:
                self.look.forget()
                self._failure = self.why = str(error)
            except PreconditionFailed:
                self.look.forget()
                refused += 1
                await self.shared.clock.sleep(min(refused, 10.0))
            except AzureError as error:
                self.look.forget()
                refused += 1
                self._say(f"{error.operation or 'Azure'}: {error.code or error.status}; trying again")
                if refused >= PATIENCE or isinstance(error, Forbidden):
                    await self._give_up(error)
                    refused = 0
                await self._pause(min(5.0 * 2 ** min(refused, 4), MINUTE))

    async def _look(self) -> tuple[HostView, Step] | None:
        """What is seen of the host, and the step that it asks for; None when the VM is gone. After a wait only what was
        waited for is read, and once that has changed, what else is not fresh, before anything is done."""
        while True:
            view = await self.look.view(self.shared.goal, self.memory)
            if view is None:
                return None
            view = self._seen(view)
            step, waiting = self._decide(view), self._waiting
            self._looks += 1
            if waiting is None or waiting.same(step):
                self._watch_users(view)
                return view, step
            if isinstance(waiting, Wait) and waiting.like:  # the hosts to come look when theirs may be over
                took = self.shared.clock.now() - self._waiting_since
                self.shared.executor.poll_times.learn(waiting.like, took, at_first_look=self._looks == 1)
            self._waiting = None

    async def _give_up(self, error: AzureError) -> None:
        """Azure keeps refusing: the host fails where it is, or, where nothing more can be done, ends as it is."""
        if self._failure is not None:
            self._end("failed", self._failure)
        self._failure = self.why = str(error)

    async def _allocation(self, text: str) -> None:
        """No capacity is no image fault: admissions stop, the start is retried for the declared time, no restore."""
        shared = self.shared
        since = self.memory.allocation_failed_at or shared.clock.now()
        self.memory = replace(self.memory, allocation_failed_at=since, up_since=None)
        shared.allocation_failing.add(self.name)
        if shared.clock.now() - since > shared.goal.declaration.allocation_retry:
            shared.allocation_failing.discard(self.name)
            if self.record is not None and self.record.p is Phase.DRAIN:
                self.give_back(text)  # it was off, and nothing was changed yet
            else:
                self._end("failed", f"{text}; start it when there is capacity, then run pulumi up again")
            return
        self._say(f"{text}; trying again")
        await shared.clock.sleep(MINUTE)

    def _decide(self, view: HostView) -> Step:
        if view.record is None and self._written is not None and self._failure is None:
            return Enter(self._written)  # somebody wiped the record
        if self._failure is None:
            return next_step(view, self.shared.goal)
        return self._after_failure(view, self._failure)

    def _after_failure(self, view: HostView, reason: str) -> Step:
        """Where a failure leads, by phase: never diskless and undrained."""
        record = view.record
        if record is None or record.p in ENDED:
            return Done()
        match record.p:
            case Phase.BUILD | Phase.DRAIN:
                built = record.p is Phase.BUILD and (view.temporary_vm is not None or view.new_disk is not None)
                return Enter(record.to(Phase.LEAVE, view.now, w=reason[:160], q=self._quarantine(built, record)))
            case Phase.RELEASE | Phase.REJOIN:
                swapped = record.p is Phase.REJOIN
                return Enter(record.to(Phase.UNDO, view.now, w=reason[:160], q=self._quarantine(swapped, record)))
            case Phase.UNDO | Phase.UNDO_REJOIN:
                self.why = f"{record.w}; then: {reason}"
                return Enter(record.to(Phase.FAILED, view.now, w=self.why[:160]))
            case _:
                return Done()  # the host serves; what could not be done is told, and the next run goes on with it

    def _quarantine(self, failed_disk: bool, record: HostRecord) -> int:
        """1 where a new disk has failed and is kept for analysis. (A kept disk that came back stays kept anyway.)"""
        places = self.shared.quarantine
        return places.take(self.name) if places is not None and failed_disk and not record.k else 0

    async def _act(self, view: HostView, step: Step) -> None:
        self.asks = step.admission if isinstance(step, Await) else None
        self.held = isinstance(step, Wait) and step.held
        if self.held:
            self.memory = replace(self.memory, may_drain=False)
        self.shared.moved.add(self.name)
        match step:
            case Await():
                self._say(TURNS[step.admission])
                self.shared.changed.set()
                if step.admission is Admission.RELEASE and self.draining_since is not None and self.emptying is None:
                    self.emptying = self.shared.clock.now() - self.draining_since
                if step.admission is Admission.RELEASE:
                    # Somebody may come back: the pool's list tells, and now and then a look of our own.
                    await self._pause_for(step, view, Part.SESSIONS, EMPTY_LOOK, listed=True)
                else:
                    await self._pause_for(step, view, Part.VM, 10 * MINUTE)
            case Wait():
                self._say(step.reason)
                await self._pause_for(step, view, step.of, self._seconds(step), listed=step.listed)
            case Fail():
                self._failure = self.why = step.reason
            case GiveBack():
                self.give_back(step.reason)
            case Done():
                self._end("failed" if self._failure else self._result_of(view.record), self._failure or "")
            case _:
                self.memory = self._with_orders(await self.shared.executor.perform(step, view))
                self._after(view, step)

    def _seen(self, view: HostView) -> HostView:
        """Take over what a look found. Somebody who is back on a drained host takes its slot away again."""
        self.record = view.record
        if view.vm.running:
            self.shared.allocation_failing.discard(self.name)
        self.memory = self._with_orders(view.memory)
        if view.sessions and self.record is not None and self.record.p is Phase.DRAIN:
            self.memory, self.occupied = replace(self.memory, may_release=False), True
        return replace(view, memory=self.memory)

    def _watch_users(self, view: HostView) -> None:
        """Tell who came back to a host that is being emptied, and who left it."""
        phase = view.record.p if view.record is not None else None
        if phase not in (Phase.DRAIN, Phase.RELEASE, Phase.UNDO):
            self._presence.forget()
        elif view.sessions is not None:
            now = self.shared.clock.now()
            for user, what in self._presence.look(view.sessions, self.memory.ended, running=view.vm.running):
                self.shared.tell(Event(now, Kind.USER, self.name, f"{user}: {what}", {"user": user, "what": what}))

    def _with_orders(self, memory: Memory) -> Memory:
        """What a step learned, with what the scheduler said while it was under way."""
        now = self.memory
        return replace(
            memory,
            may_build=now.may_build,
            closed=now.closed,
            may_drain=now.may_drain,
            may_release=now.may_release,
            may_log_off=now.may_log_off,
            give_back=now.give_back,
        )

    def _after(self, view: HostView, step: Step) -> None:
        """What a performed step means for the schedule."""
        self.shared.moved.add(self.name)
        self.look.touched(step)
        if isinstance(step, SetAllowNewSession) and self.record and self.record.p in (Phase.SERVE, Phase.UNDO_SERVE):
            self._back()
        if not isinstance(step, Enter):
            return
        self.shared.allocation_failing.discard(self.name)
        before = self.record if self.record is not None else self._written
        self.record = self._written = step.record
        self._kept_disk = before is not None and bool(before.k)
        if before is not None and step.record is not None and before.r != step.record.r:
            self._of_another = step.record.p not in (Phase.BUILD, Phase.DRAIN, Phase.RELEASE, Phase.LEAVE)
        self.found_off = self.found_off or (step.record is not None and step.record.found_off)
        phase = step.record.p if step.record is not None else None
        if before is None or before.p is not phase:
            self._failure = None
            self.memory = Memory(
                may_build=self.memory.may_build,
                closed=self.memory.closed,
                may_drain=self.memory.may_drain,
                may_release=phase is Phase.RELEASE,
                may_log_off=self.memory.may_log_off,
                busy_since=self.memory.busy_since,
                build_since=self.memory.build_since,
                give_back=self.memory.give_back if phase in (Phase.BUILD, Phase.DRAIN, Phase.LEAVE) else None,
            )
            self._entered(phase, before.p if before is not None else None)
        if self._of_another and phase in (None, Phase.ROLLED_BACK):
            self._begin_again()
        elif phase is None or phase in ENDED:
            why = (step.record.w if step.record is not None else "") or self.reason
            self._end(self._result_of(step.record), self.why if self.why.startswith(why[:40]) else why)

    def _entered(self, phase: Phase | None, before: Phase | None) -> None:
        now = self.shared.clock.now()
        if phase is Phase.LEAVE and self.record is not None and not self.record.failing:
            self.result, self.reason = "left_out", self.memory.give_back or ""
        if phase is Phase.DRAIN and self.draining_since is None:
            self.draining_since = now
        if phase in UNAVAILABLE and self.out_since is None:
            self.out_since = now
        # A host found draining does not take sessions after the work either: its slot is free when it is healthy.
        if phase in (Phase.SERVE, Phase.UNDO_SERVE) and self.record and self.record.found_draining:
            self._back()
        if phase is not Phase.BUILD or self.memory.may_build:  # else it is told when it begins to build
            self._tell_phase(phase, before)
        self.shared.changed.set()

    def _tell_phase(self, phase: Phase | None, before: Phase | None) -> None:
        data = {"phase": str(phase) if phase else "done", "from": str(before) if before else ""}
        self.shared.tell(Event(self.shared.clock.now(), Kind.PHASE, self.name, "", data))

    def _back(self) -> None:
        if not self.serving_again:
            self.serving_again = True
            if self.out_since is not None:
                self.outage = self.shared.clock.now() - self.out_since
            self.shared.changed.set()

    def _begin_again(self) -> None:
        """What an earlier rollout had begun with the host is done; now comes this one."""
        self._of_another = self.serving_again = False
        self.out_since, self._written = None, None
        self.memory = Memory(may_log_off=self.memory.may_log_off)

    async def _clear_away(self) -> None:
        """The host is gone: nothing that was made for it stays behind, save its kept disk."""
        if self._written is None:
            return
        vm, goal, azure = self.host.vm, self.shared.goal, self.shared.azure
        key, group = names.build_key(vm.vm_id, goal.image.id, self._written.a), build_group(goal, vm)
        temporary = await self.look.temporary_vm(group, key)
        if temporary is not None:
            await azure.delete_vm(temporary.id)
        nic = f"{group}/providers/Microsoft.Network/networkInterfaces/{names.temporary_nic(key)}"
        if await azure.get_nic(nic) is not None:
            await azure.delete_nic(nic)
        disk = await self.look.disk(names.new_disk(vm.name, key), group)
        if disk is not None and disk.managed_by is None and disk.tags.get(names.DISK_HOST_ID) == vm.vm_id:
            await azure.delete_disk(disk.id)

    def _result_of(self, record: HostRecord | None) -> str:
        if self.result == "left_out":
            return self.result
        if record is None:
            return self.result or "done"
        return "rolled_back" if record.p is Phase.ROLLED_BACK else "failed"

    def _end(self, result: str, reason: str) -> None:
        self.ended, self.result, self.reason, self.asks = True, result, reason, None
        self.look.rest()
        self.shared.moved.add(self.name)
        now = self.shared.clock.now()
        self.shared.allocation_failing.discard(self.name)
        if result == "done":
            done = {"outage": round(self.outage or 0.0, 1), "image": self.shared.goal.image.id, "kept": self._kept_disk}
            self.shared.tell(Event(now, Kind.HOST_DONE, self.name, "", done))
        else:
            kept = self._in_quarantine()
            self.reason = _with_disk(reason, kept)
            data = {"result": result, "quarantined": kept} if kept else {"result": result}
            self.shared.tell(Event(now, Kind.HOST_FAILED, self.name, self.reason, data))
        self.shared.changed.set()

    def _in_quarantine(self) -> str:
        """Name of its failed disk, where that is kept; empty where it is not."""
        record, goal = self.record, self.shared.goal
        if record is None or not record.q or record.p not in ENDED:
            return ""
        return names.new_disk(self.name, names.build_key(self.host.vm.vm_id, goal.image.id, record.a))

    def _say(self, reason: str) -> None:
        if reason != self.waiting_for:
            self.waiting_for = reason
            self.shared.tell(Event(self.shared.clock.now(), Kind.WAITING, self.name, reason))

    def _seconds(self, wait: Wait) -> float:
        """How long to wait before the next look: as the phase says, or as the hosts before had to wait."""
        seen = self.shared.executor.poll_times.seen(wait.like)
        if not wait.like or len(seen) < ENOUGH:
            return wait.seconds
        passed = self.shared.clock.now() - self._waiting_since if self._waiting is not None else 0.0
        return pause(seen, passed, urgent=urgency.get() <= Urgency.OUT, scarcity=self.shared.azure.scarcity())

    async def _pause_for(
        self, step: Wait | Await, view: HostView, part: Part | None, seconds: float, *, listed: bool = False
    ) -> None:
        """Wait, and have the next look read only what is waited for, unless the scheduler said something meanwhile."""
        orders = self.memory
        if self._waiting is None:
            self._waiting, self._waiting_since, self._looks = step, self.shared.clock.now(), 0
        self._watched = (len(view.sessions or ()), view.now) if listed else None
        await self._pause(seconds)
        self._watched = None
        if part is None:
            self.look.forget()
        if part is None or self.memory != orders:
            self._waiting = None
        else:
            self.look.wait_for(part)

    def see_list(self) -> None:
        """The pool was listed anew: look at the sessions where it shows another number of them, or the drain undone."""
        if self._watched is None:
            return
        known, looked_at = self._watched
        found, asked_at = self.shared.listed(self.host) or (None, 0.0)
        if found is None or (asked_at > looked_at and (found.sessions != known or found.allow_new_session)):
            self._wake()

    async def _pause(self, seconds: float) -> None:
        """Sleep, but wake when the scheduler says something."""
        self._sleeping = asyncio.ensure_future(self.shared.clock.sleep(seconds))
        try:
            await asyncio.wait({self._sleeping})
        finally:
            self._sleeping.cancel()

    def _wake(self) -> None:
        if self._sleeping is not None:
            self._sleeping.cancel()


def _as_left(host: Host, built: bool) -> Memory:
    """What is known of a host as an earlier process left it: whether it closed it to new sessions ahead of its turn."""
    record, seen = host.record, host.session_host
    if record is None or not record.h:
        return Memory()
    shut = record.closed and seen is not None and not seen.allow_new_session
    return Memory(closed=shut or None, may_build=built)


def _with_disk(reason: str, kept: str) -> str:
    """Why a host failed, with its failed disk where that is kept."""
    return f"{reason}; its disk {kept} is kept for analysis" if kept else reason
