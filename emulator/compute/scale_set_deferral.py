"""Deferred OS upgrades: with osRollingUpgradeDeferral an instance is upgraded only once that is approved for it.

The instance is told by a tag of its metadata service, `Platform.PendingOSUpgrade`, which the control API shows;
approval comes by `approveRollingUpgrade` on the set (instanceIds, or all) or on one instance (REST specification of
automaticOSUpgradePolicy).
"""

from __future__ import annotations

from emulator.compute import scale_set_instances, scale_set_models, scale_set_upgrade_status
from emulator.compute.scale_set_upgrade_status import Upgrade
from emulator.world import Resource, World

TAG = "Platform.PendingOSUpgrade"


def allowed(world: World, scale_set: Resource, upgrade: Upgrade) -> list[str]:
    """The waiting instances that may be upgraded now; the others are told that an upgrade waits for them."""
    automatic = scale_set_models.automatic_of(scale_set.body["properties"])
    if upgrade.kind != "os" or not automatic.get("osRollingUpgradeDeferral"):
        return upgrade.waiting
    for each in upgrade.waiting:
        instance = world.get(each)
        if instance is not None and each not in upgrade.approved:
            instance.hidden["pending_os_upgrade"] = True
    return [each for each in upgrade.waiting if each in upgrade.approved]


def approve(world: World, scale_set: Resource, instances: list[Resource]) -> None:
    """Let the upgrade under way take these instances; without one nothing happens."""
    upgrade = scale_set_upgrade_status.running(world, scale_set.id)
    for instance in instances:
        instance.hidden.pop("pending_os_upgrade", None)
        if upgrade is not None and instance.id not in upgrade.approved:
            upgrade.approved.append(instance.id)


def end(world: World, scale_set: Resource) -> None:
    """The upgrade has ended: nobody is told of it any more."""
    for instance in scale_set_instances.of(world, scale_set):
        instance.hidden.pop("pending_os_upgrade", None)


def tags(world: World, scale_set: Resource) -> dict[str, list[str]]:
    """Instance id -> tags of its metadata service, of those that have any."""
    return {
        str(each.body["instanceId"]): [TAG]
        for each in scale_set_instances.of(world, scale_set)
        if each.hidden.get("pending_os_upgrade")
    }
