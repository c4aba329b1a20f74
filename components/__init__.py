"""Declarative building blocks around the rolling image update, over `pulumi_azure_native`. One component per file."""

from components.batch_pool import BatchPool, BatchPoolArgs
from components.batch_upgrade_role import BatchUpgradeRole, BatchUpgradeRoleArgs
from components.host_pool import HostPool, HostPoolArgs
from components.image_gallery import ImageGallery, ImageGalleryArgs
from components.image_update_role import CaptureRoleArgs, ImageUpdateRole, ImageUpdateRoleArgs
from components.image_version import ImageDefinitionArgs, ImageSource, ImageVersionArgs, TargetRegionArgs
from components.os_image_maintenance import OSImageMaintenance, OSImageMaintenanceArgs, ScaleSetRef
from components.scale_set import ScaleSet, ScaleSetArgs
from components.scale_set_role import ScaleSetUpgradeRole, ScaleSetUpgradeRoleArgs
from components.scale_set_upgrades import PolicyParts, ScaleSetUpgrades, policy_parts
from components.update_role_actions import Purpose

__all__ = [
    "BatchPool",
    "BatchPoolArgs",
    "BatchUpgradeRole",
    "BatchUpgradeRoleArgs",
    "CaptureRoleArgs",
    "HostPool",
    "HostPoolArgs",
    "ImageDefinitionArgs",
    "ImageGallery",
    "ImageGalleryArgs",
    "ImageSource",
    "ImageUpdateRole",
    "ImageUpdateRoleArgs",
    "ImageVersionArgs",
    "OSImageMaintenance",
    "OSImageMaintenanceArgs",
    "PolicyParts",
    "Purpose",
    "ScaleSet",
    "ScaleSetArgs",
    "ScaleSetRef",
    "ScaleSetUpgradeRole",
    "ScaleSetUpgradeRoleArgs",
    "ScaleSetUpgrades",
    "TargetRegionArgs",
    "policy_parts",
]
