"""The rolling swap of one pool: take the lease, heal what a crash left, work through the hosts, say how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rollout import cleanup, names, pool_record, vm_template
from rollout.admission import Candidate, Limits, Stage, admit, look_ahead
from rollout.arm import SessionHost
from rollout.azure import Azure
from rollout.capacity import declared_session_limit, floor, session_limit
from rollout.clock import Clock
from rollout.declaration import MINUTE, Build, Declaration
from rollout.errors import AzureError, InvalidDeclaration, LeaseLost, PreCheckFailed, Stopped
from rollout.events import Event, EventLog, Kind, Listener, log_path, read_log
from rollout.executor import Executor
from rollout.host_work import HostWork, Shared
from rollout.images import Image, resolve, same_image, short, tag_value
from rollout.lease import RENEW_EVERY, Lease
from rollout.names import rollout_id
from rollout.observation import Host, Pool, group_tags, observe
from rollout.plan import Work, hosts_to_update
from rollout.pool_record import RolloutRecord, State
from rollout.prechecks import run as run_prechecks
from rollout.record import ENDED
from rollout.report import build, write_json
from rollout.steps import Goal

LIST_EVERY = 60.0
"""Seconds between lists of the pool's session hosts: Azure allows 10 in 5 minutes."""
TAGS_EVERY = 30.0
"""Seconds between looks at the pool's tags: pause, lease."""
TICK = 15.0
TYPICAL_OUTAGE = 15 * MINUTE
"""Seconds a host is out before this run has measured its own (azure-docs session-host-update: about 20 minutes a host,
building included)."""
DEMAND_WINDOW = 3600.0
"""Seconds of which the most sessions count as demand."""
STUCK_AFTER = 2 * 3600.0
"""Seconds without anything in flight or admitted after which the run is paused rather than waits on."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    status: str
    """complete, complete_with_failures, stopped or paused."""
    image_version_id: str
    hosts: dict[str, list[str]]
    """Names by state: updated, rolled_back, failed, left_out, pending, ghosts."""
    attempt: int
    failures: tuple[tuple[str, str], ...]
    """(host, reason)."""
    report: str
    """Path of the run's event log."""
    summary: str
    """One line."""


@dataclass(frozen=True)
class Order:
    """How the engine schedules; the defaults are the product, others are for comparison in the benchmark."""

    barrier: bool = False
    """Batches of max_unavailable, the next when the last has ended: AVD's own order."""


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
) -> Outcome:
    """Bring the pool to the declared image, or as far as it goes.

    Safe to call again at any time: it resumes an attempt that is running, and starts a new one for hosts that are not
    on the target. `only` rebuilds one host with a fresh disk of the same version. A pool that is complete is not
    written to. Raises RolloutError (nothing started, or the lease was lost) and AzureError.
    """
    pool = await observe(azure, declaration, at=azure.azure_time())
    image = await resolve(azure, declaration, pool.location)
    rollout = Rollout(azure, declaration, inputs, clock, lease, listener, log_folder, only, stop, order or Order())
    return await rollout.run(pool, image)


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
        stop: asyncio.Event | None,
        order: Order,
    ) -> None:
        self._azure, self._declaration, self._inputs = azure, declaration, inputs
        self._clock, self._lease, self._listener = clock, lease, listener
        self._log_folder, self._only, self._order = log_folder, only, order
        self._stop = stop or asyncio.Event()
        self._log: EventLog | None = None
        self._before_log: list[Event] = []
        self._works: list[HostWork] = []
        self._pool: Pool
        self._image: Image
        self._record: RolloutRecord
        self._session_hosts: dict[str, SessionHost] = {}
        self._listed_at = 0.0
        self._tags_at = 0.0
        self._renewed_at = 0.0
        self._paused = ""
        self._stopping = ""
        self._bake_since: float | None = None
        self._checkpoint_until = 0.0
        self._checkpoints_passed = 0
        self._progress_at = 0.0
        self._outages: list[float] = []
        self._sessions_seen: list[tuple[float, int]] = []
        self._serving_at_start = -1

    async def run(self, pool: Pool, image: Image) -> Outcome:
        self._pool, self._image = pool, image
        works = self._needed(pool)
        if not works and not self._housekeeping(pool) and not self._unfinished(pool):
            return self._nothing_to_do()
        await self._pre_checks()
        await self._lease.acquire(self._azure)
        try:
            return await self._under_lease()
        finally:
            await self._let_go()

    async def _under_lease(self) -> Outcome:
        # Somebody may have worked on the pool since it was observed.
        self._pool = await observe(self._azure, self._declaration, at=self._azure.azure_time())
        works = self._needed(self._pool)
        await self._begin(works)
        goal = self._goal()
        executor = Executor(self._azure, goal, self._clock, self._tell)
        shared = Shared(self._azure, goal, self._clock, executor, self._tell)
        shared.disk_ids = {disk.name.lower(): disk.id for disk in self._pool.disks}
        hosts = {host.name: host for host in self._pool.hosts}
        self._works = [HostWork(shared, hosts[work.host], work) for work in works]
        for work in self._works:
            work.recall_failure(self._record)
        try:
            await self._heal()
            await self._work(shared)
        finally:
            await self._end_tasks()
            await executor.close()
        return await self._finish()

    # -- before the first host

    def _needed(self, pool: Pool) -> tuple[Work, ...]:
        if self._only is not None:
            return tuple(rebuild(pool, self._only, self._image))
        return hosts_to_update(pool, self._image, self._declaration)

    def _housekeeping(self, pool: Pool) -> bool:
        vms, disks = cleanup.orphans(pool)
        return bool(vms or disks or cleanup.expired(pool, self._azure.azure_time()))

    @staticmethod
    def _unfinished(pool: Pool) -> bool:
        return pool.record is not None and pool.record.resumable

    def _nothing_to_do(self) -> Outcome:
        attempt = self._pool.record.a if self._pool.record is not None else 0
        updated = [host.name for host in self._pool.hosts if same_image(host.image, self._image.id)]
        summary = f"pool {self._pool.name}: all {len(updated)} hosts run {self._image.version}"
        return Outcome("complete", self._image.id, {"updated": updated}, attempt, (), "", summary)

    async def _pre_checks(self) -> None:
        findings = await run_prechecks(self._azure, self._declaration, self._pool, self._image, mode="start")
        data = {"findings": [vars(finding) if hasattr(finding, "__dict__") else str(finding) for finding in findings]}
        self._tell(Event(self._clock.now(), Kind.CHECKED, "", "", data))
        errors = [f"{f.subject}: {f.problem}; {f.remedy}" for f in findings if f.severity == "error"]
        if not errors:
            return
        if any(host.record is not None and host.record.p not in ENDED for host in self._pool.hosts):
            # Hosts that a crash left half done are brought home whatever the pool looks like; nothing new begins.
            self._stopping = f"pre-checks: {errors[0]}"
            return
        lines = "\n".join(f"  {line}" for line in errors)
        raise PreCheckFailed(f"pool {self._pool.name}: nothing was started\n{lines}")

    async def _begin(self, works: tuple[Work, ...]) -> None:
        """Write the rollout's record: the same attempt goes on while it is running, else a new one begins."""
        before = self._pool.record
        wanted = rollout_id(
            self._declaration.host_pool_id, self._image.id, self._declaration.vm_size, self._declaration.os_disk_type
        )
        now = self._azure.azure_time()
        resumed = before is not None and before.resumable and before.r == wanted and before.t == (self._only or "")
        if resumed and before is not None:
            self._record = replace(before, st=State.RUNNING, u=int(now))
        else:
            attempt = (before.a if before is not None else 0) + 1
            self._record = RolloutRecord(
                wanted, attempt, State.RUNNING, int(now), int(now), len(works), 0, self._only or ""
            )
        tags = {names.RECORD: self._record.encode(), names.TARGET: tag_value(self._image.id)}
        tags |= pool_record.declaration_tags(self._inputs) | group_tags(self._pool)
        await self._azure.merge_tags(self._pool.id, tags)
        self._log = EventLog(log_path(self._log_folder, self._pool.name, self._record.r, self._record.a))
        data = {
            "rollout": self._record.r,
            "attempt": self._record.a,
            "resumed": resumed,
            "image": self._image.id,
            "version": self._image.version,
            "hosts": [work.host for work in works],
            "pool": self._pool.id,
            "owner": self._lease.owner,
        }
        self._tell(Event(self._clock.now(), Kind.STARTED, "", "", data))
        for event in self._before_log:
            self._log(replace(event, time=self._clock.now()))  # the pre-checks, told before there was a log
        self._renewed_at = self._clock.now()

    def _goal(self) -> Goal:
        return Goal(
            self._declaration,
            self._image,
            self._pool.name,
            self._record.r,
            self._record.a,
            self._lease.fence,
            exclusion_tag(self._pool, self._declaration),
        )

    async def _heal(self) -> None:
        """What a crash orphaned goes before anything new begins; finished disks of this rollout are used."""
        vms, disks = cleanup.orphans(self._pool, keep_ready_of=self._record.r)
        if self._only is not None:
            vms, disks = tuple(vms), ()
        count = await cleanup.remove_orphans(self._azure, vms, disks)
        if count:
            self._tell(Event(self._clock.now(), Kind.WARNING, "", f"removed {count} leftovers of an earlier run"))

    # -- the work

    async def _work(self, shared: Shared) -> None:
        """Start what a crash left half done, then admit the rest, until every host's work has ended."""
        self._progress_at = self._clock.now()
        for work in self._works:
            if work.half_done:
                self._start(work)
        while True:
            self._raise_failures()
            shared.changed.clear()
            await self._keep_lease()
            await self._refresh()
            self._judge()
            await self._canary()
            self._admit(shared)
            if all(work.ended for work in self._works if work.task is not None) and not self._may_start_more():
                return
            await self._next_change(shared)

    def _start(self, work: HostWork) -> None:
        work.task = asyncio.create_task(work.run(), name=work.name)

    def _raise_failures(self) -> None:
        if self._stop.is_set():
            raise Stopped("stopped at a safe point; run pulumi up again: it goes on where this run stopped")
        for work in self._works:
            if work.task is not None and work.task.done() and work.task.exception() is not None:
                raise work.task.exception() or AssertionError

    async def _next_change(self, shared: Shared) -> None:
        waits: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(shared.changed.wait()),
            asyncio.ensure_future(self._stop.wait()),
            asyncio.ensure_future(self._clock.sleep(TICK)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _keep_lease(self) -> None:
        now = self._clock.now()
        if now - self._tags_at >= TAGS_EVERY:
            tags = await self._azure.get_tags(self._pool.id)
            self._tags_at = now
            self._lease.see(tags)
            self._pause_by(tags.get(names.PAUSE, ""))
        if now - self._renewed_at >= RENEW_EVERY:
            await self._lease.renew()
            self._renewed_at = now

    def _pause_by(self, who: str) -> None:
        if who and not self._paused:
            self._paused = who
            self._tell(Event(self._clock.now(), Kind.PAUSED, "", f"paused by {who}"))
            self._give_back("paused")

    async def _refresh(self) -> None:
        """One list of session hosts a minute at most; between lists our own changes correct it."""
        now = self._clock.now()
        if now - self._listed_at < LIST_EVERY and self._session_hosts:
            return
        bodies = await self._azure.list_session_hosts(self._pool.id)
        self._listed_at = now
        self._session_hosts = {(h.vm_resource_id or "").lower(): h for h in map(SessionHost, bodies)}
        sessions = sum(host.sessions for host in self._session_hosts.values())
        self._sessions_seen = [(at, n) for at, n in self._sessions_seen if now - at < DEMAND_WINDOW] + [(now, sessions)]
        if self._serving_at_start < 0:
            self._serving_at_start = sum(self._serves(host) for host in self._session_hosts.values())

    def _judge(self) -> None:
        """Too many failures stop the rollout; a baked canary lets it go on; checkpoints pause it."""
        now = self._clock.now()
        # A host on its way back to the old disk has failed already: nobody follows it.
        failures = [work for work in self._works if work.failed]
        limit = self._allowed_failures()
        if len(failures) > limit and not self._stopping:
            first = failures[0]
            reason = first.reason or (first.record.w if first.record is not None else "")
            self._stopping = f"{len(failures)} host(s) failed, {limit} allowed; first: {first.name}, {reason}"
            if not self._record.c and self._declaration.canary.hosts:
                self._tell(Event(now, Kind.CANARY, "", "", {"result": "failed", "hosts": [w.name for w in failures]}))
            self._give_back("the rollout was stopped")
        done = self._done()
        checkpoints = self._declaration.checkpoints[self._checkpoints_passed :]
        if checkpoints and self._record.n and 100 * done / self._record.n >= checkpoints[0].percent:
            self._checkpoints_passed += 1
            self._checkpoint_until = now + checkpoints[0].pause
            data = {"percent": checkpoints[0].percent, "pause": checkpoints[0].pause}
            self._tell(Event(now, Kind.CHECKPOINT, "", "", data))

    def _allowed_failures(self) -> int:
        limit = self._declaration.max_failed
        return limit.of(max(self._record.n, 1), at_least=0)

    def _done(self) -> int:
        """Hosts of this attempt that are updated, those of a run before a crash included."""
        return max(0, self._record.n - sum(1 for work in self._works if not work.updated))

    async def _canary(self) -> None:
        """The canary passes when its hosts have served for the bake time and are still healthy."""
        canary = self._declaration.canary
        if self._record.c or self._stopping or self._done() < min(canary.hosts, self._record.n):
            return
        now = self._clock.now()
        self._bake_since = self._bake_since if self._bake_since is not None else now
        if canary.hosts and now - self._bake_since < canary.bake and self._may_start_more():
            return
        baked = [work for work in self._works if work.updated]
        sick = [work.name for work in baked if not await self._still_healthy(work)]
        if sick:
            self._stopping = f"canary {', '.join(sick)} did not stay healthy"
            self._tell(Event(now, Kind.CANARY, "", "", {"result": "failed", "hosts": sick}))
            self._give_back("the canary failed")
            return
        self._record = replace(self._record, c=1, u=int(self._azure.azure_time()))
        await self._azure.merge_tags(self._pool.id, {names.RECORD: self._record.encode()})
        self._tell(Event(now, Kind.CANARY, "", "", {"result": "passed", "hosts": [work.name for work in baked]}))

    async def _still_healthy(self, work: HostWork) -> bool:
        if work.session_host is None or (work.record is not None and work.record.found_off):
            return True
        body = await self._azure.get_session_host(work.session_host.id)
        if body is None:
            return False
        host = SessionHost(body)
        accepted = host.status in self._declaration.verify.accept
        return accepted and host.beats(self._azure.azure_time()) and not host.fatal_findings

    def _give_back(self, why: str) -> None:
        for work in self._works:
            if work.stage in (Stage.BUILDING, Stage.BUILT, Stage.DRAINING, Stage.EMPTY):
                work.give_back(why)

    def _may_start_more(self) -> bool:
        return not self._paused and not self._stopping and any(work.task is None for work in self._works)

    def _admit(self, shared: Shared) -> None:
        limits, candidates = self._limits(), [self._candidate(work) for work in self._works]
        self._tell_capacity(limits, candidates)
        now = self._clock.now()
        if self._paused or self._stopping or shared.allocation_failing or now < self._checkpoint_until:
            return
        by_name = {work.name: work for work in self._works}
        go = admit(candidates, limits)
        for name in go.release:
            by_name[name].let_release()
        for name in go.drain:
            by_name[name].let_drain()
        for name in go.build:
            self._start(by_name[name])
        self._let_log_off(limits)
        moving = any(c.stage in (Stage.BUILDING, Stage.DRAINING, Stage.OUT) for c in candidates)
        if moving or go != type(go)():
            self._progress_at = now
        elif now - self._progress_at > STUCK_AFTER and limits.canary_left != 0:
            self._pause_by(f"the engine: no host could be admitted, serving {limits.serving}, floor {limits.floor}")

    def _let_log_off(self, limits: Limits) -> None:
        """Before the canary has passed, only as many hosts as it needs may log their users off."""
        draining = [work for work in self._works if work.stage in (Stage.DRAINING, Stage.EMPTY)]
        allowed = len(draining) if limits.canary_left is None else max(0, limits.canary_left)
        for position, work in enumerate(draining):
            work.let_log_off(position < allowed)

    def _candidate(self, work: HostWork) -> Candidate:
        listed = self._session_hosts.get(work.host.vm.id.lower())
        return Candidate(
            work.name,
            work.stage,
            serving=self._serves(listed) and work.stage < Stage.DRAINING,
            broken=work.stage < Stage.OUT and self._broken(listed, work.host),
            holds_slot=work.holds_slot,
        )

    def _serves(self, listed: SessionHost | None) -> bool:
        if listed is None or not listed.allow_new_session or listed.status not in self._declaration.verify.accept:
            return False
        return listed.beats(self._azure.azure_time())

    def _broken(self, listed: SessionHost | None, host: Host) -> bool:
        """Out of service, not drained and not switched off: it counts as unavailable."""
        if listed is None:
            return host.record is None
        if listed.status == "Shutdown" or not listed.allow_new_session:
            return False
        return listed.status not in (*self._declaration.verify.accept, "Upgrading") or not listed.beats(
            self._azure.azure_time()
        )

    def _limits(self) -> Limits:
        declaration, hosts = self._declaration, self._pool.hosts
        at_work = {work.host.vm.id.lower(): work for work in self._works}
        serving = broken = 0
        for host in hosts:
            listed = self._session_hosts.get(host.vm.id.lower())
            work = at_work.get(host.vm.id.lower())
            if work is None:
                serving += self._serves(listed)
                broken += self._broken(listed, host)
            elif work.stage < Stage.DRAINING or work.stage is Stage.ENDED:
                serving += self._serves(listed)
            elif work.stage is Stage.BACK:
                serving += 1
        unavailable = declaration.max_unavailable.of(len(hosts))
        building = declaration.max_building.of(len(hosts)) if declaration.max_building else 2 * unavailable
        outage = sorted(self._outages)[len(self._outages) // 2] if self._outages else TYPICAL_OUTAGE
        canary_left: int | None = None
        if not self._record.c:
            out = sum(1 for work in self._works if work.stage >= Stage.OUT)
            before = self._record.n - len(self._works)
            canary_left = max(0, declaration.canary.hosts - out - max(0, before))
        return Limits(
            max_unavailable=unavailable,
            max_building=len(hosts) if declaration.build is Build.AFTER_DEALLOCATE else building,
            serving=serving,
            floor=self._floor(),
            broken_elsewhere=broken,
            ahead=look_ahead(unavailable, len(hosts), declaration.drain.deadline, outage),
            build_proven=self._build_proven(),
            first_builds=max(1, declaration.canary.hosts),
            canary_left=canary_left,
            barrier=self._order.barrier,
        )

    def _build_proven(self) -> bool:
        if self._declaration.build is Build.AFTER_DEALLOCATE or self._done() > 0:
            return True
        return any(Stage.BUILDING < work.stage and not work.failed for work in self._works if not work.ended)

    def _floor(self) -> int:
        """Hosts that must go on serving: for the most sessions of the last hour, because users who were asked to sign
        out come back; and whatever the load, not more than max_unavailable or half of the pool goes at once."""
        hosts, declaration = len(self._pool.hosts), self._declaration
        peak = max((count for _, count in self._sessions_seen), default=0)
        at_once = max(declaration.max_unavailable.of(hosts), hosts // 2)
        return max(floor(peak, hosts, declaration, self._session_limit()), min(self._serving_at_start, hosts - at_once))

    def _session_limit(self) -> int:
        if declared_session_limit(self._pool) is None and self._declaration.sessions_per_host is None:
            return 1
        return session_limit(self._pool, self._declaration)

    def _tell_capacity(self, limits: Limits, candidates: list[Candidate]) -> None:
        counts = {stage: sum(1 for c in candidates if c.stage is stage) for stage in Stage}
        data = {
            "hosts": len(self._pool.hosts),
            "serving": limits.serving,
            "draining": counts[Stage.DRAINING] + counts[Stage.EMPTY],
            "unavailable": counts[Stage.OUT] + limits.broken_elsewhere,
            "building": counts[Stage.BUILDING],
            "queued": counts[Stage.QUEUED],
            "done": self._done(),
            "of": self._record.n,
            "sessions": sum(host.sessions for host in self._session_hosts.values()),
            "floor": limits.floor,
        }
        if data != getattr(self, "_capacity", None):
            self._capacity = data
            self._tell(Event(self._clock.now(), Kind.CAPACITY, "", "", data))

    # -- the end

    async def _end_tasks(self) -> None:
        tasks = [work.task for work in self._works if work.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _finish(self) -> Outcome:
        status = self._status()
        self._pool = await observe(self._azure, self._declaration, at=self._azure.azure_time())
        vms, disks = cleanup.orphans(self._pool, keep_ready_of=self._record.r if status is State.PAUSED else None)
        await cleanup.remove_orphans(self._azure, vms, disks)
        await cleanup.remove_disks(self._azure, cleanup.expired(self._pool, self._azure.azure_time()))
        if status is State.COMPLETE:
            await self._merge_template()
        self._record = replace(self._record, st=status, u=int(self._azure.azure_time()))
        await self._azure.merge_tags(self._pool.id, {names.RECORD: self._record.encode()})
        outcome = self._outcome(status)
        data = {"status": outcome.status, "hosts": outcome.hosts, "summary": outcome.summary}
        self._tell(Event(self._clock.now(), Kind.ENDED, "", outcome.summary, data))
        return outcome

    def _status(self) -> State:
        if self._stopping:
            return State.STOPPED
        if self._paused:
            return State.PAUSED
        return State.COMPLETE if all(work.result == "done" for work in self._works) else State.COMPLETE_WITH_FAILURES

    async def _merge_template(self) -> None:
        properties = self._pool.body.get("properties") or {}
        template = vm_template.merged(properties.get("vmTemplate"), self._image, self._declaration)
        if template is not None:
            await self._azure.update_host_pool(self._pool.id, {"properties": {"vmTemplate": template}})

    def _outcome(self, status: State) -> Outcome:
        by_name = {work.name: work for work in self._works}
        hosts: dict[str, list[str]] = {}
        for host in self._pool.hosts:
            work = by_name.get(host.name)
            state = (work.result or "pending") if work is not None else ""
            if state in ("", "done"):
                state = "updated" if same_image(host.image, self._image.id) else "other"
            hosts.setdefault(state, []).append(host.name)
        if self._pool.ghosts:
            hosts["ghosts"] = [ghost.name for ghost in self._pool.ghosts]
        failures = tuple((w.name, w.reason) for w in self._works if w.ended and w.result not in ("done", ""))
        report = str(self._log.path) if self._log is not None else ""
        return Outcome(
            str(status),
            self._image.id,
            hosts,
            self._record.a,
            failures,
            report,
            self._summary(status, failures, report),
        )

    def _summary(self, status: State, failures: tuple[tuple[str, str], ...], report: str) -> str:
        pool, total = self._pool.name, self._record.n
        if failures and status is not State.PAUSED:
            first = f"{failures[0][0]}, {failures[0][1]}"
            return f"pool {pool}: {len(failures)} of {total} hosts failed; first: {first}; see {report}"
        if status is State.PAUSED:
            return f"pool {pool}: paused by {self._paused}, {self._done()} of {total} done; hostpool resume, then pulumi up"
        return f"pool {pool}: {self._done()} of {total} hosts updated to {self._image.version}"

    async def _let_go(self) -> None:
        try:
            await self._lease.release()
        except (AzureError, LeaseLost):
            pass  # it ends by itself
        if self._log is not None:
            self._log.close()
            write_json(build(read_log(self._log.path)), self._log.path.with_suffix(".json"))

    def _tell(self, event: Event) -> None:
        if event.kind is Kind.HOST_DONE and event.data.get("outage"):
            self._outages.append(float(event.data["outage"]))
        if self._log is not None:
            self._log(event)
        else:
            self._before_log.append(event)
        self._listener(event)


def exclusion_tag(pool: Pool, declaration: Declaration) -> str | None:
    """The tag that keeps autoscale off a host; None where no plan is active on the pool."""
    active = [plan for plan in pool.scaling_plans if _active(plan, pool.id)]
    if not active:
        return None
    own = (active[0].get("properties") or {}).get("exclusionTag")
    return declaration.exclusion_tag or (str(own) if own else None)


def _active(plan: dict[str, Any], pool_id: str) -> bool:
    references = (plan.get("properties") or {}).get("hostPoolReferences") or ()
    return any(
        str(r.get("hostPoolArmPath") or "").lower() == pool_id.lower() and r.get("scalingPlanEnabled")
        for r in references
    )


def rebuild(pool: Pool, name: str, image: Image) -> list[Work]:
    """The work of one host that gets a fresh disk of the version it shall run.

    Raises InvalidDeclaration for a name that is no host, PreCheckFailed while a rollout of the pool is not ended.
    """
    host = pool.host(name)
    if host is None:
        known = ", ".join(host.name for host in pool.hosts[:10])
        raise InvalidDeclaration("host", name, f"is no host of pool {pool.name}", f"its hosts are {known}")
    record = pool.record
    if record is not None and record.resumable and record.t.lower() != host.name.lower():
        raise PreCheckFailed(
            f"pool {pool.name}: a rollout is {record.st}; let it end first (pulumi up), then rebuild {host.name}"
        )
    return [Work(host.name, short(host.image), short(image.id), ("rebuild",), text="rebuild")]
