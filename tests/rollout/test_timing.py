"""The quietest time of a maintenance window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout import load, timing
from rollout.clock import from_iso, iso
from rollout.declaration import parse
from rollout.errors import InvalidDeclaration
from rollout.load import Load
from rollout.window import Opening
from simulation.timeline import Timeline
from simulation.virtual_time import virtually
from tests.support.observed import declaration
from tests.support.pools import INPUTS, POOL, Bench, bench

HOUR = 3600.0
NIGHTS = {"recur_every": "Day", "start": "20:00", "duration": "PT10H", "time_zone": "UTC"}
OPENS = from_iso("2026-01-12T20:00:00Z")
NIGHT = Opening(OPENS, OPENS + 10 * HOUR)
EVENING = (90, 60, 30, 20, 10, 4, 4, 4, 8, 40)
"""Sessions from 20:00 on."""


def seen(*sessions: int) -> Load:
    found = Load()
    for hour, count in enumerate(sessions):
        found = found.seen(OPENS + hour * HOUR, count)
    return found


def begins(sessions: Load, hosts: int = 2, **inputs: Any) -> str:
    declared = declaration(**{"window": NIGHTS, "timing": "quietest", **inputs})
    return iso(timing.quietest(declared, sessions, hosts, hosts, NIGHT).start)[11:16]


def test_the_work_begins_when_the_fewest_people_are_there_while_it_goes_on() -> None:
    # The canary and one more host take 50 minutes, a quarter more, and 70 for the users: 2 hours 13 minutes.
    assert begins(seen(*EVENING)) == "01:00"
    assert begins(seen(*EVENING), timing="asap") == "20:00"
    # Ten hosts one after the other, 170 minutes, take 4 hours 43 minutes.
    assert begins(seen(*EVENING), hosts=10) == "00:00"


def test_it_begins_as_the_window_opens_where_nothing_better_is_known_or_possible() -> None:
    assert begins(Load()) == "20:00"
    assert begins(seen(*EVENING[:9])) == "20:00"  # nobody knows of 05:00
    assert begins(seen(*[7] * 10)) == "20:00"
    assert begins(seen(*EVENING), hosts=26) == "20:00"
    assert begins(seen(*EVENING), hosts=400) == "20:00"
    unending = Opening(OPENS, float("inf"))
    declared = declaration(window=NIGHTS, timing="quietest")
    assert timing.quietest(declared, seen(*EVENING), 2, 2, unending) == unending


@settings(max_examples=25)
@given(st.lists(st.integers(0, 500), min_size=10, max_size=10), st.integers(1, 40))
def test_wherever_it_begins_the_work_ends_in_the_window(sessions: list[int], hosts: int) -> None:
    declared, known = declaration(window=NIGHTS, timing="quietest"), seen(*sessions)
    chosen, needed = timing.quietest(declared, known, hosts, hosts, NIGHT), timing.takes(declared, hosts, hosts, NIGHT)
    assert chosen == NIGHT or chosen.start + needed <= NIGHT.end
    if chosen != NIGHT:
        at_once, then = known.mean(OPENS, OPENS + needed), known.mean(chosen.start, chosen.start + needed)
        assert at_once is not None and then is not None and then < at_once


def test_a_preview_says_what_is_gained() -> None:
    declared = declaration(window=NIGHTS, timing="quietest")

    def line(sessions: Load, hosts: int = 2, now: float = OPENS - HOUR) -> str:
        return timing.estimated(declared, sessions, hosts, hosts, now)

    gained = "1 window, at the window's quietest time: about 4 sessions instead of 71"
    assert line(seen(*EVENING)) == f"begins Tue 2026-01-13 01:00 UTC, about 50 min, {gained}"
    late = line(seen(*EVENING), now=OPENS + 7 * HOUR)
    assert late.startswith("begins Tue 2026-01-13 03:00 UTC")
    assert line(seen(*[7] * 10)).endswith("1 window, with about 7 sessions, and no quieter time in the window")
    assert "no quieter time is known" in line(Load()) and "whole window" in line(seen(*EVENING), hosts=400)
    declared = declaration(window=NIGHTS)
    assert line(seen(*EVENING)) == "begins Mon 2026-01-12 20:00 UTC, about 50 min, 1 window"


async def made_with_history(folder: Path) -> Bench:
    made = await bench(folder, hosts=2, users=0, latency=False)  # it is 20:20
    body = {"operation": "Merge", "properties": {"tags": load.tags(seen(*EVENING))}}
    made.ask("PATCH", f"{POOL}/providers/Microsoft.Resources/tags/default", body, "2021-04-01")
    return made


def test_a_run_waits_for_the_quietest_time_of_its_window(tmp_path: Path) -> None:
    async def story() -> None:
        made = await made_with_history(tmp_path)
        inputs: dict[str, Any] = {"window": NIGHTS, "timing": "quietest"}
        outcome = await made.roll(**inputs)
        assert (outcome.status, outcome.goes_on) == ("scheduled", "2026-01-13T01:00:00Z"), outcome.summary
        began = made.clock.now()
        waited = await made.roll(**inputs, when_closed="wait")
        assert waited.status == "complete", waited.summary
        out = [
            at for at, sample in Timeline(made).samples if at >= began and sample["draining"] + sample["unavailable"]
        ]
        assert from_iso("2026-01-13T01:00:00Z") <= min(out) and max(out) < NIGHT.end

    virtually(story())


def test_disks_are_built_ahead_of_the_quietest_time(tmp_path: Path) -> None:
    async def story() -> None:
        made = await made_with_history(tmp_path)
        inputs: dict[str, Any] = {"window": NIGHTS, "timing": "quietest", "build_ahead": "PT1H"}
        assert "ready" not in (await made.roll(**inputs)).summary
        await made.clock.sleep(from_iso("2026-01-13T00:10:00Z") - made.clock.now())
        assert (await made.roll(**inputs)).summary.endswith("2 disks are ready")

    virtually(story())


@pytest.mark.parametrize("changes", [{}, {"start_at": "2026-12-05T22:00:00+01:00"}])
def test_without_a_window_there_is_no_quietest_time_of_it(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidDeclaration, match="has no window to choose from") as refused:
        parse({**INPUTS, "timing": "quietest", **changes})
    assert refused.value.prop == "timing"
