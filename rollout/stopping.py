"""Ending a run from outside, wherever it is: in the pre-checks, waiting for the lease, at work, cleaning up."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def until_stopped(work: Coroutine[Any, Any, T], stop: asyncio.Event) -> T | None:
    """What the work returns, or None when `stop` was set before it came to its end.

    The work is cancelled then and waited for: a write in flight is finished (`cloud.policies.LeasePolicy`), operations
    in Azure go on by themselves, and what it has in `finally` is done. Raises what the work raises.
    """
    task, asked = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        return None if task.cancelled() else task.result()
    finally:
        asked.cancel()
        if not task.done():  # we are cancelled ourselves
            task.cancel()
            await asyncio.wait({task})
