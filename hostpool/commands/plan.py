"""`hostpool plan`: what the next `pulumi up` would do, from the declaration that the last one stored."""

from __future__ import annotations

import json

import click

from hostpool.options import common, json_option
from hostpool.session import Session, pool_body, required_declaration
from hostpool.wording import many
from rollout import names, plan
from rollout.images import resolve
from rollout.observation import observe


@click.command("plan")
@json_option
@common
def command(session: Session, json_: bool) -> None:
    """Show what the next pulumi up would do, host by host, if the stack is still as it was last run.

    Made from the declaration that the last run stored in the pool's tags; where the stack was changed since, pulumi
    preview tells. Nothing is changed.

    \b
    Examples:
      hostpool plan
      hostpool plan --json | jq '.plan | length'
    """
    session.run(_plan(session, json_))


async def _plan(session: Session, json_: bool) -> None:
    async with session.azure() as azure:
        tags = dict((await pool_body(azure, session.pool_id)).get("tags") or {})
        declared = required_declaration(tags, session.pool_id)
        pool = await observe(azure, declared, at=azure.azure_time())
        image = await resolve(azure, declared, pool.location)
        lines, state = plan.lines(pool, image, declared), plan.state_line(pool, image, declared)
        order = [work.host for work in plan.hosts_to_update(pool, image, declared)]
    # Hosts in the order in which their work starts, then what else would be done.
    ordered = {name: lines[name] for name in [*order, *(name for name in lines if name not in order)]}
    if json_:
        data = {"pool": pool.name, "image": image.id, "version": image.version, "state": state, "plan": ordered}
        click.echo(json.dumps(data, indent=1))
        return
    click.echo(f"{pool.name} to {image.version}: {state}")
    if tags.get(names.PAUSE):
        click.echo(f"paused by {tags[names.PAUSE]}: no host starts until hostpool resume")
    if not ordered:
        click.echo("Nothing to do.")
        return
    width = max(map(len, ordered))
    for name, text in ordered.items():
        click.echo(f"  {name:{width}}  {text}")
    click.echo(f"{many(len(order), 'host')} in this order; up to {declared.max_unavailable} unavailable at once")
