"""The command `hostpool`: looks after rollouts of host pools, against the journal in Azure."""

from __future__ import annotations

import click

from hostpool.commands import (
    abort,
    approve,
    check,
    cleanup,
    comment,
    explain,
    history,
    image,
    images,
    pause,
    plan,
    rebuild,
    rehearse,
    report,
    schedule,
    status,
    tick,
    upgrade,
)
from hostpool.logs import FOLDER_VARIABLE
from hostpool.session import POOL_VARIABLE, Session, World, real_world


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--host-pool", metavar="ID", default="", help=f"Id of the host pool; else {POOL_VARIABLE}.")
@click.option("--log-folder", metavar="DIR", default="", help=f"Event logs; else {FOLDER_VARIABLE}, .hostpool.")
@click.pass_context
def main(context: click.Context, host_pool: str, log_folder: str) -> None:
    """Look after the rolling image updates of an Azure Virtual Desktop host pool.

    Everything is read from the journal that the rollout keeps in Azure, as tags of the pool and its VMs: only the
    pool's id is needed, and any machine will do. Credentials are those of the Pulumi program: HOSTPOOL_CLIENT_ID and
    so on, else ARM_CLIENT_ID and so on (secret, certificate, OIDC, managed identity), else what azure-identity finds,
    such as az login.

    \b
    Examples:
      export HOSTPOOL_ID=/subscriptions/.../hostPools/hp-finance
      hostpool status --watch
      hostpool explain vm-7
      hostpool pause
      hostpool report --output monday.html

    Exit code: 0 done, 1 not possible or not fine, 2 asked wrongly; 3 of tick: the pool had to be ready, and is not.
    """
    world = context.obj if isinstance(context.obj, World) else real_world()
    context.obj = Session(world, host_pool, log_folder)


for command in (
    status.command,
    plan.command,
    check.command,
    pause.pause,
    pause.resume,
    approve.command,
    abort.command,
    rehearse.command,
    explain.command,
    rebuild.command,
    cleanup.command,
    report.command,
    history.command,
    images.command,
    image.command,
    schedule.command,
    tick.command,
    upgrade.command,
    comment.command,
):
    main.add_command(command)
