"""Who may go on: the pure heart of the scheduler.

A sliding window without barriers: a free slot takes the next host at once. Only hosts out of service count against
max_unavailable; draining hosts still serve their users and are limited by the capacity floor; builds touch no user and
are limited by max_building.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class Stage(IntEnum):
    """Where a host is, as far as admission is concerned."""

    QUEUED = 0
    BUILDING = 1
    BUILT = 2
    """Waits to be drained."""
    DRAINING = 3
    EMPTY = 4
    """Waits for a slot of max_unavailable."""
    OUT = 5
    """Out of service through us."""
    BACK = 6
    """Takes sessions again on its new disk; leftovers are being removed."""
    ENDED = 7


@dataclass(frozen=True)
class Order:
    """How the engine schedules; the defaults are the product, others are for comparison in the benchmark. (Whether
    disks are built ahead is declared: `build`.)"""

    barrier: bool = False
    """No sliding window, but batches of max_unavailable hosts, the next when the last has ended: AVD's own order."""
    drain_ahead: bool = True
    """Hosts are drained before there is a slot for them, so that a free slot finds one that is empty."""
    by_sessions: bool = True
    """Hosts with the fewest sessions first, and a slot for whoever is empty first. Else all by their names."""


@dataclass(frozen=True)
class Candidate:
    """A host that needs work, as of now."""

    name: str
    stage: Stage
    serving: bool
    """Accepts sessions now: draining it lowers capacity."""
    broken: bool
    """Found out of service, not by us: it holds a slot already."""
    holds_slot: bool = False
    """Ended as failed: a broken host keeps its slot."""


@dataclass(frozen=True)
class Limits:
    max_unavailable: int
    max_building: int
    serving: int
    """Hosts of the whole pool that accept sessions now."""
    floor: int
    broken_elsewhere: int
    """Broken hosts of the pool that need no work."""
    ahead: int
    """Hosts that may be draining or empty at once, so that a free slot finds one that is ready."""
    at_once: int
    """Hosts that may be draining, empty or out at once, whatever the load: the rest of the pool takes users."""
    build_proven: bool
    """A disk of this image has been built: until then only `first_builds` are tried, since an image that cannot be
    provisioned fails on every host alike."""
    first_builds: int
    canary_left: int | None
    """Hosts that may still go out before the canary has passed; None once it has."""
    order: Order = Order()


@dataclass(frozen=True)
class Admissions:
    build: tuple[str, ...] = ()
    drain: tuple[str, ...] = ()
    release: tuple[str, ...] = ()


def look_ahead(max_unavailable: int, hosts: int, drain_deadline: float, outage: float) -> int:
    """How many hosts to drain at once: while one batch is out (`outage` seconds) the next must become empty, which
    takes up to `drain_deadline` seconds; never more than half of the pool."""
    wanted = math.ceil(max_unavailable * (1 + drain_deadline / max(outage, 60.0)))
    return max(max_unavailable, min(wanted, hosts // 2))


def admit(candidates: Sequence[Candidate], limits: Limits) -> Admissions:
    """Which hosts may go on now; candidates are in the order in which they should."""
    batch = _batch(candidates, limits)
    to_drain = candidates if limits.order.drain_ahead else batch
    return Admissions(
        _builds(candidates, limits), _drains(candidates, limits, to_drain), _releases(candidates, limits, batch)
    )


def _batch(candidates: Sequence[Candidate], limits: Limits) -> Sequence[Candidate]:
    """The hosts that may go out: with barriers those up to the end of the batch that is under way."""
    if not limits.order.barrier or limits.canary_left is not None:
        return candidates
    ended = next((n for n, c in enumerate(candidates) if c.stage < Stage.BACK), len(candidates))
    return candidates[: (ended // limits.max_unavailable + 1) * limits.max_unavailable]


def _at(candidates: Sequence[Candidate], *stages: Stage) -> list[Candidate]:
    return [c for c in candidates if c.stage in stages]


def _out(candidates: Sequence[Candidate]) -> int:
    return sum(1 for c in candidates if c.stage is Stage.OUT or (c.stage is Stage.ENDED and c.holds_slot))


def _releases(candidates: Sequence[Candidate], limits: Limits, among: Sequence[Candidate]) -> tuple[str, ...]:
    out = _out(candidates)
    broken = sum(1 for c in candidates if c.broken and c.stage < Stage.OUT) + limits.broken_elsewhere
    left = math.inf if limits.canary_left is None else limits.canary_left
    admitted = []
    # By their names, a slot is kept for the next host though that is not empty yet.
    waiting = (Stage.EMPTY,) if limits.order.by_sessions else (Stage.DRAINING, Stage.EMPTY)
    for candidate in _at(among, *waiting):
        # A host found broken counts already: mending it takes no further host out of service.
        taken = out + broken - (1 if candidate.broken else 0)
        if taken >= limits.max_unavailable and not (candidate.broken and out < limits.max_unavailable):
            continue
        if left <= 0:
            break
        if candidate.stage is Stage.EMPTY:
            admitted.append(candidate.name)
        left -= 1
        out += 1
        broken -= 1 if candidate.broken else 0
    return tuple(admitted)


def _drains(candidates: Sequence[Candidate], limits: Limits, among: Sequence[Candidate]) -> tuple[str, ...]:
    waiting, out = len(_at(candidates, Stage.DRAINING, Stage.EMPTY)), len(_at(candidates, Stage.OUT))
    ahead, at_once = limits.ahead, limits.at_once
    if not limits.order.drain_ahead:
        at_once = min(at_once, limits.max_unavailable)
        ahead = at_once if limits.canary_left is None else limits.canary_left
    serving, admitted = limits.serving, []
    for candidate in _at(among, Stage.BUILT):
        if waiting >= ahead or waiting + out >= at_once:
            break
        if candidate.serving and serving - 1 < limits.floor:
            continue
        admitted.append(candidate.name)
        waiting += 1
        serving -= 1 if candidate.serving else 0
    return tuple(admitted)


def _builds(candidates: Sequence[Candidate], limits: Limits) -> tuple[str, ...]:
    building = len(_at(candidates, Stage.BUILDING))
    started = len(_at(candidates, Stage.BUILDING, Stage.BUILT, Stage.DRAINING, Stage.EMPTY))
    room = min(limits.max_building - building, limits.ahead + limits.max_building - started)
    if not limits.build_proven:
        room = min(room, limits.first_builds - started)
    return tuple(c.name for c in _at(candidates, Stage.QUEUED)[: max(0, room)])
