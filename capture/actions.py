"""The actions that a capture uses, by what a scope holds: exactly its calls, so that a missing one is known before
anything is written. That they are exactly those is shown by tests/capture/test_rights.py.

Names: https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from capture.declaration import AfterFailure, CaptureDeclaration, OsState


class Holds(StrEnum):
    """What a scope holds, hence what a capture does there."""

    GOLDEN = "golden"
    CLONE = "clone"
    VERSIONS = "versions"
    SUBNET = "subnet"


_VM = "Microsoft.Compute/virtualMachines"
_READ = (f"{_VM}/read", f"{_VM}/instanceView/read", "Microsoft.Compute/disks/read")
_NIC = "Microsoft.Network/networkInterfaces"

ACTIONS: Mapping[Holds, tuple[str, ...]] = {
    Holds.GOLDEN: (
        *_READ,
        f"{_VM}/write",
        f"{_VM}/start/action",
        f"{_VM}/restart/action",
        f"{_VM}/powerOff/action",
        f"{_VM}/deallocate/action",
        f"{_VM}/runCommands/read",
        f"{_VM}/runCommands/write",
        f"{_VM}/runCommands/delete",
        "Microsoft.Compute/disks/write",
        "Microsoft.Compute/snapshots/read",
        "Microsoft.Compute/snapshots/write",
        "Microsoft.Compute/snapshots/delete",
        f"{_NIC}/read",
    ),
    Holds.CLONE: (
        *_READ,
        f"{_VM}/write",
        f"{_VM}/runCommand/action",
        f"{_VM}/restart/action",
        f"{_VM}/deallocate/action",
        f"{_VM}/generalize/action",
        f"{_VM}/delete",
        f"{_VM}/runCommands/read",
        f"{_VM}/runCommands/write",
        f"{_VM}/runCommands/delete",
        "Microsoft.Compute/disks/write",
        "Microsoft.Compute/disks/delete",
        f"{_NIC}/read",
        f"{_NIC}/join/action",
        f"{_NIC}/write",
        f"{_NIC}/delete",
    ),
    Holds.VERSIONS: (
        "Microsoft.Compute/galleries/images/read",
        "Microsoft.Compute/galleries/images/versions/read",
        "Microsoft.Compute/galleries/images/versions/write",
        "Microsoft.Compute/galleries/images/versions/delete",
        "Microsoft.Resources/tags/read",
        "Microsoft.Resources/tags/write",
    ),
    Holds.SUBNET: ("Microsoft.Network/virtualNetworks/subnets/join/action",),
}

PERMISSIONS_READ = "Microsoft.Authorization/permissions/read"
OWN_READS: Mapping[Holds, tuple[str, ...]] = {
    Holds.GOLDEN: (PERMISSIONS_READ,),
    Holds.CLONE: (PERMISSIONS_READ, "Microsoft.Resources/subscriptions/resourceGroups/read"),
    Holds.VERSIONS: (PERMISSIONS_READ,),
    Holds.SUBNET: (PERMISSIONS_READ, "Microsoft.Network/virtualNetworks/subnets/read"),
}
"""Reads of the pre-checks themselves: without them a capture works, and less is known before."""

_WITH_SCRIPTS = (f"{_VM}/runCommands/read", f"{_VM}/runCommands/write", f"{_VM}/runCommands/delete")


def needed(holds: Holds, declared: CaptureDeclaration) -> tuple[str, ...]:
    """The actions at a scope that this declaration leads to."""
    specialized = declared.os_state is OsState.SPECIALIZED
    if specialized and declared.boot_test is None and holds in (Holds.CLONE, Holds.SUBNET):
        return ()
    unneeded: set[str] = set()
    if holds is Holds.GOLDEN:
        if not declared.updates:
            unneeded |= {*_WITH_SCRIPTS, f"{_VM}/restart/action"}
        if not declared.updates or declared.after_failure is AfterFailure.KEEP:
            unneeded.add("Microsoft.Compute/disks/write")
        if specialized and declared.boot_test is None:
            unneeded.add(f"{_NIC}/read")
    if holds is Holds.CLONE:
        if declared.boot_test is None or not declared.boot_test.script:
            unneeded |= set(_WITH_SCRIPTS)
        if specialized:
            unneeded |= {f"{_VM}/restart/action", f"{_VM}/deallocate/action", f"{_VM}/generalize/action"}
    return tuple(action for action in ACTIONS[holds] if action not in unneeded)
