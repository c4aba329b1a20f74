"""Whether the Pulumi engine is still there.

The provider's process lives on when the CLI is killed (plugins run in process groups of their own). So the engine's
address, the last argument of the process, is asked every few seconds: refused three times in a row means that the CLI
is gone.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Sequence

EVERY = 5.0
"""Real seconds between probes: the CLI lives in real time, whatever clock the rollout keeps."""
REFUSALS = 3
TIMEOUT = 5.0

_ADDRESS = re.compile(r"(127\.0\.0\.1|localhost|\[::1\]|\d+\.\d+\.\d+\.\d+):(\d{1,5})")


def engine_address(arguments: Sequence[str] | None = None) -> str | None:
    """`host:port` of the engine, or None where the process was not started by one (a test, say)."""
    given = list(sys.argv if arguments is None else arguments)
    return given[-1] if given and _ADDRESS.fullmatch(given[-1]) else None


async def until_gone(
    address: str,
    *,
    probe: Callable[[str], Awaitable[bool]] | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Return when the engine has refused `REFUSALS` probes in a row. No answer at all is no refusal: a machine that
    swaps is slow, not gone."""
    refused = 0
    while refused < REFUSALS:
        await sleep(EVERY)
        refused = refused + 1 if await (probe or is_refused)(address) else 0


async def is_refused(address: str) -> bool:
    """Whether nobody listens at the address."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(TIMEOUT):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except ConnectionRefusedError:
        return True
    except (OSError, TimeoutError):
        return False
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        pass  # the engine may reset a connection that says nothing
    return False
