"""An emulator behind real HTTPS, in a thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator import clock, scenario
from emulator.app import Emulator
from emulator.server import Running, running


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A pool of four hosts at 2000 emulated seconds a second."""
    world = scenario.build("pooled", {"hosts": 4, "sessions_per_host": 2, "ignore_probability": 1.0})
    clock.start(world, 2000.0)
    with running(Emulator(world), tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "emulator"
