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
    """Address -> id of the ip configuration that holds it. Found out once, and then kept by `hold` and `let_go`: a
    large pool's subnet has thousands."""
    subnet = world.get(subnet_id)
    if subnet is None:
        return {}
    if "held" not in subnet.hidden:
        subnet.hidden |= {"held": {}, "address_of": {}, "free_from": RESERVED_FIRST}
        for entry in subnet.body["properties"].get("ipConfigurations") or []:
            hold(world, subnet, entry["id"])
    held: dict[str, str] = subnet.hidden["held"]
    return held


def hold(world: World, subnet: Resource, configuration_id: str) -> None:
    """An ip configuration, as its NIC has it, is in the subnet now."""
    if "held" not in subnet.hidden:
        return
    nic = world.get(configuration_id.rsplit("/", 2)[0])
    for configuration in nic.body["properties"]["ipConfigurations"] if nic else []:
        if ids.same(configuration["id"], configuration_id):
            address = configuration["properties"]["privateIPAddress"]
            subnet.hidden["held"][address] = configuration["id"]
            subnet.hidden["address_of"][configuration_id.lower()] = address


def let_go(subnet: Resource, configuration_id: str) -> None:
    """An ip configuration has left the subnet."""
    address = subnet.hidden.get("address_of", {}).pop(configuration_id.lower(), None)
    if address is not None:
        subnet.hidden["held"].pop(address, None)
        number = int(ipaddress.IPv4Address(address)) - int(network_of(subnet.body).network_address)
        subnet.hidden["free_from"] = min(subnet.hidden["free_from"], number)


def free(world: World, subnet: Resource, also_taken: set[str]) -> Iterator[str]:
    """Free addresses, lowest first."""
    taken, network = allocated(world, subnet.id), network_of(subnet.body)
    while subnet.hidden["free_from"] < network.num_addresses and str(network[subnet.hidden["free_from"]]) in taken:
        subnet.hidden["free_from"] += 1
    for number in range(subnet.hidden["free_from"], network.num_addresses - RESERVED_LAST):
        address = str(network[number])
        if address not in taken and address not in also_taken:
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
