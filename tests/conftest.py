"""For all tests."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, settings

# No test fails because the machine is slow.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

# pytest-asyncio asks for the current event loop before its first test; Python 3.11 would make one then that nobody
# closes, and warnings are errors here. After this there is none, which it expects too.
asyncio.set_event_loop(None)
