"""Emulated time: how it runs beside real time, and the variable that tells clients.

The world's own time is `World.now` and only `World.advance` moves it. This module says where it has to be: on a
running clock `emulated epoch + (real - real epoch) * speed`; on a virtual clock nowhere else than where it is, until
somebody asks for an advance. The mapping is the section `clock` of the world, so that it is saved with it. This is
the one module of the emulator that reads the machine's clock; chance is drawn from the world's seed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from emulator.world import World

SECTION = "clock"

RESUME_WITHIN = 600.0
"""Real seconds: an emulator that was away for no longer than this goes on as if it had never stopped (clients that run
meanwhile hold the old HOSTPOOL_CLOCK); after a longer absence emulated time stood still."""


@dataclass(frozen=True, slots=True)
class Clock:
    """`speed` emulated seconds pass in one real second; 0 is a virtual clock. Epochs are Unix seconds."""

    real_epoch: float
    emulated_epoch: float
    speed: float

    @property
    def virtual(self) -> bool:
        return self.speed == 0

    def emulated(self, real: float) -> float:
        """The emulated time at a real time."""
        return self.emulated_epoch + (real - self.real_epoch) * self.speed

    def real(self, emulated: float) -> float:
        """The real time at which the clock shows `emulated`; only for a clock that runs."""
        return self.real_epoch + (emulated - self.emulated_epoch) / self.speed

    def variable(self) -> str:
        """HOSTPOOL_CLOCK: `<real epoch>,<emulated epoch>,<speed>`."""
        return f"{self.real_epoch:.6f},{self.emulated_epoch:.6f},{self.speed:g}"


def real_time() -> float:
    """Epoch seconds by the machine's clock, for what is real at any speed: tokens, the pace of saving."""
    return time.time()


def clock_of(world: World) -> Clock:
    """The world's clock; a world without one (in process) stands on a virtual clock."""
    section = world.sections.get(SECTION)
    if section is None:
        return Clock(0.0, world.now, 0.0)
    return Clock(section["real_epoch"], section["emulated_epoch"], section["speed"])


def start(world: World, speed: float, real: float | None = None) -> Clock:
    """Let the clock run from the world's time on at `speed`; 0 leaves time to `advance`."""
    begin = real_time() if real is None else real
    world.sections[SECTION] = {"speed": speed, "real_epoch": begin, "emulated_epoch": world.now, "seen": begin}
    world.sections.setdefault("settings", {})["speed"] = speed or 1.0
    return clock_of(world)


def resume(world: World, speed: float, real: float | None = None) -> Clock:
    """The clock after a restart: the saved mapping if the emulator was away for a moment only, else a new one."""
    moment = real_time() if real is None else real
    section = world.sections.get(SECTION)
    if section is None or section["speed"] != speed or not 0 <= moment - section["seen"] <= RESUME_WITHIN:
        return start(world, speed, moment)
    return clock_of(world)


def catch_up(world: World, real: float | None = None) -> None:
    """Bring the world to the time its clock shows."""
    clock = clock_of(world)
    if clock.virtual:
        return
    moment = real_time() if real is None else real
    world.sections[SECTION]["seen"] = moment
    world.advance(clock.emulated(moment))


def http_date(moment: float) -> str:
    """A time as the HTTP Date header has it (RFC 9110, 5.6.7)."""
    return _http_second(int(moment))


@lru_cache(maxsize=64)
def _http_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")


def parse(text: str) -> float:
    """Unix seconds of an ISO 8601 time; one without a zone is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
