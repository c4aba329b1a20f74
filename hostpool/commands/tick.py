"""`hostpool tick`: whatever is due on the pool now, from a schedule of the CI, so that nobody has to be awake."""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import click

from hostpool.declared import pool_tags
from hostpool.engine import stop_on_signals, teller
from hostpool.options import common, json_option
from hostpool.session import Session
from rollout.declaration import Declaration
from rollout.lease import Lease
from rollout.notices import Teller

if TYPE_CHECKING:  # the engine is imported when something is due: no other subcommand needs it
    from rollout.tick import Ticked

NEEDS_SOMEBODY, ALARM = 1, 3
"""Exit codes, beside 0 for a tick with which all is well and 2 for one that was asked wrongly."""


@click.command("tick")
@json_option
@common
def command(session: Session, json_: bool) -> None:
    """Do whatever is due on the pool: run it every 15 minutes.

    Tells reminders, makes the pre-checks of what is scheduled daily, begins it in its window, resumes what a crash or
    a window's end has left, brings half-done hosts home, removes kept disks past their date, and proves at ready_by
    that enough hosts serve. Where nothing is due it writes nothing. Where somebody is at work it leaves at once, so
    that any number of ticks, and pulumi up, may meet. It begins no new attempt after one that failed: pulumi up does.

    \b
    Examples:
      hostpool tick
      hostpool tick --json | jq .trouble

    Exit code: 0 all is well, 1 something needs somebody (a start that pre-checks forbid, a missed window, hosts that
    failed, a pause by the engine, Azure), 2 it was asked wrongly, 3 alarm: the pool had to be ready, and is not.
    """
    ticked = session.run(_tick(session))
    if json_:
        click.echo(json.dumps(_as_json(ticked), indent=1))
    else:
        for line in [*ticked.did, *(f"needs somebody: {text}" for text in ticked.trouble), ticked.next]:
            click.echo(session.told(f"{ticked.pool}: {line}"))
    code = ALARM if ticked.alarm else NEEDS_SOMEBODY if ticked.trouble else 0
    if code:
        raise click.exceptions.Exit(code)


async def _tick(session: Session) -> Ticked:
    from rollout.tick import tick
    from sinks.listeners import listeners

    lease = Lease(session.pool_id, f"hostpool tick, {session.world.who}", session.clock)
    async with session.azure(lease.check) as azure:
        await pool_tags(session, azure)  # a pool that does not exist is asked wrongly

        def told(declared: Declaration) -> AbstractAsyncContextManager[Teller]:
            return listeners(
                azure, declared, clock=session.clock, who=lease.owner, folder=session.folder,
                environment=session.world.environment, warn=lambda text: click.echo(f"warning: {text}", err=True),
            )  # fmt: skip

        return await tick(
            azure, session.pool_id, clock=session.clock, lease=lease, listener=teller(session), notifying=told,
            log_folder=session.folder, stop=stop_on_signals(),
        )  # fmt: skip


def _as_json(ticked: Ticked) -> dict[str, object]:
    outcome = ticked.outcome
    ran = {"status": outcome.status, "summary": outcome.summary, "hosts": outcome.hosts} if outcome else None
    return {
        "pool": ticked.pool,
        "did": ticked.did,
        "trouble": ticked.trouble,
        "next": ticked.next,
        "alarm": ticked.alarm,
        "run": ran,
    }
