"""`hostpool schedule`: what is scheduled on the pool; move it, skip a window, cancel it."""

from __future__ import annotations

import json

import click

from hostpool.declared import pool_tags
from hostpool.options import common, json_option
from hostpool.session import NotPossible, Session
from rollout import declaration, hold, rescheduling, schedule
from rollout.azure import Azure
from rollout.clock import iso
from rollout.lease import Lease
from rollout.rescheduling import Change, Scheduled


@click.group("schedule", invoke_without_command=True)
@json_option
@common
@click.pass_context
def command(context: click.Context, session: Session, json_: bool) -> None:
    """Show what is scheduled on the pool, or change it.

    A rollout whose window is closed holds the pool: its tags say which version it is, when it begins and who decided
    that. hostpool tick begins it then. Each change is announced to those whom notify names.

    \b
    Examples:
      hostpool schedule
      hostpool schedule move "2026-12-06 20:00"
      hostpool schedule skip
      hostpool schedule cancel
    """
    if context.invoked_subcommand is None:
        session.run(_show(session, json_))


@command.command("move")
@click.argument("time")
@common
def move(session: Session, time: str) -> None:
    """Begin at TIME, and not before.

    TIME is ISO 8601 with its offset, or such as "2026-12-06 20:00" in the pool's zone, at most 14 days after the time
    that it moves. Outside the declared windows hosts may be worked on for as long as a window lasts. It holds for a
    newer version too, until window, start_at or ready_by is declared anew.
    """
    session.run(_change(session, "moved", rescheduling.move_to(time, session.world.who)))


@command.command("skip")
@common
def skip(session: Session) -> None:
    """Leave the next window out, once."""
    session.run(_change(session, "skipped", rescheduling.skip(session.world.who)))


@command.command("cancel")
@common
def cancel(session: Session) -> None:
    """Let the pool be. The next pulumi up of the same declaration schedules it anew: declare the former version too."""
    session.run(_change(session, "cancelled", rescheduling.cancel()))


async def _show(session: Session, json_: bool) -> None:
    async with session.azure() as azure:
        found = await _found(azure, session)
    if json_:
        held = found.held if found is not None else None
        data = {} if held is None else {"version": held.to, "at": iso(held.at), "by": held.by, "moved": bool(held.m)}
        click.echo(json.dumps({"pool": session.pool_name, "scheduled": data or None}, indent=1))
    elif found is None:
        click.echo(f"{session.pool_name}: nothing is scheduled")
    else:
        held, how = found.held, "moved" if found.held.m else "scheduled"
        click.echo(
            f"{session.pool_name}: {held.to} begins {schedule.told(found.declared, held.at)}, {how} by {held.by}"
        )


async def _change(session: Session, what: str, change: Change) -> None:
    from sinks.listeners import listeners

    lease = Lease(session.pool_id, session.world.who, session.clock)
    async with session.azure(lease.check) as azure:
        found = await _found(azure, session)
        if found is None:
            raise NotPossible(f"pool {session.pool_name}: nothing is scheduled; hostpool status tells how it stands")
        async with listeners(
            azure, found.declared, clock=session.clock, who=lease.owner, folder=session.folder,
            environment=session.world.environment, warn=lambda text: click.echo(f"warning: {text}", err=True),
        ) as teller:  # fmt: skip
            text = await rescheduling.change(azure, found, lease, what, change, teller, session.clock.now())
    click.echo(f"{session.pool_name}: {text}")


async def _found(azure: Azure, session: Session) -> Scheduled | None:
    tags = await pool_tags(session, azure)
    held, inputs = hold.of(tags), hold.inputs_of(tags)
    if held is None or inputs is None:
        return None
    return Scheduled(held, declaration.parse({**inputs, "host_pool_id": session.pool_id}))
