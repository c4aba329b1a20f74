"""The time of the week at which the pool must be ready."""

from __future__ import annotations

from datetime import time
from typing import Any

import pytest

from rollout import schedule
from rollout.clock import from_iso, iso
from rollout.errors import InvalidDeclaration
from rollout.ready_by import ReadyBy, ready_by
from tests.support.observed import declaration

SUNDAYS = {"recur_every": "Week Sunday", "start": "22:00", "duration": "PT10H", "time_zone": "Europe/Amsterdam"}


def test_it_comes_once_a_week_at_the_zones_time() -> None:
    monday = ready_by("Mon 06:00", "Europe/Amsterdam")
    assert monday == ReadyBy(0, time(6, 0), "Europe/Amsterdam")
    assert iso(monday.after(from_iso("2026-01-12T04:59:59Z"))) == "2026-01-12T05:00:00Z"
    assert iso(monday.after(from_iso("2026-01-12T05:00:00Z"))) == "2026-01-19T05:00:00Z"
    assert iso(monday.before(from_iso("2026-01-12T05:00:00Z"))) == "2026-01-12T05:00:00Z"
    assert iso(monday.before(from_iso("2026-01-12T04:59:59Z"))) == "2026-01-05T05:00:00Z"
    assert iso(monday.after(from_iso("2026-03-28T12:00:00Z"))) == "2026-03-30T04:00:00Z"  # clocks went forward


def test_a_time_that_clocks_skip_is_as_much_later() -> None:
    assert iso(ready_by("sunday 2:30", "Europe/Amsterdam").after(from_iso("2026-03-28T12:00:00Z"))) == (
        "2026-03-29T01:30:00Z"
    )


@pytest.mark.parametrize("given", ["06:00", "Mo 06:00", "Mon 24:00", "Mon 06:60", "Monday", "Someday 06:00", "Mon 6"])
def test_what_is_none_is_refused_with_an_example(given: str) -> None:
    with pytest.raises(InvalidDeclaration, match='write one such as "Mon 06:00"'):
        ready_by(given, "UTC")


def test_a_window_ends_when_people_come() -> None:
    declared = declaration(window=SUNDAYS, ready_by="Mon 06:00")
    opening = schedule.opening_at(declared, from_iso("2026-01-11T22:00:00Z"))
    assert opening is not None and iso(opening.end) == "2026-01-12T05:00:00Z"
    assert schedule.opening_at(declared, from_iso("2026-01-12T05:00:00Z")) is None
    # One that a person moved does too.
    moved = from_iso("2026-01-12T03:00:00Z")
    opening = schedule.opening_at(declared, moved, moved)
    assert opening is not None and iso(opening.end) == "2026-01-12T05:00:00Z"


def test_other_windows_are_as_declared() -> None:
    declared = declaration(window={**SUNDAYS, "duration": "PT6H"}, ready_by="Mon 06:00")
    opening = schedule.opening_at(declared, from_iso("2026-01-11T22:00:00Z"))
    assert opening is not None and iso(opening.end) == "2026-01-12T03:00:00Z"


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        ({"ready_by": "Mon 06:00"}, "ready_by: 'Mon 06:00' has no window that it could end; declare window too"),
        (
            {"ready_by": "Sun 22:20", "window": SUNDAYS},
            "ready_by: 'Sun 22:20' leaves 20 minutes of the window that begins .*; leave 30 minutes",
        ),
    ],
)
def test_what_contradicts_the_window_is_refused(inputs: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidDeclaration, match=why):
        declaration(**inputs)
