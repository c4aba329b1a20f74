"""Virtual time: an event loop that jumps over every wait, and the engine's clock on it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import looptime

T = TypeVar("T")

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


def virtually(work: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result."""
    # One idle turn before each jump is enough: nothing here waits for sockets or threads.
    loop = looptime.new_event_loop(noop_cycles=1)
    try:
        return loop.run_until_complete(work)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        asyncio.set_event_loop(None)
