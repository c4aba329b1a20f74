"""What is measured: one pool, two orders of the same engine. Durations are those of the emulator's own table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rollout.admission import Order
from simulation.emulated_pool import INPUTS

HOSTS = 100
MAX_UNAVAILABLE = 10
SESSIONS_PER_HOST = 6
BAKE = 600.0
"""Seconds that the canary, one host, serves before the rest follows."""
SEEDS = (1, 2, 3, 4, 5)
PREVIEW_HOSTS = 500
PREVIEW_RUNS = 5


@dataclass(frozen=True)
class Side:
    """One way to roll the pool."""

    title: str
    order: Order
    inputs: dict[str, Any]


_BOTH: dict[str, Any] = {
    **INPUTS,
    "max_unavailable": float(MAX_UNAVAILABLE),
    "canary": {"hosts": 1.0, "bake": "PT10M"},
    "drain": {"deadline": "PT60M", "log_off": "force", "grace": "PT5M"},
}

SIDES: dict[str, Side] = {
    "sliding": Side("sliding window, build ahead", Order(), _BOTH),
    # azure-docs articles/virtual-desktop/session-host-update.md: batches, each drained when the last has ended, and a
    # disk is made once its host is off.
    "barrier": Side(
        "AVD's order: barrier batches, build after deallocate",
        Order(barrier=True, drain_ahead=False, by_sessions=False),
        {**_BOTH, "build": "after_deallocate"},
    ),
}
