"""What an OS upgrade that the platform began waits for: maintenance windows, lifecycle hooks, notifications.

`before_upgrade` holds its beginning, `before_batch` each batch: both say how many seconds until the next look, or None:
go on. Instances that a hook rejects leave the upgrade (`skipped`). A window that closes stops the upgrade before the
next batch until it opens again (learn.microsoft.com/azure/virtual-machine-scale-sets/
virtual-machine-scale-sets-maintenance-control).
"""

from __future__ import annotations

from emulator.compute import scale_set_hooks, scale_set_notifications
from emulator.compute.scale_set_upgrade_status import Upgrade
from emulator.maintenance import configurations
from emulator.world import Resource, World

NEVER_OPEN = 86400.0
"""Seconds until the next look where a window does not open again."""


def before_upgrade(world: World, scale_set: Resource, version: str) -> tuple[float | None, bool]:
    """(seconds to hold it or None, whether it was rejected)."""
    closed = configurations.closed_for(world, scale_set, "OSImage")
    if closed > 0:
        return min(closed, NEVER_OPEN), False
    key = f"scheduling {version}"
    wait, rejected = scale_set_hooks.ask(world, scale_set, scale_set_hooks.SCHEDULING, key, [scale_set.id])
    return wait, bool(rejected)


def before_batch(world: World, scale_set: Resource, upgrade: Upgrade) -> float | None:
    """Seconds to hold the batch at most; what is passed is not asked again, but the window."""
    if upgrade.kind != "os":
        return None
    if upgrade.started_by == "Platform":
        closed = configurations.closed_for(world, scale_set, "OSImage")
        if closed > 0:
            return min(closed, NEVER_OPEN)
        key = scale_set_hooks.batch_key(upgrade)
        wait, rejected = scale_set_hooks.ask(world, scale_set, scale_set_hooks.BATCH, key, upgrade.batch)
        if wait is not None:
            return wait
        upgrade.skipped += [each for each in rejected if each not in upgrade.skipped]
        upgrade.batch = [each for each in upgrade.batch if each not in upgrade.skipped]
    return scale_set_notifications.hold(world, scale_set, upgrade)


def end(world: World, upgrade: Upgrade) -> None:
    """The upgrade has ended: nobody is asked or told any more."""
    scale_set_hooks.forget(world, upgrade.set_id, f"upgrade {upgrade.number} ")
    scale_set_notifications.end(world, upgrade.batch)
