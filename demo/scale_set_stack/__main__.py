"""A scale set that Azure rolls by itself: how, by `ScaleSetUpgradePolicy`; that it has, by `ScaleSetImageUpgrade`."""

import pulumi

from components import ImageUpdateRole, ImageUpdateRoleArgs, ScaleSetUpgradeRole, ScaleSetUpgradeRoleArgs
from providers.scale_set_image_upgrade import ScaleSetImageUpgrade, ScaleSetImageUpgradeArgs
from providers.scale_set_upgrade_policy import (
    AutomaticOSUpgradePolicyArgs,
    RollingUpgradePolicyArgs,
    ScaleSetUpgradePolicy,
    ScaleSetUpgradePolicyArgs,
    UpgradePolicyArgs,
)

config = pulumi.Config()
scale_set_id, image = config.require("scale_set_id"), config.require("image")
principal = config.require("updater_principal_id")

declares = ScaleSetUpgradeRole(
    "policy-role",
    ScaleSetUpgradeRoleArgs(principal_id=principal, scale_set_ids=[scale_set_id], image_ids=[image], catalog=False),
)
upgrades = ImageUpdateRole(
    "upgrade-role",
    ImageUpdateRoleArgs(
        principal_id=principal,
        host_pool_id="",
        host_resource_groups=[],
        subnet_ids=[],
        image_id=image,
        catalog=False,
        scale_set_ids=[scale_set_id],
        role_name="Image upgrades of web",
    ),
)
policy = ScaleSetUpgradePolicy(
    "policy",
    ScaleSetUpgradePolicyArgs(
        scale_set_id=scale_set_id,
        upgrade_policy=UpgradePolicyArgs(
            mode="Manual",
            automatic_os_upgrade_policy=AutomaticOSUpgradePolicyArgs(
                enable_automatic_os_upgrade=True,
                use_rolling_upgrade_policy=True,
                os_rolling_upgrade_deferral=config.get_bool("deferral") or False,
            ),
            rolling_upgrade_policy=RollingUpgradePolicyArgs(
                max_batch_instance_percent=20, pause_time_between_batches="PT10M"
            ),
        ),
    ),
    pulumi.ResourceOptions(depends_on=declares.assignments),
)
web = ScaleSetImageUpgrade(
    "web",
    ScaleSetImageUpgradeArgs(scale_set_id=scale_set_id, image=image, approve=config.get("approve") or "none"),
    pulumi.ResourceOptions(depends_on=[policy, *upgrades.assignments]),
)
pulumi.export("status", web.status)
pulumi.export("summary", web.summary)
pulumi.export("waits_for", web.waits_for)
pulumi.export("history", web.history)
