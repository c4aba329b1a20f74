"""Fixtures of the emulator's tests."""

from __future__ import annotations

import pytest

from tests.emulator.arm_client import Client


@pytest.fixture
def azure() -> Client:
    return Client()
