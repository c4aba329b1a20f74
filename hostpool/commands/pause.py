"""`hostpool pause` and `hostpool resume`: a tag of the pool that the engine looks at before it starts a host."""

from __future__ import annotations

import click

from hostpool.declared import pool_tags
from hostpool.options import common
from hostpool.session import Session, may_write
from hostpool.status import goes_on
from rollout import lease, names, pool_record
from rollout.clock import iso


@click.command("pause")
@common
def pause(session: Session) -> None:
    """Let the rollout stop at the next safe point.

    Hosts in work are finished, no new one is started, and pulumi up ends with status paused. Killing pulumi is not
    needed, and works too: the next run resumes.

    \b
    Example:
      hostpool pause
    """
    session.run(_pause(session))


async def _pause(session: Session) -> None:
    async with session.azure(may_write) as azure:
        tags = await pool_tags(session, azure)
        if tags.get(names.PAUSE):
            click.echo(f"{session.pool_name}: paused already ({session.told(tags[names.PAUSE])})")
            return
        await azure.merge_tags(
            session.pool_id, {names.PAUSE: f"{session.world.who} at {iso(azure.azure_time())}"[:256]}
        )
        session.note(azure.azure_time(), "pause_requested")
        holder, record = lease.decode(tags.get(names.LEASE)), pool_record.decode(tags.get(names.RECORD))
        if holder is not None and holder.until > azure.azure_time():
            then = f"{holder.owner} finishes the hosts in work, starts no new one, and ends with status paused"
        elif record is not None and record.resumable:
            then = "no engine works now; the next pulumi up finishes half-done hosts and starts no new one"
        else:
            then = "no rollout is under way; the next pulumi up starts no host until hostpool resume"
    click.echo(f"{session.pool_name}: paused; {then}. Go on with: hostpool resume, then pulumi up")


@click.command("resume")
@common
def resume(session: Session) -> None:
    """Lift the pause.

    A rollout that has not come to its end goes on by itself; one that has ended as paused goes on with the next
    pulumi up.

    \b
    Example:
      hostpool resume && pulumi up
    """
    session.run(_resume(session))


async def _resume(session: Session) -> None:
    async with session.azure(may_write) as azure:
        tags = await pool_tags(session, azure)
        if names.PAUSE not in tags:
            click.echo(f"{session.pool_name}: not paused, nothing to resume")
            return
        await azure.delete_tags(session.pool_id, {names.PAUSE: tags[names.PAUSE]})
        session.note(azure.azure_time(), "pause_lifted", why=f"it was paused by {tags[names.PAUSE]}")
        holder, record = lease.decode(tags.get(names.LEASE)), pool_record.decode(tags.get(names.RECORD))
        if holder is not None and holder.until > azure.azure_time():
            then = f"{holder.owner} is still at work and goes on; if it ends as paused, run pulumi up"
        elif record is not None and record.resumable:
            then = f"it goes on where it stopped {goes_on(tags, session.pool_id, record, azure.azure_time())}"
        else:
            then = "no rollout is under way; the next pulumi up starts as usual"
    click.echo(f"{session.pool_name}: the pause is lifted ({session.told(tags[names.PAUSE])}); {then}")
