"""The swap of an OS disk: the exchanges of recording compute-vm-os-disk-swap, and what the provider refuses."""

from __future__ import annotations

from typing import Any

import pytest

from emulator import faults
from tests.emulator.arm_client import COMPUTE, code, message
from tests.emulator.compute.machines import Machines


@pytest.fixture
def stopped(cloud: Machines) -> Machines:
    """`vm-1` on a disk of win-1, deallocated."""
    cloud.vm("vm-1")
    cloud.do("vm-1", "deallocate")
    return cloud


def test_the_recorded_swap_under_power_off(cloud: Machines) -> None:
    before = cloud.vm("vm-1")
    old = cloud.os_disk("vm-1")
    spare = cloud.spare_disk("vm-1")
    assert before["etag"] == '"1"'
    cloud.do("vm-1", "powerOff")
    body = cloud.get(cloud.path("vm-1")).body
    assert body["etag"] == '"2"'
    body["properties"]["storageProfile"]["osDisk"] |= {"name": spare["name"]}
    body["properties"]["storageProfile"]["osDisk"]["managedDisk"] = {"id": spare["id"]}
    answer = cloud.put(cloud.path("vm-1"), body)
    assert (answer.status, answer.headers.find("ETag"), answer.headers.find("Location")) == (200, '"3"', None)
    assert answer.body["properties"]["provisioningState"] == "Updating"
    assert cloud.finish(answer)["status"] == "Succeeded"
    after = cloud.get(cloud.path("vm-1"))
    assert after.headers.find("ETag") == after.body["etag"] == '"4"'
    assert after.body["properties"]["vmId"] == before["properties"]["vmId"]
    storage = after.body["properties"]["storageProfile"]
    assert storage["imageReference"] == before["properties"]["storageProfile"]["imageReference"]
    assert storage["osDisk"]["createOption"] == "FromImage"
    assert storage["osDisk"]["managedDisk"]["id"] == spare["id"]
    assert cloud.get(spare["id"]).body["managedBy"].endswith("/vm-1")
    freed = cloud.get(old["id"]).body
    assert "managedBy" not in freed
    assert freed["properties"]["diskState"] == "Unattached"


def test_patch_swaps_too_and_a_deallocated_vm_reserves_the_disk(stopped: Machines) -> None:
    spare = stopped.spare_disk("vm-1")
    assert stopped.finish(stopped.swap("vm-1", spare))["status"] == "Succeeded"
    assert stopped.os_disk("vm-1")["properties"]["diskState"] == "Reserved"
    assert stopped.guest("vm-1").image_version_id == f"{COMPUTE}/images/win-2"


def test_a_new_id_under_the_old_name_changes_nothing_and_says_nothing(stopped: Machines) -> None:
    spare, old = stopped.spare_disk("vm-1"), stopped.os_disk("vm-1")
    answer = stopped.swap("vm-1", {"name": old["name"], "id": spare["id"]})
    assert answer.status == 200
    stopped.finish(answer)
    assert stopped.os_disk("vm-1")["id"] == old["id"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"createOption": "Attach"}, (409, "PropertyChangeNotAllowed", "osDisk.createOption")),
        ({"osType": "Linux"}, (409, "PropertyChangeNotAllowed", "osDisk.osType")),
        ({"diskSizeGB": 64}, (400, "BadRequest", "osDisk.diskSizeGB")),
        (
            {"managedDisk": {"storageAccountType": "Standard_LRS"}},
            (409, "PropertyChangeNotAllowed", "osDisk.managedDisk.storageAccountType"),
        ),
    ],
)
def test_what_a_swap_may_not_change(stopped: Machines, change: dict[str, Any], expected: tuple[int, str, str]) -> None:
    spare = stopped.spare_disk("vm-1")
    managed = {"id": spare["id"], **change.get("managedDisk", {})}
    os_disk = {"name": spare["name"], **change, "managedDisk": managed}
    answer = stopped.call("PATCH", stopped.path("vm-1"), {"properties": {"storageProfile": {"osDisk": os_disk}}})
    assert (answer.status, code(answer), answer.body["error"]["target"]) == expected
    assert stopped.get(stopped.path("vm-1")).body["properties"]["provisioningState"] == "Succeeded"


def test_the_image_reference_cannot_be_changed(stopped: Machines) -> None:
    reference = {"imageReference": {"id": f"{COMPUTE}/images/win-2"}}
    answer = stopped.call("PATCH", stopped.path("vm-1"), {"properties": {"storageProfile": reference}})
    assert (answer.status, code(answer)) == (409, "PropertyChangeNotAllowed")


def test_generation_and_security_type_must_match(stopped: Machines) -> None:
    spare = stopped.spare_disk("vm-1")
    disk = stopped.world.resources[spare["id"].lower()]
    disk.body["properties"]["hyperVGeneration"] = "V1"
    answer = stopped.swap("vm-1", spare)
    assert "HyperVisor Generation 'V2'" in message(answer)
    disk.body["properties"]["hyperVGeneration"] = "V2"
    disk.body["properties"]["securityProfile"] = {"securityType": "TrustedLaunch"}
    answer = stopped.swap("vm-1", spare)
    assert (answer.status, message(answer)) == (
        400,
        "Security type of VM is not compatible with the security type of attached OS Disk.",
    )


def test_the_zone_must_match(stopped: Machines) -> None:
    spare = stopped.spare_disk("vm-1")
    stopped.world.resources[spare["id"].lower()].body["zones"] = ["2"]
    assert stopped.swap("vm-1", spare).status == 400


def test_a_disk_of_another_vm_is_refused(stopped: Machines) -> None:
    stopped.vm("vm-2")
    other = stopped.os_disk("vm-2")
    answer = stopped.swap("vm-1", other)
    assert (answer.status, code(answer)) == (409, "ConflictingUserInput")
    assert "A disk can be attached to only one VM at a time." in message(answer)


def test_a_missing_disk_is_not_found(stopped: Machines) -> None:
    answer = stopped.swap("vm-1", {"name": "gone", "id": f"{COMPUTE}/disks/gone"})
    assert (answer.status, code(answer), message(answer)) == (404, "NotFound", "Resource gone is not found.")


def test_a_failed_swap_leaves_the_old_disk(stopped: Machines) -> None:
    spare, old = stopped.spare_disk("vm-1"), stopped.os_disk("vm-1")
    effect = {"type": "operation", "outcome": "fail", "code": "InternalExecutionError"}
    faults.replace(stopped.world, {"rules": [{"id": "f", "method": "PATCH", "path": "vm-1", "effect": effect}]})
    status = stopped.finish(stopped.swap("vm-1", spare))
    assert (status["status"], status["error"]["code"]) == ("Failed", "InternalExecutionError")
    assert stopped.os_disk("vm-1")["id"] == old["id"]
    assert stopped.get(spare["id"]).body["properties"]["diskState"] == "Unattached"
    assert stopped.get(stopped.path("vm-1")).body["properties"]["provisioningState"] == "Failed"


def test_a_disk_deleted_while_it_is_being_attached_fails_the_swap(stopped: Machines) -> None:
    """Its state still reads Unattached in that window, and the DELETE is accepted (issue report)."""
    spare, old = stopped.spare_disk("vm-1"), stopped.os_disk("vm-1")
    swap = stopped.swap("vm-1", spare)
    assert stopped.get(spare["id"]).body["properties"]["diskState"] == "Unattached"
    assert stopped.delete(spare["id"]).status == 202
    status = stopped.finish(swap)
    assert (status["status"], status["error"]["code"]) == ("Failed", "NotFound")
    assert stopped.os_disk("vm-1")["id"] == old["id"]


def test_a_swap_under_a_running_vm_restarts_it(cloud: Machines) -> None:
    cloud.vm("vm-1")
    spare = cloud.spare_disk("vm-1")
    boot = cloud.guest("vm-1").boot
    cloud.finish(cloud.swap("vm-1", spare))
    assert cloud.guest("vm-1").boot > boot
    cloud.wait(200)
    assert cloud.guest("vm-1").booted


def test_a_generalized_disk_that_was_never_provisioned_does_not_boot(stopped: Machines) -> None:
    creation = {"createOption": "FromImage", "imageReference": {"id": f"{COMPUTE}/images/win-2"}}
    raw = stopped.disk("raw", creation)
    stopped.finish(stopped.swap("vm-1", raw))
    assert stopped.do("vm-1", "start")["status"] == "Succeeded"
    stopped.wait(3600)
    guest = stopped.guest("vm-1")
    assert (guest.power, guest.booted, guest.provisioned) == ("running", False, False)
    assert stopped.power("vm-1") == "PowerState/running"
