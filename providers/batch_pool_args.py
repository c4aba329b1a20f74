"""The arguments of `BatchPoolUpgradePolicy`, typed. Made from batch_pool_schema.json by `python -m providers.docs`.

Defaults are those of the schema: None, like an argument that is left out, stands for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi


@dataclass(kw_only=True)
class BatchAutomaticOSUpgradePolicyArgs:
    """Whether and how Azure rolls new image versions out by itself."""

    enable_automatic_os_upgrade: pulumi.Input[bool] | None = None
    """Azure replaces the OS disks of nodes when a newer version of the pool's image is there. The image must follow
    latest. Source: Azure documentation, Batch pools with automatic OS upgrade.
    """

    disable_automatic_rollback: pulumi.Input[bool] | None = None
    """true: a node that is not healthy 5 minutes after its upgrade keeps the new OS disk; else it gets its former one
    again. Source: Azure documentation, Batch pools with automatic OS upgrade.
    """

    use_rolling_upgrade_policy: pulumi.Input[bool] | None = None
    """true: automatic OS upgrades go by rolling_upgrade_policy; else by Azure's own numbers, 20 % each. Source: Azure
    documentation, Batch pools with automatic OS upgrade.
    """

    os_rolling_upgrade_deferral: pulumi.Input[bool] | None = None
    """true: a node that runs tasks is upgraded when it has finished them; false: it is upgraded anyhow, and its tasks
    begin anew. Left out beside enable_automatic_os_upgrade: true, it is true. Source: Azure documentation, Batch pools
    with automatic OS upgrade.
    """


@dataclass(kw_only=True)
class BatchRollingUpgradePolicyArgs:
    """How many nodes at a time, and when to stop."""

    max_batch_instance_percent: pulumi.Input[float] | None = None
    """Nodes of one batch at most, one at least. Not more than max_unhealthy_instance_percent. 5 to 100. Default: 20.
    Source: Azure Batch Management REST API, Pool - Create: RollingUpgradePolicy.
    """

    max_unhealthy_instance_percent: pulumi.Input[float] | None = None
    """With more unhealthy nodes, for whatever reason, no batch begins. 5 to 100. Default: 20. Source: Azure Batch
    Management REST API, Pool - Create: RollingUpgradePolicy.
    """

    max_unhealthy_upgraded_instance_percent: pulumi.Input[float] | None = None
    """With more of the upgraded nodes unhealthy after a batch the upgrade stops. 0 to 100. Default: 20. Source: Azure
    Batch Management REST API, Pool - Create: RollingUpgradePolicy.
    """

    pause_time_between_batches: pulumi.Input[str | float] | None = None
    """Wait between two batches. Default: "PT0S". Source: Azure Batch Management REST API, Pool - Create:
    RollingUpgradePolicy.
    """

    enable_cross_zone_upgrade: pulumi.Input[bool] | None = None
    """true: a batch may be of several availability zones. Only for pools whose nodes are placed by zone. Source: Azure
    Batch Management REST API, Pool - Create: RollingUpgradePolicy.
    """

    prioritize_unhealthy_instances: pulumi.Input[bool] | None = None
    """true: unhealthy nodes come first. Source: Azure Batch Management REST API, Pool - Create: RollingUpgradePolicy.
    """

    rollback_failed_instances_on_policy_breach: pulumi.Input[bool] | None = None
    """true: when the upgrade stops, failed nodes go back to their former OS disk. Source: Azure Batch Management REST
    API, Pool - Create: RollingUpgradePolicy.
    """


@dataclass(kw_only=True)
class BatchUpgradePolicyArgs:
    """The upgrade policy, whole: what is left out is Azure's default, not what was there."""

    mode: pulumi.Input[str]
    """What happens to nodes when the model behind the pool changes: automatic, all at once; rolling, in batches;
    manual, nothing. Automatic OS upgrades do not follow it. One of automatic, rolling, manual. Source: Azure Batch
    Management REST API, Pool - Create: UpgradeMode.
    """

    automatic_os_upgrade_policy: pulumi.Input[BatchAutomaticOSUpgradePolicyArgs | Mapping[str, Any]] | None = None
    """Whether and how Azure rolls new image versions out by itself."""

    rolling_upgrade_policy: pulumi.Input[BatchRollingUpgradePolicyArgs | Mapping[str, Any]] | None = None
    """How many nodes at a time, and when to stop."""


@dataclass(kw_only=True)
class BatchPoolUpgradePolicyArgs:
    """The upgrade policy of a Batch pool that exists: how Azure brings its nodes to newer images. It is written while
    the pool is empty, and given back as it was found when the resource is deleted.
    """

    pool_id: pulumi.Input[str]
    """Id of the pool. Another one is another resource: the former one is given back. One resource per pool. Source:
    Azure Batch Management REST API, Pool - Get.
    """

    upgrade_policy: pulumi.Input[BatchUpgradePolicyArgs | Mapping[str, Any]]
    """The upgrade policy, whole: what is left out is Azure's default, not what was there."""

    register_feature: pulumi.Input[bool] | None = None
    """Registers feature Microsoft.Compute/RollingUpgradeDeferral, and waits for it, where deferral needs it: in
    accounts whose pools are in one's own subscription (allocation mode UserSubscription). It stays registered. Default:
    false. Source: Azure documentation, Batch pools with automatic OS upgrade.
    """

    leave_on_delete: pulumi.Input[bool] | None = None
    """The policy stays as it is when the resource is deleted; else what was found is written again, which needs an
    empty pool. Default: false. Source: The product's own choice.
    """
