"""What a rollout leaves behind and when it goes: kept disks past their date, and orphans of a crash.

A disk is deleted only if it carries our tags, names a host of this pool by its vmId, and is attached to nothing by any
account: a disk that is being attached may still read Unattached for a while (azure-cli issue reports).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rollout import names
from rollout.arm import Disk, Vm
from rollout.azure import Azure
from rollout.clock import Clock, from_iso
from rollout.errors import Conflict
from rollout.observation import Host, Pool
from rollout.record import ENDED

RESERVED_TRIES, RESERVED_PAUSE = 8, 30.0
"""How often, and after how many seconds, the deletion of a NIC that Azure keeps for a VM is tried again."""


def expired(pool: Pool, now: float, *, all_kept: bool = False) -> tuple[Disk, ...]:
    """Kept disks, those in quarantine too, whose date has passed (with `all_kept`, whatever their date), of hosts that
    are at rest."""
    return tuple(
        disk
        for host in pool.hosts
        if _at_rest(host)
        for disk in host.kept
        if disk.tags.get(names.DISK_STATE) in ("old", "quarantined")
        and _free(disk, pool)
        and (all_kept or from_iso(disk.tags.get(names.DISK_KEEP_UNTIL, "9999-01-01T00:00:00Z")) <= now)
    )


def orphans(pool: Pool, *, keep_ready_of: str | None = None) -> tuple[tuple[Vm, ...], tuple[Disk, ...]]:
    """Temporary VMs and disks that no host's record accounts for: a crash left them, a paused run did, or their host
    was deleted meanwhile.

    `keep_ready_of` is a rollout id whose finished disks stay, because a paused attempt will use them."""
    working = {host.vm.vm_id.lower() for host in pool.hosts if not _at_rest(host)}
    hosts = {host.vm.vm_id.lower() for host in pool.hosts}
    ours = pool.record.r if pool.record is not None else None

    def nobodys(tags: Mapping[str, str]) -> bool:
        """Made by this pool's rollout (a build group may serve several pools) for a VM that is no host any more."""
        return (
            ours is not None
            and tags.get(names.DISK_ROLLOUT) == ours
            and tags.get(names.DISK_HOST_ID, "").lower() not in hosts
        )

    vms = tuple(
        vm
        for vm in pool.temporary_vms
        if vm.tags.get(names.DISK_HOST_ID, "").lower() in hosts - working or nobodys(vm.tags)
    )
    machines = {vm.id.lower() for vm in vms}
    disks = (
        tuple(
            disk
            for disk in pool.disks
            if (disk.managed_by or "").lower() in machines and not (_ready(disk) and _of(disk, keep_ready_of))
        )
        + tuple(
            disk
            for disk in pool.disks
            if disk.tags.get(names.DISK_STATE) in ("building", "ready") and nobodys(disk.tags) and _free(disk, pool)
        )
        + tuple(
            disk
            for host in pool.hosts
            if _at_rest(host)
            for disk in host.kept
            if disk.tags.get(names.DISK_STATE) in ("building", "ready", "failed")
            and not (_ready(disk) and _of(disk, keep_ready_of))
            and _free(disk, pool)
        )
    )
    return vms, disks


async def remove_orphans(azure: Azure, clock: Clock, vms: Iterable[Vm], disks: Iterable[Disk]) -> int:
    """Delete orphaned temporary VMs, then their NICs, then disks; returns how many resources went."""
    count = 0
    for vm in vms:
        await azure.delete_vm(vm.id)
        for nic in vm.nic_ids:
            await delete_nic(azure, clock, nic)
            count += 1
        count += 1
    return count + await remove_disks(azure, disks)


async def delete_nic(azure: Azure, clock: Clock, nic: str) -> None:
    """For 180 seconds Azure keeps a NIC for a VM whose creation failed (NicReservedForAnotherVm), and without its VM
    nobody would find it later."""
    for last in (False,) * RESERVED_TRIES + (True,):
        try:
            await azure.delete_nic(nic)
            return
        except Conflict:
            if last:
                raise
        await clock.sleep(RESERVED_PAUSE)


async def remove_disks(azure: Azure, disks: Iterable[Disk]) -> int:
    """Delete disks after one more look at each."""
    count = 0
    for disk in disks:
        body = await azure.get_disk(disk.id)
        now = Disk(body) if body is not None else None
        if now is None or now.managed_by is not None or names.DISK_HOST_ID not in now.tags:
            continue
        await azure.delete_disk(disk.id)
        count += 1
    return count


def _at_rest(host: Host) -> bool:
    return host.record is None or host.record.p in ENDED


def _ready(disk: Disk) -> bool:
    return disk.tags.get(names.DISK_STATE) == "ready"


def _of(disk: Disk, rollout: str | None) -> bool:
    return rollout is not None and disk.tags.get(names.DISK_ROLLOUT) == rollout


def _free(disk: Disk, pool: Pool) -> bool:
    attached = {host.vm.os_disk_name.lower() for host in pool.hosts}
    way_back = {host.record.d.lower() for host in pool.hosts if host.record is not None}
    return disk.managed_by is None and disk.name.lower() not in attached | way_back
