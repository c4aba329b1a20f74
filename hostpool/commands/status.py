"""`hostpool status`: where every host stands."""

from __future__ import annotations

import asyncio
import json

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hostpool import azure_rolled
from hostpool.kinds import Kind
from hostpool.look import EVERY, look
from hostpool.options import common, json_option
from hostpool.session import Session
from hostpool.status import DONE, EXCLUDED, TO_DO, HostRow, PoolStatus, as_json
from hostpool.wording import clock_time, duration, many
from os_upgrades.progress import version_of
from rollout.azure import Azure
from rollout.clock import in_zone
from rollout.errors import AzureError, Forbidden
from rollout.record import UNAVAILABLE, Phase

STYLES: dict[str, str] = {
    DONE: "green",
    TO_DO: "",
    EXCLUDED: "dim",
    Phase.BUILD: "cyan",
    Phase.DRAIN: "yellow",
    Phase.LEAVE: "yellow",
    Phase.SERVE: "green",
    Phase.ROLLED_BACK: "magenta",
    Phase.FAILED: "bold red",
    **dict.fromkeys(UNAVAILABLE - {Phase.SERVE, Phase.FAILED}, "red"),
}


@click.command("status")
@click.option("--watch", "-w", is_flag=True, help="Keep showing, with one read of Azure a minute, until Ctrl-C.")
@json_option
@common
def command(session: Session, watch: bool, json_: bool) -> None:
    """Show where every host of the pool stands, every instance of a scale set, or every node of a Batch pool.

    Reads the journal in Azure, so it works from any machine, while a rollout runs and after. What a host waits for is
    told more exactly where the event log of the run is at hand.

    \b
    Examples:
      hostpool status
      hostpool status --watch
      hostpool status --json | jq '.hosts[] | select(.phase == "failed")'
    """
    try:
        session.run(_watch(session, json_) if watch else _once(session, json_))
    except KeyboardInterrupt:
        if not watch:
            raise


async def _once(session: Session, json_: bool) -> None:
    async with session.azure() as azure:
        found = await read(azure, session)
    if json_:
        click.echo(json.dumps(as_json(found), indent=1))
    else:
        _console().print(screen(found, found.read_at))


async def _watch(session: Session, json_: bool) -> None:
    clock = session.clock
    async with session.azure() as azure:
        if json_:
            while True:
                click.echo(json.dumps(as_json(await read(azure, session))))
                await clock.sleep(EVERY)
        found = await read(azure, session)
        with Live(console=_console(), auto_refresh=False) as live:
            live.update(screen(found, azure.azure_time()), refresh=True)
            while True:
                trouble = ""
                again = asyncio.create_task(_after_a_minute(azure, session))
                try:
                    while not again.done():
                        live.update(screen(found, azure.azure_time(), trouble), refresh=True)
                        await asyncio.wait({again}, timeout=1.0)
                    found = again.result()
                except Forbidden:
                    raise
                except AzureError as error:
                    trouble = f"could not be read again: {error}"
                    live.update(screen(found, azure.azure_time(), trouble), refresh=True)
                finally:
                    again.cancel()


async def _after_a_minute(azure: Azure, session: Session) -> PoolStatus:
    await session.clock.sleep(EVERY)
    return await read(azure, session)


async def read(azure: Azure, session: Session) -> PoolStatus:
    """Where it stands, of whatever kind it is."""
    if session.kind is not Kind.HOST_POOL:
        return await azure_rolled.status(session, azure)
    return (await look(azure, session)).status


def screen(status: PoolStatus, now: float, trouble: str = "") -> RenderableType:
    """Header and table; `now` makes the times since go on between two reads."""
    if status.kind is not Kind.HOST_POOL:
        return _rolled_by_azure(status, now, trouble)
    head = Text()
    head.append(f"{status.pool}  ", style="bold")
    head.append(status.line)
    if status.rollout:
        head.append(f"\nrollout {status.rollout}, attempt {status.attempt}, target {status.target or 'unknown'}")
    if status.owner:
        head.append(f"\nlease: {status.owner}, until {clock_time(status.lease_until or 0, status.zone)}")
    else:
        head.append("\nlease: nobody")
    if status.paused_by:
        head.append(
            f"\npaused: {in_zone(status.paused_by, status.zone)}; no host starts before hostpool resume", style="yellow"
        )
    if status.last and not status.owner:
        head.append(f"\nlast: {in_zone(status.last, status.zone)}", style="dim")
    if status.scheduled:
        head.append(f"\n{status.scheduled}", style="cyan")
    if status.queue:
        head.append(f"\na rollout {status.queue}", style="cyan")
    floor = f"floor {status.floor}" if status.floor is not None else "floor not known"
    low = status.floor is not None and status.serving < status.floor
    head.append(
        f"\n{status.serving} of {many(len(status.hosts), 'host')} serving, {floor}, ", "bold red" if low else ""
    )
    head.append(f"{many(status.sessions, 'session')}, {many(status.kept_disks, 'kept disk')}")
    head.append(f"\nread {clock_time(status.read_at, status.zone)}", style="dim")
    if trouble:
        head.append(f"\n{trouble}", style="red")
    parts: list[RenderableType] = [head, _table(status, now)]
    if status.ghosts:
        parts.append(Text(f"without an Azure VM, left alone: {', '.join(status.ghosts)}", style="dim"))
    return Group(*parts)


def _rolled_by_azure(status: PoolStatus, now: float, trouble: str) -> RenderableType:
    """The same of a scale set or a Batch pool."""
    head = Text()
    head.append(f"{status.pool}  ", style="bold")
    head.append(f"{status.kind}; {status.line}")
    upgrade = status.upgrade
    target = upgrade.get("targetImageReference") or {}
    code = (upgrade.get("runningStatus") or {}).get("code")
    if code and target:
        began = (upgrade.get("runningStatus") or {}).get("startTime", "")
        by = upgrade.get("startedBy", "Unknown")
        head.append(f"\nlast upgrade: {version_of(target)}, {code}, begun {in_zone(began, status.zone)} by {by}")
    head.append(f"\nlatest is {status.target}")
    floor = f", Azure keeps {status.floor}" if status.floor is not None else ""
    tasks = f", {many(status.sessions, 'task')}" if status.kind is Kind.BATCH_POOL else ""
    head.append(f"\n{status.serving} of {many(len(status.hosts), status.kind.member)} well{floor}{tasks}")
    head.append(f"\nread {clock_time(status.read_at, status.zone)}", style="dim")
    if trouble:
        head.append(f"\n{trouble}", style="red")
    return Group(head, _table(status, now))


_COLUMNS = {
    Kind.HOST_POOL: ("host", "phase", "image", "session host", "sessions", "since", "waits for"),
    Kind.SCALE_SET: ("instance", "phase", "image", "health", "", "", "waits for"),
    Kind.BATCH_POOL: ("node", "phase", "image", "state", "tasks", "", "waits for"),
}
"""Titles; a column without one is left out."""


def _table(status: PoolStatus, now: float) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    columns = _COLUMNS[status.kind]
    for at, name in enumerate(columns):
        if name:
            table.add_column(name, justify="right" if at in (4, 5) else "left", no_wrap=at != 4 and at != 6)
    for row in sorted(status.hosts, key=_urgency):
        since = duration(now - row.since) if row.since is not None else ""
        seen = row.status if row.new_sessions or row.status == "no record" else f"{row.status}, drained"
        text = f"{row.waits_for}: {row.why}" if row.why and row.waits_for else row.why or row.waits_for
        style = STYLES.get(row.phase, "")
        cells: tuple[str | Text, ...] = (
            row.host,
            Text(row.phase, style),
            row.image,
            seen,
            str(row.sessions),
            since,
            Text(text),
        )
        table.add_row(*[cell for cell, name in zip(cells, columns, strict=True) if name])
    return table


def _urgency(row: HostRow) -> int:
    """Failed first, then what is in work, then the rest; within each in the order of the hosts' names."""
    if row.phase in (Phase.FAILED, Phase.ROLLED_BACK):
        return 0
    return 2 if row.phase in (DONE, TO_DO, EXCLUDED, "") else 1


def _console() -> Console:
    """As wide as asked for by a pipe's reader: nothing is cut where there is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=200)
