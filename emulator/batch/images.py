"""The image of a pool: what its reference names now, and whether Azure upgrades it by itself."""

from __future__ import annotations

from dataclasses import dataclass

from emulator import ids
from emulator.batch.errors import Problem
from emulator.compute import catalog, image_sources
from emulator.wire import ArmError, Body
from emulator.world import World

DEFINITION = "microsoft.compute/galleries/images"
VERSION = "microsoft.compute/galleries/images/versions"
PATH = "properties.deploymentConfiguration.virtualMachineConfiguration.imageReference"

_GALLERY_FORMAT = (
    "The specified resource id must be of the format /subscriptions/{subscriptionId}/resourceGroups/"
    "{resourceGroupName}/providers/Microsoft.Compute/galleries/{galleryName}/images/{galleryImageName}/versions/"
    "{galleryImageVersionName} or /subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/"
    "Microsoft.Compute/galleries/{galleryName}/images/{galleryImageName}"
)


@dataclass(frozen=True, slots=True)
class Image:
    """An image that was resolved: its version such as `1.0.1`, the id of it, and whether it is of Windows."""

    version: str
    id: str
    windows: bool


def reference_of(properties: Body) -> Body:
    """The imageReference of a pool's properties as in ARM."""
    machine = (properties.get("deploymentConfiguration") or {}).get("virtualMachineConfiguration") or {}
    return machine.get("imageReference") or {}


def resolve(world: World, reference: Body, location: str) -> Image:
    """What the reference names now: `latest` is resolved. Raises ArmError where it names nothing."""
    found = image_sources.resolve(world, {"version": "latest", **reference}, location)
    return Image(str(found.exact_version), found.id, found.os_type == "Windows")


def follows_latest(reference: Body) -> bool:
    """Whether another version is followed when it appears."""
    image_id = reference.get("id")
    if image_id:
        return ids.resource_type(str(image_id)).lower() == DEFINITION
    return str(reference.get("version") or "latest").lower() == "latest"


def upgraded_by_azure(reference: Body) -> bool:
    """Whether the image is one that Azure upgrades automatically: a gallery's, or one of the catalog's."""
    if reference.get("id"):
        return True
    publisher, offer, sku = (str(reference.get(name) or "") for name in ("publisher", "offer", "sku"))
    return catalog.upgrades_automatically(publisher, offer, sku)


def problem_of(world: World, reference: Body, location: str) -> Problem | None:
    """Why Batch cannot make nodes of the image, in the words of the recording."""
    image_id = str(reference.get("id") or "")
    if image_id and ids.resource_type(image_id).lower() not in (DEFINITION, VERSION):
        return Problem(f"{PATH}.virtualMachineImageId", image_id, _GALLERY_FORMAT)
    try:
        resolve(world, reference, location)
    except ArmError as error:
        if image_id:
            return Problem(f"{PATH}.virtualMachineImageId", image_id, error.message)
        publisher, offer, sku = (str(reference.get(name) or "") for name in ("publisher", "offer", "sku"))
        told = f"The specified imageReference with publisher {publisher} offer {offer} sku {sku} is not supported."
        return Problem(PATH, None, told)
    return None
