"""Scale sets: models, instances, what is done to them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.arm_client import code, message
from tests.emulator.compute.sets import BALANCER, HEALTH, PROBE, SET, Sets, script


@pytest.fixture
def sets() -> Sets:
    return Sets()


def test_a_set_makes_its_instances_with_disks_and_runs_their_extensions_in_order(sets: Sets) -> None:
    extensions = [script("late", "early", "health"), script("early"), HEALTH]
    data = {
        "osProfile": {
            "computerNamePrefix": "web",
            "adminUsername": "u",
            "adminPassword": "Secret-Pass-1",
            "customData": "eA==",
        }
    }
    created = sets.put(SET, sets.body(3, extensions=extensions, profile=data, zones=["1", "2"]))
    assert (created.status, created.headers.find("Retry-After")) == (201, "10")
    assert created.body["properties"]["provisioningState"] == "Creating"
    assert "customData" not in created.body["properties"]["virtualMachineProfile"]["osProfile"]
    assert sets.finish(created)["status"] == "Succeeded"
    assert [each["name"] for each in sets.instances()] == ["web_0", "web_1", "web_2"]
    assert [each["zones"] for each in sets.instances()] == [["1"], ["2"], ["1"]]
    assert [each["properties"]["osProfile"]["computerName"] for each in sets.instances()][2] == "web000002"
    assert all(each["properties"]["latestModelApplied"] for each in sets.instances())
    for name in ("osDisk", "dataDisks"):
        disk = sets.instances()[0]["properties"]["storageProfile"][name]
        shown = sets.get((disk if name == "osDisk" else disk[0])["managedDisk"]["id"]).body
        assert shown["managedBy"] == f"{SET}/virtualMachines/0"
    ran = sets.instance(0).hidden["extensions"]
    assert ran["late"]["began"] >= max(ran["early"]["ended"], ran["health"]["ended"])
    sets.wait(120)
    assert sets.health(0) == "HealthState/healthy"
    assert sets.get(f"{SET}/instanceView").body["extensions"][0]["statusesSummary"] == [
        {"code": "ProvisioningState/succeeded", "count": 3}
    ]


def test_a_manual_set_leaves_its_instances_on_the_old_model_until_they_are_upgraded(sets: Sets) -> None:
    sets.create(2, extensions=[script("one")])
    os_disk = sets.instances()[0]["properties"]["storageProfile"]["osDisk"]["name"]
    sets.finish(sets.patch({"virtualMachineProfile": {"extensionProfile": {"extensions": [script("two")]}}}))
    assert [each["properties"]["latestModelApplied"] for each in sets.instances()] == [False, False]
    assert sets.do("manualupgrade", {"instanceIds": ["1"]})["status"] == "Succeeded"
    assert [each["properties"]["latestModelApplied"] for each in sets.instances()] == [False, True]
    assert set(sets.instance(1).hidden["extensions"]) == {"two"}
    assert sets.instances()[0]["properties"]["storageProfile"]["osDisk"]["name"] == os_disk


def test_a_model_with_another_image_replaces_os_disks_and_keeps_data_disks(sets: Sets) -> None:
    sets.create(2, mode="Automatic")
    before = [each["properties"]["storageProfile"] for each in sets.instances()]
    sets.publish("1.0.1")
    image = {"imageReference": {"id": f"{SET.rsplit('/virtual', 1)[0]}/galleries/gallery/images/web/versions/1.0.1"}}
    sets.finish(sets.patch({"virtualMachineProfile": {"storageProfile": image}}))
    after = [each["properties"]["storageProfile"] for each in sets.instances()]
    assert sets.images() == ["1.0.1", "1.0.1"]
    assert [each["dataDisks"] for each in after] == [each["dataDisks"] for each in before]
    assert sets.get(before[0]["osDisk"]["managedDisk"]["id"]).status == 404
    assert sets.get(after[0]["osDisk"]["managedDisk"]["id"]).body["managedBy"].endswith("/0")


def test_a_reimage_takes_the_newest_version_and_runs_everything_again(sets: Sets) -> None:
    sets.create(2, extensions=[script("one")])
    sets.publish("1.0.1")
    first = sets.instance(0).hidden["extensions"]["one"]["ended"]
    assert sets.do("reimage", {"instanceIds": ["0"]})["status"] == "Succeeded"
    assert sets.images() == ["1.0.1", "1.0.0"]
    assert sets.instance(0).hidden["extensions"]["one"]["ended"] > first


def test_power_scaling_and_deletion(sets: Sets) -> None:
    sets.create(2)
    sets.do("deallocate", {"instanceIds": ["1"]})
    assert sets.instance_view(1)["statuses"][-1]["code"] == "PowerState/deallocated"
    sets.do("start")
    assert sets.instance_view(1)["statuses"][-1]["code"] == "PowerState/running"
    sets.finish(sets.call("PATCH", SET, {"sku": {"capacity": 3}}))
    assert [each["instanceId"] for each in sets.instances()] == ["0", "1", "2"]
    sets.do("delete", {"instanceIds": ["0"]})
    assert [each["instanceId"] for each in sets.instances()] == ["1", "2"]
    assert sets.get(SET).body["sku"]["capacity"] == 2
    disk = sets.instances()[0]["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"]
    assert sets.finish(sets.delete(SET))["status"] == "Succeeded"
    assert (sets.get(SET).status, sets.get(disk).status, sets.delete(SET).status) == (404, 404, 204)


def test_work_in_progress_conflicts_and_unknown_instances_are_refused(sets: Sets) -> None:
    sets.create(2)
    assert code(sets.call("POST", f"{SET}/manualupgrade", {"instanceIds": ["7"]})) == "InvalidParameter"
    assert sets.call("POST", f"{SET}/restart").status == 202
    assert code(sets.call("POST", f"{SET}/restart")) == "Conflict"


def test_an_extension_whose_credentials_have_run_out_fails_its_instances_until_the_model_has_new_ones(
    sets: Sets,
) -> None:
    sas = "https://store.blob.core.windows.net/boot/setup.sh?sv=2022&se={}&sig=x"
    old, new = sas.format("2026-01-01T00:00:00Z"), sas.format("2027-01-01T00:00:00Z")
    created = sets.put(SET, sets.body(2, mode="Automatic", extensions=[script("boot", fileUris=[old])]))
    assert sets.finish(created)["error"]["code"] == "VMExtensionProvisioningError"
    assert {each["properties"]["provisioningState"] for each in sets.instances()} == {"Failed"}
    update = sets.patch(
        {"virtualMachineProfile": {"extensionProfile": {"extensions": [script("boot", fileUris=[new])]}}}
    )
    assert sets.finish(update)["status"] == "Succeeded"
    assert {each["properties"]["provisioningState"] for each in sets.instances()} == {"Succeeded"}


def test_a_load_balancer_probe_is_the_health_of_a_set_and_keeps_the_balancer(sets: Sets) -> None:
    sets.balance()
    network = sets.body()["properties"]["virtualMachineProfile"]["networkProfile"]
    sets.create(1, mode="Rolling", profile={"networkProfile": {**network, "healthProbe": {"id": PROBE}}})
    assert sets.health(0) == "HealthState/healthy"
    sets.do("powerOff")
    assert sets.health(0) == "HealthState/unhealthy"
    assert sets.delete(BALANCER).status == 400


AUTOMATIC = {"enableAutomaticOSUpgrade": True}
WINDOWS = {
    "storageProfile": {
        "imageReference": {
            "publisher": "MicrosoftWindowsServer",
            "offer": "WindowsServer",
            "sku": "2022-datacenter-azure-edition",
            "version": "latest",
        },
        "osDisk": {"createOption": "FromImage"},
    }
}
DESKTOP = {
    "storageProfile": {
        "imageReference": {
            "publisher": "MicrosoftWindowsDesktop",
            "offer": "windows-11",
            "sku": "win11-24h2-avd",
            "version": "latest",
        },
        "osDisk": {"createOption": "FromImage"},
    }
}
FABRIC = {
    "name": "fabric",
    "properties": {
        "publisher": "Microsoft.Azure.ServiceFabric",
        "type": "ServiceFabricLinuxNode",
        "typeHandlerVersion": "1.0",
        "settings": {"durabilityLevel": "Silver", "nodeTypeRef": "nt0"},
    },
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "rolling without a health source": ({"mode": "Rolling"}, "a health probe or health extension was not provided"),
    "automatic without a health source": ({"automatic": AUTOMATIC}, "health extension was not specified"),
    "both health sources": ({"automatic": AUTOMATIC, "extensions": [HEALTH], "probe": True}, "both a health probe and"),
    "windows updates": ({"automatic": AUTOMATIC, "extensions": [HEALTH], "profile": WINDOWS}, "APIversion 2019-03-01"),
    "client windows": ({"automatic": AUTOMATIC, "extensions": [HEALTH], "profile": DESKTOP}, "with a Platform Image"),
    "percent": ({"rolling": {"maxBatchInstancePercent": 4}}, "between '5' and '100'"),
    "batch above unhealthy": ({"rolling": {"maxBatchInstancePercent": 50}}, "must not be less"),
    "pause": ({"rolling": {"pauseTimeBetweenBatches": "5 minutes"}}, "pauseTimeBetweenBatches' is invalid"),
    "mode": ({"mode": "automatic"}, "upgradePolicy.mode is invalid"),
    "old fabric": ({"automatic": AUTOMATIC, "extensions": [FABRIC]}, "less than 1.1"),
    "surge of flexible": (
        {
            "automatic": AUTOMATIC,
            "rolling": {"maxSurge": True},
            "extensions": [HEALTH],
            "orchestrationMode": "Flexible",
        },
        "MaxSurge is not supported",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_azure_refuses(sets: Sets, name: str) -> None:
    options, wanted = dict(REFUSED[name][0]), REFUSED[name][1]
    if options.pop("probe", False):
        sets.balance()
        network = sets.body()["properties"]["virtualMachineProfile"]["networkProfile"]
        options["profile"] = {"networkProfile": {**network, "healthProbe": {"id": PROBE}}}
    answer = sets.put(SET, sets.body(2, **options))
    assert answer.status == 400, answer.body
    assert wanted in message(answer)


def test_older_api_versions_do_not_know_newer_members(sets: Sets) -> None:
    body = sets.body(1, automatic={"enableAutomaticOSUpgrade": False})
    assert "automaticOSUpgradePolicy" in message(sets.put(SET, body, version="2018-06-01"))
    assert sets.put(SET, body, version="2018-10-01").status == 201
    hooks = {"lifecycleHooksProfile": {"lifecycleHooks": [{"type": "UpgradeAutoOSScheduling", "waitDuration": "PT8H"}]}}
    assert "lifecycleHooksProfile" in message(sets.patch(hooks, version="2025-04-01"))
    windows = {
        **WINDOWS,
        "osProfile": {"computerNamePrefix": "w", "adminUsername": "u", "adminPassword": "Secret-Pass-1"},
    }
    older = sets.body(0, automatic=AUTOMATIC, extensions=[HEALTH], profile=windows)
    assert sets.put(f"{SET}2", older, version="2018-10-01").status == 201


def test_multiple_placement_groups_need_a_standard_load_balancer(sets: Sets) -> None:
    sets.balance("Basic")
    network = sets.body()["properties"]["virtualMachineProfile"]["networkProfile"]
    profile = {"networkProfile": {**network, "healthProbe": {"id": PROBE}}}
    refused = sets.put(SET, sets.body(1, mode="Rolling", profile=profile, singlePlacementGroup=False))
    assert "Use a Standard load balancer" in message(refused)


def test_rich_health_is_initializing_then_unknown_until_the_application_answers(sets: Sets) -> None:
    rich = {**HEALTH, "properties": {**HEALTH["properties"], "typeHandlerVersion": "2.0"}}
    rich["properties"]["settings"] = {"protocol": "http", "port": 80, "requestPath": "/", "gracePeriod": 60}
    created = sets.put(SET, sets.body(1, extensions=[rich]))
    sets.finish(created)
    ready = sets.instance(0).hidden
    ready["app_ready_at"] = sets.world.now + 120
    assert sets.health(0) == "HealthState/initializing"
    sets.wait(90)
    assert sets.health(0) == "HealthState/unknown"
    sets.wait(60)
    assert sets.health(0) == "HealthState/healthy"
    outage = {"scaleSet": "web", "state": "Unhealthy", "seconds": 60}
    assert sets.call("POST", "/emulator/instance-health", outage).body == {"instances": ["0"]}
    assert sets.health(0) == "HealthState/healthy"
    sets.wait(10)
    assert sets.health(0) == "HealthState/unhealthy"
    sets.wait(60)
    assert sets.health(0) == "HealthState/healthy"


def test_the_state_of_the_emulator_shows_instances(sets: Sets) -> None:
    sets.create(1)
    shown = sets.get("/emulator/state").body["resources"][f"{SET}/virtualMachines/0".lower()]
    assert shown["properties"]["latestModelApplied"] is True


def test_a_set_of_flexible_orchestration_knows_its_instances_by_name(sets: Sets) -> None:
    sets.create(2, orchestrationMode="Flexible", extensions=[HEALTH])
    names = [each["name"] for each in sets.instances()]
    assert all(name.startswith("web_") and len(name) == len("web_") + 8 for name in names)
    refused = sets.call("POST", f"{SET}/manualupgrade", {"instanceIds": ["*"]})
    assert (refused.status, code(refused), message(refused)) == (
        409,
        "OperationNotAllowed",
        "Operation 'VirtualMachineScaleSets.ManualUpgrade.POST' is not allowed on Virtual Machine Scale Set 'web'.",
    )
    sets.publish("1.0.1")
    assert sets.do("osRollingUpgrade")["status"] == "Succeeded"
    assert set(sets.images()) == {"1.0.1"}
