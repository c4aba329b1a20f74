"""A run of the engine by the command: what it tells goes to the terminal and to the same listeners as pulumi up's."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import click

from hostpool.session import Session
from hostpool.wording import clock_time
from rollout.azure import Azure
from rollout.declaration import Declaration
from rollout.events import Event, Kind, Listener
from rollout.images import short
from rollout.lease import Lease

if TYPE_CHECKING:  # imported when it is run: most subcommands do not need it
    from rollout.rollout import Outcome


async def roll(
    session: Session,
    azure: Azure,
    declared: Declaration,
    inputs: Mapping[str, Any],
    lease: Lease,
    *,
    only: str | None = None,
    abort: str = "",
) -> Outcome:
    """The engine's run; Ctrl-C stops it at a safe point."""
    from rollout.rollout import run

    async with telling(session, azure, declared, lease.owner) as listener:
        return await run(
            azure, declared, inputs, clock=session.clock, lease=lease, listener=listener, log_folder=session.folder,
            only=only, stop=stop_on_signals(), abort=abort,
        )  # fmt: skip


@asynccontextmanager
async def telling(session: Session, azure: Azure, declared: Declaration, who: str) -> AsyncIterator[Listener]:
    """A listener for what `who` does: a line in the terminal, and whoever is declared to be told."""
    from sinks.listeners import listeners

    async with listeners(
        azure, declared, clock=session.clock, who=who, folder=session.folder,
        environment=session.world.environment, warn=lambda text: click.echo(f"warning: {text}", err=True),
    ) as told:  # fmt: skip
        tell = teller(session)

        def listener(event: Event) -> None:
            tell(event)
            told(event)

        yield listener


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


def teller(session: Session) -> Listener:
    """One line per thing that happens, in the terminal."""

    def tell(event: Event) -> None:
        said = _said(event)
        if said and event.kind not in (Kind.CAPACITY, Kind.ENDED):
            host = f"{event.host} " if event.host else ""
            click.echo(f"{clock_time(event.time, session.zone)} {host}{session.told(said)}", err=True)

    return tell


def _said(event: Event) -> str:
    match event.kind:
        case Kind.PHASE:
            return f"phase {event.data.get('phase')}"
        case Kind.WAITING:
            return f"waits: {event.text}"
        case Kind.HOST_DONE:
            disk = "its kept disk" if event.data.get("kept") else "a fresh disk"
            return f"serves on {disk}: {short(str(event.data.get('image') or ''))}"
        case Kind.HOST_FAILED:
            return f"{_RESULTS.get(str(event.data.get('result')), 'failed')}: {event.text}"
        case _:
            return event.text


_RESULTS = {
    "left_out": "is left as it was",
    "rolled_back": "failed, and serves on its old disk again",
    "restoring": "failed, and gets its old disk back",
    "gone": "is gone",
}
