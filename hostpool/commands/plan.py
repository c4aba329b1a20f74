"""`hostpool plan`: what the next `pulumi up` would do."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from hostpool.declared import next_one, pool_tags
from hostpool.options import common, json_option, stack_option
from hostpool.session import Session
from hostpool.wording import many
from rollout import hold, names, plan, prechecks, turns
from rollout.image_sources import resolve
from rollout.observation import observe
from rollout.prechecks import Finding, Severity


@click.command("plan")
@click.option("--check", is_flag=True, help="Run the pre-checks too; exit code 1 where one would stop the update.")
@json_option
@stack_option
@common
def command(session: Session, check: bool, json_: bool) -> None:
    """Show what the next pulumi up would do, host by host.

    Made from the declaration that is scheduled on the pool, or ran there last; --stack goes by that of a stack instead,
    before its first rollout too. Nothing is changed.

    \b
    Examples:
      hostpool plan
      hostpool plan --check
      hostpool plan --stack prod
      hostpool plan --json | jq '.plan | length'
    """
    findings = session.run(_plan(session, check, json_))
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise click.exceptions.Exit(1)


async def _plan(session: Session, check: bool, json_: bool) -> list[Finding]:
    async with session.azure() as azure:
        tags = await pool_tags(session, azure)
        declared = await next_one(session, azure, tags)
        pool = await observe(azure, declared, at=azure.azure_time())
        image = await resolve(azure, declared, pool.location)
        lines, state = plan.lines(pool, image, declared), plan.state_line(pool, image, declared)
        findings = await prechecks.run(azure, declared, pool, image, mode="preview") if check else []
        order = [work.host for work in plan.hosts_to_update(pool, image, declared)]
        queue = await turns.behind(azure, declared, hold.moved(tags, declared)) if order else ""
        state += f"; {queue}" if queue else ""
    # Hosts in the order in which their work starts, then what else would be done.
    ordered = {name: lines[name] for name in [*order, *(name for name in lines if name not in order)]}
    if json_:
        data = {"pool": pool.name, "image": image.id, "version": image.version, "state": state, "plan": ordered}
        click.echo(json.dumps(data | ({"findings": [asdict(f) for f in findings]} if check else {}), indent=1))
        return findings
    click.echo(f"{pool.name} to {image.version}: {state}")
    if tags.get(names.PAUSE):
        click.echo(f"paused by {session.told(tags[names.PAUSE])}: no host starts until hostpool resume")
    width = max(map(len, ordered), default=0)
    for name, text in ordered.items():
        click.echo(f"  {name:{width}}  {text}")
    if order:
        click.echo(f"{many(len(order), 'host')} in this order; up to {declared.max_unavailable} unavailable at once")
    elif not ordered:
        click.echo("Nothing to do.")
    for finding in findings:
        click.echo(session.told(f"{finding.severity}: {finding}"))
    return findings
