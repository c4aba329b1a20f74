from __future__ import annotations

import pytest

from tests.emulator.compute.machines import Machines


@pytest.fixture
def cloud() -> Machines:
    return Machines()
