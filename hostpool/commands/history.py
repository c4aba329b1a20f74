"""`hostpool history`: the last rollouts of the pool."""

from __future__ import annotations

import json

import click

from hostpool.declared import pool_tags
from hostpool.options import common, json_option
from hostpool.session import Session
from hostpool.wording import duration, moment
from rollout import history, names


@click.command("history")
@json_option
@common
def command(session: Session, json_: bool) -> None:
    """Show the last rollouts of the pool: who ran what when, and how it ended.

    A tag of the pool holds the newest three or four. With --json they have the shape of a scale set's
    osUpgradeHistory.

    \b
    Examples:
      hostpool history
      hostpool history --json | jq '.value[0].properties.progress'
    """
    session.run(_history(session, json_))


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
