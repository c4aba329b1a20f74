"""Bringing an instance of a scale set to another OS disk or to the latest model, and back.

Each function begins work on the instance (`scale_set_guests.begin`) and returns; the event that its caller names
follows when the instance has been provisioned, or has failed. Health is not waited for here.
"""

from __future__ import annotations

from typing import Any

from emulator import durations, guests
from emulator.compute import image_sources, scale_set_disks, scale_set_guests, scale_set_instances
from emulator.compute.shapes import clone
from emulator.world import Handler, Resource, World


def bring_to_model(world: World, scale_set: Resource, instance: Resource, then: str, **payload: Any) -> None:
    """Upgrade an instance to the set's latest model: a new OS disk only where the model names another image, else the
    extensions that changed or have failed."""
    if instance.hidden["marks"]["image"] != scale_set.hidden["marks"]["image"]:
        source = scale_set_disks.source_of(world, scale_set)
        replace(world, scale_set, instance, source, then, keep=False, **payload)
        return
    turn = scale_set_guests.begin(world, instance, then, **payload)
    stale = stale_extensions(scale_set, instance)
    scale_set_instances.apply_model(scale_set, instance)
    seconds = durations.draw(world, "scale set instance update", instance.id)
    world.schedule(seconds, "scale_set_imaging.updated", instance_id=instance.id, turn=turn, names=stale)


def replace(
    world: World,
    scale_set: Resource,
    instance: Resource,
    source: image_sources.Source,
    then: str,
    *,
    keep: bool,
    **payload: Any,
) -> None:
    """Give an instance a new OS disk made from an image, with all that the model runs on it. Data disks stay. With
    `keep` the old disk is kept so that `restore` can put it back, without it is deleted."""
    turn = scale_set_guests.begin(world, instance, then, **payload)
    scale_set_disks.drop_previous(world, instance)
    previous = {
        "reference": clone(instance.body["properties"]["storageProfile"].get("imageReference")),
        "model": instance.hidden["model"],
        "marks": instance.hidden["marks"],
    }
    _power_off(world, instance)
    new = scale_set_disks.new_os_disk(world, scale_set, instance, source)
    new.hidden["attaching_to"] = instance.id
    world.schedule(
        durations.draw(world, "vm swap os disk", instance.id),
        "scale_set_imaging.replaced",
        instance_id=instance.id,
        turn=turn,
        disk_id=new.id,
        reference=scale_set_disks.reference_of(scale_set, source),
        previous=previous if keep else None,
    )


def restore(world: World, instance: Resource, then: str, **payload: Any) -> None:
    """Put the kept OS disk back; the one that replaced it is deleted."""
    turn = scale_set_guests.begin(world, instance, then, **payload)
    _power_off(world, instance)
    seconds = durations.draw(world, "vm swap os disk", instance.id)
    world.schedule(seconds, "scale_set_imaging.restored", instance_id=instance.id, turn=turn)


def can_restore(world: World, instance: Resource) -> bool:
    """Whether the OS disk from before the last replacement is still there."""
    previous = instance.hidden.get("previous")
    return previous is not None and world.get(previous["disk"]) is not None


def stale_extensions(scale_set: Resource, instance: Resource) -> list[str]:
    """The extensions of the model that this instance has not run as they are now, or that failed on it."""
    had = instance.hidden["marks"]["extensions"]
    known = instance.hidden.get("extensions") or {}
    return [
        name
        for name, mark in scale_set.hidden["marks"]["extensions"].items()
        if had.get(name) != mark or (known.get(name) or {}).get("state") != "Succeeded"
    ]


# -- events


def _updated(world: World, instance_id: str, turn: int, names: list[str]) -> None:
    """Event: the new model has reached the instance."""
    instance = scale_set_guests.current(world, instance_id, turn)
    if instance is None:
        return
    if guests.machine_of(world, instance).agent_ready:
        scale_set_guests.run_extensions(world, instance, turn, names)
    else:
        scale_set_guests.end(world, instance, None)  # a stopped instance runs them when it starts


def _replaced(
    world: World, instance_id: str, turn: int, disk_id: str, reference: dict[str, Any], previous: dict[str, Any] | None
) -> None:
    """Event: the new OS disk is attached."""
    instance, disk = scale_set_guests.current(world, instance_id, turn), world.get(disk_id)
    if instance is None or disk is None:
        return
    old_id = scale_set_disks.attach_os_disk(world, instance, disk, reference)
    if previous is not None and old_id is not None:
        instance.hidden["previous"] = {**previous, "disk": old_id}
    elif old_id is not None:
        world.delete(old_id)
    scale_set_instances.apply_model(scale_set_guests.scale_set_of(world, instance), instance)
    scale_set_guests.provision(world, instance, turn, first=True)


def _restored(world: World, instance_id: str, turn: int) -> None:
    """Event: the old OS disk is attached again."""
    instance = scale_set_guests.current(world, instance_id, turn)
    previous = instance.hidden.get("previous") if instance else None
    disk = world.get(previous["disk"]) if previous else None
    if instance is None or previous is None or disk is None:
        return
    failed_id = scale_set_disks.attach_os_disk(world, instance, disk, previous["reference"])
    if failed_id is not None:
        world.delete(failed_id)
    instance.hidden.update(model=previous["model"], marks=previous["marks"])
    del instance.hidden["previous"]
    instance.etag += 1
    scale_set_guests.provision(world, instance, turn, first=False)


def _power_off(world: World, instance: Resource) -> None:
    if guests.machine_of(world, instance).power == "running":
        guests.power_off(world, instance, deallocate=False)


HANDLERS: dict[str, Handler] = {
    "scale_set_imaging.updated": _updated,
    "scale_set_imaging.replaced": _replaced,
    "scale_set_imaging.restored": _restored,
}
