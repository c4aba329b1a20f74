"""Time and chance. The one module that reads the machine's clock, its randomness, and HOSTPOOL_CLOCK.

All else is handed a clock and a chance, so that a simulation can hand it its own: ruff refuses `time`, `random` and
`uuid` elsewhere.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from rollout.clock import Clock
from rollout.errors import InvalidDeclaration

VARIABLE = "HOSTPOOL_CLOCK"
SHORTEST = 0.15
"""Real seconds that a wait in compressed time takes at least, where it would take longer in real time."""


class Chance(Protocol):
    """Where randomness comes from; a seeded `random.Random` in a simulation."""

    def random(self) -> float:
        """In [0, 1)."""
        ...

    def getrandbits(self, k: int, /) -> int: ...


def real_chance() -> Chance:
    """The operating system's randomness."""
    return random.SystemRandom()


def guid(chance: Chance) -> str:
    """A random GUID."""
    bits = chance.getrandbits(128)
    text = f"{bits & ~(0xF << 76) & ~(0x3 << 62) | 0x4 << 76 | 0x2 << 62:032x}"  # version 4, as uuid.UUID makes it
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def real_time() -> float:
    """Epoch seconds by the machine's clock, for what is real in compressed time too: the lifetime of a token, the pace
    of a display."""
    return time.time()


@dataclass(frozen=True)
class RealClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def real_seconds(self, seconds: float) -> float:
        return seconds


@dataclass(frozen=True)
class ScaledClock:
    """Emulated time: `emulated_epoch` was at `real_epoch` (both Unix seconds), and `speed` seconds pass in one real."""

    real_epoch: float
    emulated_epoch: float
    speed: float

    def now(self) -> float:
        return self.emulated_epoch + (time.time() - self.real_epoch) * self.speed

    async def sleep(self, seconds: float) -> None:
        """Wait, but not for less than SHORTEST real seconds: a machine that shows 300 seconds in one cannot also ask
        300 times as often."""
        await asyncio.sleep(max(min(seconds, SHORTEST), seconds / self.speed))

    def real_seconds(self, seconds: float) -> float:
        return seconds / self.speed


def clock_from(environment: Mapping[str, str]) -> Clock:
    """The clock that the environment asks for.

    HOSTPOOL_CLOCK is `<real epoch>,<emulated epoch>,<speed>`, as the emulator prints it; unset or empty is real time.
    Raises InvalidDeclaration for anything else.
    """
    text = environment.get(VARIABLE, "").strip()
    if not text:
        return RealClock()
    try:
        real_epoch, emulated_epoch, speed = (float(part) for part in text.split(","))
    except ValueError:
        raise _invalid(text) from None
    if not all(math.isfinite(value) for value in (real_epoch, emulated_epoch, speed)) or speed <= 0:
        raise _invalid(text)
    return ScaledClock(real_epoch, emulated_epoch, speed)


def _invalid(text: str) -> InvalidDeclaration:
    return InvalidDeclaration(
        VARIABLE,
        text,
        "is not <real epoch>,<emulated epoch>,<speed> with a speed above 0",
        "export it as the emulator prints it, or unset it for real time",
    )
