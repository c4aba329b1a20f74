"""`hostpool rehearse`: build, boot and check one disk of an image, days before the rollout, without touching a host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostpool.declared import next_one, pool_tags
from hostpool.engine import stop_on_signals, telling
from hostpool.options import common, stack_option
from hostpool.session import NotPossible, Session
from rollout.lease import Lease
from rollout.stopping import until_stopped

if TYPE_CHECKING:  # the engine is imported when it is needed
    from rollout.rehearsal import Rehearsed


@click.command("rehearse")
@click.argument("host", required=False)
@click.option("--version", metavar="X.Y.Z", default="", help="Which version of the image; else the one last declared.")
@click.option("--keep", is_flag=True, help="Keep the disk: the next attempt for that version uses it.")
@stack_option
@common
def command(session: Session, host: str | None, version: str, keep: bool) -> None:
    """Build, boot and check the disk of one HOST, without touching any host.

    A temporary VM is made from the image with the host's name, size and settings, exactly as a rollout does it; Windows
    set-up has to complete and the checks of the build have to pass. Then machine, interface and disk are removed. The
    pre-checks run first. The pool is leased meanwhile, so that a pulumi up has to wait; what a crash leaves is removed
    by the next run.

    The rest of the declaration is that of what is scheduled, or ran last; --stack goes by that of a stack instead. Exit
    code 1 where the disk could not be built, or one was kept for that host already.

    \b
    Examples:
      hostpool rehearse --version 1.4.2
      hostpool rehearse --stack prod
      hostpool rehearse vm-7 --version 1.4.2 --keep
    """
    done = session.run(_rehearse(session, host, version, keep))
    if done is None:
        raise click.ClickException("stopped; what is left of it is removed by the next run")
    click.echo(str(done))
    if not done.passed:
        raise click.exceptions.Exit(1)


async def _rehearse(session: Session, host: str | None, version: str, keep: bool) -> Rehearsed | None:
    from rollout.rehearsal import rehearse

    lease = Lease(session.pool_id, f"hostpool rehearse, {session.world.who}", session.clock)
    async with session.azure(lease.check) as azure:
        tags = await pool_tags(session, azure)
        declared = await next_one(session, azure, tags, version)
        if declared.local_admin is None:
            raise NotPossible("the declaration names no local_admin, without which no disk can be built")
        async with telling(session, azure, declared, lease.owner) as tell:
            work = rehearse(azure, declared, clock=session.clock, lease=lease, tell=tell, host=host, keep=keep)
            done = await until_stopped(work, stop_on_signals())
        if done is not None:
            session.note(azure.azure_time(), "rehearsed", host=done.host, to_version=done.version, why=str(done))
        return done
