"""Whole rollouts in which not everything may begin: maintenance windows, a pre-check that forbids it, no slot left. By
the emulator's own samples."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from rollout.clock import from_iso, iso
from rollout.events import Kind
from simulation.process import Died, Kill, Process
from simulation.timeline import Timeline
from simulation.virtual_time import virtually
from tests.support.pools import Bench, bench

EMPTY = {"users": 0, "latency": False}
HOURS = 3600.0


def window(start: str, hours: float) -> dict[str, Any]:
    return {"recur_every": "Day", "start": start, "duration": f"PT{hours * 60:.0f}M", "time_zone": "UTC"}


def writes(made: Bench) -> int:
    log = made.control("GET", "requests", since="0")["requests"]
    return sum(r["method"] != "GET" and not r["path"].endswith("retrieveRegistrationToken") for r in log)


def out_of_service(made: Bench, since: float) -> list[float]:
    """When hosts were unavailable, by the emulator's samples."""
    return [at for at, sample in Timeline(made).samples if at >= since and sample["unavailable"]]


def test_outside_the_window_the_pool_is_held_once_and_the_date_is_told(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, **EMPTY)  # it is 20:20 UTC
        outcome = await made.roll(window=window("22:00", 6))
        assert (outcome.status, outcome.goes_on) == ("scheduled", "2026-01-12T22:00:00Z")
        assert "scheduled for Mon 2026-01-12 22:00 UTC: 2 of 2 hosts get 1.0.1" in outcome.summary
        assert outcome.hosts == {"pending": ["vm-0", "vm-1"]}
        before = writes(made)
        assert (await made.roll(window=window("22:00", 6))).status == "scheduled"
        assert writes(made) == before

    virtually(story())


def test_a_run_that_waits_begins_when_the_window_opens(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, **EMPTY)
        before, began = writes(made), made.clock.now()
        outcome = await made.roll(window=window("22:00", 6), when_closed="wait")
        assert outcome.status == "complete", outcome.summary
        log = made.control("GET", "requests", since="0")["requests"]
        early = [r for r in [r for r in log if r["method"] != "GET"][before:] if r["time"] < "2026-01-12T22:00:00Z"]
        assert {r["path"].rsplit("/providers/", 1)[-1] for r in early} == {"Microsoft.Resources/tags/default"}
        told = [e.text for e in made.events if e.kind is Kind.SCHEDULED]
        assert told == ["1.0.1 is scheduled for Mon 2026-01-12 22:00 UTC"]
        assert min(out_of_service(made, began)) >= from_iso("2026-01-12T22:00:00Z")

    virtually(story())


def test_start_at_is_a_window_without_an_end(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, **EMPTY)
        at = made.clock.now() + HOURS
        assert (await made.roll(start_at=iso(at))).goes_on == iso(at)
        await made.clock.sleep(HOURS)
        assert (await made.roll(start_at=iso(at))).status == "complete"

    virtually(story())


def test_what_does_not_fit_goes_on_in_the_next_window_and_all_hosts_serve_between(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=5, **EMPTY)
        inputs = {"window": window("20:00", 1.5), "max_unavailable": 1.0, "canary": {"hosts": 0.0}}
        began, closes = made.clock.now(), from_iso("2026-01-12T21:30:00Z")
        first = await made.roll(**inputs)
        assert (first.status, first.goes_on) == ("paused", "2026-01-13T20:00:00Z")
        assert "paused by the end of its maintenance window, until Tue 2026-01-13 20:00 UTC" in first.summary
        done = len(first.hosts["updated"])
        assert 1 <= done < 5 and not set(first.hosts) & {"failed", "rolled_back"}
        await made.clock.sleep(600)
        assert Timeline(made).samples[-1][1]["serving"] == 5
        again = await made.roll(**inputs)  # outside: nothing
        assert again.status == "scheduled" and len(again.hosts["pending"]) == 5 - done
        await made.clock.sleep(from_iso("2026-01-13T20:00:00Z") - made.clock.now() + 1)
        second = await made.roll(**inputs)
        assert second.status == "complete", second.summary
        built = [e for e in made.events if e.kind is Kind.ACTION and e.text.startswith("built a temporary VM")]
        assert len({e.host for e in built}) == len(built)  # a disk that was ready is used in the next window
        out = out_of_service(made, began)
        assert all(at < closes or at >= from_iso("2026-01-13T20:00:00Z") for at in out), [iso(at) for at in out]

    virtually(story())


def test_a_drained_host_that_a_crash_left_is_given_back_where_nothing_may_begin(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, **EMPTY)
        with suppress(Died):
            await made.roll(process=Process("first", Kill(at=400)), canary={"hosts": 0.0})
        assert Timeline(made).samples[-1][1]["draining"]
        await made.clock.sleep(900)
        outcome = await made.roll(min_serving=2.0)  # which forbids to take any host out
        assert outcome.status == "stopped"
        await made.clock.sleep(600)
        assert Timeline(made).samples[-1][1]["serving"] == 2

    virtually(story())


def test_failed_hosts_that_hold_all_slots_end_the_attempt(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, **EMPTY)
        never = {"type": "guest", "host": "^vm-0$", "image": ".", "fault": "never_registers"}
        made.control("POST", "faults", {"rules": [{"id": "x", "effect": never}]})
        began = made.clock.now()
        inputs = {"max_unavailable": 1.0, "max_failed": 1.0, "canary": {"hosts": 0.0}, "verify": {"timeout": "PT25M"}}
        outcome = await made.roll(**inputs)
        assert (outcome.status, outcome.hosts["failed"]) == ("stopped", ["vm-0"])
        assert made.clock.now() - began < 2.5 * HOURS
        made.control("POST", "faults", {"rules": []})
        again = await made.roll(**inputs)  # a new attempt, which tries vm-0 anew
        assert (again.status, again.attempt) == ("complete", 2), again.summary

    virtually(story())


def test_a_host_that_a_crash_left_out_of_service_is_brought_home_outside_the_window(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, **EMPTY)
        inputs = {"window": window("20:00", 6), "max_unavailable": 1.0}
        with suppress(Died):
            await made.roll(process=Process("first", Kill(at=900)), **inputs)
        assert Timeline(made).samples[-1][1]["unavailable"] == 1
        await made.clock.sleep(from_iso("2026-01-13T03:00:00Z") - made.clock.now())
        outcome = await made.roll(**inputs)
        assert (outcome.status, outcome.goes_on) == ("paused", "2026-01-13T20:00:00Z")
        assert len(outcome.hosts["updated"]) == 1
        await made.clock.sleep(600)
        assert Timeline(made).samples[-1][1]["serving"] == 2

    virtually(story())
