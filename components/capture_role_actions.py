"""Exactly the actions that capturing image versions from a golden VM uses, one table per purpose, each with its reason.

They come beside those of `update_role_actions.py`, to whoever captures; subnets and secrets are as there. The right to
delete machines is at the clone's group only: put it elsewhere, and the golden VM's own group has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

Actions = tuple[str, ...]


class CapturePurpose(StrEnum):
    """What a scope holds, hence what a capture does there."""

    GOLDEN = "golden"
    CLONE = "clone"
    VERSIONS = "versions"
    RETENTION = "retention"


CHECKED: Actions = (
    # Pre-check: which of these actions does the updater have here.
    "Microsoft.Authorization/permissions/read",
)

GOLDEN: Actions = (
    # The golden VM as it is, with power state and agent, before each write.
    "Microsoft.Compute/virtualMachines/read",
    # The same read with `$expand=instanceView`; unverified that Azure checks this action for it.
    "Microsoft.Compute/virtualMachines/instanceView/read",
    # Keep the capture's record in a tag; attach the disk of before where an update has failed.
    "Microsoft.Compute/virtualMachines/write",
    # Start it for the update scripts; give it its power state back.
    "Microsoft.Compute/virtualMachines/start/action",
    # A declared restart after a script.
    "Microsoft.Compute/virtualMachines/restart/action",
    # Shut the guest down before the second snapshot.
    "Microsoft.Compute/virtualMachines/powerOff/action",
    # Off while its clone lives.
    "Microsoft.Compute/virtualMachines/deallocate/action",
    # What a script has said.
    "Microsoft.Compute/virtualMachines/runCommands/read",
    # Run an update script.
    "Microsoft.Compute/virtualMachines/runCommands/write",
    # Remove it again, because what is left on a machine runs again on its next disk.
    "Microsoft.Compute/virtualMachines/runCommands/delete",
    # Type, size and encryption of the disk that is copied.
    "Microsoft.Compute/disks/read",
    # Make a disk of the snapshot of before where an update has failed, and mark the one that it replaces.
    "Microsoft.Compute/disks/write",
    # Is a snapshot there, and finished.
    "Microsoft.Compute/snapshots/read",
    # The two backups.
    "Microsoft.Compute/snapshots/write",
    # One that failed.
    "Microsoft.Compute/snapshots/delete",
    # Subnet and security group of the golden VM, for its clone.
    "Microsoft.Network/networkInterfaces/read",
)

CLONE: Actions = (
    # Pre-check: does the declared group exist.
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    # How far the clone is; the source of the image version.
    "Microsoft.Compute/virtualMachines/read",
    # The same read with `$expand=instanceView`; unverified that Azure checks this action for it.
    "Microsoft.Compute/virtualMachines/instanceView/read",
    # Make the clone, and the machine of a boot test.
    "Microsoft.Compute/virtualMachines/write",
    # Remove local accounts, sysprep, and ask how far it is.
    "Microsoft.Compute/virtualMachines/runCommand/action",
    # What the script of a boot test has said.
    "Microsoft.Compute/virtualMachines/runCommands/read",
    # Run the script of a boot test.
    "Microsoft.Compute/virtualMachines/runCommands/write",
    # Remove it again.
    "Microsoft.Compute/virtualMachines/runCommands/delete",
    # A restart that Windows waits for before sysprep.
    "Microsoft.Compute/virtualMachines/restart/action",
    # Stop it when it is sysprepped.
    "Microsoft.Compute/virtualMachines/deallocate/action",
    # Mark it as generalized, which the source of a version must be.
    "Microsoft.Compute/virtualMachines/generalize/action",
    # The clone, once the version is made, or nothing will come of it; the machine of a boot test.
    "Microsoft.Compute/virtualMachines/delete",
    # The clone's disk, attached to it.
    "Microsoft.Compute/disks/read",
    # The clone's disk, copied from the second snapshot.
    "Microsoft.Compute/disks/write",
    # The clone's disk.
    "Microsoft.Compute/disks/delete",
    # Is the clone's interface there.
    "Microsoft.Network/networkInterfaces/read",
    # The clone is made with its interface.
    "Microsoft.Network/networkInterfaces/join/action",
    # The clone's interface.
    "Microsoft.Network/networkInterfaces/write",
    # The clone's interface.
    "Microsoft.Network/networkInterfaces/delete",
)

VERSIONS: Actions = (
    # Region, generation, security type and state of the image definition.
    "Microsoft.Compute/galleries/images/read",
    # Is the version there, and replicated.
    "Microsoft.Compute/galleries/images/versions/read",
    # Make the version; replicate it to other regions later.
    "Microsoft.Compute/galleries/images/versions/write",
    # One that failed.
    "Microsoft.Compute/galleries/images/versions/delete",
    # The lease on the image definition.
    "Microsoft.Resources/tags/read",
    # The lease on the image definition.
    "Microsoft.Resources/tags/write",
)

RETENTION: Actions = (
    # Disks that were made of a version: it stays.
    "Microsoft.Compute/disks/read",
    # Scale sets that are to run a version: it stays.
    "Microsoft.Compute/virtualMachineScaleSets/read",
    # Host pools that run a version, are to run it, or have run it lately: it stays.
    "Microsoft.DesktopVirtualization/hostpools/read",
    # A version with a management lock stays.
    "Microsoft.Authorization/locks/read",
)
"""At subscriptions: whether a version is in use is known only where all of one can be seen."""

CAPTURE_ACTIONS: Mapping[CapturePurpose, Actions] = {
    CapturePurpose.GOLDEN: CHECKED + GOLDEN,
    CapturePurpose.CLONE: CHECKED + CLONE,
    CapturePurpose.VERSIONS: CHECKED + VERSIONS,
    CapturePurpose.RETENTION: CHECKED + RETENTION,
}
