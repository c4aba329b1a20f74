"""Clocks for tests under looptime, whose event loop jumps over every wait."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

EPOCH = 1_768_248_000.0
"""2026-01-12T20:00:00Z, where the emulator's scenarios begin."""


@dataclass(frozen=True)
class LoopClock:
    """The event loop's time, `epoch` at its zero."""

    epoch: float = EPOCH

    def now(self) -> float:
        return self.epoch + asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def real_seconds(self, seconds: float) -> float:
        return seconds
