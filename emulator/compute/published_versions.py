"""Image versions that appear over time: of platform images, as their publishers would bring them out, and of gallery
images, as somebody else's build would.

The control API and scenarios publish by it. A gallery version that is published so is replicated at once to the regions
named.
"""

from __future__ import annotations

import re

from emulator import guests, ids
from emulator.compute import catalog
from emulator.wire import ArmError, Body
from emulator.world import Handler, Resource, World

GALLERY_IMAGE = "Microsoft.Compute/galleries/images"
VERSION = "Microsoft.Compute/galleries/images/versions"


def publish(world: World, entry: Body) -> None:
    """Publish {image, version, after?, regions?, excludeFromLatest?}: `image` is `publisher:offer:sku` or the id of an
    image definition; `after` is in seconds. Raises 400 InvalidImageVersion."""
    require_valid(world, entry)
    after = float(entry.get("after") or 0.0)
    if after > 0:
        world.schedule(after, "published_versions.due", entry={**entry, "after": 0})
    else:
        _due(world, entry)


def require_valid(world: World, entry: Body) -> None:
    """Raise 400 InvalidImageVersion for an entry that cannot be published."""
    image, version = str(entry.get("image") or ""), str(entry.get("version") or "")
    unknown = sorted(set(entry) - {"image", "version", "after", "regions", "excludeFromLatest"})
    if unknown:
        raise _invalid(f"unknown {', '.join(unknown)}")
    if not re.fullmatch(r"\d+(\.\d+)+", version):
        raise _invalid(f"version {version!r} is not of numbers and dots, such as 1.0.1")
    if image.startswith("/"):
        if world.get(image) is None or not ids.same(ids.resource_type(image), GALLERY_IMAGE):
            raise _invalid(f"there is no image definition {image!r}")
    elif image.count(":") != 2 or catalog.find_platform(*image.split(":")) is None:
        raise _invalid(f"there is no platform image {image!r}: write publisher:offer:sku, or the id of a definition")


def _due(world: World, entry: Body) -> None:
    """Event: the version is there."""
    image, version = str(entry["image"]), str(entry["version"])
    if image.startswith("/"):
        definition = world.get(image)
        if definition is None:
            return
        put(world, definition, version, entry)
    else:
        settings = world.sections.setdefault("settings", {})
        known: list[str] = settings.setdefault("platform_versions", {}).setdefault(image, [])
        known.append(version)
    world.handlers["scale_set_triggers.images_changed"](world)


def put(world: World, definition: Resource, version: str, entry: Body) -> None:
    """Put a version of a gallery image into the world, replicated to its regions."""
    location = definition.body["location"]
    version_id = f"{definition.id}/versions/{version}"
    regions = entry.get("regions") or [location]
    versions = list(world.under(definition.id, VERSION))
    size = versions[-1].body["properties"]["storageProfile"]["osDiskImage"]["sizeInGB"] if versions else 127
    body: Body = {
        "name": version,
        "id": version_id,
        "type": VERSION,
        "location": location,
        "tags": {},
        "properties": {
            "publishingProfile": {
                "targetRegions": [
                    {"name": name, "regionalReplicaCount": 1, "storageAccountType": "Standard_LRS"} for name in regions
                ],
                "replicaCount": 1,
                "excludeFromLatest": bool(entry.get("excludeFromLatest", False)),
                "publishedDate": world.iso().replace("Z", "+00:00"),
                "storageAccountType": "Standard_LRS",
            },
            "storageProfile": {"osDiskImage": {"sizeInGB": size, "hostCaching": "ReadWrite", "source": {}}},
            "safetyProfile": {"reportedForPolicyViolation": False, "allowDeletionOfReplicatedLocations": False},
            "provisioningState": "Succeeded",
        },
    }
    generalized = definition.body["properties"].get("osState") == "Generalized"
    world.put(version_id, body, {"content": guests.new_content(image=version_id, generalized=generalized)})


def _invalid(message: str) -> ArmError:
    return ArmError(400, "InvalidImageVersion", message)


HANDLERS: dict[str, Handler] = {"published_versions.due": _due}
