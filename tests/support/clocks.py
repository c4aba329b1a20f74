"""Clocks for tests under looptime, whose event loop jumps over every wait."""

from __future__ import annotations

from bench.virtual_time import EPOCH, LoopClock

__all__ = ["EPOCH", "LoopClock"]
