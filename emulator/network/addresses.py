"""Addresses of a subnet: Azure keeps the first four and the last for itself, the rest is for NICs."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from emulator import ids
from emulator.wire import ArmError, Body
from emulator.world import Resource, World

RESERVED_FIRST = 4
RESERVED_LAST = 1
NIC = "Microsoft.Network/networkInterfaces"


def network_of(subnet: Body) -> ipaddress.IPv4Network:
    properties = subnet["properties"]
    prefix = properties.get("addressPrefix") or properties["addressPrefixes"][0]
    return ipaddress.IPv4Network(prefix)


def usable(subnet: Body) -> int:
    """How many addresses NICs can have."""
    return max(0, network_of(subnet).num_addresses - RESERVED_FIRST - RESERVED_LAST)


def allocated(world: World, subnet_id: str) -> dict[str, str]:
    """Address -> id of the ip configuration that holds it."""
    subnet = world.get(subnet_id)
    taken: dict[str, str] = {}
    for entry in (subnet.body["properties"].get("ipConfigurations") or []) if subnet else []:
        nic = world.get(entry["id"].rsplit("/", 2)[0])
        for configuration in nic.body["properties"]["ipConfigurations"] if nic else []:
            if ids.same(configuration["id"], entry["id"]):
                taken[configuration["properties"]["privateIPAddress"]] = configuration["id"]
    return taken


def free(world: World, subnet: Resource, also_taken: set[str]) -> Iterator[str]:
    """Free addresses, lowest first."""
    taken = allocated(world, subnet.id).keys() | also_taken
    network = network_of(subnet.body)
    for number in range(RESERVED_FIRST, network.num_addresses - RESERVED_LAST):
        address = str(network[number])
        if address not in taken:
            yield address


def allocate(world: World, subnet: Resource, also_taken: set[str]) -> str:
    """The lowest free address, or 400 SubnetIsFull."""
    for address in free(world, subnet, also_taken):
        return address
    # Text as public reports quote it; not recorded.
    raise ArmError(
        400,
        "SubnetIsFull",
        f"Subnet {ids.name(subnet.id)} with address prefix {network_of(subnet.body)} does not have enough capacity for "
        "1 IP addresses.",
        details=[],
    )


def claim(world: World, subnet: Resource, configuration_id: str, address: str, also_taken: dict[str, str]) -> str:
    """A static address for a configuration, or 400 when it is outside the subnet, reserved, or another's."""
    network = network_of(subnet.body)
    try:
        wanted = ipaddress.IPv4Address(address)
    except ValueError:
        raise ArmError(400, "InvalidIPAddressFormat", f"Value '{address}' is not a valid IP address.") from None
    if wanted not in network:
        raise ArmError(
            400,
            "PrivateIPAddressNotInSubnet",
            f"Private static IP address {address} does not belong to the range of subnet prefix {network}.",
            details=[],
        )
    offset = int(wanted) - int(network.network_address)
    if offset < RESERVED_FIRST or offset >= network.num_addresses - RESERVED_LAST:
        raise ArmError(
            400,
            "PrivateIPAddressInReservedRange",
            f"Private static IP address {address} falls within reserved IP range of subnet prefix {network}.",
            details=[],
        )
    holder = {**allocated(world, subnet.id), **also_taken}.get(address)
    if holder is not None and not ids.same(holder, configuration_id):
        # Wording: github.com/F5Networks/terraform-azure-bigip-module/issues/63.
        raise ArmError(
            400,
            "PrivateIPAddressIsAllocated",
            f"IP configuration {configuration_id} is using the private IP address {address} which is already allocated "
            f"to resource {holder}.",
            details=[],
        )
    return address
