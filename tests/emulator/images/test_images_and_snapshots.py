"""Managed images and snapshots: recordings compute-image-from-managed-vm, compute-snapshot-lifecycle,
errors-404-variants."""

from __future__ import annotations

from typing import Any

from emulator import guests
from emulator.compute import image_sources, images
from tests.emulator.arm_client import COMPUTE, LOCATION, Client, code, message

DISK = f"{COMPUTE}/disks/diskrp"
SNAPSHOT = f"{COMPUTE}/snapshots/snap"
IMAGE = f"{COMPUTE}/images/img"


def disk(azure: Client, **properties: Any) -> None:
    body = {"createOption": "Empty"}
    azure.made(DISK, {"location": LOCATION, "properties": {"creationData": body, "diskSizeGB": 5, **properties}})


def copy_of(source: str, **properties: Any) -> dict[str, Any]:
    creation = {"createOption": "Copy", "sourceResourceId": source}
    return {
        "location": LOCATION,
        "sku": {"name": "Standard_LRS"},
        "properties": {"creationData": creation, "incremental": True, **properties},
    }


def test_a_snapshot_is_202_with_a_minimal_body_and_its_output_is_the_whole(azure: Client) -> None:
    disk(azure)
    started = azure.put(SNAPSHOT, copy_of(DISK))
    assert (started.status, started.headers["Retry-After"]) == (202, "2")
    assert "/DiskOperations/" in started.headers["Location"] and "monitor=true" in started.headers["Location"]
    assert started.body["properties"]["provisioningState"] == "Updating"
    assert started.body["properties"] == {**copy_of(DISK)["properties"], "provisioningState": "Updating"}
    status = azure.finish(started)
    output = status["properties"]["output"]
    assert output == azure.get(SNAPSHOT).body
    assert output["sku"] == {"name": "Standard_LRS", "tier": "Standard"}
    properties = output["properties"]
    assert properties["creationData"]["sourceUniqueId"] == azure.get(DISK).body["properties"]["uniqueId"]
    assert (properties["diskState"], properties["diskSizeGB"], properties["diskSizeBytes"]) == (
        "Unattached",
        5,
        5 * 2**30,
    )
    assert properties["incremental"] is True


def test_access_is_granted_and_ended(azure: Client) -> None:
    disk(azure)
    azure.made(SNAPSHOT, copy_of(DISK))
    granted = azure.call("POST", f"{SNAPSHOT}/beginGetAccess", {"access": "Read", "durationInSeconds": 1000})
    assert granted.status == 202
    assert azure.finish(granted)["properties"]["output"]["accessSAS"].startswith("https://")
    assert azure.get(granted.headers["Location"]).body["accessSAS"].startswith("https://")
    assert azure.get(SNAPSHOT).body["properties"]["diskState"] == "ActiveSAS"
    tagged = azure.call("PATCH", SNAPSHOT, {"tags": {"k": "v"}})
    assert tagged.status == 202
    assert azure.finish(tagged)["properties"]["output"]["properties"]["diskState"] == "ActiveSAS"
    assert azure.delete(SNAPSHOT).status == 409
    azure.finish(azure.call("POST", f"{SNAPSHOT}/endGetAccess"))
    azure.finish(azure.delete(SNAPSHOT))
    assert code(azure.get(SNAPSHOT)) == "ResourceNotFound"


def test_the_missing_source_of_a_copy_is_answered_by_compute(azure: Client) -> None:
    answer = azure.put(SNAPSHOT, copy_of(f"{COMPUTE}/disks/testdisk"))
    assert (answer.status, code(answer), message(answer)) == (404, "NotFound", "Resource testdisk is not found.")


def test_an_image_of_a_disk_carries_what_is_on_it(azure: Client) -> None:
    disk(azure, osType="Windows", hyperVGeneration="V2")
    stored = azure.world.get(DISK)
    assert stored is not None
    stored.hidden["content"] = {**guests.new_content(image="x", generalized=True), "registry": {"a": "b"}}
    profile = {"osDisk": {"osType": "Windows", "osState": "Generalized", "managedDisk": {"id": DISK}}}
    body = {"location": LOCATION, "properties": {"storageProfile": profile, "hyperVGeneration": "V2"}}
    started = azure.put(IMAGE, body)
    assert (started.status, started.headers.find("Location")) == (201, None)
    assert started.body["properties"]["provisioningState"] == "Creating"
    assert azure.finish(started)["status"] == "Succeeded"
    done = azure.get(IMAGE).body["properties"]
    assert (done["provisioningState"], done["storageProfile"]["osDisk"]["diskSizeGB"]) == ("Succeeded", 5)
    source = image_sources.resolve(azure.world, {"id": IMAGE}, LOCATION)
    assert (source.content["registry"], source.content["image"], source.generalized) == ({"a": "b"}, IMAGE, True)
    wrong = {"location": LOCATION, "properties": {"storageProfile": profile, "hyperVGeneration": "V1"}}
    assert code(azure.put(IMAGE + "2", wrong)) == "InvalidParameter"


def test_image_delete_is_an_operation_and_only_tags_change(azure: Client) -> None:
    images.add(azure.world, IMAGE, location=LOCATION)
    changed = azure.call("PATCH", IMAGE, {"tags": {"a": "1"}})
    assert (changed.status, changed.body["properties"]["provisioningState"]) == (200, "Updating")
    azure.finish(changed)
    assert azure.get(IMAGE).body["tags"] == {"a": "1"}
    other = {"location": LOCATION, "properties": {"sourceVirtualMachine": {"id": f"{COMPUTE}/virtualMachines/x"}}}
    assert code(azure.put(IMAGE, other)) == "PropertyChangeNotAllowed"
    started = azure.delete(IMAGE)
    assert (started.status, started.headers.find("Location") is not None) == (202, True)
    azure.finish(started)
    assert azure.get(f"{COMPUTE}/images").body["value"] == []
    assert azure.delete(IMAGE).status == 204


def test_an_image_needs_a_generalized_machine(azure: Client) -> None:
    vm = f"{COMPUTE}/virtualMachines/vm1"
    body = {"location": LOCATION, "properties": {"sourceVirtualMachine": {"id": vm}}}
    assert code(azure.put(IMAGE, body)) == "ResourceNotFound"
    profile = {"osDisk": {"osType": "Windows", "managedDisk": {"id": DISK}, "caching": "ReadWrite"}, "dataDisks": []}
    disk(azure, osType="Windows", hyperVGeneration="V2")
    made = azure.world.put(
        vm,
        {
            "id": vm,
            "name": "vm1",
            "type": "Microsoft.Compute/virtualMachines",
            "location": LOCATION,
            "properties": {"vmId": azure.world.guid(), "storageProfile": profile},
        },
        {"generation": "V2"},
    )
    refused = azure.put(IMAGE, body)
    assert (refused.status, code(refused)) == (409, "OperationNotAllowed")
    made.hidden["generalized"] = True
    started = azure.put(IMAGE, body)
    assert started.status == 201
    early = started.body["properties"]["storageProfile"]["osDisk"]
    assert early == {
        "osType": "Windows",
        "osState": "Generalized",
        "managedDisk": {"id": DISK},
        "storageAccountType": "Standard_LRS",
        "caching": "ReadWrite",
    }
    azure.finish(started)
    assert azure.get(IMAGE).body["properties"]["storageProfile"]["osDisk"] == {**early, "diskSizeGB": 5}
