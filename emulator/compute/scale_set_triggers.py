"""When the platform begins an OS upgrade of a scale set by itself.

learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-automatic-upgrade: the first rollout
comes up to three hours after automatic upgrades were switched on, once per set; later ones 30 to 60 minutes after a
version is there: published for a platform image, replicated to the set's region and not excluded from latest for a
gallery image.

Inferred: the platform does not try a version again that it has tried, until the set is written.
"""

from __future__ import annotations

from emulator import durations
from emulator.compute import (
    scale_set_disks,
    scale_set_gates,
    scale_set_hooks,
    scale_set_instances,
    scale_set_models,
    scale_set_upgrade_status,
    scale_set_upgrades,
)
from emulator.wire import ArmError
from emulator.world import Handler, Resource, World

SET = "Microsoft.Compute/virtualMachineScaleSets"
AGAIN = 600.0
"""Seconds until the platform looks again at a set that something else is done to (unverified)."""


def written(world: World, set_id: str) -> None:
    """A set was created or updated: automatic upgrades may have been switched on or off, and what failed may be tried
    again."""
    scale_set = world.get(set_id)
    if scale_set is None:
        return
    scale_set.hidden.pop("tried", None)
    if not _enabled(scale_set):
        scale_set.hidden.pop("automatic_from", None)
        return
    if "automatic_from" not in scale_set.hidden:
        first = durations.draw(world, "automatic upgrade first", scale_set.id)
        scale_set.hidden["automatic_from"] = world.now + first
    _schedule(world, scale_set)


def images_changed(world: World) -> None:
    """Versions have come or gone somewhere: sets that follow one of them are due."""
    for scale_set in world.under("/subscriptions", SET):
        if _enabled(scale_set):
            _schedule(world, scale_set)


def _enabled(scale_set: Resource) -> bool:
    return bool(scale_set_models.automatic_of(scale_set.body["properties"])["enableAutomaticOSUpgrade"])


def _newer(world: World, scale_set: Resource) -> str | None:
    """The version that the set would be upgraded to: one that not all instances have and that was not tried."""
    try:
        version = scale_set_disks.source_of(world, scale_set).exact_version
    except ArmError:
        return None
    instances = scale_set_instances.of(world, scale_set)
    if version is None or version == scale_set.hidden.get("tried"):
        return None
    return version if any(scale_set_instances.image_of(each) != version for each in instances) else None


def _schedule(world: World, scale_set: Resource) -> None:
    """Have the platform look at the set when a newer version is due for it; one look is pending at most."""
    if scale_set.hidden.get("due") is not None or _newer(world, scale_set) is None:
        return
    wait = durations.draw(world, "automatic upgrade later", scale_set.id)
    due = max(world.now + wait, float(scale_set.hidden["automatic_from"]))
    if world.now < float(scale_set.hidden["automatic_from"]):
        due = float(scale_set.hidden["automatic_from"])
    _look_at(world, scale_set, due - world.now)


def _look_at(world: World, scale_set: Resource, seconds: float) -> None:
    scale_set.hidden["due"] = world.now + seconds
    number = scale_set.hidden["look"] = int(scale_set.hidden.get("look", 0)) + 1
    world.schedule(seconds, "scale_set_triggers.due", set_id=scale_set.id, look=number)


def _due(world: World, set_id: str, look: int) -> None:
    """Event: the platform looks at a set, and begins its upgrade if nothing stands in the way."""
    scale_set = world.get(set_id)
    if scale_set is None or scale_set.hidden.get("look") != look:
        return
    scale_set.hidden.pop("due", None)
    scale_set.hidden.pop("held", None)
    if not _enabled(scale_set) or _newer(world, scale_set) is None:
        scale_set_hooks.forget(world, set_id, "scheduling ")
        return
    busy = scale_set.body["properties"]["provisioningState"] not in ("Succeeded", "Failed")
    if busy or scale_set_upgrade_status.running(world, set_id) is not None:
        _look_at(world, scale_set, AGAIN)
        return
    version = _newer(world, scale_set) or ""
    wait, rejected = scale_set_gates.before_upgrade(world, scale_set, version)
    if wait is not None:
        scale_set.hidden["held"] = True
        _look_at(world, scale_set, wait)
        return
    scale_set.hidden["tried"] = version
    if not rejected:
        scale_set_upgrades.start(world, scale_set, "os", "Platform")


def look_now(world: World, set_id: str) -> None:
    """What holds the beginning of an upgrade has changed."""
    scale_set = world.get(set_id)
    if scale_set is not None and scale_set.hidden.get("due") is not None and scale_set.hidden.get("held"):
        _look_at(world, scale_set, 0.0)


HANDLERS: dict[str, Handler] = {
    "scale_set_triggers.due": _due,
    "scale_set_triggers.written": written,
    "scale_set_triggers.look_now": look_now,
    "scale_set_triggers.images_changed": images_changed,
}
