"""Two Batch pools that follow one gallery image: `frames` is made here, the other one exists and is taken over."""

import pulumi

from components import BatchPool, BatchPoolArgs, BatchUpgradeRole, BatchUpgradeRoleArgs
from providers.batch_pool_upgrade_policy import (
    BatchAutomaticOSUpgradePolicyArgs,
    BatchPoolUpgradePolicy,
    BatchPoolUpgradePolicyArgs,
    BatchRollingUpgradePolicyArgs,
    BatchUpgradePolicyArgs,
)

config = pulumi.Config()
account_id, image = config.require("account_id"), config.require("image")
batch = config.require_int("max_batch")
policy = {
    "mode": "automatic",
    "automatic_os_upgrade_policy": {"enable_automatic_os_upgrade": True, "use_rolling_upgrade_policy": True},
    "rolling_upgrade_policy": {
        "max_batch_instance_percent": batch,
        "max_unhealthy_instance_percent": batch,
        "pause_time_between_batches": "PT2M",
    },
}

frames = BatchPool(
    "frames",
    BatchPoolArgs(
        account_name=account_id.rpartition("/")[2],
        resource_group_name=account_id.split("/")[4],
        pool_name="frames",
        vm_size="Standard_D2s_v5",
        image=image,
        node_agent_sku_id="batch.node.ubuntu 24.04",
        nodes=config.require_int("nodes"),
        upgrade_policy=policy,
    ),
)
pulumi.export("frames", frames.pool_id)

role = BatchUpgradeRole(
    "updater",
    BatchUpgradeRoleArgs(principal_id=config.require("updater_principal_id"), account_id=account_id, image_id=image),
)

existing = config.get("existing_pool_id")
if existing:
    taken = BatchPoolUpgradePolicy(
        "existing",
        BatchPoolUpgradePolicyArgs(
            pool_id=existing,
            upgrade_policy=BatchUpgradePolicyArgs(
                mode="automatic",
                automatic_os_upgrade_policy=BatchAutomaticOSUpgradePolicyArgs(
                    enable_automatic_os_upgrade=True, use_rolling_upgrade_policy=True
                ),
                rolling_upgrade_policy=BatchRollingUpgradePolicyArgs(
                    max_batch_instance_percent=50, max_unhealthy_instance_percent=50
                ),
            ),
        ),
        pulumi.ResourceOptions(depends_on=[*role.assignments]),
    )
    pulumi.export("rolling_upgrade", taken.rolling_upgrade)
