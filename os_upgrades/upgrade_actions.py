"""The actions that an upgrade of instances to the latest image needs, each with its reason: exactly its calls, so that
a missing one is known before anything is begun. That they are exactly those is shown by
tests/os_upgrades/test_upgrade_rights.py.

Names: https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations. That Azure checks
instanceView/read for a list with `$expand=instanceView` is unverified.
"""

from __future__ import annotations

from collections.abc import Iterator

from os_upgrades.image_upgrade import by_hand
from os_upgrades.upgrade_declaration import NONE, ImageUpgradeDeclaration, Stopped
from os_upgrades.upgrade_look import Seen, UpgradeAzure
from rollout.errors import Forbidden, NotFound
from rollout.prechecks.rights import allows

_SET = "Microsoft.Compute/virtualMachineScaleSets"
START, CANCEL = f"{_SET}/osRollingUpgrade/action", f"{_SET}/rollingUpgrades/action"
APPROVE = f"{_SET}/approveRollingUpgrade/action"

WATCHING: tuple[str, ...] = (
    # The policy, and which image the model names.
    f"{_SET}/read",
    # The version that each instance runs, and its provisioning state.
    f"{_SET}/virtualMachines/read",
    # How each instance is, and what is wrong with it.
    f"{_SET}/virtualMachines/instanceView/read",
    # How far the upgrade is.
    f"{_SET}/rollingUpgrades/read",
    # Who began it, to what, and what was restored.
    f"{_SET}/osUpgradeHistory/read",
)
SCALE_SET: tuple[str, ...] = (
    *WATCHING,
    # Begin it where Azure does not.
    START,
    # End it, by `hostpool upgrade cancel`, or where when_stopped says so.
    CANCEL,
    # Let deferred upgrades go on.
    APPROVE,
)
IMAGE: tuple[str, ...] = (
    # What `latest` stands for in the region.
    "Microsoft.Compute/galleries/images/read",
    "Microsoft.Compute/galleries/images/versions/read",
)
PERMISSIONS_READ = "Microsoft.Authorization/permissions/read"
"""To know of a missing action before."""


def needed(declared: ImageUpgradeDeclaration, seen: Seen) -> Iterator[tuple[str, str]]:
    """The writing actions that this declaration leads to, each with its scope; what is read has been read."""
    own = seen.scale_set.id
    if seen.behind and not seen.running and by_hand(seen, declared):
        yield own, START
    if declared.when_stopped is Stopped.CANCEL:
        yield own, CANCEL
    if seen.deferred and declared.approve != NONE:
        yield own, APPROVE


async def missing(azure: UpgradeAzure, declared: ImageUpgradeDeclaration, seen: Seen) -> str:
    """What the caller lacks, in one line, or nothing. Where permissions may not be read, Azure's refusal says it."""
    wanted = [action for _, action in needed(declared, seen)]
    if not wanted:
        return ""
    try:
        permissions = await azure.list_permissions(seen.scale_set.id)
    except (Forbidden, NotFound):
        return ""
    lacking = [action for action in wanted if not allows(permissions, action)]
    if not lacking:
        return ""
    return (
        f"scale_set_id: {declared.scale_set_id!r}: the role lacks {', '.join(lacking)} there; add "
        f"{'it' if len(lacking) == 1 else 'them'} to the updater's role"
    )
