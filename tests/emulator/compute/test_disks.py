"""Managed disks: recordings compute-disk-crud-2024 and compute-vm-deallocate-disk-reserved."""

from __future__ import annotations

import pytest

from tests.emulator.arm_client import COMPUTE, LOCATION, code, message
from tests.emulator.compute.machines import IMAGE, Machines

EMPTY = {"location": LOCATION, "sku": {"name": "Premium_LRS"}, "tags": {"a": "1"}}


def test_put_as_recorded(cloud: Machines) -> None:
    body = {**EMPTY, "properties": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 20}}
    answer = cloud.put(f"{COMPUTE}/disks/d1", body)
    assert (answer.status, answer.headers.find("Retry-After")) == (202, "2")
    assert answer.headers.find("Location") is not None
    assert "/DiskOperations/" in (answer.headers.find("Azure-AsyncOperation") or "")
    assert answer.body["sku"] == {"name": "Premium_LRS"}
    assert answer.body["properties"] == {
        "creationData": {"createOption": "Empty"},
        "diskSizeGB": 20,
        "provisioningState": "Updating",
    }
    status = cloud.finish(answer)
    shown = cloud.get(f"{COMPUTE}/disks/d1").body
    assert status["properties"]["output"] == shown
    assert shown["sku"] == {"name": "Premium_LRS", "tier": "Premium"}
    properties = shown["properties"]
    assert (properties["tier"], properties["diskIOPSReadWrite"], properties["diskMBpsReadWrite"]) == ("P4", 120, 25)
    assert (properties["diskState"], properties["diskSizeBytes"]) == ("Unattached", 20 * 2**30)
    assert "managedBy" not in shown


def test_a_copy_has_what_is_on_its_source(cloud: Machines) -> None:
    cloud.vm("vm-1")
    source = cloud.os_disk("vm-1")
    copied = cloud.disk("copy", {"createOption": "Copy", "sourceResourceId": source["id"]})
    assert copied["properties"]["creationData"]["sourceUniqueId"] == source["properties"]["uniqueId"]
    assert (copied["properties"]["osType"], copied["properties"]["hyperVGeneration"]) == ("Windows", "V2")
    content = cloud.world.resources[copied["id"].lower()].hidden["content"]
    original = cloud.world.resources[source["id"].lower()].hidden["content"]
    assert content == original
    assert content is not original


def test_a_disk_of_an_image_inherits_from_it(cloud: Machines) -> None:
    made = cloud.disk("d1", {"createOption": "FromImage", "imageReference": {"id": IMAGE}})
    assert (made["properties"]["diskSizeGB"], made["properties"]["hyperVGeneration"]) == (127, "V2")
    content = cloud.world.resources[made["id"].lower()].hidden["content"]
    assert (content["image"], content["generalized"], content["provisioned"]) == (IMAGE, True, False)
    small = {
        **EMPTY,
        "properties": {
            "creationData": {"createOption": "FromImage", "imageReference": {"id": IMAGE}},
            "diskSizeGB": 64,
        },
    }
    assert cloud.put(f"{COMPUTE}/disks/d2", small).status == 400


@pytest.mark.parametrize(
    ("properties", "status", "expected"),
    [
        ({"creationData": {}}, 400, "InvalidParameter"),
        ({"creationData": {"createOption": "Empty"}}, 400, "InvalidParameter"),
        ({"creationData": {"createOption": "Magic"}}, 400, "InvalidParameter"),
        ({"creationData": {"createOption": "Copy", "sourceResourceId": f"{COMPUTE}/disks/none"}}, 404, "NotFound"),
        (
            {"creationData": {"createOption": "FromImage", "imageReference": {"id": f"{COMPUTE}/images/no"}}},
            404,
            "ResourceNotFound",
        ),
    ],
)
def test_refused_puts(cloud: Machines, properties: dict[str, object], status: int, expected: str) -> None:
    answer = cloud.put(f"{COMPUTE}/disks/d1", {**EMPTY, "properties": properties})
    assert (answer.status, code(answer)) == (status, expected)


def test_reserved_while_the_vm_is_deallocated(cloud: Machines) -> None:
    cloud.vm("vm-1")
    attached = cloud.os_disk("vm-1")
    cloud.do("vm-1", "deallocate")
    reserved = cloud.os_disk("vm-1")
    assert (attached["properties"]["diskState"], reserved["properties"]["diskState"]) == ("Attached", "Reserved")
    assert reserved["managedBy"] == attached["managedBy"]
    moved = "LastOwnershipUpdateTime"
    assert reserved["properties"][moved] > attached["properties"][moved]


def test_updates(cloud: Machines) -> None:
    disk = cloud.disk("d1", {"createOption": "Empty"}, diskSizeGB=64)
    answer = cloud.call("PATCH", disk["id"], {"tags": {"b": "2"}, "properties": {"diskSizeGB": 128}})
    assert (answer.status, answer.body["properties"]["provisioningState"]) == (202, "Updating")
    cloud.finish(answer)
    shown = cloud.get(disk["id"]).body
    assert (shown["tags"], shown["properties"]["tier"]) == ({"b": "2"}, "P10")
    smaller = cloud.call("PATCH", disk["id"], {"properties": {"diskSizeGB": 64}})
    assert (smaller.status, code(smaller)) == (400, "BadRequest")
    assert "cannot be resized down" in message(smaller)
    moved = cloud.put(disk["id"], {**EMPTY, "location": "northeurope", "properties": {}})
    assert (moved.status, code(moved)) == (409, "PropertyChangeNotAllowed")


def test_type_and_size_of_a_running_os_disk_stay(cloud: Machines) -> None:
    cloud.vm("vm-1")
    disk = cloud.os_disk("vm-1")
    for change in ({"sku": {"name": "StandardSSD_LRS"}}, {"properties": {"diskSizeGB": 256}}):
        answer = cloud.call("PATCH", disk["id"], change)
        assert (answer.status, code(answer)) == (409, "OperationNotAllowed")
    cloud.do("vm-1", "deallocate")
    cloud.finish(cloud.call("PATCH", disk["id"], {"sku": {"name": "StandardSSD_LRS"}}))
    after = cloud.get(disk["id"]).body
    assert after["sku"]["name"] == "StandardSSD_LRS"
    assert after["properties"]["diskState"] == "Reserved"


def test_delete(cloud: Machines) -> None:
    disk = cloud.disk("d1", {"createOption": "Empty"}, diskSizeGB=4)
    answer = cloud.delete(disk["id"])
    assert answer.status == 202
    cloud.finish(answer)
    assert cloud.get(disk["id"]).status == 404
    assert cloud.delete(disk["id"]).status == 204


def test_a_disk_that_is_being_read_out_cannot_be_deleted(cloud: Machines) -> None:
    disk = cloud.disk("d1", {"createOption": "Empty"}, diskSizeGB=4)
    granted = cloud.call("POST", f"{disk['id']}/beginGetAccess", {"access": "Read", "durationInSeconds": 60})
    assert cloud.finish(granted)["properties"]["output"]["accessSAS"].startswith("https://")
    assert cloud.get(disk["id"]).body["properties"]["diskState"] == "ActiveSAS"
    assert cloud.delete(disk["id"]).status == 409
    cloud.finish(cloud.call("POST", f"{disk['id']}/endGetAccess"))
    assert cloud.delete(disk["id"]).status == 202


def test_access_to_the_disk_of_a_running_vm_is_refused(cloud: Machines) -> None:
    cloud.vm("vm-1")
    disk = cloud.os_disk("vm-1")
    answer = cloud.call("POST", f"{disk['id']}/beginGetAccess", {"access": "Read", "durationInSeconds": 60})
    assert (answer.status, code(answer)) == (409, "Conflict")
