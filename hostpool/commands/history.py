"""`hostpool history`: the last rollouts of the pool."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.table import Table

from hostpool.options import common, json_option
from hostpool.session import Session
from hostpool.wording import duration, moment
from rollout import history, names
from rollout.errors import InvalidDeclaration


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
        body = await azure.get_host_pool(session.pool_id)
    if body is None:
        raise InvalidDeclaration(
            "host_pool_id",
            session.pool_id,
            "does not exist",
            "correct it (az desktopvirtualization hostpool list)",
        )
    entries = history.read((body.get("tags") or {}).get(names.HISTORY))
    if json_:
        click.echo(json.dumps({"value": [entry.as_os_upgrade_history() for entry in entries]}, indent=1))
    elif not entries:
        click.echo("no rollout of this pool has ended yet")
    else:
        Console(highlight=False).print(_table(entries))


def _table(entries: tuple[history.Entry, ...]) -> Table:
    table = Table(
        "attempt", "version", "began", "took", "status", "updated", "rolled back", "failed", "left", "by", box=None
    )
    for each in entries:
        table.add_row(
            str(each.attempt),
            each.version,
            moment(each.began),
            duration(each.ended - each.began),
            str(each.state),
            f"{each.updated} of {each.needed}",
            str(each.rolled_back),
            str(each.failed),
            str(each.left),
            each.owner,
        )
    return table
