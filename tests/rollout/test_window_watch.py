"""What is left of a window, and who can still serve again before it closes."""

from __future__ import annotations

import math
from typing import Any

from rollout.clock import from_iso
from rollout.window_watch import WindowWatch
from tests.support.observed import declaration

NIGHTS = {"recur_every": "Day", "start": "22:00", "duration": "PT6H", "time_zone": "UTC"}
OPENS, CLOSES = from_iso("2026-01-12T22:00:00Z"), from_iso("2026-01-13T04:00:00Z")
MINUTE, HOUR = 60.0, 3600.0


def watch(*, always: bool = False, **inputs: Any) -> WindowWatch:
    return WindowWatch(declaration(**inputs), always=always)


def test_without_a_window_there_is_time_for_everything() -> None:
    free = watch()
    assert free.is_open(OPENS)
    left = free.left(OPENS, [], [], 100)
    assert left.seconds == math.inf and left.builds and left.drains and left.releases
    assert (free.opens_in(OPENS), free.opens(OPENS), free.goes_on) == (math.inf, "never", "")


def test_what_was_asked_for_by_hand_needs_no_window() -> None:
    asked = watch(always=True, window=NIGHTS)
    assert asked.is_open(OPENS - HOUR) and asked.left(OPENS - HOUR, [], [], 0).releases


def test_a_closed_window_leaves_no_time_and_says_when_it_opens() -> None:
    closed = watch(window=NIGHTS)
    assert not closed.is_open(OPENS - HOUR) and closed.opens_in(OPENS - HOUR) == HOUR
    assert closed.opens(OPENS - HOUR) == "Mon 2026-01-12 22:00 UTC" and closed.goes_on == "2026-01-12T22:00:00Z"
    left = closed.left(OPENS - HOUR, [], [], 0)
    assert not (left.builds or left.drains or left.releases)


def test_typical_times_count_until_hosts_have_been_seen_then_the_slowest_twentieth() -> None:
    night = watch(window=NIGHTS)
    assert night.is_open(OPENS)
    empty_pool = night.left(CLOSES - HOUR, [], [], 0)
    assert (empty_pool.seconds, empty_pool.from_release, empty_pool.from_drain) == (HOUR, 15 * MINUTE, 20 * MINUTE)
    with_users = night.left(CLOSES - HOUR, [], [], 5)  # deadline 60 minutes and grace 10
    assert with_users.from_drain == 85 * MINUTE and not with_users.drains and with_users.releases
    assert night.left(CLOSES, [], [], 5).releases is False
    slow = [10 * MINUTE] * 18 + [30 * MINUTE, 30 * MINUTE]
    seen = night.left(CLOSES - HOUR, slow, [MINUTE] * 5, 5)
    assert (seen.from_release, seen.from_drain, seen.from_build) == (30 * MINUTE, 31 * MINUTE, 36 * MINUTE)


def test_users_who_may_stay_for_longer_than_the_window_do_not_keep_it_shut() -> None:
    night = watch(window=NIGHTS, drain={"deadline": "PT8H"})
    assert night.is_open(OPENS)
    assert night.left(OPENS, [], [], 5).drains and not night.left(CLOSES - 3 * HOUR, [], [], 5).drains
