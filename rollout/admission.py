"""Who may go on: the pure heart of the scheduler.

A sliding window without barriers: a free slot takes the next host at once. Only hosts out of service count against
max_unavailable; draining hosts still serve their users and are limited by the capacity floor; builds touch no user and
are limited by max_building.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from heapq import merge
from itertools import islice


class Stage(IntEnum):
    """Where a host is, as far as admission is concerned."""

    QUEUED = 0
    BUILDING = 1
    HELD = 2
    """Built, and protected: it waits for a person, and holds no place of others."""
    BUILT = 3
    """Waits to be drained."""
    DRAINING = 4
    EMPTY = 5
    """Waits for a slot of max_unavailable."""
    OUT = 6
    """Out of service through us."""
    BACK = 7
    """Takes sessions again on its new disk; leftovers are being removed."""
    ENDED = 8


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
    by_stay: bool = True
    """As many hosts with sessions are drained ahead as it takes by the time for which people stay. Else by the drain's
    deadline."""
    empty_ahead: bool = True
    """Hosts without sessions are drained as far ahead as the deadline asks for: that disturbs nobody, and who signs in
    meanwhile goes to another host. Else no sooner than they become empty."""


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
    sessions: int = 0
    """As of the pool's last list, disconnected ones included."""
    closed: bool = False
    """Takes no new sessions ahead of its turn (`rollout/hand_off.py`): draining it lowers capacity no further."""


@dataclass(frozen=True)
class Left:
    """Time, in seconds: how much of the maintenance window is left, and what a host still takes at each stage until it
    serves again."""

    seconds: float = math.inf
    from_build: float = 0.0
    from_drain: float = 0.0
    from_release: float = 0.0
    opens: float = 0.0
    """Until it opens, where disks are built ahead of it."""

    @property
    def builds(self) -> bool:
        """A host that is begun now serves again before the window ends."""
        return self.seconds >= self.from_build

    @property
    def drains(self) -> bool:
        return self.opens <= 0 and self.seconds >= self.from_drain

    @property
    def releases(self) -> bool:
        return self.opens <= 0 and self.seconds >= self.from_release


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
    """Hosts that may be draining or empty at once, so that a free slot finds one that is ready. A host without sessions
    is empty at once: see `ahead_empty`."""
    at_once: int
    """Hosts that may be draining, empty or out at once, whatever the load: the rest of the pool takes users."""
    build_proven: bool
    """A disk of this image has been built: until then only `first_builds` are tried, since an image that cannot be
    provisioned fails on every host alike."""
    first_builds: int
    canary_left: int | None
    """Hosts that may still go out before the canary has passed; None once it has."""
    canary: frozenset[str] | None = None
    """Names of the hosts that are the canary; None where any of the first may be."""
    alone: bool = False
    """The run ends with the canary: nobody else is begun before it has passed."""
    order: Order = Order()
    left: Left = Left()
    ahead_empty: int | None = None
    """How many without sessions may be; None: they count as the others."""
    floor_occupied: int = 0
    """The floor for hosts with sessions, which take longer until they serve again: load may grow meanwhile."""
    max_sessions: int | None = None
    """Hosts with more sessions are not drained."""
    carry: int | None = None
    """Hosts that must accept sessions for the rest of the run, where the other old ones are closed; None: each takes
    sessions until its turn."""
    stock: int | None = None
    """Disks that are to be ready when the window opens, while it is closed; else as many as keep the slots filled."""


@dataclass(frozen=True)
class Admissions:
    build: tuple[str, ...] = ()
    drain: tuple[str, ...] = ()
    release: tuple[str, ...] = ()


def look_ahead(max_unavailable: int, hosts: int, drain: float, outage: float) -> int:
    """How many hosts to drain at once: while one batch is out (`outage` seconds) the next must become empty, which
    takes `drain` seconds; never more than half of the pool."""
    wanted = math.ceil(max_unavailable * (1 + drain / max(outage, 60.0)))
    return max(max_unavailable, min(wanted, hosts // 2))


class Candidates:
    """The hosts that need work, in the order in which they should go, counted as they change: who may go next is asked
    at every change, and a pool may have thousands."""

    def __init__(self, candidates: Iterable[Candidate] = ()) -> None:
        self._all = list(candidates)
        self._place = {candidate.name: place for place, candidate in enumerate(self._all)}
        self._at: dict[Stage, list[int]] = {stage: [] for stage in Stage}
        self.broken = self.holding = self.empty = self.closed = 0
        """Hosts not yet out that were found broken; hosts that ended as failed and keep their slot; hosts without
        sessions that drain or wait for a slot; hosts that take no new sessions ahead of their turn."""
        for place, candidate in enumerate(self._all):
            self._count(place, candidate)

    def put(self, candidate: Candidate) -> None:
        """This host is now so. Its name is one of those there were at first."""
        place = self._place[candidate.name]
        before = self._all[place]
        if candidate == before:
            return
        there = self._at[before.stage]
        del there[bisect_left(there, place)]
        self.broken -= before.broken and before.stage < Stage.OUT
        self.holding -= before.holds_slot and before.stage is Stage.ENDED
        self.empty -= _waits_empty(before)
        self.closed -= before.closed
        self._all[place] = candidate
        self._count(place, candidate)

    def _count(self, place: int, candidate: Candidate) -> None:
        insort(self._at[candidate.stage], place)
        self.broken += candidate.broken and candidate.stage < Stage.OUT
        self.holding += candidate.holds_slot and candidate.stage is Stage.ENDED
        self.empty += _waits_empty(candidate)
        self.closed += candidate.closed

    def count(self, *stages: Stage) -> int:
        return sum(len(self._at[stage]) for stage in stages)

    def at(self, *stages: Stage, before: int | None = None) -> Iterator[Candidate]:
        """Those at these stages, in order, up to the place `before`."""
        places = self._at[stages[0]] if len(stages) == 1 else merge(*(self._at[stage] for stage in stages))
        for place in places:
            if before is not None and place >= before:
                return
            yield self._all[place]

    def first_before(self, stage: Stage) -> int:
        """The place of the first host that has not come to this stage; their number where all have."""
        firsts = [places[0] for at, places in self._at.items() if at < stage and places]
        return min(firsts, default=len(self._all))


def _emptiness(candidate: Candidate) -> tuple[bool, int]:
    """The order of those that empty soonest: nobody comes to a closed host, whose drain lowers no capacity either."""
    return not candidate.closed, candidate.sessions


def _waits_empty(candidate: Candidate) -> bool:
    return candidate.sessions == 0 and candidate.stage in (Stage.DRAINING, Stage.EMPTY)


def admit(candidates: Candidates, limits: Limits) -> Admissions:
    """Which hosts may go on now."""
    batch = _batch(candidates, limits)
    to_drain = None if limits.order.drain_ahead else batch
    return Admissions(
        _builds(candidates, limits) if limits.left.builds else (),
        _drains(candidates, limits, to_drain) if limits.left.drains else (),
        _releases(candidates, limits, batch) if limits.left.releases else (),
    )


def _batch(candidates: Candidates, limits: Limits) -> int | None:
    """Before which place the hosts are that may go out: with barriers the end of the batch that is under way."""
    if not limits.order.barrier or limits.canary_left is not None:
        return None
    return (candidates.first_before(Stage.BACK) // limits.max_unavailable + 1) * limits.max_unavailable


def may_be_first(candidate: Candidate, limits: Limits) -> bool:
    """Whether the host may go before the canary has passed: it is one of its hosts, or any may be."""
    return limits.canary_left is None or limits.canary is None or candidate.name in limits.canary


def _releases(candidates: Candidates, limits: Limits, before: int | None) -> tuple[str, ...]:
    out, broken = candidates.count(Stage.OUT) + candidates.holding, candidates.broken + limits.broken_elsewhere
    left = math.inf if limits.canary_left is None else limits.canary_left
    admitted = []
    # By their names, a slot is kept for the next host though that is not empty yet.
    waiting = (Stage.EMPTY,) if limits.order.by_sessions else (Stage.DRAINING, Stage.EMPTY)
    for candidate in candidates.at(*waiting, before=before):
        if out >= limits.max_unavailable or left <= 0:
            break
        # A host found broken counts already: mending it takes no further host out of service.
        full = out + broken >= limits.max_unavailable
        if full and not candidate.broken:
            if candidates.broken == 0:
                break
            continue
        # The canary itself waits for the slot that a broken host holds: then that one is mended first.
        if not may_be_first(candidate, limits) and not (full and candidate.broken):
            continue
        if candidate.stage is Stage.EMPTY:
            admitted.append(candidate.name)
        left -= 1
        out += 1
        broken -= 1 if candidate.broken else 0
    return tuple(admitted)


def _drains(candidates: Candidates, limits: Limits, before: int | None) -> tuple[str, ...]:
    """Those that empty soonest first: by their sessions now, among equals in their order."""
    room = _Room(candidates, limits)
    if (limits.alone and limits.canary_left == 0) or (room.full and not room.mends):
        return ()
    waiting = list(candidates.at(Stage.BUILT, before=before))
    if limits.order.by_sessions:
        waiting.sort(key=_emptiness)
    return tuple(candidate.name for candidate in waiting if room.takes(candidate))


class _Room:
    """How many more hosts may be drained, and which."""

    def __init__(self, candidates: Candidates, limits: Limits) -> None:
        self._limits, self._serving = limits, limits.serving
        self._waiting, self._empty = candidates.count(Stage.DRAINING, Stage.EMPTY), candidates.empty
        self._out = candidates.count(Stage.OUT)
        self._at_once, self._ahead, self._ahead_empty = limits.at_once, limits.ahead, limits.ahead_empty
        self.mends = candidates.broken > 0 and limits.order.drain_ahead
        """A host found broken serves nobody and holds a slot until it is mended: it waits for none of the others, which
        may be waiting for its slot."""
        if not limits.order.drain_ahead:
            self._at_once = min(self._at_once, limits.max_unavailable)
            self._ahead = self._at_once if limits.canary_left is None else limits.canary_left
            self._ahead_empty = None
        if limits.alone and limits.canary_left is not None:
            self._ahead, self._ahead_empty = min(self._ahead, limits.canary_left), None

    @property
    def full(self) -> bool:
        return self._full_for(occupied=True) and self._full_for(occupied=False)

    def _full_for(self, *, occupied: bool) -> bool:
        enough = self._waiting >= self._ahead
        if not occupied and self._ahead_empty is not None:
            enough = self._empty >= self._ahead_empty  # it overtakes those that wait for their users
        return enough or self._waiting + self._out >= self._at_once

    def takes(self, candidate: Candidate) -> bool:
        """Whether this host may be drained, beside those that were taken before."""
        limits, occupied = self._limits, candidate.sessions > 0
        # While the canary is yet to be drained, nobody takes its place; a broken host holds a slot that it may need.
        if (limits.canary_left or limits.alone) and not may_be_first(candidate, limits) and not candidate.broken:
            return False
        if self._full_for(occupied=occupied) and not (candidate.broken and self.mends):
            return False
        floor = max(limits.floor, limits.floor_occupied) if occupied else limits.floor
        if candidate.serving and self._serving - 1 < floor:
            return False
        if limits.max_sessions is not None and candidate.sessions > limits.max_sessions:
            return False
        self._waiting += 1
        self._empty += not occupied
        self._serving -= 1 if candidate.serving else 0
        return True


def _builds(candidates: Candidates, limits: Limits) -> tuple[str, ...]:
    building = candidates.count(Stage.BUILDING)
    started = candidates.count(Stage.BUILDING, Stage.BUILT, Stage.DRAINING, Stage.EMPTY)
    stock = limits.ahead + limits.max_building if limits.stock is None else limits.stock
    room = min(limits.max_building - building, stock - started)
    if not limits.build_proven:
        room = min(room, limits.first_builds - started)
    if limits.alone and limits.canary_left is not None:
        room = min(room, limits.canary_left - started)
    queued: Iterable[Candidate] = candidates.at(Stage.QUEUED)
    if candidates.closed and limits.order.by_sessions:
        queued = sorted(queued, key=_emptiness)  # those that are closed empty by themselves
    return tuple(c.name for c in islice(queued, max(0, room)))
