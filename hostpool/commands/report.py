"""`hostpool report`: what a rollout did, as an HTML page or JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hostpool import logs
from hostpool.commands.status import read
from hostpool.kinds import kind_of
from hostpool.logs import LogFile, NoLog
from hostpool.options import common, json_option, stack_option
from hostpool.report_page import Line, Part, render, render_all
from hostpool.session import Session, WrongUse
from hostpool.status import PoolStatus
from hostpool.status import as_json as status_as_json
from rollout.errors import AzureError, RolloutError
from rollout.report import Report, as_json, build

if TYPE_CHECKING:  # Pulumi's packages, which only --stack needs
    from program.stack import Stack


@click.command("report")
@click.option(
    "--rollout", metavar="ID", help="Which rollout; else the pool's last. All its attempts are in the report."
)
@click.option("--attempt", type=int, metavar="N", help="Only this attempt.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Where to write; else <pool>-<rollout>.html in the log folder. - is standard output.")  # fmt: skip
@click.option("--offline", is_flag=True, help="From the event log alone: do not ask Azure how the pool is now.")
@json_option
@stack_option
@common
def command(
    session: Session, rollout: str | None, attempt: int | None, output: Path | None, offline: bool, json_: bool
) -> None:
    """Write the report of a rollout: timeline per host, capacity over time, failures with evidence, users affected.

    The same for a scale set or a Batch pool that a run has watched. With --stack one report for all targets of a stack:
    what each came to, then each one's own part.

    It is made from the event logs that the run wrote (.hostpool where pulumi up ran), and shows how the pool is now
    where Azure can be asked. The page needs nothing but itself: send it, print it, keep it.

    \b
    Examples:
      hostpool report
      hostpool report --rollout 3f2a9c11 --output monday.html
      hostpool report --offline --json | jq .totals
      hostpool report --stack prod
    """
    if session.stack is not None and session.stack.settings.targets:
        _of_stack(session, session.stack, output, offline, json_)
        return
    pool = session.target_name if session.has_pool else None
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


def _of_stack(session: Session, stack: Stack, output: Path | None, offline: bool, json_: bool) -> None:
    """One report for the stack's host pool and its targets."""
    parts, without, files, remarks, made_at = [], [], [], [], 0.0
    for target_id in [*filter(None, [stack.settings.host_pool_id]), *(each.id for each in stack.settings.targets)]:
        session.host_pool_id = target_id
        try:
            found = logs.choose(session.folder, session.target_name, None)
        except NoLog:
            without.append(Line(session.target_name, str(session.kind)))
            continue
        made = build(logs.read(found))
        now, remark, made_at = session.run(_now(session, made, offline))
        parts.append(Part(made, now))
        files += found
        remarks += [f"{session.target_name}: {remark}"] if remark and not offline else []
    if not parts:
        raise WrongUse(
            f"no event log of a target of stack {stack.name} in {session.folder}; they lie where pulumi up ran"
        )
    named = [f"event log {file.path.name}" for file in files]
    if json_:
        told = [json.loads(_json(part.report, part.now)) for part in parts]
        missing = [{"name": line.name, "kind": line.kind} for line in without]
        text = json.dumps({"stack": stack.name, "targets": told, "without": missing}, indent=1) + "\n"
    else:
        heading = f"Stack {stack.name}"
        text = render_all(parts, without, heading, made_at=made_at, sources=named)
    _write(text, output or (Path("-") if json_ else session.folder / f"{stack.name.replace('/', '-')}.html"))
    for remark in remarks:
        click.echo(remark, err=True)


async def _now(session: Session, made: Report, offline: bool) -> tuple[PoolStatus | None, str, float]:
    """The pool as it is, or why it is not known (no report fails because Azure cannot be asked), and the time."""
    at = session.clock.now()
    if offline:
        return None, "Azure was not asked", at
    if not session.has_pool:
        if kind_of(made.pool) is None:
            return None, "Azure was not asked: no host pool was given", at
        session.host_pool_id = made.pool
    try:
        async with session.azure() as azure:
            return await read(azure, session), "", at
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
