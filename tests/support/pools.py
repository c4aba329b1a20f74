"""A pool on the emulator and the engine on it, under the names that tests use."""

from __future__ import annotations

from simulation.emulated_pool import COMPUTE_API, DEFINITION, GROUP, INPUTS, POOL, SUBSCRIPTION
from simulation.emulated_pool import EmulatedPool as Bench
from simulation.emulated_pool import emulated_pool as bench

__all__ = ["COMPUTE_API", "DEFINITION", "GROUP", "INPUTS", "POOL", "SUBSCRIPTION", "Bench", "bench"]
