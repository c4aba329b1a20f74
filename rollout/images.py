"""The image a rollout brings hosts to: a version of a gallery image, a marketplace image or a managed image.

`latest` is resolved once and pinned: by numeric order of the versions (1.0.10 follows 1.0.9), leaving out those that
are excluded from latest or not replicated to the hosts' region, as Azure does for a VM deployed from the definition.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rollout.arm import dig, name_of, same_id
from rollout.azure import Azure, Body
from rollout.declaration import Declaration
from rollout.errors import InvalidDeclaration
from rollout.names import digest

LATEST = "latest"
DEFINITION_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute/galleries/[^/]+/images/[^/]+",
    re.IGNORECASE,
)
VERSION_ID = re.compile(DEFINITION_ID.pattern + r"/versions/([^/]+)", re.IGNORECASE)
MANAGED_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute/images/[^/]+", re.IGNORECASE
)
URN = re.compile(r"[^:/\s]+:[^:/\s]+:[^:/\s]+")
PLATFORM_ID = re.compile(
    r"/subscriptions/[^/]+/providers/Microsoft\.Compute/locations/[^/]+/publishers/([^/]+)"
    r"/artifacttypes/vmimage/offers/([^/]+)/skus/([^/]+)/versions/([^/]+)",
    re.IGNORECASE,
)
"""How a disk's creationData names a marketplace image (recording compute-vm-deallocate-disk-reserved and others)."""
NUMBERS = re.compile(r"\d+(\.\d+)*")
TAG_LIMIT = 256
"""Azure's limit for a tag's value; the id of a gallery version may be longer."""

SECURITY_TYPES: Mapping[str, frozenset[str]] = {
    "standard": frozenset({"Standard"}),
    "trustedlaunchsupported": frozenset({"Standard", "TrustedLaunch"}),
    "trustedlaunch": frozenset({"TrustedLaunch"}),
    "confidentialvmsupported": frozenset({"Standard", "ConfidentialVM"}),
    "confidentialvm": frozenset({"ConfidentialVM"}),
    "trustedlaunchandconfidentialvmsupported": frozenset({"Standard", "TrustedLaunch", "ConfidentialVM"}),
}
"""Values of the image feature SecurityType and the VM security types they allow (MicrosoftDocs/azure-compute-docs,
trusted-launch.md and confidential-vm-overview). Without the feature an image boots as Standard only."""


class Kind(StrEnum):
    GALLERY = "gallery"
    MARKETPLACE = "marketplace"
    MANAGED = "managed"


@dataclass(frozen=True)
class Region:
    """An image version in one region."""

    replicas: int
    state: str
    """Replication state as Azure says it (`Completed`, `Replicating`, `Failed`), or `Unknown`."""


@dataclass(frozen=True)
class Image:
    """One version of an image."""

    id: str
    """Gallery version id, `publisher:offer:sku:version`, or managed image id."""
    version: str
    reference: Body = field(hash=False)
    """`imageReference` of a VM that is made from it."""
    generation: str
    """Hyper-V generation, `V1` or `V2`."""
    security_types: frozenset[str]
    """Security types a VM from it can have: Standard, TrustedLaunch, ConfidentialVM."""
    os_disk_gb: int
    """Size of its OS disk in GB; 0 where Azure does not say."""
    architecture: str
    """`x64` or `Arm64`."""
    plan: Body | None = field(hash=False)
    """Purchase plan as a VM's `plan` wants it: name, product, publisher."""
    regions: Mapping[str, Region] = field(hash=False)
    """By normalised name of the location (`westeurope`)."""
    kind: Kind
    os_type: str = "Windows"
    os_state: str = "Generalized"
    end_of_life: str | None = None
    """ISO 8601 time, or None."""

    def in_region(self, location: str) -> Region | None:
        return self.regions.get(normal_location(location))


async def resolve(azure: Azure, declaration: Declaration, location: str) -> Image:
    """The declared image and version, for hosts in `location`. Raises InvalidDeclaration where there is none.

    A managed image has no versions: its `version` is `latest` or the image's own name.
    """
    image = declaration.image.strip().rstrip("/")
    version = declaration.version.strip()
    if DEFINITION_ID.fullmatch(image):
        return await _gallery(azure, image, version, location)
    if MANAGED_ID.fullmatch(image):
        return await _managed(azure, image, version)
    if URN.fullmatch(image):
        return await _marketplace(azure, image, version, location)
    raise InvalidDeclaration("image", declaration.image, *_wrong_image(image))


def _wrong_image(image: str) -> tuple[str, str]:
    """Problem and remedy of an image in none of the three forms."""
    if VERSION_ID.fullmatch(image):
        return "names a version", f"write {image.rsplit('/versions/', 1)[0]} here and the version in version"
    if image.count(":") == 3:
        return "names a version", f"write {image.rsplit(':', 1)[0]} here and the version in version"
    return (
        "is no image",
        "write the id of a gallery image definition, a marketplace image as publisher:offer:sku, or the id of a "
        "managed image",
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
        if not NUMBERS.fullmatch(version):
            raise InvalidDeclaration("version", version, "is no version", "write x.y.z, such as 1.0.1, or latest")
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


def version_key(version: str) -> tuple[bool, tuple[int, ...], str]:
    """A sort key for versions: by number, part by part; what is no dotted number comes first."""
    numeric = NUMBERS.fullmatch(version) is not None
    return numeric, tuple(int(part) for part in version.split(".")) if numeric else (), version


def canonical(image_id: str) -> str:
    """One spelling per image: a marketplace image is named by a path on disks and by an urn in a declaration."""
    text = image_id.strip().rstrip("/")
    platform = PLATFORM_ID.fullmatch(text)
    return (":".join(platform.groups()) if platform else text).lower()


def tag_value(image_id: str) -> str:
    """The image as the value of a tag: its id, or a digest of it with the version where the id is too long."""
    if len(image_id) <= TAG_LIMIT:
        return image_id
    return f"{digest(canonical(image_id), length=32)}/versions/{short(image_id)}"


def same_image(one: str | None, other: str | None) -> bool:
    """Whether two ids, or tag values, name one image; None is no image."""
    if one is None or other is None:
        return False
    a, b = canonical(one), canonical(other)
    return a == b or tag_value(a).lower() == b or a == tag_value(b).lower()


def short(image_id: str | None) -> str:
    """The image for a plan's line: its version, or the name of a managed image."""
    if not image_id:
        return "unknown"
    text = image_id.strip().rstrip("/")
    return text.rsplit(":", 1)[-1] if "/" not in text else name_of(text)


def step(before: str | None, after: str) -> str:
    """`1.0.0 -> 1.0.1`; with the names of the definitions where they differ."""
    old, new = short(before), short(after)
    if before and not same_id(definition_of(before), definition_of(after)):
        old, new = _long(before), _long(after)
    return f"{old} -> {new}"


def definition_of(image_id: str) -> str:
    """The image without its version, in one spelling."""
    text = canonical(image_id)
    if VERSION_ID.fullmatch(text):
        return text.rsplit("/versions/", 1)[0]
    return text.rsplit(":", 1)[0]


def _long(image_id: str) -> str:
    """Name of the definition and version: `win11/1.0.0`."""
    text = image_id.strip().rstrip("/")
    if VERSION_ID.fullmatch(text):
        return f"{text.split('/')[-3]}/{name_of(text)}"
    platform = PLATFORM_ID.fullmatch(text)
    if platform:
        return f"{platform[3]}/{platform[4]}"
    return "/".join(text.split(":")[-2:]) if "/" not in text else name_of(text)


def normal_location(location: str) -> str:
    """`West Europe` and `westeurope` are one: Azure uses both."""
    return location.replace(" ", "").lower()


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
