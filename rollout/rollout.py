"""The rolling swap of one pool: take the lease, heal what a crash left, work through the hosts."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rollout import cleanup, hold, names, pool_record, rehearsal, schedule
from rollout.admission import Admissions, Candidates, Limits, Order, Stage, admit, may_be_first
from rollout.autoscale import active_plan, exclusion_tag
from rollout.azure import Azure
from rollout.beginning import Beginning
from rollout.canary_watch import CanaryWatch
from rollout.clock import Clock, in_zone
from rollout.decisions import decision
from rollout.declaration import Declaration
from rollout.ending import finish
from rollout.errors import AlreadyEnded, Stopped
from rollout.events import Kind, Listener
from rollout.executor import Executor
from rollout.hand_off import HandOver
from rollout.host_work import HostWork, Shared
from rollout.images import tag_value
from rollout.judge import Judge
from rollout.lease import Lease
from rollout.lease_keeper import LeaseKeeper
from rollout.limits import Figures
from rollout.observation import group_tags, half_built, lean, observe
from rollout.outcome import Outcome
from rollout.plan import Work, wanted_id
from rollout.pool_record import RolloutRecord, State
from rollout.pool_watch import PoolWatch
from rollout.quarantine import Places
from rollout.run_state import Run
from rollout.standings import Standings
from rollout.steps import Goal
from rollout.stopping import until_stopped

__all__ = ["Outcome", "run"]

TICK = 15.0
"""Seconds after which the scheduler looks again without being called."""
AT_ONCE = 1.0
"""Seconds for which it waits after a change for others, so that it looks once for all of them."""
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
    one = Run(azure, declaration, inputs, clock, lease, listener, log_folder, only, order or Order(), abort)
    work = Rollout(one).work()
    if stop is None:
        return await work
    outcome = await until_stopped(work, stop)
    if outcome is None:
        raise _stopped(one)
    return outcome


class Rollout:
    """The work of one run. `work` reads top to bottom as the run's story."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._aborts = bool(run.abort)
        self._beginning = Beginning(
            run.azure,
            run.declaration,
            run.clock,
            run.lease,
            run.window,
            run.scheduling,
            run.say,
            run.only,
            run.order.by_sessions,
            f"aborted by {run.abort}" if run.abort else "",
        )
        self._judge: Judge
        self._ready_at = math.inf
        """When people come, of the time this run goes on."""
        self._all_may_log_off = False
        self._changed = asyncio.Event()
        self._error: BaseException | None = None
        """What ended the work on a host, and with it the run."""
        self._progress_at = 0.0
        self._capacity: dict[str, Any] = {}
        self._hand_over = HandOver()

    async def work(self) -> Outcome:
        run = self._run
        while True:
            due = await self._beginning.until_due()
            if isinstance(due, Outcome):
                return due
            run.image, run.stopping, may_wait = due.image, due.stopping, due.may_wait
            run.pool = lean(due.pool)  # it is read anew under the lease
            del due
            claims = [host.record.f for host in run.pool.hosts if host.record is not None]
            await run.lease.acquire(run.azure, above=max(claims, default=0), for_rollout=True)
            try:
                queue = await self._beginning.queue()
                if not queue or not may_wait:
                    return await self._under_lease(queue)
            except asyncio.CancelledError:
                run.say(Kind.WARNING, "told to stop: nothing new is begun, and the lease is given back")
                raise
            finally:
                await run.let_go()

    async def _under_lease(self, queue: str) -> Outcome:
        """`queue`: the rollouts before this one. Then only what is half done comes home."""
        run = self._run
        async with LeaseKeeper(run.azure, run.lease, run.clock, self._changed) as keeper:
            # Somebody may have worked on the pool since it was observed.
            run.pool = await observe(run.azure, run.declaration, at=run.azure.azure_time())
            if self._aborts and not (run.pool.record is not None and run.pool.record.resumable):
                raise AlreadyEnded(f"pool {run.pool.name}: the engine at work has ended the attempt")
            need = self._beginning.need(run.pool, run.image)
            works, run.waits_for = need.works, need.waits_for or queue
            del need  # with the pool as it was read, of thousands of hosts
            await self._begin(works)
            goal = self._goal()
            executor = Executor(run.azure, goal, run.clock, run.tell)
            await self._heal()
            shared = self._made_ready(works, goal, executor)
            try:
                await self._roll(shared, keeper)
            finally:
                await self._end_tasks()
                await executor.close()
            return await finish(run, self._beginning.need)

    def _made_ready(self, works: tuple[Work, ...], goal: Goal, executor: Executor) -> Shared:
        """The works of the hosts, and what watches over them."""
        run = self._run
        disk_ids, built = {disk.name.lower(): disk.id for disk in run.pool.disks}, half_built(run.pool)
        run.pool = lean(run.pool)
        run.watch = PoolWatch(run.azure, run.declaration, run.pool, run.clock)
        shared = Shared(
            run.azure,
            goal,
            run.clock,
            executor,
            run.tell,
            disk_ids,
            listed=run.watch.dated,
            changed=self._changed,
            quarantine=self._quarantine(),
        )
        by_name = {host.name: host for host in run.pool.hosts}
        run.works = [HostWork(shared, by_name[work.host], work, built=work.host in built) for work in works]
        for work in run.works:
            work.recall_failure(run.record)
        run.by_name = {work.name: work for work in run.works}
        run.standings = Standings(run.works, run.watch.of)
        approved = decision(run.pool.tags, names.APPROVAL, run.record)
        run.canary = CanaryWatch(run.declaration, run.works, run.record, approved)
        run.figures = Figures(
            run.declaration, len(run.pool.hosts), run.order, run.watch, run.standings, run.window, run.canary
        )
        self._judge = Judge(run, self._ready_at)
        return shared

    # -- before the first host

    async def _begin(self, works: tuple[Work, ...]) -> None:
        """Write the rollout's record: the same attempt goes on while it is running, else a new one begins."""
        run = self._run
        declaration, before, now = run.declaration, run.pool.record, int(run.azure.azure_time())
        wanted = wanted_id(run.image, declaration)
        resumed = before is not None and before.resumable and (before.r, before.t) == (wanted, run.only or "")
        if resumed and before is not None:
            run.record = replace(before, st=State.RUNNING, u=now)
        else:
            attempt = (before.a if before is not None else 0) + 1
            run.record = RolloutRecord(wanted, attempt, State.RUNNING, now, now, len(works), 0, run.only or "")
        reason = declaration.emergency.reason if declaration.emergency is not None else ""
        run.record = replace(run.record, e=declaration.emergency.short if declaration.emergency else "")
        tags = {names.RECORD: run.record.encode(), names.TARGET: tag_value(run.image.id)}
        tags |= pool_record.declaration_tags(run.inputs) | group_tags(run.pool)
        hosts = f"{len(works)} host(s) to {run.image.version}"
        tags[names.LAST] = run.last("resumed" if resumed else "started", hosts)
        if run.only is None:
            tags |= run.scheduling.begun(run.pool.tags, run.record, run.image, now)
        await run.scheduling.sweep(await run.azure.merge_tags(run.pool.id, tags))
        if declaration.ready_by is not None:
            self._ready_at = declaration.ready_by.after(now)
        run.open_log()
        run.say(
            Kind.STARTED,
            rollout=run.record.r,
            attempt=run.record.a,
            resumed=resumed,
            told_lately=resumed and before is not None and before.died and before.u // 3600 == now // 3600,
            of=run.record.n,
            image=run.image.id,
            version=run.image.version,
            hosts=[work.host for work in works],
            from_versions={work.host: work.from_image for work in works},
            revert=any(work.revert is not None for work in works),
            pool=run.pool.id,
            owner=run.lease.owner,
            emergency=reason,
            time_zone=declaration.zone,
            estimate=schedule.estimate(
                declaration, len(works), len(run.pool.hosts), now, moved=hold.moved(run.pool.tags, declaration)
            ).line(declaration),
        )

    def _quarantine(self) -> Places:
        run = self._run
        records = ((host.name, host.record) for host in run.pool.hosts)
        return Places(run.declaration.quarantine, run.record, records)

    def _goal(self) -> Goal:
        run = self._run
        record, tag = run.record, exclusion_tag(run.pool.scaling_plans, run.pool.id)
        return Goal(run.declaration, run.image, run.pool.name, record.r, record.a, run.lease.fence, tag)

    async def _heal(self) -> None:
        """What a crash orphaned goes before anything new begins; finished disks of this rollout are used."""
        run = self._run
        vms, disks = cleanup.orphans(run.pool, keep_ready_of=run.record.r)
        await rehearsal.clear(run.azure, run.clock, run.pool)
        count = await cleanup.remove_orphans(run.azure, run.clock, vms, () if run.only is not None else disks)
        if count:
            run.say(Kind.WARNING, f"removed {count} leftovers of an earlier run")

    # -- the work

    async def _roll(self, shared: Shared, keeper: LeaseKeeper) -> None:
        """Start what a crash left half done, then admit the rest, until every host's work has ended."""
        run = self._run
        self._progress_at = run.clock.now()
        for work in run.works:
            if work.half_done and not work.ended:
                self._start(work)
        if run.stopping:
            # A pre-check or a person forbids to begin: what still serves is given back, what is out comes home.
            run.give_back("the rollout was stopped")
        run.pause(run.waits_for)
        while True:
            self._raise_failures(keeper)
            shared.changed.clear()
            await self._look(shared)
            self._notice_abort(keeper.tags)
            run.pause(in_zone(keeper.tags.get(names.PAUSE, ""), run.declaration.zone))
            self._notice_autoscale(shared)
            self._judge.failures()
            await self._judge.canary()
            await self._judge.readiness()
            self._admit(shared)
            if not run.standings.at_work and not self._may_start_more():
                return
            await self._next_change(shared)

    async def _look(self, shared: Shared) -> None:
        """A new list of the pool where one is due, and where the hosts stand that have moved."""
        run = self._run
        if run.watch.due:
            await run.watch.refresh({work.name for work in run.works if work.stage >= Stage.OUT})
            for work in run.works:
                work.see_list()
            run.figures.elsewhere = run.watch.elsewhere(run.by_name)
            shared.moved.update(run.by_name)
        moved, shared.moved = shared.moved, set()
        run.standings.note(moved)

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
        run = self._run
        waits: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(shared.changed.wait()),
            asyncio.ensure_future(run.clock.sleep(TICK)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if shared.changed.is_set():  # what changes at almost the same time is looked at once
            await asyncio.sleep(run.clock.real_seconds(AT_ONCE))

    def _notice_abort(self, tags: Mapping[str, str]) -> None:
        """Somebody ended the attempt: nothing new begins, what serves is given back, what is out comes home."""
        run = self._run
        abort = decision(tags, names.ABORT, run.record)
        if abort is not None and not run.stopping:
            run.stop(f"aborted by {abort.told}", "the rollout was aborted")

    def _notice_autoscale(self, shared: Shared) -> None:
        """A scaling plan that is assigned or enabled in the middle: hosts in work are excluded, nobody follows."""
        run = self._run
        plans = run.watch.scaling_plans
        if shared.goal.exclusion_tag is not None or plans is None or not active_plan(plans, run.pool.id):
            return
        plan = active_plan(plans, run.pool.id) or {}
        name, tag = str(plan.get("name")), exclusion_tag(plans, run.pool.id)
        run.say(Kind.WARNING, f"scaling plan {name} was switched on; hosts in work are excluded by tag {tag}")
        if tag is not None:
            shared.goal = replace(shared.goal, exclusion_tag=tag)
            shared.executor.use(shared.goal)
        run.pause(f"scaling plan {name}, which was switched on during the rollout")

    def _may_start_more(self) -> bool:
        run = self._run
        return not run.paused_by and not run.stopping and run.standings.to_begin > 0

    # -- admission

    def _admit(self, shared: Shared) -> None:
        run = self._run
        now, candidates = run.clock.now(), run.standings.candidates
        limits = run.figures.limits(now, run.azure.azure_time())
        if not run.paused_by:
            self._judge.window(limits)
            self._judge.slots(limits)
        shared.hurried = limits.canary_left is not None
        self._tell_capacity(limits)
        held = shared.allocation_failing or run.watch.stale or now < self._judge.waits_until
        if run.paused_by or run.stopping:
            return
        begun = self._hand_off(limits, now, begins=not held)
        if held:
            return
        go = admit(candidates, limits)
        for name in go.release:
            run.by_name[name].let_release()
        for name in go.drain:
            run.by_name[name].let_drain()
        run.standings.note(go.drain)
        for name in go.build[: max(0, run.azure.room() - begun)]:
            run.by_name[name].let_build()
            if not run.by_name[name].begun:
                self._start(run.by_name[name])
        self._let_log_off(limits)
        self._judge.stock(limits, go)
        in_work = candidates.count(Stage.BUILDING, Stage.HELD, Stage.DRAINING, Stage.OUT) or go != Admissions()
        if in_work or limits.canary_left == 0 or limits.left.opens:
            self._progress_at = now
        elif now - self._progress_at > STUCK_AFTER:
            run.pause(f"the engine: no host could go on, {_why_stuck(candidates, limits)}")

    def _hand_off(self, limits: Limits, now: float, *, begins: bool) -> int:
        """Old hosts that the load does not need are closed to new sessions, and opened where it does; how many were
        begun for that."""
        run = self._run
        if run.watch.stale:
            return 0
        change = self._hand_over.change(run.standings.candidates, limits, now, begins=begins)
        begun, room = 0, run.azure.room() if change.close else 0
        for work in [run.by_name[name] for name in change.close]:
            if work.begun or begun < room:
                begun += not work.begun
                work.close()
                if not work.begun:
                    self._start(work)
        for name in change.open:
            run.by_name[name].open()
        run.standings.note((*change.close, *change.open))
        return begun

    def _let_log_off(self, limits: Limits) -> None:
        """Before the canary has passed, only as many hosts as it needs may log their users off."""
        run = self._run
        if limits.canary_left is None and self._all_may_log_off:
            return
        self._all_may_log_off = limits.canary_left is None
        if self._all_may_log_off:
            for work in run.works:
                work.let_log_off(True)
            return
        left = limits.canary_left or 0
        for candidate in run.standings.candidates.at(Stage.DRAINING, Stage.EMPTY):
            first = left > 0 and may_be_first(candidate, limits)
            run.by_name[candidate.name].let_log_off(first)
            left -= 1 if first else 0

    def _tell_capacity(self, limits: Limits) -> None:
        run = self._run
        data = run.figures.sample(limits, run.record.n)
        if data != self._capacity:
            self._capacity = data
            run.say(Kind.CAPACITY, **data)

    async def _end_tasks(self) -> None:
        tasks = [work.task for work in self._run.works if work.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _stopped(run: Run) -> Stopped:
    """What is to be told of a run that was stopped from outside."""
    if not run.log_path:
        return Stopped("stopped before anything was changed; run pulumi up again")
    return Stopped("stopped at a safe point; run pulumi up again: it goes on where this run stopped")


def _why_stuck(candidates: Candidates, limits: Limits) -> str:
    most = limits.max_sessions
    used = sum(most is not None and candidate.sessions > most for candidate in candidates.at(Stage.BUILT))
    if used:
        return f"{used} have more than {most} session{'' if most == 1 else 's'}"
    return f"{limits.serving} serve, {limits.floor} must"
