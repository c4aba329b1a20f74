"""`hostpool abort`: end an attempt, and bring every host home."""

from __future__ import annotations

import click

from hostpool.declared import as_run_last, pool_tags
from hostpool.engine import roll
from hostpool.options import common, yes_option
from hostpool.session import NotPossible, Session, may_write
from rollout import lease, names, pool_record
from rollout.azure import Azure
from rollout.clock import iso
from rollout.decisions import Decision
from rollout.errors import AlreadyEnded, LeaseHeld
from rollout.lease import Lease
from rollout.pool_record import RolloutRecord, State


@click.command("abort")
@click.option("--undrain", is_flag=True, help="Bring the hosts home at once, where no pulumi is at work to do it.")
@yes_option
@common
def command(session: Session, undrain: bool, yes: bool) -> None:
    """End the attempt that is under way.

    No further host is begun. Hosts that were only drained serve again as they were found, hosts that are out of service
    are finished, disks that were built for others are removed. A pulumi up that is at work does it; without one the
    next pulumi up does, or, with --undrain, this command, under the pool's lease. Hosts that run the new image keep it.

    The pool is paused then: nothing begins anew before hostpool resume.

    \b
    Examples:
      hostpool abort
      hostpool abort --undrain --yes
    """
    if not yes:
        click.confirm(f"End the attempt on {session.pool_name}? The next one begins anew", abort=True)
    session.run(_ask(session, undrain))
    if undrain:
        session.run(_bring_home(session))


async def _ask(session: Session, undrain: bool) -> None:
    """Write the tags."""
    async with session.azure(may_write) as azure:
        tags, record = await _under_way(session, azure)
        now, who = azure.azure_time(), session.world.who
        mine = Decision(record.r, record.a, who, int(now))
        pause = tags.get(names.PAUSE) or f"{who} at {iso(now)}, with hostpool abort"[:256]
        await azure.merge_tags(session.pool_id, {names.ABORT: mine.encode(), names.PAUSE: pause})
        session.note(now, "abort_requested", rollout=record.r, attempt=record.a)
        holder = lease.decode(tags.get(names.LEASE))
        alive = holder is not None and holder.until > now
    engine = f"{holder.owner} ends it, or if that is dead " if holder is not None and alive else ""
    then = f"{engine}{'this command' if undrain else 'the next pulumi up'} ends it"
    click.echo(
        f"{session.pool_name}: attempt {record.a} is aborted; {then}. Begin anew with: hostpool resume, pulumi up"
    )


async def _bring_home(session: Session) -> None:
    holding = Lease(session.pool_id, f"hostpool abort, {session.world.who}", session.clock)
    async with session.azure(holding.check) as azure:
        tags, record = await _under_way(session, azure)
        declared, inputs = as_run_last(tags, session.pool_id)
        try:
            outcome = await roll(
                session, azure, declared, inputs, holding, only=record.t or None, abort=session.world.who
            )
        except LeaseHeld:
            click.echo("the engine at work is alive, and brings the hosts home: hostpool status --watch")
            return
        except AlreadyEnded as error:
            click.echo(str(error))
            return
    click.echo(outcome.summary)
    if outcome.status != State.STOPPED:
        raise click.exceptions.Exit(1)


async def _under_way(session: Session, azure: Azure) -> tuple[dict[str, str], RolloutRecord]:
    """The pool's tags and the record of the attempt. Raises NotPossible where there is none to end."""
    tags = await pool_tags(session, azure)
    record = pool_record.decode(tags.get(names.RECORD))
    if record is None or not record.resumable:
        raise NotPossible(f"no rollout of pool {session.pool_name} is under way, so that there is nothing to abort")
    return tags, record
