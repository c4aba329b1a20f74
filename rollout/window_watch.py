"""The maintenance window of one run: whether it is open, until when, and who can still serve again before it closes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rollout import schedule
from rollout.admission import Left
from rollout.clock import from_iso, iso
from rollout.declaration import Declaration
from rollout.poll_times import quantile
from rollout.window import Opening

SLOW, HALF = 0.95, 0.5
ENOUGH = 5
"""Hosts that must have been seen before their times are those that count."""


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
        self.goes_on = ""
        """When the next window opens (ISO 8601, UTC), once that was asked for."""

    def is_open(self, now: float) -> bool:
        """Whether hosts may be taken out of service; notes until when."""
        if self._always:
            return True
        opening = schedule.opening_at(self._declaration, now, self._moved)
        self._opening = opening or CLOSED
        return opening is not None

    def move(self, moved: float | None) -> None:
        """From now on the next opening begins when a person wants it to; None for when it is declared."""
        self._moved = moved

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

    def next(self, now: float) -> Opening | None:
        """The next opening after `now`, or None."""
        return schedule.next_opening(self._declaration, now, self._moved)

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
        opening = self._opening
        opens = max(0.0, opening.start - now)
        if opening.end == math.inf:
            return Left(opens=opens)
        drain, empty = self._declaration.drain, schedule.EMPTYING
        out = quantile(outages, SLOW) if len(outages) >= ENOUGH else max([schedule.OUTAGE, *outages])
        if sessions:
            # A drain that is not done when the window closes is given back: nothing is lost but the users' peace.
            longest = min(drain.deadline + drain.grace, (opening.end - opening.start) * HALF)
            empty = quantile(drains, SLOW) if len(drains) >= ENOUGH else max(empty, longest)
        return Left(
            opening.end - now,
            from_build=schedule.BUILD + empty + out,
            from_drain=empty + out,
            from_release=out,
            opens=opens,
        )
