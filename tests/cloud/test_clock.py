"""HOSTPOOL_CLOCK."""

from __future__ import annotations

import time

import pytest

from cloud.clock import RealClock, ScaledClock, clock_from
from rollout.errors import InvalidDeclaration


def test_without_the_variable_time_is_real() -> None:
    assert clock_from({}) == RealClock()
    assert clock_from({"HOSTPOOL_CLOCK": " "}) == RealClock()
    assert abs(clock_from({}).now() - time.time()) < 5
    assert clock_from({}).real_seconds(7.0) == 7.0


def test_emulated_time_runs_from_its_epoch_at_its_speed() -> None:
    began = time.time() - 10
    clock = clock_from({"HOSTPOOL_CLOCK": f"{began},1768248000,300"})
    assert clock == ScaledClock(began, 1768248000.0, 300.0)
    assert 1768248000 + 3000 <= clock.now() <= 1768248000 + 3000 + 300 * 5
    assert clock.real_seconds(600.0) == 2.0


async def test_sleeping_takes_the_speeds_part_of_the_time() -> None:
    clock = ScaledClock(0.0, 0.0, 10_000.0)
    before = time.monotonic()
    await clock.sleep(100.0)
    assert 0.01 <= time.monotonic() - before < 10


@pytest.mark.parametrize("text", ["fast", "1,2", "1,2,3,4", "1,2,0", "1,2,-5", "1,2,nan", "inf,2,3"])
def test_anything_else_is_one_clear_error(text: str) -> None:
    with pytest.raises(InvalidDeclaration, match="HOSTPOOL_CLOCK") as caught:
        clock_from({"HOSTPOOL_CLOCK": text})
    assert repr(text) in str(caught.value)
    assert "emulator prints it" in str(caught.value)
