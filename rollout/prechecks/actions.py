"""The actions that the engine uses, by what a scope holds: exactly its calls, so that a missing one is known before the
first host is touched.

Names: https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from rollout.declaration import Declaration, LogOff


class Holds(StrEnum):
    """What a scope holds, hence what the engine does there."""

    POOL = "pool"
    HOSTS = "hosts"
    BUILD = "build"
    NETWORK = "network"
    GALLERY = "gallery"
    MANAGED_IMAGE = "managed image"


_MACHINES = (
    "Microsoft.Compute/virtualMachines/read",
    "Microsoft.Compute/virtualMachines/write",
    "Microsoft.Compute/virtualMachines/deallocate/action",
    "Microsoft.Compute/virtualMachines/runCommand/action",
    "Microsoft.Compute/disks/read",
    "Microsoft.Compute/disks/write",
    "Microsoft.Compute/disks/delete",
    "Microsoft.Network/networkInterfaces/read",
    "Microsoft.Network/networkInterfaces/join/action",
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
        "Microsoft.Resources/tags/read",
        "Microsoft.Resources/tags/write",
    ),
    Holds.HOSTS: (
        *_MACHINES,
        "Microsoft.Compute/virtualMachines/instanceView/read",
        "Microsoft.Compute/virtualMachines/start/action",
        "Microsoft.Compute/virtualMachines/powerOff/action",
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
        "Microsoft.Network/networkInterfaces/write",
        "Microsoft.Network/networkInterfaces/delete",
    ),
    Holds.NETWORK: (
        "Microsoft.Network/virtualNetworks/subnets/read",
        "Microsoft.Network/virtualNetworks/subnets/join/action",
    ),
    Holds.GALLERY: (
        "Microsoft.Compute/galleries/images/read",
        "Microsoft.Compute/galleries/images/versions/read",
    ),
    Holds.MANAGED_IMAGE: ("Microsoft.Compute/images/read",),
}

LOCKS_READ = "Microsoft.Authorization/locks/read"
SKUS_READ = "Microsoft.Compute/skus/read"
USAGES_READ = "Microsoft.Compute/locations/usages/read"
"""Reads of the pre-checks themselves: without them the update works, and less is known before."""

_LOG_OFF = "Microsoft.DesktopVirtualization/hostpools/sessionhosts/usersessions/delete"


def needed(holds: Holds, declaration: Declaration) -> tuple[str, ...]:
    """The actions at a scope that this declaration leads to."""
    nobody_is_logged_off = declaration.drain.log_off is LogOff.WAIT
    return tuple(action for action in ACTIONS[holds] if not (nobody_is_logged_off and action == _LOG_OFF))
