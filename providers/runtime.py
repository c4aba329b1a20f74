"""The process's one event loop, in a thread of its own: it runs all rollouts, and provider methods only wait on it.

A dynamic provider's process has four threads for all calls of the stack, and they live as long as the process does;
Azure's clients are asyncio. Whoever asks for an end makes the rollouts stop: each finishes the write in flight and
gives its lease back. After Pulumi's Cancel the process lives on and answers; after a signal, or once the engine is
gone, it ends as well.
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
from providers.failure import only_sentences
from providers.stop_requests import on_cancel, on_signals

T = TypeVar("T")

LAST_WORDS = 0.5
"""Real seconds between the end of the last call and that of the process, for the answer to reach an engine that is
still there."""


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
        self._leaving = False
        self.stop = asyncio.Event()
        """Whatever runs must come to a safe end."""
        self._thread = threading.Thread(target=self._loop.run_forever, name="rollouts", daemon=True)
        self._thread.start()
        self._watching = asyncio.run_coroutine_threadsafe(self._watch(address), self._loop) if address else None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the loop and wait; raises what the work raises. Once the engine is gone the process may end first."""
        return asyncio.run_coroutine_threadsafe(self._counted(work), self._loop).result()

    def cancel(self) -> None:
        """What is at work now shall stop. Pulumi also says so when it closes a provider that has nothing to do."""
        self._loop.call_soon_threadsafe(self._stop_what_runs)

    def heed_signals(self) -> None:
        """A signal that would end the process stops what is at work first. For a process of its own only."""
        self._loop.call_soon_threadsafe(on_signals, self._loop, self._end_soon)

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
                if not self._leaving:
                    self.stop.clear()

    async def _watch(self, address: str) -> None:
        await until_gone(address)
        await self._end()

    def _stop_what_runs(self) -> None:
        if self._active:
            self.stop.set()

    def _end_soon(self) -> None:
        if not self._leaving:  # a second signal makes it neither faster nor worse
            self._ending = self._loop.create_task(self._end())

    async def _end(self) -> None:
        self._leaving = True
        self.stop.set()
        if self._active:
            await self._idle.wait()
            await asyncio.sleep(LAST_WORDS)
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
            _runtime = Runtime(address := engine_address())
            if address is not None:
                _runtime.heed_signals()
                on_cancel()
                only_sentences()
        return _runtime
