"""A Batch pool as declared by the component, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components import BatchPool, BatchPoolArgs
from components.batch_pool import FOR_EMPTY_POOLS, BatchPoolRefused, properties_of, with_feature
from rollout.errors import InvalidDeclaration
from tests.support.pulumi_mocks import Recorder, run_program

IMAGE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/nodes/images/linux"
AUTOMATIC = {"enable_automatic_os_upgrade": True, "use_rolling_upgrade_policy": True}
POLICY = {
    "mode": "automatic",
    "automatic_os_upgrade_policy": AUTOMATIC,
    "rolling_upgrade_policy": {"max_batch_instance_percent": 34, "max_unhealthy_instance_percent": 34},
}


def args(**changed: Any) -> BatchPoolArgs:
    given: dict[str, Any] = {
        "account_name": "render",
        "resource_group_name": "g",
        "pool_name": "frames",
        "vm_size": "Standard_D2s_v5",
        "image": IMAGE,
        "node_agent_sku_id": "batch.node.ubuntu 24.04",
        "nodes": 6,
        "upgrade_policy": POLICY,
    }
    return BatchPoolArgs(**{**given, **changed})


def test_a_pool_follows_latest_and_defers_to_tasks(declare: Any) -> None:
    [pool] = declare(lambda: BatchPool("frames", args(zonal=True, start_task="true"))).of("batch:Pool")
    machine = pool["deploymentConfiguration"]["virtualMachineConfiguration"]
    assert machine["imageReference"] == {"id": IMAGE}
    assert machine["nodePlacementConfiguration"] == {"policy": "Zonal"} and "windowsConfiguration" not in machine
    assert pool["upgradePolicy"]["mode"] == "automatic"
    assert pool["upgradePolicy"]["automaticOSUpgradePolicy"]["osRollingUpgradeDeferral"] is True
    assert pool["scaleSettings"]["fixedScale"] == {"targetDedicatedNodes": 6, "targetLowPriorityNodes": 0}
    assert pool["startTask"] == {"commandLine": "true", "waitForSuccess": True}


def test_windows_updates_go_off_with_automatic_upgrades(declare: Any) -> None:
    image = "MicrosoftWindowsServer:WindowsServer:2022-datacenter-azure-edition"
    [pool] = declare(lambda: BatchPool("frames", args(image=image, windows=True))).of("batch:Pool")
    machine = pool["deploymentConfiguration"]["virtualMachineConfiguration"]
    assert machine["windowsConfiguration"] == {"enableAutomaticUpdates": False}
    assert machine["imageReference"]["version"] == "latest"


def test_what_batch_changes_on_an_empty_pool_only_replaces_it(
    declare: Any, options: Callable[[], dict[str, pulumi.ResourceOptions]]
) -> None:
    declare(lambda: BatchPool("frames", args()))
    given = options()["frames"]
    assert given.replace_on_changes == list(FOR_EMPTY_POOLS) and given.delete_before_replace is True
    assert "upgradePolicy" in FOR_EMPTY_POOLS and "scaleSettings" not in FOR_EMPTY_POOLS


REFUSED: list[Any] = [
    ({"image": f"{IMAGE}/versions/1.0.0"}, BatchPoolRefused, "rule image-latest", {"image": IMAGE}),
    (
        {"image": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/images/i"},
        BatchPoolRefused,
        "rule image-in-gallery",
        {"image": "Canonical:ubuntu-24_04-lts:server"},
    ),
    (
        {"upgrade_policy": {**POLICY, "rolling_upgrade_policy": {"enable_cross_zone_upgrade": True}}},
        BatchPoolRefused,
        "rule cross-zone",
        {"upgrade_policy": {**POLICY, "rolling_upgrade_policy": {"enable_cross_zone_upgrade": True}}, "zonal": True},
    ),
    (
        {"upgrade_policy": {"mode": "automatic", "rolling_upgrade_policy": {"max_batch_instance_percent": 30}}},
        InvalidDeclaration,
        "is more than max_unhealthy_instance_percent, 20",
        {"upgrade_policy": {"mode": "automatic", "rolling_upgrade_policy": {"max_batch_instance_percent": 20}}},
    ),
]


@pytest.mark.parametrize(("wrong", "error", "told", "near"), REFUSED)
def test_what_azure_would_refuse_or_never_upgrade_is_refused(
    declare: Any, wrong: dict[str, Any], error: type[Exception], told: str, near: dict[str, Any]
) -> None:
    with pytest.raises(error, match=told):
        declare(lambda: BatchPool("frames", args(**wrong)))
    assert declare(lambda: BatchPool("frames", args(**near))).of("batch:Pool")


def test_an_image_of_the_same_stack_is_waited_for(declare: Any) -> None:
    [pool] = declare(lambda: BatchPool("frames", args(image=pulumi.Output.from_input(IMAGE)))).of("batch:Pool")
    assert pool["deploymentConfiguration"]["virtualMachineConfiguration"]["imageReference"] == {"id": IMAGE}


GET_FEATURE = "azure-native:features:getSubscriptionFeatureRegistration"


def test_deferral_in_a_subscription_of_ones_own_needs_the_feature() -> None:
    own = args(user_subscription=True)
    with pytest.raises(BatchPoolRefused, match="rule deferral-feature") as refused:
        with_feature(own, properties_of(own), "NotRegistered")
    assert "az feature register --namespace Microsoft.Compute --name RollingUpgradeDeferral" in str(refused.value)
    registered = Recorder(functions={GET_FEATURE: {"properties": {"state": "Registered"}}})
    [pool] = run_program(lambda: BatchPool("frames", own), registered).of("batch:Pool")
    assert pool["upgradePolicy"]["mode"] == "automatic"


def test_the_feature_is_not_asked_for_where_nothing_defers() -> None:
    policy = {"mode": "automatic", "automatic_os_upgrade_policy": {**AUTOMATIC, "os_rolling_upgrade_deferral": False}}
    program = lambda: BatchPool("frames", args(user_subscription=True, upgrade_policy=policy))  # noqa: E731
    assert run_program(program, Recorder()).of("batch:Pool")
