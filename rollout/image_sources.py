"""Finds the declared image in Azure: in a gallery, the marketplace, a shared or community gallery, or a managed image.

`latest` is resolved once and pinned: by numeric order of the versions (1.0.10 follows 1.0.9), leaving out those that
are excluded from latest or not replicated to the hosts' region, as Azure does for a VM deployed from the definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rollout.arm import dig, name_of
from rollout.azure import Azure, Body
from rollout.declaration import Declaration
from rollout.errors import Forbidden, InvalidDeclaration
from rollout.images import (
    DEFINITION_ID,
    LATEST,
    MANAGED_ID,
    NUMBERS,
    SECURITY_TYPES,
    SHARED_ID,
    SHARED_VERSION_ID,
    URN,
    VERSION_ID,
    Image,
    Kind,
    Region,
    normal_location,
    version_key,
)


async def resolve(azure: Azure, declaration: Declaration, location: str) -> Image:
    """The declared image and version, for hosts in `location`. Raises InvalidDeclaration where there is none.

    A managed image has no versions: its `version` is `latest` or the image's own name.
    """
    image, version = declaration.image.strip().rstrip("/"), declaration.version.strip()
    try:
        return await _found(azure, image, version, normal_location(location))
    except Forbidden as error:
        raise _refused(image, error) from error


async def _found(azure: Azure, image: str, version: str, location: str) -> Image:
    if DEFINITION_ID.fullmatch(image):
        return await _gallery(azure, image, version, location)
    if MANAGED_ID.fullmatch(image):
        return await _managed(azure, image, version)
    if URN.fullmatch(image):
        return await _marketplace(azure, image, version, location)
    if SHARED_ID.fullmatch(image):
        return await _shared(azure, image, version, location)
    raise InvalidDeclaration("image", image, *_wrong_image(image))


def _refused(image: str, error: Forbidden) -> Exception:
    """What to tell of an image that may not be read; other refusals, such as of the credential, stay as they are."""
    if error.code == "InvalidAuthenticationTokenTenant":
        return InvalidDeclaration(
            "image",
            image,
            "is in another tenant than the update's credential, which cannot read there",
            "have its gallery shared with this tenant (az sig share add --tenant-ids) and write "
            "/sharedGalleries/<its unique name>/images/<image>, or copy the version into a gallery of this tenant",
        )
    if error.status != 403:
        return error
    return InvalidDeclaration("image", image, f"may not be read ({error.status} {error.code})", error.message)


def _wrong_image(image: str) -> tuple[str, str]:
    """Problem and remedy of an image in none of the forms."""
    if VERSION_ID.fullmatch(image) or SHARED_VERSION_ID.fullmatch(image):
        return "names a version", f"write {image.rsplit('/versions/', 1)[0]} here and the version in version"
    if image.count(":") == 3:
        return "names a version", f"write {image.rsplit(':', 1)[0]} here and the version in version"
    return (
        "is no image",
        "write the id of a gallery image definition, a marketplace image as publisher:offer:sku, the id of a managed "
        "image, /sharedGalleries/<unique name>/images/<image> or /communityGalleries/<public name>/images/<image>",
    )


async def _gallery(azure: Azure, definition_id: str, version: str, location: str) -> Image:
    definition = await azure.get_image_definition(definition_id)
    if definition is None:
        raise InvalidDeclaration(
            "image",
            definition_id,
            "does not exist, or the credential may not read it",
            "correct the id (az sig image-definition list), or give the role Microsoft.Compute/galleries/images/read",
        )
    if version.lower() == LATEST:
        found = await _latest_gallery_version(azure, definition_id, location)
    else:
        _require_number(version)
        answer = await azure.get_image_version(f"{definition_id}/versions/{version}")
        if answer is None:
            there = [name_of(str(item["id"])) for item in await azure.list_image_versions(definition_id)]
            raise InvalidDeclaration(
                "version", version, f"does not exist in {name_of(definition_id)}", f"use {_one_of(there)}"
            )
        found = answer
    return gallery_image(definition, found)


async def _latest_gallery_version(azure: Azure, definition_id: str, location: str) -> Body:
    """The highest version that may be `latest` and is replicated to the location."""
    versions = {name_of(str(item["id"])): item for item in await azure.list_image_versions(definition_id)}
    wanted = [name for name, body in versions.items() if _may_be_latest(body, location)]
    # Only the single GET says how far replication is, so it is asked of the candidates from the top.
    for name in sorted(wanted, key=version_key, reverse=True):
        body = await azure.get_image_version(f"{definition_id}/versions/{name}")
        if body is not None and _regions(body).get(normal_location(location), Region(0, "")).state in _USABLE:
            return body
    raise InvalidDeclaration(
        "version",
        LATEST,
        f"has no candidate in {name_of(definition_id)} that is replicated to {location} and not excluded from latest",
        f"replicate one there (az sig image-version update --add publishingProfile.targetRegions name={location}), "
        f"or declare {_one_of(versions)}",
    )


_USABLE = ("Completed", "Unknown")


def _may_be_latest(body: Body, location: str) -> bool:
    profile = dig(body, "properties", "publishingProfile") or {}
    if profile.get("excludeFromLatest") or dig(body, "properties", "provisioningState") not in (
        "Succeeded",
        "Updating",
    ):
        return False
    return any(
        normal_location(str(region.get("name"))) == normal_location(location) and not region.get("excludeFromLatest")
        for region in profile.get("targetRegions") or ()
    )


def gallery_image(definition: Body, version: Body) -> Image:
    """An `Image` of the REST bodies of an image definition and one of its versions."""
    properties = definition.get("properties") or {}
    version_id = str(version["id"])
    plan = properties.get("purchasePlan") or None
    return Image(
        id=version_id,
        version=name_of(version_id),
        reference={"id": version_id},
        generation=str(properties.get("hyperVGeneration") or "V1"),
        security_types=_security_types(properties.get("features")),
        os_disk_gb=int(dig(version, "properties", "storageProfile", "osDiskImage", "sizeInGB") or 0),
        architecture=str(properties.get("architecture") or "x64"),
        plan=_plan(plan),
        regions=_regions(version),
        kind=Kind.GALLERY,
        os_type=str(properties.get("osType") or "Windows"),
        os_state=str(properties.get("osState") or "Generalized"),
        end_of_life=dig(version, "properties", "publishingProfile", "endOfLifeDate"),
    )


def _require_number(version: str) -> None:
    if not NUMBERS.fullmatch(version):
        raise InvalidDeclaration("version", version, "is no version", "write x.y.z, such as 1.0.1, or latest")


def _regions(version: Body) -> dict[str, Region]:
    """Target regions of a gallery version with their replicas and replication state."""
    states = {
        normal_location(str(item.get("region"))): str(item.get("state") or "Unknown")
        for item in dig(version, "properties", "replicationStatus", "summary") or ()
    }
    profile = dig(version, "properties", "publishingProfile") or {}
    default = int(profile.get("replicaCount") or 1)
    regions = {}
    for item in profile.get("targetRegions") or ():
        place = normal_location(str(item.get("name")))
        # Without $expand=ReplicationStatus there is no summary at all; with it, a region missing there has not begun.
        state = states.get(place, "Replicating" if states else "Unknown")
        regions[place] = Region(int(item.get("regionalReplicaCount") or default), state)
    return regions


async def _shared(azure: Azure, image_id: str, version: str, location: str) -> Image:
    """An image of a shared or community gallery, as the hosts' region shows it: what does not exist, is not shared with
    the pool's subscription or not replicated to the region is all the same there."""
    community = image_id.lower().startswith("/communitygalleries/")
    definition = await azure.get_shared(location, image_id)
    if definition is None:
        raise InvalidDeclaration("image", image_id, *_not_shown(location, community))
    if version.lower() != LATEST:
        _require_number(version)
    there = {} if version.lower() != LATEST else await _shared_versions(azure, image_id, location)
    offered = [name for name, body in there.items() if _offered(body)]
    if version.lower() == LATEST:
        body = there[max(offered, key=version_key)] if offered else None
    else:
        body = await azure.get_shared(location, f"{image_id}/versions/{version}")
    if body is None:
        known = there or await _shared_versions(azure, image_id, location)
        owner = "its publisher" if community else "its owner"
        raise InvalidDeclaration(
            "version",
            version,
            f"of {name_of(image_id)} is not there in {location}",
            f"use {_one_of(known)}, or ask {owner} to replicate it there",
        )
    publisher = await _publisher(azure, image_id, definition, location) if community else ""
    return _shared_image(definition, body, location, publisher)


async def _shared_versions(azure: Azure, image_id: str, location: str) -> dict[str, Body]:
    """By number. Of a community image Azure lists the latest only (share-gallery-community.md)."""
    return {str(body["name"]): body for body in await azure.list_shared_versions(location, image_id)}


def _offered(body: Body) -> bool:
    properties = body.get("properties") or {}
    return not properties.get("excludeFromLatest") and properties.get("imageState") != "SoftDeleted"


def _not_shown(location: str, community: bool) -> tuple[str, str]:
    if community:
        return (
            f"is no image of a community gallery in {location}",
            f"correct it (az sig list-community --location {location}), or ask its publisher to replicate it there",
        )
    return (
        f"is not shared with the pool's subscription in {location}",
        f"correct it (az sig list-shared --location {location}), or have its gallery shared with this subscription or "
        "tenant (az sig share add) and the version replicated there",
    )


async def _publisher(azure: Azure, image_id: str, definition: Body, location: str) -> str:
    """`Contoso (images@example.com, https://...), EULA https://..., privacy statement https://...`: the image's own
    terms, else its gallery's."""
    gallery = await azure.get_shared(location, image_id.rsplit("/images/", 1)[0]) or {}
    metadata = dig(gallery, "properties", "communityMetadata") or {}
    own = definition.get("properties") or {}
    contact = ", ".join(str(metadata[key]) for key in ("publisherContact", "publisherUri") if metadata.get(key))
    said = [f"{dig(own, 'identifier', 'publisher') or 'nobody'}{f' ({contact})' if contact else ''}"]
    for name, key in (("EULA", "eula"), ("privacy statement", "privacyStatementUri")):
        text = own.get(key) or metadata.get(key)
        said += [f"{name} {text}"] if text else [f"no {name}"]
    return ", ".join(said)


def _shared_image(definition: Body, version: Body, location: str, publisher: str) -> Image:
    properties, own = definition.get("properties") or {}, version.get("properties") or {}
    version_id = str(dig(version, "identifier", "uniqueId"))
    community = version_id.lower().startswith("/communitygalleries/")
    disk = dig(own, "storageProfile", "osDiskImage") or {}
    return Image(
        id=version_id,
        version=name_of(version_id),
        reference={"communityGalleryImageId" if community else "sharedGalleryImageId": version_id},
        generation=str(properties.get("hyperVGeneration") or "V1"),
        security_types=_security_types(properties.get("features")),
        os_disk_gb=int(disk.get("diskSizeGB") or 0),
        architecture=str(properties.get("architecture") or "x64"),
        plan=_plan(properties.get("purchasePlan")),
        # Replicas are not shown: what is there can be used, and the rest is its owner's business.
        regions={location: Region(1, "Completed")},
        kind=Kind.COMMUNITY if community else Kind.SHARED,
        os_type=str(properties.get("osType") or "Windows"),
        os_state=str(properties.get("osState") or "Generalized"),
        end_of_life=own.get("endOfLifeDate") or properties.get("endOfLifeDate"),
        publisher=publisher,
    )


async def _marketplace(azure: Azure, urn: str, version: str, location: str) -> Image:
    publisher, offer, sku = urn.split(":")
    there = await azure.list_platform_versions(location, publisher, offer, sku)
    if not there:
        raise InvalidDeclaration(
            "image",
            urn,
            f"is no marketplace image of {location}",
            f"correct it (az vm image list --all --location {location} --publisher {publisher} --offer {offer})",
        )
    wanted = max(there, key=version_key) if version.lower() == LATEST else version
    body = await azure.get_platform_version(location, publisher, offer, sku, wanted) if wanted in there else None
    if body is None:
        raise InvalidDeclaration("version", version, f"does not exist of {urn}", f"use {_one_of(there)}")
    properties = body.get("properties") or {}
    return Image(
        id=f"{urn}:{wanted}",
        version=wanted,
        reference={"publisher": publisher, "offer": offer, "sku": sku, "version": wanted},
        generation=str(properties.get("hyperVGeneration") or "V1"),
        security_types=_security_types(properties.get("features")),
        os_disk_gb=int(dig(properties, "osDiskImage", "sizeInGb") or dig(properties, "osDiskImage", "sizeInGB") or 0),
        architecture=str(properties.get("architecture") or "x64"),
        plan=_plan(properties.get("plan")),
        regions={normal_location(location): Region(1, "Completed")},
        kind=Kind.MARKETPLACE,
        os_type=str(dig(properties, "osDiskImage", "operatingSystem") or "Windows"),
        end_of_life=dig(properties, "imageDeprecationStatus", "scheduledDeprecationTime"),
    )


async def _managed(azure: Azure, image_id: str, version: str) -> Image:
    body = await azure.get_managed_image(image_id)
    if body is None:
        raise InvalidDeclaration(
            "image",
            image_id,
            "does not exist, or the credential may not read it",
            "correct the id (az image list), or give the role Microsoft.Compute/images/read",
        )
    name = name_of(image_id)
    if version.lower() not in (LATEST, name.lower()):
        raise InvalidDeclaration(
            "version", version, "is not known: a managed image has no versions", f"use latest or {name}"
        )
    properties = body.get("properties") or {}
    disk = dig(properties, "storageProfile", "osDisk") or {}
    return Image(
        id=str(body.get("id") or image_id),
        version=name,
        reference={"id": str(body.get("id") or image_id)},
        generation=str(properties.get("hyperVGeneration") or "V1"),
        # Trusted Launch needs a gallery image (MicrosoftDocs/azure-compute-docs, trusted-launch.md, limitations).
        security_types=SECURITY_TYPES["standard"],
        os_disk_gb=int(disk.get("diskSizeGB") or 0),
        architecture="x64",
        plan=None,
        regions={normal_location(str(body.get("location"))): Region(1, "Completed")},
        kind=Kind.MANAGED,
        os_type=str(disk.get("osType") or "Windows"),
        os_state=str(disk.get("osState") or "Generalized"),
    )


def _security_types(features: object) -> frozenset[str]:
    for feature in features if isinstance(features, list) else ():
        if str(feature.get("name")).lower() == "securitytype":
            return SECURITY_TYPES.get(str(feature.get("value")).lower(), SECURITY_TYPES["standard"])
    return SECURITY_TYPES["standard"]


def _plan(plan: object) -> Body | None:
    """A VM's `plan` from a definition's purchasePlan or a marketplace image's plan: the keys are the same."""
    if not isinstance(plan, Mapping) or not plan.get("name"):
        return None
    return {key: plan.get(key) for key in ("name", "publisher", "product")}


def _one_of(versions: Iterable[str]) -> str:
    """The newest few versions, for a remedy."""
    ordered = sorted(versions, key=version_key, reverse=True)
    if not ordered:
        return "another image: this one has no versions"
    more = f" (and {len(ordered) - 8} older)" if len(ordered) > 8 else ""
    return f"one of {', '.join(ordered[:8])}{more}"
