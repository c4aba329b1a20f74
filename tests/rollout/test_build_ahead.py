"""Disks that are ready before the maintenance window. By the emulator's own record."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rollout import names
from rollout.clock import from_iso, iso
from rollout.declaration import parse
from rollout.errors import InvalidDeclaration
from rollout.events import Kind
from simulation.process import Died, Kill, Process
from simulation.timeline import Timeline
from simulation.virtual_time import virtually
from tests.support.pools import INPUTS, Bench, bench

EMPTY = {"users": 0, "latency": False}
HOURS = 3600.0
NIGHTS = {"recur_every": "Day", "start": "22:00", "duration": "PT6H", "time_zone": "UTC"}
OPENS = from_iso("2026-01-12T22:00:00Z")
AHEAD = {"window": NIGHTS, "build_ahead": "PT4H"}


def writes(made: Bench) -> int:
    log = made.control("GET", "requests", since="0")["requests"]
    return sum(r["method"] != "GET" and not r["path"].endswith("retrieveRegistrationToken") for r in log)


def ready(made: Bench) -> set[str]:
    """Names of the hosts for which a disk lies ready."""
    disks = [body for key, body in made.control("GET", "state")["resources"].items() if "/disks/" in key]
    free = [disk for disk in disks if not disk.get("managedBy")]
    return {d["tags"][names.DISK_HOST] for d in free if (d.get("tags") or {}).get(names.DISK_STATE) == "ready"}


def built(made: Bench) -> list[float]:
    """When temporary machines were created."""
    log = made.control("GET", "requests", since="0")["requests"]
    puts = [r for r in log if r["method"] == "PUT" and "/virtualmachines/avdtmp-" in r["path"].lower()]
    return [from_iso(r["time"]) for r in puts if r["status"] < 300]


def temporary(made: Bench) -> list[str]:
    return [key for key in made.control("GET", "state")["resources"] if "avdtmp" in key]


def test_disks_are_built_ahead_and_the_window_is_spent_on_swaps(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=4, **EMPTY)  # it is 20:20 UTC
        began = made.clock.now()
        outcome = await made.roll(**AHEAD)
        assert (outcome.status, outcome.goes_on) == ("scheduled", iso(OPENS)), outcome.summary
        assert outcome.summary.endswith("4 of 4 hosts get 1.0.1, 4 disks are ready")
        assert ready(made) == {"vm-0", "vm-1", "vm-2", "vm-3"} and temporary(made) == []
        samples = [sample for at, sample in Timeline(made).samples if at >= began]
        assert {(s["unavailable"], s["draining"]) for s in samples} <= {(0, 0)}  # no user noticed
        before = writes(made)
        made.emulator.world.sections["settings"]["quota"] |= {"PremiumDiskCount": 8}  # those that are there fit
        again = await made.roll(**AHEAD)
        assert (again.status, again.summary, writes(made)) == ("scheduled", outcome.summary, before)
        await made.clock.sleep(OPENS - made.clock.now() + 1)
        done = await made.roll(**AHEAD)
        assert (done.status, done.attempt) == ("complete", outcome.attempt), done.summary
        assert len(built(made)) == 4 and max(built(made)) < OPENS
        assert ready(made) == set() and {made.os_disk_image(f"vm-{i}") for i in range(4)} == {"1.0.1"}

    virtually(story())


def test_a_run_that_waits_builds_ahead_and_goes_on_when_the_window_opens(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=3, **EMPTY)
        outcome = await made.roll(window=NIGHTS, build_ahead="PT1H", when_closed="wait")
        assert outcome.status == "complete", outcome.summary
        assert OPENS - HOURS <= min(built(made)) and max(built(made)) < OPENS - 1800
        out = [at for at, sample in Timeline(made).samples if sample["unavailable"]]
        assert min(out) >= OPENS
        assert min(at for at, s in Timeline(made).samples if s["draining"]) >= OPENS
        assert min(out) < OPENS + 600  # nothing had to be built any more

    virtually(story())


def test_before_one_disk_is_built_no_more_are_tried_than_canaries(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=4, **EMPTY)
        never = {"type": "guest", "host": "^vm-", "image": "1\\.0\\.1$", "fault": "never_provisions"}
        made.control("POST", "faults", {"seed": 1, "rules": [{"id": "bad", "effect": never}]})
        outcome = await made.roll(**AHEAD)
        assert outcome.status == "stopped", outcome.summary
        assert len(built(made)) <= 2  # of one host, tried twice
        assert ready(made) == set() and temporary(made) == []

    virtually(story())


def test_no_more_disks_are_built_than_the_window_can_swap(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=6, **EMPTY)
        short = {**NIGHTS, "duration": "PT1H"}  # 5 minutes of emptying, then three times 15 minutes of outage
        inputs = {"window": short, "build_ahead": "PT4H", "canary": {"hosts": 0.0}, "max_unavailable": 1.0}
        outcome = await made.roll(**inputs)
        assert outcome.summary.endswith("3 disks are ready"), outcome.summary
        assert len(ready(made)) == 3
        await made.clock.sleep(OPENS - made.clock.now() + 1)
        night = await made.roll(**inputs)
        assert night.status == "paused" and len(night.hosts["updated"]) >= 2, night.summary
        assert ready(made) == set()  # what was not used is not paid for until tomorrow

    virtually(story())


def test_disks_of_another_target_are_removed_though_the_window_is_closed(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, **EMPTY)
        await made.roll(**AHEAD)
        assert ready(made) == {"vm-0", "vm-1"}
        other = {"window": {**NIGHTS, "start": "02:00"}, "build_ahead": "PT1H", "os_disk_type": "StandardSSD_LRS"}
        outcome = await made.roll(**other)
        assert outcome.status == "scheduled", outcome.summary
        assert ready(made) == set() and len(built(made)) == 2
        before = writes(made)
        await made.roll(**other)
        assert writes(made) == before

    virtually(story())


@pytest.mark.parametrize("seconds", [120, 300, 600, 900])
def test_a_run_that_is_killed_ahead_is_carried_on_and_builds_nothing_twice(tmp_path: Path, seconds: int) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=3, **EMPTY)
        with suppress(Died):
            await made.roll(process=Process("first", Kill(at=seconds)), **AHEAD)
        await made.clock.sleep(700)  # the lease runs out
        outcome = await made.roll(**AHEAD)
        assert outcome.status == "scheduled" and len(ready(made)) == 3, outcome.summary
        assert temporary(made) == [] and len(built(made)) <= 4
        assert not [t for i in range(3) for t in made.vm(f"vm-{i}").get("tags", {}) if t.startswith(names.OURS)]

    virtually(story())


def test_whoever_a_crash_left_drained_comes_home_before_disks_are_built_ahead(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=3, **EMPTY)
        with suppress(Died):
            await made.roll(process=Process("first", Kill(at=400)), canary={"hosts": 0.0})
        assert Timeline(made).samples[-1][1]["draining"]
        await made.clock.sleep(900)
        home = await made.roll(**AHEAD, canary={"hosts": 0.0}, max_unavailable=1.0)
        assert home.status == "paused" and Timeline(made).samples[-1][1]["draining"] == 0, home.summary

    virtually(story())


def test_what_is_built_ahead_is_told_as_quiet_news(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, **EMPTY)
        await made.roll(**AHEAD)
        (ended,) = [event for event in made.events if event.kind is Kind.ENDED]
        assert ended.data["status"] == "scheduled" and "2 disks are ready" in ended.text
        assert not [event for event in made.events if event.kind is Kind.PAUSED]

    virtually(story())


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"build_ahead": "PT4H"}, "ahead of no window"),
        ({**AHEAD, "build": "after_deallocate"}, "after_deallocate"),
        ({**AHEAD, "build_ahead": "PT1M"}, "too short"),
        ({**AHEAD, "build_ahead": "four hours"}, "no duration"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidDeclaration, match=why) as refused:
        parse({**INPUTS, **changes})
    assert refused.value.prop == "build_ahead"
