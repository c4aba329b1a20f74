"""The emulator over HTTPS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emulator.server import Running
from tests.support.emulator import served


@pytest.fixture(scope="module")
def emulator_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A pool of three hosts, 600 emulated seconds in a second; one for all tests of a module."""
    with served(tmp_path_factory.mktemp("emulator"), speed=600.0, hosts=3, users=6) as server:
        yield server
