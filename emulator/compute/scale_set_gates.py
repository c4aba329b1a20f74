"""What a batch of a rolling upgrade waits for before it begins, gate after gate.

A gate looks at the batch and says how many seconds it holds it at most until the next look, or None: pass. Instances
that it refuses it notes in `upgrade.skipped`.
"""

from __future__ import annotations

from collections.abc import Callable

from emulator.compute.scale_set_upgrade_status import Upgrade
from emulator.world import Resource, World

Gate = Callable[[World, Resource, Upgrade], float | None]
GATES: dict[str, Gate] = {}
"""By name, in order."""


def hold(world: World, scale_set: Resource, upgrade: Upgrade) -> float | None:
    """Seconds until the next look at what holds the batch, None once it has passed all gates."""
    for name, gate in GATES.items():
        if name in upgrade.passed:
            continue
        wait = gate(world, scale_set, upgrade)
        if wait is not None:
            return wait
        upgrade.passed.append(name)
    return None


def forget(world: World, upgrade: Upgrade) -> None:
    """The upgrade has ended: nothing is asked any more."""
