"""Virtual time: an event loop that jumps over every wait, and the engine's clock on it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

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


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still while there is work, and then jumps to the next timer."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Jumps(self))

    def time(self) -> float:
        return self.now

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Here and now: there is one thread, and a jump would not wait for another."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done


class _Jumps(selectors.SelectSelector):
    """Nothing waits for sockets or threads: to wait for them is to jump. Without any timer left it does wait."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        self._loop.now += max(0.0, timeout)
        return []


def virtually(work: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        asyncio.set_event_loop(None)
