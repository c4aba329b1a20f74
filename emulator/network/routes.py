"""Microsoft.Network: virtual networks, subnets, network interfaces, load balancers."""

from __future__ import annotations

from emulator.network import load_balancers, network_interfaces, subnets, virtual_networks
from emulator.routing import Route
from emulator.world import Handler

_NS = "Microsoft.Network"
_SUBSCRIPTION = "/subscriptions/{subscription}/providers/" + _NS
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + _NS
_VNET = _GROUP + "/virtualNetworks/{network}"
_SUBNET = _VNET + "/subnets/{subnet}"
_NIC = _GROUP + "/networkInterfaces/{nic}"
_BALANCER = _GROUP + "/loadBalancers/{balancer}"

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
    Route("PUT", _BALANCER, load_balancers.create, f"{_NS}/loadBalancers/write"),
    Route("GET", _BALANCER, load_balancers.get, f"{_NS}/loadBalancers/read"),
    Route("DELETE", _BALANCER, load_balancers.delete, f"{_NS}/loadBalancers/delete"),
    Route("GET", _BALANCER + "/probes", load_balancers.list_probes, f"{_NS}/loadBalancers/probes/read"),
    Route("GET", _BALANCER + "/probes/{probe}", load_balancers.get_probe, f"{_NS}/loadBalancers/probes/read"),
    Route("GET", _GROUP + "/loadBalancers", load_balancers.list_, f"{_NS}/loadBalancers/read"),
    Route("GET", _SUBSCRIPTION + "/loadBalancers", load_balancers.list_, f"{_NS}/loadBalancers/read"),
]

HANDLERS: dict[str, Handler] = {
    "network.settled": subnets.settled,
    "network.subnet_deleted": subnets.deleted,
    "network.virtual_network_deleted": virtual_networks.deleted,
    "network.nic_deleted": network_interfaces.deleted,
    "network.balancer_settled": load_balancers.settled,
    "network.balancer_deleted": load_balancers.deleted,
}
