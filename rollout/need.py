"""What a pool asks of a run, and whether it can be done now."""

from __future__ import annotations

from dataclasses import dataclass

from rollout import ahead, cleanup, load, names
from rollout.decisions import decision, holds
from rollout.declaration import Declaration, WhenClosed
from rollout.images import Image
from rollout.observation import Pool
from rollout.outcome import Outcome, scheduled
from rollout.plan import Work, half_done, hosts_to_update, rebuild, rollout_of, wanted_id
from rollout.pool_record import State
from rollout.record import ENDED, Phase
from rollout.window_watch import WindowWatch


@dataclass(frozen=True)
class Need:
    """What was found when the pool was read. `only`: the one host that is rebuilt."""

    pool: Pool
    image: Image
    declaration: Declaration
    only: str | None
    works: tuple[Work, ...]
    """The hosts that need work, in the order in which it starts."""

    @property
    def nothing(self) -> bool:
        """Nor are there disks or temporary VMs to be removed, or an attempt to be ended."""
        record = self.pool.record
        unfinished = record is not None and record.resumable
        vms, disks = cleanup.orphans(self.pool)
        rehearsed = names.REHEARSAL in self.pool.tags
        expired = cleanup.expired(self.pool, self.pool.observed_at)
        return not (self.works or unfinished or rehearsed or vms or disks or expired)

    @property
    def half_done(self) -> bool:
        """An earlier run left hosts in the middle: they come home whatever else is so."""
        return any(half_done(host) for host in self.pool.hosts)

    @property
    def waits_for(self) -> str:
        """What keeps the attempt that would be resumed from going on after its canary; empty where nothing does."""
        record = rollout_of(self.pool, self.image, self.declaration) if self.only is None else None
        return holds(self.declaration, record, self.pool.tags) if record is not None else ""

    @property
    def aborted_by(self) -> str:
        """Who ended the attempt that would be resumed; empty for nobody."""
        resumed = self.only is not None or rollout_of(self.pool, self.image, self.declaration) is not None
        abort = decision(self.pool.tags, names.ABORT, self.pool.record) if resumed else None
        return abort.told if abort is not None and self.pool.record and self.pool.record.resumable else ""

    @property
    def may_wait(self) -> bool:
        """Hosts need work, and none of them is in the middle of it."""
        return bool(self.works) and not self.half_done

    def now(self, window: WindowWatch, now: float) -> bool:
        """Whether there is something to do now: in an open window, ahead of one, or to bring hosts home. Notes in
        `window` what this run builds for."""
        ongoing = rollout_of(self.pool, self.image, self.declaration)
        if ongoing is None or ongoing.st is not State.RUNNING:  # what was interrupted goes on at once
            window.wait_for_quiet(load.read(self.pool.tags), len(self.works), len(self.pool.hosts))
        if window.is_open(now) or not self.works:
            return True
        begun = {host.record.p for host in self.pool.hosts if host.record is not None} - ENDED
        opening = window.next(now)
        if opening is None or begun - {Phase.BUILD}:  # whoever is drained or out comes home first
            return bool(begun)
        if window.may_build(now):
            stock = ahead.stock(self.pool, self.image, self.declaration, self.works, opening)
            if stock.missing or begun:
                window.build_for(opening, stock.disks)
                return True
        elif not begun and self.declaration.when_closed is WhenClosed.RETURN and self._outdated():
            window.build_for(opening, 0)
            return True
        return bool(begun)

    def _outdated(self) -> bool:
        """Disks lie there that were built ahead for another target, or that a crash left."""
        vms, disks = cleanup.orphans(self.pool, keep_ready_of=wanted_id(self.image, self.declaration))
        return bool(vms or disks)

    def scheduled(self, window: WindowWatch, now: float) -> Outcome:
        """The outcome of a run that has nothing to do before the next window."""
        opening = window.next(now)
        stock = ahead.stock(self.pool, self.image, self.declaration, self.works, opening) if opening else None
        opens, ready = window.opens(now), stock.ready if stock else 0
        return scheduled(self.pool, self.image, len(self.works), opens, window.goes_on, ready)


def need_of(pool: Pool, image: Image, declaration: Declaration, only: str | None, *, by_sessions: bool) -> Need:
    """Raises InvalidDeclaration for names that are no hosts, PreCheckFailed for a rebuild during a rollout."""
    works = (
        rebuild(pool, only, image)
        if only is not None
        else hosts_to_update(pool, image, declaration, by_sessions=by_sessions)
    )
    return Need(pool, image, declaration, only, works)
