"""Exactly the actions that declaring the upgrade policy of a Batch pool uses (`BatchPoolUpgradePolicy`), one table per
purpose, each with its reason. What makes pools with `components/batch_pool.py` needs `pools/write` and `pools/delete`
of its own.

learn.microsoft.com/azure/batch/batch-role-based-access-control; that they are exactly those is shown by
tests/os_upgrades/test_batch_rights.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

Actions = tuple[str, ...]


class BatchPurpose(StrEnum):
    """What a scope holds, hence what is done there."""

    ACCOUNT = "account"
    IMAGES = "images"
    SUBSCRIPTION = "subscription"


ACCOUNT: Actions = (
    # Region, allocation mode and endpoint of the account.
    "Microsoft.Batch/batchAccounts/read",
    # The pool and its policy; on the account's own endpoint the nodes with their states and tasks.
    "Microsoft.Batch/batchAccounts/pools/read",
    # Write the policy, and what was found into the pool's metadata.
    "Microsoft.Batch/batchAccounts/pools/write",
)

IMAGES: Actions = (
    # Which versions there are, and whether they reach the pool's region.
    "Microsoft.Compute/galleries/images/versions/read",
)

SUBSCRIPTION: Actions = (
    # Is RollingUpgradeDeferral registered: in accounts with allocation mode UserSubscription.
    "Microsoft.Features/providers/features/read",
    # Register it: with register_feature.
    "Microsoft.Features/providers/features/register/action",
)

BATCH_ACTIONS: Mapping[BatchPurpose, Actions] = {
    BatchPurpose.ACCOUNT: ACCOUNT,
    BatchPurpose.IMAGES: IMAGES,
    BatchPurpose.SUBSCRIPTION: SUBSCRIPTION,
}
