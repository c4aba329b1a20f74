"""Galleries, definitions, versions. Recording compute-gallery-image-version-lifecycle; replication status: spec example
GalleryImageVersion_Get_WithReplicationStatus."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.compute import galleries, image_sources, images
from emulator.wire import ArmError
from tests.emulator.arm_client import COMPUTE, LOCATION, SUBSCRIPTION, Client, code, message

GALLERY = f"{COMPUTE}/galleries/gallery_3"
DEFINITION = f"{GALLERY}/images/win11"
IMAGE = f"{COMPUTE}/images/win11-1.0.0"


def version_path(name: str) -> str:
    return f"{DEFINITION}/versions/{name}"


def definition(**properties: Any) -> dict[str, Any]:
    return {
        "location": LOCATION,
        "tags": {},
        "properties": {
            "osType": "Windows",
            "osState": "Generalized",
            "hyperVGeneration": "V2",
            "identifier": {"publisher": "contoso", "offer": "avd", "sku": "win11"},
            "features": [{"name": "SecurityType", "value": "TrustedLaunchSupported"}],
            "disallowed": {},
            **properties,
        },
    }


def version(*regions: str, source: dict[str, Any] | None = None, **profile: Any) -> dict[str, Any]:
    targets = [{"name": region} for region in regions or (LOCATION,)]
    return {
        "location": LOCATION,
        "tags": {},
        "properties": {
            "publishingProfile": {"targetRegions": targets, "replicaCount": 1, **profile},
            "storageProfile": source or {"source": {"id": IMAGE}},
        },
    }


@pytest.fixture
def gallery(azure: Client) -> Client:
    images.add(azure.world, IMAGE, location=LOCATION)
    azure.made(GALLERY, {"location": LOCATION})
    azure.made(DEFINITION, definition())
    return azure


def test_a_gallery_and_a_definition_are_201_creating_then_succeeded(azure: Client) -> None:
    made = azure.put(GALLERY, {"location": LOCATION, "tags": {}})
    assert (made.status, made.headers.find("Location")) == (201, None)
    assert "/locations/westeurope/capsOperations/" in made.headers["Azure-AsyncOperation"]
    assert made.body["properties"] == {
        "identifier": {"uniqueName": f"{SUBSCRIPTION}-GALLERY_3"},
        "provisioningState": "Creating",
    }
    status = azure.finish(made)
    assert set(status) == {"startTime", "endTime", "status", "name"}
    assert azure.get(GALLERY).body["properties"]["provisioningState"] == "Succeeded"
    body = azure.made(DEFINITION, definition())
    assert body["properties"] == {
        "hyperVGeneration": "V2",
        "architecture": "x64",
        "osType": "Windows",
        "osState": "Generalized",
        "identifier": {"publisher": "contoso", "offer": "avd", "sku": "win11"},
        "features": [{"name": "SecurityType", "value": "TrustedLaunchSupported"}],
        "provisioningState": "Succeeded",
    }
    again = azure.put(DEFINITION, definition(description="x"))
    assert (again.status, again.body["properties"]["provisioningState"]) == (200, "Updating")


@pytest.mark.parametrize(
    ("changed", "target"),
    [
        ({"osState": "Specialized"}, "galleryImage.properties.osState"),
        ({"hyperVGeneration": "V1", "features": []}, "galleryImage.properties.hyperVGeneration"),
        ({"identifier": {"publisher": "p", "offer": "o", "sku": "s"}}, "galleryImage.properties.identifier"),
        ({"features": []}, "galleryImage.properties.features"),
        ({"architecture": "Arm64"}, "galleryImage.properties.architecture"),
    ],
)
def test_what_defines_an_image_can_not_change(gallery: Client, changed: dict[str, Any], target: str) -> None:
    refused = gallery.put(DEFINITION, definition(**changed))
    assert (refused.status, code(refused)) == (409, "PropertyChangeNotAllowed")
    assert refused.body["error"]["target"] == target


def test_a_version_takes_minutes_and_shows_its_disks_at_the_end(gallery: Client) -> None:
    path = version_path("1.1.2")
    made = gallery.put(path, version())
    assert (made.status, made.headers["Retry-After"]) == (201, "60")
    properties = made.body["properties"]
    assert properties["provisioningState"] == "Creating"
    profile = properties["publishingProfile"]
    assert profile["targetRegions"] == [
        {"name": "West Europe", "regionalReplicaCount": 1, "storageAccountType": "Standard_LRS"}
    ]
    assert set(profile) == {"targetRegions", "replicaCount", "excludeFromLatest", "publishedDate", "storageAccountType"}
    assert properties["storageProfile"] == {"source": {"id": IMAGE}}
    assert properties["safetyProfile"] == {
        "reportedForPolicyViolation": False,
        "allowDeletionOfReplicatedLocations": False,
    }
    gallery.wait(300)
    assert gallery.get(path).body["properties"]["provisioningState"] == "Creating"
    began = gallery.world.now
    assert gallery.finish(made)["status"] == "Succeeded"
    assert 0 < gallery.world.now - began < 600
    done = gallery.get(path).body["properties"]
    assert done["storageProfile"]["osDiskImage"] == {"sizeInGB": 127, "hostCaching": "ReadWrite", "source": {}}
    assert done["publishingProfile"] == profile
    assert "replicationStatus" not in done
    assert [v["name"] for v in gallery.get(f"{DEFINITION}/versions").body["value"]] == ["1.1.2"]


def test_replication_status_shows_only_when_asked_for_and_goes_region_by_region(gallery: Client) -> None:
    path = version_path("1.0.0")
    made = gallery.put(path, version(LOCATION, "North Europe"))
    asked = f"{path}?$expand=ReplicationStatus"
    first = gallery.get(asked).body["properties"]["replicationStatus"]
    assert first["aggregatedState"] == "InProgress"
    assert [(s["region"], s["state"]) for s in first["summary"]] == [
        ("West Europe", "Replicating"),
        ("North Europe", "Replicating"),
    ]
    seen = set()
    while gallery.get(made.headers["Azure-AsyncOperation"]).body["status"] == "InProgress":
        status = gallery.get(asked).body["properties"]["replicationStatus"]
        seen.add(tuple(s["state"] for s in status["summary"]))
        assert all(0 <= s["progress"] < 100 for s in status["summary"] if s["state"] == "Replicating")
        gallery.wait(15)
    assert ("Completed", "Replicating") in seen
    last = gallery.get(asked).body["properties"]["replicationStatus"]
    assert last["aggregatedState"] == "Completed"
    assert [s["progress"] for s in last["summary"]] == [100, 100]


def test_an_update_adds_a_region_and_keeps_the_source(gallery: Client) -> None:
    path = version_path("1.1.2")
    gallery.made(path, version())
    profile = {
        "targetRegions": [{"name": "westus2", "regionalReplicaCount": 1}, {"name": LOCATION}],
        "replicaCount": 2,
        "excludeFromLatest": True,
        "endOfLifeDate": "2027-01-01T00:00:00Z",
    }
    body = {"location": LOCATION, "properties": {"publishingProfile": profile, "storageProfile": {"osDiskImage": {}}}}
    changed = gallery.put(path, body)
    assert (changed.status, changed.body["properties"]["provisioningState"]) == (200, "Updating")
    assert changed.body["properties"]["publishingProfile"]["targetRegions"] == [
        {"name": "West US 2", "regionalReplicaCount": 1, "storageAccountType": "Standard_LRS"},
        {"name": "West Europe", "regionalReplicaCount": 2, "storageAccountType": "Standard_LRS"},
    ]
    stored = gallery.world.get(path)
    assert stored is not None
    assert galleries.replicated(stored, LOCATION)
    assert not galleries.replicated(stored, "westus2")
    busy = gallery.put(path, body)
    assert (busy.status, code(busy)) == (409, "Conflict")
    gallery.finish(changed)
    assert galleries.replicated(stored, "westus2")
    done = gallery.get(path).body["properties"]
    assert done["storageProfile"]["source"] == {"id": IMAGE}
    assert done["publishingProfile"]["endOfLifeDate"] == "2027-01-01T00:00:00Z"
    other = {**version(source={"source": {"id": IMAGE + "x"}})}
    assert code(gallery.put(path, other)) == "PropertyChangeNotAllowed"


def test_latest_is_the_highest_version_that_is_not_excluded(gallery: Client) -> None:
    for name, excluded in (("1.9.0", False), ("1.10.0", False), ("2.0.0", True)):
        gallery.made(version_path(name), version(excludeFromLatest=excluded))
    gallery.put(version_path("1.11.0"), version())  # still being made
    found = image_sources.resolve(gallery.world, {"id": DEFINITION}, LOCATION)
    assert found.id == version_path("1.10.0")
    assert (found.generation, found.security_types) == ("V2", ("TrustedLaunch",))
    with pytest.raises(ArmError, match="GalleryImageNotFound"):
        image_sources.resolve(gallery.world, {"id": DEFINITION}, "northeurope")


def test_a_version_of_a_version_and_of_a_disk(gallery: Client) -> None:
    gallery.made(version_path("1.0.0"), version())
    copied = gallery.made(version_path("1.0.1"), version(source={"source": {"id": version_path("1.0.0")}}))
    assert copied["properties"]["storageProfile"]["osDiskImage"]["sizeInGB"] == 127
    disk = f"{COMPUTE}/disks/os"
    creation = {"createOption": "FromImage", "galleryImageReference": {"id": version_path("1.0.0")}}
    gallery.made(disk, {"location": LOCATION, "properties": {"creationData": creation, "diskSizeGB": 256}})
    source = {"osDiskImage": {"source": {"id": disk}, "hostCaching": "ReadWrite"}}
    made = gallery.made(version_path("1.0.2"), version(source=source))
    assert made["properties"]["storageProfile"]["osDiskImage"] == {
        "sizeInGB": 256,
        "hostCaching": "ReadWrite",
        "source": {"id": disk},
    }


@pytest.mark.parametrize(
    ("name", "body", "status", "expected"),
    [
        ("1.0", version(), 400, "InvalidParameter"),
        ("1.0.0", version("northeurope"), 400, "InvalidParameter"),
        ("1.0.0", version(LOCATION, "atlantis"), 400, "InvalidParameter"),
        ("1.0.0", version(source={"source": {"id": f"{COMPUTE}/images/none"}}), 404, "NotFound"),
        ("1.0.0", version(source={"source": {}}), 400, "InvalidParameter"),
    ],
)
def test_wrong_versions_are_refused_and_leave_nothing(
    gallery: Client, name: str, body: dict[str, Any], status: int, expected: str
) -> None:
    refused = gallery.put(version_path(name), body)
    assert (refused.status, code(refused)) == (status, expected)
    assert gallery.world.get(version_path(name)) is None


def test_the_source_must_fit_the_definition(gallery: Client) -> None:
    images.add(gallery.world, f"{COMPUTE}/images/old", location=LOCATION, generation="V1")
    refused = gallery.put(version_path("1.0.0"), version(source={"source": {"id": f"{COMPUTE}/images/old"}}))
    assert (refused.status, code(refused)) == (400, "InvalidParameter")
    assert "hyperVGeneration 'V1'" in message(refused)


def test_nested_resources_keep_their_parents_and_delete_takes_its_time(gallery: Client) -> None:
    gallery.made(version_path("1.0.0"), version())
    for path in (GALLERY, DEFINITION):
        refused = gallery.delete(path)
        assert (refused.status, code(refused)) == (409, "CannotDeleteResource")
    started = gallery.delete(version_path("1.0.0"))
    assert (started.status, started.body) == (202, None)
    assert started.headers.find("Location") is not None
    gallery.wait(80)
    assert gallery.get(version_path("1.0.0")).body["properties"]["provisioningState"] == "Deleting"
    gallery.finish(started)
    assert code(gallery.get(version_path("1.0.0"))) == "ResourceNotFound"
    assert gallery.delete(version_path("1.0.0")).status == 204
    gallery.finish(gallery.delete(DEFINITION))
    gallery.finish(gallery.delete(GALLERY))
    assert gallery.get(f"{COMPUTE}/galleries").body["value"] == []


def test_a_child_needs_its_parent(azure: Client) -> None:
    refused = azure.put(DEFINITION, definition())
    assert (refused.status, code(refused)) == (404, "ParentResourceNotFound")
    assert message(refused) == (
        "Can not perform requested operation on nested resource. Parent resource 'gallery_3' not found."
    )
