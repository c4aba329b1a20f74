"""When a declaration lets hosts be taken out of service, and how long it will take."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from rollout.clock import local
from rollout.declaration import Build, Declaration
from rollout.values import MINUTE
from rollout.window import Opening

FARTHEST = 14 * 86400.0
"""Seconds that start_at may lie ahead: what is scheduled for later is better committed later."""
OUTAGE = 15 * MINUTE
"""Seconds a host is out of service before a run has measured its own (azure-docs session-host-update: about 20 minutes
a host, building included)."""
BUILD = 5 * MINUTE
"""Seconds the build of a disk takes, by the same."""
EMPTYING = 5 * MINUTE
"""Seconds in which a host without sessions is drained: extensions are removed meanwhile."""
MOST_WINDOWS = 1000


def openings(declaration: Declaration, after: float, moved: float | None = None) -> Iterator[Opening]:
    """The times, in order, in which hosts may be taken out of service and that end after an epoch second.

    `moved`: when a person wants the next one to begin (`hostpool schedule`): there is none before. Outside the declared
    windows it is as long as one of them, and lasts until the end of one that begins meanwhile. A time at which the pool
    must be ready ends each. In an emergency it is always open."""
    if declaration.emergency is not None:
        yield Opening(-math.inf, math.inf)
    elif moved is None:
        yield from _declared(declaration, after)
    else:
        first = _moved(declaration, moved)
        if first.end > after:
            yield first
        yield from (each for each in _declared(declaration, max(after, first.end)) if each.start >= first.end)


def _declared(declaration: Declaration, after: float) -> Iterator[Opening]:
    if declaration.window is None:
        yield Opening(declaration.start_at if declaration.start_at is not None else -math.inf, math.inf)
        return
    for opening in declaration.window.openings(after):
        cut = _until_ready(declaration, opening)
        if cut.end > after:
            yield cut


def _moved(declaration: Declaration, at: float) -> Opening:
    if declaration.window is None:
        return Opening(at, math.inf)
    # Moved to shortly before a declared window, it goes on until that one ends.
    end, around = at + declaration.window.duration, next(_declared(declaration, at))
    end = around.end if around.start <= end else end
    return _until_ready(declaration, Opening(at, end))


def _until_ready(declaration: Declaration, opening: Opening) -> Opening:
    if declaration.ready_by is None:
        return opening
    return replace(opening, end=min(opening.end, declaration.ready_by.after(opening.start)))


def opening_at(declaration: Declaration, now: float, moved: float | None = None) -> Opening | None:
    """The opening that `now` lies in, or None."""
    first = next(openings(declaration, now, moved), None)
    return first if first is not None and first.start <= now else None


def next_opening(declaration: Declaration, now: float, moved: float | None = None) -> Opening | None:
    """The first opening that begins after `now`; None where none does."""
    return next((opening for opening in openings(declaration, now, moved) if opening.start > now), None)


def told(declaration: Declaration, at: float) -> str:
    """An epoch second for people: in the pool's zone and UTC."""
    return local(at, declaration.zone)


def finish(declaration: Declaration, ends: float, now: float) -> float:
    """When a host whose users have until `ends` is expected to be updated, for people: by the end of the maintenance
    window, else after a typical outage, in steps of five minutes."""
    opening = opening_at(declaration, now)
    if opening is not None and opening.end > ends and not math.isinf(opening.end):
        return opening.end
    return math.ceil((ends + OUTAGE) / (5 * MINUTE)) * 5 * MINUTE


def swaps(declaration: Declaration, opening: Opening, pool: int, *, canaries: int) -> int:
    """How many hosts of a pool of `pool` an opening can take out and give back, their disks ready, if nobody has to be
    waited for: `canaries` that bake first, then batches of max_unavailable. At most `pool`."""
    alone = OUTAGE + declaration.canary.bake if canaries else 0.0
    left = opening.end - opening.start - EMPTYING - alone
    if left < 0:
        return 0
    fitting = pool if math.isinf(left) else int(left // OUTAGE) * declaration.max_unavailable.of(pool)
    return min(pool, canaries + fitting)


@dataclass(frozen=True)
class Estimate:
    """When the work begins and ends (epoch seconds), and in how many openings it is done."""

    begins: float
    ends: float
    windows: int
    """0 where it will never be done."""

    def line(self, declaration: Declaration) -> str:
        """`begins Sat 2026-11-28 22:00 Europe/Amsterdam (21:00 UTC), about 4 h 10 min, 1 window`."""
        if not self.windows:
            return "no window is long enough for its canary and a host"
        minutes = round((self.ends - self.begins) / MINUTE)
        long = f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
        windows = ""
        if declaration.window is not None:
            windows = f", {self.windows} window{'s' if self.windows > 1 else ''}"
        if self.windows > 1:
            return f"begins {told(declaration, self.begins)}, ends {told(declaration, self.ends)}{windows}"
        return f"begins {told(declaration, self.begins)}, about {long}{windows}"


def estimate(
    declaration: Declaration,
    hosts: int,
    pool: int,
    now: float,
    *,
    outage: float = OUTAGE,
    moved: float | None = None,
) -> Estimate:
    """What `hosts` hosts of a pool of `pool` will take, if nobody has to be waited for: the canary's build, outage and
    bake, then batches of max_unavailable. In each opening only as many batches as end inside it; what is left of one
    that is under way may be too short for the canary. `moved` as for `openings`."""
    canaries = min(declaration.canary.hosts, hosts)
    at_once = declaration.max_unavailable.of(pool)
    rounds = math.ceil((hosts - canaries) / at_once)
    if declaration.build is Build.AFTER_DEALLOCATE:
        outage += BUILD
    alone = outage + declaration.canary.bake if canaries else 0.0
    begins, ends, windows = now, now, 0
    for opening in openings(declaration, now, moved):
        # With disks that are ready the window is spent on swaps; one that is open already begins with a build.
        building = 0.0 if declaration.build_ahead and opening.start >= now + BUILD else BUILD
        at = max(now, opening.start) + building + EMPTYING
        if at + alone + (outage if rounds else 0.0) > opening.end:
            if opening.start >= now or windows:
                break
            continue
        begins = begins if windows else max(now, opening.start)
        at, alone, windows = at + alone, 0.0, windows + 1
        fitting = rounds if math.isinf(opening.end) else min(rounds, int((opening.end - at) // outage))
        rounds, ends = rounds - fitting, at + fitting * outage
        if rounds <= 0:
            return Estimate(begins, ends, windows)
        if windows >= MOST_WINDOWS:
            break
    return Estimate(begins, ends, 0)
