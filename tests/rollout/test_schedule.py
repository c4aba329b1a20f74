"""Estimates: when the work begins, how long it takes, and in how many windows."""

from __future__ import annotations

from typing import Any

import pytest

from rollout import schedule
from rollout.clock import from_iso
from tests.support.observed import declaration

NOW = from_iso("2026-11-26T12:00:00Z")
SATURDAYS = {"recur_every": "Week Saturday", "start": "22:00", "duration": "PT6H", "time_zone": "Europe/Amsterdam"}


def line(hosts: int, **inputs: Any) -> str:
    declared = declaration(**inputs)
    return schedule.estimate(declared, hosts, hosts, NOW).line(declared)


@pytest.mark.parametrize(
    ("hosts", "inputs", "expected"),
    [
        # 10 minutes until the canary is out, 15 of outage, 10 of bake, then 11 hosts by threes: 4 x 15 minutes.
        (12, {"max_unavailable": 3}, "begins Thu 2026-11-26 12:00 UTC, about 1 h 35 min"),
        (1, {}, "begins Thu 2026-11-26 12:00 UTC, about 35 min"),
        (
            12,
            {"max_unavailable": 3, "window": SATURDAYS},
            "begins Sat 2026-11-28 22:00 Europe/Amsterdam (21:00 UTC), about 1 h 35 min, 1 window",
        ),
        # 21 batches of 3 end in the first window, 23 in each that follows.
        (
            1 + 3 * 45,
            {"max_unavailable": 3, "window": SATURDAYS},
            "begins Sat 2026-11-28 22:00 Europe/Amsterdam (21:00 UTC), "
            "ends Sat 2026-12-12 22:25 Europe/Amsterdam (21:25 UTC), 3 windows",
        ),
        (4, {"start_at": "2026-12-05T22:00:00+01:00"}, "begins Sat 2026-12-05 21:00 UTC, about 1 h 20 min"),
        (
            4,
            {"window": SATURDAYS, "canary": {"hosts": 1, "bake": "PT8H"}},
            "no window is long enough for its canary and a host",
        ),
    ],
)
def test_an_estimate_counts_canary_batches_and_windows(hosts: int, inputs: dict[str, Any], expected: str) -> None:
    assert line(hosts, **inputs) == expected


def test_what_is_left_of_a_window_may_be_too_short_for_the_canary() -> None:
    declared = declaration(window=SATURDAYS)
    late = from_iso("2026-11-29T02:40:00Z")  # twenty minutes before the end
    assert schedule.estimate(declared, 4, 4, late).begins == from_iso("2026-12-05T21:00:00Z")


def test_without_a_window_hosts_may_go_at_any_time() -> None:
    always = schedule.opening_at(declaration(), NOW)
    assert always is not None and schedule.next_opening(declaration(), NOW) is None
    once = declaration(start_at="2026-11-26T12:00:01Z")
    assert schedule.opening_at(once, NOW) is None and schedule.opening_at(once, NOW + 1) is not None


def test_the_opening_of_now_and_the_next_one() -> None:
    declared = declaration(window=SATURDAYS)
    opens, closes = from_iso("2026-11-28T21:00:00Z"), from_iso("2026-11-29T03:00:00Z")
    inside = schedule.opening_at(declared, opens)
    assert inside is not None and (inside.start, inside.end) == (opens, closes)
    assert schedule.opening_at(declared, closes - 1) == inside
    assert schedule.opening_at(declared, opens - 1) is None and schedule.opening_at(declared, closes) is None
    assert schedule.next_opening(declared, opens - 1) == inside
    following = schedule.next_opening(declared, opens)
    assert following is not None and following.start == from_iso("2026-12-05T21:00:00Z")


@pytest.mark.parametrize(
    ("moved", "until"),
    [
        ("2026-11-28T19:00:00Z", "2026-11-29T03:00:00Z"),  # two hours before the window, which is not cut short by it
        ("2026-11-28T23:00:00Z", "2026-11-29T03:00:00Z"),
        ("2026-11-27T12:00:00Z", "2026-11-27T18:00:00Z"),
    ],
)
def test_a_moved_start_loses_nothing_of_a_window_that_it_runs_into(moved: str, until: str) -> None:
    first = next(schedule.openings(declaration(window=SATURDAYS), NOW, from_iso(moved)))
    assert (first.start, first.end) == (from_iso(moved), from_iso(until))
