"""The actions that bringing instances of scale sets, and nodes of Batch pools, to the latest image needs, each with its
reason: exactly its calls. That they are exactly those is shown by tests/os_upgrades/test_upgrade_rights.py.

Names: https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations. That Azure checks
instanceView/read for a list with `$expand=instanceView` is unverified.
"""

from __future__ import annotations

Actions = tuple[str, ...]

START = "Microsoft.Compute/virtualMachineScaleSets/osRollingUpgrade/action"
CANCEL = "Microsoft.Compute/virtualMachineScaleSets/rollingUpgrades/action"
APPROVE = "Microsoft.Compute/virtualMachineScaleSets/approveRollingUpgrade/action"
PERMISSIONS_READ = "Microsoft.Authorization/permissions/read"
"""To know of a missing action before."""

SCALE_SET: Actions = (
    # The policy, and which image the model names.
    "Microsoft.Compute/virtualMachineScaleSets/read",
    # The version that each instance runs, and its provisioning state.
    "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read",
    # How each instance is, and what is wrong with it.
    "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/instanceView/read",
    # How far the upgrade is.
    "Microsoft.Compute/virtualMachineScaleSets/rollingUpgrades/read",
    # Who began it, to what, and what was restored.
    "Microsoft.Compute/virtualMachineScaleSets/osUpgradeHistory/read",
    # Begin it where Azure does not.
    "Microsoft.Compute/virtualMachineScaleSets/osRollingUpgrade/action",
    # End it, by `hostpool upgrade cancel`, or where when_stopped says so.
    "Microsoft.Compute/virtualMachineScaleSets/rollingUpgrades/action",
    # Let deferred upgrades go on.
    "Microsoft.Compute/virtualMachineScaleSets/approveRollingUpgrade/action",
)
IMAGE: Actions = (
    # Generation, architecture and security type of the image.
    "Microsoft.Compute/galleries/images/read",
    # What `latest` stands for in the region.
    "Microsoft.Compute/galleries/images/versions/read",
)
BATCH_POOL: Actions = (
    # Region and endpoint of the account.
    "Microsoft.Batch/batchAccounts/read",
    # The pool's policy and image; on the account's own endpoint the nodes with their states and tasks.
    "Microsoft.Batch/batchAccounts/pools/read",
)
