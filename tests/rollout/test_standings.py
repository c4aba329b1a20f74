"""Counts that are kept as hosts change equal those of hosts counted anew, and cost no more in a large pool."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.admission import Candidate, Candidates, Limits, Stage, admit
from rollout.standings import Listed, Standings


@dataclass
class Work:
    """A host's work that is whatever a test says; counts how often it is asked for its stage."""

    name: str
    at: Stage = Stage.QUEUED
    failed: bool = False
    updated: bool = False
    begun: bool = False
    idle: bool = False
    holds_slot: bool = False
    outage: float | None = None
    emptying: float | None = None
    occupied: bool = False
    draining_since: float | None = None
    closed: bool = False
    asked: int = 0

    @property
    def stage(self) -> Stage:
        self.asked += 1
        return self.at

    @property
    def ended(self) -> bool:
        return self.at is Stage.ENDED


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from(Stage),
        st.booleans(),
        st.booleans(),
        st.one_of(st.none(), st.floats(1, 9)),
        st.builds(Listed, st.booleans(), st.booleans()),
    ),
    max_size=30,
)


def counted(standings: Standings) -> dict[str, Any]:
    """Everything that the scheduler asks, in a form that can be compared."""
    names = ("updated", "serving", "proven", "at_work", "to_begin", "canaries")
    found: dict[str, Any] = {name: getattr(standings, name) for name in names}
    found["failed"] = sorted(standings.failed)
    found["at"] = {stage: [c.name for c in standings.candidates.at(stage)] for stage in Stage}
    found["slots"] = standings.candidates.broken, standings.candidates.holding
    return found


@given(CHANGES)
def test_hosts_counted_as_they_change_are_those_counted_anew(changes: list[Any]) -> None:
    works = [Work(f"vm-{number}") for number in range(6)]
    listed = dict.fromkeys((work.name for work in works), Listed(True, False))
    standings = Standings(works, listed.__getitem__)
    for number, stage, flag, other, outage, found in changes:
        work = works[number]
        work.at, work.failed, work.updated, work.begun, work.holds_slot = stage, flag, other, other, flag
        work.outage, listed[work.name] = work.outage or outage, found
        standings.note([work.name])
    assert counted(standings) == counted(Standings(works, listed.__getitem__))
    assert standings.outages == sorted(work.outage for work in works if work.outage is not None)


@pytest.mark.parametrize("hosts", [20, 2000])
def test_a_change_costs_a_look_at_the_host_that_changed_however_many_there_are(hosts: int) -> None:
    works = [Work(f"vm-{number}") for number in range(hosts)]
    standings = Standings(works, lambda name: Listed(True, False))
    for work in works:
        work.asked = 0
    works[3].at = Stage.BUILDING
    standings.note(["vm-3"])
    assert sum(work.asked for work in works) == 1
    assert standings.candidates.count(Stage.BUILDING) == 1


def test_how_long_people_stay_counts_those_who_are_still_there() -> None:
    works = [Work(f"vm-{number}", Stage.DRAINING, occupied=True, draining_since=0.0) for number in range(8)]
    quick = Work("vm-8", Stage.EMPTY, emptying=60.0)
    standings = Standings([*works, quick], lambda name: Listed(True, False))
    assert standings.stay(600.0) is None
    for work in works[:5]:
        work.at, work.emptying = Stage.EMPTY, 300.0
    standings.note(work.name for work in works)
    assert standings.stay(600.0) == (5 * 300 + 3 * 600) / 5  # not 300, of which nobody knows whether it is typical
    assert standings.drains == [60.0] + [300.0] * 5


class Walked(Candidates):
    """Candidates that count how many of them are looked at."""

    def __init__(self, candidates: list[Candidate]) -> None:
        super().__init__(candidates)
        self.walked: Counter[str] = Counter()

    def at(self, *stages: Stage, before: int | None = None) -> Any:
        for candidate in super().at(*stages, before=before):
            self.walked[str(stages)] += 1
            yield candidate


@pytest.mark.parametrize("hosts", [40, 2000])
def test_who_may_go_next_is_found_without_going_through_the_pool(hosts: int) -> None:
    tenth = hosts // 10
    stages = [Stage.OUT, Stage.EMPTY, Stage.DRAINING, Stage.BUILT, Stage.BUILDING]
    busy = [stage for stage in stages for _ in range(tenth)]
    them = [
        Candidate(f"vm-{number}", busy[number] if number < len(busy) else Stage.QUEUED, serving=True, broken=False)
        for number in range(hosts)
    ]
    candidates = Walked(them)
    limits = Limits(tenth, tenth, hosts, 0, 0, 2 * tenth, hosts, True, 1, None)
    go = admit(candidates, limits)
    assert go.release == go.drain == ()  # all slots are taken, and enough hosts are drained
    assert sum(candidates.walked.values()) <= 3


@pytest.mark.parametrize(
    ("stage", "idle", "listed", "serves"),
    [
        (Stage.QUEUED, False, True, True),
        (Stage.QUEUED, False, False, False),
        (Stage.DRAINING, False, True, False),
        (Stage.OUT, False, True, False),
        (Stage.BACK, False, False, True),
        (Stage.BACK, True, True, False),
        (Stage.ENDED, False, True, True),
        (Stage.ENDED, True, True, False),  # it went off again, and the list does not know it yet
    ],
)
def test_i1_capacity_a_host_that_goes_back_to_off_or_draining_serves_nobody(
    stage: Stage, idle: bool, listed: bool, serves: bool
) -> None:
    standings = Standings([Work("vm-0", stage, idle=idle)], lambda name: Listed(listed, False))
    assert standings.serving == int(serves)
