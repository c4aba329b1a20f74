"""What ends `hostpool rebuild`; what it does is in test_emulated.py."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from hostpool.engine import stop_on_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_asks_for_a_safe_end_and_a_second_one_changes_nothing(number: signal.Signals) -> None:
    stop = stop_on_signals()
    os.kill(os.getpid(), number)
    await stop.wait()
    os.kill(os.getpid(), number)
    await asyncio.sleep(0)
    assert stop.is_set()
