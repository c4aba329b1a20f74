"""Sizes, quota, platform images: recordings compute-usages-list, compute-vm-image-catalog, error-409-quota-exceeded."""

from __future__ import annotations

import pytest

from emulator.compute import catalog
from emulator.wire import ArmError
from tests.emulator.arm_client import COMPUTE, LOCATION, SCOPE, Client, code

PROVIDER = f"{SCOPE}/providers/Microsoft.Compute"
OFFICE = "MicrosoftWindowsDesktop", "office-365", "win11-24h2-avd-m365"
VERSIONS = (
    f"{PROVIDER}/locations/{LOCATION}/publishers/{OFFICE[0]}/artifacttypes/vmimage/offers/{OFFICE[1]}"
    f"/skus/{OFFICE[2]}/versions"
)


def machine(azure: Client, name: str, size: str, location: str = LOCATION) -> None:
    path = f"{COMPUTE}/virtualMachines/{name}"
    body = {"type": catalog.VM, "location": location, "properties": {"hardwareProfile": {"vmSize": size}}}
    azure.world.put(path, body)


def test_usages_count_machines_of_the_region(azure: Client) -> None:
    machine(azure, "a", "Standard_D4s_v5")
    machine(azure, "b", "standard_d8S_v5")
    machine(azure, "c", "Standard_D4s_v5", "northeurope")
    rows = azure.get(f"{PROVIDER}/locations/{LOCATION}/usages").body["value"]
    assert set(rows[0]) == {"limit", "unit", "currentValue", "name"}
    found = {row["name"]["value"]: row for row in rows}
    assert found["cores"]["name"]["localizedValue"] == "Total Regional vCPUs"
    assert (found["cores"]["currentValue"], found["virtualMachines"]["currentValue"]) == (12, 2)
    assert found["standardDSv5Family"]["currentValue"] == 12
    assert found["standardDSv5Family"]["name"]["localizedValue"] == "Standard DSv5 Family vCPUs"


def test_quota_refuses_in_azures_words_and_counts_a_resize_once() -> None:
    azure = Client(quota={"cores": 10})
    machine(azure, "a", "Standard_D8s_v5")
    with pytest.raises(ArmError) as caught:
        catalog.require_quota(azure.world, LOCATION, "Standard_D4s_v5")
    assert (caught.value.status, caught.value.code) == (409, "OperationNotAllowed")
    assert caught.value.message == (
        "Operation results in exceeding quota limits of Core. Maximum allowed: 10, Current in use: 8, Additional "
        "requested: 4. Please read more about quota increase at http://aka.ms/corequotaincrease."
    )
    catalog.require_quota(azure.world, LOCATION, "Standard_D2s_v5")
    catalog.require_quota(azure.world, LOCATION, "Standard_D8ds_v5", replaces="Standard_D8s_v5")


def test_skus_of_a_region_say_what_a_size_can_do(azure: Client) -> None:
    query = f"?$filter=location eq '{LOCATION}'"
    skus = azure.get(f"{PROVIDER}/skus{query}").body["value"]
    assert {sku["locations"][0] for sku in skus} == {LOCATION}
    size = next(sku for sku in skus if sku["name"] == "Standard_D4s_v5")
    capabilities = {c["name"]: c["value"] for c in size["capabilities"]}
    assert (capabilities["vCPUs"], capabilities["HyperVGenerations"]) == ("4", "V1,V2")
    assert (capabilities["PremiumIO"], capabilities["EphemeralOSDiskSupported"]) == ("True", "False")
    assert "TrustedLaunchDisabled" not in capabilities
    assert size["locationInfo"][0]["zones"] == ["1", "2", "3"]
    assert size["restrictions"] == []
    old = next(sku for sku in skus if sku["name"] == "Standard_M64s")
    assert {"name": "TrustedLaunchDisabled", "value": "True"} in old["capabilities"]


def test_all_regions_come_in_pages(azure: Client) -> None:
    first = azure.get(f"{PROVIDER}/skus").body
    assert len(first["value"]) == 1000
    second = azure.get(first["nextLink"]).body
    assert second["value"] and second["value"][0] != first["value"][0]


def test_a_restricted_size_is_shown_and_refused() -> None:
    azure = Client(restricted_sizes={"Standard_B2s": [LOCATION]})
    query = f"?$filter=location eq '{LOCATION}'"
    skus = azure.get(f"{PROVIDER}/skus{query}").body["value"]
    size = next(sku for sku in skus if sku["name"] == "Standard_B2s")
    assert size["restrictions"][0]["reasonCode"] == "NotAvailableForSubscription"
    with pytest.raises(ArmError, match="SkuNotAvailable"):
        catalog.require_size(azure.world, LOCATION, "Standard_B2s", "vm")
    with pytest.raises(ArmError, match="InvalidParameter"):
        catalog.require_size(azure.world, LOCATION, "Standard_Nothing", "vm")
    assert catalog.require_size(azure.world, "northeurope", "Standard_B2s", "vm").cores == 2


def test_a_size_may_be_restricted_in_a_zone() -> None:
    azure = Client(restricted_zones={"Standard_B2s": ["2"]})
    skus = azure.get(f"{PROVIDER}/skus?$filter=location eq '{LOCATION}'").body["value"]
    [restriction] = next(sku for sku in skus if sku["name"] == "Standard_B2s")["restrictions"]
    assert (restriction["type"], restriction["restrictionInfo"]["zones"]) == ("Zone", ["2"])
    with pytest.raises(ArmError, match="SkuNotAvailable"):
        catalog.require_size(azure.world, LOCATION, "Standard_B2s", "vm", ["2"])
    assert catalog.require_size(azure.world, LOCATION, "Standard_B2s", "vm", ["1"]).cores == 2


def test_the_catalog_lists_are_bare_arrays(azure: Client) -> None:
    publishers = azure.get(f"{PROVIDER}/locations/{LOCATION}/publishers").body
    one = next(p for p in publishers if p["name"] == OFFICE[0])
    assert one["id"].startswith("/Subscriptions/") and one["id"].endswith(f"/Publishers/{OFFICE[0]}")
    versions = azure.get(VERSIONS).body
    assert [set(v) for v in versions] == [{"location", "name", "id"}] * 2
    newest = azure.get(f"{VERSIONS}?$top=1&$orderby=name desc").body
    assert [v["name"] for v in newest] == [versions[-1]["name"]]
    expanded = azure.get(f"{VERSIONS}?$expand=properties/imageDeprecationStatus").body[0]["properties"]
    assert set(expanded) == {
        "imageDeprecationStatus",
        "hyperVGeneration",
        "architecture",
        "replicaType",
        "replicaCount",
        "goLiveDate",
    }
    assert code(azure.get(VERSIONS.replace("office-365", "none"))) == "NotFound"


def test_latest_is_the_newest_version_and_a_setting_publishes_one() -> None:
    azure = Client(platform_versions={":".join(OFFICE): ["26100.10000.251212"]})
    found = catalog.platform_image(azure.world, LOCATION, *OFFICE, "latest")
    assert found is not None
    assert (found["version"], found["generation"], found["security_types"]) == (
        "26100.10000.251212",
        "V2",
        ["TrustedLaunch"],
    )
    assert azure.get(f"{VERSIONS}/latest").body["name"] == "26100.10000.251212"
    assert catalog.platform_image(azure.world, LOCATION, *OFFICE, "1.2.3") is None
    assert catalog.cores("Standard_D4s_v5") == 4
