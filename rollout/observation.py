"""What the pool looks like now: its hosts, their disks and records, read with a handful of list calls.

No call is made per host, so a pool of 500 hosts costs as many calls as one of 5: the host pool, its session hosts, its
scaling plans, and one list of VMs and one of disks per resource group.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count

from rollout import names, pool_record, record
from rollout.arm import Disk, SessionHost, Vm, dig, group_of, same_id
from rollout.azure import Azure, Body
from rollout.clock import from_iso
from rollout.declaration import Declaration
from rollout.errors import Forbidden, InvalidDeclaration, NotFound
from rollout.pool_record import RolloutRecord
from rollout.record import HostRecord

VM_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute/virtualMachines/[^/]+/?", re.IGNORECASE
)


LISTS = ("Microsoft.Compute/virtualMachines/read", "Microsoft.Compute/disks/read")
"""The actions that listing the VMs and the disks of a group takes."""


@dataclass(frozen=True)
class Host:
    """A session host with an Azure VM behind it."""

    vm: Vm
    session_host: SessionHost | None
    """None while its record is deleted, between release and rejoin."""
    os_disk: Disk | None
    kept: tuple[Disk, ...]
    """Detached disks that were made for or taken from this VM, in any state, newest first."""
    record: HostRecord | None

    @property
    def name(self) -> str:
        return self.vm.name

    @property
    def deallocated(self) -> bool:
        """The VM has no allocation: then its attached OS disk is Reserved (recording
        compute-vm-deallocate-disk-reserved). A list of VMs says nothing of power."""
        return self.os_disk is not None and dig(self.os_disk.body, "properties", "diskState") == "Reserved"

    @property
    def image(self) -> str | None:
        """Id of the image the host runs: the engine's tag on the attached OS disk, else that disk's own source, else
        None. Never the VM's imageReference, which keeps naming the old image after a swap (pulumi-azure-native issue
        1117)."""
        if self.os_disk is None:
            return None
        return self.os_disk.tags.get(names.DISK_IMAGE) or self.os_disk.source_image


@dataclass(frozen=True)
class Pool:
    """A host pool with everything a plan is made from."""

    body: Body = field(repr=False)
    id: str
    """The host pool's id as declared."""
    hosts: tuple[Host, ...]
    """Sorted by name, numbers as numbers: vm-2 before vm-10."""
    ghosts: tuple[SessionHost, ...]
    """Session-host records without an Azure VM of their own: reported, left alone."""
    disks: tuple[Disk, ...] = field(repr=False)
    """All disks of the hosts' resource groups and the build group."""
    tags: dict[str, str]
    record: RolloutRecord | None
    scaling_plans: tuple[Body, ...] = field(repr=False)
    observed_at: float
    """Epoch seconds."""
    temporary_vms: tuple[Vm, ...] = ()
    """Temporary VMs that were made to build disks for this pool's hosts."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Ids of resource groups that the credential may not list, with the actions it lacks."""
    out_of_reach: tuple[SessionHost, ...] = ()
    """Session hosts whose VM is in such a group."""

    @property
    def name(self) -> str:
        return self.id.rsplit("/", 1)[-1]

    @property
    def groups(self) -> tuple[str, ...]:
        """Ids of the resource groups that hold the hosts, sorted."""
        return _distinct(group_of(host.vm.id) for host in self.hosts)

    @cached_property
    def location(self) -> str:
        """Where most hosts are; the pool's own location, which is that of its metadata, for a pool without hosts."""
        places = [host.vm.location for host in self.hosts]
        return max(sorted(set(places)), key=places.count) if places else str(self.body.get("location") or "")

    def host(self, name: str) -> Host | None:
        """The host of this VM name, without case."""
        return next((host for host in self.hosts if host.name.lower() == name.lower()), None)


async def observe(azure: Azure, declaration: Declaration, *, at: float) -> Pool:
    """Read the pool. Raises InvalidDeclaration for a pool that does not exist, AzureError for other answers."""
    pool_id = declaration.host_pool_id
    build_group = declaration.build_resource_group_id
    # The groups that are known before the pool has answered: mostly all there are.
    known_groups = _distinct([group_of(pool_id), *([build_group] if build_group else [])])
    body, records, plans, listed = await asyncio.gather(
        azure.get_host_pool(pool_id), azure.list_session_hosts(pool_id), azure.list_scaling_plans(pool_id),
        _lists(azure, known_groups), return_exceptions=True,
    )  # fmt: skip
    for answer in (body, records, plans, listed):
        # The pool's own answer first: where it is missing, the others are 404 too.
        if isinstance(answer, BaseException) and not isinstance(answer, NotFound):
            raise answer
    if body is None or isinstance(body, BaseException):
        raise InvalidDeclaration(
            "host_pool_id", pool_id, "does not exist", "correct the id (az desktopvirtualization hostpool list)"
        )
    session_hosts = [SessionHost(item) for item in records] if isinstance(records, list) else []
    scaling_plans = tuple(plans) if isinstance(plans, list) else ()
    tags = dict(body.get("tags") or {})

    vm_ids = {s.vm_resource_id.rstrip("/").lower() for s in session_hosts if _azure_vm(s) and s.vm_resource_id}
    groups = _distinct(
        [
            *known_groups,
            *(group_of(s.vm_resource_id) for s in session_hosts if _azure_vm(s) and s.vm_resource_id),
            *(value for name, value in tags.items() if name.lower().startswith(names.GROUP)),
        ]
    )
    early = {group.lower() for group in known_groups}
    vms, disks, unreadable = await _lists(azure, [group for group in groups if group.lower() not in early])
    if not isinstance(listed, BaseException):
        vms, disks, unreadable = listed[0] + vms, listed[1] + disks, {**listed[2], **unreadable}

    ours = [vm for vm in vms if not _temporary(vm) and (vm.id.lower() in vm_ids or _in_work(vm, pool_id))]
    # An OS disk may have been put into a group of its own: then that group's disks are wanted too.
    elsewhere = _distinct(group_of(vm.os_disk_id) for vm in ours if vm.os_disk_id)
    seen = {group.lower() for group in groups}
    _, more, unreadable_disks = await _lists(azure, [g for g in elsewhere if g.lower() not in seen], vms=False)
    disks += more

    by_vm, ghosts = _match(session_hosts, ours)
    disk_by_id = {disk.id.lower(): disk for disk in disks}
    detached: dict[str, list[Disk]] = {}
    for disk in disks:
        if disk.managed_by is None and names.DISK_HOST_ID in disk.tags:
            detached.setdefault(disk.tags[names.DISK_HOST_ID].lower(), []).append(disk)
    hosts = tuple(
        Host(
            vm,
            by_vm.get(vm.id.lower()),
            disk_by_id.get(vm.os_disk_id.lower()),
            tuple(sorted(detached.get(vm.vm_id.lower(), ()), key=_made, reverse=True)),
            record.decode(vm.tags.get(names.RECORD)),
        )
        for vm in sorted(ours, key=lambda vm: natural(vm.name))
    )
    known = {host.vm.vm_id.lower() for host in hosts}
    refused = {group.lower() for group in unreadable}
    return Pool(
        body=body,
        id=pool_id,
        hosts=hosts,
        ghosts=tuple(s for s in ghosts if not _in_groups(s, refused)),
        disks=tuple(disks),
        tags=tags,
        record=pool_record.decode(tags.get(names.RECORD)),
        scaling_plans=scaling_plans,
        observed_at=at,
        temporary_vms=tuple(vm for vm in vms if _temporary(vm) and _built_for(vm, known, pool_id)),
        unreadable={**unreadable_disks, **unreadable},
        out_of_reach=tuple(s for s in ghosts if _in_groups(s, refused)),
    )


def lean(pool: Pool) -> Pool:
    """The pool with what the work on its hosts asks of it, and no more: each look reads the rest anew, and the bodies
    of thousands of VMs and disks are the most that a run holds."""
    hosts = tuple(
        Host(
            Vm({"id": host.vm.id, "name": host.vm.name, "properties": {"vmId": host.vm.vm_id}}),
            host.session_host.lean() if host.session_host is not None else None,
            None,
            (),
            host.record,
        )
        for host in pool.hosts
    )
    return replace(pool, hosts=hosts, ghosts=(), disks=(), temporary_vms=(), out_of_reach=())


def half_built(pool: Pool) -> frozenset[str]:
    """Names of the hosts for which a disk is being built, or lies ready."""
    building = {vm.tags.get(names.DISK_HOST_ID, "").lower() for vm in pool.temporary_vms}
    return frozenset(
        host.name
        for host in pool.hosts
        if host.vm.vm_id.lower() in building
        or any(disk.tags.get(names.DISK_STATE) in ("building", "ready") for disk in host.kept)
    )


def group_tags(pool: Pool) -> dict[str, str]:
    """The tags that let a later process find the hosts' resource groups again; put on the pool when an attempt
    begins. The pool's own group needs none."""
    found = [group for group in pool.groups if not same_id(group, group_of(pool.id))]
    return {f"{names.GROUP}{i}": group for i, group in zip(count(), found)}


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key that orders digits as numbers and ignores case."""
    parts = re.split(r"(\d+)", name.lower())
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part)


async def _lists(
    azure: Azure, groups: Sequence[str], *, vms: bool = True
) -> tuple[list[Vm], list[Disk], dict[str, str]]:
    """VMs and disks of the groups, and the groups that the credential may not list, with the actions it lacks: nothing
    is told of such a group. A group that is gone is empty."""

    async def listed(group: str) -> tuple[list[Vm], list[Disk], str]:
        answers = await asyncio.gather(
            azure.list_vms(group) if vms else _nothing(), azure.list_disks(group), return_exceptions=True
        )
        refused = [action for action, answer in zip(LISTS, answers, strict=True) if isinstance(answer, Forbidden)]
        found: list[list[Body]] = []
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, Forbidden | NotFound):
                raise answer
            found.append([] if isinstance(answer, BaseException) or refused else answer)
        return [Vm(item) for item in found[0]], [Disk(item) for item in found[1]], ", ".join(refused)

    answers = await asyncio.gather(*(listed(group) for group in groups))
    return (
        [vm for found, _, _ in answers for vm in found],
        [disk for _, disks, _ in answers for disk in disks],
        {group: refused for group, (_, _, refused) in zip(groups, answers, strict=True) if refused},
    )


async def _nothing() -> list[Body]:
    return []


def _match(session_hosts: Iterable[SessionHost], vms: Iterable[Vm]) -> tuple[dict[str, SessionHost], list[SessionHost]]:
    """The live record of each VM (by lower-case id), and the records that are nobody's.

    By resourceId, never by name: the DNS suffix may differ (RDS-Templates issue 545). Of two records of one VM the one
    with the VM's vmId, then the fresher heartbeat, is alive; a record with another vmId is that of a former VM.
    """
    by_id = {vm.id.lower(): vm for vm in vms}
    live: dict[str, SessionHost] = {}
    ghosts: list[SessionHost] = []
    for session_host in sorted(session_hosts, key=lambda s: s.heartbeat, reverse=True):
        key = (session_host.vm_resource_id or "").rstrip("/").lower()
        vm = by_id.get(key)
        claimed = str(session_host.properties.get("virtualMachineId") or "").lower()
        if vm is None or key in live or (claimed and vm.vm_id and claimed != vm.vm_id.lower()):
            ghosts.append(session_host)
        else:
            live[key] = session_host
    return live, sorted(ghosts, key=lambda s: natural(s.name))


def _azure_vm(session_host: SessionHost) -> bool:
    """Its resourceId names a VM: an Arc machine or a record that was never registered has no such id."""
    return VM_ID.fullmatch(session_host.vm_resource_id or "") is not None


def _in_groups(session_host: SessionHost, groups: set[str]) -> bool:
    return _azure_vm(session_host) and group_of(session_host.vm_resource_id or "").lower() in groups


def _in_work(vm: Vm, pool_id: str) -> bool:
    """The VM's own tags say that a rollout of this pool works on it."""
    return names.RECORD in vm.tags and _of_pool(vm, pool_id)


def _of_pool(vm: Vm, pool_id: str) -> bool:
    return vm.tags.get(names.POOL, "").lower() == pool_id.rsplit("/", 1)[-1].lower()


def _temporary(vm: Vm) -> bool:
    return vm.name.lower().startswith("avdtmp-") and (names.DISK_HOST in vm.tags or names.DISK_ROLLOUT in vm.tags)


def _built_for(vm: Vm, vm_ids: set[str], pool_id: str) -> bool:
    """Its tags name a host of this pool: a build group may serve several pools."""
    return vm.tags.get(names.DISK_HOST_ID, "").lower() in vm_ids or _of_pool(vm, pool_id)


def _made(disk: Disk) -> float:
    """Epoch seconds of a disk's creation, 0 where it is not said."""
    made = dig(disk.body, "properties", "timeCreated")
    return from_iso(str(made)) if made else 0.0


def _distinct(ids: Iterable[str]) -> tuple[str, ...]:
    """Ids without repetition, compared without case, sorted."""
    first: dict[str, str] = {}
    for item in ids:
        first.setdefault(item.rstrip("/").lower(), item.rstrip("/"))
    return tuple(first[key] for key in sorted(first))
