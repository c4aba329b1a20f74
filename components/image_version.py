"""What an image gallery holds: definitions, their versions and where each version comes from and goes to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


@dataclass(frozen=True)
class TargetRegionArgs:
    """One region a version is replicated to."""

    name: str
    """Azure's region name, `westeurope` or `West Europe`. Each region with session hosts needs one."""
    replicas: int = 1
    """Copies in the region, 1 to 100. Azure advises one per 20 machines created at the same time
    (https://learn.microsoft.com/azure/virtual-machines/azure-compute-gallery#scaling): `max_building` / 20."""
    storage_account_type: str = "Standard_LRS"
    """Standard_LRS | Standard_ZRS | Premium_LRS. Cannot be changed later."""
    exclude_from_latest: bool = False
    """Hide the version from `latest` in this region only."""


@dataclass(frozen=True)
class ImageSource:
    """Where a version comes from: exactly one field is set."""

    managed_image_id: str | None = None
    virtual_machine_id: str | None = None
    """A generalized machine (a specialized one where the definition's os_state says so)."""
    disk_id: str | None = None
    """An OS disk or a snapshot of one."""
    version_id: str | None = None
    """A version of another definition or gallery, also of another subscription."""
    community_version_id: str | None = None
    """`/communityGalleries/<public name>/images/<image>/versions/<x.y.z>`, to have a version of one's own of it. What a
    gallery shares directly (`/sharedGalleries/...`) Azure takes as no source of a version."""

    def __post_init__(self) -> None:
        given = [name for name, value in vars(self).items() if value is not None]
        if len(given) != 1:
            raise ValueError(
                f"source: {', '.join(given) or 'nothing'} is given; name exactly one of {', '.join(vars(self))}"
            )

    def storage_profile(self) -> dict[str, Any]:
        """`storageProfile` of the gallery image version (api-version 2024-03-03)."""
        if self.disk_id is not None:
            return {"os_disk_image": {"source": {"id": self.disk_id}}}
        if self.virtual_machine_id is not None:
            return {"source": {"virtual_machine_id": self.virtual_machine_id}}
        if self.community_version_id is not None:
            return {"source": {"community_gallery_image_id": self.community_version_id}}
        return {"source": {"id": self.managed_image_id or self.version_id}}


@dataclass(frozen=True)
class ImageVersionArgs:
    """One version of an image definition."""

    name: str
    """`x.y.z`, each part a whole number (https://learn.microsoft.com/azure/virtual-machines/azure-compute-gallery)."""
    source: ImageSource
    """Changing it replaces the version: give a new image a new version instead."""
    target_regions: Sequence[TargetRegionArgs] = ()
    """Default: the gallery's own region, one replica."""
    exclude_from_latest: bool = False
    """True keeps it from those who declare `latest`, until it is promoted."""
    end_of_life: str | None = None
    """ISO 8601 time. Informs only: Azure goes on serving the version."""
    replication_mode: str = "Full"
    """Full | Shallow. Shallow is ready in a minute instead of seven but copies nothing: for tests in one region."""

    def __post_init__(self) -> None:
        if not VERSION.fullmatch(self.name):
            raise ValueError(f"version {self.name!r}: write x.y.z, such as 1.0.1")


@dataclass(frozen=True)
class ImageDefinitionArgs:
    """One image definition: what all its versions have in common. Most of it cannot be changed later."""

    name: str
    publisher: str
    """Your own name for it, with offer and sku unique in the gallery."""
    offer: str
    sku: str
    os_type: str = "Windows"
    os_state: str = "Generalized"
    """Generalized (sysprepped) | Specialized. The rolling update builds from Generalized."""
    hyper_v_generation: str = "V2"
    """V1 | V2. Must be that of the session hosts: an OS disk of another generation cannot be swapped in."""
    architecture: str = "x64"
    security_type: str | None = "TrustedLaunchSupported"
    """Feature SecurityType: TrustedLaunchSupported | TrustedLaunch | ConfidentialVmSupported | ... None for plain
    images. A host with Trusted Launch takes only disks of it."""
    description: str | None = None
    end_of_life: str | None = None
    versions: Sequence[ImageVersionArgs] = ()

    def __post_init__(self) -> None:
        names = [version.name for version in self.versions]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"image {self.name!r}: version {twice[0]} is listed twice")
