"""Run a coroutine on virtual time."""

from __future__ import annotations

from bench.virtual_time import virtually

__all__ = ["virtually"]
