"""What the pre-checks read beyond the pool: a few calls per scope, none per host (in a preview), all at once.

What may not be read is None: a pre-check then says nothing, and `rights.py` says which action is missing.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

from rollout.arm import Vm, dig, group_of, subscription_of
from rollout.azure import Azure, Body
from rollout.declaration import Declaration
from rollout.errors import AzureError, Forbidden, NotFound, Unreachable
from rollout.images import Image, Kind
from rollout.observation import Host, Pool
from rollout.plan import Work, hosts_to_update
from rollout.prechecks import network
from rollout.prechecks.actions import Holds
from rollout.prechecks.network import Subnet

T = TypeVar("T")

AT_ONCE = 16
"""VMs read at once at the start: far below ARM's 25 reads a second."""


@dataclass(frozen=True)
class Scope:
    """A scope that the engine works at, and what it holds."""

    id: str
    holds: Holds


@dataclass(frozen=True)
class Facts:
    """Everything the pre-checks judge. Bodies as REST has them."""

    pool: Pool
    image: Image
    declaration: Declaration
    works: tuple[Work, ...]
    scopes: tuple[Scope, ...] = ()
    permissions: Mapping[str, tuple[Body, ...]] = field(default_factory=dict)
    """By id of the scopes, of the data collection rule and of disk encryption sets; one that could not be read is
    missing."""
    locks: tuple[Body, ...] = ()
    locks_unread: tuple[str, ...] = ()
    """Ids of the groups whose locks may not be read."""
    subnets: tuple[Subnet, ...] = ()
    """Where temporary machines get their addresses."""
    skus: Mapping[str, Body] | None = None
    """VM sizes of the hosts' location by lower-case name."""
    usages: Mapping[str, Body] | None = None
    """Quota of the hosts' location by lower-case name."""
    build_group_missing: bool = False
    terms: Body | None = None
    """Of the image's purchase plan, where it has one."""
    scarcity: float = 0.0
    """Of the reads that Azure grants, as these reads were answered."""
    hosts_an_hour: float = math.inf
    """How many the limits of Azure carry."""
    full: Mapping[str, Vm] = field(default_factory=dict)
    """Single GETs by host name: only at the start, where the list says too little of extensions."""

    @cached_property
    def hosts(self) -> tuple[Host, ...]:
        """The hosts that need work, by name."""
        wanted = {work.host for work in self.works}
        return tuple(host for host in self.pool.hosts if host.name in wanted)

    @cached_property
    def built(self) -> tuple[Host, ...]:
        """The hosts that get a newly built disk: a kept disk was checked when it was made."""
        wanted = {work.host for work in self.works if work.revert is None}
        return tuple(host for host in self.pool.hosts if host.name in wanted)

    @property
    def encryption_sets(self) -> tuple[str, ...]:
        """Ids of the disk encryption sets that new disks are encrypted by."""
        found = (host.os_disk.encryption_set for host in self.built if host.os_disk is not None)
        return tuple({id.lower(): id for id in found if id}.values())

    @property
    def build_subscription(self) -> str:
        """The GUID of the subscription in which temporary machines are made."""
        return subscription_of(
            self.declaration.build_resource_group_id or (self.hosts[0].vm.id if self.hosts else self.pool.id)
        )

    def vm(self, host: Host) -> Vm:
        """The VM with its extensions, where they were read."""
        return self.full.get(host.name, host.vm)


def may_be_hibernated(host: Host) -> bool:
    """It is off, and hibernation is enabled on it: a list does not say which of the two it is."""
    return host.deallocated and bool(dig(host.vm.properties, "additionalCapabilities", "hibernationEnabled"))


async def read(azure: Azure, declaration: Declaration, pool: Pool, image: Image, *, extensions: bool) -> Facts:
    """Read the facts. `extensions` also reads each host that needs work, where the list gave its extensions by id only
    (it does so on Azure: azure-sdk-for-net issue 13378)."""
    known = Facts(pool, image, declaration, hosts_to_update(pool, image, declaration))
    build_group = declaration.build_resource_group_id
    groups = _groups(known)
    subnets, locks, (skus, usages), terms, missing, full = await asyncio.gather(
        network.read(azure, declaration.build_subnet_id, known.built),
        asyncio.gather(*(_or_none(azure.list_locks(group)) for group in groups)),
        asyncio.gather(_or_none(azure.list_skus(pool.location)), _or_none(azure.list_usages(pool.location))),
        _terms(azure, known),
        _missing(azure, build_group),
        _full(azure, known.hosts if extensions else ()),
    )
    scopes = scopes_of(known, subnets)
    rule = declaration.log_analytics.resource_id if declaration.log_analytics is not None else ""
    ids = list(dict.fromkeys([*(scope.id for scope in scopes), *filter(None, [rule]), *known.encryption_sets]))
    permissions = await asyncio.gather(*(_or_none(azure.list_permissions(scope)) for scope in ids))
    return replace(
        known,
        scopes=scopes,
        permissions={id: tuple(found) for id, found in zip(ids, permissions, strict=True) if found is not None},
        locks=tuple({str(lock["id"]).lower(): lock for found in locks for lock in found or ()}.values()),
        locks_unread=tuple(group for group, found in zip(groups, locks, strict=True) if found is None),
        subnets=subnets,
        skus=None if skus is None else {str(sku["name"]).lower(): sku for sku in skus},
        usages=None if usages is None else {str(dig(row, "name", "value")).lower(): row for row in usages},
        build_group_missing=missing,
        terms=terms,
        scarcity=azure.scarcity(),
        hosts_an_hour=azure.hosts_an_hour(),
        full=full,
    )


def _groups(facts: Facts) -> tuple[str, ...]:
    """The resource groups in which something is written or deleted: of the pool, of hosts and their OS disks, and where
    temporary machines are made."""
    ids = [facts.pool.id, *(host.vm.id for host in facts.hosts)]
    ids += [host.os_disk.id for host in facts.hosts if host.os_disk is not None]
    groups = [group_of(id) for id in ids]
    if facts.declaration.build_resource_group_id:
        groups.append(facts.declaration.build_resource_group_id)
    first: dict[str, str] = {}
    for group in groups:
        first.setdefault(group.lower(), group)
    return tuple(first.values())


def scopes_of(facts: Facts, subnets: Sequence[Subnet]) -> tuple[Scope, ...]:
    """The scopes that the engine works at: resources where one is enough (a role may end there), else groups."""
    declaration, image = facts.declaration, facts.image
    scopes = [Scope(facts.pool.id, Holds.POOL)]
    groups = dict.fromkeys(group_of(host.vm.id) for host in facts.hosts)
    scopes += [Scope(group, Holds.HOSTS) for group in groups]
    known = {group.lower() for group in groups}
    disks = (group_of(host.os_disk.id) for host in facts.hosts if host.os_disk is not None)
    elsewhere = {group.lower(): group for group in disks if group.lower() not in known}
    scopes += [Scope(group, Holds.DISKS) for group in elsewhere.values()]
    if facts.built:
        build = [declaration.build_resource_group_id] if declaration.build_resource_group_id else list(groups)
        scopes += [Scope(group, Holds.BUILD) for group in build]
        scopes += [Scope(subnet.id, Holds.SUBNET) for subnet in subnets]
        secured = dict.fromkeys(subnet.security_group for subnet in subnets if subnet.security_group)
        scopes += [Scope(group, Holds.SECURITY_GROUP) for group in secured]
    if image.kind is Kind.GALLERY:
        scopes.append(Scope(image.id.rsplit("/images/", 1)[0], Holds.GALLERY))
    elif image.kind is Kind.MANAGED:
        scopes.append(Scope(image.id, Holds.MANAGED_IMAGE))
    return tuple(scopes)


async def _terms(azure: Azure, facts: Facts) -> Body | None:
    """The terms of the image's purchase plan; None where it has none, or they cannot be asked for."""
    plan = facts.image.plan
    if plan is None or not facts.built:
        return None
    named = (str(plan.get(key)) for key in ("publisher", "product", "name"))
    try:
        return await azure.get_marketplace_terms(facts.build_subscription, *named)
    except Unreachable:
        raise
    except AzureError:  # such as 409 where the resource provider is not registered
        return None


async def _missing(azure: Azure, group: str | None) -> bool:
    """The group is known not to exist."""
    if group is None:
        return False
    try:
        return await azure.get_resource_group(group) is None
    except NotFound:
        return True
    except Forbidden:
        return False


async def _full(azure: Azure, hosts: Iterable[Host]) -> dict[str, Vm]:
    """The VMs whose extensions the list named without saying what they are, or that are off and may be hibernated."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(host: Host) -> tuple[str, Vm | None]:
        async with at_once:
            body = await _or_none(azure.get_vm(host.vm.id, instance_view=True))
            return host.name, Vm(body) if body else None

    unclear = [host for host in hosts if any(not e.publisher for e in host.vm.extensions) or may_be_hibernated(host)]
    answers = await asyncio.gather(*(one(host) for host in unclear))
    return {name: vm for name, vm in answers if vm is not None}


async def _or_none(answer: Awaitable[T]) -> T | None:
    """The answer, or None where it may not be read or is not there."""
    try:
        return await answer
    except (Forbidden, NotFound):
        return None
