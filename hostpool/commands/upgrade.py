"""`hostpool upgrade`: begin, approve or cancel Azure's rolling upgrade of a scale set's instances."""

from __future__ import annotations

import click

from hostpool.azure_rolled import as_scale_set_azure
from hostpool.kinds import Kind
from hostpool.options import common, yes_option
from hostpool.session import NotPossible, Session, WrongUse, may_write
from hostpool.wording import many
from os_upgrades.image_upgrade import NO_RESTORE
from os_upgrades.progress import Problem
from os_upgrades.remedies import told
from os_upgrades.upgrade_look import Seen, UpgradeAzure, look
from os_upgrades.upgrade_telling import line
from rollout.errors import Conflict


@click.group("upgrade")
def command() -> None:
    """Begin, approve or cancel the rolling upgrade of a scale set, which is named like a pool.

    Azure does the upgrade; hostpool status --watch shows it. Batch pools have no such calls: Azure upgrades their nodes
    by itself.

    \b
    Examples:
      hostpool upgrade start --yes
      hostpool upgrade approve 0 3
      hostpool upgrade cancel
    """


@command.command("start")
@yes_option
@common
def start(session: Session, yes: bool) -> None:
    """Bring all instances to the latest version of their image, now.

    Of an upgrade that is begun by hand Azure restores no OS disk of an instance that does not become healthy.

    \b
    Examples:
      hostpool upgrade start
      hostpool upgrade start --yes && hostpool status --watch
    """
    session.run(_start(session, yes))


@command.command("approve")
@click.argument("instances", nargs=-1)
@click.option("--all", "all_", is_flag=True, help="All instances that do not run the latest version.")
@common
def approve(session: Session, instances: tuple[str, ...], all_: bool) -> None:
    """Let the deferred upgrade of these instances go on: their ids or names.

    For scale sets whose policy has osRollingUpgradeDeferral.

    \b
    Examples:
      hostpool upgrade approve 0 3
      hostpool upgrade approve --all
    """
    if all_ == bool(instances):
        raise WrongUse("name the instances, or write --all; hostpool status lists them")
    session.run(_approve(session, instances))


@command.command("cancel")
@yes_option
@common
def cancel(session: Session, yes: bool) -> None:
    """End the upgrade under way after the batch in work; what is upgraded stays so.

    \b
    Example:
      hostpool upgrade cancel
    """
    session.run(_cancel(session, yes))


async def _start(session: Session, yes: bool) -> None:
    async with session.azure(may_write) as opened:
        azure = as_scale_set_azure(opened)
        seen = await _look(session, azure)
        if seen.running:
            click.echo(f"{session.target_name}: an upgrade is under way already: {line(seen)}")
            return
        if not seen.behind:
            click.echo(f"{session.target_name}: {line(seen)}; nothing to do")
            return
        click.echo(f"warning: {NO_RESTORE}", err=True)
        many_instances = many(len(seen.behind), "instance")
        if not yes and not click.confirm(f"Bring {many_instances} of {session.target_name} to {seen.latest} now?"):
            raise NotPossible("nothing was begun")
        try:
            await azure.start_os_upgrade(session.target_id)
        except Conflict as error:
            raise NotPossible(f"{session.target_name}: {told(Problem(error.code, error.message))}") from error
    click.echo(f"{session.target_name}: begun: {many_instances} to {seen.latest}; hostpool status --watch shows it")


async def _approve(session: Session, instances: tuple[str, ...]) -> None:
    async with session.azure(may_write) as opened:
        azure = as_scale_set_azure(opened)
        seen = await _look(session, azure)
        if not seen.deferred:
            raise NotPossible(f"{session.target_name} does not defer upgrades, so that there is nothing to approve")
        if not seen.running:
            raise NotPossible(f"no upgrade of {session.target_name} is under way, so that there is nothing to approve")
        ids = {member.name.lower(): member.id for member in seen.members} | {each.id: each.id for each in seen.members}
        unknown = [name for name in instances if name.lower() not in ids]
        if unknown:
            there = ", ".join(member.id for member in seen.members)
            raise WrongUse(f"{session.target_name} has no instance {unknown[0]}; there are {there}")
        wanted = [ids[name.lower()] for name in instances] or [member.id for member in seen.behind]
        await azure.approve_rolling_upgrade(session.target_id, wanted)
    click.echo(f"{session.target_name}: approved for {', '.join(wanted)}; hostpool status --watch shows it")


async def _cancel(session: Session, yes: bool) -> None:
    async with session.azure(may_write) as opened:
        azure = as_scale_set_azure(opened)
        seen = await _look(session, azure)
        if not seen.running:
            raise NotPossible(f"no upgrade of {session.target_name} is under way, so that there is nothing to cancel")
        click.echo(f"{session.target_name}: {line(seen)}")
        if not yes and not click.confirm("Cancel it after the batch in work?"):
            raise NotPossible("nothing was cancelled")
        await azure.cancel_rolling_upgrade(session.target_id)
    click.echo(f"{session.target_name}: cancelled; the batch in work is ended first")


async def _look(session: Session, azure: UpgradeAzure) -> Seen:
    """Raises WrongUse where it is no scale set."""
    if session.kind is not Kind.SCALE_SET:
        raise WrongUse(f"{session.target_name} is a {session.kind}; hostpool upgrade is for scale sets")
    return await look(azure, session.target_id)
