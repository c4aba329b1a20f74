"""When it is worth asking whether something has ended: learned from what of its kind has.

A poll costs a read, and reads are what thousands of hosts share. What a host out of service waits for is asked about
from the time at which the quickest tenth had ended; what nobody waits for, once nine in ten would have.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence

ENOUGH = 3
"""Operations of a kind that must have been seen before their durations count."""
KEPT = 50
"""Durations that are kept for a kind, the newest."""
UNSEEN = 0.1
"""Share that is taken off the duration of what had ended before the first look: it may have long since."""
MARGIN = 0.5
"""Seconds added to a learned time: our count begins a little before Azure's."""
SHORTEST = 2.0
"""Seconds between two polls, at least."""
WATCH = 5.0
"""Seconds between close looks while reads are plenty; three times as many where they are scarce."""
SLOW_WATCH = 30.0
WELL_BEFORE = 0.8

_NAMED = re.compile(r"(virtualMachines|disks|networkInterfaces)/[^/ ]+")


class PollTimes:
    """How long things took, by kind: operations of Azure, and waits of hosts."""

    def __init__(self) -> None:
        self._seen: dict[str, list[float]] = {}
        self._newest: dict[str, deque[float]] = {}

    def learn(self, kind: str, seconds: float, *, at_first_look: bool = False) -> None:
        """Something of this kind has ended after `seconds`, by its own account or as it was noticed."""
        if at_first_look:
            seconds *= 1 - UNSEEN
        newest = self._newest.setdefault(kind, deque())
        seen = self._seen.setdefault(kind, [])
        newest.append(seconds)
        insort(seen, seconds)
        if len(newest) > KEPT:
            del seen[bisect_left(seen, newest.popleft())]

    def seen(self, kind: str) -> Sequence[float]:
        """Durations of this kind, ascending."""
        return self._seen.get(kind, ())


def kind_of(operation: str) -> str:
    """What operations have in common: `PUT virtualMachines/vm-7/extensions/DSC` without the machine's name."""
    return _NAMED.sub(r"\1", operation)


def pause(seen: Sequence[float], passed: float, *, urgent: bool, scarcity: float) -> float:
    """Seconds until the next look at what has gone on for `passed` seconds. `seen`: how long others of its kind took,
    ascending. `scarcity`: from 0, reads are plenty, to 1, they are waited for."""
    if len(seen) >= ENOUGH:
        early, late = quantile(seen, 0.1), quantile(seen, 0.9)
        first = (quantile(seen, 0.1 + 0.5 * scarcity) if urgent else late) + MARGIN
        if passed < first:
            return max(SHORTEST, first - passed)
        if passed < late:
            return min(10.0 + 35.0 * scarcity, max(SHORTEST, (late - early) / (4 - 2 * scarcity)))
        if urgent:
            return min(30.0, max(5.0, passed / 12))
    # Compute's bucket of status reads has room for 15 a minute and VM.
    return min(30.0, max(5.0, passed / 6)) if urgent else min(60.0, max(10.0, passed / 4))


def watch_pause(seen: Sequence[float], passed: float, *, scarcity: float) -> float:
    """Seconds until the next look for what must be answered when it appears: close looks from well before the earliest
    that was seen, rarer ones until then, so that what comes earlier than ever goes unseen for SLOW_WATCH at most."""
    begins = WELL_BEFORE * seen[0] if len(seen) >= ENOUGH else 0.0
    close = WATCH * (1 + 2 * scarcity)
    return max(close, min(SLOW_WATCH, begins - passed))


def quantile(ascending: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    return ascending[min(len(ascending) - 1, int(share * len(ascending)))]
