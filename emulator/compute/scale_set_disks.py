"""The disks of a scale set's instances: OS disks that are replaced and put back, data disks that stay.

Names are those of the recording compute-vmss-instances-and-delete (`<set>_<set>_<id>_OsDisk_1_<hex>`).
"""

from __future__ import annotations

import copy
import re

from emulator import ids
from emulator.compute import disks, image_sources, os_disks
from emulator.compute.shapes import clone
from emulator.wire import Body
from emulator.world import Resource, World


def source_of(world: World, scale_set: Resource, *, version: str | None = None) -> image_sources.Source:
    """The image of a set's model, `latest` resolved at this moment, or that version of it. Raises what
    `image_sources.resolve` raises."""
    storage = scale_set.body["properties"]["virtualMachineProfile"]["storageProfile"]
    reference: Body = clone(storage["imageReference"])
    if version is not None and reference.get("id"):
        definition = re.sub(r"/versions/[^/]+/?$", "", reference["id"], flags=re.IGNORECASE)
        reference["id"] = f"{definition}/versions/{version}" if "/galleries/" in definition.lower() else reference["id"]
    elif version is not None:
        reference["version"] = version
    return image_sources.resolve(world, reference, scale_set.body["location"])


def new_os_disk(world: World, scale_set: Resource, instance: Resource, source: image_sources.Source) -> Resource:
    """A disk made from an image, Unattached."""
    profile = scale_set.body["properties"]["virtualMachineProfile"]
    os_disk = profile["storageProfile"]["osDisk"]
    unique = world.guid()
    return disks.new_disk(
        world,
        _path(scale_set, instance, f"OsDisk_1_{disks.hex_of(unique)}"),
        location=scale_set.body["location"],
        creation=clone(source.creation),
        size_gb=max(int(os_disk.get("diskSizeGB") or 0), source.size_gb),
        sku=os_disk["managedDisk"]["storageAccountType"],
        os_type=source.os_type,
        generation=source.generation,
        security_type=(profile.get("securityProfile") or {}).get("securityType"),
        zones=instance.body.get("zones"),
        tags=clone(scale_set.body.get("tags") or {}),
        content=copy.deepcopy(source.content),
        unique_id=unique,
    )


def attach_os_disk(world: World, instance: Resource, disk: Resource, reference: Body) -> str | None:
    """The disk is the instance's from now on; `reference` is the imageReference it shows. Returns the id of the disk
    that was replaced, which is nobody's now."""
    storage = instance.body["properties"]["storageProfile"]
    old_id = (storage["osDisk"].get("managedDisk") or {}).get("id")
    old = world.get(old_id) if old_id else None
    if old is not None:
        disks.detach(world, old)
    disks.attach(world, disk, instance.id)
    storage["osDisk"].update(os_disks.describe(disk))
    storage["imageReference"] = reference
    return str(old_id) if old is not None else None


def reference_of(scale_set: Resource, source: image_sources.Source) -> Body:
    """The imageReference of an instance: the model's, with the version it came to."""
    storage = scale_set.body["properties"]["virtualMachineProfile"]["storageProfile"]
    reference: Body = clone(storage["imageReference"])
    if source.exact_version:
        reference["exactVersion"] = source.exact_version
    return reference


def target_of(scale_set: Resource, version: str | None) -> Body:
    """targetImageReference: the model's with the version that it came to."""
    storage = scale_set.body["properties"]["virtualMachineProfile"]["storageProfile"]
    reference = {name: value for name, value in storage["imageReference"].items() if name != "exactVersion"}
    return {**reference, "version": version}


def make_data_disks(world: World, scale_set: Resource, instance: Resource) -> None:
    """The empty data disks of the model. They are made once and outlive every OS disk."""
    shown: list[Body] = []
    for entry in scale_set.body["properties"]["virtualMachineProfile"]["storageProfile"].get("dataDisks") or []:
        unique = world.guid()
        disk = disks.new_disk(
            world,
            _path(scale_set, instance, f"disk{int(entry['lun']) + 2}_{disks.hex_of(unique)}"),
            location=scale_set.body["location"],
            creation={"createOption": "Empty"},
            size_gb=int(entry.get("diskSizeGB") or 32),
            sku=entry["managedDisk"]["storageAccountType"],
            zones=instance.body.get("zones"),
            unique_id=unique,
        )
        disks.attach(world, disk, instance.id)
        shown.append(
            {
                **clone(entry),
                "name": disk.body["name"],
                "managedDisk": {**entry["managedDisk"], "id": disk.id},
                "toBeDetached": False,
            }
        )
    instance.body["properties"]["storageProfile"]["dataDisks"] = shown


def delete_all(world: World, instance: Resource) -> None:
    """The disks of an instance that is deleted (deleteOption of a Uniform set's disks is Delete)."""
    storage = instance.body["properties"]["storageProfile"]
    for entry in (storage["osDisk"], *storage.get("dataDisks", [])):
        world.delete((entry.get("managedDisk") or {}).get("id") or "")
    drop_previous(world, instance)


def drop_previous(world: World, instance: Resource) -> None:
    """The OS disk that could have been put back is not needed any more."""
    previous = instance.hidden.pop("previous", None)
    if previous is not None:
        world.delete(previous["disk"])


def _path(scale_set: Resource, instance: Resource, tail: str) -> str:
    name, number = scale_set.body["name"], instance.body["instanceId"]
    own = f"{name}_{name}_{number}" if str(number).isdigit() else str(number)
    return f"{ids.group_scope(scale_set.id)}/providers/Microsoft.Compute/disks/{own}_{tail}"
