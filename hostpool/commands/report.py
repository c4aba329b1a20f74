"""`hostpool report`: what a rollout did, as an HTML page or JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from hostpool import logs
from hostpool.logs import LogFile, NoLog
from hostpool.look import look
from hostpool.options import common, json_option
from hostpool.report_page import render
from hostpool.session import Session, WrongUse
from hostpool.status import PoolStatus
from hostpool.status import as_json as status_as_json
from rollout.declaration import HOST_POOL_ID
from rollout.errors import AzureError, RolloutError
from rollout.report import Report, as_json, build


@click.command("report")
@click.option(
    "--rollout", metavar="ID", help="Which rollout; else the pool's last. All its attempts are in the report."
)
@click.option("--attempt", type=int, metavar="N", help="Only this attempt.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Where to write; else <pool>-<rollout>.html in the log folder. - is standard output.")  # fmt: skip
@click.option("--offline", is_flag=True, help="From the event log alone: do not ask Azure how the pool is now.")
@json_option
@common
def command(
    session: Session, rollout: str | None, attempt: int | None, output: Path | None, offline: bool, json_: bool
) -> None:
    """Write the report of a rollout: timeline per host, capacity over time, failures with evidence, users affected.

    It is made from the event logs that the run wrote (.hostpool where pulumi up ran), and shows how the pool is now
    where Azure can be asked. The page needs nothing but itself: send it, print it, keep it.

    \b
    Examples:
      hostpool report
      hostpool report --rollout 3f2a9c11 --output monday.html
      hostpool report --offline --json | jq .totals
    """
    pool = session.pool_name if session.has_pool else None
    try:
        files = logs.choose(session.folder, pool, rollout, attempt)
        made = build(logs.read(files))
    except NoLog as error:
        raise WrongUse(str(error)) from error
    except ValueError as error:
        raise click.ClickException(f"{', '.join(str(file.path) for file in files)}: {error}") from error
    now, remark, made_at = session.run(_now(session, made, offline))
    text = _json(made, now) if json_ else render(
        made, made_at=made_at, sources=_sources(files, now, remark), now=now
    )  # fmt: skip
    _write(text, output or (Path("-") if json_ else session.folder / f"{files[-1].pool}-{made.rollout}.html"))
    if remark and not offline:
        click.echo(remark, err=True)


async def _now(session: Session, made: Report, offline: bool) -> tuple[PoolStatus | None, str, float]:
    """The pool as it is, or why it is not known (no report fails because Azure cannot be asked), and the time."""
    at = session.clock.now()
    if offline:
        return None, "Azure was not asked", at
    if not session.has_pool:
        if not HOST_POOL_ID.fullmatch(made.pool):
            return None, "Azure was not asked: no host pool was given", at
        session.host_pool_id = made.pool
    try:
        async with session.azure() as azure:
            return (await look(azure, session)).status, "", at
    except (RolloutError, AzureError, WrongUse) as error:
        return None, f"Azure could not be asked how the pool is now: {error}", at


def _sources(files: list[LogFile], now: PoolStatus | None, remark: str) -> list[str]:
    named = [f"event log {file.path.name}" for file in files]
    return [*named, "the record in Azure" if now is not None else remark]


def _json(made: Report, now: PoolStatus | None) -> str:
    data: dict[str, Any] = as_json(made)
    data["now"] = status_as_json(now) if now is not None else None
    return json.dumps(data, indent=1) + "\n"


def _write(text: str, to: Path) -> None:
    if str(to) == "-":
        click.echo(text, nl=False)
        return
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{to}: {error.strerror}; name another file with --output") from error
    click.echo(str(to))
