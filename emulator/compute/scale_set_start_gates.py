"""What the platform waits for before it begins an automatic OS upgrade of a scale set."""

from __future__ import annotations

from emulator.world import Resource, World


def hold(world: World, scale_set: Resource) -> float | None:
    """Seconds until the next look, or None: begin."""
    return None


def forget(scale_set: Resource) -> None:
    """The upgrade is not wanted any more."""
