"""`hostpool rehearse` on the emulator: a disk is built, booted and checked, no host is touched, and nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import looptime
import pytest

from rollout import names
from rollout.declaration import parse
from rollout.events import Event, Kind
from rollout.image_sources import resolve
from rollout.lease import Lease
from rollout.observation import observe
from rollout.plan import lines
from rollout.rehearsal import Rehearsed, rehearse
from simulation.in_process import in_process_cloud
from simulation.process import Kill, Process, Side
from tests.hostpool.test_emulated import Desk
from tests.support.pools import INPUTS, POOL, bench

ROLLED: dict[str, Any] = {"version": "1.0.1", "keep_old_disk": "PT0S", "include": ["vm-1"]}
VMS = "/microsoft.compute/virtualmachines/"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Two hosts that a rollout has brought to 1.0.0; 1.0.1 is there."""
    loop = looptime.new_event_loop()
    try:
        made = loop.run_until_complete(bench(tmp_path, hosts=2, sessions_per_host=1))
        rolled = loop.run_until_complete(made.roll(**ROLLED))
        assert rolled.status == "complete", rolled.summary
        yield Desk(made, loop.run_until_complete)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        asyncio.set_event_loop(None)


def hosts(desk: Desk) -> dict[str, Any]:
    """The VMs of the hosts as they are, with their records in the pool."""
    resources = desk.state()["resources"]
    kinds = ("microsoft.compute/virtualmachines", "microsoft.desktopvirtualization/hostpools/sessionhosts")
    found = {key: body for key, body in resources.items() if str(body.get("type")).lower() in kinds}
    return {
        key: (body.get("tags"), body["properties"].get("storageProfile"), body["properties"].get("allowNewSession"))
        for key, body in found.items()
    }


def touching(desk: Desk, since: int) -> list[str]:
    """Writes since then that are about a host or its sessions."""

    async def read() -> list[Any]:
        return list(desk.made.control("GET", "requests", since=str(since))["requests"])

    log = [(r["method"], r["path"].lower()) for r in desk.within(read()) if r["method"] != "GET"]
    return [f"{m} {p}" for m, p in log if "/sessionhosts/" in p or (VMS in p and "avdtmp-" not in p)]


def pool_tags(desk: Desk) -> dict[str, str]:
    async def read() -> dict[str, str]:
        return dict(desk.made.ask("GET", POOL, None, "2024-04-03").body.get("tags") or {})

    return desk.within(read())


def last_request(desk: Desk) -> int:
    async def read() -> int:
        return int(desk.made.control("GET", "requests", since="0")["requests"][-1]["n"])

    return desk.within(read())


def leftovers(desk: Desk) -> list[str]:
    return [key for key in desk.state()["resources"] if "avdtmp" in key]


def test_a_disk_is_built_booted_and_checked_and_no_host_is_touched(desk: Desk) -> None:
    before, disks, n = hosts(desk), desk.disks(), last_request(desk)
    done = desk.hostpool("rehearse", "--version", "1.0.1")
    assert done.exit_code == 0, done.output
    assert "1.0.1 for vm-0: built, booted and checked in" in done.output and "removed again" in done.output
    assert "checked that Windows set-up is complete" in done.output
    assert hosts(desk) == before and desk.disks() == disks and leftovers(desk) == []
    assert touching(desk, n) == []
    tags = pool_tags(desk)
    assert names.REHEARSAL not in tags and "owner=nobody" in tags[names.LEASE]


def test_a_kept_disk_is_used_by_the_rollout(desk: Desk) -> None:
    done = desk.hostpool("rehearse", "vm-0", "--version", "1.0.1", "--keep")
    assert done.exit_code == 0, done.output
    [kept] = [name for name in desk.disks() if f"disk {name} is kept for the rollout" in done.output.lower()]
    n = last_request(desk)
    rolled = desk.within(desk.made.roll(version="1.0.1"))
    assert rolled.status == "complete", rolled.summary

    async def attached() -> str:
        return str(desk.made.vm("vm-0")["properties"]["storageProfile"]["osDisk"]["name"])

    assert desk.within(attached()).lower() == kept.lower()

    async def built() -> list[str]:
        log = desk.made.control("GET", "requests", since=str(n))["requests"]
        return [r["path"] for r in log if r["method"] == "PUT" and "avdtmp" in r["path"]]

    assert desk.within(built()) == []


def test_a_disk_that_was_kept_stays_and_is_named_with_what_to_do(desk: Desk) -> None:
    before = desk.disks()
    assert desk.hostpool("rehearse", "vm-1", "--version", "1.0.1", "--keep").exit_code == 0
    [kept] = desk.disks() - before
    n = last_request(desk)
    again = desk.hostpool("rehearse", "vm-1", "--version", "1.0.1")
    assert again.exit_code == 1 and f"disk {kept} of 1.0.1 is kept for vm-1" in again.stderr.lower(), again.output
    assert "az disk delete --ids /subscriptions/" in again.stderr and again.stderr.count("\n") == 1
    assert touching(desk, n) == [] and desk.disks() - before == {kept}
    first = desk.hostpool("rehearse", "--version", "1.0.1")  # nobody is named: one whose disk is not there yet
    assert first.exit_code == 0 and "1.0.1 for vm-0: built" in first.output, first.output
    assert desk.disks() - before == {kept}


def test_neither_ticks_nor_a_preview_remove_a_kept_disk_but_an_up_of_another_version_does(desk: Desk) -> None:
    before = desk.disks()
    assert desk.hostpool("rehearse", "vm-0", "--version", "1.0.1", "--keep").exit_code == 0
    [kept] = desk.disks() - before
    assert desk.hostpool("tick").exit_code == 0
    assert kept in desk.disks()
    declared = parse({**INPUTS, "version": "1.0.1"})

    async def planned() -> dict[str, str]:
        async with in_process_cloud(desk.made.emulator, desk.made.clock) as azure:
            pool = await observe(azure, declared, at=azure.azure_time())
            return lines(pool, await resolve(azure, declared, pool.location), declared)

    assert "cleanup" not in desk.within(planned()), "the version that it was kept for uses it"
    assert desk.within(desk.made.roll(version="1.0.0", keep_old_disk="PT0S")).status == "complete"
    assert kept not in desk.disks()


@pytest.mark.parametrize("fault", ["never_boots", "never_provisions"])
def test_a_bad_image_is_told_and_nothing_is_left(desk: Desk, fault: str) -> None:
    async def break_it() -> None:
        effect = {"type": "guest", "host": "^vm-|^avdtmp", "image": r"1\.0\.1$", "fault": fault}
        desk.made.control("POST", "faults", {"seed": 1, "rules": [{"id": "bad", "effect": effect}]})

    desk.within(break_it())
    before = desk.disks()
    done = desk.hostpool("rehearse", "--version", "1.0.1")
    assert done.exit_code == 1 and "1.0.1 FAILED for vm-0" in done.output, done.output
    assert desk.disks() == before and leftovers(desk) == [] and names.REHEARSAL not in pool_tags(desk)


def test_during_a_rollout_and_for_unknown_hosts_it_is_refused(desk: Desk) -> None:
    assert "vm-9" in desk.hostpool("rehearse", "vm-9").output
    assert desk.hostpool("pause").exit_code == 0
    desk.within(desk.made.roll(version="1.0.1"))
    refused = desk.hostpool("rehearse")
    assert refused.exit_code == 1 and "a rollout is paused" in refused.output


async def rehearsed(desk: Desk, process: Process, events: list[Event]) -> Rehearsed | None:
    """By a process that is killed, or None."""
    declared = parse({**INPUTS, "version": "1.0.1"})
    process.begin()
    clock = process.clock()
    lease = Lease(POOL, process.name, clock)

    async def work() -> Rehearsed:
        made = desk.made.emulator
        async with in_process_cloud(made, clock, process=process, write_guard=lease.check) as azure:
            return await rehearse(azure, declared, clock=clock, lease=lease, tell=events.append)

    task, death = asyncio.ensure_future(work()), asyncio.ensure_future(process.dead.wait())
    await asyncio.wait({task, death}, return_when=asyncio.FIRST_COMPLETED)
    done = task.result() if not process.dead.is_set() else None
    for each in (task, death):
        each.cancel()
    await asyncio.gather(task, death, return_exceptions=True)
    return done


@pytest.mark.parametrize("side", ["before", "after"])
def test_killed_at_any_write_it_leaves_nothing_after_the_next_run(desk: Desk, side: Side) -> None:
    before, hosts_before = desk.disks(), hosts(desk)
    write, events = 1, list[Event]()
    while True:
        process = Process(f"rehearsal {write}", Kill(write=write, side=side))
        if desk.within(rehearsed(desk, process, events)) is not None:
            break
        desk.within(desk.made.clock.sleep(700))
        if write % 2:  # the next run is a pulumi up that has nothing else to do, else another rehearsal
            assert (
                desk.within(desk.made.roll(version="1.0.1", keep_old_disk="PT0S", include=["vm-1"])).status
                == "complete"
            )
            assert desk.disks() == before and leftovers(desk) == [], write
        write += 1
    assert write > 8, "it was killed at each of its writes"
    assert desk.disks() == before and leftovers(desk) == [] and hosts(desk) == hosts_before
    assert names.REHEARSAL not in pool_tags(desk)
    assert [event.data["passed"] for event in events if event.kind is Kind.REHEARSED][-1]
