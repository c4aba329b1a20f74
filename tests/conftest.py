"""For all tests."""

from __future__ import annotations

import asyncio

# pytest-asyncio asks for the current event loop before its first test; Python 3.11 would make one then that nobody
# closes, and warnings are errors here. After this there is none, which it expects too.
asyncio.set_event_loop(None)
