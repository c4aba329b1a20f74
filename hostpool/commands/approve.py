"""`hostpool approve`: let the rest of the pool follow the canary, or a version come to this pool."""

from __future__ import annotations

import re

import click

from hostpool.declared import pool_tags
from hostpool.options import common
from hostpool.session import NotPossible, Session, WrongUse, may_write
from hostpool.status import goes_on
from rollout import names, pool_record
from rollout.decisions import TICKET, Decision, decision
from rollout.pool_record import RolloutRecord
from rollout.promotion import Approval, approvals_of

VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,79}")


@click.command("approve")
@click.option("--ticket", metavar="NUMBER", default="", help="Number of the change ticket, for the audit: CHG0012345.")
@click.option("--promotion", metavar="VERSION", default="", help="Approve that this version comes to the pool.")
@common
def command(session: Session, ticket: str, promotion: str) -> None:
    """Let the rest of the pool follow the canary, or with --promotion a version come to this pool.

    For pools that declare canary.approval, once the canary has baked and pulumi up has ended as paused. Who approved,
    when, and the ticket's number are kept in a tag of the pool, the event log and the history. The next pulumi up goes
    on; it does not bake the canary again.

    With --promotion, for pools that declare promote_from.approvals: each person's approval is a tag of its own, and the
    first preview that finds as many of the version shows it as the one to come.

    \b
    Examples:
      hostpool approve --ticket CHG0012345 && pulumi up
      hostpool approve --promotion 1.4.2 --ticket CHG0012345
    """
    if ticket and not TICKET.fullmatch(ticket):
        raise WrongUse(f"--ticket {ticket!r} is no ticket number: 40 letters, digits or #_./:- at most, as CHG0012345")
    if promotion and not VERSION.fullmatch(promotion):
        raise WrongUse(f"--promotion {promotion!r} is no version: write it as the preview does, such as 1.4.2")
    session.run(_approve_promotion(session, promotion, ticket) if promotion else _approve(session, ticket))


async def _approve_promotion(session: Session, version: str, ticket: str) -> None:
    async with session.azure(may_write) as azure:
        tags = await pool_tags(session, azure)
        mine = Approval(version, session.world.who, int(azure.azure_time()), ticket)
        before = approvals_of(tags, version)
        if all(approval.tag != mine.tag for approval in before):
            await azure.merge_tags(session.pool_id, {mine.tag: mine.encode()})
            given = {"change_ticket": ticket} if ticket else {}
            session.note(mine.at, "promotion_approved", to_version=version, **given)
            before = (*before, mine)
    who = ", ".join(approval.by for approval in before)
    click.echo(f"{session.pool_name}: {version} is approved by {who}; the next pulumi preview says whether it comes")


async def _approve(session: Session, ticket: str) -> None:
    async with session.azure(may_write) as azure:
        tags = await pool_tags(session, azure)
        record = pool_record.decode(tags.get(names.RECORD))
        _refuse_unless_baked(session, record)
        assert record is not None
        when = goes_on(tags, session.pool_id, record, azure.azure_time())
        before = decision(tags, names.APPROVAL, record)
        if before is not None:
            click.echo(f"{session.pool_name}: approved already by {before.told}; it goes on {when}")
            return
        mine = Decision(record.r, record.a, session.world.who, int(azure.azure_time()), ticket)
        await azure.merge_tags(session.pool_id, {names.APPROVAL: mine.encode()})
        given = {"change_ticket": ticket} if ticket else {}
        session.note(mine.at, "approved", rollout=record.r, attempt=record.a, **given)
    click.echo(f"{session.pool_name}: attempt {record.a} approved by {mine.told}; it goes on {when}")


def _refuse_unless_baked(session: Session, record: RolloutRecord | None) -> None:
    """Approved is what was seen: the canary of this attempt, once it has baked."""
    if record is None or not record.resumable:
        raise NotPossible(f"no rollout of pool {session.pool_name} is under way, so that there is nothing to approve")
    if record.c:
        raise NotPossible(f"the canary of attempt {record.a} has passed already, so that there is nothing to approve")
    if not record.b:
        raise NotPossible(
            f"the canary of attempt {record.a} has not baked yet; approve it once pulumi up has ended as paused "
            "(hostpool status)"
        )
