"""`hostpool cleanup`: delete the old OS disks that were kept for a fast way back, once their date has passed."""

from __future__ import annotations

import asyncio

import click

from hostpool.declared import pool_tags, stored
from hostpool.options import common, yes_option
from hostpool.session import Session
from hostpool.wording import many
from rollout import names
from rollout.arm import Disk
from rollout.azure import Azure
from rollout.cleanup import expired, remove_disks
from rollout.declaration import Declaration
from rollout.lease import Lease
from rollout.observation import observe

AT_ONCE = 5
"""Disks deleted at the same time: the write limits of a subscription are shared with others."""


@click.command("cleanup")
@click.option("--all-kept", is_flag=True, help="Every kept disk, whatever its date. No host can be reverted fast then.")
@click.option("--dry-run", is_flag=True, help="Only list the disks.")
@yes_option
@common
def command(session: Session, all_kept: bool, dry_run: bool, yes: bool) -> None:
    """Delete kept OS disks whose date has passed.

    A disk goes only if it carries the rollout's tags, belongs to a host of this pool that is not in work, and is
    attached to nothing. The next pulumi up would delete the same disks.

    \b
    Examples:
      hostpool cleanup --dry-run
      hostpool cleanup
      hostpool cleanup --all-kept
    """
    session.run(_cleanup(session, all_kept, dry_run, yes))


async def _cleanup(session: Session, all_kept: bool, dry_run: bool, yes: bool) -> None:
    clock = session.clock
    lease = Lease(session.pool_id, f"hostpool cleanup, {session.world.who}", clock)
    async with session.azure(lease.check) as azure:
        tags = await pool_tags(session, azure)
        declared = stored(tags, session.pool_id) or Declaration(session.pool_id, "", "")
        disks = await _disks(azure, declared, all_kept)
        if not disks:
            click.echo(f"{session.pool_name}: no {'kept disks' if all_kept else 'kept disks past their date'}")
            return
        for disk in disks:
            until = disk.tags.get(names.DISK_KEEP_UNTIL, "no date")
            click.echo(f"{disk.name}  of {disk.tags.get(names.DISK_HOST, 'unknown')}, kept until {session.told(until)}")
        if dry_run:
            click.echo(f"{many(len(disks), 'disk')} would be deleted")
            return
        if all_kept and not yes:
            click.confirm(
                f"Delete {many(len(disks), 'disk')}? Their hosts cannot be reverted without a build", abort=True
            )
        await lease.acquire(azure)
        try:
            # A rollout may have used one of them until the lease was ours.
            count = await _remove(azure, lease, session, await _disks(azure, declared, all_kept))
            session.note(azure.azure_time(), "disks_deleted", why=many(count, "disk"))
        finally:
            await lease.release()
    click.echo(f"{session.pool_name}: {many(count, 'disk')} deleted")


async def _disks(azure: Azure, declared: Declaration, all_kept: bool) -> tuple[Disk, ...]:
    at = azure.azure_time()
    return expired(await observe(azure, declared, at=at), at, all_kept=all_kept)


async def _remove(azure: Azure, lease: Lease, session: Session, disks: tuple[Disk, ...]) -> int:
    clock, count = session.clock, 0
    renewed = clock.now()
    for start in range(0, len(disks), AT_ONCE):
        if clock.now() - renewed > lease.renew_every:
            await lease.renew()
            renewed = clock.now()
        batch = disks[start : start + AT_ONCE]
        count += sum(await asyncio.gather(*(remove_disks(azure, [disk]) for disk in batch)))
    return count
