"""Exactly the actions that declaring and watching a scale set's OS upgrades uses, one table per purpose, each with its
reason. Resources are in whatever groups they are: the purposes are assigned where their resources are.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

Actions = tuple[str, ...]


class ScaleSetPurpose(StrEnum):
    """What a scope holds, hence what is done there."""

    SCALE_SETS = "scale-sets"
    IMAGES = "scale-set-images"
    NETWORK = "scale-set-network"
    VAULTS = "scale-set-vaults"
    CATALOG = "scale-set-catalog"


CHECKED: Actions = (
    # Preview: which of these actions does the updater have here.
    "Microsoft.Authorization/permissions/read",
)

SCALE_SETS: Actions = (
    # The scale set's model, before each write.
    "Microsoft.Compute/virtualMachineScaleSets/read",
    # Upgrade policy, notifications, image, lifecycle hooks; the whole model where a source of health replaces another.
    "Microsoft.Compute/virtualMachineScaleSets/write",
    # The Application Health extension.
    "Microsoft.Compute/virtualMachineScaleSets/extensions/write",
    # The same, where it is given back.
    "Microsoft.Compute/virtualMachineScaleSets/extensions/delete",
    # Which instances have the latest model.
    "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read",
    # The same read with `$expand=instanceView`, for their health; unverified that Azure checks this action for it.
    "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/instanceView/read",
    # Rules: is a rolling upgrade under way.
    "Microsoft.Compute/virtualMachineScaleSets/rollingUpgrades/read",
    # Bring instances to the latest model (`update_instances`).
    "Microsoft.Compute/virtualMachineScaleSets/manualUpgrade/action",
    # Note what was found, before anything is changed.
    "Microsoft.Resources/tags/write",
)

IMAGES: Actions = (
    # The versions of the image that is followed, and the regions that they are replicated to.
    "Microsoft.Compute/galleries/images/versions/read",
)

NETWORK: Actions = (
    # A model that is written whole joins its subnet again.
    "Microsoft.Network/virtualNetworks/subnets/join/action",
    # The same for back-end pools.
    "Microsoft.Network/loadBalancers/backendAddressPools/join/action",
    # The same for inbound NAT pools.
    "Microsoft.Network/loadBalancers/inboundNatPools/join/action",
    # The same for network security groups.
    "Microsoft.Network/networkSecurityGroups/join/action",
    # The same for pools of application gateways.
    "Microsoft.Network/applicationGateways/backendAddressPools/join/action",
    # The same for application security groups.
    "Microsoft.Network/applicationSecurityGroups/joinIpConfiguration/action",
    # A probe as the source of health.
    "Microsoft.Network/loadBalancers/probes/join/action",
    # Rules: does the probe exist, how often does it ask, of which SKU is its load balancer.
    "Microsoft.Network/loadBalancers/read",
    # Rules: addresses for a batch more, with max_surge.
    "Microsoft.Network/virtualNetworks/subnets/read",
)

VAULTS: Actions = (
    # Rules: have the secrets that the model refers to expired. Never their values.
    "Microsoft.KeyVault/vaults/secrets/read",
)

CATALOG: Actions = (
    # Rules: cores of the size, with max_surge.
    "Microsoft.Compute/skus/read",
    # Rules: quota for a batch more, with max_surge.
    "Microsoft.Compute/locations/usages/read",
    # Rules: durability of the cluster's node types, for scale sets of Service Fabric.
    "Microsoft.ServiceFabric/clusters/read",
)
"""Reads that exist only at the subscription, or that are made of all of it."""

SCALE_SET_ACTIONS: Mapping[ScaleSetPurpose, Actions] = {
    ScaleSetPurpose.SCALE_SETS: CHECKED + SCALE_SETS,
    ScaleSetPurpose.IMAGES: CHECKED + IMAGES,
    ScaleSetPurpose.NETWORK: CHECKED + NETWORK,
    ScaleSetPurpose.VAULTS: VAULTS,
    ScaleSetPurpose.CATALOG: CATALOG,
}
