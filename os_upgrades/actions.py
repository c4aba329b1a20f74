"""The actions that taking a scale set over needs, by what a scope holds: exactly its calls, so that a missing one is
known before anything is written. That they are exactly those is shown by tests/os_upgrades/test_rights.py.

Names: https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from enum import StrEnum

from os_upgrades import health_rules, settings
from os_upgrades.azure import ScaleSetAzure
from os_upgrades.declaration import ScaleSetDeclaration
from os_upgrades.image_rules import ImageFacts
from os_upgrades.scale_set import ScaleSet
from os_upgrades.settings import Settings
from os_upgrades.surroundings import IMAGE
from rollout.arm import dig
from rollout.azure import Body
from rollout.errors import Forbidden, NotFound
from rollout.prechecks.rights import allows

_SET = "Microsoft.Compute/virtualMachineScaleSets"
_BALANCER = "Microsoft.Network/loadBalancers"
JOIN_SUBNET = "Microsoft.Network/virtualNetworks/subnets/join/action"
JOIN_POOL = f"{_BALANCER}/backendAddressPools/join/action"
JOIN_PROBE = f"{_BALANCER}/probes/join/action"


class Holds(StrEnum):
    """What a scope holds, hence what is done there; `components/scale_set_role_actions.py` has the same."""

    SCALE_SETS = "scale-sets"
    IMAGES = "scale-set-images"
    NETWORK = "scale-set-network"
    VAULTS = "scale-set-vaults"
    CATALOG = "scale-set-catalog"


ACTIONS: Mapping[Holds, tuple[str, ...]] = {
    Holds.SCALE_SETS: (
        f"{_SET}/read",
        f"{_SET}/write",
        f"{_SET}/extensions/write",
        f"{_SET}/extensions/delete",
        f"{_SET}/virtualMachines/read",
        f"{_SET}/virtualMachines/instanceView/read",
        f"{_SET}/manualUpgrade/action",
        "Microsoft.Resources/tags/write",
    ),
    Holds.IMAGES: ("Microsoft.Compute/galleries/images/versions/read",),
    Holds.NETWORK: (
        JOIN_SUBNET,
        JOIN_POOL,
        JOIN_PROBE,
        f"{_BALANCER}/inboundNatPools/join/action",
        "Microsoft.Network/networkSecurityGroups/join/action",
        "Microsoft.Network/applicationGateways/backendAddressPools/join/action",
        "Microsoft.Network/applicationSecurityGroups/joinIpConfiguration/action",
    ),
    Holds.VAULTS: (),
    Holds.CATALOG: (),
}
PERMISSIONS_READ = "Microsoft.Authorization/permissions/read"
OWN_READS: Mapping[Holds, tuple[str, ...]] = {
    Holds.SCALE_SETS: (PERMISSIONS_READ, f"{_SET}/rollingUpgrades/read"),
    Holds.IMAGES: (PERMISSIONS_READ,),
    Holds.NETWORK: (PERMISSIONS_READ, f"{_BALANCER}/read", "Microsoft.Network/virtualNetworks/subnets/read"),
    Holds.VAULTS: ("Microsoft.KeyVault/vaults/secrets/read",),
    Holds.CATALOG: (
        "Microsoft.Compute/skus/read",
        "Microsoft.Compute/locations/usages/read",
        "Microsoft.ServiceFabric/clusters/read",
    ),
}
"""Reads of the rules themselves: without them a declaration is applied, and less is known before."""


def needed(declared: ScaleSetDeclaration, scale_set: ScaleSet, changes: Settings) -> Iterator[tuple[str, str]]:
    """The actions that these changes lead to, each with its scope."""
    own = scale_set.id
    yield own, f"{_SET}/read"
    yield own, f"{_SET}/virtualMachines/read"
    if declared.update_instances:
        yield own, f"{_SET}/manualUpgrade/action"
    if not changes:
        return
    yield own, "Microsoft.Resources/tags/write"
    written = settings.extension_changes(changes)
    if settings.in_one_write(changes, scale_set):
        yield own, f"{_SET}/write"
        yield from _joined(scale_set)
    else:
        if any(properties is not None for properties in written.values()):
            yield own, f"{_SET}/extensions/write"
        if any(properties is None for properties in written.values()):
            yield own, f"{_SET}/extensions/delete"
        if len(changes) > len(written):
            yield own, f"{_SET}/write"
    after = settings.applied(scale_set, changes)
    if settings.PROBE in changes:
        for balancer in health_rules.balancer_ids(after):
            yield balancer, JOIN_PROBE
    definition = ImageFacts(after.image_reference, after.location, IMAGE).definition_id
    if settings.IMAGE in changes and definition:
        yield definition, "Microsoft.Compute/galleries/images/versions/read"


_NIC_JOINS = (("networkSecurityGroup", "Microsoft.Network/networkSecurityGroups/join/action"),)
_ADDRESS_JOINS = (
    ("subnet", JOIN_SUBNET),
    ("loadBalancerBackendAddressPools", JOIN_POOL),
    ("loadBalancerInboundNatPools", f"{_BALANCER}/inboundNatPools/join/action"),
    ("applicationGatewayBackendAddressPools", "Microsoft.Network/applicationGateways/backendAddressPools/join/action"),
    ("applicationSecurityGroups", "Microsoft.Network/applicationSecurityGroups/joinIpConfiguration/action"),
)
"""What a model names, and the action by which Azure lets it (built-in role Virtual Machine Contributor)."""


def _joined(scale_set: ScaleSet) -> Iterator[tuple[str, str]]:
    """A PUT of the whole model joins its networks again."""
    for nic in dig(scale_set.profile, "networkProfile", "networkInterfaceConfigurations") or ():
        yield from _named(nic.get("properties"), _NIC_JOINS)
        for address in dig(nic, "properties", "ipConfigurations") or ():
            yield from _named(address.get("properties"), _ADDRESS_JOINS)


def _named(properties: Body | None, joins: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    for name, action in joins:
        found = (properties or {}).get(name) or ()
        for each in [found] if isinstance(found, dict) else found:
            if each.get("id"):
                yield str(each["id"]), action


async def missing(
    azure: ScaleSetAzure, declared: ScaleSetDeclaration, scale_set: ScaleSet, changes: Settings
) -> list[str]:
    """What the caller lacks, one line for each scope. A scope at which permissions may not be read says nothing: then
    a missing action is known when Azure refuses it."""
    wanted: dict[str, list[str]] = {}
    for scope, action in needed(declared, scale_set, changes):
        if action not in wanted.setdefault(scope, []):
            wanted[scope].append(action)

    async def lacking(scope: str, actions: list[str]) -> str:
        try:
            permissions = await azure.list_permissions(scope)
        except (Forbidden, NotFound):
            return ""
        without = [action for action in actions if not allows(permissions, action)]
        if not without:
            return ""
        them = "it" if len(without) == 1 else "them"
        return (
            f"scale_set_id: {declared.scale_set_id!r}: the role lacks {', '.join(without)} at {scope}; add {them} to "
            "the updater's role there"
        )

    return [line for line in await asyncio.gather(*(lacking(*each) for each in wanted.items())) if line]
