"""An emulator over HTTPS, served from a thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emulator import clock, scenario
from emulator.app import Emulator
from emulator.server import Running, running


@contextmanager
def served(directory: Path, *, name: str = "pooled", speed: float = 300.0, **options: Any) -> Iterator[Running]:
    """The scenario `name` with its options, on a clock that runs at `speed`. `directory` gets the certificates;
    `.server.environment()` are the variables that a client needs."""
    emulator = Emulator(scenario.build(name, options))
    clock.start(emulator.world, speed)
    with running(emulator, directory) as server:
        yield server


def as_deployer(server: Running) -> dict[str, str]:
    """The server's variables without those of the updater, which has no role until the program gives it one."""
    return {k: v for k, v in server.server.environment().items() if not k.startswith("HOSTPOOL_CLIENT")}
