"""Hosts begin no faster than Azure's limits carry their calls."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from cloud.pace import AT_FIRST, BURST, ENOUGH, Pace
from cloud.throttling import RATES, Kind, Throttle
from simulation.virtual_time import LoopClock, virtually

PLENTY = {"writes": (1000.0, 0), "deletes": (1000.0, 0)}


def room(pace: Pace, granted: float, made: int = 0) -> int:
    return pace.room({"reads": (granted, made), **PLENTY})


def test_a_burst_begins_at_once_and_then_as_many_as_the_limits_carry() -> None:
    async def story() -> None:
        pace = Pace(LoopClock())
        with ExitStack() as under_way:
            assert room(pace, AT_FIRST["reads"]) == BURST
            assert pace.scarcity() == 0
            for _ in range(int(BURST)):
                under_way.enter_context(pace.host())
            assert (room(pace, AT_FIRST["reads"]), pace.scarcity()) == (0, 1)
            await asyncio.sleep(10)
            assert room(pace, AT_FIRST["reads"]) == 9  # nine tenths of one a second

    virtually(story())


def test_what_a_host_takes_is_learned_from_those_that_have_ended() -> None:
    async def story() -> None:
        pace = Pace(LoopClock())
        for _ in range(max(ENOUGH, int(BURST))):
            with pace.host():
                pass
        made = 50 * max(ENOUGH, int(BURST))
        assert room(pace, 50.0, made) == 0
        await asyncio.sleep(10)
        assert room(pace, 50.0, made) == 9

    virtually(story())


def test_the_scarcest_kind_of_call_decides() -> None:
    async def story() -> None:
        pace = Pace(LoopClock())
        with ExitStack() as under_way:
            for _ in range(int(BURST)):
                under_way.enter_context(pace.host())
            limits = {"reads": (1000.0, 0), "writes": (AT_FIRST["writes"] / 10, 0), "deletes": (1000.0, 0)}
            pace.room(limits)
            await asyncio.sleep(101 / 0.9)
            assert pace.room(limits) == 10

    virtually(story())


def test_reads_are_scarce_while_hosts_wait_to_begin() -> None:
    async def story() -> None:
        throttle = Throttle(LoopClock())
        assert throttle.room() == BURST
        with ExitStack() as under_way:
            for _ in range(int(BURST)):
                under_way.enter_context(throttle.pace.host())
            assert (throttle.room(), throttle.scarcity()) == (0, 1)
            await asyncio.sleep(BURST * AT_FIRST["reads"] / RATES[Kind.READ].per_second / 0.9 + 1)
            assert (throttle.room(), throttle.scarcity()) == (BURST, pytest.approx(0))

    virtually(story())
