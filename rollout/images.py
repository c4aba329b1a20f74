"""The image a rollout brings hosts to, its names and when two of them are one. `image_sources.py` finds it in Azure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rollout.arm import name_of, same_id
from rollout.azure import Body
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
SHARED_ID = re.compile(r"/(?:sharedGalleries|communityGalleries)/[^/]+/images/[^/]+", re.IGNORECASE)
"""An image of a gallery that is shared with the subscription, the tenant or everybody: Azure names it without its
owner's ids (recording compute-disk-from-community-and-shared-gallery)."""
SHARED_VERSION_ID = re.compile(SHARED_ID.pattern + r"/versions/([^/]+)", re.IGNORECASE)
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
    SHARED = "shared gallery"
    COMMUNITY = "community gallery"


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
    """Gallery version id, `publisher:offer:sku:version`, managed image id, or `/SharedGalleries/<name>/Images/<image>/
    Versions/<version>` (`/CommunityGalleries/...`)."""
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
    publisher: str = ""
    """Who publishes an image of a community gallery, and under which terms; empty for others."""

    def in_region(self, location: str) -> Region | None:
        return self.regions.get(normal_location(location))


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


def may_be_version(image_id: str | None, version_id: str) -> bool:
    """Whether an id, or a tag's value, names a gallery version, or may: by the name under which its gallery is shared,
    or as a community image, whose public name does not tell the gallery, by image and version."""
    if image_id is None or same_image(image_id, version_id):
        return image_id is not None
    text, own = canonical(image_id).split("/"), canonical(version_id).split("/")
    if len(text) != 7 or len(own) < 13 or text[3:] != own[-4:]:
        return False
    # The unique name: subscription and gallery (MicrosoftDocs/azure-compute-docs, share-gallery-direct.md).
    return text[1] == "communitygalleries" or text[1:3] == ["sharedgalleries", f"{own[2]}-{own[-5]}"]


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
    if VERSION_ID.fullmatch(text) or SHARED_VERSION_ID.fullmatch(text):
        return text.rsplit("/versions/", 1)[0]
    return text.rsplit(":", 1)[0]


def _long(image_id: str) -> str:
    """Name of the definition and version: `win11/1.0.0`."""
    text = image_id.strip().rstrip("/")
    if VERSION_ID.fullmatch(text) or SHARED_VERSION_ID.fullmatch(text):
        return f"{text.split('/')[-3]}/{name_of(text)}"
    platform = PLATFORM_ID.fullmatch(text)
    if platform:
        return f"{platform[3]}/{platform[4]}"
    return "/".join(text.split(":")[-2:]) if "/" not in text else name_of(text)


def normal_location(location: str) -> str:
    """`West Europe` and `westeurope` are one: Azure uses both."""
    return location.replace(" ", "").lower()
