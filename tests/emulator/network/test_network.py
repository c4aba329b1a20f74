"""Virtual networks, subnets and NICs. Recordings network-nic-lifecycle, network-subnet-with-ipconfigurations and
auth-locks-lifecycle (PUT of a virtual network)."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.authorization import assignments, roles
from emulator.network import network_interfaces
from tests.emulator.arm_client import COMPUTE, GUEST, LOCATION, NETWORK, Client, code, message

VNET = f"{NETWORK}/virtualNetworks/myvnet"
SUBNET = f"{VNET}/subnets/mysubnet"
NIC = f"{NETWORK}/networkInterfaces/cli-test-nic"
VM = f"{COMPUTE}/virtualMachines/vm-0"

NIC_PROPERTIES = {
    "provisioningState",
    "resourceGuid",
    "ipConfigurations",
    "dnsSettings",
    "enableAcceleratedNetworking",
    "vnetEncryptionSupported",
    "enableIPForwarding",
    "disableTcpStateTracking",
    "hostedWorkloads",
    "tapConfigurations",
    "nicType",
    "allowPort25Out",
    "auxiliaryMode",
    "auxiliarySku",
}


def nic(**configuration: Any) -> dict[str, Any]:
    properties = {"privateIPAllocationMethod": "Dynamic", "subnet": {"id": SUBNET}, **configuration}
    return {"location": LOCATION, "properties": {"ipConfigurations": [{"name": "ipconfig1", "properties": properties}]}}


def address(body: dict[str, Any]) -> str:
    return str(body["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"])


@pytest.fixture
def net(azure: Client) -> Client:
    azure.made(
        VNET,
        {
            "location": LOCATION,
            "properties": {
                "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                "subnets": [{"name": "mysubnet", "properties": {"addressPrefix": "10.0.0.0/24"}}],
            },
        },
    )
    return azure


def test_a_network_is_201_updating_and_its_status_is_bare(azure: Client) -> None:
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    started = azure.put(VNET, {"location": "West Europe", "properties": space})
    assert started.status == 201
    assert started.headers.find("Location") is None
    assert started.body["properties"]["provisioningState"] == "Updating"
    assert started.body["properties"]["subnets"] == []
    azure.wait(30)
    assert azure.get(started.headers["Azure-AsyncOperation"]).body == {"status": "Succeeded"}
    shown = azure.get(VNET)
    assert shown.headers.find("ETag") == shown.body["etag"] != started.body["etag"]
    assert shown.body["properties"]["provisioningState"] == "Succeeded"
    assert shown.body["location"] == "westeurope"


def test_a_new_nic_is_201_and_finished_without_operation_headers(net: Client) -> None:
    made = net.put(NIC, nic(), version="2022-11-01")
    assert made.status == 201
    assert made.headers.find("Azure-AsyncOperation") is None
    assert set(made.body) == {"name", "id", "etag", "properties", "type", "location", "kind"}
    assert set(made.body["properties"]) == NIC_PROPERTIES
    configuration = made.body["properties"]["ipConfigurations"][0]
    assert configuration["properties"] == {
        "provisioningState": "Succeeded",
        "privateIPAddress": "10.0.0.4",
        "privateIPAllocationMethod": "Dynamic",
        "subnet": {"id": SUBNET},
        "primary": True,
        "privateIPAddressVersion": "IPv4",
    }
    assert configuration["etag"] == made.body["etag"]


def test_a_change_is_200_updating_and_dynamic_keeps_the_address(net: Client) -> None:
    net.put(NIC, nic())
    changed = net.put(NIC, nic(privateIPAllocationMethod="Static", privateIPAddress="10.0.0.15"))
    assert (changed.status, changed.body["properties"]["provisioningState"]) == (200, "Updating")
    assert net.finish(changed) == {"status": "Succeeded"}
    assert address(net.get(NIC).body) == "10.0.0.15"
    back = net.put(NIC, nic())
    assert address(back.body) == "10.0.0.15"


def test_delete_is_202_and_operation_results_end_in_204_with_the_headers_again(net: Client) -> None:
    net.put(NIC, nic())
    started = net.delete(NIC)
    assert started.status == 202
    location = started.headers["Location"]
    assert "/operationResults/" in location and "/operations/" in started.headers["Azure-AsyncOperation"]
    assert net.get(location).status == 202
    net.wait(60)
    done = net.get(location)
    assert (done.status, done.headers["Location"], done.body) == (204, location, None)
    assert net.get(f"{NETWORK}/networkInterfaces").body == {"value": []}
    assert net.delete(NIC).status == 204


def test_a_subnet_refers_back_in_upper_case_and_so_does_its_network(net: Client) -> None:
    net.put(NIC, nic())
    configurations = net.get(SUBNET).body["properties"]["ipConfigurations"]
    assert [c["id"].split("/resourceGroups/")[1] for c in configurations] == [
        "RG1/providers/Microsoft.Network/networkInterfaces/CLI-TEST-NIC/ipConfigurations/IPCONFIG1"
    ]
    assert net.get(VNET).body["properties"]["subnets"] == [net.get(SUBNET).body]
    net.finish(net.delete(NIC))
    assert "ipConfigurations" not in net.get(SUBNET).body["properties"]


def test_a_subnet_is_changed_in_its_network(net: Client) -> None:
    other = f"{VNET}/subnets/build"
    made = net.put(other, {"properties": {"addressPrefix": "10.0.1.0/29", "defaultOutboundAccess": False}})
    assert (made.status, made.body["properties"]["provisioningState"]) == (201, "Updating")
    net.finish(made)
    properties = net.get(other).body["properties"]
    assert properties["delegations"] == [] and properties["privateEndpointNetworkPolicies"] == "Disabled"
    assert [s["name"] for s in net.get(f"{VNET}/subnets").body["value"]] == ["mysubnet", "build"]
    assert code(net.put(other, {"properties": {"addressPrefix": "10.9.0.0/24"}})) == "NetcfgSubnetRangeOutsideVnet"
    assert code(net.put(other, {"properties": {"addressPrefix": "10.0.0.0/25"}})) == "NetcfgSubnetRangesOverlap"
    missing = net.get(f"{VNET}/subnets/none")
    assert (missing.status, code(missing)) == (404, "NotFound")
    assert code(net.put(f"{NETWORK}/virtualNetworks/none/subnets/s", {"properties": {}})) == "ParentResourceNotFound"


def test_a_network_with_a_wrong_subnet_is_refused_whole(net: Client) -> None:
    good = {"name": "mysubnet", "properties": {"addressPrefix": "10.0.0.0/25"}}
    bad = {"name": "other", "properties": {"addressPrefix": "10.0.0.0/26"}}
    space = {"addressPrefixes": ["10.0.0.0/16"]}
    body = {"location": LOCATION, "properties": {"addressSpace": space, "subnets": [good, bad]}}
    before = net.get(VNET).body
    assert code(net.put(VNET, body)) == "NetcfgSubnetRangesOverlap"
    assert net.get(VNET).body == before
    net.finish(net.put(VNET, {"location": LOCATION, "properties": {"addressSpace": space}}))
    assert [s["name"] for s in net.get(VNET).body["properties"]["subnets"]] == ["mysubnet"]
    net.finish(net.put(VNET, {"location": LOCATION, "properties": {"addressSpace": space, "subnets": []}}))
    assert net.get(f"{VNET}/subnets").body["value"] == []


def test_five_addresses_are_azures_and_the_subnet_gets_full(net: Client) -> None:
    small = f"{VNET}/subnets/small"
    net.made(small, {"properties": {"addressPrefix": "10.0.1.0/29"}})
    for number in range(3):
        made = net.put(f"{NIC}-{number}", nic(subnet={"id": small}))
        assert address(made.body) == f"10.0.1.{4 + number}"
    usage = {u["id"]: (u["currentValue"], u["limit"]) for u in net.get(f"{VNET}/usages").body["value"]}
    assert usage[small] == (3.0, 3.0)
    full = net.put(f"{NIC}-3", nic(subnet={"id": small}))
    assert (full.status, code(full)) == (400, "SubnetIsFull")
    assert message(full) == (
        "Subnet small with address prefix 10.0.1.0/29 does not have enough capacity for 1 IP addresses."
    )
    net.finish(net.delete(f"{NIC}-1"))
    assert address(net.put(f"{NIC}-3", nic(subnet={"id": small})).body) == "10.0.1.5"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("10.0.0.3", "PrivateIPAddressInReservedRange"),
        ("10.0.0.255", "PrivateIPAddressInReservedRange"),
        ("10.0.1.4", "PrivateIPAddressNotInSubnet"),
        ("10.0.0.4", "PrivateIPAddressIsAllocated"),
    ],
)
def test_a_static_address_must_be_free_and_inside(net: Client, wanted: str, expected: str) -> None:
    net.put(NIC, nic())
    refused = net.put(f"{NIC}-2", nic(privateIPAllocationMethod="Static", privateIPAddress=wanted))
    assert (refused.status, code(refused)) == (400, expected)
    assert net.world.get(f"{NIC}-2") is None


def test_the_availability_of_an_address_is_told(net: Client) -> None:
    net.put(NIC, nic())
    path = f"{VNET}/CheckIPAddressAvailability?ipAddress="
    assert net.get(path + "10.0.0.9").body == {"available": True}
    taken = net.get(path + "10.0.0.4").body
    assert taken == {
        "available": False,
        "availableIPAddresses": ["10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9"],
    }


def test_a_subnet_in_use_stays(net: Client) -> None:
    net.put(NIC, nic())
    for path in (SUBNET, VNET):
        refused = net.delete(path)
        assert (refused.status, code(refused)) == (400, "InUseSubnetCannotBeDeleted")
    net.finish(net.delete(NIC))
    net.finish(net.delete(SUBNET))
    assert net.get(VNET).body["properties"]["subnets"] == []


def test_a_nic_in_use_stays_and_a_reserved_one_for_180_seconds(net: Client) -> None:
    net.put(NIC, nic())
    network_interfaces.attach(net.world, NIC, VM)
    shown = net.get(NIC).body["properties"]
    assert (shown["virtualMachine"], shown["primary"]) == ({"id": VM}, True)
    refused = net.delete(NIC)
    assert (refused.status, code(refused)) == (400, "NicInUse")
    assert message(refused).startswith(f"Network Interface {NIC} is used by existing resource {VM}. ")
    network_interfaces.detach(net.world, NIC)
    network_interfaces.reserve(net.world, NIC, VM)
    assert "virtualMachine" not in net.get(NIC).body["properties"]
    held = net.delete(NIC)
    assert (held.status, code(held)) == (400, "NicReservedForAnotherVm")
    assert message(held).endswith(f"retry after 180 seconds. Reserved VM: {VM}")
    net.wait(181)
    assert net.delete(NIC).status == 202


def test_joining_a_subnet_needs_its_own_permission(net: Client) -> None:
    group = NETWORK.rsplit("/providers", 1)[0]
    assignments.grant(net.world, GUEST.object_id, roles.VIRTUAL_MACHINE_CONTRIBUTOR, NIC)
    refused = net.put(NIC, nic(), who=GUEST)
    assert (refused.status, code(refused)) == (403, "LinkedAuthorizationFailed")
    assert "Microsoft.Network/virtualNetworks/subnets/join/action" in message(refused)
    assignments.grant(net.world, GUEST.object_id, roles.VIRTUAL_MACHINE_CONTRIBUTOR, group)
    assert net.put(NIC, nic(), who=GUEST).status == 201


def test_a_nic_needs_its_subnet_in_the_same_region(net: Client) -> None:
    nowhere = net.put(NIC, nic(subnet={"id": f"{VNET}/subnets/none"}))
    assert (nowhere.status, code(nowhere)) == (400, "InvalidResourceReference")
    elsewhere = net.put(NIC, {**nic(), "location": "eastus"})
    assert code(elsewhere) == "InvalidResourceReference"
