"""One runner's process in a simulation: its clock, its wire, and how it dies, is stopped for a while, or comes back.

A process is killed at a remote write, before it is sent or after it took effect but before its answer arrived, or at a
moment. From then on not one more request of it reaches Azure, whatever its coroutines still try while they unwind.
A paused process (a suspended VM, a stopped container) goes on after the pause as if no time had passed: answers and
sleeps reach it late. Time itself goes on.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal

from rollout.errors import LeaseLost
from simulation.virtual_time import EPOCH, LoopClock

Side = Literal["before", "after"]


class Died(BaseException):
    """The process is dead: raised by everything it still asks of its wire."""


@dataclass(frozen=True)
class Kill:
    """Where a process dies: at its write number `write` (from 1) of a kind, or of all where none is named, or `at`
    seconds after it began."""

    write: int | None = None
    side: Side = "before"
    at: float | None = None
    kind: str = ""
    """As `wire_log.kind_of_write` names it."""


@dataclass(frozen=True)
class Pause:
    """The process stands still from `at` seconds after it began, for `seconds`. `sending`: a write that passed its last
    check by then is sent when the process wakes up, which is the one hole that docs/reliability.md states."""

    at: float
    seconds: float
    sending: bool = False


@dataclass
class Process:
    """`skew`: seconds that the runner's clock is ahead of Azure's."""

    name: str = "tester@machine"
    kill: Kill = Kill()
    pause: Pause | None = None
    skew: float = 0.0
    writes: int = 0
    """Writes handed to the wire so far, refused ones included."""
    died_at: str = ""
    """The write at which it was killed, as `PATCH virtualMachines before`."""
    dead: asyncio.Event = field(default_factory=asyncio.Event)
    late: list[int] = field(default_factory=list)
    """Numbers of the writes that were sent after a pause between the last check and the send."""
    _of_kind: int = 0
    _began: float = -1.0

    def begin(self) -> None:
        """Its time counts from now."""
        self._began = _now()
        if self.kill.at is not None:
            asyncio.get_running_loop().call_later(self.kill.at, self.die, "a moment")

    def count_write(self, kind: str) -> bool:
        """Whether this write, which is of that kind, is the one at which the process is killed."""
        self.writes += 1
        if self.kill.kind not in ("", kind):
            return False
        self._of_kind += 1
        return self._of_kind == self.kill.write

    def die(self, where: str) -> None:
        """Stop dead."""
        if not self.dead.is_set():
            self.died_at = where
            self.dead.set()

    @property
    def paused_for(self) -> float:
        """Seconds until it goes on; 0 while it runs."""
        if self.pause is None or self._began < 0:
            return 0.0
        since = _now() - self._began - self.pause.at
        return max(0.0, self.pause.seconds - since) if since >= 0 else 0.0

    async def alive(self) -> None:
        """Go on only while the process lives, and not before its pause is over. Raises Died."""
        if not self.dead.is_set() and self.paused_for:
            await asyncio.sleep(self.paused_for)
        if self.dead.is_set():
            raise Died(self.name)

    def clock(self) -> ProcessClock:
        return ProcessClock(LoopClock(EPOCH + self.skew), self)


@dataclass(frozen=True)
class ProcessClock:
    """The runner's own clock: off by the process's skew, and silent while the process stands still."""

    inner: LoopClock
    process: Process

    def now(self) -> float:
        return self.inner.now()

    async def sleep(self, seconds: float) -> None:
        await self.inner.sleep(seconds)
        await self.process.alive()

    def real_seconds(self, seconds: float) -> float:
        return self.inner.real_seconds(seconds)


def silent_about_the_dead(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A loop's exception handler: nobody retrieves the exceptions of a dead process's tasks, or of one that lost its
    lease and gave up the others."""
    if not isinstance(context.get("exception"), Died | LeaseLost):
        loop.default_exception_handler(context)


def _now() -> float:
    return asyncio.get_running_loop().time()
