"""What a virtual machine or a disk is made from: gallery version, managed image, platform image, or another disk.

`resolve` turns an image reference into a `Source`: which image exactly (latest resolved), what it needs (generation,
security type, size), and the content that a disk made from it begins with.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

from emulator import guests, ids
from emulator.compute import catalog, galleries, published_galleries
from emulator.resources import existence
from emulator.wire import ArmError, Body
from emulator.world import Resource, World

VERSION = "Microsoft.Compute/galleries/images/versions"


@dataclass(frozen=True)
class Source:
    """An image, resolved. `creation` is the creationData of a disk made from it, `links` its linked checks."""

    id: str
    creation: Body
    os_type: str
    generation: str
    size_gb: int
    generalized: bool
    security_types: tuple[str, ...]
    """Security types that the image supports beside Standard; `only_security_type` is one it demands."""
    only_security_type: str | None
    exact_version: str | None
    content: Body
    links: tuple[tuple[str, str], ...]
    duration: str
    plan: Body | None = None


@dataclass(frozen=True)
class Origin:
    """How a disk begins: which duration row, its least size, properties and creationData it inherits, its content."""

    duration: str
    size_gb: int
    properties: Body
    creation: Body
    content: Body | None


def resolve(world: World, reference: Body, location: str, subscription: str | None = None) -> Source:
    """The image of an imageReference or galleryImageReference, for use in a region. `subscription` is that of what is
    made, with which a gallery may be shared; default: the scenario's.

    Raises 404 GalleryImageNotFound for a version that is missing or not replicated to the region, 404 ResourceNotFound
    for a missing image, 404 PlatformImageNotFound, 400 for a reference that names nothing.
    """
    image_id = str(reference.get("id") or "")
    for kind in ("sharedGalleryImageId", "communityGalleryImageId"):
        if reference.get(kind):
            own = subscription or str(world.setting("subscription", ""))
            return _published(world, kind, str(reference[kind]), location, own)
    if not image_id:
        return _platform(world, reference, location)
    kind = ids.resource_type(image_id).lower()
    if "/publishers/" in image_id.lower():
        return _platform(world, _urn_of(image_id), location)
    if kind == VERSION.lower():
        if ids.name(image_id).lower() == "latest":
            return _latest(world, str(ids.parent(image_id)), location)
        return _version(world, image_id, location)
    if kind == "microsoft.compute/galleries/images":
        return _latest(world, image_id, location)
    if kind == "microsoft.compute/images":
        return _managed(world, image_id, location)
    raise ArmError(400, "InvalidParameter", f"The image reference '{image_id}' is invalid.", target="imageReference")


def origin_of(source: Source) -> Origin:
    """How a disk made from an image begins."""
    properties: Body = {"osType": source.os_type, "hyperVGeneration": source.generation}
    # Of an image that is shared both references are shown, of others the one that was sent.
    shared = {"imageReference", "galleryImageReference"} <= source.creation.keys()
    creation = copy.deepcopy(source.creation) if shared else {}
    return Origin(source.duration, source.size_gb, properties, creation, copy.deepcopy(source.content))


def copy_of(resource: Resource) -> Origin:
    """How a copy of a disk or snapshot begins: with all that is on it at this moment."""
    given = resource.body["properties"]
    names = ("osType", "hyperVGeneration", "supportedCapabilities", "securityProfile")
    properties = {name: copy.deepcopy(given[name]) for name in names if name in given}
    creation = {"sourceUniqueId": given["uniqueId"]} if "uniqueId" in given else {}
    content = copy.deepcopy(resource.hidden.get("content"))
    if content is None and "osType" in given:
        content = guests.new_content(image=None, generalized=False)
    return Origin("disk copy", int(given["diskSizeGB"]), properties, creation, content)


# -- the kinds of image


def _version(world: World, version_id: str, location: str) -> Source:
    version = world.get(version_id)
    definition = world.get(str(ids.parent(version_id)))
    if version is None or definition is None:
        raise _gallery_missing(version_id, location)
    if not galleries.replicated(version, location):
        raise _gallery_missing(version_id, location)
    properties, defined = version.body["properties"], definition.body["properties"]
    storage = properties.get("storageProfile") or {}
    size = int((storage.get("osDiskImage") or {}).get("sizeInGB") or 127)
    types, only = _security_of(defined)
    generalized = defined.get("osState") == "Generalized"
    return Source(
        id=version.id,
        creation={"createOption": "FromImage", "galleryImageReference": {"id": version.id}},
        os_type=defined["osType"],
        generation=defined.get("hyperVGeneration") or "V1",
        size_gb=size,
        generalized=generalized,
        security_types=types,
        only_security_type=only,
        exact_version=version.body["name"],
        content=_content(version, generalized),
        links=(("Microsoft.Compute/galleries/images/versions/read", version.id),),
        duration="disk from gallery",
        plan=defined.get("purchasePlan"),
    )


def _latest(world: World, definition_id: str, location: str) -> Source:
    """The highest version that is not excluded from latest and is replicated to the region."""
    if world.get(definition_id) is None:
        raise _gallery_missing(definition_id, location)
    candidates = [
        version
        for version in world.under(definition_id, VERSION)
        if not (version.body["properties"].get("publishingProfile") or {}).get("excludeFromLatest")
        and galleries.replicated(version, location)
    ]
    if not candidates:
        raise _gallery_missing(definition_id, location)
    newest = max(candidates, key=lambda v: tuple(int(part) for part in v.body["name"].split(".")))
    return _version(world, newest.id, location)


def _published(world: World, kind: str, published_id: str, location: str, subscription: str) -> Source:
    """A version that somebody else shares: no right to it is needed, and none to the gallery behind it
    (MicrosoftDocs/azure-compute-docs, share-gallery-direct.md). A disk names it as it was asked for, in both references
    (recording compute-disk-from-community-and-shared-gallery)."""
    community = published_galleries.parts(published_id)[0]
    if community is not (kind == "communityGalleryImageId"):
        # unverified wording
        raise ArmError(400, "InvalidParameter", f"The value of parameter {kind} is invalid.", target=kind)
    version = published_galleries.find_version(world, published_id, subscription, location)
    if version is None:
        raise _gallery_missing(published_id, location)
    gallery = published_galleries.gallery_of(world, version)
    exact = published_galleries.published_id(gallery, version, community=community)
    found = _version(world, version.id, location)
    return replace(
        found,
        id=exact,
        creation={
            "createOption": "FromImage",
            "imageReference": {"id": exact},
            "galleryImageReference": {kind: exact},
        },
        content={**found.content, "image": exact},
        links=(),
    )


def _managed(world: World, image_id: str, location: str) -> Source:
    image = existence.find(world, image_id)
    properties = image.body["properties"]
    disk = properties["storageProfile"]["osDisk"]
    if image.body["location"] != location:
        raise ArmError(
            400,
            "InvalidParameter",
            f"The image '{image_id}' is not in location '{location}'.",
            target="imageReference",
        )
    generalized = disk.get("osState") == "Generalized"
    return Source(
        id=image.id,
        creation={"createOption": "FromImage", "imageReference": {"id": image.id}},
        os_type=disk["osType"],
        generation=properties.get("hyperVGeneration") or "V1",
        size_gb=int(disk.get("diskSizeGB") or 127),
        generalized=generalized,
        security_types=tuple(image.hidden.get("security_types", ())),
        only_security_type=None,
        exact_version=None,
        content=_content(image, generalized),
        links=(("Microsoft.Compute/images/read", image.id),),
        duration="disk from image",
    )


def _platform(world: World, reference: Body, location: str) -> Source:
    urn = [str(reference.get(name) or "") for name in ("publisher", "offer", "sku", "version")]
    if not all(urn):
        raise ArmError(
            400,
            "InvalidParameter",
            "Required parameter 'imageReference' is missing (null).",
            target="imageReference",
        )
    image = catalog.platform_image(world, location, *urn)
    if image is None:
        # Wording: learn.microsoft.com/troubleshoot/azure (PlatformImageNotFound).
        raise ArmError(
            404,
            "PlatformImageNotFound",
            f"The platform image '{':'.join(urn)}' is not available. Verify that all fields in the storage profile are "
            "correct. For more details about storage profile information, please refer to "
            "https://aka.ms/storageprofile",
            target="imageReference",
        )
    subscription = world.setting("subscription", "00000000-0000-0000-0000-000000000000")
    # Compute writes this id with these capitals (recording compute-vm-deallocate-disk-reserved).
    image_id = (
        f"/Subscriptions/{subscription}/Providers/Microsoft.Compute/Locations/{location}/Publishers/{urn[0]}"
        f"/ArtifactTypes/VMImage/Offers/{urn[1]}/Skus/{urn[2]}/Versions/{image['version']}"
    )
    return Source(
        id=image_id,
        creation={"createOption": "FromImage", "imageReference": {"id": image_id}},
        os_type=image["os_type"],
        generation=image["generation"],
        size_gb=int(image["size_gb"]),
        generalized=True,
        security_types=tuple(image["security_types"]),
        only_security_type=None,
        exact_version=image["version"],
        content=guests.new_content(image=image_id, generalized=True),
        links=(),
        duration="disk from image",
        plan=image.get("plan"),
    )


# -- parts


def _security_of(definition: Body) -> tuple[tuple[str, ...], str | None]:
    """The SecurityType feature of an image definition: TrustedLaunchSupported allows it, TrustedLaunch demands it."""
    features = {f["name"]: f["value"] for f in definition.get("features") or []}
    value = str(features.get("SecurityType") or "Standard")
    table: dict[str, tuple[tuple[str, ...], str | None]] = {
        "TrustedLaunchSupported": (("TrustedLaunch",), None),
        "TrustedLaunch": (("TrustedLaunch",), "TrustedLaunch"),
        "TrustedLaunchAndConfidentialVmSupported": (("TrustedLaunch", "ConfidentialVM"), None),
        "ConfidentialVmSupported": (("ConfidentialVM",), None),
        "ConfidentialVM": (("ConfidentialVM",), "ConfidentialVM"),
    }
    return table.get(value, ((), None))


def _content(image: Resource, generalized: bool) -> Body:
    """What a disk made from the image holds: what was captured, under the image's own id."""
    captured: Body | None = image.hidden.get("content")
    content = copy.deepcopy(captured) if captured else guests.new_content(image=image.id, generalized=generalized)
    content["image"] = image.id
    if generalized:
        content.update(generalized=True, provisioned=False, computer_name=None, extensions_ran=[])
        content.update(secret_generation=None, device_generation=None)
    return content


def _urn_of(image_id: str) -> dict[str, Any]:
    segments = image_id.strip("/").split("/")
    names = {segments[i].lower(): segments[i + 1] for i in range(0, len(segments) - 1, 2)}
    return {
        "publisher": names.get("publishers"),
        "offer": names.get("offers"),
        "sku": names.get("skus"),
        "version": names.get("versions"),
    }


def _gallery_missing(image_id: str, location: str) -> ArmError:
    """Wording as in public issue reports of GalleryImageNotFound."""
    return ArmError(
        404,
        "GalleryImageNotFound",
        f"The gallery image {image_id} is not available in {location} region. Please contact image owner to replicate "
        "to this region, or change your requested region.",
        target="imageReference",
    )
