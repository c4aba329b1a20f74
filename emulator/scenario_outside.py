"""Galleries of others, for a scenario with the option `outside`: in another subscription, shared with this one, public,
and in another tenant. Each has the image definition `win11` with the versions 1.0.0 and 1.0.1 in West Europe."""

from __future__ import annotations

from emulator import guests
from emulator.compute import galleries, gallery_images, gallery_versions
from emulator.resources import groups, subscriptions
from emulator.scenario_hosts import DISK_GB, IMAGES, LOCATION, SUBSCRIPTION
from emulator.wire import Body
from emulator.world import World

OTHER = "33333333-3333-3333-3333-333333333333"
"""A subscription of the same tenant, of which nobody has a right."""
FOREIGN = "55555555-5555-5555-5555-555555555555"
"""A subscription of `FOREIGN_TENANT`."""
FOREIGN_TENANT = "66666666-6666-6666-6666-666666666666"
PUBLIC_NAME = "contoso-7ea81c76-3aa3-426e-b654-9218dd6d6910"
SHARED_IMAGE = f"/sharedGalleries/{OTHER}-SHARED/images/win11"
COMMUNITY_IMAGE = f"/communityGalleries/{PUBLIC_NAME}/images/win11"

SHARING: dict[str, Body] = {
    "private": {"permissions": "Private"},
    "shared": {"permissions": "Groups", "groups": [{"type": "Subscriptions", "ids": [SUBSCRIPTION]}]},
    "public": {
        "permissions": "Community",
        "communityGalleryInfo": {
            "publisherUri": "https://images.example.com",
            "publisherContact": "images@example.com",
            "eula": "https://images.example.com/eula",
            "publicNamePrefix": "contoso",
            "publicNames": [PUBLIC_NAME],
            "communityGalleryEnabled": True,
        },
    },
}


def add(world: World) -> None:
    subscriptions.add(world, OTHER, "Images of another department")
    scope = groups.add(world, OTHER, "images", LOCATION)
    for name, sharing in SHARING.items():
        _gallery(world, f"{scope}/providers/{galleries.TYPE}/{name}", sharing)
    subscriptions.add(world, FOREIGN, "Images of another tenant")
    subscriptions.move(world, FOREIGN, FOREIGN_TENANT)
    scope = groups.add(world, FOREIGN, "images", LOCATION)
    _gallery(world, f"{scope}/providers/{galleries.TYPE}/private", SHARING["private"])


def _gallery(world: World, gallery_id: str, sharing: Body) -> None:
    name, subscription = gallery_id.rsplit("/", 1)[-1], gallery_id.split("/")[2]
    identifier = {"uniqueName": f"{subscription}-{name.upper()}"}
    _put(world, gallery_id, galleries.TYPE, {"identifier": identifier, "sharingProfile": sharing})
    definition = f"{gallery_id}/images/win11"
    properties: Body = {
        "osType": "Windows",
        "osState": "Generalized",
        "hyperVGeneration": "V2",
        "architecture": "x64",
        "identifier": {"publisher": "contoso", "offer": name, "sku": "win11"},
        "features": [{"name": "SecurityType", "value": "TrustedLaunchSupported"}],
    }
    if sharing["permissions"] == "Community":
        properties |= {"privacyStatementUri": "https://images.example.com/privacy"}
    _put(world, definition, gallery_images.TYPE, properties)
    for version in IMAGES:
        _version(world, f"{definition}/versions/{version}")


def _version(world: World, version_id: str) -> None:
    region = {"name": subscriptions.display_location(LOCATION), "regionalReplicaCount": 1}
    profile = {"targetRegions": [region], "replicaCount": 1, "excludeFromLatest": False, "publishedDate": world.iso()}
    storage = {"osDiskImage": {"sizeInGB": DISK_GB, "hostCaching": "ReadWrite", "source": {}}}
    content = guests.new_content(image=version_id, generalized=True)
    properties = {"publishingProfile": profile, "storageProfile": storage}
    _put(world, version_id, gallery_versions.TYPE, properties, {"content": content, "replication": {}})


def _put(world: World, resource_id: str, kind: str, properties: Body, hidden: Body | None = None) -> None:
    body = {
        "name": resource_id.rsplit("/", 1)[-1],
        "id": resource_id,
        "type": kind,
        "location": LOCATION,
        "tags": {},
        "properties": {**properties, "provisioningState": "Succeeded"},
    }
    world.put(resource_id, body, hidden or {})
