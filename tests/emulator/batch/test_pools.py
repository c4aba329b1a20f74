"""Accounts and pools in ARM: the wire, and each rule with the smallest wrong input and a near miss."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from emulator.resources import features
from tests.emulator.arm_client import SUBSCRIPTION, Client, code
from tests.emulator.batch import site
from tests.emulator.batch.site import ACCOUNT, BATCH, IMAGE, POOL, properties

PRINTED: dict[str, Any] = {
    "name": "test1",
    "type": "Microsoft.Batch/batchAccounts/pools",
    "parameters": {
        "properties": {
            "vmSize": "Standard_d4s_v3",
            "deploymentConfiguration": {
                "virtualMachineConfiguration": {
                    "imageReference": {
                        "publisher": "MicrosoftWindowsServer",
                        "offer": "WindowsServer",
                        "sku": "2019-datacenter-smalldisk",
                        "version": "latest",
                    },
                    "nodePlacementConfiguration": {"policy": "Zonal"},
                    "nodeAgentSKUId": "batch.node.windows amd64",
                    "windowsConfiguration": {"enableAutomaticUpdates": False},
                }
            },
            "scaleSettings": {"fixedScale": {"targetDedicatedNodes": 2, "targetLowPriorityNodes": 0}},
            "upgradePolicy": {
                "mode": "Automatic",
                "automaticOSUpgradePolicy": {
                    "disableAutomaticRollback": True,
                    "enableAutomaticOSUpgrade": True,
                    "useRollingUpgradePolicy": True,
                    "osRollingUpgradeDeferral": True,
                },
                "rollingUpgradePolicy": {
                    "enableCrossZoneUpgrade": True,
                    "maxBatchInstancePercent": 20,
                    "maxUnhealthyInstancePercent": 20,
                    "maxUnhealthyUpgradedInstancePercent": 20,
                    "pauseTimeBetweenBatches": "PT0S",
                    "prioritizeUnhealthyInstances": False,
                    "rollbackFailedInstancesOnPolicyBreach": False,
                },
            },
        }
    },
}
"""The body of learn.microsoft.com/azure/batch/batch-upgrade-policy, REST API."""


@pytest.fixture(scope="module")
def account() -> Client:
    return site.with_account()


def test_an_account_is_made_by_an_operation_whose_location_ends_with_it(azure: Client) -> None:
    answer = azure.put(ACCOUNT, {"location": "West Europe"})
    location = str(answer.headers.find("Location"))
    assert (answer.status, answer.body) == (202, None)
    assert "/batchAccounts/acc1/operationResults/" in location
    assert azure.get(location).status == 202
    azure.wait(20)
    made = azure.get(location)
    assert (made.status, made.body["properties"]["poolAllocationMode"]) == (200, "BatchService")
    assert set(made.body["properties"]) == {
        "provisioningState",
        "dedicatedCoreQuota",
        "dedicatedCoreQuotaPerVMFamily",
        "dedicatedCoreQuotaPerVMFamilyEnforced",
        "lowPriorityCoreQuota",
        "poolQuota",
        "activeJobAndJobScheduleQuota",
        "poolAllocationMode",
        "publicNetworkAccess",
        "privateEndpointConnections",
        "encryption",
        "allowedAuthenticationModes",
        "accountEndpoint",
        "nodeManagementEndpoint",
    }, "as recorded"
    shown = azure.get(ACCOUNT)
    assert shown.headers.find("ETag") and "etag" not in shown.body and "tags" not in shown.body
    assert shown.body == made.body and shown.body["properties"]["accountEndpoint"] == "localhost:8443/batch/acc1"
    assert [each["name"] for each in azure.get(BATCH).body["value"]] == ["acc1"]


def test_an_account_s_allocation_mode_stays(azure: Client) -> None:
    azure.put(ACCOUNT, {"location": "westeurope", "properties": {"poolAllocationMode": "UserSubscription"}})
    again = azure.put(ACCOUNT, {"location": "westeurope"})
    assert (again.status, code(again)) == (400, "PropertyCannotBeUpdated")
    wrong = azure.put(f"{BATCH}/acc2", {"location": "westeurope", "properties": {"poolAllocationMode": "Mine"}})
    assert code(wrong) == "InvalidPropertyValue"


def test_the_printed_body_is_accepted_unchanged(account: Client) -> None:
    answer = account.put(f"{ACCOUNT}/pools/test1", PRINTED, version="2023-11-01")
    assert answer.status == 200, answer.body
    shown = answer.body["properties"]
    assert shown["upgradePolicy"]["mode"] == "automatic"
    assert (
        shown["deploymentConfiguration"]["virtualMachineConfiguration"]["nodeAgentSkuId"] == "batch.node.windows amd64"
    )
    assert account.get(f"{ACCOUNT}/pools/test1").body["properties"]["allocationState"] == "Resizing"


def test_upgrade_policies_need_a_version_of_the_api_that_has_them(account: Client) -> None:
    path, body = f"{ACCOUNT}/pools/old", {"properties": properties()}
    assert code(account.put(path, body, version="2023-05-01")) == "InvalidRequestBody"
    assert account.put(path, body, version="2023-11-01").status == 200
    without = {"properties": {**properties(), "upgradePolicy": None}}
    assert account.put(f"{ACCOUNT}/pools/older", without, version="2023-05-01").status == 200


ZONAL = site.machine(nodePlacementConfiguration={"policy": "Zonal"})
WINDOWS = {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2019-Datacenter"}
WRONG: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    # property: (its name, what is wrong, what is nearly that)
    "mode missing": ("mode", {"upgradePolicy": {}}, {"upgradePolicy": {"mode": "manual"}}),
    "mode": ("mode", {"upgradePolicy": {"mode": "auto"}}, {"upgradePolicy": {"mode": "Rolling"}}),
    "batch low": (
        "maxBatchInstancePercent",
        {"upgradePolicy": site.rolling(maxBatchInstancePercent=4)},
        {"upgradePolicy": site.rolling(maxBatchInstancePercent=5)},
    ),
    "unhealthy low": (
        "maxUnhealthyInstancePercent",
        {"upgradePolicy": site.rolling(maxUnhealthyInstancePercent=4)},
        {"upgradePolicy": site.rolling(maxUnhealthyInstancePercent=5)},
    ),
    "unhealthy high": (
        "maxUnhealthyInstancePercent",
        {"upgradePolicy": site.rolling(maxUnhealthyInstancePercent=101)},
        {"upgradePolicy": site.rolling(maxUnhealthyInstancePercent=100)},
    ),
    "upgraded low": (
        "maxUnhealthyUpgradedInstancePercent",
        {"upgradePolicy": site.rolling(maxUnhealthyUpgradedInstancePercent=-1)},
        {"upgradePolicy": site.rolling(maxUnhealthyUpgradedInstancePercent=0)},
    ),
    "batch above unhealthy": (
        "maxBatchInstancePercent",
        {"upgradePolicy": site.rolling(maxBatchInstancePercent=21, maxUnhealthyInstancePercent=20)},
        {"upgradePolicy": site.rolling(maxBatchInstancePercent=20, maxUnhealthyInstancePercent=20)},
    ),
    "pause": (
        "pauseTimeBetweenBatches",
        {"upgradePolicy": site.rolling(pauseTimeBetweenBatches="5 min")},
        {"upgradePolicy": site.rolling(pauseTimeBetweenBatches="PT5M")},
    ),
    "cross zone": (
        "enableCrossZoneUpgrade",
        {"upgradePolicy": site.rolling(enableCrossZoneUpgrade=False)},
        {"upgradePolicy": site.rolling(enableCrossZoneUpgrade=False), "deploymentConfiguration": ZONAL},
    ),
    "gallery version": (
        "version",
        {"deploymentConfiguration": site.machine(imageReference={"id": f"{IMAGE}/versions/1.0.0"})},
        {
            "deploymentConfiguration": site.machine(imageReference={"id": f"{IMAGE}/versions/1.0.0"}),
            "upgradePolicy": {"mode": "automatic"},
        },
    ),
    "platform version": (
        "version",
        {"deploymentConfiguration": site.machine(imageReference={**WINDOWS, "version": "17763.7314.250509"})},
        {"deploymentConfiguration": site.machine(imageReference=WINDOWS)},
    ),
    "platform image": (
        "enableAutomaticOSUpgrade",
        {
            "deploymentConfiguration": site.machine(
                imageReference={
                    "publisher": "MicrosoftWindowsDesktop",
                    "offer": "windows-11",
                    "sku": "win11-24h2-avd",
                    "version": "latest",
                }
            )
        },
        {"deploymentConfiguration": site.machine(imageReference=WINDOWS)},
    ),
    "windows updates": (
        "enableAutomaticUpdates",
        {
            "deploymentConfiguration": site.machine(
                imageReference=WINDOWS, windowsConfiguration={"enableAutomaticUpdates": True}
            )
        },
        {
            "deploymentConfiguration": site.machine(
                imageReference=WINDOWS, windowsConfiguration={"enableAutomaticUpdates": True}
            ),
            "upgradePolicy": site.automatic(enableAutomaticOSUpgrade=False),
        },
    ),
    "managed image": (
        "virtualMachineImageId",
        {"deploymentConfiguration": site.machine(imageReference={"id": IMAGE.replace("galleries/g1/", "")})},
        {},
    ),
    "size": ("vmSize", {"vmSize": "Standard_Z1"}, {"vmSize": "standard_d2s_v3"}),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_policy_must_be(account: Client, name: str) -> None:
    prop, wrong, near = WRONG[name]
    path = f"{ACCOUNT}/pools/{name.replace(' ', '-')}"
    refused = account.put(path, {"properties": properties(**deepcopy(wrong))})
    assert refused.status == 400, name
    details = {each["code"]: each["message"] for each in refused.body["error"]["details"]}
    assert details["PropertyName"] == prop
    assert account.get(path).status == 404
    accepted = account.put(path, {"properties": properties(**deepcopy(near))})
    assert accepted.status == 200, accepted.body


def test_a_policy_can_be_changed_on_an_empty_pool_only() -> None:
    azure = site.with_pool(nodes=1)
    manual = {"properties": {"upgradePolicy": {"mode": "manual"}}}
    refused = azure.call("PATCH", POOL, manual)
    details = {each["code"]: each["message"] for each in refused.body["error"]["details"]}
    assert (code(refused), details["PropertyPath"]) == ("PropertyCannotBeUpdated", "properties.upgradePolicy")
    same = {"properties": {"upgradePolicy": {**properties()["upgradePolicy"], "mode": "Automatic"}}}
    assert azure.call("PATCH", POOL, same).status == 200
    none = {"properties": {"scaleSettings": {"fixedScale": {"targetDedicatedNodes": 0}}}}
    assert azure.call("PATCH", POOL, none).status == 200
    assert code(azure.call("PATCH", POOL, manual)) == "PropertyCannotBeUpdated", "its node is still leaving"
    azure.wait(300)
    assert azure.call("PATCH", POOL, manual).status == 200
    assert azure.get(POOL).body["properties"]["upgradePolicy"] == {"mode": "manual"}


def test_deferral_in_a_user_subscription_needs_the_feature_and_the_error_says_how_to_ask() -> None:
    azure = site.with_account("UserSubscription")
    refused = azure.put(POOL, {"properties": properties()})
    reason = next(each["message"] for each in refused.body["error"]["details"] if each["code"] == "Reason")
    assert "az feature register --namespace Microsoft.Compute --name RollingUpgradeDeferral" in reason
    assert azure.put(POOL, {"properties": properties(upgradePolicy=site.automatic(osRollingUpgradeDeferral=False))})
    feature = (
        f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Features/providers/Microsoft.Compute/features/"
        "RollingUpgradeDeferral"
    )
    registration = feature.replace("Features/providers", "Features/featureProviders")
    registration = registration.replace("/features/", "/subscriptionFeatureRegistrations/")
    for path in (feature, registration):
        assert azure.get(path, version="2021-07-01").body["properties"]["state"] == "NotRegistered"
    asked = azure.call("POST", f"{feature}/register", version="2021-07-01")
    assert asked.body["properties"]["state"] == "Registering"
    assert azure.put(f"{ACCOUNT}/pools/p2", {"properties": properties()}).status == 400
    azure.wait(features.REGISTERING)
    assert azure.put(f"{ACCOUNT}/pools/p2", {"properties": properties()}).status == 200


def test_an_account_without_the_preview_says_how_to_ask_for_it() -> None:
    azure = site.with_account()
    azure.world.resources[ACCOUNT.lower()].hidden["without_auto_os_upgrade"] = True
    refused = azure.put(POOL, {"properties": properties()})
    reason = next(each["message"] for each in refused.body["error"]["details"] if each["code"] == "Reason")
    assert "support request" in reason and "acc1" in reason
    off = properties(upgradePolicy=site.automatic(enableAutomaticOSUpgrade=False))
    assert azure.put(POOL, {"properties": off}).status == 200


def test_a_pool_goes_after_its_nodes_and_an_account_with_its_pools() -> None:
    azure = site.with_pool()
    answer = azure.delete(POOL)
    location = str(answer.headers.find("Location"))
    assert answer.status == 202 and "/batchAccounts/acc1/poolOperationResults/" in location
    assert azure.get(POOL).body["properties"]["provisioningState"] == "Deleting"
    site.until(azure, lambda: azure.get(location).status == 200, 600)
    assert azure.get(POOL).status == 404
    assert azure.put(POOL, {"properties": properties()}).status == 200
    azure.delete(ACCOUNT)
    azure.wait(300)
    assert azure.get(ACCOUNT).status == azure.get(POOL).status == 404


def test_rights_are_checked(account: Client) -> None:
    from tests.emulator.arm_client import GUEST

    assert code(account.put(POOL, {"properties": properties()}, who=GUEST)) == "AuthorizationFailed"
    assert site.data(account, "GET", "/pools", who=GUEST).status == 403
