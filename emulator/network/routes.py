"""Microsoft.Network: virtual networks, subnets, network interfaces."""

from __future__ import annotations

from emulator.network import network_interfaces, subnets, virtual_networks
from emulator.routing import Route
from emulator.world import Handler

_NS = "Microsoft.Network"
_SUBSCRIPTION = "/subscriptions/{subscription}/providers/" + _NS
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + _NS
_VNET = _GROUP + "/virtualNetworks/{network}"
_SUBNET = _VNET + "/subnets/{subnet}"
_NIC = _GROUP + "/networkInterfaces/{nic}"

ROUTES: list[Route] = [
    Route("PUT", _VNET, virtual_networks.create, f"{_NS}/virtualNetworks/write"),
    Route("PATCH", _VNET, virtual_networks.update_tags, f"{_NS}/virtualNetworks/write"),
    Route("GET", _VNET, virtual_networks.get, f"{_NS}/virtualNetworks/read"),
    Route("DELETE", _VNET, virtual_networks.delete, f"{_NS}/virtualNetworks/delete"),
    Route("GET", _GROUP + "/virtualNetworks", virtual_networks.list_, f"{_NS}/virtualNetworks/read"),
    Route("GET", _SUBSCRIPTION + "/virtualNetworks", virtual_networks.list_, f"{_NS}/virtualNetworks/read"),
    Route(
        "GET",
        _VNET + "/CheckIPAddressAvailability",
        virtual_networks.check_address,
        f"{_NS}/virtualNetworks/checkIpAddressAvailability/read",
    ),
    Route("GET", _VNET + "/usages", virtual_networks.list_usages, f"{_NS}/virtualNetworks/usages/read"),
    Route("PUT", _SUBNET, subnets.create, f"{_NS}/virtualNetworks/subnets/write"),
    Route("GET", _SUBNET, subnets.get, f"{_NS}/virtualNetworks/subnets/read"),
    Route("DELETE", _SUBNET, subnets.delete, f"{_NS}/virtualNetworks/subnets/delete"),
    Route("GET", _VNET + "/subnets", subnets.list_, f"{_NS}/virtualNetworks/subnets/read"),
    Route("PUT", _NIC, network_interfaces.create, f"{_NS}/networkInterfaces/write"),
    Route("PATCH", _NIC, network_interfaces.update_tags, f"{_NS}/networkInterfaces/write"),
    Route("GET", _NIC, network_interfaces.get, f"{_NS}/networkInterfaces/read"),
    Route("DELETE", _NIC, network_interfaces.delete, f"{_NS}/networkInterfaces/delete"),
    Route("GET", _GROUP + "/networkInterfaces", network_interfaces.list_, f"{_NS}/networkInterfaces/read"),
    Route("GET", _SUBSCRIPTION + "/networkInterfaces", network_interfaces.list_, f"{_NS}/networkInterfaces/read"),
]

HANDLERS: dict[str, Handler] = {
    "network.settled": subnets.settled,
    "network.subnet_deleted": subnets.deleted,
    "network.virtual_network_deleted": virtual_networks.deleted,
    "network.nic_deleted": network_interfaces.deleted,
}
