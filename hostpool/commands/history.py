"""`hostpool history`: the last rollouts of the pool."""

from __future__ import annotations

import json

import click

from hostpool import azure_rolled
from hostpool.declared import pool_tags
from hostpool.kinds import Kind
from hostpool.options import common, json_option
from hostpool.session import Session
from hostpool.wording import duration, moment
from os_upgrades.progress import Upgrade
from rollout import history, names


@click.command("history")
@json_option
@common
def command(session: Session, json_: bool) -> None:
    """Show the last rollouts of the pool, or upgrades of a scale set: who ran what when, and how it ended.

    A tag of a host pool holds the newest three or four; of a scale set Azure tells the last five within two months.
    With --json both have the shape of a scale set's osUpgradeHistory. Of Batch pools Azure tells none.

    \b
    Examples:
      hostpool history
      hostpool history --json | jq '.value[0].properties.progress'
    """
    session.run(_history(session, json_) if session.kind is Kind.HOST_POOL else _of_scale_set(session, json_))


async def _of_scale_set(session: Session, json_: bool) -> None:
    async with session.azure() as azure:
        entries = await azure_rolled.history(session, azure)
    if json_:
        click.echo(json.dumps({"value": [entry.body() for entry in entries]}, indent=1))
    else:
        lines = [_upgrade_line(entry) for entry in entries]
        click.echo("\n".join(lines) or "Azure has upgraded no instance of this scale set in the last two months")


def _upgrade_line(entry: Upgrade) -> str:
    """`1.0.1 on 2026-01-12 20:20 UTC, 54 min, Completed: 12 of 12 updated; by Platform`."""
    restored = ((entry.restored, "rolled back"), (entry.not_restored, "not restored"))
    counts = (*restored, (entry.counts.failed - entry.restored - entry.not_restored, "failed"))
    left = entry.counts.pending + entry.counts.in_progress
    told = [f"{entry.counts.successful} of {entry.counts.total} updated"]
    told += [f"{count} {what}" for count, what in (*counts, (left, "left")) if count > 0]
    took = f", {duration(entry.ended - entry.began)}" if entry.ended and entry.began else ""
    began = moment(entry.began, "UTC") if entry.began is not None else "an unknown day"
    why = f"; {entry.problem.code}" if entry.problem is not None else ""
    return f"{entry.version or 'unknown'} on {began}{took}, {entry.code}: {', '.join(told)}; by {entry.started_by}{why}"


async def _history(session: Session, json_: bool) -> None:
    async with session.azure() as azure:
        entries = history.read((await pool_tags(session, azure)).get(names.HISTORY))
    if json_:
        click.echo(json.dumps({"value": [entry.as_os_upgrade_history() for entry in entries]}, indent=1))
    else:
        click.echo(
            "\n".join(_line(entry, session.zone) for entry in entries) or "no rollout of this pool has ended yet"
        )


def _line(entry: history.Entry, zone: str) -> str:
    """`5: 1.0.1 on 2026-01-12 20:20 UTC, 54 min, complete: 12 of 12 updated; by ada@desk-7`."""
    counts = ((entry.rolled_back, "rolled back"), (entry.failed, "failed"), (entry.left, "left"))
    hosts = ", ".join(
        [f"{entry.updated} of {entry.needed} updated", *(f"{count} {what}" for count, what in counts if count)]
    )
    took = duration(entry.ended - entry.began)
    approved = f", approved by {entry.approved}" if entry.approved else ""
    emergency = f", emergency: {entry.emergency}" if entry.emergency else ""
    began = moment(entry.began, zone)
    return (
        f"{entry.attempt}: {entry.version} on {began}, {took}, {entry.state}: {hosts}; by {entry.owner}"
        f"{approved}{emergency}"
    )
