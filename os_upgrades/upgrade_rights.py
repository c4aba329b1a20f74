"""The actions that bringing instances of scale sets, and nodes of Batch pools, to the latest image needs, each with its
reason: exactly its calls. That they are exactly those is shown by tests/os_upgrades/test_upgrade_rights.py.

Names: https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations. That Azure checks
instanceView/read for a list with `$expand=instanceView` is unverified.
"""

from __future__ import annotations

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
BATCH_POOL: tuple[str, ...] = (
    # Region and endpoint of the account.
    "Microsoft.Batch/batchAccounts/read",
    # The pool's policy and image; on the account's own endpoint the nodes with their states and tasks.
    "Microsoft.Batch/batchAccounts/pools/read",
)
PERMISSIONS_READ = "Microsoft.Authorization/permissions/read"
"""To know of a missing action before."""
