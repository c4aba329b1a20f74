"""What the scenarios put up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator import guests, scale_set_control, scenario, scenario_hosts
from emulator.app import Emulator
from emulator.scenario_hosts import SUBSCRIPTION
from emulator.wire import Principal, Request
from emulator.world import Resource, World
from tests.emulator.avd.pool import GROUP, POOL, Pool


def _vms(world: World) -> list[Resource]:
    return list(world.under(f"/subscriptions/{SUBSCRIPTION}", "Microsoft.Compute/virtualMachines"))


def test_hosts_stand_on_disks_of_a_gallery_version_that_is_gone() -> None:
    pool = Pool()
    version = f"{GROUP}/providers/Microsoft.Compute/galleries/avd/images/win11/versions/1.0.0"
    assert pool.world.get(version) is None
    for vm in _vms(pool.world):
        profile = vm.body["properties"]["storageProfile"]
        assert profile["imageReference"]["id"] == version
        disk = pool.world.get(profile["osDisk"]["managedDisk"]["id"])
        assert disk is not None
        assert disk.body["properties"]["creationData"]["galleryImageReference"]["id"] == version
        assert disk.body["name"] == f"{vm.body['name']}_OsDisk_1_{disk.body['properties']['uniqueId'].replace('-', '')}"
        assert (disk.body["managedBy"], disk.body["properties"]["diskState"]) == (vm.id, "Attached")
    for name in ("win11-1.0.0", "win11-1.0.1"):
        assert pool.world.get(f"{GROUP}/providers/Microsoft.Compute/images/{name}") is not None


def test_hosts_have_what_a_rebuild_must_keep() -> None:
    pool = Pool(hosts=6)
    bodies = [vm.body for vm in _vms(pool.world)]
    assert [body["zones"] for body in bodies] == [["1"], ["2"], ["3"], ["1"], ["2"], ["3"]]
    luns = [[disk["lun"] for disk in body["properties"]["storageProfile"]["dataDisks"]] for body in bodies]
    assert luns == [[0, 3], [0], [0], [0], [0, 3], [0]]
    first = bodies[0]["properties"]
    assert bodies[0]["identity"]["type"] == "SystemAssigned, UserAssigned"
    assert first["securityProfile"]["securityType"] == "TrustedLaunch"
    assert first["licenseType"] == "Windows_Client"
    assert first["osProfile"]["windowsConfiguration"]["timeZone"] == "W. Europe Standard Time"
    extensions = [
        each.body["properties"]["type"] for each in pool.world.under(_vms(pool.world)[0].id, guests.EXTENSION_TYPE)
    ]
    assert extensions == ["AzureMonitorWindowsAgent", "GuestAttestation", "DSC", "JsonADDomainExtension"]
    addresses = [
        nic.body["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"]
        for nic in pool.world.under(GROUP, "Microsoft.Network/networkInterfaces")
    ]
    assert len(set(addresses)) == 6


def test_network_knows_its_addresses() -> None:
    pool = Pool(hosts=3)
    subnet = pool.call(
        "GET", f"{GROUP}/providers/Microsoft.Network/virtualNetworks/avd-vnet/subnets/hosts", version="2024-01-01"
    )
    assert subnet.body["properties"]["addressPrefix"] == "10.0.0.0/22"
    assert len(subnet.body["properties"]["ipConfigurations"]) == 3


def test_options_take_effect() -> None:
    pool = Pool(hosts=8, off=2, draining=1, host_groups=2, locks=1, vm_size="Standard_D8s_v5", max_session_limit=5)
    vms = _vms(pool.world)
    groups = {vm.id.split("/")[4] for vm in vms}
    assert groups == {"avd", "avd-hosts-2"}
    assert {vm.body["properties"]["hardwareProfile"]["vmSize"] for vm in vms} == {"Standard_D8s_v5"}
    records = {each["name"]: each["properties"] for each in pool.call("GET", f"{POOL}/sessionHosts").body["value"]}
    assert [records[f"hp1/vm-{n}.contoso.com"]["status"] for n in (5, 6, 7)] == ["Available", "Shutdown", "Shutdown"]
    assert records["hp1/vm-5.contoso.com"]["allowNewSession"] is False
    assert pool.call("GET", POOL).body["properties"]["maxSessionLimit"] == 5
    locked = pool.call("DELETE", vms[0].id, version="2024-07-01")
    assert (locked.status, locked.body["error"]["code"]) == (409, "ScopeLocked")


def test_parts_lie_in_groups_of_their_own_when_asked() -> None:
    pool = Pool(hosts=2, apart=True)
    groups = {key.split("/")[4] for key in pool.world.resources if "/resourcegroups/" in key}
    assert groups == {"avd", "avd-hosts", "avd-network", "avd-images"}
    assert {vm.id.split("/")[4] for vm in _vms(pool.world)} == {"avd-hosts"}
    assert "/avd-images/" in json.loads(pool.call("GET", POOL).body["properties"]["vmTemplate"])["customImageId"]


def test_vm_template_is_a_json_string() -> None:
    template = json.loads(Pool(hosts=1).call("GET", POOL).body["properties"]["vmTemplate"])
    assert template["vmSize"]["id"] == "Standard_D4s_v5"
    assert template["customImageId"].endswith("/versions/1.0.0")


def test_updater_has_no_role_and_deployer_is_owner() -> None:
    pool = Pool(hosts=1)
    assert pool.call("GET", POOL).status == 200
    updater = scenario.UPDATER
    who = Principal(updater["object_id"], updater["client_id"], "updater")
    answer = pool.emulator.handle(Request("GET", POOL, {"api-version": "2024-04-03"}, principal=who))
    assert (answer.status, answer.body["error"]["code"]) == (403, "AuthorizationFailed")


@pytest.mark.parametrize(("name", "kind"), [("personal", "Personal"), ("pooled", "Pooled")])
def test_kinds_of_pool(name: str, kind: str) -> None:
    assert Pool(name, hosts=2).call("GET", POOL).body["properties"]["hostPoolType"] == kind


def test_pool_without_hosts_and_cloud_without_pool() -> None:
    assert Pool("no-hosts").call("GET", f"{POOL}/sessionHosts").body["value"] == []
    empty = Pool("empty")
    assert empty.call("GET", POOL).status == 404
    assert empty.call("GET", GROUP, version="2021-04-01").status == 200


def test_large_pool_fits_its_network_and_quota() -> None:
    world = scenario.build("pooled", {"hosts": 1500, "users": 0})
    subnet = world.get(f"{GROUP}/providers/Microsoft.Network/virtualNetworks/avd-vnet/subnets/hosts")
    assert subnet is not None
    assert len(_vms(world)) == 1500
    assert subnet.body["properties"]["addressPrefix"] == "10.0.0.0/21"
    assert world.sections["settings"]["quota"]["cores"] >= 1500 * 4


def test_same_options_same_world() -> None:
    one, two = scenario.build("pooled", {"hosts": 3}), scenario.build("pooled", {"hosts": 3})
    assert {key: each.body for key, each in one.resources.items()} == {
        key: each.body for key, each in two.resources.items()
    }


def test_a_large_pool_has_quota_for_half_as_many_machines_again() -> None:
    assert scenario_hosts.quota("Standard_D4s_v5", 10_000) == {"cores": 60_000, "standardDSv5Family": 60_000}
    assert scenario_hosts.quota("Standard_D4s_v5", 12)["standardDSv5Family"] == 10_000


def test_a_scale_set_is_at_work_and_upgrades_itself_to_what_comes() -> None:
    options = {
        "instances": 6,
        "zones": 3,
        "health": "rich",
        "automatic_os_upgrade": True,
        "versions": "1.0.1@3600 1.0.2@90000",
        "bad_versions": "1.0.1:unhealthy",
    }
    emulator = Emulator(scenario.build("scale-set", options))
    told = scale_set_control.describe(emulator.world)
    [(set_id, shown)] = told.items()
    assert scenario.summary(emulator.world)["scaleSets"] == [set_id]
    assert [(each["image"], each["healthy"]) for each in shown["instances"]] == [("1.0.0", True)] * 6
    emulator.advance(emulator.world.now + 86400)
    after = scale_set_control.describe(emulator.world)[set_id]
    assert [each["code"] for each in after["upgrades"]] == ["Faulted"]
    assert {each["image"] for each in after["instances"]} == {"1.0.0"}
    emulator.advance(emulator.world.now + 86400)
    after = scale_set_control.describe(emulator.world)[set_id]
    assert {(each["image"], each["healthy"]) for each in after["instances"]} == {("1.0.2", True)}


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"health": "none", "mode": "Rolling"}, "need a health source"),
        ({"versions": "1.0.1"}, "'1.0.1' is not like 1.0.1@3600"),
        ({"bad_versions": "1.0.1:odd"}, "is not like 1.0.1:unhealthy"),
        ({"zones": 4}, "zones is a number from 0 to 3"),
    ],
)
def test_a_scale_set_that_cannot_be_is_refused(options: dict[str, Any], wanted: str) -> None:
    with pytest.raises(scenario.ScenarioError, match=wanted):
        scenario.build("scale-set", options)
