"""`hostpool rebuild HOST`: a fresh disk of the current version for one host, by the machine of every rollout."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import click

from hostpool.look import find
from hostpool.options import common, yes_option
from hostpool.session import Session, WrongUse, pool_body, required_declaration
from hostpool.wording import clock_time
from rollout import names, pool_record
from rollout.arm import name_of
from rollout.declaration import Declaration
from rollout.events import Event, Kind
from rollout.lease import Lease
from rollout.observation import observe

if TYPE_CHECKING:  # the engine is imported when a host is rebuilt: no other subcommand needs it
    from rollout.rollout import Outcome


@click.command("rebuild")
@click.argument("host")
@yes_option
@common
def command(session: Session, host: str, yes: bool) -> None:
    """Give HOST a fresh OS disk of the version that the pool runs.

    The VM, its name, address and data disks stay. Its users are asked to sign out first, and the old disk is kept as
    declared. Works on a host that a rollout left failed, too. Waits for no pulumi; Ctrl-C stops at a safe point.

    \b
    Examples:
      hostpool rebuild vm-7
      hostpool rebuild vm-7 --yes
    """
    outcome = session.run(_rebuild(session, host, yes))
    click.echo(outcome.summary)
    if outcome.status != "complete":
        raise click.exceptions.Exit(1)


async def _rebuild(session: Session, name: str, yes: bool) -> Outcome:
    from rollout.rollout import run
    from sinks.listeners import listeners

    pool_id = session.pool_id
    lease = Lease(pool_id, f"hostpool rebuild, {session.world.who}", session.clock)
    async with session.azure(lease.check) as azure:
        tags = dict((await pool_body(azure, pool_id)).get("tags") or {})
        declared = required_declaration(tags, pool_id)
        record = pool_record.decode(tags.get(names.RECORD))
        host = find(await observe(azure, declared, at=azure.azure_time()), name)
        if record is not None and record.resumable and record.t.lower() != host.name.lower():
            raise WrongUse(
                f"a rollout of pool {session.pool_name} is under way (attempt {record.a}, {record.st}); "
                "let it end (pulumi up resumes it), then rebuild"
            )
        inputs = {**(pool_record.read_declaration(tags) or {}), "host_pool_id": pool_id}
        target = tags.get(names.TARGET, "")
        if inputs["version"] == "latest" and "/versions/" in target.lower():
            inputs["version"] = name_of(target)  # the version that the other hosts run, not one that came after
            declared = required_declaration(tags | pool_record.declaration_tags(inputs), pool_id)
        _ask(host.name, declared, host.session_host.sessions if host.session_host else 0, yes)
        async with listeners(
            azure, declared, clock=session.clock, who=lease.owner, folder=session.folder,
            environment=session.world.environment, warn=lambda text: click.echo(f"warning: {text}", err=True),
        ) as told:  # fmt: skip

            def listener(event: Event) -> None:
                tell(event)
                told(event)

            return await run(
                azure, declared, inputs, clock=session.clock, lease=lease, listener=listener,
                log_folder=session.folder, only=host.name, stop=stop_on_signals(),
            )  # fmt: skip


def _ask(host: str, declared: Declaration, sessions: int, yes: bool) -> None:
    if not yes:
        users = f"; {sessions} session(s) are on it, drain.log_off is {declared.drain.log_off}" if sessions else ""
        click.confirm(f"Give {host} a fresh disk of {declared.version}{users}?", abort=True)


def stop_on_signals() -> asyncio.Event:
    """Set by Ctrl-C, SIGTERM or a closed terminal: the engine finishes the write in flight, gives the lease back and
    ends."""
    stop = asyncio.Event()
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    except (AttributeError, NotImplementedError, RuntimeError, ValueError):
        pass  # no signals on this platform or in this thread: Ctrl-C then ends the process, and a rerun resumes
    return stop


def tell(event: Event) -> None:
    """One line per thing that happens to the host."""
    said = {
        Kind.PHASE: f"phase {event.data.get('phase')}",
        Kind.WAITING: f"waits: {event.text}",
        Kind.HOST_DONE: "serves on the fresh disk",
    }.get(event.kind, event.text)
    if said and event.kind not in (Kind.CAPACITY, Kind.ENDED):
        click.echo(f"{clock_time(event.time)} {event.host + ' ' if event.host else ''}{said}", err=True)
