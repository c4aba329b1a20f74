"""How a write waits for others: whoever else writes at the same time is let through, and then it is looked at anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from rollout.clock import Clock
from rollout.errors import Conflict, PreconditionFailed

T = TypeVar("T")
TRIES = 4
"""Looks at a scale set that somebody else changes meanwhile."""
BUSY_WAIT = 1800.0
"""Seconds that an operation of somebody else, or of a run that was killed, is waited for."""
POLL = 15.0


async def patiently(clock: Clock, attempt: Callable[[], Awaitable[T]]) -> T:
    """The outcome of an attempt that looks and then writes. It is made again where the etag does not match any more,
    and while Azure says `Conflict`: another operation runs (recording error-409-vmss-conflict-concurrent). Other
    refusals, such as OperationNotAllowed while a rolling upgrade runs, are raised at once."""
    until, tries = clock.now() + BUSY_WAIT, 1
    while True:
        try:
            return await attempt()
        except PreconditionFailed:
            tries += 1
            if tries > TRIES:
                raise
        except Conflict as error:
            if error.code != "Conflict" or clock.now() >= until:
                raise
            await clock.sleep(POLL)
