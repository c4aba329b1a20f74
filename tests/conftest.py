"""For all tests."""

from __future__ import annotations

import asyncio
import gc

import pytest
from hypothesis import HealthCheck, settings

# No test fails because the machine is slow.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

# pytest-asyncio asks for the current event loop before its first test; Python 3.11 would make one then that nobody
# closes, and warnings are errors here. After this there is none, which it expects too.
asyncio.set_event_loop(None)

# Engine and emulator in one process make many objects that live long: by default a tenth of the time goes into looking
# for cycles among them.
gc.set_threshold(50_000, 20, 50)


LONG = (
    "tests/e2e/test_killed_cli.py",
    "tests/simulation/test_crashes.py",
    "tests/e2e/test_promotion.py",
    "tests/simulation/test_stories.py",
    "tests/e2e/test_failures.py",
    "tests/simulation/test_rights.py",
    "tests/e2e/test_stopping.py",
    "tests/providers/test_over_grpc.py",
    "tests/native/test_cli.py",
    "tests/simulation/test_secrets.py",
    "tests/providers/test_cli.py",
)
"""Begun first, so that no worker is left alone with one of them at the end. Those that wait much, for the real CLI, are
mixed with those that compute."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {path: place for place, path in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(LONG)))
