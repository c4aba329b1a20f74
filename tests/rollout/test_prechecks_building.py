"""Pre-checks of the room for temporary machines."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from rollout.images import Image
from rollout.prechecks.network import Subnet
from tests.support.fake_azure import SKU, FakeAzure, usage
from tests.support.observed import GROUP, SUBNET, SUBSCRIPTION, Body, host, image, pool
from tests.support.prechecked import ids, only

BUILD = f"{SUBSCRIPTION}/resourceGroups/build"
HOSTS = [host(f"vm-{n}") for n in range(10)]


def subnet(prefix: str, used: int) -> Body:
    return {
        "id": SUBNET,
        "properties": {"addressPrefix": prefix, "ipConfigurations": [{"id": str(n)} for n in range(used)]},
    }


def sku(name: str = "Standard_D4s_v5", *, zones: tuple[str, ...] = ("1", "2", "3"), **capabilities: str) -> Body:
    made = copy.deepcopy(SKU)
    made["name"] = name
    made["locationInfo"][0]["zones"] = list(zones)
    kept = [c for c in made["capabilities"] if c["name"] not in capabilities]
    made["capabilities"] = kept + [{"name": key, "value": value} for key, value in capabilities.items()]
    return made


def restricted(kind: str, **info: Any) -> Body:
    return {
        **sku(),
        "restrictions": [{"type": kind, "reasonCode": "NotAvailableForSubscription", "restrictionInfo": info}],
    }


@pytest.mark.parametrize(
    ("body", "free"),
    [
        (subnet("10.0.0.0/24", 0), 251),
        (subnet("10.0.0.0/28", 6), 5),
        (subnet("10.0.0.0/29", 9), 0),
        ({"properties": {"addressPrefixes": ["10.0.0.0/29", "fd00::/64", "10.0.1.0/29"]}}, 6),
    ],
)
def test_azure_keeps_five_addresses_of_each_subnet(body: Body, free: int) -> None:
    assert Subnet(SUBNET, body, 1).free == free


@pytest.mark.parametrize(
    ("inputs", "used", "wanted"),
    [
        ({"max_unavailable": 2}, 7, []),
        ({"max_unavailable": 2}, 8, ["subnet-full"]),
        ({"max_unavailable": 2, "max_building": 3}, 8, []),
        ({"max_unavailable": 3, "build": "after_deallocate"}, 8, []),
        ({"max_unavailable": 3, "build": "after_deallocate"}, 9, ["subnet-full"]),
    ],
)
async def test_temporary_machines_need_addresses(inputs: dict[str, Any], used: int, wanted: list[str]) -> None:
    assert await ids(pool(HOSTS), FakeAzure(subnet=subnet("10.0.0.0/28", used)), **inputs) == wanted


async def test_a_full_subnet_names_the_property_and_a_value_that_fits() -> None:
    fake = FakeAzure(subnet=subnet("10.0.0.0/28", 8))
    found = await only(pool(HOSTS), fake, max_building=7)
    assert found.subject == "max_building: '7'" and "max_building: 3" in found.remedy
    assert (
        await only(pool(HOSTS), fake, max_unavailable=2)
    ).subject == "max_building: '4' (default, twice max_unavailable)"
    fake.subnet = subnet("10.0.0.0/28", 11)
    assert "build_subnet_id with free addresses" in (await only(pool(HOSTS), fake)).remedy


async def test_no_more_machines_are_counted_than_there_are_hosts_to_build_for() -> None:
    hosts = [host("vm-0"), *(host(f"done-{n}", runs="1.0.1") for n in range(9))]
    assert await ids(pool(hosts), FakeAzure(subnet=subnet("10.0.0.0/28", 10)), max_unavailable=5) == []


async def test_the_declared_subnet_is_asked_and_must_exist() -> None:
    other = f"{SUBNET}-build"
    fake = FakeAzure()
    assert await ids(pool(HOSTS), fake, build_subnet_id=other) == []
    assert f"get_subnet {other}" in fake.calls and not any(call.startswith("get_nic") for call in fake.calls)
    assert await ids(pool(HOSTS), FakeAzure(subnet=None), build_subnet_id=other) == ["subnet-missing"]


async def test_the_build_group_must_exist() -> None:
    found = await only(pool(HOSTS), FakeAzure(), build_resource_group_id=BUILD)
    assert found.id == "build-group-missing" and "az group create --name build --location westeurope" in found.remedy
    assert await ids(pool(HOSTS), FakeAzure(groups={GROUP, BUILD}), build_resource_group_id=BUILD) == []


async def test_new_disks_need_a_local_administrator() -> None:
    assert await ids(pool(HOSTS), local_admin=None) == ["no-local-admin"]


@pytest.mark.parametrize(
    ("usages", "wanted"),
    [
        ([usage("cores", 92, 100), usage("standardDSv5Family", 0, 100)], []),
        ([usage("cores", 93, 100), usage("standardDSv5Family", 0, 100)], ["quota"]),
        ([usage("cores", 0, 100), usage("StandardDSv5Family", 93, 100)], ["quota"]),
        ([usage("cores", 0, 100), usage("virtualMachines", 99, 100)], ["quota"]),
    ],
    ids=["fits", "region", "family", "machines"],
)
async def test_temporary_machines_need_quota(usages: list[Body], wanted: list[str]) -> None:
    assert await ids(pool(HOSTS), FakeAzure(usages=usages)) == wanted


@pytest.mark.parametrize(
    ("kind", "quota", "limit", "wanted"),
    [
        ("Premium_LRS", "PremiumDiskCount", 60, []),
        ("Premium_LRS", "premiumdiskcount", 59, ["disk-quota"]),
        ("Premium_LRS", "StandardSSDDiskCount", 50, []),
        ("StandardSSD_LRS", "StandardSSDDiskCount", 59, ["disk-quota"]),
        ("Standard_LRS", "StandardDiskCount", 59, ["disk-quota"]),
        ("Premium_ZRS", "PremiumZRSDiskCount", 59, ["disk-quota"]),
    ],
)
async def test_every_host_has_two_disks_until_the_run_ends(
    kind: str, quota: str, limit: int, wanted: list[str]
) -> None:
    hosts = [host(f"vm-{n}", disk={"sku": {"name": kind}}) for n in range(10)]
    assert await ids(pool(hosts), FakeAzure(usages=[usage(quota, 50, limit)])) == wanted
    declared = await ids(pool(HOSTS), FakeAzure(usages=[usage(quota, 50, limit)]), os_disk_type=kind)
    assert declared == wanted


async def test_too_little_quota_names_what_fits() -> None:
    found = await only(pool(HOSTS), FakeAzure(usages=[usage("cores", 93, 100)]), max_building=4)
    assert found.subject == "max_building: '4'" and "need 16 of quota cores" in found.problem
    assert "declare max_building: 1" in found.remedy


@pytest.mark.parametrize(
    ("skus", "inputs", "target", "wanted"),
    [
        ([], {}, image(), "size-unknown"),
        ([sku()], {"vm_size": "Standard_D4s_v9"}, image(), "size-unknown"),
        ([restricted("Location")], {}, image(), "size-restricted"),
        ([restricted("Zone", zones=["1"])], {}, image(), "size-not-in-zone"),
        ([sku(zones=("2", "3"))], {}, image(), "size-not-in-zone"),
        ([sku(HyperVGenerations="V1")], {}, image(), "size-generation"),
        ([sku(CpuArchitectureType="Arm64")], {}, image(), "size-architecture"),
        ([sku(PremiumIO="False")], {"os_disk_type": "Premium_ZRS"}, image(), "size-without-premium"),
        ([sku(TrustedLaunchDisabled="True")], {}, image(), "size-without-trusted-launch"),
        (
            [sku(), sku("Standard_D4ds_v5", MaxResourceVolumeMB="153600")],
            {"vm_size": "Standard_D4ds_v5"},
            image(),
            "size-temporary-disk",
        ),
    ],
)
async def test_the_size_must_be_there_and_fit(
    skus: list[Body], inputs: dict[str, Any], target: Image, wanted: str
) -> None:
    found = await only(pool([host("vm-0"), host("vm-1")]), FakeAzure(skus=skus), target, **inputs)
    assert found.id == wanted and found.remedy


async def test_a_size_in_another_case_is_the_same() -> None:
    assert await ids(pool(HOSTS), vm_size="standard_d4S_V5") == []
