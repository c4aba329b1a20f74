"""One tick: whatever is due on a pool now, from its tags alone, so that nobody has to be awake.

Safe to run at any time, any number at once: a tick that meets a lease leaves at once, and one that finds nothing due
writes nothing. It begins what is scheduled, and resumes what has not come to its end; it never begins a new attempt
after one that was stopped or left hosts behind, which is for people to decide (`pulumi up`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rollout import (
    cleanup,
    declaration,
    hold,
    lease,
    load,
    names,
    pool_record,
    readiness,
    rehearsal,
    reminders,
    schedule,
)
from rollout.arm import Disk, Vm
from rollout.azure import Azure
from rollout.clock import Clock, in_zone
from rollout.decisions import decision, holds
from rollout.declaration import Declaration, Timing, WhenClosed
from rollout.errors import LeaseHeld, PreCheckFailed
from rollout.events import Event, Kind, Listener
from rollout.hold import Hold
from rollout.image_sources import resolve
from rollout.images import LATEST, short
from rollout.lease import Lease
from rollout.lease_keeper import LeaseKeeper
from rollout.notices import Teller
from rollout.observation import Pool, observe
from rollout.outcome import Outcome
from rollout.pool_record import RolloutRecord, State
from rollout.prechecks import run as run_prechecks
from rollout.record import ENDED
from rollout.reminders import Told
from rollout.rollout import run
from rollout.values import HOUR, MINUTE
from rollout.window import Opening

WAITER_PATIENCE = 10 * MINUTE
"""Seconds after which a start that a run waits for itself is taken over from it."""
PROOF_WITHIN = 6 * HOUR
"""Seconds after `ready_by` in which the proof is still worth something."""

Notifying = Callable[[Declaration], AbstractAsyncContextManager[Teller]]
"""Opens whom the declaration names."""


@dataclass(frozen=True)
class Due:
    """What is due on a pool. Pure: see `due`."""

    work: bool = False
    """A start, or an attempt that goes on or was aborted, or hosts to bring home."""
    missed: bool = False
    """The window passed, and nothing had begun."""
    reminder: float | None = None
    """Seconds before the start."""
    check: bool = False
    proof: float | None = None
    """The time at which the pool had to be ready, epoch seconds."""
    load: bool = False
    """The sessions of this hour have not been noted, and `timing: quietest` learns from them."""
    vms: tuple[Vm, ...] = ()
    disks: tuple[Disk, ...] = ()
    """Leftovers, and kept disks past their date."""

    @property
    def nothing(self) -> bool:
        return self == Due()


@dataclass
class Ticked:
    """What a tick did, for people: a line each."""

    pool: str
    did: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    """What needs somebody."""
    next: str = ""
    """What comes next."""
    alarm: bool = False
    """The pool had to be ready, and is not."""
    outcome: Outcome | None = None
    """Of the run, where there was one."""


def due(pool: Pool, declared: Declaration, now: float) -> Due:
    """What is due. `declared` is the declaration that a tick runs."""
    held, told, record = hold.of(pool.tags), reminders.decode(pool.tags.get(names.TOLD)), pool.record
    opening = _opening(declared, held, now)
    half_done = any(host.record is not None and host.record.p not in ENDED for host in pool.hosts)
    begins = held is not None and _begins(declared, held, opening, now)
    resumes = record is not None and record.resumable and (opening is not None or bool(record.t))
    resumes = resumes and not _goes_on_later(held, record, now)
    free = not pool.tags.get(names.PAUSE) and not _waits_for(pool.tags, declared)
    aborted = bool(_resumed(pool.tags) and decision(pool.tags, names.ABORT, record))
    ready_disks_of = held.r if held is not None else record.r if record is not None and record.resumable else None
    vms, disks = cleanup.orphans(pool, keep_ready_of=ready_disks_of)
    waits = held is not None and opening is None
    return Due(
        work=half_done or aborted or (free and (begins or resumes)),
        missed=held is not None and waits and held.at <= now,
        reminder=reminders.due(held, told, _leads(declared), now) if held is not None else None,
        check=held is not None and waits and held.at > now and reminders.check_due(held, told, now),
        proof=_proof_due(pool, declared, told, now),
        load=declared.timing is Timing.QUIETEST and load.read(pool.tags).last != int(now // HOUR),
        vms=vms,
        disks=tuple(d for d in disks if not rehearsal.kept(d, pool)) + cleanup.expired(pool, now),
    )


def _begins(declared: Declaration, held: Hold, opening: Opening | None, now: float) -> bool:
    """In its window, or when disks may be built for it; a run that waits for that itself is given time to."""
    patience = WAITER_PATIENCE if held.w else 0.0
    if opening is not None:
        return now >= held.at + patience
    return bool(declared.build_ahead) and held.at - declared.build_ahead + patience <= now < held.at


def _goes_on_later(held: Hold | None, record: RolloutRecord | None, now: float) -> bool:
    """It was paused since no host could be done in what is left of its window, and goes on in a later one."""
    paused = record is not None and record.st is State.PAUSED
    return paused and held is not None and record is not None and held.r == record.r and held.at > now


def _waits_for(tags: dict[str, str], declared: Declaration) -> str:
    """What people have to decide before the attempt goes on; empty for nothing, or where another one is to begin."""
    record = _resumed(tags)
    return holds(declared, record, tags) if record is not None else ""


def _resumed(tags: dict[str, str]) -> RolloutRecord | None:
    """The attempt that a tick would go on with, or None."""
    held, record = hold.of(tags), pool_record.decode(tags.get(names.RECORD))
    if record is None or not record.resumable or (held is not None and held.r != record.r):
        return None
    return record


def _opening(declared: Declaration, held: Hold | None, now: float) -> Opening | None:
    return schedule.opening_at(declared, now, held.at if held is not None and held.m else None)


def _sessions(pool: Pool) -> int:
    return sum(host.session_host.sessions for host in pool.hosts if host.session_host is not None)


def _leads(declared: Declaration) -> tuple[float, ...]:
    return declared.notify.reminders if declared.notify is not None else ()


def _proof_due(pool: Pool, declared: Declaration, told: Told, now: float) -> float | None:
    """Where hosts were worked on since people came last."""
    if declared.ready_by is None or pool.record is None:
        return None
    due = declared.ready_by.before(now)
    before = declared.ready_by.before(due - 1)
    worked = pool.record.s <= due and (pool.record.u > before or pool.record.st is State.RUNNING)
    proven = told.rb == int(due) and told.rs == 1
    return due if worked and not proven and now - due < PROOF_WITHIN else None


async def tick(
    azure: Azure,
    pool_id: str,
    *,
    clock: Clock,
    lease: Lease,
    listener: Listener,
    notifying: Notifying,
    log_folder: Path,
    stop: asyncio.Event | None = None,
) -> Ticked:
    """Do what is due. Raises RolloutError and AzureError."""
    done = Ticked(pool_id.rsplit("/", 1)[-1])
    tags = await azure.get_tags(pool_id)
    inputs = _inputs(tags)
    if inputs is None:
        done.next = "no rollout has run on this pool, and none is scheduled"
        return done
    at_work = _at_work(tags, azure.azure_time())
    if at_work:
        done.next = f"{at_work} is at work"
        return done
    declared = replace(declaration.parse({**inputs, "host_pool_id": pool_id}), when_closed=WhenClosed.RETURN)
    async with notifying(declared) as teller:
        ticking = _Ticking(azure, declared, inputs, clock, lease, listener, teller, log_folder, stop, done)
        try:
            await ticking.run()
        except LeaseHeld as held:  # another tick, or a run, was quicker
            done.next = str(held)
            return done
    done.next = await _next(azure, declared)
    return done


def _inputs(tags: dict[str, str]) -> dict[str, Any] | None:
    """The declaration that is run: of an open rebuild, of what is scheduled, or of the last run."""
    record = pool_record.decode(tags.get(names.RECORD))
    rebuilds = record is not None and record.resumable and record.t
    inputs = pool_record.read_declaration(tags) if rebuilds else hold.inputs_of(tags)
    target = tags.get(names.TARGET, "")
    if inputs is not None and str(inputs["version"]).lower() == LATEST and record is not None and record.resumable:
        inputs["version"] = short(target) if target else LATEST  # the attempt goes on with the version it began with
    return inputs


def _at_work(tags: dict[str, str], now: float) -> str:
    """Who works on the pool; empty for nobody. A lease whose owner died ends by itself, and the next tick goes on."""
    holder = lease.decode(tags.get(names.LEASE))
    return holder.owner if holder is not None and holder.owner != "nobody" and holder.until > now else ""


async def _next(azure: Azure, declared: Declaration) -> str:
    tags = await azure.get_tags(declared.host_pool_id)
    held, waits_for = hold.of(tags), _waits_for(tags, declared)
    if tags.get(names.PAUSE):
        return f"paused by {in_zone(tags[names.PAUSE], declared.zone)}: nothing begins until hostpool resume"
    if waits_for:
        return f"paused by {waits_for}"
    opening = schedule.next_opening(declared, azure.azure_time())
    if held is None and _resumed(tags) is not None and opening is not None:
        version = short(tags.get(names.TARGET, ""))
        return f"{version} goes on when its window opens, {schedule.told(declared, opening.start)}"
    if held is None:
        return "nothing is scheduled"
    when = schedule.told(declared, held.at)
    if held.at > azure.azure_time():
        return f"{held.to} begins {when}, decided by {held.by}"
    return f"{held.to} was due {when}, decided by {held.by}; the next tick tries again"


class _Ticking:
    """One tick. `run` reads as its story."""

    def __init__(
        self,
        azure: Azure,
        declared: Declaration,
        inputs: dict[str, Any],
        clock: Clock,
        lease: Lease,
        listener: Listener,
        teller: Teller,
        log_folder: Path,
        stop: asyncio.Event | None,
        done: Ticked,
    ) -> None:
        self._azure, self._declared, self._inputs, self._clock = azure, declared, inputs, clock
        self._lease, self._listener, self._teller = lease, listener, teller
        self._log_folder, self._stop, self._done = log_folder, stop, done
        self._failed: Event | None = None
        """The pre-checks that kept a run from beginning."""

    async def run(self) -> None:
        pool = await self._look()
        now = self._azure.azure_time()
        found = due(pool, self._declared, now)
        if found.nothing:
            return
        if found.work:
            await self._work(pool)
            found = Due(proof=found.proof)  # the run has told, noted and removed the rest
        if found.nothing and not self._failure_is_news(pool, now):
            return
        await self._lease.acquire(self._azure)
        changed = asyncio.Event()
        try:
            async with LeaseKeeper(self._azure, self._lease, self._clock, changed):
                await self._small(found)
        finally:
            await self._lease.release()

    async def _look(self) -> Pool:
        return await observe(self._azure, self._declared, at=self._azure.azure_time())

    # -- a start, an attempt that goes on, hosts to bring home

    async def _work(self, pool: Pool) -> None:
        record, done = pool.record, self._done
        only = record.t if record is not None and record.resumable and record.t else None
        inputs = {**self._inputs, "host_pool_id": self._declared.host_pool_id}
        try:
            outcome = await run(
                self._azure,
                self._declared,
                inputs,
                clock=self._clock,
                lease=self._lease,
                listener=self._hear,
                log_folder=self._log_folder,
                only=only,
                stop=self._stop,
            )
        except PreCheckFailed as error:
            done.trouble.append(str(error))
            return
        done.outcome = outcome
        done.did.append(outcome.summary)
        if outcome.status not in ("complete", "scheduled") and not (outcome.goes_on or outcome.waits_for):
            done.trouble.append(outcome.summary)
        if outcome.alarm:
            done.alarm = True

    def _hear(self, event: Event) -> None:
        """Findings that stop a run are told later, and not at each tick."""
        self._listener(event)
        errors = event.kind is Kind.CHECKED and any(f["severity"] == "error" for f in event.data["findings"])
        if errors:
            self._failed = event
        else:
            self._teller(event)

    def _failure_is_news(self, pool: Pool, now: float) -> bool:
        """A start that pre-checks forbid is told once for each window, and then daily."""
        if self._failed is None:
            return False
        told, opening = reminders.decode(pool.tags.get(names.TOLD)), _opening(self._declared, hold.of(pool.tags), now)
        since = opening.start if opening is not None else 0.0
        return not (told.cf and told.ck >= since and now - told.ck < reminders.CHECK_EVERY)

    # -- what takes a minute, under the lease

    async def _small(self, planned: Due) -> None:
        """What was due is looked at again, now that nobody else writes."""
        pool = await self._look()
        now = self._azure.azure_time()
        held, told = hold.of(pool.tags), reminders.decode(pool.tags.get(names.TOLD))
        fresh = due(pool, self._declared, now)
        if held is not None and self._declared_still(pool):
            if planned.missed and fresh.missed:
                await self._reschedule(pool, held, now)
            elif planned.reminder is not None and fresh.reminder is not None:
                told = await self._check(pool, replace(told, r=held.r), now)
                told = self._remind(held, pool.tags, told, fresh.reminder)
            elif planned.check and fresh.check:
                told = await self._check(pool, replace(told, r=held.r), now)
        if self._failed is not None and self._failure_is_news(pool, now):
            self._teller(self._failed)
            rollout = held.r if held is not None else pool.record.r if pool.record is not None else ""
            told = replace(told, r=rollout, ck=int(now), cf=1)
        if planned.proof is not None and not (told.rb == int(planned.proof) and told.rs):
            told = self._prove(pool, told, planned.proof)
        await self._teller.sent()
        tags = load.tags(load.read(pool.tags).seen(now, _sessions(pool))) if planned.load and fresh.load else {}
        if told.encode() != pool.tags.get(names.TOLD, Told().encode()):
            tags[names.TOLD] = told.encode()
        if tags:
            await self._azure.merge_tags(pool.id, tags)
        if (planned.vms or planned.disks) and (fresh.vms or fresh.disks):
            count = await cleanup.remove_orphans(self._azure, self._clock, fresh.vms, fresh.disks)
            self._done.did.append(f"removed {count} disks and leftovers whose time is over")

    def _declared_still(self, pool: Pool) -> bool:
        inputs = _inputs(pool.tags)
        return inputs is not None and inputs == self._inputs

    async def _reschedule(self, pool: Pool, held: Hold, now: float) -> None:
        following = schedule.next_opening(self._declared, now, held.at if held.m else None)
        when = schedule.told(self._declared, held.at)
        if following is None:
            return
        anew = replace(held, at=int(following.start), s=int(now), m=0, w=0)
        text = f"{held.to} was to begin {when} and did not; it begins {schedule.told(self._declared, anew.at)}"
        self._say(Kind.SCHEDULE_CHANGED, text, what="missed", **hold.about(held, pool.tags), owner=held.by)
        self._done.trouble.append(text)
        await self._teller.sent()
        await self._azure.merge_tags(pool.id, {names.SCHEDULE: anew.encode()})

    def _remind(self, held: Hold, tags: dict[str, str], told: Told, lead: float) -> Told:
        text = f"{held.to} begins {schedule.told(self._declared, held.at)}, decided by {held.by}"
        if told.cf:
            text += "; its pre-checks fail, and it will not begin while they do"
        self._say(Kind.REMINDER, text, **hold.about(held, tags), owner=held.by, lead=lead)
        self._done.did.append(f"reminded: {text}")
        return replace(told, r=held.r, at=held.at, rm=int(lead))

    async def _check(self, pool: Pool, told: Told, now: float) -> Told:
        """The pre-checks of what is scheduled: what fails is told with its remedies."""
        image = await resolve(self._azure, self._declared, pool.location)
        findings = await run_prechecks(self._azure, self._declared, pool, image, mode="start")
        errors = [finding for finding in findings if finding.severity == "error"]
        self._say(Kind.CHECKED, findings=[asdict(finding) for finding in findings], version=image.version)
        self._done.trouble += [f"{f.subject}: {f.problem}; {f.remedy}" for f in errors]
        self._done.did.append(f"made the pre-checks: {len(errors)} of them would stop the start")
        return replace(told, ck=int(now), cf=int(bool(errors)))

    def _prove(self, pool: Pool, told: Told, at: float) -> Told:
        found = readiness.proof(pool, self._declared, at)
        self._done.did.append(f"{'ready' if found.ok else 'NOT READY'}: {found.text}")
        if not found.ok:
            self._done.alarm = True
            self._done.trouble.append(f"not ready {found.text}")
        if found.ok or told.rb != int(at):  # an alarm is told once, its end too
            event = found.event(self._clock.now())
            self._listener(event)
            self._teller(event)
        return replace(told, rb=int(at), rs=int(found.ok))

    def _say(self, kind: Kind, text: str = "", **data: Any) -> None:
        event = Event(self._clock.now(), kind, "", text, data)
        self._listener(event)
        self._teller(event)
