"""Virtual machines: creation, update, preconditions, deletion."""

from __future__ import annotations

import re
from typing import Any

import pytest

from emulator import faults, requests_log
from emulator.authorization import assignments
from emulator.resources import groups
from tests.emulator.arm_client import COMPUTE, GROUP, GUEST, LOCATION, NETWORK, SUBSCRIPTION, code, message
from tests.emulator.compute.machines import IMAGE, Machines


def test_create_as_recorded(cloud: Machines) -> None:
    answer = cloud.put(cloud.path("vm-1"), cloud.body("vm-1"))
    assert (answer.status, answer.headers.find("Location"), answer.headers.find("Retry-After")) == (201, None, "10")
    properties = answer.body["properties"]
    assert properties["provisioningState"] == "Creating"
    os_disk = properties["storageProfile"]["osDisk"]
    assert "name" not in os_disk
    assert os_disk["managedDisk"] == {"storageAccountType": "Premium_LRS"}
    assert "adminPassword" not in str(answer.body)
    url = answer.headers.find("Azure-AsyncOperation")
    assert url is not None
    first, second = cloud.get(url), cloud.get(url)
    assert first.headers.find("Retry-After") == "70"
    assert second.headers.find("Retry-After") is None
    assert first.body == {"startTime": first.body["startTime"], "status": "InProgress", "name": first.body["name"]}
    view = cloud.get(f"{cloud.path('vm-1')}/instanceView").body
    assert cloud.finish(answer)["status"] == "Succeeded"
    cloud.wait(1)
    assert view["statuses"][0]["code"] == "ProvisioningState/creating"
    shown = cloud.get(cloud.path("vm-1")).body
    name = shown["properties"]["storageProfile"]["osDisk"]["name"]
    disk = cloud.os_disk("vm-1")
    assert re.fullmatch(r"vm-1_OsDisk_1_[0-9a-f]{32}", name)
    assert name.endswith(disk["properties"]["uniqueId"].replace("-", ""))
    assert disk["tags"] == {"costCenter": "1"}
    assert disk["properties"]["creationData"]["imageReference"]["id"] == IMAGE
    assert "instanceView" not in shown["properties"]


def test_provisioning_puts_the_os_profile_on_the_disk(cloud: Machines) -> None:
    cloud.vm("vm-1")
    guest = cloud.guest("vm-1")
    assert (guest.provisioned, guest.booted, guest.agent_ready, guest.computer_name) == (True, True, True, "vm-1")
    content = cloud.world.resources[guest.os_disk_id.lower()].hidden["content"]
    assert (content["time_zone"], content["no_auto_update"], content["local_admin"]) == (
        "W. Europe Standard Time",
        True,
        "avdadmin",
    )


def test_windows_update_is_on_unless_switched_off(cloud: Machines) -> None:
    body = cloud.body("vm-1")
    body["properties"]["osProfile"].pop("windowsConfiguration")
    cloud.made(cloud.path("vm-1"), body)
    disk = cloud.world.resources[cloud.guest("vm-1").os_disk_id.lower()]
    assert disk.hidden["content"]["no_auto_update"] is False


def test_platform_image_latest_is_resolved(cloud: Machines) -> None:
    reference = {
        "publisher": "MicrosoftWindowsDesktop",
        "offer": "office-365",
        "sku": "win11-24h2-avd-m365",
        "version": "latest",
    }
    body = cloud.body("vm-1")
    body["properties"]["storageProfile"]["imageReference"] = reference
    shown = cloud.made(cloud.path("vm-1"), body)
    resolved = shown["properties"]["storageProfile"]["imageReference"]
    assert resolved["version"] == "latest"
    assert resolved["exactVersion"] != "latest"
    assert cloud.os_disk("vm-1")["properties"]["creationData"]["imageReference"]["id"].endswith(
        f"/Versions/{resolved['exactVersion']}"
    )


def test_trusted_launch_is_the_default_of_an_image_that_supports_it(cloud: Machines) -> None:
    body = cloud.body("vm-1")
    del body["properties"]["securityProfile"]
    shown = cloud.made(cloud.path("vm-1"), body)
    assert shown["properties"]["securityProfile"]["securityType"] == "TrustedLaunch"
    assert cloud.os_disk("vm-1")["properties"]["securityProfile"] == {"securityType": "TrustedLaunch"}


def test_attach_needs_no_provisioning(cloud: Machines) -> None:
    spare = cloud.spare_disk("vm-9")
    body = cloud.body("vm-9")
    body["properties"]["storageProfile"] = {
        "osDisk": {"createOption": "Attach", "osType": "Windows", "managedDisk": {"id": spare["id"]}}
    }
    refused = cloud.put(cloud.path("vm-9"), body)
    assert message(refused) == "Parameter 'osProfile' is not allowed."
    del body["properties"]["osProfile"]
    shown = cloud.made(cloud.path("vm-9"), body)
    assert shown["properties"]["storageProfile"]["osDisk"]["name"] == spare["name"]
    cloud.wait(200)
    assert cloud.guest("vm-9").booted


def _without(*path: str) -> Any:
    def change(body: dict[str, Any]) -> None:
        for name in path[:-1]:
            body = body[name]
        del body[path[-1]]

    return change


def _with(value: Any, *path: str) -> Any:
    def change(body: dict[str, Any]) -> None:
        for name in path[:-1]:
            body = body[name]
        body[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "status", "expected"),
    [
        (_without("location"), 400, "LocationRequired"),
        (_without("properties", "osProfile"), 400, "InvalidParameter"),
        (_without("properties", "osProfile", "adminPassword"), 400, "InvalidParameter"),
        (_with("short", "properties", "osProfile", "adminPassword"), 400, "InvalidParameter"),
        (_with("P@ssword123", "properties", "osProfile", "adminPassword"), 400, "InvalidParameter"),
        (_with("Administrator", "properties", "osProfile", "adminUsername"), 400, "InvalidParameter"),
        (_with("ends.", "properties", "osProfile", "adminUsername"), 400, "InvalidParameter"),
        (_with("a-name-that-is-too-long", "properties", "osProfile", "computerName"), 400, "InvalidParameter"),
        (_with("Standard_None", "properties", "hardwareProfile", "vmSize"), 400, "InvalidParameter"),
        (_with("ConfidentialVM", "properties", "securityProfile", "securityType"), 400, "BadRequest"),
        (_with(64, "properties", "storageProfile", "osDisk", "diskSizeGB"), 400, "InvalidParameter"),
        (
            _with({"id": f"{COMPUTE}/images/none"}, "properties", "storageProfile", "imageReference"),
            404,
            "ResourceNotFound",
        ),
        (
            _with(
                {"id": f"{COMPUTE}/galleries/g/images/i/versions/1.0.0"},
                "properties",
                "storageProfile",
                "imageReference",
            ),
            404,
            "GalleryImageNotFound",
        ),
        (
            _with([{"id": f"{NETWORK}/networkInterfaces/none"}], "properties", "networkProfile", "networkInterfaces"),
            400,
            "InvalidResourceReference",
        ),
    ],
)
def test_refused_creations(cloud: Machines, change: Any, status: int, expected: str) -> None:
    body = cloud.body("vm-1")
    change(body)
    answer = cloud.put(cloud.path("vm-1"), body)
    assert (answer.status, code(answer)) == (status, expected)
    assert cloud.get(cloud.path("vm-1")).status == 404


def test_the_nic_of_another_vm_is_refused(cloud: Machines) -> None:
    cloud.vm("vm-1")
    body = cloud.body("vm-2")
    body["properties"]["networkProfile"]["networkInterfaces"] = [{"id": f"{NETWORK}/networkInterfaces/vm-1-nic"}]
    answer = cloud.put(cloud.path("vm-2"), body)
    assert (answer.status, code(answer)) == (400, "NicInUse")


def test_quota(cloud: Machines) -> None:
    cloud.world.sections["settings"]["quota"] = {"cores": 4}
    cloud.vm("vm-1")
    answer = cloud.put(cloud.path("vm-2"), cloud.body("vm-2"))
    assert (answer.status, code(answer)) == (409, "OperationNotAllowed")
    assert "exceeding quota limits of Core" in message(answer)


def test_a_guest_that_never_reports_fails_the_creation_after_twenty_minutes(cloud: Machines) -> None:
    effect = {"type": "guest", "host": "^vm-1$", "fault": "never_provisions"}
    faults.replace(cloud.world, {"rules": [{"id": "f", "effect": effect}]})
    answer = cloud.put(cloud.path("vm-1"), cloud.body("vm-1"))
    status = cloud.finish(answer)
    assert (status["status"], status["error"]["code"]) == ("Failed", "OSProvisioningTimedOut")
    assert "OS Provisioning for VM 'vm-1' did not finish in the allotted time." in status["error"]["message"]
    began, ended = (cloud.world.sections["operations"][status["name"]].__dict__[k] for k in ("started", "ended"))
    assert ended - began == pytest.approx(20 * 60)
    assert cloud.get(cloud.path("vm-1")).body["properties"]["provisioningState"] == "Failed"
    codes = [s["code"] for s in cloud.get(f"{cloud.path('vm-1')}/instanceView").body["statuses"]]
    assert codes == ["ProvisioningState/failed/OSProvisioningTimedOut", "PowerState/running"]
    assert not cloud.guest("vm-1").provisioned


# -- preconditions


def test_if_match(cloud: Machines) -> None:
    cloud.vm("vm-1")
    path = cloud.path("vm-1")
    stale = cloud.call("PATCH", path, {"tags": {"a": "1"}}, headers={"If-Match": '"7"'})
    assert stale.status == 412
    assert stale.body["code"] == "PreconditionFailed"
    assert "error" not in stale.body
    current = cloud.get(path).headers.find("ETag")
    assert current is not None
    fresh = cloud.call("PATCH", path, {"tags": {"a": "1"}}, headers={"if-match": current})
    assert (fresh.status, fresh.headers.find("ETag")) == (200, '"2"')
    cloud.finish(fresh)
    assert cloud.get(path).body["etag"] == '"2"'
    again = cloud.call("PATCH", path, {"tags": {"a": "2"}}, headers={"If-Match": current})
    assert again.status == 412
    assert cloud.call("PATCH", path, {"tags": {"a": "2"}}, headers={"If-Match": "*"}).status == 200


def test_if_none_match_guards_a_creation(cloud: Machines) -> None:
    path = cloud.path("vm-1")
    assert cloud.put(path, cloud.body("vm-1"), headers={"If-Match": "*"}).status == 412
    created = cloud.put(path, cloud.body("vm-1"), headers={"If-None-Match": "*"})
    assert created.status == 201
    cloud.finish(created)
    assert cloud.put(path, cloud.body("vm-1"), headers={"If-None-Match": "*"}).status == 412


# -- updates


def test_patch_replaces_the_tags_and_leaves_the_rest(cloud: Machines) -> None:
    before = cloud.vm("vm-1")
    answer = cloud.call("PATCH", cloud.path("vm-1"), {"tags": {"only": "this"}})
    assert answer.body["tags"] == {"only": "this"}
    assert answer.body["properties"]["provisioningState"] == "Updating"
    cloud.finish(answer)
    after = cloud.get(cloud.path("vm-1")).body
    assert after["properties"] == before["properties"]


def test_a_newer_write_preempts_the_older_operation(cloud: Machines) -> None:
    cloud.vm("vm-1")
    stop = cloud.call("POST", f"{cloud.path('vm-1')}/deallocate")
    cloud.wait(2)
    tag = cloud.call("PATCH", cloud.path("vm-1"), {"tags": {"a": "1"}})
    status = cloud.finish(stop)
    assert (status["status"], status["error"]["code"]) == ("Canceled", "OperationPreempted")
    assert cloud.finish(tag)["status"] == "Succeeded"
    assert cloud.power("vm-1") == "PowerState/running"
    assert cloud.get(cloud.path("vm-1")).body["properties"]["provisioningState"] == "Succeeded"


def test_resize_while_deallocated(cloud: Machines) -> None:
    cloud.vm("vm-1")
    cloud.do("vm-1", "deallocate")
    answer = cloud.call("PATCH", cloud.path("vm-1"), {"properties": {"hardwareProfile": {"vmSize": "Standard_D8s_v5"}}})
    assert cloud.finish(answer)["status"] == "Succeeded"
    assert cloud.get(cloud.path("vm-1")).body["properties"]["hardwareProfile"]["vmSize"] == "Standard_D8s_v5"
    assert cloud.guest("vm-1").power == "deallocated"


def test_a_size_that_takes_fewer_data_disks_is_refused(cloud: Machines) -> None:
    cloud.vm("vm-1")
    vm = cloud.world.get(cloud.path("vm-1"))
    assert vm is not None
    for disks, status in ((9, 409), (8, 200)):
        vm.body["properties"]["storageProfile"]["dataDisks"] = [{"lun": n} for n in range(disks)]
        answer = cloud.call(
            "PATCH", cloud.path("vm-1"), {"properties": {"hardwareProfile": {"vmSize": "Standard_D4as_v5"}}}
        )
        assert answer.status == status, answer.body


def test_a_deallocated_vm_shows_no_size_and_type_of_its_disk(cloud: Machines) -> None:
    cloud.vm("vm-1")
    cloud.do("vm-1", "deallocate")
    os_disk = cloud.get(cloud.path("vm-1")).body["properties"]["storageProfile"]["osDisk"]
    assert "diskSizeGB" not in os_disk
    assert set(os_disk["managedDisk"]) == {"id"}


def test_the_list_of_data_disks_is_the_whole_truth(cloud: Machines) -> None:
    cloud.vm("vm-1")
    path = cloud.path("vm-1")
    data = cloud.disk("d1", {"createOption": "Empty"}, diskSizeGB=64)
    body = cloud.get(path).body
    body["properties"]["storageProfile"]["dataDisks"] = [
        {"lun": 0, "createOption": "Attach", "managedDisk": {"id": data["id"]}},
        {"lun": 2, "createOption": "Empty", "diskSizeGB": 8},
    ]
    answer = cloud.put(path, body)
    assert "id" not in answer.body["properties"]["storageProfile"]["dataDisks"][1]["managedDisk"]
    cloud.finish(answer)
    disks = cloud.get(path).body["properties"]["storageProfile"]["dataDisks"]
    assert [d["lun"] for d in disks] == [0, 2]
    assert re.fullmatch(r"vm-1_disk4_[0-9a-f]{32}", disks[1]["name"])
    assert cloud.get(data["id"]).body["properties"]["diskState"] == "Attached"
    assert cloud.get(path).body["etag"] == '"2"'
    stale = cloud.get(path).body
    stale["properties"]["storageProfile"]["dataDisks"] = disks[1:]
    cloud.finish(cloud.put(path, stale))
    assert "managedBy" not in cloud.get(data["id"]).body


def test_nics_change_only_while_deallocated_and_never_to_none(cloud: Machines) -> None:
    cloud.vm("vm-1")
    nics = {"networkInterfaces": [{"id": cloud.nic("other")}]}
    answer = cloud.call("PATCH", cloud.path("vm-1"), {"properties": {"networkProfile": nics}})
    assert (answer.status, code(answer)) == (409, "OperationNotAllowed")


def test_identity_is_assigned_and_taken_away(cloud: Machines) -> None:
    cloud.vm("vm-1")
    user = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u1"
    both = {"identity": {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {user: {}}}}
    cloud.finish(cloud.call("PATCH", cloud.path("vm-1"), both))
    identity = cloud.get(cloud.path("vm-1")).body["identity"]
    assert identity["principalId"]
    assert set(identity["userAssignedIdentities"][user]) == {"principalId", "clientId"}
    cloud.finish(cloud.call("PATCH", cloud.path("vm-1"), {"identity": {"type": "None"}}))
    assert "identity" not in cloud.get(cloud.path("vm-1")).body


# -- lists


def test_lists_come_in_pages_and_without_instance_views(cloud: Machines) -> None:
    cloud.vm("vm-1")
    cloud.vm("vm-2")
    first = cloud.get(f"{COMPUTE}/virtualMachines?$top=1").body
    assert [vm["name"] for vm in first["value"]] == ["vm-1"]
    second = cloud.get(first["nextLink"]).body
    assert [vm["name"] for vm in second["value"]] == ["vm-2"]
    assert "nextLink" not in second
    everywhere = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/virtualMachines"
    assert all("instanceView" not in vm["properties"] for vm in cloud.get(everywhere).body["value"])
    statuses = cloud.get(f"{everywhere}?statusOnly=true").body["value"]
    assert all(vm["properties"]["instanceView"]["statuses"] for vm in statuses)


# -- deletion


def test_delete_keeps_disk_and_nic_by_default(cloud: Machines) -> None:
    cloud.vm("vm-1")
    disk = cloud.os_disk("vm-1")
    answer = cloud.delete(cloud.path("vm-1"))
    location = answer.headers.find("Location")
    assert answer.status == 202
    assert answer.body is None
    assert location is not None
    assert cloud.get(location).status == 202
    cloud.finish(answer)
    assert (cloud.get(location).status, cloud.get(location).body) == (200, None)
    assert cloud.get(cloud.path("vm-1")).status == 404
    assert cloud.delete(cloud.path("vm-1")).status == 204
    assert cloud.get(disk["id"]).body["properties"]["diskState"] == "Unattached"
    nic = cloud.get(f"{NETWORK}/networkInterfaces/vm-1-nic").body["properties"]
    assert "virtualMachine" not in nic
    assert nic["ipConfigurations"][0]["properties"]["privateIPAddress"]
    assert cloud.world.resources[disk["id"].lower()].hidden["content"]["provisioned"] is True


def test_nothing_preempts_a_deletion(cloud: Machines) -> None:
    cloud.vm("vm-1")
    answer = cloud.delete(cloud.path("vm-1"))
    extension = {
        "location": LOCATION,
        "properties": {"publisher": "Microsoft.Powershell", "type": "DSC", "typeHandlerVersion": "2.73"},
    }
    for refused in (
        cloud.put(f"{cloud.path('vm-1')}/extensions/DSC", extension),
        cloud.call("POST", f"{cloud.path('vm-1')}/deallocate"),
        cloud.call("PATCH", cloud.path("vm-1"), {"tags": {}}),
    ):
        assert (refused.status, code(refused)) == (409, "Conflict")
    cloud.finish(answer)
    assert cloud.get(cloud.path("vm-1")).status == 404


def test_delete_option_takes_disks_and_nic_along(cloud: Machines) -> None:
    body = cloud.body("vm-1")
    body["properties"]["storageProfile"]["osDisk"]["deleteOption"] = "Delete"
    body["properties"]["networkProfile"]["networkInterfaces"][0]["properties"] = {"deleteOption": "Delete"}
    cloud.made(cloud.path("vm-1"), body)
    disk = cloud.os_disk("vm-1")
    cloud.finish(cloud.delete(f"{cloud.path('vm-1')}?forceDeletion=true"))
    assert cloud.get(disk["id"]).status == 404
    assert cloud.get(f"{NETWORK}/networkInterfaces/vm-1-nic").status == 404


def test_a_disk_in_use_is_not_deleted(cloud: Machines) -> None:
    vm = cloud.vm("vm-1")
    disk = cloud.os_disk("vm-1")
    answer = cloud.delete(disk["id"])
    assert (answer.status, code(answer)) == (409, "OperationNotAllowed")
    assert message(answer) == f"Disk {disk['name']} is attached to VM {vm['id']}."


# -- linked authorization


def test_a_creation_needs_rights_on_what_it_names(cloud: Machines) -> None:
    body = cloud.body("vm-1")
    os_disk = body["properties"]["storageProfile"]["osDisk"]
    key = {"id": f"{GROUP}/providers/Microsoft.Compute/diskEncryptionSets/a"}
    os_disk["managedDisk"] = {**os_disk.get("managedDisk", {}), "diskEncryptionSet": key}
    role = _role(cloud, ["Microsoft.Compute/virtualMachines/*", "Microsoft.Compute/images/read"])
    assignments.grant(cloud.world, GUEST.object_id, role, GROUP)
    answer = cloud.put(cloud.path("vm-1"), body, who=GUEST)
    assert (answer.status, code(answer)) == (403, "LinkedAuthorizationFailed")
    assert "Microsoft.Network/networkInterfaces/join/action" in message(answer)
    assert "Microsoft.Compute/diskEncryptionSets/read" in message(answer)
    assert cloud.get(cloud.path("vm-1")).status == 404


def test_a_swap_needs_rights_on_the_disk(cloud: Machines) -> None:
    cloud.vm("vm-1")
    cloud.do("vm-1", "deallocate")
    spare = cloud.spare_disk("vm-1")
    assignments.grant(cloud.world, GUEST.object_id, _role(cloud, ["Microsoft.Compute/virtualMachines/*"]), GROUP)
    answer = cloud.swap("vm-1", spare, who=GUEST)
    assert (answer.status, code(answer)) == (403, "LinkedAuthorizationFailed")
    linked = requests_log.since(cloud.world, 0)[-1]["linked"]
    assert {each.partition(" on ")[0] for each in linked} == {
        "Microsoft.Compute/disks/read",
        "Microsoft.Compute/disks/write",
    }
    assert cloud.call("PATCH", cloud.path("vm-1"), {"tags": {"a": "1"}}, who=GUEST).status == 200
    assert "linked" not in requests_log.since(cloud.world, 0)[-1]


def test_an_instance_view_needs_a_right_of_its_own(cloud: Machines) -> None:
    cloud.vm("vm-1")
    assignments.grant(cloud.world, GUEST.object_id, _role(cloud, ["Microsoft.Compute/virtualMachines/read"]), GROUP)
    assert cloud.call("GET", cloud.path("vm-1"), who=GUEST).status == 200
    answer = cloud.get(f"{cloud.path('vm-1')}?$expand=instanceView", who=GUEST)
    assert (answer.status, code(answer)) == (403, "AuthorizationFailed")
    assert "Microsoft.Compute/virtualMachines/instanceView/read" in answer.body["error"]["message"]


def _role(cloud: Machines, actions: list[str]) -> str:
    name = cloud.world.guid()
    path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{name}"
    permissions = [{"actions": actions, "notActions": [], "dataActions": [], "notDataActions": []}]
    properties = {
        "roleName": name,
        "type": "CustomRole",
        "permissions": permissions,
        "assignableScopes": [f"/subscriptions/{SUBSCRIPTION}"],
    }
    assert cloud.put(path, {"properties": properties}).status == 201
    return path


def test_a_group_that_is_not_there(cloud: Machines) -> None:
    groups.add(cloud.world, SUBSCRIPTION, "rg2", LOCATION)
    path = cloud.path("vm-1").replace("/rg1/", "/rg3/")
    answer = cloud.put(path, cloud.body("vm-1"))
    assert (answer.status, code(answer)) == (404, "ResourceGroupNotFound")


def test_a_disk_that_is_being_detached_cannot_be_attached_elsewhere(cloud: Machines) -> None:
    cloud.vm("vm-1")
    cloud.vm("vm-2")
    data = cloud.disk("d1", {"createOption": "Empty"}, diskSizeGB=64)
    attach = {
        "properties": {
            "storageProfile": {"dataDisks": [{"lun": 0, "createOption": "Attach", "managedDisk": {"id": data["id"]}}]}
        }
    }
    cloud.finish(cloud.call("PATCH", cloud.path("vm-1"), attach))
    taken = cloud.call("PATCH", cloud.path("vm-2"), attach)
    assert (taken.status, code(taken)) == (409, "ConflictingUserInput")
    detach = cloud.call("PATCH", cloud.path("vm-1"), {"properties": {"storageProfile": {"dataDisks": []}}})
    early = cloud.call("PATCH", cloud.path("vm-2"), attach)
    assert (early.status, code(early)) == (409, "AttachDiskWhileBeingDetached")
    cloud.finish(detach)
    assert cloud.finish(cloud.call("PATCH", cloud.path("vm-2"), attach))["status"] == "Succeeded"


def test_what_is_only_written_is_never_shown(cloud: Machines) -> None:
    body = cloud.body("vm-1", userData="dXNlcg==")
    body["properties"]["osProfile"]["customData"] = "Y3VzdG9t"
    shown = cloud.made(cloud.path("vm-1"), body)
    assert "Y3VzdG9t" not in str(shown)
    assert "Secret-Pass-1" not in str(shown)
    assert "userData" not in shown["properties"]
    assert cloud.get(f"{cloud.path('vm-1')}?$expand=userData").body["properties"]["userData"] == "dXNlcg=="


def test_an_ephemeral_os_disk_is_not_deallocated_and_an_encrypted_one_not_swapped(cloud: Machines) -> None:
    body = cloud.body("vm-1")
    body["properties"]["storageProfile"]["osDisk"]["diffDiskSettings"] = {"option": "Local"}
    cloud.made(cloud.path("vm-1"), body)
    assert cloud.call("POST", f"{cloud.path('vm-1')}/deallocate").status == 409
    cloud.vm("vm-2")
    cloud.resource("vm-2").body["properties"]["storageProfile"]["osDisk"]["encryptionSettings"] = {"enabled": True}
    answer = cloud.swap("vm-2", cloud.spare_disk("vm-3"))
    assert (answer.status, code(answer)) == (409, "OSDiskSwapNotSupportedForVMsUsingDiskEncryption")
