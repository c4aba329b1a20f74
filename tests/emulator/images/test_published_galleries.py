"""Galleries as those see them whom they are shared with. Recording compute-disk-from-community-and-shared-gallery."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.authorization import assignments, roles
from emulator.compute import images
from emulator.resources import groups, subscriptions
from tests.emulator.arm_client import COMPUTE, GUEST, LOCATION, OWNER, SCOPE, SUBSCRIPTION, Client, code
from tests.emulator.images.test_galleries import definition, version

OTHER = "33333333-3333-3333-3333-333333333333"
ELSEWHERE = f"/subscriptions/{OTHER}/resourceGroups/images/providers/Microsoft.Compute"
IMAGE = f"{ELSEWHERE}/images/win11"
HERE = f"{SCOPE}/providers/Microsoft.Compute/locations/{LOCATION}"
SHARED = f"{HERE}/sharedGalleries/{OTHER}-SHARED/images/win11"
GALLERIES = "2024-03-03"
INFO = {
    "publisherUri": "https://images.example.com",
    "publisherContact": "images@example.com",
    "eula": "https://images.example.com/eula",
    "publicNamePrefix": "name1",
}


@pytest.fixture
def azure() -> Client:
    """A second subscription with a gallery to be shared with subscriptions and one for the community."""
    made = Client()
    subscriptions.add(made.world, OTHER)
    groups.add(made.world, OTHER, "images", LOCATION)
    assignments.grant(made.world, OWNER.object_id, roles.OWNER, f"/subscriptions/{OTHER}")
    images.add(made.world, IMAGE, location=LOCATION)
    for name, sharing in (
        ("shared", {"permissions": "Groups"}),
        ("public", {"permissions": "Community", "communityGalleryInfo": INFO}),
    ):
        made.made(f"{ELSEWHERE}/galleries/{name}", {"location": LOCATION, "properties": {"sharingProfile": sharing}})
        made.made(f"{ELSEWHERE}/galleries/{name}/images/win11", definition())
        for number in ("1.0.0", "1.0.1"):
            path = f"{ELSEWHERE}/galleries/{name}/images/win11/versions/{number}"
            made.made(path, version(source={"source": {"id": IMAGE}}))
    return made


def share(azure: Client, name: str, operation: str, *ids: str) -> Any:
    groups = [{"type": "Subscriptions", "ids": list(ids)}] if ids else None
    body = {"operationType": operation, "groups": groups}
    return azure.call("POST", f"{ELSEWHERE}/galleries/{name}/share", body, version=GALLERIES)


def read(azure: Client, path: str, **options: Any) -> Any:
    return azure.get(path, version=GALLERIES, **options)


def community(azure: Client) -> str:
    """What the public gallery is called, after it went public."""
    assert share(azure, "public", "EnableCommunity").status == 200
    profile = azure.get(f"{ELSEWHERE}/galleries/public").body["properties"]["sharingProfile"]
    [name] = profile["communityGalleryInfo"]["publicNames"]
    assert name.startswith("name1-") and len(name) == len("name1-") + 36
    return f"/communityGalleries/{name}/images/win11"


def test_a_gallery_is_seen_where_it_is_shared_and_no_longer_after_that(azure: Client) -> None:
    assert (read(azure, SHARED).status, code(read(azure, SHARED))) == (404, "ResourceNotFound")
    assert share(azure, "shared", "Add", SUBSCRIPTION).status == 200
    assert [each["name"] for each in read(azure, f"{HERE}/sharedGalleries").body["value"]] == [f"{OTHER}-SHARED"]
    body = read(azure, SHARED).body
    assert body["identifier"] == {"uniqueId": f"/SharedGalleries/{OTHER}-SHARED/Images/win11"}
    assert body["properties"]["hyperVGeneration"] == "V2" and "id" not in body
    listed = read(azure, f"{SHARED}/versions").body["value"]
    assert [each["name"] for each in listed] == ["1.0.0", "1.0.1"]
    one = read(azure, f"{SHARED}/versions/1.0.1").body
    assert one == listed[1] and one["properties"]["storageProfile"] == {
        "osDiskImage": {"diskSizeGB": 127, "hostCaching": "ReadWrite"},
        "dataDiskImages": [],
    }
    assert read(azure, f"{SHARED.replace(LOCATION, 'northeurope')}/versions/1.0.1").status == 404
    assert read(azure, SHARED, who=GUEST).status == 403
    assert share(azure, "shared", "Remove", SUBSCRIPTION).status == 200
    assert read(azure, f"{SHARED}/versions/1.0.1").status == 404


def test_what_is_shared_with_the_tenant_is_listed_when_asked_for(azure: Client) -> None:
    body = {"operationType": "Add", "groups": [{"type": "AADTenants", "ids": [subscriptions.tenant_of(azure.world)]}]}
    assert azure.call("POST", f"{ELSEWHERE}/galleries/shared/share", body, version=GALLERIES).status == 200
    assert read(azure, SHARED).status == 200
    assert read(azure, f"{SHARED}/versions").status == 404
    assert len(read(azure, f"{SHARED}/versions?sharedTo=tenant").body["value"]) == 2


def test_a_community_gallery_tells_its_publisher_and_lists_the_latest_version(azure: Client) -> None:
    image = HERE + community(azure)
    gallery = read(azure, image.rpartition("/images/")[0]).body["properties"]
    assert gallery["communityMetadata"]["publisherContact"] == "images@example.com"
    assert [each["name"] for each in read(azure, f"{image}/versions").body["value"]] == ["1.0.1"]
    older = read(azure, f"{image}/versions/1.0.0")
    assert older.status == 200 and older.body["properties"]["disclaimer"].startswith("https://aka.ms/")
    assert share(azure, "public", "Reset").status == 200
    assert read(azure, image).status == 404


def test_a_disk_names_what_it_was_made_from_twice(azure: Client) -> None:
    """And for that no right to the gallery is needed."""
    guest = f"{COMPUTE}/disks/disk1"
    assignments.grant(azure.world, GUEST.object_id, roles.CONTRIBUTOR, SCOPE)
    wanted = f"{community(azure)}/versions/1.0.1"
    creation = {"createOption": "FromImage", "galleryImageReference": {"communityGalleryImageId": wanted}}
    made = azure.put(guest, {"location": LOCATION, "properties": {"creationData": creation}}, who=GUEST)
    assert made.status == 202 and made.body["properties"]["creationData"] == creation
    azure.finish(made)
    shown = azure.get(guest).body["properties"]["creationData"]
    exact = shown["imageReference"]["id"]
    assert exact.startswith("/CommunityGalleries/") and exact.lower() == wanted.lower()
    assert shown["galleryImageReference"] == {"communityGalleryImageId": exact}
    unshared = {"sharedGalleryImageId": f"/SharedGalleries/{OTHER}-SHARED/Images/win11/Versions/1.0.1"}
    creation = {"createOption": "FromImage", "galleryImageReference": unshared}
    refused = azure.put(f"{COMPUTE}/disks/disk2", {"location": LOCATION, "properties": {"creationData": creation}})
    assert (refused.status, code(refused)) == (404, "GalleryImageNotFound")
    mixed = {"createOption": "FromImage", "galleryImageReference": {"sharedGalleryImageId": wanted}}
    assert (
        azure.put(f"{COMPUTE}/disks/disk3", {"location": LOCATION, "properties": {"creationData": mixed}}).status == 400
    )


def test_a_version_of_ones_own_is_made_of_a_community_image(azure: Client) -> None:
    source = {"source": {"communityGalleryImageId": f"{community(azure)}/versions/1.0.0"}}
    azure.made(f"{COMPUTE}/galleries/own", {"location": LOCATION})
    azure.made(f"{COMPUTE}/galleries/own/images/win11", definition())
    made = azure.made(f"{COMPUTE}/galleries/own/images/win11/versions/2.0.0", version(source=source))
    assert made["properties"]["storageProfile"]["source"] == source["source"]
    missing = {"source": {"communityGalleryImageId": source["source"]["communityGalleryImageId"] + "9"}}
    refused = azure.put(f"{COMPUTE}/galleries/own/images/win11/versions/2.0.1", version(source=missing))
    assert (refused.status, code(refused)) == (404, "NotFound")


def test_permissions_are_chosen_once_and_a_private_gallery_is_not_shared(azure: Client) -> None:
    body = {"location": LOCATION, "properties": {"sharingProfile": {"permissions": "Private"}}}
    refused = azure.put(f"{ELSEWHERE}/galleries/shared", body)
    assert (refused.status, code(refused)) == (409, "PropertyChangeNotAllowed")
    assert share(azure, "shared", "EnableCommunity").status == 400
    anonymous = {"permissions": "Community", "communityGalleryInfo": {"publicNamePrefix": "x"}}
    body = {"location": LOCATION, "properties": {"sharingProfile": anonymous}}
    assert azure.put(f"{ELSEWHERE}/galleries/third", body).status == 400


def test_a_subscription_of_another_tenant_takes_no_token_of_this_one(azure: Client) -> None:
    subscriptions.move(azure.world, OTHER, "66666666-6666-6666-6666-666666666666")
    refused = azure.get(f"{ELSEWHERE}/galleries/shared")
    assert (refused.status, code(refused)) == (401, "InvalidAuthenticationTokenTenant")
