"""`hostpool rebuild HOST`: a fresh disk of the current version for one host, by the machine of every rollout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostpool.declared import as_run_last, pool_tags
from hostpool.engine import roll
from hostpool.look import find
from hostpool.options import common, yes_option
from hostpool.session import NotPossible, Session
from rollout import hold, names, pool_record
from rollout.declaration import Declaration
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
    pool_id = session.pool_id
    lease = Lease(pool_id, f"hostpool rebuild, {session.world.who}", session.clock)
    async with session.azure(lease.check) as azure:
        tags = await pool_tags(session, azure)
        declared, inputs = as_run_last(tags, pool_id)
        record = pool_record.decode(tags.get(names.RECORD))
        host = find(await observe(azure, declared, at=azure.azure_time()), name)
        if record is not None and record.resumable and record.t.lower() != host.name.lower():
            raise NotPossible(
                f"a rollout of pool {session.pool_name} is under way (attempt {record.a}, {record.st}); "
                "let it end (pulumi up resumes it), then rebuild"
            )
        scheduled = hold.line(tags, pool_id)
        if scheduled:
            click.echo(f"{scheduled}, and stays so", err=True)
        _ask(host.name, declared, host.session_host.sessions if host.session_host else 0, yes)
        return await roll(session, azure, declared, inputs, lease, only=host.name)


def _ask(host: str, declared: Declaration, sessions: int, yes: bool) -> None:
    if not yes:
        users = f"; {sessions} session(s) are on it, drain.log_off is {declared.drain.log_off}" if sessions else ""
        click.confirm(f"Give {host} a fresh disk of {declared.version}{users}?", abort=True)
