"""The rolling swap of one pool: take the lease, heal what a crash left, work through the hosts, say how it ended."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rollout import (
    cleanup,
    history,
    hold,
    load,
    names,
    pool_record,
    presence,
    readiness,
    rehearsal,
    reminders,
    schedule,
    vm_template,
)
from rollout.admission import Admissions, Candidates, Limits, Order, Stage, admit, may_be_first
from rollout.autoscale import active_plan, exclusion_tag
from rollout.azure import Azure
from rollout.beginning import Beginning
from rollout.canary import StopAfter
from rollout.canary_watch import CanaryWatch, too_many
from rollout.clock import Clock, in_zone
from rollout.decisions import APPROVAL, STOP_AFTER, decision
from rollout.declaration import Declaration, WhenClosed
from rollout.errors import AlreadyEnded, AzureError, LeaseLost, Stopped
from rollout.events import Event, EventLog, Kind, Listener, log_path, read_log
from rollout.executor import Executor
from rollout.hand_off import HandOver
from rollout.host_work import HostWork, Shared
from rollout.images import Image, tag_value
from rollout.lease import Lease
from rollout.lease_keeper import LeaseKeeper
from rollout.limits import Figures
from rollout.observation import Pool, group_tags, half_built, lean, observe
from rollout.outcome import Outcome, outcome_of
from rollout.plan import Work, wanted_id
from rollout.pool_record import RolloutRecord, State
from rollout.pool_watch import PoolWatch
from rollout.quarantine import Places
from rollout.report import build, write_json
from rollout.scheduling import Scheduling
from rollout.standings import Standings
from rollout.steps import Goal
from rollout.stopping import until_stopped
from rollout.window_watch import WindowWatch

__all__ = ["Outcome", "Rollout", "run"]

TICK = 15.0
"""Seconds after which the scheduler looks again without being called."""
AT_ONCE = 1.0
"""Seconds for which it waits after a change for others, so that it looks once for all of them."""
BEFORE_OUT = (Stage.BUILDING, Stage.HELD, Stage.BUILT, Stage.DRAINING, Stage.EMPTY)
STUCK_AFTER = 2 * 3600.0
"""Seconds without anything in flight or admitted after which the run is paused rather than waits on."""


async def run(
    azure: Azure,
    declaration: Declaration,
    inputs: Mapping[str, Any],
    *,
    clock: Clock,
    lease: Lease,
    listener: Listener,
    log_folder: Path,
    only: str | None = None,
    stop: asyncio.Event | None = None,
    order: Order | None = None,
    abort: str = "",
) -> Outcome:
    """Bring the pool to the declared image, or as far as it goes.

    Safe to call again at any time: it resumes an attempt that is running, and starts a new one for hosts that are not
    on the target. `only` rebuilds one host with a fresh disk of the same version. `abort` says who ends the attempt:
    nothing new begins, and hosts in work come home. A pool that is complete is not written to. Once `stop` is set the
    run ends where it is and gives its lease back. Raises RolloutError (stopped, nothing started, or the lease was lost)
    and AzureError.
    """
    rollout = Rollout(azure, declaration, inputs, clock, lease, listener, log_folder, only, order or Order(), abort)
    if stop is None:
        return await rollout.run()
    outcome = await until_stopped(rollout.run(), stop)
    if outcome is None:
        raise rollout.stopped()
    return outcome


class Rollout:
    """One run. `run` reads top to bottom as the run's story."""

    def __init__(
        self,
        azure: Azure,
        declaration: Declaration,
        inputs: Mapping[str, Any],
        clock: Clock,
        lease: Lease,
        listener: Listener,
        log_folder: Path,
        only: str | None,
        order: Order,
        abort: str,
    ) -> None:
        self._azure, self._declaration, self._inputs = azure, declaration, inputs
        self._clock, self._lease, self._listener = clock, lease, listener
        self._log_folder, self._only, self._order = log_folder, only, order
        self._log: EventLog | None = None
        self._before_log: list[Event] = []
        self._pool: Pool
        self._image: Image
        self._record: RolloutRecord
        self._watch: PoolWatch
        self._works: list[HostWork] = []
        self._by_name: dict[str, HostWork] = {}
        self._standings: Standings
        self._canary: CanaryWatch
        self._figures: Figures
        self._all_may_log_off = False
        self._changed = asyncio.Event()
        self._error: BaseException | None = None
        """What ended the work on a host, and with it the run."""
        self._window = WindowWatch(declaration, always=only is not None or bool(abort))
        self._scheduling = Scheduling(azure, declaration, inputs, lease, self._say)
        aborted = f"aborted by {abort}" if abort else ""
        self._aborts = bool(abort)
        self._beginning = Beginning(
            azure,
            declaration,
            clock,
            lease,
            self._window,
            self._scheduling,
            self._say,
            only,
            order.by_sessions,
            aborted,
        )
        self._ready = False
        """The disks are there that were built ahead of a window, and the run has ended for that."""
        self._waits_for = ""
        """What comes before this run may go on, which then ends as declared."""
        self._ready_at = math.inf
        """When people come, of the time this run goes on."""
        self._alarm = ""
        """What was found then, where too few hosts served."""
        self._paused_by = ""
        self._stopping = ""
        """Why nothing new begins; empty while the rollout goes on."""
        self._checkpoint_until = 0.0
        self._checkpoints_passed = 0
        self._progress_at = 0.0
        self._capacity: dict[str, Any] = {}
        self._users = presence.Count()
        self._hand_over = HandOver()

    async def run(self) -> Outcome:
        while True:
            due = await self._beginning.until_due()
            if isinstance(due, Outcome):
                return due
            self._image, self._stopping, may_wait = due.image, due.stopping, due.may_wait
            self._pool = lean(due.pool)  # it is read anew under the lease
            del due
            claims = [host.record.f for host in self._pool.hosts if host.record is not None]
            await self._lease.acquire(self._azure, above=max(claims, default=0), for_rollout=True)
            try:
                queue = await self._beginning.queue()
                if not queue or not may_wait:
                    return await self._under_lease(queue)
            except asyncio.CancelledError:
                self._say(Kind.WARNING, "told to stop: nothing new is begun, and the lease is given back")
                raise
            finally:
                await self._let_go()

    async def _under_lease(self, queue: str) -> Outcome:
        """`queue`: the rollouts before this one. Then only what is half done comes home."""
        async with LeaseKeeper(self._azure, self._lease, self._clock, self._changed) as keeper:
            # Somebody may have worked on the pool since it was observed.
            self._pool = await observe(self._azure, self._declaration, at=self._azure.azure_time())
            if self._aborts and not (self._pool.record is not None and self._pool.record.resumable):
                raise AlreadyEnded(f"pool {self._pool.name}: the engine at work has ended the attempt")
            need = self._beginning.need(self._pool, self._image)
            works, self._waits_for = need.works, need.waits_for or queue
            del need  # with the pool as it was read, of thousands of hosts
            await self._begin(works)
            goal = self._goal()
            executor = Executor(self._azure, goal, self._clock, self._tell)
            await self._heal()
            disk_ids, built = {disk.name.lower(): disk.id for disk in self._pool.disks}, half_built(self._pool)
            self._pool = lean(self._pool)
            self._watch = PoolWatch(self._azure, self._declaration, self._pool, self._clock)
            shared = Shared(
                self._azure,
                goal,
                self._clock,
                executor,
                self._tell,
                disk_ids,
                listed=self._watch.dated,
                changed=self._changed,
                quarantine=self._quarantine(),
            )
            by_name = {host.name: host for host in self._pool.hosts}
            self._works = [HostWork(shared, by_name[work.host], work, built=work.host in built) for work in works]
            for work in self._works:
                work.recall_failure(self._record)
            self._by_name = {work.name: work for work in self._works}
            self._standings = Standings(self._works, self._watch.of)
            approved = decision(self._pool.tags, names.APPROVAL, self._record)
            self._canary = CanaryWatch(self._declaration, self._works, self._record, approved)
            hosts, watch = len(self._pool.hosts), self._watch
            self._figures = Figures(
                self._declaration, hosts, self._order, watch, self._standings, self._window, self._canary
            )
            try:
                await self._work(shared, keeper)
            finally:
                await self._end_tasks()
                await executor.close()
            return await self._finish()

    # -- before the first host

    async def _begin(self, works: tuple[Work, ...]) -> None:
        """Write the rollout's record: the same attempt goes on while it is running, else a new one begins."""
        declaration, before, now = self._declaration, self._pool.record, int(self._azure.azure_time())
        wanted = wanted_id(self._image, declaration)
        resumed = before is not None and before.resumable and (before.r, before.t) == (wanted, self._only or "")
        if resumed and before is not None:
            self._record = replace(before, st=State.RUNNING, u=now)
        else:
            attempt = (before.a if before is not None else 0) + 1
            self._record = RolloutRecord(wanted, attempt, State.RUNNING, now, now, len(works), 0, self._only or "")
        reason = declaration.emergency.reason if declaration.emergency is not None else ""
        self._record = replace(self._record, e=declaration.emergency.short if declaration.emergency else "")
        tags = {names.RECORD: self._record.encode(), names.TARGET: tag_value(self._image.id)}
        tags |= pool_record.declaration_tags(self._inputs) | group_tags(self._pool)
        hosts = f"{len(works)} host(s) to {self._image.version}"
        tags[names.LAST] = self._last("resumed" if resumed else "started", hosts)
        if self._only is None:
            tags |= self._scheduling.begun(self._pool.tags, self._record, self._image, now)
        await self._scheduling.sweep(await self._azure.merge_tags(self._pool.id, tags))
        if declaration.ready_by is not None:
            self._ready_at = declaration.ready_by.after(now)
        self._open_log()
        self._say(
            Kind.STARTED,
            rollout=self._record.r,
            attempt=self._record.a,
            resumed=resumed,
            told_lately=resumed and before is not None and before.died and before.u // 3600 == now // 3600,
            of=self._record.n,
            image=self._image.id,
            version=self._image.version,
            hosts=[work.host for work in works],
            from_versions={work.host: work.from_image for work in works},
            revert=any(work.revert is not None for work in works),
            pool=self._pool.id,
            owner=self._lease.owner,
            emergency=reason,
            time_zone=declaration.zone,
            estimate=schedule.estimate(
                declaration, len(works), len(self._pool.hosts), now, moved=hold.moved(self._pool.tags, declaration)
            ).line(declaration),
        )

    def _open_log(self) -> None:
        self._log = EventLog(log_path(self._log_folder, self._pool.name, self._record.r, self._record.a))
        for event in self._before_log:
            self._log(replace(event, time=self._clock.now()))  # the pre-checks, told before there was a log

    def _quarantine(self) -> Places:
        records = ((host.name, host.record) for host in self._pool.hosts)
        return Places(self._declaration.quarantine, self._record, records)

    def _goal(self) -> Goal:
        record, tag = self._record, exclusion_tag(self._pool.scaling_plans, self._pool.id)
        return Goal(self._declaration, self._image, self._pool.name, record.r, record.a, self._lease.fence, tag)

    async def _heal(self) -> None:
        """What a crash orphaned goes before anything new begins; finished disks of this rollout are used."""
        vms, disks = cleanup.orphans(self._pool, keep_ready_of=self._record.r)
        await rehearsal.clear(self._azure, self._clock, self._pool)
        count = await cleanup.remove_orphans(self._azure, self._clock, vms, () if self._only is not None else disks)
        if count:
            self._say(Kind.WARNING, f"removed {count} leftovers of an earlier run")

    # -- the work

    async def _work(self, shared: Shared, keeper: LeaseKeeper) -> None:
        """Start what a crash left half done, then admit the rest, until every host's work has ended."""
        self._progress_at = self._clock.now()
        for work in self._works:
            if work.half_done and not work.ended:
                self._start(work)
        if self._stopping:
            # A pre-check or a person forbids to begin: what still serves is given back, what is out comes home.
            self._give_back("the rollout was stopped")
        self._notice_pause(self._waits_for)
        while True:
            self._raise_failures(keeper)
            shared.changed.clear()
            await self._look(shared)
            self._notice_abort(keeper.tags)
            self._notice_pause(in_zone(keeper.tags.get(names.PAUSE, ""), self._declaration.zone))
            self._notice_autoscale(shared)
            self._judge()
            await self._judge_canary()
            await self._prove_ready()
            self._admit(shared)
            if not self._standings.at_work and not self._may_start_more():
                return
            await self._next_change(shared)

    async def _look(self, shared: Shared) -> None:
        """A new list of the pool where one is due, and where the hosts stand that have moved."""
        if self._watch.due:
            await self._watch.refresh({work.name for work in self._works if work.stage >= Stage.OUT})
            for work in self._works:
                work.see_list()
            self._figures.elsewhere = self._watch.elsewhere(self._by_name)
            shared.moved.update(self._by_name)
        moved, shared.moved = shared.moved, set()
        self._standings.note(moved)

    def _start(self, work: HostWork) -> None:
        work.task = asyncio.create_task(work.run(), name=work.name)
        work.task.add_done_callback(self._note_error)
        work.shared.moved.add(work.name)

    def _note_error(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and self._error is None:
            self._error = error
            self._changed.set()

    def _raise_failures(self, keeper: LeaseKeeper) -> None:
        if keeper.lost is not None:
            raise keeper.lost
        if self._error is not None:
            raise self._error

    async def _next_change(self, shared: Shared) -> None:
        waits: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(shared.changed.wait()),
            asyncio.ensure_future(self._clock.sleep(TICK)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if shared.changed.is_set():  # what changes at almost the same time is looked at once
            await asyncio.sleep(self._clock.real_seconds(AT_ONCE))

    def _notice_abort(self, tags: Mapping[str, str]) -> None:
        """Somebody ended the attempt: nothing new begins, what serves is given back, what is out comes home."""
        abort = decision(tags, names.ABORT, self._record)
        if abort is not None and not self._stopping:
            self._stop_for(f"aborted by {abort.told}", "the rollout was aborted")

    def _notice_pause(self, who: str, *, goes_on: str = "") -> None:
        if who and not self._paused_by and not self._stopping:
            self._paused_by = who
            done = self._canary.done(self._standings)
            self._say(Kind.PAUSED, f"paused by {who}", goes_on=goes_on, done=done, of=self._record.n)
            self._give_back("paused")

    def _notice_autoscale(self, shared: Shared) -> None:
        """A scaling plan that is assigned or enabled in the middle: hosts in work are excluded, nobody follows."""
        plans = self._watch.scaling_plans
        if shared.goal.exclusion_tag is not None or plans is None or not active_plan(plans, self._pool.id):
            return
        plan = active_plan(plans, self._pool.id) or {}
        name, tag = str(plan.get("name")), exclusion_tag(plans, self._pool.id)
        self._say(Kind.WARNING, f"scaling plan {name} was switched on; hosts in work are excluded by tag {tag}")
        if tag is not None:
            shared.goal = replace(shared.goal, exclusion_tag=tag)
            shared.executor.use(shared.goal)
        self._notice_pause(f"scaling plan {name}, which was switched on during the rollout")

    def _stop_for(self, why: str, give_back: str) -> None:
        self._stopping = why
        self._give_back(give_back)

    def _give_back(self, why: str) -> None:
        """Hosts that still serve leave the run; those that are out finish."""
        for work in self._works:
            if work.task is not None and work.stage < Stage.OUT:
                work.give_back(why)

    def _judge(self) -> None:
        """Too many failures stop the rollout; checkpoints hold it for a while."""
        # A host on its way back to the old disk has failed already: nobody follows it.
        failures = [self._by_name[name] for name in self._standings.failed]
        limit = self._declaration.max_failed.of(max(self._record.n, 1), at_least=0)
        baking = not self._canary.passed and self._declaration.canary.hosts > 0
        why = too_many(failures, limit, baking=baking)
        if why and not self._stopping:
            if baking:
                self._say(Kind.CANARY, result="failed", hosts=[work.name for work in failures])
            self._stop_for(why, "the rollout was stopped")
        missing = self._canary.missing() if not self._canary.passed else None
        if missing is not None:
            self._notice_pause(f"its canary {missing.name}, which was not updated: {missing.reason or missing.result}")
        left = self._declaration.checkpoints[self._checkpoints_passed :]
        if left and self._record.n and 100 * self._canary.done(self._standings) / self._record.n >= left[0].percent:
            self._checkpoints_passed += 1
            self._checkpoint_until = self._clock.now() + left[0].pause
            self._say(Kind.CHECKPOINT, percent=left[0].percent, pause=left[0].pause)

    def _notice_ready(self, limits: Limits, go: Admissions) -> None:
        """Ahead of a window, the run is over once the disks are ready, unless it waits for the window with them."""
        ahead_of_it = limits.left.opens > 0 and self._declaration.when_closed is WhenClosed.RETURN
        if ahead_of_it and not go.build and not self._standings.candidates.count(Stage.BUILDING):
            self._paused_by = "its maintenance window"
            self._ready = True
            self._give_back("paused until the maintenance window opens")

    def _notice_closing(self, limits: Limits) -> None:
        """Hosts that are out finish; whoever cannot serve again before the window closes is given back."""
        left, candidates = limits.left, self._standings.candidates
        if left.opens:
            return
        in_flight = candidates.count(Stage.DRAINING, Stage.EMPTY, Stage.OUT, Stage.BACK)
        if left.releases and (left.drains or in_flight or limits.canary_left == 0):
            return
        if self._standings.to_begin or candidates.count(Stage.QUEUED, *BEFORE_OUT):
            opens = self._window.opens(self._azure.azure_time())
            who = f"the end of its maintenance window, until {opens}"
            self._notice_pause(who, goes_on=self._window.goes_on)

    async def _prove_ready(self) -> None:
        """People come now. The window has ended by then, so that nothing new begins; do enough hosts serve?"""
        if self._azure.azure_time() < self._ready_at:
            return
        due, self._ready_at = self._ready_at, math.inf
        pool = await observe(self._azure, self._declaration, at=self._azure.azure_time())
        found = readiness.proof(pool, self._declaration, due)
        self._alarm = "" if found.ok else found.text
        self._tell(found.event(self._clock.now()))
        told = replace(reminders.decode(pool.tags.get(names.TOLD)), rb=int(due), rs=int(found.ok))
        await self._azure.merge_tags(pool.id, {names.TOLD: told.encode()})  # ticks go on from here

    def _judge_slots(self, limits: Limits) -> None:
        """With all slots held by failed hosts nobody can follow in this attempt; the next one tries those again."""
        held, candidates = self._standings.candidates.holding, self._standings.candidates
        waiting = candidates.count(Stage.QUEUED, *BEFORE_OUT)
        if held >= limits.max_unavailable and waiting and not candidates.count(Stage.OUT) and not self._stopping:
            self._stop_for(f"{held} failed host(s) hold all of max_unavailable", "the rollout was stopped")

    async def _judge_canary(self) -> None:
        """The canary passes when its hosts have served for the bake time and are still healthy."""
        if self._canary.passed or self._stopping or not self._canary.served(self._standings):
            return
        # With nobody left to follow there is nothing to wait for. Hosts that are built or drained already are still to
        # follow: in a small pool all of them are begun while the canary is out.
        if not self._canary.baked(self._clock.now()) and (self._standings.at_work or self._standings.to_begin):
            return
        baked = [work for work in self._works if work.updated]
        sick = await self._canary.sick(self._azure, baked)
        if sick:
            self._say(Kind.CANARY, result="failed", hosts=sick)
            self._stop_for(f"canary {', '.join(sick)} did not stay healthy", "the canary failed")
            return
        followers = self._standings.candidates.count(Stage.QUEUED, *BEFORE_OUT)
        if followers and self._canary.waits_for_approval:
            if not self._record.b:
                await self._note_canary("baked", replace(self._record, b=1))
            self._notice_pause(APPROVAL)
            return
        if self._record.b and self._canary.approved is not None:
            approved = self._canary.approved
            self._say(Kind.APPROVED, f"approved by {approved.told}", **asdict(approved))
        await self._note_canary("passed", replace(self._record, c=1))
        self._canary.passed = True
        if followers and self._declaration.stop_after is StopAfter.CANARY:
            self._notice_pause(STOP_AFTER)

    async def _note_canary(self, result: str, record: RolloutRecord) -> None:
        self._record = replace(record, u=int(self._azure.azure_time()))
        hosts = [work.name for work in self._works if work.updated]
        last = self._last(f"canary {result}", ", ".join(hosts))
        await self._azure.merge_tags(self._pool.id, {names.RECORD: self._record.encode(), names.LAST: last})
        self._say(Kind.CANARY, result=result, hosts=hosts)

    def _may_start_more(self) -> bool:
        return not self._paused_by and not self._stopping and self._standings.to_begin > 0

    # -- admission

    def _admit(self, shared: Shared) -> None:
        now, candidates = self._clock.now(), self._standings.candidates
        limits = self._figures.limits(now, self._azure.azure_time())
        if not self._paused_by:
            self._notice_closing(limits)
            self._judge_slots(limits)
        shared.hurried = limits.canary_left is not None
        self._tell_capacity(limits)
        held = shared.allocation_failing or self._watch.stale or now < self._checkpoint_until
        if self._paused_by or self._stopping:
            return
        begun = self._hand_off(limits, now, begins=not held)
        if held:
            return
        go = admit(candidates, limits)
        for name in go.release:
            self._by_name[name].let_release()
        for name in go.drain:
            self._by_name[name].let_drain()
        self._standings.note(go.drain)
        for name in go.build[: max(0, self._azure.room() - begun)]:
            self._by_name[name].let_build()
            if not self._by_name[name].begun:
                self._start(self._by_name[name])
        self._let_log_off(limits)
        self._notice_ready(limits, go)
        in_work = candidates.count(Stage.BUILDING, Stage.HELD, Stage.DRAINING, Stage.OUT) or go != Admissions()
        if in_work or limits.canary_left == 0 or limits.left.opens:
            self._progress_at = now
        elif now - self._progress_at > STUCK_AFTER:
            self._notice_pause(f"the engine: no host could go on, {_why_stuck(candidates, limits)}")

    def _hand_off(self, limits: Limits, now: float, *, begins: bool) -> int:
        """Old hosts that the load does not need are closed to new sessions, and opened where it does; how many were
        begun for that."""
        if self._watch.stale:
            return 0
        change = self._hand_over.change(self._standings.candidates, limits, now, begins=begins)
        begun, room = 0, self._azure.room() if change.close else 0
        for work in [self._by_name[name] for name in change.close]:
            if work.begun or begun < room:
                begun += not work.begun
                work.close()
                if not work.begun:
                    self._start(work)
        for name in change.open:
            self._by_name[name].open()
        self._standings.note((*change.close, *change.open))
        return begun

    def _let_log_off(self, limits: Limits) -> None:
        """Before the canary has passed, only as many hosts as it needs may log their users off."""
        if limits.canary_left is None and self._all_may_log_off:
            return
        self._all_may_log_off = limits.canary_left is None
        if self._all_may_log_off:
            for work in self._works:
                work.let_log_off(True)
            return
        left = limits.canary_left or 0
        for candidate in self._standings.candidates.at(Stage.DRAINING, Stage.EMPTY):
            first = left > 0 and may_be_first(candidate, limits)
            self._by_name[candidate.name].let_log_off(first)
            left -= 1 if first else 0

    def _tell_capacity(self, limits: Limits) -> None:
        data = self._figures.sample(limits, self._record.n)
        if data != self._capacity:
            self._capacity = data
            self._say(Kind.CAPACITY, **data)

    # -- the end

    def stopped(self) -> Stopped:
        """What is to be told of a run that was stopped from outside."""
        if self._log is None:
            return Stopped("stopped before anything was changed; run pulumi up again")
        return Stopped("stopped at a safe point; run pulumi up again: it goes on where this run stopped")

    async def _end_tasks(self) -> None:
        tasks = [work.task for work in self._works if work.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _finish(self) -> Outcome:
        status = self._status()
        self._pool = await observe(self._azure, self._declaration, at=self._azure.azure_time())
        kept = status is State.PAUSED and self._window.keeps_disks(self._azure.azure_time())
        vms, disks = cleanup.orphans(self._pool, keep_ready_of=self._record.r if kept else None)
        await cleanup.remove_orphans(self._azure, self._clock, vms, disks)
        await cleanup.remove_disks(self._azure, cleanup.expired(self._pool, self._azure.azure_time()))
        if status is State.COMPLETE:
            await self._merge_template()
        self._record = replace(self._record, st=status, u=int(self._azure.azure_time()))
        entry = self._entry()
        why = self._stopping or (f"paused by {self._paused_by}" if self._paused_by else "")
        tags = {
            names.RECORD: self._record.encode(),
            names.HISTORY: history.written(self._pool.tags.get(names.HISTORY), entry),
            names.LAST: self._last(str(status), f"{entry.updated} of {entry.needed} updated{why and f'; {why}'}"),
            **load.tags(self._watch.load),
        }
        if self._only is None:
            paused = status is State.PAUSED and (self._window.goes_on or self._ready)
            goes_on = self._window.next(self._azure.azure_time()) if paused else None
            tags |= self._scheduling.over(self._pool.tags, self._record, self._image, goes_on)
        await self._scheduling.sweep(await self._azure.merge_tags(self._pool.id, tags))
        report = str(self._log.path) if self._log is not None else ""
        outcome = outcome_of(
            self._pool,
            self._image,
            self._record,
            self._works,
            self._declaration.protection,
            report,
            self._paused_by,
            self._stopping,
            self._window.goes_on,
            self._users.by_name,
            self._alarm,
        )
        if self._paused_by in (APPROVAL, STOP_AFTER, self._waits_for):
            outcome = replace(outcome, waits_for=self._paused_by)
        if status is State.PAUSED and self._ready:
            need = self._beginning.need(self._pool, self._image)
            outcome = replace(need.scheduled(self._window, self._azure.azure_time()), report=report)
        self._say(
            Kind.ENDED,
            outcome.summary,
            status=outcome.status,
            hosts=outcome.hosts,
            users=outcome.users,
            summary=outcome.summary,
            counts=entry.counts,
            duration=entry.ended - entry.began,
        )
        return outcome

    def _last(self, what: str, why: str) -> str:
        return pool_record.last(self._azure.azure_time(), what, self._lease.owner, why)

    def _entry(self) -> history.Entry:
        record, results = self._record, Counter(work.result for work in self._works)
        approved = self._canary.approved.told if self._canary.approved is not None else ""
        done, failed = min(record.n, self._canary.done(self._standings)), results["failed"] + results["gone"]
        counts = record.n, done, results["rolled_back"], failed
        return history.Entry(
            record.a, record.st, record.s, record.u, *counts, self._image.version, self._lease.owner, approved, record.e
        )

    def _status(self) -> State:
        if self._stopping:
            return State.STOPPED
        if self._paused_by:
            return State.PAUSED
        return State.COMPLETE if all(work.result == "done" for work in self._works) else State.COMPLETE_WITH_FAILURES

    async def _merge_template(self) -> None:
        properties = self._pool.body.get("properties") or {}
        template = vm_template.merged(properties.get("vmTemplate"), self._image, self._declaration)
        if template is not None:
            await self._azure.update_host_pool(self._pool.id, {"properties": {"vmTemplate": template}})

    async def _let_go(self) -> None:
        try:
            await self._lease.release()
        except (AzureError, LeaseLost):
            pass  # it ends by itself
        finally:
            if self._log is not None:
                self._log.close()
                write_json(build(read_log(self._log.path)), self._log.path.with_suffix(".json"))

    def _say(self, kind: Kind, text: str = "", **data: Any) -> None:
        self._tell(Event(self._clock.now(), kind, "", text, data))

    def _tell(self, event: Event) -> None:
        if event.kind is Kind.USER:
            self._users.note(str(event.data.get("user")), str(event.data.get("what")), event.host)
        if self._log is not None:
            self._log(event)
        else:
            self._before_log.append(event)
        self._listener(event)


def _why_stuck(candidates: Candidates, limits: Limits) -> str:
    most = limits.max_sessions
    used = sum(most is not None and candidate.sessions > most for candidate in candidates.at(Stage.BUILT))
    if used:
        return f"{used} have more than {most} session{'' if most == 1 else 's'}"
    return f"{limits.serving} serve, {limits.floor} must"
