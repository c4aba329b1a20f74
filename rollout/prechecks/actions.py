"""The actions that the engine uses, by what a scope holds: exactly its calls, so that a missing one is known before the
first host is touched. That they are exactly those is shown by `simulation/rights`.

Names: https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from rollout.declaration import Declaration


class Holds(StrEnum):
    """What a scope holds, hence what the engine does there."""

    POOL = "pool"
    HOSTS = "hosts"
    BUILD = "build"
    DISKS = "disks"
    """OS disks of hosts, in a group that holds none of the hosts."""
    SUBNET = "subnet"
    SECURITY_GROUP = "security group"
    GALLERY = "gallery"
    MANAGED_IMAGE = "managed image"
    CATALOG = "catalog"


_MACHINES = (
    "Microsoft.Compute/virtualMachines/read",
    "Microsoft.Compute/virtualMachines/instanceView/read",
    "Microsoft.Compute/virtualMachines/write",
    "Microsoft.Compute/virtualMachines/deallocate/action",
    "Microsoft.Compute/virtualMachines/runCommand/action",
    "Microsoft.Compute/disks/read",
    "Microsoft.Compute/disks/write",
    "Microsoft.Compute/disks/delete",
    "Microsoft.Network/networkInterfaces/read",
)

ACTIONS: Mapping[Holds, tuple[str, ...]] = {
    Holds.POOL: (
        "Microsoft.DesktopVirtualization/hostpools/read",
        "Microsoft.DesktopVirtualization/hostpools/write",
        "Microsoft.DesktopVirtualization/hostpools/retrieveRegistrationToken/action",
        "Microsoft.DesktopVirtualization/hostpools/sessionhosts/read",
        "Microsoft.DesktopVirtualization/hostpools/sessionhosts/write",
        "Microsoft.DesktopVirtualization/hostpools/sessionhosts/delete",
        "Microsoft.DesktopVirtualization/hostpools/sessionhosts/usersessions/read",
        "Microsoft.DesktopVirtualization/hostpools/sessionhosts/usersessions/sendMessage/action",
        "Microsoft.DesktopVirtualization/hostpools/sessionhosts/usersessions/delete",
        "Microsoft.DesktopVirtualization/scalingplans/read",
        "Microsoft.Resources/tags/read",
        "Microsoft.Resources/tags/write",
    ),
    Holds.HOSTS: (
        *_MACHINES,
        "Microsoft.Compute/virtualMachines/start/action",
        "Microsoft.Compute/virtualMachines/powerOff/action",
        # Also the wait for a write's end.
        "Microsoft.Compute/virtualMachines/extensions/read",
        "Microsoft.Compute/virtualMachines/extensions/write",
        "Microsoft.Compute/virtualMachines/extensions/delete",
        # Repair of an old disk's trust: managed run commands, whose parameters can be protected.
        "Microsoft.Compute/virtualMachines/runCommands/read",
        "Microsoft.Compute/virtualMachines/runCommands/write",
        "Microsoft.Compute/virtualMachines/runCommands/delete",
    ),
    Holds.BUILD: (
        *_MACHINES,
        "Microsoft.Compute/virtualMachines/delete",
        "Microsoft.Network/networkInterfaces/join/action",
        "Microsoft.Network/networkInterfaces/write",
        "Microsoft.Network/networkInterfaces/delete",
    ),
    Holds.DISKS: (
        "Microsoft.Compute/disks/read",
        "Microsoft.Compute/disks/write",
        "Microsoft.Compute/disks/delete",
    ),
    Holds.SUBNET: ("Microsoft.Network/virtualNetworks/subnets/join/action",),
    Holds.SECURITY_GROUP: ("Microsoft.Network/networkSecurityGroups/join/action",),
    Holds.GALLERY: (
        "Microsoft.Compute/galleries/images/read",
        "Microsoft.Compute/galleries/images/versions/read",
    ),
    Holds.MANAGED_IMAGE: ("Microsoft.Compute/images/read",),
    Holds.CATALOG: (
        "Microsoft.Compute/locations/publishers/artifacttypes/offers/skus/versions/read",
        "Microsoft.Compute/locations/sharedGalleries/images/read",
        "Microsoft.Compute/locations/sharedGalleries/images/versions/read",
        "Microsoft.Compute/locations/communityGalleries/read",
        "Microsoft.Compute/locations/communityGalleries/images/read",
        "Microsoft.Compute/locations/communityGalleries/images/versions/read",
    ),
}

PERMISSIONS_READ = "Microsoft.Authorization/permissions/read"
LOCKS_READ = "Microsoft.Authorization/locks/read"
GROUPS_READ = "Microsoft.Resources/subscriptions/resourceGroups/read"
SUBNETS_READ = "Microsoft.Network/virtualNetworks/subnets/read"
SKUS_READ = "Microsoft.Compute/skus/read"
USAGES_READ = "Microsoft.Compute/locations/usages/read"
ENCRYPTION_SETS_READ = "Microsoft.Compute/diskEncryptionSets/read"
"""What Azure asks for, at a disk encryption set, of whoever makes a machine whose disk names it (operators report
LinkedAuthorizationFailed). No part of the custom role: most pools have none, and it lies beside its key vault."""
LOGS_WRITE = "Microsoft.Insights/Telemetry/Write"
"""The data action of Monitoring Metrics Publisher that the Logs Ingestion API asks for, at the data collection rule
(learn.microsoft.com/azure/role-based-access-control/built-in-roles/monitor). No part of the custom role: the rule is
none of the pool's resources."""
TERMS_READ = "Microsoft.MarketplaceOrdering/offerTypes/publishers/offers/plans/agreements/read"

OWN_READS: Mapping[Holds, tuple[str, ...]] = {
    Holds.POOL: (PERMISSIONS_READ, LOCKS_READ),
    Holds.HOSTS: (PERMISSIONS_READ, LOCKS_READ),
    Holds.BUILD: (PERMISSIONS_READ, LOCKS_READ, GROUPS_READ),
    Holds.DISKS: (PERMISSIONS_READ, LOCKS_READ),
    Holds.SUBNET: (PERMISSIONS_READ, SUBNETS_READ),
    Holds.SECURITY_GROUP: (PERMISSIONS_READ,),
    Holds.GALLERY: (PERMISSIONS_READ,),
    Holds.MANAGED_IMAGE: (PERMISSIONS_READ,),
    Holds.CATALOG: (SKUS_READ, USAGES_READ, TERMS_READ),
}
"""Reads of the pre-checks themselves: without them the update works, and less is known before."""

_LOG_OFF = "Microsoft.DesktopVirtualization/hostpools/sessionhosts/usersessions/delete"


def needed(holds: Holds, declaration: Declaration) -> tuple[str, ...]:
    """The actions at a scope that this declaration leads to."""
    nobody_is_logged_off = not declaration.drain.ends_sessions
    return tuple(action for action in ACTIONS[holds] if not (nobody_is_logged_off and action == _LOG_OFF))
