"""The process's one event loop, in a thread of its own: it runs all rollouts, and provider methods only wait on it.

A dynamic provider's process has four threads for all calls of the stack, and they live as long as the process does;
Azure's clients are asyncio. The loop also watches the engine: when the CLI is gone, the rollouts are told to stop, each
finishes the write in flight, records where it is and gives its lease back, and then the process ends.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

from providers.engine_watch import engine_address, until_gone

T = TypeVar("T")


class Runtime:
    """An event loop in a daemon thread."""

    def __init__(self, address: str | None, leave: Callable[[], object] | None = None) -> None:
        # The SDK logs what it raises as well; without a handler that goes to stderr, between Pulumi's own lines.
        logging.getLogger("azure").addHandler(logging.NullHandler())
        self._loop = asyncio.new_event_loop()
        self._leave = leave or _end_process
        self._active = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.stop = asyncio.Event()
        """Set when the engine is gone: whatever runs must come to a safe end."""
        self._thread = threading.Thread(target=self._loop.run_forever, name="rollouts", daemon=True)
        self._thread.start()
        self._watching = asyncio.run_coroutine_threadsafe(self._watch(address), self._loop) if address else None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the loop and wait; raises what the work raises. Once the engine is gone the process may end first."""
        return asyncio.run_coroutine_threadsafe(self._counted(work), self._loop).result()

    def close(self) -> None:
        """End the loop; for tests, a provider's process never needs to."""
        if self._watching is not None:
            self._watching.cancel()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _counted(self, work: Coroutine[Any, Any, T]) -> T:
        self._active += 1
        self._idle.clear()
        try:
            return await work
        finally:
            self._active -= 1
            if not self._active:
                self._idle.set()

    async def _watch(self, address: str) -> None:
        await until_gone(address)
        self.stop.set()
        await self._idle.wait()
        self._leave()


@contextmanager
def without_collector() -> Iterator[None]:
    """Without the cyclic garbage collector: a preview of 500 hosts makes a million small objects that all live until
    its end, and the collector would look at them again and again (a fifth of the preview's time)."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _end_process() -> NoReturn:
    os._exit(0)  # nobody waits for an answer, and the threads of the gRPC server would keep a plain exit waiting


_lock = threading.Lock()
_runtime: Runtime | None = None


def runtime() -> Runtime:
    """The runtime of this process, made when first asked for."""
    global _runtime
    with _lock:
        if _runtime is None:
            _runtime = Runtime(engine_address())
        return _runtime
