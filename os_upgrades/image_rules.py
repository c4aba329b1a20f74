"""Rules for the image that a scale set or a Batch pool follows: Azure rolls out what is newest in its region.

Source: learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-automatic-upgrade, which Batch
refers to for its pools.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from os_upgrades.findings import Broken
from rollout.arm import dig, name_of
from rollout.azure import Body
from rollout.images import DEFINITION_ID, LATEST, MANAGED_ID, VERSION_ID, normal_location, version_key

PLATFORM_IMAGES: Mapping[tuple[str, str], str] = {
    ("Canonical", "0001-com-ubuntu-server-focal"): "20_04-LTS 20_04-LTS-Gen2 20_04-LTS-arm64",
    ("Canonical", "ubuntu-24_04-lts"): "server-arm64",
    ("Canonical", "0001-com-ubuntu-server-jammy"): "22_04-LTS 22_04-LTS-arm64 22_04-LTS-Gen2",
    ("Canonical", "0001-com-ubuntu-pro-microsoft"): "pro-fips-20_04-Gen2",
    ("Canonical", "UbuntuServer"): "16.04-LTS 18.04-LTS",
    ("OpenLogic", "CentOS"): "7.5",
    ("CoreOS", "CoreOS"): "Stable",
    ("MicrosoftCblMariner", "Cbl-Mariner"): (
        "cbl-mariner-2 cbl-mariner-2-arm64 cbl-mariner-2-Gen2 cbl-mariner-2-fips cbl-mariner-2-Gen2-fips"
    ),
    ("MicrosoftCblMariner", "Azure-Linux"): "azure-linux-Gen2 azure-linux-3 azure-linux-arm64",
    ("MicrosoftSqlServer", "SQL2017-ws2019"): "enterprise",
    ("MicrosoftSqlServer", "SQL2019-ws2022"): "enterprise",
    ("MicrosoftSqlServer", "SQL2022-ws2022"): "enterprise-Gen2",
    ("MicrosoftWindowsServer", "WindowsServer"): (
        "2012-R2-Datacenter 2016-Datacenter 2016-Datacenter-gensecond 2016-Datacenter-gs 2016-Datacenter-smalldisk "
        "2016-Datacenter-with-Containers 2016-Datacenter-with-containers-gs 2019-Datacenter 2019-Datacenter-Core "
        "2019-Datacenter-Core-smalldisk 2019-Datacenter-Core-with-Containers 2019-Datacenter-gensecond "
        "2019-Datacenter-gs 2019-Datacenter-smalldisk 2019-Datacenter-with-Containers "
        "2019-Datacenter-with-Containers-gs 2022-Datacenter 2022-Datacenter-smalldisk 2022-Datacenter-azure-edition "
        "2022-Datacenter-azure-edition-core 2022-Datacenter-azure-edition-core-smalldisk 2022-Datacenter-core "
        "2022-Datacenter-core-smalldisk 2022-Datacenter-g2 2022-Datacenter-smalldisk-g2 "
        "Datacenter-core-20h2-with-containers-smalldisk-gs Datacenter-Core-1903-with-Containers-smalldisk"
    ),
}
"""Publisher and offer -> SKUs that Azure upgrades by itself: those of the page of 2026-05-19, and of older ones, whose
images are no longer published. Azure adds to it from time to time."""
_KNOWN = frozenset(
    (publisher.lower(), offer.lower(), sku.lower())
    for (publisher, offer), skus in PLATFORM_IMAGES.items()
    for sku in skus.split()
)
IDS = ("id", "sharedGalleryImageId", "communityGalleryImageId")
"""How a reference names an image of a gallery: one's own, one shared with the tenant, one of the community."""
_OF_VERSION = re.compile(r"/versions/([^/]+)$", re.IGNORECASE)


@dataclass(frozen=True)
class ImageFacts:
    """What the instances are made from, and what is known of it."""

    reference: Body = field(hash=False)
    """`imageReference`, as the model has it."""
    location: str
    """Region of the instances, in whatever spelling."""
    prop: str
    """Path of the reference, such as `virtualMachineProfile.storageProfile.imageReference`."""
    versions: Sequence[Body] | None = None
    """Versions of the gallery image, or None where they were not, or could not be, read."""

    @property
    def id(self) -> str:
        return str(self.reference.get("id") or "")

    @property
    def definition_id(self) -> str:
        """The gallery image's id, or empty for an image that is in no gallery of one's own."""
        found = VERSION_ID.fullmatch(self.id)
        if found is not None:
            return self.id[: -len(f"/versions/{found[1]}")]
        return self.id if DEFINITION_ID.fullmatch(self.id) else ""


class Upgraded(Protocol):
    """What the rules look at."""

    @property
    def image(self) -> ImageFacts: ...

    @property
    def automatic_os_upgrade(self) -> bool: ...


def version_is_latest(case: Upgraded) -> Iterator[Broken]:
    image = case.image
    if not case.automatic_os_upgrade:
        return
    for name in IDS:
        pinned = _OF_VERSION.search(str(image.reference.get(name) or ""))
        if pinned is not None and pinned[1].lower() != LATEST:
            given = str(image.reference[name])
            yield Broken(
                f"{image.prop}.{name}",
                given,
                f"pins version {pinned[1]}, so that no newer one is ever rolled out",
                f"name the image definition without a version: {given[: pinned.start()]}",
            )
    version = str(image.reference.get("version") or "")
    if image.reference.get("publisher") and version.lower() != LATEST:
        yield Broken(
            f"{image.prop}.version",
            version or None,
            "is not latest, so that no newer version is ever rolled out",
            "write latest",
        )


def custom_image_is_in_a_gallery(case: Upgraded) -> Iterator[Broken]:
    image = case.image
    in_gallery = image.definition_id or any(image.reference.get(name) for name in IDS[1:])
    if not case.automatic_os_upgrade or in_gallery:
        return
    if MANAGED_ID.fullmatch(image.id):
        why = "is a managed image, which has no versions that could be rolled out"
    elif not image.reference.get("publisher"):
        why = "names no image that has versions"
    else:
        return
    yield Broken(
        f"{image.prop}.id",
        image.id or None,
        why,
        "make a version of an Azure Compute Gallery image from it, and name the image definition",
    )


def platform_image_is_supported(case: Upgraded) -> Iterator[Broken]:
    named = [str(case.image.reference.get(part) or "") for part in ("publisher", "offer", "sku")]
    if not case.automatic_os_upgrade or not named[0]:
        return
    if (named[0].lower(), named[1].lower(), named[2].lower()) not in _KNOWN:
        yield Broken(
            case.image.prop,
            ":".join(named),
            "is not among the marketplace images that Azure is known to upgrade by itself",
            "use one of the page's list, or make a version of an Azure Compute Gallery image from it",
        )


def a_version_is_in_the_region(case: Upgraded) -> Iterator[Broken]:
    """Without one there is nothing that Azure could roll out, nor make an instance from."""
    image = case.image
    if not case.automatic_os_upgrade or image.versions is None or not image.definition_id:
        return
    if not any(_usable(version, image.location) for version in image.versions):
        names = ", ".join(name_of(str(version["id"])) for version in image.versions)
        yield Broken(
            f"{image.prop}.id",
            image.id,
            f"has no version that is replicated to {image.location} and not excluded from latest"
            + (f" (there are {names})" if names else ""),
            f"replicate a version to {image.location}, with excludeFromLatest false",
        )


def the_newest_version_reaches_the_region(case: Upgraded) -> Iterator[Broken]:
    """The newest one of all is not rolled out where it is not replicated to the region, or excluded from latest."""
    image = case.image
    if not case.automatic_os_upgrade or not image.versions or not image.definition_id:
        return
    if not any(_usable(version, image.location) for version in image.versions):
        return  # told already
    newest = max(image.versions, key=lambda version: version_key(name_of(str(version["id"]))))
    name = name_of(str(newest["id"]))
    if _usable(newest, image.location):
        return
    if _region(newest, image.location) is None:
        why, remedy = f"is not replicated to {image.location}", f"add {image.location} to its target regions"
    elif not (_ready(newest) and _replicated(newest, image.location)):
        why, remedy = "is not made, or not replicated, yet", "wait for it; Azure rolls it out by itself then"
    else:
        why, remedy = "is excluded from latest", "set excludeFromLatest to false to have it rolled out"
    yield Broken(f"{image.prop}.id", name, f"is the newest version of {name_of(image.definition_id)} and {why}", remedy)


def newest_usable(versions: Sequence[Body], location: str) -> str:
    """The version that `latest` stands for in a region now, or empty: the highest of those replicated to it and not
    excluded from latest."""
    usable = [name_of(str(version["id"])) for version in versions if _usable(version, location)]
    return max(usable, key=version_key, default="")


def _usable(version: Body, location: str) -> bool:
    region = _region(version, location)
    excluded = dig(version, "properties", "publishingProfile", "excludeFromLatest")
    if region is None or excluded or region.get("excludeFromLatest"):
        return False
    return _ready(version) and _replicated(version, location)


def _ready(version: Body) -> bool:
    return str(dig(version, "properties", "provisioningState") or "Succeeded") in ("Succeeded", "Updating")


def _replicated(version: Body, location: str) -> bool:
    """Whether replication to a region has ended; only the GET of a single version says so, with
    `$expand=ReplicationStatus`."""
    states = {
        normal_location(str(each.get("region"))): str(each.get("state"))
        for each in dig(version, "properties", "replicationStatus", "summary") or ()
    }
    return not states or states.get(normal_location(location)) == "Completed"


def _region(version: Body, location: str) -> Body | None:
    """The target region of a version, or None."""
    for region in dig(version, "properties", "publishingProfile", "targetRegions") or ():
        if normal_location(str(region.get("name"))) == normal_location(location):
            return dict(region)
    return None
