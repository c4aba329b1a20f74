"""OS image notifications: each instance of a batch is told of its new OS disk 15 minutes before, as a scheduled event.

The event (EventType Reimage) is one of the instance's metadata service, which the control API stands for: it shows the
events and approves them. An approval lets the instance go at once; without one NotBefore does
(learn.microsoft.com/azure/ virtual-machine-scale-sets/virtual-machine-scale-sets-automatic-upgrade,
osImageNotificationProfile PT15M).
"""

from __future__ import annotations

from emulator import iso_durations
from emulator.compute import scale_set_instances
from emulator.compute.scale_set_upgrade_status import Upgrade
from emulator.wire import Body
from emulator.world import Resource, World


def hold(world: World, scale_set: Resource, upgrade: Upgrade) -> float | None:
    """The gate: seconds until all instances of the batch were told long enough ago or have approved."""
    events = scale_set.body["properties"]["virtualMachineProfile"].get("scheduledEventsProfile") or {}
    profile = events.get("osImageNotificationProfile") or {}
    if upgrade.kind != "os" or not profile.get("enable"):
        return None
    notice = iso_durations.seconds(str(profile.get("notBeforeTimeout") or "PT15M")) or 900.0
    waits = [0.0]
    for each in upgrade.batch:
        instance = world.get(each)
        if instance is not None:
            waits.append(_left(world, instance, f"{upgrade.number}/{upgrade.batches}", notice))
    if max(waits) <= 0:
        end(world, upgrade.batch)
        return None
    return max(waits)


def _left(world: World, instance: Resource, key: str, notice: float) -> float:
    event = instance.hidden.get("scheduled_event")
    if event is None or event["key"] != key:
        event = instance.hidden["scheduled_event"] = {
            "key": key,
            "EventId": world.guid().upper(),
            "not_before": world.now + notice,
            "NotBefore": world.iso(world.now + notice),
            "approved": False,
        }
    return 0.0 if event["approved"] else float(event["not_before"]) - world.now


def end(world: World, batch: list[str]) -> None:
    """The events of a batch are over: it begins, or never will."""
    for each in batch:
        instance = world.get(each)
        if instance is not None:
            instance.hidden.pop("scheduled_event", None)


def approve(instances: list[Resource]) -> list[str]:
    """Approve the events of instances, as something in them would; returns the instance ids that had one."""
    told = [each for each in instances if "scheduled_event" in each.hidden]
    for each in told:
        each.hidden["scheduled_event"]["approved"] = True
    return [str(each.body["instanceId"]) for each in told]


def events(world: World, scale_set: Resource) -> list[Body]:
    """The scheduled events of a set's instances, as the metadata service shows them (version 2020-07-01)."""
    return [
        {
            "EventId": event["EventId"],
            "EventType": "Reimage",
            "ResourceType": "VirtualMachine",
            "Resources": [each.body["name"]],
            "EventStatus": "Started" if event["approved"] else "Scheduled",
            "NotBefore": event["NotBefore"],
            "EventSource": "Platform",
        }
        for each in scale_set_instances.of(world, scale_set)
        if (event := each.hidden.get("scheduled_event")) is not None
    ]
