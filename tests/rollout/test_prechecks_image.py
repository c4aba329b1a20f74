"""Pre-checks of the image against the hosts."""

from __future__ import annotations

from typing import Any

import pytest

from rollout.images import Kind, Region
from tests.support.fake_azure import SKU, FakeAzure
from tests.support.observed import GROUP, LOCATION, host, image, kept_disk, pool, version
from tests.support.prechecked import ids, only

PLAN = {"name": "win", "product": "offer", "publisher": "vendor"}
ARCHITECTURE = "CpuArchitectureType"
HOSTS = [host("vm-0"), host("vm-1")]


@pytest.mark.parametrize(
    ("changes", "wanted", "said"),
    [
        ({"regions": {"northeurope": Region(2, "Completed")}}, "image-not-in-region", "westeurope"),
        ({"regions": {}}, "image-not-in-region", "no region"),
        ({"regions": {LOCATION: Region(2, "Replicating")}}, "image-not-replicated", "Replicating"),
        ({"regions": {LOCATION: Region(2, "Failed")}}, "image-not-replicated", "Failed"),
        ({"generation": "V1"}, "image-generation", "generation V2 VM"),
        ({"security_types": frozenset({"Standard"})}, "image-security-type", "securityType is TrustedLaunch"),
        ({"architecture": "Arm64"}, "image-architecture", "is x64"),
        ({"plan": PLAN}, "purchase-plan", "vendor/offer/win"),
        ({"os_type": "Linux"}, "image-os", "Linux"),
        ({"os_state": "Specialized"}, "image-specialized", "Specialized"),
    ],
)
async def test_an_image_that_does_not_fit_is_refused(changes: dict[str, Any], wanted: str, said: str) -> None:
    sizes_of_any_architecture = {**SKU, "capabilities": [c for c in SKU["capabilities"] if c["name"] != ARCHITECTURE]}
    found = await only(pool(HOSTS), FakeAzure(skus=[sizes_of_any_architecture]), image(**changes))
    assert (found.id, found.severity) == (wanted, "error") and said in found.problem and found.remedy


async def test_each_location_of_the_hosts_needs_a_replica() -> None:
    hosts = [*HOSTS, host("far", vm={"location": "North Europe"})]
    found = await only(pool(hosts))
    assert found.id == "image-not-in-region" and found.problem == "is in westeurope, and hosts are in northeurope"
    assert found.subject == "version: '1.0.1'" and "targetRegions name=northeurope" in found.remedy


async def test_who_publishes_a_community_image_is_told_with_its_terms() -> None:
    target = image(kind=Kind.COMMUNITY, publisher="contoso (images@example.com), EULA https://e, no privacy statement")
    found = await only(pool(HOSTS), target=target)
    assert (found.id, found.severity) == ("image-community", "warning")
    assert "by contoso (images@example.com), EULA https://e" in found.problem
    assert await ids(pool([host("vm-0", runs="1.0.1")]), target=target) == [], "nothing is built from it any more"


async def test_what_others_share_is_known_in_one_region() -> None:
    found = await only(pool([*HOSTS, host("far", vm={"location": "North Europe"})]), target=image(kind=Kind.SHARED))
    assert found.id == "image-not-in-region" and "a pool of their own" in found.remedy


async def test_too_few_replicas_are_a_warning() -> None:
    hosts = [host(f"vm-{n}") for n in range(200)]
    one = image(regions={LOCATION: Region(1, "Completed")})
    found = await only(pool(hosts), target=one, max_unavailable=40)
    assert (found.id, found.severity) == ("image-replicas", "warning") and "max_building: 50" in found.remedy
    assert await ids(pool(hosts), target=one, max_unavailable=25) == []


async def test_a_larger_disk_is_told_a_smaller_one_is_filled_up() -> None:
    assert await ids(pool(HOSTS), target=image(os_disk_gb=256)) == ["image-larger-disk"]
    assert await ids(pool(HOSTS), target=image(os_disk_gb=256), grow_os_disk=True) == ["(image-larger-disk)"]
    assert await ids(pool(HOSTS), target=image(os_disk_gb=64)) == []


async def test_hosts_of_two_kinds_are_told_apart() -> None:
    standard = {"properties": {"securityProfile": {"securityType": None}}}
    hosts = [host("vm-0"), host("vm-1", vm=standard)]
    found = await only(pool(hosts), target=image(security_types=frozenset({"TrustedLaunch"})))
    assert (found.id, found.subject) == ("image-security-type", "vm-1")


async def test_a_plan_that_is_the_same_is_fine() -> None:
    hosts = [host("vm-0", vm={"plan": PLAN}), host("vm-1", vm={"plan": PLAN})]
    assert await ids(pool(hosts), target=image(plan={**PLAN, "name": "WIN"})) == []
    assert await ids(pool(hosts)) == ["purchase-plan"]


async def test_the_end_of_life_is_a_warning() -> None:
    assert await ids(pool(HOSTS), target=image(end_of_life="2026-06-01T00:00:00Z")) == ["(image-end-of-life)"]


async def test_a_managed_image_of_another_region_is_named_by_its_id() -> None:
    golden = f"{GROUP}/providers/Microsoft.Compute/images/golden"
    managed = image(id=golden, version="golden", kind=Kind.MANAGED, regions={"eastus": Region(1, "Completed")})
    found = await only(pool(HOSTS), target=managed)
    assert found.subject == f"image: {golden!r}" and found.remedy == "use an image of westeurope"


async def test_a_kept_disk_needs_no_image() -> None:
    hosts = [host(f"vm-{n}", kept=[kept_disk("old", f"vm-{n}", "1.0.1")]) for n in range(2)]
    assert await ids(pool(hosts), target=image(id=version("1.0.1"), regions={}, generation="V1")) == []
