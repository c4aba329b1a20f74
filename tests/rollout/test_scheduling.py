"""A scheduled rollout holds the pool: what the tags say, who replaces it, what people and runs make of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from rollout import history, hold, names, pool_record, rescheduling
from rollout.clock import from_iso, iso
from rollout.declaration import parse
from rollout.errors import InvalidDeclaration, LeaseHeld, PreCheckFailed
from rollout.events import Event, Kind
from rollout.lease import Holder, Lease
from rollout.notices import Notices
from rollout.rescheduling import Change, Scheduled
from simulation.in_process import in_process_cloud
from simulation.process import Died, Kill, Process
from simulation.references import pool_tags
from simulation.virtual_time import virtually
from tests.support.pools import DEFINITION, GROUP, POOL, Bench, bench

EMPTY = {"users": 0, "sessions_per_host": 0}
NIGHTS = {"recur_every": "Day", "start": "22:00", "duration": "PT6H", "time_zone": "UTC"}
MONDAY, TUESDAY = "2026-01-12T22:00:00Z", "2026-01-13T22:00:00Z"
FAST: dict[str, Any] = {"window": NIGHTS, "canary": {"hosts": 0.0}}


async def until(made: Bench, moment: str) -> None:
    await made.clock.sleep(from_iso(moment) - made.clock.now())


async def change(made: Bench, what: str, wanted: Change) -> list[Event]:
    """What a person does to the schedule; returns what was announced."""
    told: list[Event] = []
    lease = Lease(POOL, "ada@desk-7", made.clock)
    async with in_process_cloud(made.emulator, made.clock, write_guard=lease.check) as azure:
        tags = await azure.get_tags(POOL)
        held, inputs = hold.of(tags), hold.inputs_of(tags)
        assert held is not None and inputs is not None
        found = Scheduled(held, parse(inputs))
        await rescheduling.change(azure, found, lease, what, wanted, told.append, made.clock.now())
    return told


def held(made: Bench) -> hold.Hold | None:
    return hold.of(pool_tags(made))


def scheduled_tags(made: Bench) -> list[str]:
    return sorted(tag for tag in pool_tags(made) if tag.startswith((names.SCHEDULE, names.SCHEDULED)))


def told(made: Bench, *kinds: Kind) -> list[str]:
    return [event.text for event in made.events if event.kind in kinds]


def test_the_tags_say_what_is_scheduled_and_are_gone_once_it_has_run(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, **EMPTY)
        assert (await made.roll(owner="ada@desk-7", **FAST)).status == "scheduled"
        found = held(made)
        assert found is not None and (found.to, iso(found.at), found.by) == ("1.0.1", MONDAY, "ada@desk-7")
        inputs = hold.inputs_of(pool_tags(made))
        assert inputs is not None and inputs["version"] == "1.0.1" and inputs["window"] == NIGHTS
        assert names.RECORD not in pool_tags(made) and f"{names.DECLARATION}count" not in pool_tags(made)
        await until(made, "2026-01-12T22:00:01Z")
        assert (await made.roll(**FAST)).status == "complete"
        assert scheduled_tags(made) == []

    virtually(story())


def test_latest_is_scheduled_as_the_version_that_it_is_now(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, **EMPTY)
        await made.roll(**FAST, version="latest")
        inputs = hold.inputs_of(pool_tags(made))
        assert inputs is not None and inputs["version"] == "1.0.1"
        log = len(made.wire.exchanges)
        assert (await made.roll(**FAST, version="latest")).status == "scheduled"
        assert not [each for each in made.wire.exchanges[log:] if each.write]

    virtually(story())


def test_another_version_replaces_it_and_says_whose_it_was(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, **EMPTY)
        properties = {
            "publishingProfile": {"targetRegions": [{"name": "westeurope", "regionalReplicaCount": 2}]},
            "storageProfile": {"source": {"id": f"{GROUP}/providers/Microsoft.Compute/images/win11-1.0.1"}},
        }
        made.ask("PUT", f"{DEFINITION}/versions/1.0.2", {"location": "westeurope", "properties": properties})
        await made.clock.sleep(1200)
        await made.roll(owner="ada@desk-7", **FAST, os_disk_type="StandardSSD_LRS")
        await made.roll(owner="ci@runner", **FAST, version="1.0.2")
        assert told(made, Kind.SCHEDULED)[-1] == (
            "1.0.2 is scheduled for Mon 2026-01-12 22:00 UTC; it replaces 1.0.1, scheduled by ada@desk-7 for "
            "Mon 2026-01-12 22:00 UTC"
        )
        inputs = hold.inputs_of(pool_tags(made))
        assert inputs is not None and inputs["version"] == "1.0.2" and "os_disk_type" not in inputs

    virtually(story())


def test_what_needs_no_work_any_more_is_withdrawn(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, **EMPTY)
        await made.roll(**FAST)
        assert (await made.roll(**FAST, version="1.0.0")).status == "complete"
        assert scheduled_tags(made) == [] and held(made) is None
        [text] = told(made, Kind.SCHEDULE_CHANGED)
        assert text == "1.0.1, scheduled by tester@machine, is withdrawn: no host needs work"
        log = len(made.wire.exchanges)
        await made.roll(**FAST, version="1.0.0")
        assert not [each for each in made.wire.exchanges[log:] if each.write]

    virtually(story())


def test_a_rollout_that_begins_at_once_takes_its_place(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, **EMPTY)
        await made.roll(owner="ada@desk-7", **FAST, os_disk_type="StandardSSD_LRS")
        assert (await made.roll(canary={"hosts": 0.0})).status == "complete"
        assert scheduled_tags(made) == []
        assert told(made, Kind.SCHEDULE_CHANGED) == ["1.0.1 begins in place of 1.0.1, scheduled by ada@desk-7"]

    virtually(story())


def test_a_skipped_window_stays_shut_for_every_run(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, **EMPTY)
        await made.roll(**FAST)
        [event] = await change(made, "skipped", rescheduling.skip("ada@desk-7"))
        assert event.text == (
            "1.0.1, scheduled for Mon 2026-01-12 22:00 UTC, was skipped by ada@desk-7: it begins "
            "Tue 2026-01-13 22:00 UTC"
        )
        await until(made, "2026-01-12T23:00:00Z")
        assert (await made.roll(**FAST)).goes_on == TUESDAY
        # A newer declaration is for the same windows: what was skipped stays skipped.
        assert (await made.roll(**FAST, os_disk_type="StandardSSD_LRS")).goes_on == TUESDAY
        found = held(made)
        assert found is not None and (found.m, found.by) == (1, "ada@desk-7")
        # Other windows are another decision.
        other = {**FAST, "window": {**NIGHTS, "duration": "PT5H"}}
        assert (await made.roll(**other)).status == "complete"

    virtually(story())


def test_a_moved_start_begins_then_outside_the_windows_and_survives_a_crash(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, **EMPTY)
        inputs = {**FAST, "max_unavailable": 1.0}
        await made.roll(**inputs)
        await change(made, "moved", rescheduling.move_to("2026-01-13 12:00", "ada@desk-7"))
        await until(made, "2026-01-12T23:00:00Z")
        assert (await made.roll(**inputs)).goes_on == "2026-01-13T12:00:00Z"
        await until(made, "2026-01-13T12:00:01Z")
        with pytest.raises(Died):
            await made.roll(process=Process("first", Kill(at=900)), **inputs)
        await made.clock.sleep(900)
        outcome = await made.roll(**inputs)  # still in the moved window, which is as long as one of the others
        assert outcome.status == "complete", outcome.summary
        assert scheduled_tags(made) == []

    virtually(story())


def test_a_cancelled_one_is_gone_and_the_last_declaration_stays(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, **EMPTY)
        assert (await made.roll(canary={"hosts": 0.0})).status == "complete"
        before = hold.inputs_of(pool_tags(made))
        await made.roll(**FAST, version="1.0.0")
        [event] = await change(made, "cancelled", rescheduling.cancel())
        assert event.data["what"] == "cancelled" and scheduled_tags(made) == []
        assert hold.inputs_of(pool_tags(made)) == before

    virtually(story())


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("2026-01-12 20:00", "is over"),
        ("2026-01-27 22:00", "more than 14 days"),
        ("soon", "is no date and time"),
        ("2026-02-31 22:00", "is no date and time"),
    ],
)
def test_a_time_that_cannot_be_is_refused_and_nothing_changes(tmp_path: Path, given: str, why: str) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, **EMPTY)
        await made.roll(**FAST)
        before = held(made)
        with pytest.raises(InvalidDeclaration, match=why):
            await change(made, "moved", rescheduling.move_to(given, "ada@desk-7"))
        assert held(made) == before

    virtually(story())


def test_what_has_no_next_window_cannot_be_skipped(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, **EMPTY)
        await made.roll(start_at=MONDAY)
        with pytest.raises(InvalidDeclaration, match="use hostpool schedule move"):
            await change(made, "skipped", rescheduling.skip("ada@desk-7"))

    virtually(story())


def test_an_attempt_that_goes_on_in_a_further_window_can_be_skipped_and_cancelled(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=5, **EMPTY)
        short = {**FAST, "window": {**NIGHTS, "start": "20:00", "duration": "PT90M"}, "max_unavailable": 1.0}
        first = await made.roll(**short)
        assert first.status == "paused" and 1 <= len(first.hosts["updated"]) < 5
        await change(made, "skipped", rescheduling.skip("ada@desk-7"))
        await until(made, "2026-01-13T20:30:00Z")
        assert (await made.roll(**short)).goes_on == "2026-01-14T20:00:00Z"
        [event] = await change(made, "cancelled", rescheduling.cancel())
        assert event.text.endswith("was cancelled by ada@desk-7: hosts that run it keep it")
        tags = pool_tags(made)
        record = pool_record.decode(tags[names.RECORD])
        assert record is not None and record.st == "stopped" and scheduled_tags(made) == []
        assert [entry.state for entry in history.read(tags[names.HISTORY])] == ["stopped"]
        assert {made.os_disk_image(f"vm-{n}") for n in range(5)} == {"1.0.0", "1.0.1"}

    virtually(story())


def test_what_died_in_the_middle_is_brought_home_before_it_is_cancelled(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, **EMPTY)
        await made.roll(**FAST)
        await change(made, "moved", rescheduling.move_to("2026-01-12 21:00", "ada@desk-7"))
        await until(made, "2026-01-12T21:00:01Z")
        with pytest.raises(Died):
            await made.roll(process=Process("first", Kill(at=900)), **FAST)
        await made.clock.sleep(900)
        with pytest.raises(PreCheckFailed, match="died in the middle"):
            await change(made, "cancelled", rescheduling.cancel())

    virtually(story())


def test_while_somebody_is_at_work_the_schedule_stays_as_it_is(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, **EMPTY)
        await made.roll(**FAST)
        before = held(made)
        busy = made.clock.now()
        async with in_process_cloud(made.emulator, made.clock) as azure:
            await azure.merge_tags(POOL, {names.LEASE: Holder("ci@runner", 9, busy + 600).encode()})

            async def renew() -> None:
                await made.clock.sleep(20)
                await azure.merge_tags(POOL, {names.LEASE: Holder("ci@runner", 9, busy + 700).encode()})

            renewing = asyncio.create_task(renew())
            with pytest.raises(LeaseHeld, match="ci@runner"):
                await change(made, "cancelled", rescheduling.cancel())
            await renewing
        assert held(made) == before

    virtually(story())


def test_an_emergency_waits_for_no_window_and_is_on_record(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, **EMPTY)
        await made.roll(**FAST)
        outcome = await made.roll(**FAST, emergency={"reason": "CVE-2026-1234; exploited"})
        assert outcome.status == "complete" and made.clock.now() < from_iso(MONDAY)
        tags = pool_tags(made)
        assert "e=CVE-2026-1234, exploited" in tags[names.RECORD]
        assert history.read(tags[names.HISTORY])[0].emergency == "CVE-2026-1234 exploited"
        [started] = [event for event in made.events if event.kind is Kind.STARTED]
        assert started.data["emergency"] == "CVE-2026-1234; exploited"
        notice = Notices("hp1").of(started)
        assert notice is not None and notice.grave and "CVE-2026-1234; exploited" in notice.text

    virtually(story())


def test_an_emergency_keeps_the_floor_and_users_are_told_first(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0, sessions_per_host=1)
        inputs = {**FAST, "emergency": {"reason": "x"}, "drain": {"deadline": "PT15M", "log_off": "force"}}
        with pytest.raises(PreCheckFailed, match="min_serving"):
            await made.roll(**inputs, min_serving=2.0)
        began = made.clock.now()
        assert (await made.roll(**inputs, min_serving=1.0)).status == "complete"
        samples = made.control("GET", "capacity", hostPool=POOL)["samples"]
        assert min(each["serving"] for each in samples if from_iso(each["time"]) >= began) >= 1
        seen = [each["event"] for each in made.control("GET", "session-events", hostPool=POOL)["events"]]
        assert "message" in seen and "cut_off" not in seen

    virtually(story())
