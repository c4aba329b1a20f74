"""Each rule of a Batch pool, with the smallest input that breaks it and one that is nearly that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from os_upgrades import batch_pool, batch_pool_rules
from os_upgrades.batch_pool import BatchPool, PoolCase
from os_upgrades.findings import Finding
from rollout.errors import InvalidDeclaration

ID = batch_pool.EXAMPLE_ID
DEFINITION = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/g1/images/linux"
AUTOMATIC = {"enableAutomaticOSUpgrade": True, "osRollingUpgradeDeferral": True, "useRollingUpgradePolicy": True}
WINDOWS = {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2022-Datacenter"}


def case(
    *,
    automatic: dict[str, Any] | None = None,
    rolling: dict[str, Any] | None = None,
    machine: dict[str, Any] | None = None,
    start_task: dict[str, Any] | None = None,
    nodes: int = 10,
    state: str = "Steady",
    **changed: Any,
) -> PoolCase:
    """A pool of ten nodes that breaks no rule, with what is given changed."""
    policy = {"mode": "automatic", "automaticOSUpgradePolicy": {**AUTOMATIC, **(automatic or {})}}
    if rolling is not None:
        policy["rollingUpgradePolicy"] = rolling
    properties = {
        "deploymentConfiguration": {
            "virtualMachineConfiguration": {"imageReference": {"id": DEFINITION}, **(machine or {})}
        },
        "scaleSettings": {"fixedScale": {"targetDedicatedNodes": nodes}},
        "currentDedicatedNodes": nodes,
        "allocationState": state,
        "startTask": start_task,
        "upgradePolicy": policy,
    }
    whole = PoolCase(BatchPool({"id": ID, "properties": properties}), "westeurope", "2025-06-01", "BatchService")
    return replace(whole, **changed)


def version(name: str, region: str = "West Europe", **profile: Any) -> dict[str, Any]:
    return {
        "id": f"{DEFINITION}/versions/{name}",
        "properties": {"publishingProfile": {"targetRegions": [{"name": region}], **profile}},
    }


def found(judged: PoolCase) -> dict[str, Finding]:
    return {finding.rule: finding for finding in batch_pool_rules.check(judged)}


def test_a_pool_as_it_should_be_breaks_no_rule() -> None:
    assert not found(case(image_versions=[version("1.0.0")]))


USER = {"allocation_mode": "UserSubscription", "feature": "NotRegistered"}
CHANGED = {"changes": {"mode": "manual -> automatic"}}
NOW = 1_768_248_000.0
"""2026-01-12T20:00:00Z."""


def files(end: str) -> dict[str, Any]:
    """A start task with a file whose signature ends then."""
    url = f"https://store.blob.core.windows.net/setup/setup.sh?sv=2024-11-04&se={end}&sp=r&sig=abc"
    return {"commandLine": "sh setup.sh", "resourceFiles": [{"httpUrl": url, "filePath": "setup.sh"}]}


BROKEN: dict[str, tuple[PoolCase, PoolCase]] = {
    "image-latest": (
        case(machine={"imageReference": {"id": f"{DEFINITION}/versions/1.0.0"}}),
        case(machine={"imageReference": {"id": DEFINITION}}),
    ),
    "image-in-gallery": (
        case(
            machine={"imageReference": {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/images/i"}}
        ),
        case(machine={"imageReference": WINDOWS}),
    ),
    "platform-image": (
        case(machine={"imageReference": {**WINDOWS, "sku": "2022-datacenter-mine"}}),
        case(machine={"imageReference": WINDOWS}),
    ),
    "image-in-region": (
        case(image_versions=[version("1.0.0", "North Europe")]),
        case(image_versions=[version("1.0.0")]),
    ),
    "newest-in-region": (
        case(image_versions=[version("1.0.0"), version("1.0.1", excludeFromLatest=True)]),
        case(image_versions=[version("1.0.0", excludeFromLatest=True), version("1.0.1")]),
    ),
    "api-version": (case(api_version="2023-11-01"), case(api_version="2024-02-01")),
    "windows-update": (
        case(machine={"windowsConfiguration": {"enableAutomaticUpdates": True}}),
        case(machine={"windowsConfiguration": {}}),
    ),
    "cross-zone": (
        case(rolling={"enableCrossZoneUpgrade": False}),
        case(
            rolling={"enableCrossZoneUpgrade": False},
            machine={"nodePlacementConfiguration": {"policy": "Zonal"}},
        ),
    ),
    "empty-pool": (case(nodes=1, rolling={"maxUnhealthyInstancePercent": 100}, **CHANGED), case(nodes=0, **CHANGED)),
    "deferral-feature": (case(**USER), case(**USER, register_feature=True)),
    "deferral-off": (case(automatic={"osRollingUpgradeDeferral": False}), case()),
    "sas-expired": (
        case(start_task=files("2026-01-12T20:00:00Z"), now=NOW),
        case(start_task=files("2026-01-12T20:00:01Z"), now=NOW),
    ),
    "sas-expires": (
        case(machine={"extensions": [{"settings": files("2026-01-19T20:00:00Z")}]}, now=NOW),
        case(machine={"extensions": [{"settings": files("2026-01-19T20:00:01Z")}]}, now=NOW),
    ),
    "small-pool": (case(nodes=4), case(nodes=5)),
    "numbers-used": (
        case(automatic={"useRollingUpgradePolicy": False}, rolling={"maxBatchInstancePercent": 10}),
        case(),
    ),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_rule_with_the_smallest_wrong_input_and_a_near_miss(rule: str) -> None:
    wrong, near = BROKEN[rule]
    told = found(wrong)
    assert list(told) == [rule]
    text = str(told[rule])
    assert "learn.microsoft.com" in text or "github.com" in text, "names its source"
    assert "; " in text and told[rule].remedy, "and a remedy"
    assert rule not in found(near)


def test_every_rule_is_tested_and_told_once() -> None:
    assert list(BROKEN) == [rule.id for rule in batch_pool_rules.RULES]


def test_a_resize_under_way_counts_as_nodes() -> None:
    assert "empty-pool" in found(case(nodes=0, state="Resizing", **CHANGED))


def test_what_does_not_matter_without_automatic_upgrades() -> None:
    off = {"enableAutomaticOSUpgrade": False, "osRollingUpgradeDeferral": False}
    pinned = {"imageReference": {"id": f"{DEFINITION}/versions/1.0.0"}}
    windows = {"windowsConfiguration": {"enableAutomaticUpdates": True}}
    assert not found(case(automatic=off, machine={**pinned, **windows}, nodes=2, api_version="2023-05-01"))


def test_what_was_not_read_is_not_judged() -> None:
    assert not found(case(allocation_mode="UserSubscription", feature=None, image_versions=None))
    assert not found(case(start_task=files("2020-01-01T00:00:00Z"), now=None))


def test_a_signature_is_not_shown() -> None:
    told = str(found(case(start_task=files("2020-01-01"), now=NOW))["sas-expired"])
    assert "startTask.resourceFiles[0].httpUrl: 'https://store.blob.core.windows.net/setup/setup.sh?...'" in told
    assert "sig=" not in told


def declared(**changed: Any) -> dict[str, Any]:
    policy = {"mode": "automatic", "automatic_os_upgrade_policy": {"enable_automatic_os_upgrade": True}}
    return {"pool_id": ID, "upgrade_policy": policy, **changed}


def test_deferral_is_on_by_default() -> None:
    body = batch_pool.parse(declared()).upgrade_policy.body(batch=True)
    assert body == {
        "mode": "automatic",
        "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True, "osRollingUpgradeDeferral": True},
    }
    off = {"enable_automatic_os_upgrade": True, "os_rolling_upgrade_deferral": False}
    policy = {"mode": "automatic", "automatic_os_upgrade_policy": off}
    assert batch_pool.parse(declared(upgrade_policy=policy)).upgrade_policy.body(batch=True)[
        "automaticOSUpgradePolicy"
    ] == {"enableAutomaticOSUpgrade": True, "osRollingUpgradeDeferral": False}
    manual = batch_pool.parse(declared(upgrade_policy={"mode": "manual"}))
    assert manual.upgrade_policy.body(batch=True) == {"mode": "manual"}


def rolling(**given: Any) -> dict[str, Any]:
    return {"upgrade_policy": {"mode": "automatic", "rolling_upgrade_policy": given}}


@pytest.mark.parametrize(
    ("changed", "prop", "near"),
    [
        ({"pool_id": "pool1"}, "pool_id", {"pool_id": ID.upper()}),
        ({"upgrade_policy": {}}, "upgrade_policy.mode", {"upgrade_policy": {"mode": "Rolling"}}),
        (
            rolling(max_batch_instance_percent=4),
            "upgrade_policy.rolling_upgrade_policy.max_batch_instance_percent",
            rolling(max_batch_instance_percent=5),
        ),
        (
            rolling(max_batch_instance_percent=21),
            "upgrade_policy.rolling_upgrade_policy.max_batch_instance_percent",
            rolling(max_batch_instance_percent=21, max_unhealthy_instance_percent=21),
        ),
        (rolling(max_surge=True), "upgrade_policy.rolling_upgrade_policy.max_surge", rolling()),
        ({"register_feature": "yes"}, "register_feature", {"register_feature": True}),
        ({"leave_on_delete": 1}, "leave_on_delete", {"leave_on_delete": False}),
    ],
)
def test_declarations_that_cannot_be_used(changed: dict[str, Any], prop: str, near: dict[str, Any]) -> None:
    with pytest.raises(InvalidDeclaration) as refused:
        batch_pool.parse(declared(**changed))
    assert refused.value.prop == prop and refused.value.remedy
    batch_pool.parse(declared(**near))
