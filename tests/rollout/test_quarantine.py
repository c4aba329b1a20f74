"""Failed disks are kept for analysis, as many as declared, named, and gone after their time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollout import names
from rollout.clock import from_iso
from rollout.events import Kind
from rollout.phases import next_step
from rollout.pool_record import RolloutRecord, State
from rollout.quarantine import Places, Quarantine
from rollout.record import HostRecord, Phase
from rollout.steps import DeleteDisk, Enter, MarkDisk
from simulation.process import Died, Kill, Process
from simulation.virtual_time import virtually
from tests.rollout.literals import NEW, OLD, disk, goal, record, session_host, view, vm
from tests.support.observed import declaration
from tests.support.pools import Bench, bench

RULE = {"id": "bad", "effect": {"type": "guest", "host": "^vm-", "image": "1\\.0\\.1$", "fault": "unhealthy"}}
INPUTS: dict[str, Any] = {
    "canary": {"hosts": 0},
    "max_failed": 3.0,
    "verify": {"timeout": "PT30M"},
    "quarantine": {"disks": 2, "keep": "P2D"},
}
DAY = 86400.0


async def with_a_bad_image(folder: Path) -> Bench:
    made = await bench(folder, hosts=3, users=0)
    made.control("POST", "faults", {"seed": 1, "rules": [RULE]})
    return made


def quarantined(made: Bench) -> dict[str, dict[str, str]]:
    """Tags by name of the detached disks in quarantine."""
    resources = made.control("GET", "state")["resources"]
    found = [body for key, body in resources.items() if "/microsoft.compute/disks/" in key]
    return {
        body["name"]: body["tags"]
        for body in found
        if (body.get("tags") or {}).get(names.DISK_STATE) == "quarantined"
        and body["properties"]["diskState"] == "Unattached"
    }


def new_disks(made: Bench) -> set[str]:
    resources = made.control("GET", "state")["resources"]
    return {body["name"] for key, body in resources.items() if "/disks/" in key and "_OsDisk_" in body["name"]} - {
        str(made.vm(f"vm-{n}")["properties"]["storageProfile"]["osDisk"]["name"]) for n in range(3)
    }


def test_the_first_failed_disks_stay_named_and_until_their_date(tmp_path: Path) -> None:
    async def story() -> None:
        made = await with_a_bad_image(tmp_path)
        outcome = await made.roll(**INPUTS)
        kept = quarantined(made)
        assert len(outcome.hosts["rolled_back"]) == 3 and len(kept) == 2, (outcome.hosts, kept)
        assert new_disks(made) == set(kept)  # the third is deleted
        said = dict(outcome.failures)
        told = {e.data["quarantined"] for e in made.events if e.kind is Kind.HOST_FAILED and "quarantined" in e.data}
        assert told == set(kept)
        for name, tags in kept.items():
            assert f"its disk {name} is kept for analysis" in said[tags[names.DISK_HOST]]
            assert abs(from_iso(tags[names.DISK_KEEP_UNTIL]) - made.clock.now() - 2 * DAY) < 3 * 3600
        assert [made.os_disk_image(f"vm-{n}") for n in range(3)] == ["1.0.0"] * 3
        # The next attempt leaves them alone, and has places of its own.
        await made.roll(**{**INPUTS, "quarantine": {"disks": 0}})
        assert set(quarantined(made)) == set(kept)
        await made.clock.sleep(2 * DAY)
        made.control("POST", "faults", {"seed": 1, "rules": []})
        assert (await made.roll(**INPUTS)).status == "complete"
        assert quarantined(made) == {}

    virtually(story())


def test_without_it_a_failed_disk_is_deleted(tmp_path: Path) -> None:
    async def story() -> None:
        made = await with_a_bad_image(tmp_path)
        await made.roll(**{**INPUTS, "quarantine": None})
        assert quarantined(made) == {} and new_disks(made) == set()

    virtually(story())


def test_a_crash_gives_no_further_place(tmp_path: Path) -> None:
    async def story() -> None:
        made = await with_a_bad_image(tmp_path)
        inputs = {**INPUTS, "quarantine": {"disks": 1}, "max_unavailable": 2.0}
        for at in (3300, 900, 900):
            try:
                await made.roll(process=Process(f"dead at {at}", Kill(at=at)), **inputs)
            except Died:
                await made.clock.sleep(60)
        outcome = await made.roll(**inputs)
        assert len(quarantined(made)) == 1 and new_disks(made) == set(quarantined(made)), outcome.summary
        assert sum("is kept for analysis" in why for _, why in outcome.failures) == 1

    virtually(story())


# -- by literals


def test_a_place_is_the_hosts_for_the_whole_attempt() -> None:
    rollout = RolloutRecord("abcd", 2, State.RUNNING, 0)
    mine = HostRecord("abcd", 2, 1, Phase.ROLLED_BACK, 0, q=1)
    others = [("vm-1", replace(mine, a=1)), ("vm-2", replace(mine, q=0)), ("vm-3", None)]
    places = Places(Quarantine(2), rollout, [("vm-0", mine), *others])
    assert [places.take(name) for name in ("vm-5", "vm-5", "vm-6", "vm-0")] == [1, 1, 0, 1]
    assert Places(Quarantine(), rollout, []).take("vm-0") == 0


@pytest.mark.parametrize("phase", [Phase.UNDO_SERVE, Phase.LEAVE])
def test_a_disk_with_a_place_is_marked_before_the_host_is_given_back_and_never_deleted(phase: Phase) -> None:
    was = record(phase, w="unhealthy", q=1)
    declared = goal(quarantine={"disks": 1, "keep": "P2D"})
    host = session_host(allowNewSession=True)
    old, new = disk(OLD, "", attached=True), disk(NEW, "ready")
    seen = view(was, vm(disk=OLD), session_host=host, new_disk=new, old_disk=old)
    assert next_step(seen, declared) == MarkDisk(disk(NEW, "ready"), "quarantined", keep=2 * DAY)
    marked = replace(seen, new_disk=disk(NEW, "quarantined"))
    step = next_step(marked, declared)
    assert isinstance(step, Enter) and step.record is not None and step.record.p is Phase.ROLLED_BACK
    without = next_step(replace(seen, record=replace(was, q=0)), declared)
    assert isinstance(without, DeleteDisk)


def test_it_is_marked_as_soon_as_the_old_disk_is_back_so_that_a_host_that_fails_keeps_it() -> None:
    was = record(Phase.UNDO_REJOIN, w="unhealthy", q=1)
    step = next_step(view(was, vm(disk=OLD), new_disk=disk(NEW, "ready")), goal(quarantine={"disks": 1}))
    assert step == MarkDisk(disk(NEW, "ready"), "quarantined", keep=7 * DAY)


def test_the_declaration() -> None:
    assert declaration(quarantine={"disks": 1.0}).quarantine == Quarantine(1, 7 * DAY)
    assert declaration().quarantine == Quarantine(0)
