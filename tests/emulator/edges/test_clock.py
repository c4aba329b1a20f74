"""Emulated time beside real time."""

from __future__ import annotations

from emulator import clock
from emulator.world import World


def test_running_clock_multiplies_real_seconds() -> None:
    world = World(now=1000.0)
    running = clock.start(world, 60.0, real=50.0)
    assert running.emulated(52.0) == 1120.0
    assert running.real(1120.0) == 52.0
    assert running.variable() == "50.000000,1000.000000,60"
    clock.catch_up(world, real=51.0)
    assert world.now == 1060.0


def test_virtual_clock_stands_where_the_world_is() -> None:
    world = World(now=1000.0)
    assert clock.clock_of(world).virtual
    clock.start(world, 0.0, real=50.0)
    clock.catch_up(world, real=99.0)
    assert world.now == 1000.0
    assert world.setting("speed", None) == 1.0


def test_short_absence_passes_and_a_long_one_does_not() -> None:
    world = World(now=1000.0)
    first = clock.start(world, 10.0, real=0.0)
    clock.catch_up(world, real=100.0)
    assert clock.resume(world, 10.0, real=160.0) == first
    world = World(now=1000.0)
    clock.start(world, 10.0, real=0.0)
    late = clock.resume(world, 10.0, real=99999.0)
    assert late.emulated(99999.0) == 1000.0


def test_other_speed_begins_anew() -> None:
    world = World(now=1000.0)
    clock.start(world, 10.0, real=0.0)
    assert clock.resume(world, 20.0, real=1.0).emulated(1.0) == 1000.0
