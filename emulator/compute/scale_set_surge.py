"""maxSurge: an upgrade that makes new instances of the latest model and then deletes the old ones.

learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-maxsurge: the quota is looked at before
each batch, and without room for it the batch is upgraded in place; a terminate notification delays the deletion.
"""

from __future__ import annotations

from typing import Any

from emulator import ids, iso_durations
from emulator.compute import catalog, scale_set_disks, scale_set_instances
from emulator.compute.scale_set_upgrade_status import Upgrade
from emulator.wire import ArmError
from emulator.world import Handler, Resource, World


def wanted(world: World, scale_set: Resource, upgrade: Upgrade) -> bool:
    """Whether an instance of the batch is replaced by a new one: the policy says so and there is quota for one more."""
    if not upgrade.policy["maxSurge"]:
        return False
    size, location = scale_set.body["sku"]["name"], scale_set.body["location"]
    try:
        catalog.require_quota(world, location, size, subscription=ids.subscription(scale_set.id))
    except ArmError:
        return False
    return True


def begin(world: World, scale_set: Resource, then: str, **payload: Any) -> Resource:
    """A new instance of the latest model; the event `then` follows its provisioning."""
    return scale_set_instances.add(world, scale_set, scale_set_disks.source_of(world, scale_set), then, **payload)


def retire(world: World, scale_set: Resource, instance_id: str) -> None:
    """The instance that was replaced goes, after the notice that a terminate notification gives it."""
    events = scale_set.body["properties"]["virtualMachineProfile"].get("scheduledEventsProfile") or {}
    notice = events.get("terminateNotificationProfile") or {}
    wait = iso_durations.seconds(str(notice.get("notBeforeTimeout") or "PT5M")) if notice.get("enable") else 0.0
    world.schedule(wait or 0.0, "scale_set_surge.retired", instance_id=instance_id)


def abandon(world: World, instance_id: str) -> None:
    """A new instance that does not get healthy goes again; the old one stays."""
    instance = world.get(instance_id)
    if instance is not None:
        scale_set_instances.remove(world, instance)


def _retired(world: World, instance_id: str) -> None:
    instance = world.get(instance_id)
    if instance is not None:
        scale_set_instances.remove(world, instance)


HANDLERS: dict[str, Handler] = {"scale_set_surge.retired": _retired}
