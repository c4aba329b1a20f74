"""Exactly the actions that the rolling image update uses, one table per purpose, each action with its reason.

A resource group gets the purposes of what is in it (`update_role_plan.py`): the group of the hosts has no right to
delete virtual machines unless the temporary ones are built there too. The names are those of Azure's resource provider
operations (https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

Actions = tuple[str, ...]


class Purpose(StrEnum):
    """What a scope holds, hence what the update does there."""

    POOL = "pool"
    HOSTS = "hosts"
    BUILD = "build"
    NETWORK = "network"
    GALLERY = "gallery"
    SECRETS = "secrets"
    CATALOG = "catalog"


CHECKED: Actions = (
    # Pre-check: which of these actions does the updater have here.
    "Microsoft.Authorization/permissions/read",
)
"""Part of each purpose whose rights are looked at beforehand: all but secrets and catalog, which are simply read."""

LOCKABLE: Actions = (
    # Pre-check: a lock that would stop the update half-way.
    "Microsoft.Authorization/locks/read",
)
"""Part of each purpose in which something is written or deleted."""

POOL: Actions = (
    # Type, session limit and load balancing of the pool; the rollout's record.
    "Microsoft.DesktopVirtualization/hostpools/read",
    # Renew the registration token; keep vmTemplate in step with the image.
    "Microsoft.DesktopVirtualization/hostpools/write",
    # Reuse a token that is still valid.
    "Microsoft.DesktopVirtualization/hostpools/retrieveRegistrationToken/action",
    # Status, heartbeat and sessions of each host.
    "Microsoft.DesktopVirtualization/hostpools/sessionhosts/read",
    # Drain a host and give it back (allowNewSession).
    "Microsoft.DesktopVirtualization/hostpools/sessionhosts/write",
    # Remove the record of the old installation, else NAME_ALREADY_REGISTERED.
    "Microsoft.DesktopVirtualization/hostpools/sessionhosts/delete",
    # Who is still on a host.
    "Microsoft.DesktopVirtualization/hostpools/sessionhosts/usersessions/read",
    # Tell users before the host goes.
    "Microsoft.DesktopVirtualization/hostpools/sessionhosts/usersessions/sendMessage/action",
    # Log off after the declared deadline.
    "Microsoft.DesktopVirtualization/hostpools/sessionhosts/usersessions/delete",
    # Is autoscale on, and which tag keeps it off a host.
    "Microsoft.DesktopVirtualization/scalingplans/read",
    # The rollout's record on the pool.
    "Microsoft.Resources/tags/read",
    # The rollout's record and its lease on the pool.
    "Microsoft.Resources/tags/write",
)

MACHINES: Actions = (
    # The machine as it is, with power state, agent and extensions, before each write.
    "Microsoft.Compute/virtualMachines/read",
    # The same read with `$expand=instanceView`; unverified that Azure checks this action for it.
    "Microsoft.Compute/virtualMachines/instanceView/read",
    # Build the temporary machine; swap the OS disk; keep the host's record in a tag.
    "Microsoft.Compute/virtualMachines/write",
    # Give the machine's allocation back for the swap; stop the temporary one when its disk is ready.
    "Microsoft.Compute/virtualMachines/deallocate/action",
    # Is provisioning finished; checks before the host serves; evidence of a failure.
    "Microsoft.Compute/virtualMachines/runCommand/action",
    # The image a disk came from, its security type and size.
    "Microsoft.Compute/disks/read",
    # Tags that say whose disk it is and until when it is kept.
    "Microsoft.Compute/disks/write",
    # Old disks past their date; disks that a crash left behind.
    "Microsoft.Compute/disks/delete",
    # Subnet and settings of the interface.
    "Microsoft.Network/networkInterfaces/read",
)
"""Common to hosts and temporary machines."""

HOSTS: Actions = (
    # The result of a repair.
    "Microsoft.Compute/virtualMachines/runCommands/read",
    # Repair an old disk: a script with secrets among its parameters, which the plain run command would show.
    "Microsoft.Compute/virtualMachines/runCommands/write",
    # Remove that script, because what is left on the machine runs again on the next disk.
    "Microsoft.Compute/virtualMachines/runCommands/delete",
    # Start the host on its new disk.
    "Microsoft.Compute/virtualMachines/start/action",
    # Shut the guest down, before the host is deallocated or keeps its allocation (stop: power_off).
    "Microsoft.Compute/virtualMachines/powerOff/action",
    # Wait for an extension's end where the status of its write cannot be read.
    "Microsoft.Compute/virtualMachines/extensions/read",
    # Join the domain and install the agent.
    "Microsoft.Compute/virtualMachines/extensions/write",
    # Take off what would replay on the new disk.
    "Microsoft.Compute/virtualMachines/extensions/delete",
)

BUILD: Actions = (
    # Pre-check: does the declared group exist.
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    # The temporary machine is made with its interface. Hosts need none: no write of theirs names one.
    "Microsoft.Network/networkInterfaces/join/action",
    # The temporary machine, once its disk is ready.
    "Microsoft.Compute/virtualMachines/delete",
    # The temporary machine's interface.
    "Microsoft.Network/networkInterfaces/write",
    # The temporary machine's interface.
    "Microsoft.Network/networkInterfaces/delete",
)
"""The only rights to delete machines and interfaces: put `build_resource_group_id` elsewhere, and the hosts' own group
has none. Whatever is deleted must carry the rollout's tag and the recorded id as well."""

NETWORK: Actions = (
    # Pre-check: free addresses for the temporary machines.
    "Microsoft.Network/virtualNetworks/subnets/read",
    # The temporary machine's interface in the subnet.
    "Microsoft.Network/virtualNetworks/subnets/join/action",
    # The same group on the temporary machine's interface.
    "Microsoft.Network/networkSecurityGroups/join/action",
)

GALLERY: Actions = (
    # Generation, architecture and security type of the image.
    "Microsoft.Compute/galleries/images/read",
    # The version, its replication, and `latest`; build a disk from it.
    "Microsoft.Compute/galleries/images/versions/read",
    # A managed image as the source.
    "Microsoft.Compute/images/read",
)

SECRETS: Actions = ()
"""Nothing in the control plane: the secrets' URIs are declared."""

SECRETS_DATA: Actions = (
    # Domain-join and local administrator passwords, read at use only.
    "Microsoft.KeyVault/vaults/secrets/getSecret/action",
)
"""Data actions, apart from the others: they say what may be read inside the vault, not about it."""

CATALOG: Actions = (
    # Pre-check: does the size fit the image, the zone and the disk type.
    "Microsoft.Compute/skus/read",
    # Pre-check: quota for the temporary machines.
    "Microsoft.Compute/locations/usages/read",
    # Pre-check: are the terms of the image's purchase plan accepted.
    "Microsoft.MarketplaceOrdering/offerTypes/publishers/offers/plans/agreements/read",
    # Versions of a marketplace image.
    "Microsoft.Compute/locations/publishers/artifacttypes/offers/skus/versions/read",
    # Generation, architecture and security type of an image that a gallery shares with the subscription or tenant.
    "Microsoft.Compute/locations/sharedGalleries/images/read",
    # Its versions, and `latest`. To build a disk from it nothing more is needed.
    "Microsoft.Compute/locations/sharedGalleries/images/versions/read",
    # Who publishes a community gallery, and under which terms.
    "Microsoft.Compute/locations/communityGalleries/read",
    # Generation, architecture and security type of an image of a community gallery.
    "Microsoft.Compute/locations/communityGalleries/images/read",
    # Its versions, and `latest`. To build a disk from it nothing more is needed.
    "Microsoft.Compute/locations/communityGalleries/images/versions/read",
)
"""Reads that exist only at the subscription: no write, nothing about any resource."""

ACTIONS: Mapping[Purpose, Actions] = {
    Purpose.POOL: CHECKED + LOCKABLE + POOL,
    Purpose.HOSTS: CHECKED + LOCKABLE + MACHINES + HOSTS,
    Purpose.BUILD: CHECKED + LOCKABLE + MACHINES + BUILD,
    Purpose.NETWORK: CHECKED + NETWORK,
    Purpose.GALLERY: CHECKED + GALLERY,
    Purpose.SECRETS: SECRETS,
    Purpose.CATALOG: CATALOG,
}
DATA_ACTIONS: Mapping[Purpose, Actions] = {Purpose.SECRETS: SECRETS_DATA}
