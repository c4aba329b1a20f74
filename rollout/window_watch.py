"""The maintenance window of one run: whether it is open, until when, and who can still serve again before it closes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from rollout import schedule
from rollout.admission import Left
from rollout.clock import from_iso, iso
from rollout.declaration import Declaration
from rollout.load import Load
from rollout.poll_times import quantile
from rollout.standings import ENOUGH
from rollout.timing import quietest
from rollout.window import Opening

SLOW, HALF = 0.95, 0.5


CLOSED = Opening(0.0, 0.0)
"""One that is over."""


class WindowWatch:
    """Times are Azure's, epoch seconds. `always`: what was asked for by hand is done whether or not one is open."""

    def __init__(self, declaration: Declaration, *, always: bool) -> None:
        self._declaration, self._always = declaration, always
        self._moved: float | None = None
        self._opening = Opening(-math.inf, math.inf)
        """The one that this run works in, or for."""
        self.stock = 0
        """Disks that this run builds ahead of it."""
        self._quiet: Callable[[Opening], Opening] = lambda opening: opening
        self.goes_on = ""
        """When the next window opens (ISO 8601, UTC), once that was asked for."""

    def is_open(self, now: float) -> bool:
        """Whether hosts may be taken out of service; notes until when."""
        if self._always:
            return True
        opening = schedule.opening_at(self._declaration, now, self._moved)
        is_open = opening is not None and self._begins(opening).start <= now
        self._opening = opening if opening is not None and is_open else CLOSED
        return is_open

    def move(self, moved: float | None) -> None:
        """From now on the next opening begins when a person wants it to; None for when it is declared."""
        self._moved = moved

    def wait_for_quiet(self, load: Load, hosts: int, pool: int) -> None:
        """With `timing: quietest`: from now on an opening begins at its quietest time, for the work on `hosts` hosts of
        a pool of `pool`."""
        self._quiet = lambda opening: quietest(self._declaration, load, hosts, pool, opening)

    def _begins(self, opening: Opening) -> Opening:
        """The opening from when it is used on."""
        return opening if opening.start == self._moved else self._quiet(opening)

    def next(self, now: float) -> Opening | None:
        """The opening that begins after `now`, or None."""
        current = schedule.opening_at(self._declaration, now, self._moved)
        if current is not None and self._begins(current).start > now:
            return self._begins(current)
        opening = schedule.next_opening(self._declaration, now, self._moved)
        return self._begins(opening) if opening is not None else None

    def may_build(self, now: float) -> bool:
        """Whether it is time to build disks for the next opening."""
        opening = self.next(now)
        return opening is not None and now >= opening.start - self._declaration.build_ahead

    def build_for(self, opening: Opening, stock: int) -> None:
        """This run builds so many disks for an opening that is yet to come, and works in it if it lasts until then."""
        self._opening, self.stock = opening, stock

    def keeps_disks(self, now: float) -> bool:
        """Whether finished disks stay while the run is paused. Those that are built ahead of a window are not paid for
        until the one after it: they are built again in time."""
        if not self._declaration.build_ahead or not self.goes_on:
            return True
        return now >= from_iso(self.goes_on) - self._declaration.build_ahead

    def opens_in(self, now: float) -> float:
        """Seconds until the next window opens, or until disks may be built for it."""
        opening = self.next(now)
        if opening is None:
            return math.inf
        ahead = opening.start - self._declaration.build_ahead - now
        return ahead if ahead > 0 else opening.start - now

    def opens(self, now: float) -> str:
        """When the next window opens, for people."""
        opening = self.next(now)
        if opening is None:
            return "never"
        self.goes_on = iso(opening.start)
        return schedule.told(self._declaration, opening.start)

    def left(self, now: float, outages: Sequence[float], drains: Sequence[float], sessions: int) -> Left:
        """What is left of the window, and what hosts take: the slowest twentieth of `outages` and `drains` (seconds so
        far, ascending), the typical time before there are any."""
        opening, drain = self._opening, self._declaration.drain
        out = quantile(outages, SLOW) if len(outages) >= ENOUGH else max([schedule.OUTAGE, *outages])
        empty = schedule.EMPTYING
        if sessions:
            # A drain that is not done when the window closes is given back: nothing is lost but the users' peace.
            longest = min(drain.deadline + drain.grace, (opening.end - opening.start) * HALF)
            empty = quantile(drains, SLOW) if len(drains) >= ENOUGH else max(empty, longest)
        return Left(
            opening.end - now,
            from_build=schedule.BUILD + empty + out,
            from_drain=empty + out,
            from_release=out,
            opens=max(0.0, opening.start - now),
        )
