"""Rolling upgrades of scale sets, as the orchestrator does them on emulated time."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.compute import images
from emulator.compute.scale_set_batches import Candidate, next_batch
from tests.emulator.arm_client import COMPUTE, LOCATION, code
from tests.emulator.compute.sets import AUTOMATIC, HEALTH, HOUR, IMAGE, PROBE, SET, UBUNTU, Sets, bad, script


@pytest.fixture
def sets() -> Sets:
    return Sets()


def test_the_platform_upgrades_a_set_some_time_after_a_version_is_there(sets: Sets) -> None:
    sets.create(10, automatic=AUTOMATIC, extensions=[script("setup"), HEALTH])
    sets.wait(4 * HOUR)
    assert sets.history() == []
    data = [each["properties"]["storageProfile"]["dataDisks"] for each in sets.instances()]
    published = sets.world.now
    assert sets.call("POST", "/emulator/image-versions", {"image": IMAGE, "version": "1.0.1"}).status == 200
    sets.until_ended()
    assert set(sets.images()) == {"1.0.1"}
    entry = sets.history()[0]
    assert (entry["startedBy"], entry["runningStatus"]["code"]) == ("Platform", "Completed")
    assert entry["targetImageReference"] == {"id": IMAGE, "version": "1.0.1"}
    assert entry["progress"]["successfulInstanceCount"] == 10
    assert [len(each) for each in sets.batches()] == [2, 2, 2, 2, 2]
    begun = sets.world.sections["scale_set_upgrades"][SET.lower()][0].started - published
    assert 30 * 60 <= begun <= 60 * 60
    assert [each["properties"]["storageProfile"]["dataDisks"] for each in sets.instances()] == data
    assert sets.instance(0).hidden["extensions"]["setup"]["began"] > sets.world.iso(published)


def test_the_first_rollout_comes_within_three_hours_of_switching_it_on(sets: Sets) -> None:
    sets.create(2, extensions=[HEALTH])
    sets.publish("1.0.1")
    sets.finish(sets.patch({"upgradePolicy": {"automaticOSUpgradePolicy": AUTOMATIC}}))
    enabled = sets.world.now
    sets.until_ended()
    assert 0 < sets.world.sections["scale_set_upgrades"][SET.lower()][0].started - enabled <= 3 * HOUR
    assert set(sets.images()) == {"1.0.1"}


@pytest.mark.parametrize("hidden", [{"excludeFromLatest": True}, {"regions": ["northeurope"]}])
def test_a_version_that_is_excluded_or_elsewhere_is_no_reason(sets: Sets, hidden: dict[str, Any]) -> None:
    sets.create(2, automatic=AUTOMATIC, extensions=[HEALTH])
    sets.call("POST", "/emulator/image-versions", {"image": IMAGE, "version": "1.0.1", **hidden})
    sets.wait(6 * HOUR)
    assert (sets.images(), sets.history()) == (["1.0.0", "1.0.0"], [])


def test_a_version_is_followed_once_it_is_replicated_and_no_longer_excluded(sets: Sets) -> None:
    source = f"{COMPUTE}/images/linux"
    images.add(sets.world, source, location=LOCATION, os_type="Linux", generation="V2", size_gb=30)
    sets.create(2, automatic=AUTOMATIC, extensions=[HEALTH])
    sets.wait(4 * HOUR)
    version = f"{IMAGE}/versions/1.0.1"
    body: dict[str, Any] = {
        "location": LOCATION,
        "properties": {
            "publishingProfile": {"targetRegions": [{"name": LOCATION}], "excludeFromLatest": True},
            "storageProfile": {"source": {"id": source}},
        },
    }
    assert sets.finish(sets.put(version, body))["status"] == "Succeeded"
    sets.wait(4 * HOUR)
    assert sets.upgrades() == []
    body["properties"]["publishingProfile"]["excludeFromLatest"] = False
    assert sets.finish(sets.put(version, body))["status"] == "Succeeded"
    sets.until_ended()
    assert set(sets.images()) == {"1.0.1"}


def test_a_platform_image_is_followed_too(sets: Sets) -> None:
    storage = {"imageReference": UBUNTU, "osDisk": {"createOption": "FromImage"}}
    sets.create(2, automatic=AUTOMATIC, extensions=[HEALTH], profile={"storageProfile": storage})
    urn = "Canonical:ubuntu-24_04-lts:server"
    sets.call("POST", "/emulator/image-versions", {"image": urn, "version": "24.04.202607010", "after": 4 * HOUR})
    sets.until_ended()
    assert set(sets.images()) == {"24.04.202607010"}


def test_a_bad_image_gets_its_first_batch_back_and_stops(sets: Sets) -> None:
    sets.create(10, automatic=AUTOMATIC, extensions=[HEALTH])
    old = [each["properties"]["storageProfile"]["osDisk"]["name"] for each in sets.instances()]
    sets.fault(bad())
    sets.bring_out("1.0.1")
    sets.until_ended()
    entry = sets.history()[0]
    assert entry["runningStatus"]["code"] == "Faulted"
    assert entry["error"]["code"] == "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"
    assert entry["rollbackInfo"] == {"successfullyRolledbackInstanceCount": 2, "failedRolledbackInstanceCount": 0}
    assert entry["progress"]["failedInstanceCount"] == 2
    assert set(sets.images()) == {"1.0.0"}
    assert [each["properties"]["storageProfile"]["osDisk"]["name"] for each in sets.instances()] == old
    sets.wait(600)
    assert sets.health(0) == "HealthState/healthy"
    sets.wait(24 * HOUR)
    assert len(sets.history()) == 1


@pytest.mark.parametrize("fault", ["never_boots", "extension_fails"])
def test_other_bad_images_go_back_as_well(sets: Sets, fault: str) -> None:
    sets.create(5, automatic=AUTOMATIC, extensions=[script("setup"), HEALTH])
    sets.fault(bad(fault=fault))
    sets.bring_out("1.0.1")
    sets.until_ended()
    assert set(sets.images()) == {"1.0.0"}
    assert sets.history()[0]["rollbackInfo"]["successfullyRolledbackInstanceCount"] == 1


def test_a_slow_boot_is_waited_for(sets: Sets) -> None:
    sets.create(2, automatic=AUTOMATIC, extensions=[HEALTH])
    sets.fault(bad(fault="boots_slowly", seconds=900))
    sets.bring_out("1.0.1")
    sets.until_ended()
    assert set(sets.images()) == {"1.0.1"}


def test_without_rollback_failed_instances_keep_the_new_disk(sets: Sets) -> None:
    sets.create(5, automatic={**AUTOMATIC, "disableAutomaticRollback": True}, extensions=[HEALTH])
    sets.fault(bad())
    sets.bring_out("1.0.1")
    sets.until_ended()
    assert sets.images().count("1.0.1") == 1
    assert sets.history()[0]["rollbackInfo"]["successfullyRolledbackInstanceCount"] == 0


def test_a_policy_breach_can_roll_failed_instances_back(sets: Sets) -> None:
    sets.create(
        5,
        automatic={**AUTOMATIC, "disableAutomaticRollback": True},
        rolling={"rollbackFailedInstancesOnPolicyBreach": True},
        extensions=[HEALTH],
    )
    sets.fault(bad())
    sets.bring_out("1.0.1")
    sets.until_ended()
    assert set(sets.images()) == {"1.0.0"}
    assert (sets.latest()["runningStatus"]["code"], len(sets.upgrades())) == ("Faulted", 1)


def test_a_manual_start_upgrades_at_once_and_restores_nothing(sets: Sets) -> None:
    sets.create(5, extensions=[HEALTH])
    assert sets.do("osRollingUpgrade")["status"] == "Succeeded"
    assert sets.latest()["progress"]["successfulInstanceCount"] == 5
    sets.publish("1.0.1")
    sets.fault(bad())
    status = sets.do("osRollingUpgrade")
    assert status["error"]["code"] == "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"
    assert "First failed instance ID is: 0" in status["error"]["message"]
    assert sets.images() == ["1.0.1", "1.0.0", "1.0.0", "1.0.0", "1.0.0"]
    assert sets.history()[0]["startedBy"] == "User"
    sets.publish("1.0.2")
    sets.finish(sets.call("POST", f"{SET}/reimage", {"instanceIds": ["0"]}))
    sets.wait(300)
    assert sets.do("osRollingUpgrade")["status"] == "Succeeded"
    assert set(sets.images()) == {"1.0.2"}


def test_nothing_begins_while_too_many_are_unhealthy(sets: Sets) -> None:
    sets.create(5, extensions=[HEALTH])
    sets.publish("1.0.1")
    sets.do("powerOff", {"instanceIds": ["3", "4"]})
    status = sets.do("osRollingUpgrade")
    assert status["error"]["code"] == "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade"
    assert "40% of instances are in an unhealthy state" in status["error"]["message"]
    details = sets.latest()["error"]["details"]
    assert [each["target"] for each in details] == ["web/virtualMachines/3", "web/virtualMachines/4"]
    assert set(sets.images()) == {"1.0.0"}


def test_an_outage_in_the_middle_stops_the_upgrade_after_the_running_batch(sets: Sets) -> None:
    sets.create(10, extensions=[HEALTH])
    sets.publish("1.0.1")
    started = sets.call("POST", f"{SET}/osRollingUpgrade")
    sets.wait(60)
    assert sets.latest()["progress"]["inProgressInstanceCount"] == 2
    down = {"scaleSet": "web", "instanceIds": ["7", "8", "9"], "state": "Unhealthy"}
    assert sets.call("POST", "/emulator/instance-health", down).status == 200
    status = sets.finish(started)
    assert status["error"]["code"] == "MaxUnhealthyInstancePercentExceededInRollingUpgrade"
    assert sorted(set(sets.images())) == ["1.0.0", "1.0.1"]
    assert sets.images().count("1.0.1") == 2
    assert sets.latest()["progress"] == {
        "successfulInstanceCount": 2,
        "failedInstanceCount": 0,
        "inProgressInstanceCount": 0,
        "pendingInstanceCount": 8,
    }


def test_maintenance_that_passes_makes_batches_smaller_and_no_more(sets: Sets) -> None:
    sets.create(10, extensions=[HEALTH])
    sets.publish("1.0.1")
    down = {"scaleSet": "web", "instanceIds": ["9"], "state": "Unhealthy", "seconds": 500}
    sets.call("POST", "/emulator/instance-health", down)
    assert sets.do("osRollingUpgrade")["status"] == "Succeeded"
    assert len(sets.batches()[0]) == 1
    assert set(sets.images()) == {"1.0.1"}


def test_zones_are_not_mixed_unless_that_is_asked_for(sets: Sets) -> None:
    sets.create(9, rolling={"maxBatchInstancePercent": 34, "maxUnhealthyInstancePercent": 40}, zones=["1", "2", "3"])
    sets.publish("1.0.1")
    assert sets.do("osRollingUpgrade")["status"] == "Succeeded"
    assert sets.batches() == [["0", "3", "6"], ["1", "4", "7"], ["2", "5", "8"]]


def test_cancelling_finishes_the_batch_and_leaves_the_rest(sets: Sets) -> None:
    sets.create(5)
    sets.publish("1.0.1")
    started = sets.call("POST", f"{SET}/osRollingUpgrade")
    sets.wait(60)
    assert code(sets.call("POST", f"{SET}/osRollingUpgrade")) == "OperationNotAllowed"
    assert sets.do("rollingUpgrades/cancel")["status"] == "Succeeded"
    assert sets.finish(started)["status"] == "Canceled"
    assert sets.latest()["runningStatus"]["code"] == "Cancelled"
    assert sets.images().count("1.0.1") == 1


def test_opting_out_in_the_middle_ends_after_the_batch(sets: Sets) -> None:
    sets.create(5, automatic=AUTOMATIC, extensions=[HEALTH])
    sets.bring_out("1.0.1")
    while not sets.upgrades() or not sets.batches():
        sets.wait(10)
    refused = sets.patch({"virtualMachineProfile": {"extensionProfile": {"extensions": []}}})
    assert (refused.status, code(refused)) == (409, "OperationNotAllowed")
    off = sets.patch({"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": False}}})
    assert sets.finish(off)["status"] == "Succeeded"
    sets.until_ended()
    assert sets.latest()["runningStatus"]["code"] == "Cancelled"
    assert sets.images().count("1.0.1") == 1
    sets.wait(24 * HOUR)
    assert len(sets.upgrades()) == 1


def test_expired_credentials_leave_the_first_batch_failed_and_four_steps_recover_it(sets: Sets) -> None:
    url = "https://store.blob.core.windows.net/boot/setup.sh?sv=2022&sig=x&se={}"
    boot = script("boot", fileUris=[url.format("2026-01-13T02:00:00Z")])
    sets.create(5, mode="Automatic", automatic=AUTOMATIC, extensions=[boot, HEALTH])
    sets.wait(8 * HOUR)
    sets.bring_out("1.0.1")
    sets.until_ended()
    assert sets.history()[0]["error"]["details"][0]["code"] == "VMExtensionProvisioningError"
    assert sets.history()[0]["rollbackInfo"]["failedRolledbackInstanceCount"] == 1
    states = [each["properties"]["provisioningState"] for each in sets.instances()]
    assert states == ["Failed", "Succeeded", "Succeeded", "Succeeded", "Succeeded"]
    renewed = script("boot", fileUris=[url.format("2027-01-13T02:00:00Z")])
    update = sets.patch({"virtualMachineProfile": {"extensionProfile": {"extensions": [renewed, HEALTH]}}})
    assert sets.finish(update)["status"] == "Succeeded"
    assert {each["properties"]["provisioningState"] for each in sets.instances()} == {"Succeeded"}
    sets.wait(300)
    sets.wait(3 * HOUR)
    assert set(sets.images()) == {"1.0.1"}


def test_instances_may_come_while_an_upgrade_runs_and_not_go(sets: Sets) -> None:
    sets.create(5)
    sets.publish("1.0.1")
    started = sets.call("POST", f"{SET}/osRollingUpgrade")
    sets.wait(60)
    assert code(sets.call("PATCH", SET, {"sku": {"capacity": 4}})) == "OperationNotAllowed"
    assert sets.finish(sets.call("PATCH", SET, {"sku": {"capacity": 6}}))["status"] == "Succeeded"
    assert sets.finish(started)["status"] == "Succeeded"
    assert sets.images() == ["1.0.1"] * 6


def test_as_many_unhealthy_as_the_limit_allows_stop_nothing(sets: Sets) -> None:
    sets.create(5, extensions=[HEALTH])
    sets.publish("1.0.1")
    sets.do("powerOff", {"instanceIds": ["4"]})
    assert sets.do("osRollingUpgrade")["status"] == "Succeeded"
    assert sets.latest()["progress"]["successfulInstanceCount"] == 5


def test_a_version_that_failed_is_tried_again_after_a_write_of_the_set_only(sets: Sets) -> None:
    sets.create(5, automatic=AUTOMATIC, extensions=[script("one"), HEALTH])
    sets.finish(sets.patch({"virtualMachineProfile": {"extensionProfile": {"extensions": [script("two"), HEALTH]}}}))
    sets.fault(bad())
    sets.bring_out("1.0.1")
    sets.until_ended()
    assert not any(each["properties"]["latestModelApplied"] for each in sets.instances())
    sets.bring_out("1.0.9", excludeFromLatest=True)
    sets.wait(24 * HOUR)
    assert len(sets.upgrades()) == 1
    assert sets.call("DELETE", "/emulator/faults").status == 200
    sets.finish(sets.call("PATCH", SET, {"tags": {"try": "again"}}))
    sets.wait(24 * HOUR)
    assert [each["code"] for each in sets.upgrades()] == ["Faulted", "Completed"]
    assert all(each["properties"]["latestModelApplied"] for each in sets.instances())


def test_who_opts_out_of_a_deferred_upgrade_is_rid_of_it(sets: Sets) -> None:
    deferred = {**AUTOMATIC, "osRollingUpgradeDeferral": True}
    sets.create(2, automatic=deferred, extensions=[HEALTH])
    sets.bring_out("1.0.1")
    sets.wait(6 * HOUR)
    assert len(sets.upgrades()) == 1
    off = {**deferred, "enableAutomaticOSUpgrade": False}
    sets.finish(sets.patch({"upgradePolicy": {"automaticOSUpgradePolicy": off}}))
    sets.wait(120)
    assert sets.latest()["runningStatus"]["code"] == "Cancelled"
    assert sets.told()["metadataTags"] == {}


def test_applications_ask_for_their_place_in_order_or_to_be_left_out(sets: Sets) -> None:
    rich = {**HEALTH, "properties": {**HEALTH["properties"], "typeHandlerVersion": "2.0"}}
    wide = {"maxBatchInstancePercent": 100, "maxUnhealthyInstancePercent": 100}
    sets.create(5, rolling=wide, extensions=[rich])
    for number, asked in {"4": 0, "1": 1, "3": 1}.items():
        metrics = {"rollingUpgrade": {"PhaseOrderingNumber": asked}}
        asking = {"scaleSet": "web", "instanceIds": [number], "customMetrics": metrics}
        assert sets.call("POST", "/emulator/instance-health", asking).status == 200
    left_out = {"scaleSet": "web", "instanceIds": ["2"], "customMetrics": {"rollingUpgrade": {"SkipUpgrade": True}}}
    sets.call("POST", "/emulator/instance-health", left_out)
    assert sets.instance_view(2)["extensions"][0]["substatuses"][0]["code"] == "ComponentStatus/CustomMetrics/succeeded"
    sets.publish("1.0.1")
    assert sets.do("osRollingUpgrade")["status"] == "Succeeded"
    assert sets.batches() == [["4"], ["1", "3"], ["0"]]
    assert sets.images()[2] == "1.0.0"


def test_deferred_upgrades_wait_for_each_instance_to_be_approved(sets: Sets) -> None:
    sets.create(3, automatic={**AUTOMATIC, "osRollingUpgradeDeferral": True}, extensions=[HEALTH])
    sets.bring_out("1.0.1")
    sets.wait(6 * HOUR)
    shown = sets.get("/emulator/scale-sets").body["scaleSets"][SET]["metadataTags"]
    assert shown == {number: ["Platform.PendingOSUpgrade"] for number in "012"}
    assert set(sets.images()) == {"1.0.0"}
    sets.do("approveRollingUpgrade", {"instanceIds": ["1"]})
    sets.wait(HOUR)
    assert sets.images() == ["1.0.0", "1.0.1", "1.0.0"]
    sets.do("virtualMachines/0/approveRollingUpgrade")
    sets.wait(HOUR)
    sets.do("approveRollingUpgrade")
    sets.until_ended()
    assert (set(sets.images()), sets.latest()["runningStatus"]["code"]) == ({"1.0.1"}, "Completed")


def test_a_rolling_set_brings_a_new_model_batch_by_batch(sets: Sets) -> None:
    sets.balance()
    network = sets.body()["properties"]["virtualMachineProfile"]["networkProfile"]
    sets.create(
        4,
        mode="Rolling",
        rolling={"maxBatchInstancePercent": 50, "maxUnhealthyInstancePercent": 50, "pauseTimeBetweenBatches": "PT10M"},
        profile={"networkProfile": {**network, "healthProbe": {"id": PROBE}}},
        extensions=[script("one")],
    )
    began = sets.world.now
    extensions = {"extensions": [script("two")]}
    update = sets.patch({"virtualMachineProfile": {"extensionProfile": extensions}})
    assert sets.finish(update)["status"] == "Succeeded"
    assert sets.world.now - began > 600
    assert [len(each) for each in sets.batches()] == [2, 2]
    assert all(each["properties"]["latestModelApplied"] for each in sets.instances())
    assert (sets.upgrades()[-1]["kind"], sets.history()) == ("model", [])
    assert sets.do("extensionRollingUpgrade")["status"] == "Succeeded"


def test_max_surge_replaces_instances_by_new_ones(sets: Sets) -> None:
    sets.create(3, rolling={"maxSurge": True}, extensions=[HEALTH])
    sets.publish("1.0.1")
    assert sets.do("osRollingUpgrade")["status"] == "Succeeded"
    assert [each["instanceId"] for each in sets.instances()] == ["3", "4", "5"]
    assert set(sets.images()) == {"1.0.1"}


def test_max_surge_without_quota_upgrades_in_place() -> None:
    sets = Sets(quota={"cores": 7})
    sets.create(3, rolling={"maxSurge": True}, extensions=[HEALTH])
    sets.publish("1.0.1")
    assert sets.do("osRollingUpgrade")["status"] == "Succeeded"
    assert [each["instanceId"] for each in sets.instances()] == ["0", "1", "2"]
    assert set(sets.images()) == {"1.0.1"}


def test_service_fabric_goes_update_domain_by_update_domain(sets: Sets) -> None:
    fabric = {
        "name": "fabric",
        "properties": {
            "publisher": "Microsoft.Azure.ServiceFabric",
            "type": "ServiceFabricLinuxNode",
            "typeHandlerVersion": "1.1",
            "settings": {"durabilityLevel": "Silver", "nodeTypeRef": "nt0"},
        },
    }
    wide = {"maxBatchInstancePercent": 60, "maxUnhealthyInstancePercent": 60}
    sets.create(10, automatic=AUTOMATIC, rolling=wide, extensions=[fabric])
    sets.bring_out("1.0.1")
    sets.until_ended()
    assert sets.batches() == [["0", "5"], ["1", "6"], ["2", "7"], ["3", "8"], ["4", "9"]]


def test_the_history_keeps_five_attempts_of_two_months(sets: Sets) -> None:
    sets.create(1)
    for number in range(1, 8):
        sets.publish(f"1.0.{number}")
        sets.do("osRollingUpgrade")
    assert [each["targetImageReference"]["version"] for each in sets.history()] == [f"1.0.{n}" for n in (7, 6, 5, 4, 3)]
    sets.wait(61 * 86400)
    assert sets.history() == []


def test_a_set_that_names_a_version_cannot_be_rolled_to_the_latest(sets: Sets) -> None:
    storage = {"imageReference": {"id": f"{IMAGE}/versions/1.0.0"}, "osDisk": {"createOption": "FromImage"}}
    sets.create(1, profile={"storageProfile": storage})
    assert code(sets.call("POST", f"{SET}/osRollingUpgrade")) == "OperationNotAllowed"
    assert code(sets.call("POST", f"{SET}/rollingUpgrades/cancel")) == "OperationNotAllowed"
    assert sets.get(f"{SET}/rollingUpgrades/latest").status == 404


def _candidate(number: int, *, zone: str = "", healthy: bool = True) -> Candidate:
    return Candidate(str(number), number, zone, number % 5, 0, healthy)


@pytest.mark.parametrize(
    ("waiting", "total", "unhealthy", "policy", "wanted"),
    [
        ([], 5, 0, {}, []),
        ([_candidate(0), _candidate(1)], 2, 0, {}, ["0"]),
        ([_candidate(n) for n in range(10)], 10, 1, {}, ["0"]),
        ([_candidate(0), _candidate(1, healthy=False)], 10, 1, {"prioritizeUnhealthyInstances": True}, ["1", "0"]),
        ([_candidate(n, zone=str(n % 2)) for n in range(10)], 20, 0, {}, ["0", "2", "4", "6"]),
        ([_candidate(n, zone=str(n)) for n in range(3)], 15, 0, {"enableCrossZoneUpgrade": True}, ["0", "1", "2"]),
    ],
)
def test_the_next_batch(
    waiting: list[Candidate], total: int, unhealthy: int, policy: dict[str, Any], wanted: list[str]
) -> None:
    policy = {"maxBatchInstancePercent": 20, **policy}
    assert next_batch(waiting, total, unhealthy, policy, by_update_domain=False) == wanted
