"""What is declared of a scale set's OS upgrades, read from plain inputs. What is not declared stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from os_upgrades import events, health, policy, sources
from os_upgrades.events import LifecycleHook, Notification
from os_upgrades.health import Health
from os_upgrades.policy import UpgradePolicy
from os_upgrades.values import flag, refuse
from rollout.azure import Body
from rollout.errors import InvalidDeclaration
from rollout.images import DEFINITION_ID, LATEST, SHARED_ID, SHARED_VERSION_ID, URN, VERSION_ID
from rollout.values import resource_id

SCALE_SET = "/resourceGroups/*/providers/Microsoft.Compute/virtualMachineScaleSets/*"
EXAMPLE_ID = (
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/web-rg"
    "/providers/Microsoft.Compute/virtualMachineScaleSets/web"
)
PARTS = (
    "upgrade_policy",
    "health",
    "image",
    "os_image_notification",
    "terminate_notification",
    "lifecycle_hooks",
    "windows_automatic_updates",
)
"""What can be declared of a scale set; at least one of them is."""


@dataclass(frozen=True)
class ScaleSetDeclaration:
    """A declaration. None stands for what is left as it is."""

    scale_set_id: str
    upgrade_policy: UpgradePolicy | None = None
    health: Health | None = None
    image: str | None = None
    """A gallery image's id, of one's own gallery or one that others share, or `publisher:offer:sku`; its latest version
    is followed."""
    os_image_notification: Notification | None = None
    terminate_notification: Notification | None = None
    lifecycle_hooks: tuple[LifecycleHook, ...] | None = None
    windows_automatic_updates: bool | None = None
    update_instances: bool = False
    """While the mode is Manual, instances that do not have the latest model are brought to it: also before it becomes
    another one."""

    @property
    def image_reference(self) -> Body | None:
        """`imageReference` of the declared image."""
        return image_reference(self.image) if self.image is not None else None


def parse(given: Mapping[str, Any]) -> ScaleSetDeclaration:
    """The declaration of plain inputs. Raises InvalidDeclaration."""

    def read(name: str, reader: Any) -> Any:
        return reader(given[name]) if given.get(name) is not None else None

    if all(given.get(name) is None for name in PARTS):
        raise InvalidDeclaration(
            "upgrade_policy", None, "is missing, and so is all else", 'declare something, such as {"mode": "Rolling"}'
        )
    declared = ScaleSetDeclaration(
        resource_id("scale_set_id", str(given["scale_set_id"]), "scale set", SCALE_SET, EXAMPLE_ID).rstrip("/"),
        read("upgrade_policy", policy.parse),
        read("health", health.parse),
        read("image", _image),
        read("os_image_notification", events.os_image_notification),
        read("terminate_notification", events.terminate_notification),
        read("lifecycle_hooks", events.lifecycle_hooks),
        flag("windows_automatic_updates", given.get("windows_automatic_updates")),
        flag("update_instances", given.get("update_instances")) or False,
    )
    _check_together(declared)
    return declared


def _image(value: Any) -> str:
    image = str(value).strip().rstrip("/")
    if VERSION_ID.fullmatch(image) or SHARED_VERSION_ID.fullmatch(image):
        raise refuse(
            "image",
            value,
            "names a version, and only the latest one is rolled out by itself",
            sources.AUTOMATIC_UPGRADE,
            f"write {image.rsplit('/versions/', 1)[0]}",
        )
    if not any(form.fullmatch(image) for form in (DEFINITION_ID, URN, SHARED_ID)):
        raise refuse(
            "image",
            value,
            "is no image that has versions to be rolled out",
            sources.AUTOMATIC_UPGRADE,
            "write the id of a gallery image definition, a marketplace image as publisher:offer:sku, "
            "/sharedGalleries/<unique name>/images/<image> or /communityGalleries/<public name>/images/<image>",
        )
    return image


def image_reference(image: str) -> Body:
    """`imageReference` of an image whose latest version is followed. Raises InvalidDeclaration."""
    image = _image(image)
    if URN.fullmatch(image):
        publisher, offer, sku = image.split(":")
        return {"publisher": publisher, "offer": offer, "sku": sku, "version": LATEST}
    if SHARED_ID.fullmatch(image):
        ours = image.lower().startswith("/sharedgalleries/")
        return {"sharedGalleryImageId" if ours else "communityGalleryImageId": image}
    return {"id": image}


def _check_together(declared: ScaleSetDeclaration) -> None:
    upgrade = declared.upgrade_policy
    automatic = upgrade is not None and upgrade.automatic_os_upgrade
    if automatic and declared.windows_automatic_updates:
        raise refuse(
            "windows_automatic_updates",
            True,
            "has Windows Update change the disks that automatic OS upgrades replace",
            sources.AUTOMATIC_UPGRADE,
            "write false, or leave it out",
        )
