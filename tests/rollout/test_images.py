"""Resolving the declared image, and telling images apart."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.arm import Disk
from rollout.errors import InvalidDeclaration
from rollout.image_sources import resolve
from rollout.images import (
    Image,
    Kind,
    Region,
    definition_of,
    may_be_version,
    same_image,
    short,
    step,
    tag_value,
    version_key,
)
from tests.support.fake_azure import FakeAzure
from tests.support.observed import DEFINITION, GROUP, LOCATION, SUBSCRIPTION, Body, declaration, version

MANAGED = f"{GROUP}/providers/Microsoft.Compute/images/golden"
URN = "MicrosoftWindowsDesktop:office-365:win11-24h2-avd-m365"
PLATFORM = (
    "/Subscriptions/11111111-1111-1111-1111-111111111111/Providers/Microsoft.Compute/Locations/westeurope/Publishers/"
    "microsoftwindowsdesktop/ArtifactTypes/VMImage/Offers/office-365/Skus/win11-24h2-avd-m365/Versions/26100.1.2"
)

versions = st.lists(st.integers(0, 10_000), min_size=3, max_size=3).map(lambda parts: ".".join(map(str, parts)))


def definition(**properties: Any) -> Body:
    wanted = {"hyperVGeneration": "V2", "osType": "Windows", "osState": "Generalized", "architecture": "x64"}
    return {"id": DEFINITION, "properties": {**wanted, **properties}}


def body(
    number: str, *, excluded: bool = False, region: str = "West Europe", state: str = "Completed", **region_fields: Any
) -> Body:
    return {
        "id": version(number),
        "properties": {
            "provisioningState": "Succeeded",
            "publishingProfile": {
                "excludeFromLatest": excluded,
                "replicaCount": 1,
                "targetRegions": [{"name": region, "regionalReplicaCount": 2, **region_fields}],
            },
            "storageProfile": {"osDiskImage": {"sizeInGB": 127}},
            "replicationStatus": {"summary": [{"region": region, "state": state, "progress": 100}]},
        },
    }


def gallery(*bodies: Body, **properties: Any) -> FakeAzure:
    return FakeAzure(definitions={DEFINITION: definition(**properties)}, versions={b["id"]: b for b in bodies})


async def resolved(fake: FakeAzure, **inputs: Any) -> Image:
    return await resolve(fake.as_azure(), declaration(**inputs), LOCATION)


async def test_a_gallery_version_is_read_with_what_decides_later() -> None:
    features = [{"name": "SecurityType", "value": "TrustedLaunchSupported"}]
    found = await resolved(gallery(body("1.0.1"), features=features), version="1.0.1")
    assert found == Image(
        version("1.0.1"), "1.0.1", {"id": version("1.0.1")}, "V2", frozenset({"Standard", "TrustedLaunch"}), 127, "x64",
        None, {"westeurope": Region(2, "Completed")}, Kind.GALLERY,
    )  # fmt: skip
    assert found.in_region("West Europe") == Region(2, "Completed")
    assert found.in_region("northeurope") is None


@pytest.mark.parametrize(
    ("feature", "bootable"),
    [
        (None, {"Standard"}),
        ("TrustedLaunch", {"TrustedLaunch"}),
        ("ConfidentialVM", {"ConfidentialVM"}),
        ("ConfidentialVmSupported", {"Standard", "ConfidentialVM"}),
        ("TrustedLaunchAndConfidentialVmSupported", {"Standard", "TrustedLaunch", "ConfidentialVM"}),
    ],
)
async def test_the_definition_says_what_an_image_can_boot_as(feature: str | None, bootable: set[str]) -> None:
    features = [{"name": "IsAcceleratedNetworkSupported", "value": "True"}]
    features += [{"name": "SecurityType", "value": feature}] if feature else []
    found = await resolved(gallery(body("1.0.1"), features=features))
    assert found.security_types == bootable


async def test_latest_is_the_highest_number_and_is_pinned() -> None:
    found = await resolved(gallery(body("1.0.9"), body("1.0.10"), body("1.0.2")), version="latest")
    assert (found.version, found.id) == ("1.0.10", version("1.0.10"))


@pytest.mark.parametrize(
    "newest",
    [
        body("2.0.0", excluded=True),
        body("2.0.0", excludeFromLatest=True),
        body("2.0.0", region="North Europe"),
        body("2.0.0", state="Replicating"),
        body("2.0.0", state="Failed"),
        {**body("2.0.0"), "properties": {**body("2.0.0")["properties"], "provisioningState": "Creating"}},
    ],
    ids=["excluded", "excluded in the region", "elsewhere", "replicating", "failed", "being made"],
)
async def test_latest_leaves_out_what_cannot_be_used_here(newest: Body) -> None:
    found = await resolved(gallery(body("1.0.0"), newest), version="latest")
    assert found.version == "1.0.0"


async def test_a_version_excluded_from_latest_can_still_be_named() -> None:
    found = await resolved(gallery(body("1.0.1", excluded=True)), version="1.0.1")
    assert found.version == "1.0.1"


async def test_latest_of_nothing_usable_names_the_region_and_the_versions() -> None:
    with pytest.raises(InvalidDeclaration, match="westeurope") as raised:
        await resolved(gallery(body("1.0.0", region="North Europe")), version="latest")
    assert raised.value.prop == "version" and "1.0.0" in raised.value.remedy


async def test_a_missing_version_lists_those_there_are_newest_first() -> None:
    with pytest.raises(InvalidDeclaration) as raised:
        await resolved(gallery(*(body(f"1.0.{n}") for n in range(12))), version="9.9.9")
    assert (raised.value.prop, raised.value.value) == ("version", "9.9.9")
    assert raised.value.remedy.startswith("use one of 1.0.11, 1.0.10, 1.0.9") and "(and 4 older)" in raised.value.remedy


@pytest.mark.parametrize(
    ("image", "remedy"),
    [
        (DEFINITION, "correct the id"),
        (MANAGED, "correct the id"),
        (URN, "az vm image list"),
        (version("1.0.0"), f"write {DEFINITION} here"),
        (f"{URN}:latest", f"write {URN} here"),
        ("win11", "write the id of a gallery image definition"),
    ],
)
async def test_an_image_that_is_not_there_or_not_one_says_what_to_write(image: str, remedy: str) -> None:
    with pytest.raises(InvalidDeclaration) as raised:
        await resolved(FakeAzure(), image=image)
    assert raised.value.prop == "image" and remedy in raised.value.remedy


async def test_text_that_is_no_version_is_not_sent_to_azure() -> None:
    fake = gallery(body("1.0.0"))
    with pytest.raises(InvalidDeclaration, match="is no version"):
        await resolved(fake, version="../1.0.0")
    assert not any(call.startswith("get_image_version") for call in fake.calls)


async def test_a_marketplace_image() -> None:
    properties = {
        "hyperVGeneration": "V2",
        "architecture": "x64",
        "features": [{"name": "SecurityType", "value": "TrustedLaunchSupported"}],
        "osDiskImage": {"operatingSystem": "Windows", "sizeInGb": 127},
        "plan": {"name": "p", "product": "o", "publisher": "m"},
    }
    there = {f"{URN}:26100.{n}.2": {"properties": properties} for n in (1, 10, 9)}
    found = await resolved(FakeAzure(platform_versions=there), image=URN, version="latest")
    publisher, offer, sku = URN.split(":")
    assert (found.id, found.kind, found.os_disk_gb) == (f"{URN}:26100.10.2", Kind.MARKETPLACE, 127)
    assert found.reference == {"publisher": publisher, "offer": offer, "sku": sku, "version": "26100.10.2"}
    assert found.plan == {"name": "p", "product": "o", "publisher": "m"}
    with pytest.raises(InvalidDeclaration, match=r"26100\.10\.2"):
        await resolved(FakeAzure(platform_versions=there), image=URN, version="26100.3.3")


async def test_a_managed_image_has_no_versions() -> None:
    managed = {
        "id": MANAGED,
        "location": "westeurope",
        "properties": {
            "hyperVGeneration": "V2",
            "storageProfile": {"osDisk": {"diskSizeGB": 127, "osType": "Windows"}},
        },
    }
    fake = FakeAzure(managed_images={MANAGED: managed})
    for accepted in ("latest", "golden"):
        found = await resolved(fake, image=MANAGED, version=accepted)
        assert (found.id, found.version, found.kind) == (MANAGED, "golden", Kind.MANAGED)
        assert (found.security_types, found.os_disk_gb) == (frozenset({"Standard"}), 127)
    with pytest.raises(InvalidDeclaration, match="use latest or golden"):
        await resolved(fake, image=MANAGED, version="1.0.1")


@given(versions, versions)
def test_versions_are_ordered_by_their_numbers(one: str, other: str) -> None:
    numbers = [tuple(map(int, text.split("."))) for text in (one, other)]
    assert (version_key(one) < version_key(other)) == (numbers[0] < numbers[1])


def test_what_is_no_number_comes_before_all_numbers() -> None:
    assert max(["daily", "0.0.1", "zzz"], key=version_key) == "0.0.1"


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc", "Zs"]), max_size=20), versions)
def test_an_image_is_itself_in_any_case_and_as_a_tag(definition_name: str, number: str) -> None:
    one = version(number, f"{DEFINITION}{definition_name.replace('/', '')}")
    assert same_image(one, one.upper().replace("/SUBSCRIPTIONS", "/subscriptions"))
    assert same_image(one, tag_value(one))


def test_an_id_too_long_for_a_tag_is_shortened_and_still_known() -> None:
    long = version(
        "1.0.1",
        f"{SUBSCRIPTION}/resourceGroups/{'g' * 90}/providers/Microsoft.Compute/galleries/{'a' * 80}/images/{'i' * 80}",
    )
    tag = tag_value(long)
    assert len(long) > 256 >= len(tag)
    assert same_image(tag, long) and same_image(long, tag) and same_image(tag, tag)
    assert short(tag) == "1.0.1"
    assert not same_image(tag, long.replace("1.0.1", "1.0.2"))
    assert not same_image(tag, long.replace("iii", "iij", 1))


def test_a_disk_names_a_marketplace_image_by_a_path() -> None:
    assert same_image(PLATFORM, f"{URN}:26100.1.2")
    assert not same_image(PLATFORM, f"{URN}:26100.1.3")


def test_nothing_is_no_image() -> None:
    assert not same_image(None, None) and not same_image(None, version("1.0.0"))


PUBLIC = "/CommunityGalleries/contoso-7ea8/Images/win11/Versions/1.0.0"
SHARED = f"/SharedGalleries/{SUBSCRIPTION.rsplit('/', 1)[-1]}-AVD/Images/win11/Versions/1.0.0"


@pytest.mark.parametrize(
    ("gallery", "other"),
    [
        ({"communityGalleryImageId": PUBLIC}, None),
        ({"sharedGalleryImageId": PUBLIC}, None),
        ({"id": PUBLIC}, "/x"),
        (None, PUBLIC),
    ],
)
def test_a_disk_says_what_it_was_made_from(gallery: Body | None, other: str | None) -> None:
    creation = {"galleryImageReference": gallery, "imageReference": {"id": other} if other else None}
    assert Disk({"id": "/d", "properties": {"creationData": creation}}).source_image == PUBLIC


def test_what_others_share_is_named_without_its_version() -> None:
    assert definition_of(PUBLIC) == "/communitygalleries/contoso-7ea8/images/win11"


@pytest.mark.parametrize(
    ("named", "may_be"),
    [
        (version("1.0.0").upper(), True),
        (SHARED, True),
        (PUBLIC, True),
        (SHARED.replace("-AVD/", "-OTHER/"), False),
        (SHARED.replace("1.0.0", "1.0.1"), False),
        (PUBLIC.replace("win11", "win10"), False),
        (version("1.0.1"), False),
        (MANAGED, False),
        (None, False),
    ],
)
def test_a_version_is_used_under_the_names_that_it_is_shared_by(named: str | None, may_be: bool) -> None:
    assert may_be_version(named, version("1.0.0")) is may_be


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (version("1.0.0"), version("1.0.1").upper(), "1.0.0 -> 1.0.1"),
        (None, version("1.0.1"), "unknown -> 1.0.1"),
        (version("1.0.0", DEFINITION.replace("win11", "win10")), version("1.0.0"), "win10/1.0.0 -> win11/1.0.0"),
        (PLATFORM, f"{URN}:26100.10.2", "26100.1.2 -> 26100.10.2"),
        (PLATFORM, version("1.0.0"), "win11-24h2-avd-m365/26100.1.2 -> win11/1.0.0"),
        (MANAGED, version("1.0.0"), "golden -> win11/1.0.0"),
        (PUBLIC, PUBLIC.replace("1.0.0", "1.0.1").lower(), "1.0.0 -> 1.0.1"),
        (version("1.0.0"), SHARED, "win11/1.0.0 -> win11/1.0.0"),
    ],
)
def test_a_step_is_said_in_short(before: str | None, after: str, said: str) -> None:
    assert step(before, after) == said
