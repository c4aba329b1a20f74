"""The temporary VM's body: what stays on the disk is the host's own, and nothing that ties it to the host's place."""

from __future__ import annotations

from typing import Any

from rollout import names
from rollout.temporary_vm import build_group, nic_body, tags, vm_body
from tests.rollout.literals import OLD, disk, goal, vm
from tests.support.observed import GROUP, SUBNET, SUBSCRIPTION, Body, image, merge, version

WINDOWS: Body = {
    "enableAutomaticUpdates": False,
    "timeZone": "W. Europe Standard Time",
    "patchSettings": {"patchMode": "Manual"},
    "additionalUnattendContent": [{"passName": "OobeSystem"}],
}
HOST = vm(
    osProfile={"computerName": "HOST-0", "adminUsername": "old", "windowsConfiguration": WINDOWS, "secrets": []},
    securityProfile={
        "securityType": "TrustedLaunch",
        "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
        "encryptionAtHost": True,
        "proxyAgentSettings": {"enabled": True},
    },
    licenseType="Windows_Client",
    availabilitySet={"id": "/set"},
    proximityPlacementGroup={"id": "/ppg"},
    host={"id": "/dedicated"},
    capacityReservation={"capacityReservationGroup": {"id": "/crg"}},
    userData="dXNlcg==",
)


def body(host: Any = HOST, wanted: Any = None, on: Any = None) -> Body:
    return vm_body(wanted or goal(), host, on or disk(OLD, attached=True), "new", "/nic", ("admin", "Pa55"))


def test_what_set_up_leaves_on_the_disk_is_the_hosts_own() -> None:
    profile = body()["properties"]["osProfile"]
    assert profile == {
        "computerName": "HOST-0",
        "adminUsername": "admin",
        "adminPassword": "Pa55",
        "windowsConfiguration": WINDOWS,
    }


def test_security_is_written_out_since_it_stays_with_the_disk() -> None:
    security = body()["properties"]["securityProfile"]
    assert security == {
        "securityType": "TrustedLaunch",
        "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
        "encryptionAtHost": True,
    }


def test_it_never_joins_what_the_host_is_placed_by() -> None:
    made = body()
    assert not {"availabilitySet", "proximityPlacementGroup", "host", "capacityReservation"} & set(made["properties"])
    assert "identity" not in made and made["zones"] == ["1"]


def test_the_disk_stays_and_is_as_large_as_image_and_host_ask() -> None:
    made = body(on=disk(OLD, attached=True))["properties"]["storageProfile"]["osDisk"]
    assert (made["name"], made["deleteOption"], made["createOption"]) == ("new", "Detach", "FromImage")
    assert (made["diskSizeGB"], made["managedDisk"]) == (127, {"storageAccountType": "Premium_LRS"})
    small = disk(OLD, attached=True)
    small.body["properties"]["diskSizeGB"] = 256
    assert body(on=small)["properties"]["storageProfile"]["osDisk"]["diskSizeGB"] == 256


def test_declared_size_and_type_and_the_hosts_encryption_set() -> None:
    encrypted = disk(OLD, attached=True)
    encrypted.body["properties"]["encryption"] = {"diskEncryptionSetId": "/des"}
    made = body(wanted=goal(vm_size="Standard_D8s_v5", os_disk_type="StandardSSD_LRS"), on=encrypted)
    assert made["properties"]["hardwareProfile"] == {"vmSize": "Standard_D8s_v5"}
    managed = made["properties"]["storageProfile"]["osDisk"]["managedDisk"]
    assert managed == {"storageAccountType": "StandardSSD_LRS", "diskEncryptionSet": {"id": "/des"}}


def test_the_nic_goes_with_its_vm_alone_and_lies_where_it_is_declared() -> None:
    security = {"id": "/nsg"}
    own: Body = {
        "properties": {
            "ipConfigurations": [{"properties": {"subnet": {"id": SUBNET}, "privateIPAddress": "10.0.0.9"}}],
            "networkSecurityGroup": security,
            "dnsSettings": {"internalDnsNameLabel": "host"},
        }
    }
    made = nic_body(goal(), HOST, own)["properties"]
    assert made["networkSecurityGroup"] == security and "dnsSettings" not in made
    assert made["ipConfigurations"][0]["properties"] == {
        "subnet": {"id": SUBNET},
        "privateIPAllocationMethod": "Dynamic",
    }
    isolated = f"{SUBNET}-isolated"
    apart = nic_body(goal(build_subnet_id=isolated), HOST, own)["properties"]
    assert "networkSecurityGroup" not in apart
    assert apart["ipConfigurations"][0]["properties"]["subnet"] == {"id": isolated}


def test_its_tags_say_whose_it_is_from_the_first_second() -> None:
    found = tags(goal(build_tags={"policy": "exempt"}), HOST)
    assert found == {
        "policy": "exempt",
        names.POOL: "hp1",
        names.DISK_HOST: "vm-0",
        names.DISK_HOST_ID: "guid-of-vm-0",
        names.DISK_ROLLOUT: "3f2a9c11",
        names.DISK_IMAGE: version("1.0.1"),
        names.DISK_STATE: "building",
    }


def test_the_build_group_is_the_declared_one() -> None:
    assert build_group(goal(), HOST) == GROUP
    builds = f"{SUBSCRIPTION}/resourceGroups/builds"
    assert build_group(goal(build_resource_group_id=builds), HOST) == builds


def test_a_purchase_plan_is_that_of_the_image() -> None:
    from dataclasses import replace

    plan = {"name": "a", "publisher": "b", "product": "c"}
    assert body(wanted=replace(goal(), image=image(plan=plan)))["plan"] == plan
    assert "plan" not in body() and merge(body(), {})["location"] == "westeurope"
