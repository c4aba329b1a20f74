"""What the terminal shows of a run, and what ends one; what `hostpool rebuild` does is in test_emulated.py."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from hostpool.engine import stop_on_signals, teller
from hostpool.session import Session
from rollout.events import Event, Kind
from tests.hostpool.literal_azure import EPOCH, in_the_middle
from tests.hostpool.night import VERSION_ID


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_asks_for_a_safe_end_and_a_second_one_changes_nothing(number: signal.Signals) -> None:
    stop = stop_on_signals()
    os.kill(os.getpid(), number)
    await stop.wait()
    os.kill(os.getpid(), number)
    await asyncio.sleep(0)
    assert stop.is_set()


def done(*, kept: bool) -> Event:
    return Event(EPOCH, Kind.HOST_DONE, "vm-1", data={"image": VERSION_ID, "kept": kept})


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            Event(EPOCH, Kind.HOST_DONE, "vm-1", data={"image": VERSION_ID, "kept": False}),
            "serves on a fresh disk: 1.0.1",
        ),
        (
            Event(EPOCH, Kind.HOST_DONE, "vm-1", data={"image": VERSION_ID, "kept": True}),
            "serves on its kept disk: 1.0.1",
        ),
        (
            Event(EPOCH, Kind.HOST_FAILED, "vm-1", "the rollout was aborted", {"result": "left_out"}),
            "is left as it was: the rollout was aborted",
        ),
        (
            Event(EPOCH, Kind.HOST_FAILED, "vm-1", "it never booted", {"result": "rolled_back"}),
            "failed, and serves on its old disk again: it never booted",
        ),
    ],
)
def test_each_end_of_a_host_has_its_words(event: Event, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    teller(Session(in_the_middle().world(), zone="Europe/Amsterdam"))(event)
    assert capsys.readouterr().err == f"21:00:00 (20:00:00 UTC) vm-1 {said}\n"
