"""The maintenance window of one run: whether it is open, until when, and who can still serve again before it closes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rollout import schedule
from rollout.admission import Left
from rollout.clock import iso
from rollout.declaration import Declaration
from rollout.poll_times import quantile

SLOW, HALF = 0.95, 0.5
ENOUGH = 5
"""Hosts that must have been seen before their times are those that count."""


class WindowWatch:
    """Times are Azure's, epoch seconds. `always`: what was asked for by hand is done whether or not one is open."""

    def __init__(self, declaration: Declaration, *, always: bool) -> None:
        self._declaration, self._always = declaration, always
        self._closes = self._length = math.inf
        self.goes_on = ""
        """When the next window opens (ISO 8601, UTC), once that was asked for."""

    def is_open(self, now: float) -> bool:
        """Whether hosts may be taken out of service; notes until when."""
        if self._always:
            return True
        opening = schedule.opening_at(self._declaration, now)
        self._closes = opening.end if opening is not None else -math.inf
        self._length = opening.end - opening.start if opening is not None else 0.0
        return opening is not None

    def opens_in(self, now: float) -> float:
        """Seconds until the next window opens."""
        opening = schedule.next_opening(self._declaration, now)
        return opening.start - now if opening is not None else math.inf

    def opens(self, now: float) -> str:
        """When the next window opens, for people."""
        opening = schedule.next_opening(self._declaration, now)
        if opening is None:
            return "never"
        self.goes_on = iso(opening.start)
        return schedule.told(self._declaration, opening.start)

    def left(self, now: float, outages: Sequence[float], drains: Sequence[float], sessions: int) -> Left:
        """What is left of the window, and what hosts take: the slowest twentieth of `outages` and `drains` (seconds so
        far, ascending), the typical time before there are any."""
        if self._closes == math.inf:
            return Left()
        drain, empty = self._declaration.drain, schedule.EMPTYING
        out = quantile(outages, SLOW) if len(outages) >= ENOUGH else max([schedule.OUTAGE, *outages])
        if sessions:
            # A drain that is not done when the window closes is given back: nothing is lost but the users' peace.
            longest = min(drain.deadline + drain.grace, self._length * HALF)
            empty = quantile(drains, SLOW) if len(drains) >= ENOUGH else max(empty, longest)
        return Left(
            self._closes - now, from_build=schedule.BUILD + empty + out, from_drain=empty + out, from_release=out
        )
