"""Reads what the rules look at. Each read is by itself: one that is refused leaves its part unknown, and is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from os_upgrades import guest_rules, health_rules
from os_upgrades.azure import ScaleSetAzure
from os_upgrades.image_rules import ImageFacts
from os_upgrades.scale_set import Instance, ScaleSet
from os_upgrades.surroundings import IMAGE, Cores, Surroundings
from rollout.arm import dig, name_of, subscription_of
from rollout.azure import Body
from rollout.errors import AzureError, Forbidden, NotFound, Unreachable
from rollout.images import version_key

T = TypeVar("T")
NEWEST = 2
"""Versions, from the newest, that are asked how far their replication is."""


@dataclass(frozen=True)
class Seen:
    """What was read, and what could not be."""

    surroundings: Surroundings
    unread: tuple[str, ...]
    """Why, for each: `Key Vault web-kv: ...`."""


async def observe(azure: ScaleSetAzure, scale_set: ScaleSet, *, instances: bool, upgrade: bool) -> Seen:
    """What a scale set, with its declaration applied, depends on; its instances and its last rolling upgrade where they
    are of interest."""
    unread: list[str] = []

    async def tried(what: str, work: Awaitable[T], otherwise: T) -> T:
        try:
            return await work
        except Unreachable:
            raise
        except AzureError as error:
            unread.append(f"{what}: {error}")
            return otherwise

    surging = scale_set.policy("rollingUpgradePolicy", "maxSurge") is True
    versions, balancers, cluster, secrets = await asyncio.gather(
        tried("the versions of the image", _versions(azure, scale_set), None),
        tried("the load balancer", _balancers(azure, scale_set), {}),
        tried("the Service Fabric cluster", _cluster(azure, scale_set), None),
        _secrets(azure, scale_set, unread),
    )
    listed = await tried("the instances", _instances(azure, scale_set), None) if instances else None
    id_ = scale_set.id
    rolling = await tried("the rolling upgrade", azure.get_rolling_upgrade(id_), None) if upgrade else None
    cores = await tried("the quota", _cores(azure, scale_set), None) if surging else None
    subnets = await tried("the subnets", _subnets(azure, scale_set), []) if surging else []
    return Seen(Surroundings(versions, balancers, cluster, secrets, listed, rolling, cores, subnets), tuple(unread))


async def _versions(azure: ScaleSetAzure, scale_set: ScaleSet) -> list[Body] | None:
    definition = ImageFacts(scale_set.image_reference, scale_set.location, IMAGE).definition_id
    if not definition:
        return None
    listed = await azure.list_image_versions(definition)
    # Only the GET of one version says how far its replication is.
    newest_first = sorted(listed, key=lambda version: version_key(name_of(str(version["id"]))), reverse=True)
    asked = await asyncio.gather(*(azure.get_image_version(str(each["id"])) for each in newest_first[:NEWEST]))
    return [each for each in asked if each is not None] + newest_first[NEWEST:]


async def _balancers(azure: ScaleSetAzure, scale_set: ScaleSet) -> dict[str, Body | None]:
    ids = health_rules.balancer_ids(scale_set)
    return {each.lower(): await azure.get_load_balancer(each) for each in ids}


async def _cluster(azure: ScaleSetAzure, scale_set: ScaleSet) -> Body | None:
    """The cluster whose endpoint the extension names; in the scale set's subscription."""
    extension = scale_set.service_fabric
    if extension is None:
        return None
    wanted = str(extension.settings.get("clusterEndpoint") or "").rstrip("/").lower()
    for cluster in await azure.list_service_fabric_clusters(subscription_of(scale_set.id)):
        if str(dig(cluster, "properties", "clusterEndpoint") or "").rstrip("/").lower() == wanted:
            return cluster
    return None


async def _secrets(azure: ScaleSetAzure, scale_set: ScaleSet, unread: list[str]) -> dict[str, Body | None]:
    """By URI. A version that is not the newest is not looked at: the vault's resource shows the newest only."""
    found: dict[str, Body | None] = {}
    for _, vault_id, uri in guest_rules.secret_references(scale_set):
        name = _secret_name(uri)
        if not vault_id or not name:
            continue
        try:
            found[uri] = await azure.get_vault_secret(vault_id, name)
        except (Forbidden, NotFound) as error:
            unread.append(f"secret {name} of Key Vault {name_of(vault_id)}: {error}")
    return found


def _secret_name(uri: str) -> str:
    parts = uri.rstrip("/").split("/")
    return parts[4] if len(parts) > 4 and parts[3].lower() == "secrets" else ""


async def _instances(azure: ScaleSetAzure, scale_set: ScaleSet) -> list[Instance] | None:
    return [Instance(body) for body in await azure.list_scale_set_instances(scale_set.id)]


async def _cores(azure: ScaleSetAzure, scale_set: ScaleSet) -> Cores | None:
    skus, usages = await asyncio.gather(azure.list_skus(scale_set.location), azure.list_usages(scale_set.location))
    size = next((sku for sku in skus if str(sku.get("name")).lower() == scale_set.vm_size.lower()), None)
    if size is None:
        return None
    family, each = str(size.get("family")), _capability(size, "vCPUs")
    usage = next((u for u in usages if str(dig(u, "name", "value")).lower() == family.lower()), None)
    if usage is None or each is None:
        return None
    return Cores(family, int(usage["limit"]) - int(usage["currentValue"]), each)


def _capability(size: Body, name: str) -> int | None:
    for capability in size.get("capabilities") or ():
        if capability.get("name") == name:
            return int(capability["value"])
    return None


async def _subnets(azure: ScaleSetAzure, scale_set: ScaleSet) -> list[Body]:
    found = await asyncio.gather(*(azure.get_subnet(each) for each in dict.fromkeys(_subnet_ids(scale_set))))
    return [each for each in found if each is not None]


def _subnet_ids(scale_set: ScaleSet) -> Iterable[str]:
    for nic in dig(scale_set.profile, "networkProfile", "networkInterfaceConfigurations") or ():
        for address in dig(nic, "properties", "ipConfigurations") or ():
            subnet = dig(address, "properties", "subnet", "id")
            if subnet:
                yield str(subnet)
