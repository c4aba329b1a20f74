"""One look at a scale set on its way to the latest image: what `latest` is now, what each instance runs and how it is,
and what Azure says of the rolling upgrade."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from os_upgrades.azure import ScaleSetAzure
from os_upgrades.progress import Upgrade, joined, read, read_history, version_of
from os_upgrades.scale_set import Instance, ScaleSet
from rollout.arm import dig
from rollout.azure import Azure, Body
from rollout.declaration import Declaration
from rollout.errors import InvalidDeclaration
from rollout.image_sources import resolve
from rollout.images import LATEST, Image, version_key
from rollout.values import duration

DEFAULT_PERCENT = 20
"""Of maxUnhealthyInstancePercent (Azure Compute REST API, RollingUpgradePolicy)."""


class UpgradeAzure(ScaleSetAzure, Azure, Protocol):
    """Azure, as whoever upgrades a scale set's instances sees it. Errors are those of `rollout.azure.Azure`."""

    async def get_rolling_upgrade(self, scale_set_id: str) -> Body | None:
        """`rollingUpgrades/latest`, or None where there never was one."""
        ...

    async def list_os_upgrade_history(self, scale_set_id: str) -> list[Body]:
        """`osUpgradeHistory`: the last five attempts within two months."""
        ...

    async def start_os_upgrade(self, scale_set_id: str) -> None:
        """POST osRollingUpgrade. Returns when Azure has accepted it, long before it has ended."""
        ...

    async def cancel_rolling_upgrade(self, scale_set_id: str) -> None:
        """POST rollingUpgrades/cancel. Returns when Azure has accepted it; the batch in work is ended first."""
        ...

    async def approve_rolling_upgrade(self, scale_set_id: str, instance_ids: list[str]) -> None:
        """POST approveRollingUpgrade: deferred upgrades of these instances may go on."""
        ...


@dataclass(frozen=True)
class Member:
    """One instance."""

    id: str
    name: str
    version: str
    """Exact version of the image that its OS disk was made from; `unknown` where Azure does not say."""
    state: str
    """Its provisioningState."""
    health: str
    """`healthy`, `unhealthy`, `initializing`, `unknown`, or empty where nothing reports it."""
    why: str
    """What Azure says is wrong with it, or empty."""
    protected: bool
    """It is protected from actions on the scale set, so that no rolling upgrade touches it."""

    @property
    def good(self) -> bool:
        """Whether it can be counted on: provisioned, and healthy where that is known."""
        return self.state in ("Succeeded", "") and self.health in ("healthy", "")


@dataclass(frozen=True)
class Seen:
    """What was seen at `at` (epoch seconds, Azure's time)."""

    scale_set: ScaleSet
    image: Image
    """What `latest` stands for in the scale set's region, or stood for when a run began."""
    members: tuple[Member, ...]
    upgrade: Upgrade | None
    """The last rolling upgrade, running or ended."""
    history: tuple[Upgrade, ...]
    """The newest first."""
    at: float

    @property
    def latest(self) -> str:
        return self.image.version

    @property
    def running(self) -> bool:
        return self.upgrade is not None and self.upgrade.running

    @property
    def behind(self) -> tuple[Member, ...]:
        """Instances that do not run the latest image, nor a newer one that Azure has brought them to meanwhile."""
        newer = self.upgrade.version if self.upgrade is not None else ""
        overtaken = newer if version_key(newer) > version_key(self.latest) else self.latest
        return tuple(member for member in self.members if member.version not in (self.latest, overtaken))

    @property
    def deferred(self) -> bool:
        """Whether each instance waits for an approval."""
        return self.scale_set.policy("automaticOSUpgradePolicy", "osRollingUpgradeDeferral") is True

    @property
    def pause(self) -> float:
        """Seconds between two batches, by the policy."""
        given = self.scale_set.policy("rollingUpgradePolicy", "pauseTimeBetweenBatches")
        return float(duration("pauseTimeBetweenBatches", given)) if given else 0.0

    @property
    def floor(self) -> int:
        """Instances that Azure keeps healthy, by the policy; a batch is one instance at least."""
        percent = self.scale_set.policy("rollingUpgradePolicy", "maxUnhealthyInstancePercent")
        allowed = DEFAULT_PERCENT if percent is None else int(percent)
        return max(0, min(math.ceil(len(self.members) * (100 - allowed) / 100), len(self.members) - 1))

    @property
    def versions(self) -> dict[str, list[str]]:
        """Names of the instances by the version they run."""
        found: dict[str, list[str]] = {}
        for member in self.members:
            found.setdefault(member.version, []).append(member.name)
        return found


async def look(azure: UpgradeAzure, scale_set_id: str, goal: Image | None = None, *, pinned: bool = False) -> Seen:
    """Raises InvalidDeclaration for a scale set that does not exist or, unless `pinned`, whose model names a version.
    `goal`: what the instances are brought to, where that was found before."""
    body = await azure.get_scale_set(scale_set_id)
    if body is None:
        remedy = "correct the id (az vmss list), or give the role Microsoft.Compute/virtualMachineScaleSets/read"
        raise InvalidDeclaration("scale_set_id", scale_set_id, "does not exist, or may not be seen", remedy)
    scale_set = ScaleSet(body)
    image = goal or await latest_image(azure, scale_set, pinned=pinned)
    members, (upgrade, history) = await asyncio.gather(
        list_members(azure, scale_set_id), read_upgrade(azure, scale_set_id)
    )
    return Seen(scale_set, image, members, upgrade, history, azure.azure_time())


async def read_upgrade(azure: UpgradeAzure, scale_set_id: str) -> tuple[Upgrade | None, tuple[Upgrade, ...]]:
    """The last rolling upgrade, and the history of OS upgrades."""
    latest, entries = await asyncio.gather(
        azure.get_rolling_upgrade(scale_set_id), azure.list_os_upgrade_history(scale_set_id)
    )
    history = read_history(entries)
    return joined(read(latest), history), history


async def list_members(azure: UpgradeAzure, scale_set_id: str) -> tuple[Member, ...]:
    """The instances, in Azure's order."""
    listed = await azure.list_scale_set_instances(scale_set_id, instance_view=True)
    return tuple(member_of(Instance(body)) for body in listed)


async def latest_image(azure: Azure, scale_set: ScaleSet, *, pinned: bool = False) -> Image:
    """The version that `latest` of the model stands for in the region now, by the rules that Azure has for VMs; with
    `pinned` the one that the model names.

    Raises InvalidDeclaration for the latter else: Azure upgrades to nothing but latest ("... which have
    imageReference.version set to latest", github.com/Azure/Service-Fabric-Troubleshooting-Guides).
    """
    reference, version = scale_set.image_reference, scale_set_version(scale_set)
    if version and not pinned:
        where = "imageReference.version" if reference.get("publisher") else "imageReference.id"
        raise InvalidDeclaration(
            "scale_set_id",
            scale_set.name,
            f"has a model that names version {version} in {where}, so that there is nothing to upgrade to",
            "have the model name the image without a version, or latest (ScaleSetUpgradePolicy: image)",
        )
    return await resolve(azure, Declaration("", image_of(reference), version or LATEST), scale_set.location)


def scale_set_version(scale_set: ScaleSet) -> str:
    """The version that the model names; empty for latest."""
    return version_of({name: value for name, value in scale_set.image_reference.items() if name != "exactVersion"})


def member_of(instance: Instance) -> Member:
    reference = dig(instance.properties, "storageProfile", "imageReference") or {}
    return Member(
        id=instance.instance_id,
        name=str(instance.body.get("name") or instance.name),
        version=version_of(reference) or "unknown",
        state=instance.provisioning_state,
        health=instance.health,
        why=why_bad(instance),
        protected=dig(instance.properties, "protectionPolicy", "protectFromScaleSetActions") is True,
    )


def why_bad(instance: Instance) -> str:
    """What the instance view says is wrong: failed provisioning, failed extensions, an unhealthy application."""
    view = dig(instance.properties, "instanceView") or {}
    found = [_failure(status) for status in view.get("statuses") or ()]
    for extension in view.get("extensions") or ():
        found += [
            f"extension {extension.get('name')}: {text}"
            for status in extension.get("statuses") or ()
            if (text := _failure(status))
        ]
    if instance.health in ("unhealthy", "unknown"):
        found.append(f"its application is {instance.health}")
    return "; ".join(text for text in found if text)


def _failure(status: Mapping[str, Any]) -> str:
    parts = str(status.get("code") or "").split("/")
    if parts[0] != "ProvisioningState" or len(parts) < 2 or parts[1] != "failed":
        return ""
    message = " ".join(str(status.get("message") or status.get("displayStatus") or "failed").split())
    return f"{parts[2]}: {message}" if len(parts) > 2 and not parts[2].isdigit() else message


def image_of(reference: Mapping[str, Any]) -> str:
    """The model's image as it is declared elsewhere, without a version."""
    for name in ("id", "sharedGalleryImageId", "communityGalleryImageId"):
        if reference.get(name):
            return str(reference[name]).partition("/versions/")[0]
    return ":".join(str(reference.get(part) or "") for part in ("publisher", "offer", "sku"))
