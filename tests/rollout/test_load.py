"""The pool's load by hour of the week, in two tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout import load, names
from rollout.clock import from_iso
from rollout.load import Load
from rollout.record import LIMIT

HOUR, WEEK = 3600.0, 7 * 86400.0
MONDAY = from_iso("2026-01-12T08:00:00Z")


def known(*sessions: int, since: float = MONDAY) -> Load:
    """Hour after hour."""
    found = Load()
    for hour, count in enumerate(sessions):
        found = found.seen(since + hour * HOUR, count)
    return found


def test_of_an_hour_the_most_counts() -> None:
    seen = Load().seen(MONDAY, 10).seen(MONDAY + 60, 14).seen(MONDAY + 3000, 7)
    assert seen.most(MONDAY, MONDAY + HOUR) == 14


def test_a_busier_week_counts_at_once_and_a_quieter_one_half() -> None:
    first = Load().seen(MONDAY, 40)
    assert first.seen(MONDAY + WEEK, 100).most(MONDAY, MONDAY + 1) == 100
    holiday = first.seen(MONDAY + WEEK, 0)
    assert holiday.most(MONDAY, MONDAY + 1) == 20
    assert holiday.seen(MONDAY + WEEK + 60, 4).most(MONDAY, MONDAY + 1) == 20  # of the same week
    gone = holiday
    for week in range(2, 10):
        gone = gone.seen(MONDAY + week * WEEK, 0)
    assert gone.most(MONDAY, MONDAY + 1) == 0


def test_what_comes_is_asked_for_by_the_time_it_comes() -> None:
    monday = known(10, 80, 120, 60)
    assert monday.most(MONDAY, MONDAY + HOUR) == 10
    assert monday.most(MONDAY + 1800, MONDAY + 5400) == 80
    assert monday.most(MONDAY + WEEK, MONDAY + WEEK + 3 * HOUR) == 120  # every Monday
    assert monday.most(MONDAY - HOUR, MONDAY) is None
    assert monday.most(MONDAY - HOUR, MONDAY + HOUR) == 10
    assert monday.most(MONDAY, MONDAY + 10 * WEEK) == 120


def test_an_average_weighs_hours_by_their_part_and_needs_all_of_them() -> None:
    monday = known(10, 80, 120)
    assert monday.mean(MONDAY, MONDAY + HOUR) == 10
    assert monday.mean(MONDAY + 1800, MONDAY + 5400) == 45
    assert monday.mean(MONDAY, MONDAY + 4 * HOUR) is None


@given(st.dictionaries(st.integers(0, 167), st.integers(0, 50_000)), st.integers(0, 10**6))
def test_two_tags_hold_a_week_exactly_and_of_many_sessions_never_too_few(hours: dict[int, int], last: int) -> None:
    tags = load.tags(Load(hours, last))
    again, unit = load.read(tags), max(hours.values(), default=0) // 3843 + 1
    assert set(again.hours) == set(hours) and again.last == last
    assert all(hours[hour] <= again.hours[hour] < hours[hour] + unit for hour in hours)
    assert load.tags(again) == tags and all(len(text) <= LIMIT for text in tags.values())


WHOLE = load.tags(known(3, 5))


@pytest.mark.parametrize(
    "changes",
    [
        {f"{names.LOAD}0": ""},
        {f"{names.LOAD}0": "yesterday" + WHOLE[f"{names.LOAD}0"]},
        {f"{names.LOAD}0": WHOLE[f"{names.LOAD}0"][:-2]},
        {f"{names.LOAD}1": ""},
    ],
)
def test_tags_that_are_not_whole_say_nothing(changes: dict[str, str]) -> None:
    assert load.read(WHOLE) == known(3, 5)
    assert load.read(WHOLE | changes) == load.read({}) == Load()
