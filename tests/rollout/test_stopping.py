"""A run that is told to stop ends where it is, whatever it is doing, and the next one goes on at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from rollout import names
from rollout.errors import Stopped
from rollout.lease import SETTLE, decode
from rollout.stopping import until_stopped
from simulation.end_state import EndState, differences, end_state
from simulation.virtual_time import virtually
from simulation.wire_log import Exchange
from tests.support.pools import POOL, Bench, bench

CANARY = {"hosts": 1, "bake": "PT5M"}


def lease_tag(made: Bench) -> str | None:
    tags = made.ask("GET", POOL, None, "2024-04-03").body.get("tags") or {}
    return tags.get(names.LEASE)


def end_of(made: Bench) -> EndState:
    return end_state(made.control("GET", "state"))


async def stopped_at(made: Bench, nth: int) -> str:
    """Run and set the stop when request `nth` of the run is answered; returns what was said."""
    stop, first = asyncio.Event(), len(made.wire.exchanges)

    def watch(exchange: Exchange) -> None:
        if len(made.wire.exchanges) == first + nth:
            stop.set()

    made.wire.watchers.append(watch)
    try:
        outcome = await made.roll(owner="first@runner", canary=CANARY, halt=stop)
        return outcome.status
    except Stopped as error:
        return str(error)
    finally:
        made.wire.watchers.remove(watch)


def test_a_run_can_be_stopped_at_any_request_and_the_next_goes_on_at_once(tmp_path: Path) -> None:
    """From the first read of the pre-checks to the last deletion of the clean-up: the lease is given back, nothing is
    written once the run has ended, and the next run ends as if there had been one only."""

    async def undisturbed() -> tuple[int, EndState]:
        made = await bench(tmp_path / "whole", hosts=2, users=4)
        assert (await made.roll(canary=CANARY)).status == "complete"
        return len(made.wire.exchanges), end_of(made)

    total, expected = virtually(undisturbed())
    said: set[str] = set()
    for nth in range(1, total, total // 7):

        async def story(nth: int = nth) -> None:
            made = await bench(tmp_path / str(nth), hosts=2, users=4)
            at = made.clock.now()
            said.add(await stopped_at(made, nth))
            stopped_after, sent = made.clock.now() - at, len(made.wire.exchanges)
            holder = decode(lease_tag(made))
            assert holder is None or (holder.owner, holder.until <= made.clock.now()) == ("nobody", True), nth
            await made.clock.sleep(60)
            assert len(made.wire.exchanges) == sent, nth
            again = made.clock.now()
            made.events.clear()
            outcome = await made.roll(owner="second@runner", canary=CANARY)
            assert outcome.status == "complete", (nth, outcome.summary)
            began = next((e.time for e in made.events if e.kind == "started"), again)
            assert began - again < 2 * SETTLE, (nth, stopped_after)
            assert differences(expected, end_of(made)) == [], nth

        virtually(story())
    assert said == {
        "stopped before anything was changed; run pulumi up again",
        "stopped at a safe point; run pulumi up again: it goes on where this run stopped",
    }


def test_a_stop_while_the_lease_settles_gives_it_back(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        stop = asyncio.Event()
        rolling = asyncio.create_task(made.roll(halt=stop))
        while lease_tag(made) is None:
            await made.clock.sleep(1)
        stop.set()
        with pytest.raises(Stopped, match="before anything was changed"):
            await rolling
        holder = decode(lease_tag(made))
        assert holder is not None and (holder.owner, holder.fence) == ("nobody", 1)

    virtually(story())


def test_a_stop_while_another_holds_the_lease_leaves_it_alone(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        working = asyncio.create_task(made.roll(owner="first@runner"))
        await made.clock.sleep(120)
        stop = asyncio.Event()
        waiting = asyncio.create_task(made.roll(owner="second@runner", halt=stop))
        await made.clock.sleep(20)
        stop.set()
        with pytest.raises(Stopped, match="before anything was changed"):
            await waiting
        holder = decode(lease_tag(made))
        assert holder is not None and holder.owner == "first@runner"
        assert (await working).status == "complete"

    virtually(story())


async def test_work_that_is_done_has_its_result_whatever_is_asked_for() -> None:
    stop = asyncio.Event()

    async def work() -> str:
        stop.set()
        return "done"

    assert await until_stopped(work(), stop) == "done"


async def test_cancelling_the_caller_cancels_the_work_and_waits_for_it() -> None:
    order: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            order.append("tidied")

    caller = asyncio.ensure_future(until_stopped(work(), asyncio.Event()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert order == ["tidied"]
