"""Pre-checks of the maintenance window."""

from __future__ import annotations

from rollout.clock import iso
from tests.support.observed import NOW, host, pool
from tests.support.prechecked import ids, only

DAY = 86400.0
NIGHTS = {"recur_every": "Day", "start": "22:00", "duration": "PT6H", "time_zone": "UTC"}
HOSTS = [host("vm-0"), host("vm-1")]


async def test_a_window_that_is_long_enough_is_fine() -> None:
    assert await ids(pool(HOSTS), window=NIGHTS) == []


async def test_a_canary_that_bakes_longer_than_the_window_is_refused() -> None:
    short = {**NIGHTS, "duration": "PT2H"}
    found = await only(pool(HOSTS), window=short, canary={"hosts": 1, "bake": "PT2H"}, drain={"deadline": "PT30M"})
    assert found.id == "window-too-short" and found.severity == "error"
    assert "window.duration: 'PT2H'" in found.subject and "canary.bake shorter" in found.remedy


async def test_users_who_may_stay_longer_than_the_window_are_told_of() -> None:
    found = await only(pool(HOSTS), window=NIGHTS, drain={"deadline": "PT8H"})
    assert (found.id, found.severity) == ("drain-outlasts-window", "warning")
    assert "drain.deadline: 'PT8H'" in found.subject and "window ('PT6H')" in found.problem


async def test_a_start_more_than_two_weeks_ahead_is_refused() -> None:
    assert await ids(pool(HOSTS), start_at=iso(NOW + 14 * DAY)) == []
    found = await only(pool(HOSTS), start_at=iso(NOW + 14 * DAY + 60))
    assert found.id == "start-too-far" and "14 days" in found.problem
