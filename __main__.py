"""The declared state of one host pool, and of what else follows its image: the gallery, the update's role, and the
image that session hosts, instances of scale sets and nodes of Batch pools run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from components import HostPool, ImageGallery, ImageUpdateRole
from components.arm_ids import name_of
from program.config import ConfigError, settings_of
from program.golden_image import CAPTURED
from program.promote_from import with_pool_id
from program.resources import resources
from program.secrets import golden_with_secret_uris, with_secret_uris
from program.targets import HOST_POOL, SCALE_SET, Target
from providers.batch_pool_image_upgrade import BatchPoolImageUpgrade
from providers.golden_image_version import GoldenImageVersion
from providers.host_pool_image_update import HostPoolImageUpdate, HostPoolImageUpdateArgs
from providers.scale_set_image_upgrade import ScaleSetImageUpgrade

try:
    settings = settings_of(pulumi.runtime.get_config_env(), pulumi.get_project(), resources())
except ConfigError as error:
    raise pulumi.RunError(str(error)) from None

pool = HostPool("host-pool", settings.host_pool) if settings.host_pool else None
gallery = ImageGallery("images", settings.gallery) if settings.gallery else None
role = ImageUpdateRole("update-role", settings.update_role) if settings.update_role else None

image: pulumi.Input[str] = settings.image or ""
version: pulumi.Input[str] = settings.image_version
if gallery and settings.gallery:
    name = settings.gallery.images[0].name
    image = gallery.image_ids[name]
    # Outputs, not texts: while the version is still to be made, a preview must not look for it in Azure.
    version = gallery.version_names.get(f"{name}/{settings.image_version}", settings.image_version)

if settings.golden_image is not None:
    golden = GoldenImageVersion(
        "golden-image",
        {**golden_with_secret_uris(settings.golden_image, settings.key_vault_id), "image": image},
        opts=pulumi.ResourceOptions(depends_on=role.assignments if role else []),
    )
    if settings.image_version == CAPTURED:
        # Of the version's id, for the same reason.
        version = golden.version_id.apply(name_of)
    pulumi.export("captured_version", golden.resolved_version)

after = pulumi.ResourceOptions(
    depends_on=[*(role.assignments if role else []), *(gallery.versions if gallery else [])],
)
promoted: dict[str, Any] = {"promote_from": with_pool_id(settings.promote_from)} if settings.promote_from else {}


def host_pool_update(name: str, pool_id: pulumi.Input[str], rollout: Mapping[str, Any]) -> HostPoolImageUpdate:
    """Roll a host pool to the image."""
    inputs = with_secret_uris(rollout, settings.key_vault_id)
    args = HostPoolImageUpdateArgs(host_pool_id=pool_id, image=image, version=version, **promoted, **inputs)
    return HostPoolImageUpdate(name, args, opts=after)


def watched(target: Target) -> HostPoolImageUpdate | ScaleSetImageUpgrade | BatchPoolImageUpgrade:
    """What else follows the image: driven where Azure does not roll it by itself, watched where it does."""
    if target.kind == HOST_POOL:
        return host_pool_update(f"image-update-{target.name}", target.id, target.inputs)
    given = {"image": image, "version": version, **target.inputs}
    if target.kind == SCALE_SET:
        return ScaleSetImageUpgrade(f"scale-set-{target.name}", {"scale_set_id": target.id, **given}, opts=after)
    return BatchPoolImageUpgrade(f"batch-pool-{target.name}", {"pool_id": target.id, **given}, opts=after)


if settings.host_pool_id:
    update = host_pool_update("image-update", pool.host_pool_id if pool else settings.host_pool_id, settings.rollout)
    pulumi.export("host_pool_id", update.host_pool_id)
    pulumi.export("status", update.status)
    pulumi.export("image_version", update.image_version_id)
    pulumi.export("hosts", update.hosts)
    pulumi.export("report", update.report)
    pulumi.export("goes_on", update.goes_on)
    pulumi.export("waits_for", update.waits_for)
if settings.targets:
    pulumi.export("targets", {target.name: watched(target).summary for target in settings.targets})
