"""Rollouts of one subscription take turns: whole rollouts of several emulated pools, and the rule by literals."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout import names
from rollout.declaration import parse
from rollout.errors import InvalidDeclaration
from rollout.events import Event, Kind
from rollout.lease import Holder, Lease, decode
from rollout.rollout import Outcome, run
from rollout.turns import AtWork, ahead_of, told
from simulation.in_process import in_process_cloud
from simulation.process import Kill, Process
from simulation.virtual_time import virtually
from tests.support.observed import declaration
from tests.support.pools import GROUP, INPUTS, SUBSCRIPTION, Bench, bench


def pool_id(number: int) -> str:
    return f"{GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/hp{number}"


async def roll(made: Bench, number: int, process: Process | None = None, **inputs: Any) -> Outcome:
    """One run of a pool's rollout. Its events go to `made.events`, with the pool as their host."""
    declared = {**INPUTS, "canary": {"hosts": 0}, "max_rollouts_per_subscription": 1.0, **inputs}
    declared["host_pool_id"] = pool_id(number)
    clock = process.clock() if process is not None else made.clock
    lease = Lease(pool_id(number), f"runner of hp{number}", clock)

    def listener(event: Event) -> None:
        made.events.append(Event(event.time, event.kind, f"hp{number}", event.text, event.data))

    async with in_process_cloud(made.emulator, clock, process=process, write_guard=lease.check) as azure:
        return await run(
            azure, parse(declared), declared, clock=clock, lease=lease, listener=listener, log_folder=made.folder
        )


def at(made: Bench, kind: Kind) -> dict[str, float]:
    """When something was told last of each pool."""
    return {event.host: event.time for event in made.events if event.kind is kind}


async def killed(made: Bench, number: int, at: float) -> None:
    """A run that dies `at` seconds after it began."""
    process = Process(f"first of hp{number}", Kill(at=at))
    process.begin()
    first = asyncio.create_task(roll(made, number, process))
    await process.dead.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


async def pools(folder: Path, count: int = 2) -> Bench:
    return await bench(folder, hosts=count, pools=count, users=0)


def test_a_further_rollout_is_queued_and_writes_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        made = await pools(tmp_path)
        first = asyncio.create_task(roll(made, 1))
        await made.clock.sleep(300)
        second = await roll(made, 2)
        assert second.status == "queued", second.summary
        assert "the rollout of hp1 (runner of hp1); max_rollouts_per_subscription is 1" in second.waits_for
        assert names.LEASE not in (made.ask("GET", pool_id(2), None, "2024-04-03").body.get("tags") or {})
        assert (await first).status == "complete"
        assert (await roll(made, 2)).status == "complete"

    virtually(story())


def test_one_that_waits_begins_when_the_other_has_ended(tmp_path: Path) -> None:
    async def story() -> None:
        made = await pools(tmp_path, 3)
        runs = [asyncio.create_task(roll(made, 1))]
        await made.clock.sleep(300)
        runs += [asyncio.create_task(roll(made, number, when_closed="wait")) for number in (2, 3)]
        assert [outcome.status for outcome in await asyncio.gather(*runs)] == ["complete"] * 3
        began, ended = at(made, Kind.STARTED), at(made, Kind.ENDED)
        order = sorted(began, key=lambda pool: began[pool])
        assert order[0] == "hp1"
        for before, after in pairwise(order):
            assert began[after] >= ended[before], (began, ended)
        assert set(at(made, Kind.QUEUED)) == {"hp2", "hp3"}

    virtually(story())


def test_of_two_that_start_at_the_same_moment_one_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        made = await pools(tmp_path)
        outcomes = await asyncio.gather(roll(made, 1), roll(made, 2))
        assert sorted(outcome.status for outcome in outcomes) == ["complete", "queued"]

    virtually(story())


def test_several_may_be_at_work_where_that_is_declared(tmp_path: Path) -> None:
    async def story() -> None:
        made = await pools(tmp_path, 3)
        runs = [roll(made, number, max_rollouts_per_subscription=2.0, when_closed="wait") for number in (1, 2, 3)]
        assert [outcome.status for outcome in await asyncio.gather(*runs)] == ["complete"] * 3
        began, ended = at(made, Kind.STARTED), at(made, Kind.ENDED)
        last = max(began, key=lambda pool: began[pool])
        others = [pool for pool in began if pool != last]
        assert began[last] >= min(ended[pool] for pool in others)
        assert max(began[pool] for pool in others) < min(ended[pool] for pool in others)

    virtually(story())


def test_a_dead_runner_is_waited_for_until_its_lease_has_run_out(tmp_path: Path) -> None:
    async def story() -> None:
        made = await pools(tmp_path)
        await killed(made, 1, at=400)
        died = made.clock.now()
        assert (await roll(made, 2)).status == "queued"
        assert (await roll(made, 2, when_closed="wait")).status == "complete"
        waited = at(made, Kind.STARTED)["hp2"] - died
        assert 300 < waited < 900, waited

    virtually(story())


def test_hosts_that_are_half_done_come_home_whoever_is_at_work(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=4, pools=2, users=0)
        await killed(made, 1, at=900)
        assert in_work(made, "hp1")
        await made.clock.sleep(900)
        second = asyncio.create_task(roll(made, 2, canary={"hosts": 1, "bake": "PT3H"}, max_unavailable=1))
        await made.clock.sleep(120)
        home = await roll(made, 1)
        assert home.status == "paused" and home.waits_for.startswith("the rollout of hp2"), home.summary
        assert not second.done() and not in_work(made, "hp1")
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)

    virtually(story())


def in_work(made: Bench, pool: str) -> list[str]:
    """VMs whose tags say that a rollout of the pool works on them."""
    resources = made.control("GET", "state")["resources"].values()
    tags = {body["name"]: body.get("tags") or {} for body in resources if "virtualMachines" in str(body.get("type"))}
    return [name for name, of in tags.items() if names.RECORD in of and of.get(names.POOL) == pool]


# -- the rule


AT_WORK = st.builds(AtWork, since=st.integers(1, 3), pool_id=st.integers(0, 9).map(pool_id), owner=st.just("somebody"))


@given(st.lists(AT_WORK, min_size=1, unique_by=lambda rollout: rollout.pool_id), st.integers(1, 4))
def test_of_those_that_hold_their_leases_the_first_go_on_and_no_more_than_may(holding: list[AtWork], most: int) -> None:
    go_on = [mine for mine in holding if not ahead_of(mine, [other for other in holding if other is not mine], most)]
    assert sorted(go_on, key=lambda r: r.order) == sorted(holding, key=lambda r: r.order)[:most]


@given(st.lists(AT_WORK, unique_by=lambda rollout: rollout.pool_id), st.integers(0, 4))
def test_without_a_lease_one_waits_while_too_many_are_at_work(others: list[AtWork], most: int) -> None:
    assert bool(ahead_of(None, others, most)) is (0 < most <= len(others))


def test_many_are_told_shortly() -> None:
    ahead = [AtWork(1, pool_id(number), "ada@desk") for number in range(5)]
    assert told(ahead, 5) == (
        "the rollouts of hp0 (ada@desk), hp1 (ada@desk), hp2 (ada@desk) and 2 more; max_rollouts_per_subscription is 5"
    )


def test_a_lease_says_since_when_a_rollout_has_it() -> None:
    assert decode(Holder("ada", 3, 600.0, 42).encode()) == Holder("ada", 3, 600.0, 42)
    assert decode("owner=ada;fence=3;until=600") == Holder("ada", 3, 600.0)
    assert Holder("ada", 3, 600.0).encode() == "owner=ada;fence=3;until=600"


def test_the_declaration() -> None:
    assert declaration().max_rollouts_per_subscription == 1
    assert declaration(max_rollouts_per_subscription=5.0).max_rollouts_per_subscription == 5
    with pytest.raises(InvalidDeclaration, match="max_rollouts_per_subscription: -1 is out of range; write a whole"):
        declaration(max_rollouts_per_subscription=-1)


async def _listed(made: Bench) -> list[str]:
    async with in_process_cloud(made.emulator, made.clock) as azure:
        found = await azure.list_resources(SUBSCRIPTION, "Microsoft.DesktopVirtualization/hostPools")
    return sorted(str(body["id"]).rsplit("/", 1)[-1] for body in found)


def test_the_pools_of_the_subscription_are_listed_by_one_call(tmp_path: Path) -> None:
    async def story() -> None:
        assert await _listed(await pools(tmp_path, 3)) == ["hp1", "hp2", "hp3"]

    virtually(story())
