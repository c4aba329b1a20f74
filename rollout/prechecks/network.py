"""The subnets in which temporary machines get their addresses: the declared one, else those of the hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from rollout.arm import dig, same_id
from rollout.azure import Azure, Body
from rollout.errors import Forbidden, NotFound
from rollout.observation import Host

RESERVED = 5
"""Addresses that Azure keeps of each subnet (learn.microsoft.com/azure/virtual-network/virtual-networks-faq)."""
MOST = 8
"""Subnets that are looked at: two calls for each."""


@dataclass(frozen=True)
class Subnet:
    """A subnet for temporary machines."""

    id: str
    body: Body | None
    """None where it may not be read or does not exist."""
    hosts: int
    """How many hosts' machines are made in it."""
    security_group: str | None = None
    """Id of the network security group that their interfaces get: that of one of these hosts, taken for all."""

    @property
    def free(self) -> int:
        """Free IPv4 addresses."""
        properties = (self.body or {}).get("properties") or {}
        prefixes = properties.get("addressPrefixes") or [properties.get("addressPrefix")]
        sizes = [ip_network(str(prefix), strict=False) for prefix in prefixes if prefix]
        total = sum(network.num_addresses - RESERVED for network in sizes if network.version == 4)
        return max(0, total - len(properties.get("ipConfigurations") or ()))


async def read(azure: Azure, declared: str | None, hosts: Sequence[Host]) -> tuple[Subnet, ...]:
    """The subnets of the machines of these hosts, without a read of each host's interface: a subnet names the
    interfaces in it, so that one host leads to all that share its subnet. Where it does not, all that are left do."""
    if declared is not None:
        return (Subnet(declared, await _subnet(azure, declared), len(hosts)),) if hosts else ()
    found: list[Subnet] = []
    left = [host for host in hosts if host.vm.nic_ids]
    while left and len(found) < MOST:
        subnet_id, group = await _of_interface(azure, left[0].vm.nic_ids[0])
        if subnet_id is None or any(same_id(known.id, subnet_id) for known in found):
            break
        body = await _subnet(azure, subnet_id)
        inside = _interfaces(body)
        elsewhere = [host for host in left if host.vm.nic_ids[0].lower() not in inside]
        if left[0].vm.nic_ids[0].lower() not in inside:
            elsewhere = []
        found.append(Subnet(subnet_id, body, len(left) - len(elsewhere), group))
        left = elsewhere
    return tuple(found)


async def _of_interface(azure: Azure, nic_id: str) -> tuple[str | None, str | None]:
    """Ids of the subnet and of the network security group of an interface."""
    try:
        nic = await azure.get_nic(nic_id)
    except (Forbidden, NotFound):
        return None, None
    configurations = dig(nic, "properties", "ipConfigurations") or ()
    subnets = [dig(configuration, "properties", "subnet", "id") for configuration in configurations]
    return next(filter(None, subnets), None), dig(nic, "properties", "networkSecurityGroup", "id")


async def _subnet(azure: Azure, subnet_id: str) -> Body | None:
    try:
        return await azure.get_subnet(subnet_id)
    except (Forbidden, NotFound):
        return None


def _interfaces(subnet: Body | None) -> frozenset[str]:
    """Lower-case ids of the interfaces in a subnet."""
    references = dig(subnet, "properties", "ipConfigurations") or ()
    return frozenset(str(reference["id"]).lower().partition("/ipconfigurations/")[0] for reference in references)
