"""When an operation is asked about: pure functions of what operations of its kind took."""

from __future__ import annotations

import pytest

from rollout.poll_times import (
    KEPT,
    MARGIN,
    SHORTEST,
    SLOW_WATCH,
    WATCH,
    WELL_BEFORE,
    PollTimes,
    kind_of,
    pause,
    quantile,
    watch_pause,
)

JOINS = [float(seconds) for seconds in range(120, 241)]
"""Two minutes to four."""


def polls(seen: list[float], ends_at: float, *, urgent: bool, scarcity: float = 0.0) -> tuple[int, float]:
    """How many polls an operation takes that ends at a time, and how late its end is noticed."""
    at, count = 0.0, 0
    while at < ends_at:
        at += pause(seen, at, urgent=urgent, scarcity=scarcity)
        count += 1
    return count, at - ends_at


def test_an_operation_that_always_takes_the_same_needs_one_poll() -> None:
    for urgent in (True, False):
        assert polls([110.0] * 5, 110.0, urgent=urgent) == (1, MARGIN)


def test_what_is_waited_for_is_asked_about_from_when_the_quickest_had_ended() -> None:
    assert pause(JOINS, 0.0, urgent=True, scarcity=0.0) == pytest.approx(132.5)
    assert polls(JOINS, 125.0, urgent=True)[0] == 1
    counts, late = zip(*(polls(JOINS, end, urgent=True) for end in JOINS), strict=True)
    assert sum(counts) / len(counts) < 7
    assert max(late) < 21.0


def test_what_nobody_waits_for_is_asked_about_once_most_would_have_ended() -> None:
    counts = [polls(JOINS, end, urgent=False)[0] for end in JOINS]
    assert sum(counts) / len(counts) < 1.15


def test_where_reads_are_scarce_fewer_are_spent_on_what_is_waited_for() -> None:
    def spent(scarcity: float) -> int:
        return sum(polls(JOINS, end, urgent=True, scarcity=scarcity)[0] for end in JOINS)

    assert spent(0.0) > spent(0.5) > spent(1.0)


def test_nothing_known_is_asked_about_by_what_has_passed() -> None:
    assert pause([110.0, 110.0], 0.0, urgent=True, scarcity=0.0) == 5.0
    assert pause([], 120.0, urgent=True, scarcity=0.0) == 20.0
    assert pause([], 3600.0, urgent=True, scarcity=0.0) == 30.0
    assert pause([], 3600.0, urgent=False, scarcity=0.0) == 60.0
    assert pause([0.1, 0.1, 0.1], 0.6, urgent=True, scarcity=0.0) >= SHORTEST


def test_the_newest_durations_count() -> None:
    times = PollTimes()
    for seconds in [10.0] * KEPT + [20.0] * KEPT:
        times.learn("start", seconds)
    assert list(times.seen("start")) == [20.0] * KEPT
    assert times.seen("stop") == ()


def test_a_kind_leaves_out_which_machine_it_was() -> None:
    assert kind_of("PUT virtualMachines/vm-7/extensions/DSC") == "PUT virtualMachines/extensions/DSC"
    assert kind_of("PATCH virtualMachines/vm-7 storageProfile") == "PATCH virtualMachines storageProfile"
    assert kind_of("DELETE disks/a") == kind_of("DELETE disks/b")


def test_a_quantile_is_one_of_the_values() -> None:
    assert [quantile([1.0, 2.0, 3.0, 4.0], share) for share in (0.0, 0.25, 0.5, 1.0)] == [1.0, 2.0, 3.0, 4.0]


def test_what_must_be_answered_when_it_appears_is_watched_closely_from_well_before_the_earliest() -> None:
    assert watch_pause([], 0.0, scarcity=0.0) == WATCH  # nothing known: closely from the start
    seen = [150.0, 200.0, 300.0]
    assert watch_pause(seen, 0.0, scarcity=0.0) == SLOW_WATCH  # the longest that anything goes unseen
    assert watch_pause(seen, 110.0, scarcity=0.0) == pytest.approx(WELL_BEFORE * 150 - 110)
    assert watch_pause(seen, 130.0, scarcity=0.0) == WATCH
    assert watch_pause(seen, 130.0, scarcity=1.0) == 3 * WATCH


def test_what_had_ended_before_the_first_look_counts_as_somewhat_less_so_that_looks_do_not_drift_later() -> None:
    times = PollTimes()
    for _ in range(KEPT):
        times.learn("boot", 100.0, at_first_look=True)
    assert list(times.seen("boot")) == [90.0] * KEPT
