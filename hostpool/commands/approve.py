"""`hostpool approve`: let the rest of the pool follow the canary."""

from __future__ import annotations

import click

from hostpool.options import common
from hostpool.session import Session, WrongUse, may_write, pool_body
from rollout import names, pool_record
from rollout.decisions import TICKET, Decision, decision
from rollout.pool_record import RolloutRecord


@click.command("approve")
@click.option("--ticket", metavar="NUMBER", default="", help="Number of the change ticket, for the audit: CHG0012345.")
@common
def command(session: Session, ticket: str) -> None:
    """Let the rest of the pool follow the canary.

    For pools that declare canary.approval, once the canary has baked and pulumi up has ended as paused. Who approved,
    when, and the ticket's number are kept in a tag of the pool, the event log and the history. The next pulumi up goes
    on; it does not bake the canary again.

    \b
    Examples:
      hostpool approve --ticket CHG0012345 && pulumi up
    """
    if ticket and not TICKET.fullmatch(ticket):
        raise WrongUse(f"--ticket {ticket!r} is no ticket number: 40 letters, digits or #_./:- at most, as CHG0012345")
    session.run(_approve(session, ticket))


async def _approve(session: Session, ticket: str) -> None:
    async with session.azure(may_write) as azure:
        tags = dict((await pool_body(azure, session.pool_id)).get("tags") or {})
        record = pool_record.decode(tags.get(names.RECORD))
        _refuse_unless_baked(session, record)
        assert record is not None
        before = decision(tags, names.APPROVAL, record)
        if before is not None:
            click.echo(f"{session.pool_name}: approved already by {before.told}; go on with pulumi up")
            return
        mine = Decision(record.r, record.a, session.world.who, int(azure.azure_time()), ticket)
        await azure.merge_tags(session.pool_id, {names.APPROVAL: mine.encode()})
        given = {"change_ticket": ticket} if ticket else {}
        session.note(mine.at, "approved", rollout=record.r, attempt=record.a, **given)
    click.echo(f"{session.pool_name}: attempt {record.a} approved by {mine.told}; go on with pulumi up")


def _refuse_unless_baked(session: Session, record: RolloutRecord | None) -> None:
    """Approved is what was seen: the canary of this attempt, once it has baked."""
    if record is None or not record.resumable:
        raise WrongUse(f"no rollout of pool {session.pool_name} is under way, so that there is nothing to approve")
    if record.c:
        raise WrongUse(f"the canary of attempt {record.a} has passed already, so that there is nothing to approve")
    if not record.b:
        raise WrongUse(
            f"the canary of attempt {record.a} has not baked yet; approve it once pulumi up has ended as paused "
            "(hostpool status)"
        )
