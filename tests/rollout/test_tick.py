"""`hostpool tick` on the emulator: what is due is done once, by whichever tick comes first, and a crash of any changes
nothing in the end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rollout import hold, load, names, pool_record
from rollout.clock import from_iso
from rollout.notices import Notice
from rollout.tick import Ticked
from simulation.process import Died, Kill, Process
from simulation.references import pause, pool_tags, resume
from simulation.virtual_time import virtually
from tests.support.pools import GROUP, POOL, Bench, bench

EMPTY = {"users": 0, "sessions_per_host": 0}
NIGHTS = {"recur_every": "Day", "start": "22:00", "duration": "PT6H", "time_zone": "UTC"}
HOUR, DAY, QUARTER = 3600.0, 86400.0, 900.0
OPENS = "2026-01-12T22:00:00Z"
HOOK = {"url_secrets": ["https://localhost/keyvault/avd-kv/secrets/hook"], "reminders": ["PT1H"]}
FAST: dict[str, Any] = {"window": NIGHTS, "canary": {"hosts": 0.0}, "notify": HOOK}
LOCK = f"{GROUP}/providers/Microsoft.Authorization/locks/keep"


async def until(made: Bench, moment: str) -> None:
    await made.clock.sleep(max(0.0, from_iso(moment) - made.clock.now()))


async def ticks(made: Bench, moment: str, every: float = QUARTER) -> list[Ticked]:
    """A tick every quarter of an hour until a moment."""
    done: list[Ticked] = []
    while made.clock.now() < from_iso(moment):
        done.append(await made.tick())
        await made.clock.sleep(every)
    return done


def writes(made: Bench, since: int = 0) -> int:
    return sum(each.write for each in made.wire.exchanges[since:])


def told(made: Bench, what: str) -> list[Notice]:
    return [notice for notice in made.notices if notice.what == what]


def serving(made: Bench) -> int:
    return int(made.control("GET", "capacity", hostPool=POOL)["samples"][-1]["serving"])


def test_a_pool_of_which_nothing_is_known_is_let_be(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, **EMPTY)
        ticked = await made.tick()
        assert ticked.next == "no rollout has run on this pool, and none is scheduled"
        assert (ticked.did, ticked.trouble, writes(made)) == ([], [], 0)

    virtually(story())


def test_from_the_schedule_to_the_end_nobody_is_needed_and_pulumi_finds_nothing_to_do(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, **EMPTY)
        assert (await made.roll(**FAST)).status == "scheduled"
        await ticks(made, "2026-01-13T02:00:00Z")
        assert [notice.what for notice in made.notices] == ["reminder", "started", "canary passed", "complete"]
        assert made.notices[0].text == "1.0.1 begins Mon 2026-01-12 22:00 UTC, decided by tester@machine"
        record = pool_record.decode(pool_tags(made).get(names.RECORD))
        assert record is not None and (record.st, record.a) == ("complete", 1)
        before = [event.data for event in made.events if event.kind in ("scheduled", "reminder")]
        assert [(d["rollout"], d["attempt"], d["version"]) for d in before] == [(record.r, 1, "1.0.1")] * 2
        since = len(made.wire.exchanges)
        outcome = await made.roll(**FAST)
        assert (outcome.status, outcome.attempt, writes(made, since)) == ("complete", 1, 0)
        assert (await made.tick()).did == [] and writes(made, since) == 0

    virtually(story())


def test_a_tick_with_nothing_due_writes_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, **EMPTY)
        await made.roll(**FAST)
        since = len(made.wire.exchanges)
        ticked = await made.tick()
        assert ticked.next == "1.0.1 begins Mon 2026-01-12 22:00 UTC, decided by tester@machine"
        assert writes(made, since) == 0 and made.notices == []

    virtually(story())


def test_ticks_learn_when_a_pool_is_quiet_with_one_write_an_hour(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0, sessions_per_host=2)
        assert (await made.roll(**FAST, timing="quietest")).status == "scheduled"
        await ticks(made, "2026-01-12T21:30:00Z")
        known = load.read(pool_tags(made))
        assert known.last == int(made.clock.now() // HOUR)
        assert [known.hours[hour % load.WEEK] for hour in (known.last - 1, known.last)] == [4, 4]
        since = len(made.wire.exchanges)
        await made.tick()
        assert writes(made, since) == 0
        other = await bench(tmp_path, hosts=1, **EMPTY)
        await other.roll(**FAST)
        await other.tick()
        assert load.read(pool_tags(other)).hours == {}  # nothing was declared that learns from it

    virtually(story())


def test_two_ticks_and_a_run_at_the_same_moment_are_one_rollout(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, **EMPTY)
        await made.roll(**FAST)
        await until(made, "2026-01-12T22:00:01Z")
        done = await asyncio.gather(
            made.tick(owner="tick-1"), made.tick(owner="tick-2"), made.roll(owner="up", **FAST), return_exceptions=True
        )
        ran = [each for each in done[:2] if isinstance(each, Ticked) and each.outcome is not None]
        by_up = [each for each in done[2:] if not isinstance(each, BaseException) and each.status == "complete"]
        assert len(ran) + len(by_up) == 1, done
        assert all(isinstance(each, Ticked) for each in done[:2])  # who came too late left quietly
        record = pool_record.decode(pool_tags(made).get(names.RECORD))
        assert record is not None and (record.st, record.a) == ("complete", 1)
        assert len([e for e in made.events if e.kind == "started"]) == 1

    virtually(story())


def test_two_ticks_at_once_remind_once(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, **EMPTY)
        await made.roll(**FAST)
        await until(made, "2026-01-12T21:00:01Z")
        await asyncio.gather(made.tick(owner="tick-1"), made.tick(owner="tick-2"))
        await made.tick()
        assert [notice.what for notice in made.notices] == ["reminder"]

    virtually(story())


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2, 3])
def test_a_reminder_whose_tick_dies_is_never_lost(tmp_path: Path, write: int, side: Any) -> None:
    """Three writes: the lease, what was told, and the lease's end."""

    async def story() -> None:
        made = await bench(tmp_path, hosts=1, **EMPTY)
        await made.roll(**FAST)
        await until(made, "2026-01-12T21:00:01Z")
        with pytest.raises(Died):
            await made.tick(process=Process("first", Kill(write, side)))
        died_after_sending = len(told(made, "reminder"))
        await made.clock.sleep(QUARTER)
        await made.tick(owner="second")
        repeated = (write, side) == (2, "before")  # told, and not yet noted
        assert died_after_sending == (0 if write == 1 else 1)
        assert len(told(made, "reminder")) == (2 if repeated else 1)
        await made.tick(owner="third")
        assert len(told(made, "reminder")) == (2 if repeated else 1)

    virtually(story())


def test_a_start_that_pre_checks_forbid_is_told_once_and_begins_when_mended(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, **EMPTY)
        await made.roll(**FAST)
        assert made.ask("PUT", LOCK, {"properties": {"level": "CanNotDelete"}}, "2020-05-01").status == 201
        await until(made, OPENS)
        done = await ticks(made, "2026-01-12T23:00:00Z")
        assert len(done) >= 3 and all(each.trouble for each in done)
        assert done[-1].next.startswith("1.0.1 was due Mon 2026-01-12 22:00 UTC")
        [notice] = told(made, "pre-checks failed")
        assert notice.grave and "lock" in notice.text
        assert made.ask("DELETE", LOCK, None, "2020-05-01").status == 200
        assert (await made.tick()).trouble == []
        assert told(made, "complete") and not told(made, "missed")

    virtually(story())


def test_failing_pre_checks_of_what_is_scheduled_are_told_daily_until_mended(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, **EMPTY)
        weekly = {**FAST, "window": {**NIGHTS, "recur_every": "Week Saturday"}}
        await made.roll(**weekly)  # on Monday, for Saturday
        made.ask("PUT", LOCK, {"properties": {"level": "CanNotDelete"}}, "2020-05-01")
        await ticks(made, "2026-01-15T12:00:00Z", HOUR)
        assert len(told(made, "pre-checks failed")) == 2  # on Tuesday and Wednesday evening
        made.ask("DELETE", LOCK, None, "2020-05-01")
        await ticks(made, "2026-01-17T22:30:00Z", HOUR)
        assert len(told(made, "pre-checks failed")) == 2 and told(made, "complete")

    virtually(story())


def test_a_window_that_passes_without_a_start_is_told_and_the_next_one_is_taken(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, **EMPTY)
        await made.roll(**FAST)
        pause(made)
        done = await ticks(made, "2026-01-13T05:00:00Z")
        assert "paused by an administrator" in done[0].next
        [missed] = told(made, "missed")
        assert missed.grave and missed.text == (
            "1.0.1 was to begin Mon 2026-01-12 22:00 UTC and did not; it begins Tue 2026-01-13 22:00 UTC"
        )
        resume(made)
        await ticks(made, "2026-01-13T23:00:00Z")
        assert len(told(made, "reminder")) == 2 and told(made, "complete")

    virtually(story())


def test_what_is_left_of_a_window_is_not_tried_again_by_every_tick(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=5, **EMPTY)
        short = {**FAST, "window": {**NIGHTS, "duration": "PT1H"}, "max_unavailable": 1.0}
        await made.roll(**short)
        await until(made, "2026-01-12T22:00:01Z")
        await made.tick()
        assert [notice.what for notice in made.notices] == ["started", "canary passed", "paused"]
        assert made.clock.now() < from_iso("2026-01-12T22:55:00Z")
        since = len(made.wire.exchanges)
        await ticks(made, "2026-01-12T23:05:00Z", every=300.0)
        assert (len(told(made, "paused")), len(told(made, "resumed")), writes(made, since)) == (1, 0, 0)
        await until(made, "2026-01-13T22:00:01Z")
        await made.tick()
        assert len(told(made, "resumed")) == 1

    virtually(story())


def test_an_attempt_that_people_let_go_on_is_told_to_wait_for_its_window(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, **EMPTY)
        await until(made, "2026-01-12T22:00:01Z")
        working = asyncio.create_task(made.roll(**{**FAST, "max_unavailable": 1.0}))
        await made.clock.sleep(QUARTER)
        pause(made)
        assert (await working).status == "paused"
        await until(made, "2026-01-13T05:00:00Z")
        resume(made)
        ticked = await made.tick()
        assert ticked.next == "1.0.1 goes on when its window opens, Tue 2026-01-13 22:00 UTC"

    virtually(story())


def test_what_a_dead_run_left_is_finished_by_the_ticks(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, **EMPTY)
        await until(made, OPENS)
        inputs = {**FAST, "max_unavailable": 1.0}
        with suppress(Died):
            await made.roll(process=Process("first", Kill(at=900)), **inputs)
        assert serving(made) == 1
        busy = await made.tick()  # its lease has not run out
        assert busy.next == "first is at work" and busy.outcome is None
        await ticks(made, "2026-01-13T02:00:00Z")
        assert told(made, "complete") and serving(made) == 2

    virtually(story())


def test_hosts_that_a_dead_run_left_are_brought_home_outside_the_window_and_no_more_is_begun(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, **EMPTY)
        await until(made, OPENS)
        with suppress(Died):
            await made.roll(process=Process("first", Kill(at=900)), **FAST, max_unavailable=1.0)
        await until(made, "2026-01-13T05:00:00Z")
        ticked = await made.tick()
        assert ticked.outcome is not None and ticked.outcome.status == "paused" and ticked.trouble == []
        assert len(ticked.outcome.hosts["updated"]) == 1
        assert "1.0.1 begins Tue 2026-01-13 22:00 UTC" in ticked.next

    virtually(story())


def test_what_was_stopped_is_not_begun_again(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, **EMPTY)
        bad = {"type": "guest", "host": ".", "image": r"1\.0\.1$", "fault": "unhealthy"}
        made.control("POST", "faults", {"rules": [{"id": "bad", "effect": bad}]})
        await made.roll(**FAST, verify={"timeout": "PT30M"}, max_unavailable=1.0)
        await ticks(made, "2026-01-13T12:00:00Z")
        assert [notice.what for notice in made.notices if notice.what in ("started", "stopped")] == [
            "started",
            "stopped",
        ]
        assert hold.of(pool_tags(made)) is None

    virtually(story())


def test_kept_disks_go_when_their_time_is_over(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, **EMPTY)
        await made.roll(canary={"hosts": 0.0}, keep_old_disk="PT2H")

        def disks() -> int:
            return sum("/microsoft.compute/disks/" in key and "osdisk" in key for key in resources())

        def resources() -> list[str]:
            return list(made.control("GET", "state")["resources"])

        assert disks() == 4
        assert (await made.tick()).did == [] and disks() == 4
        await made.clock.sleep(2 * HOUR)
        assert (await made.tick()).did == ["removed 2 disks and leftovers whose time is over"]
        assert disks() == 2
        record = pool_record.decode(pool_tags(made).get(names.RECORD))
        assert record is not None and record.a == 1  # no attempt of its own

    virtually(story())


READY = {**FAST, "ready_by": "Tue 06:00"}


def drain(made: Bench, name: str, drained: bool = True) -> None:
    """Somebody drains a host by hand, or gives it back."""
    path = f"{POOL}/sessionHosts/{name}.contoso.com"
    assert made.ask("PATCH", path, {"properties": {"allowNewSession": not drained}}, "2024-04-03").status == 200


def test_when_people_come_it_is_proven_once_that_enough_hosts_serve(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, **EMPTY)
        await made.roll(**READY, min_serving=1.0, max_unavailable=1.0)
        done = await ticks(made, "2026-01-13T09:00:00Z")
        assert told(made, "complete") and not any(each.alarm for each in done)
        assert [notice.text for notice in told(made, "ready")] == [
            "by Tue 2026-01-13 06:00 UTC 2 of 2 hosts serve, 1 must"
        ]
        made.notices.clear()
        await ticks(made, "2026-01-20T09:00:00Z", 3 * HOUR)  # a week without a rollout needs no proof
        assert told(made, "ready") == []

    virtually(story())


def test_too_few_hosts_are_an_alarm_told_once_until_there_are_enough(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, **EMPTY)
        await made.roll(**READY, min_serving=1.0, max_unavailable=1.0)
        await ticks(made, "2026-01-13T05:30:00Z")
        drain(made, "vm-0")
        drain(made, "vm-1")
        done = await ticks(made, "2026-01-13T07:00:00Z")
        assert [each.alarm for each in done[-3:]] == [True, True, True]
        [alarm] = told(made, "NOT READY")
        assert alarm.grave and alarm.text == "by Tue 2026-01-13 06:00 UTC 0 of 2 hosts serve, 1 must"
        drain(made, "vm-0", False)
        await made.clock.sleep(60)
        assert not (await made.tick()).alarm and len(told(made, "ready")) == 1

    virtually(story())


def test_a_run_that_is_still_at_work_when_people_come_proves_it_itself(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=5, **EMPTY)
        slow = {"type": "guest", "host": ".", "image": r"1\.0\.1$", "fault": "agent_slow", "seconds": 2400}
        made.control("POST", "faults", {"rules": [{"id": "slow", "effect": slow}]})
        await until(made, "2026-01-13T05:30:00Z")
        inputs = {**READY, "window": {**NIGHTS, "duration": "PT10H"}, "min_serving": 4.0, "max_unavailable": 1.0}

        async def people() -> None:
            await until(made, "2026-01-13T05:59:00Z")
            for host in ("vm-1", "vm-2", "vm-3"):  # vm-0 is out
                drain(made, host)

        by_hand = asyncio.create_task(people())
        outcome = await made.roll(**inputs)
        await by_hand
        begun = [e.time for e in made.events if e.kind == "phase" and e.data["phase"] == "release"]
        assert len(begun) == 1 and begun[0] < from_iso("2026-01-13T06:00:00Z") < made.clock.now()
        assert outcome.status == "paused" and outcome.hosts["updated"] == [
            event.host for event in made.events if event.kind == "host_done"
        ]
        [event] = [e for e in made.events if e.kind == "ready"]
        assert event.data["ok"] is False and event.data["floor"] == 4
        assert "not ready by Tue 2026-01-13 06:00 UTC" in outcome.summary and outcome.alarm
        assert (await made.tick()).alarm and told(made, "NOT READY") == []  # the run has told it
        for host in ("vm-1", "vm-2", "vm-3"):
            drain(made, host, False)
        await made.clock.sleep(60)
        assert not (await made.tick()).alarm and len(told(made, "ready")) == 1
        await made.tick()
        assert len(told(made, "ready")) == 1

    virtually(story())


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_rollout_that_ticks_run_ends_the_same_wherever_one_dies(tmp_path: Path, side: Any) -> None:
    async def story(write: int) -> tuple[int, str, list[str]]:
        made = await bench(tmp_path / f"{write}", hosts=1, **EMPTY)
        await made.roll(**FAST)
        await until(made, OPENS)
        process = Process("first", Kill(write, side) if write else Kill())
        with suppress(Died):
            await made.tick(process=process)
        for number in range(4):
            await made.clock.sleep(QUARTER)
            await made.tick(owner=f"tick-{number}")
        tags = pool_tags(made)
        record = pool_record.decode(tags[names.RECORD])
        assert record is not None and serving(made) == 1 and made.os_disk_image("vm-0") == "1.0.1"
        left = [tag for tag in tags if tag.startswith((names.SCHEDULE, names.SCHEDULED))]
        return process.writes, f"{record.st} {record.a}", left

    count, *uncrashed = virtually(story(0))
    # Lease, begin, sweep: those that concern the schedule, each; of the host's own writes every ninth.
    for write in (1, 2, 3, 4, *range(9, count - 1, 9), count - 1, count):
        assert list(virtually(story(write)))[1:] == uncrashed, write


def test_the_scheduling_of_a_run_that_dies_holds_the_pool_in_the_end(tmp_path: Path) -> None:
    async def story(write: int, side: Any) -> tuple[str, list[str]]:
        made = await bench(tmp_path / f"{write}{side}", hosts=1, **EMPTY)
        with suppress(Died):
            await made.roll(process=Process("first", Kill(write, side)), **FAST)
        await made.clock.sleep(QUARTER)
        await made.roll(owner="second", **FAST)
        found = hold.of(pool_tags(made))
        assert found is not None
        return found.to, sorted(tag for tag in pool_tags(made) if tag.startswith(names.SCHEDULED))

    ends = {str(virtually(story(write, side))) for write in (1, 2, 3) for side in ("before", "after")}
    assert len(ends) == 1
