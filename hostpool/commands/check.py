"""`hostpool check`: the pre-checks of the next update, without one."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

import click

from cloud.notifier import notifying
from hostpool.declared import next_one, pool_tags
from hostpool.options import common, json_option, stack_option
from hostpool.session import Session
from hostpool.wording import many
from rollout import hold, plan, prechecks, turns
from rollout.events import Event, Kind
from rollout.image_sources import resolve
from rollout.observation import observe
from rollout.prechecks import Finding, Severity

WIDTH = 110
"""Characters of a line of text."""


@click.command("check")
@click.option("--version", metavar="X.Y.Z", help="Check the update to this version; else the declared one.")
@click.option("--notify", is_flag=True, help="Tell the services under notify of errors, with their remedies.")
@json_option
@stack_option
@common
def command(session: Session, version: str | None, notify: bool, json_: bool) -> None:
    """Run all pre-checks of the next update, without one: could it start now?

    Made from the declaration that is scheduled on the pool, or ran there last; --stack goes by that of a stack instead,
    before its first rollout too. Nothing is changed. Hosts that run the version already are not looked at: --version
    asks beforehand for one that comes later.

    Exit code 0: an update could start, maybe with warnings; 1: an error would stop it.

    \b
    Examples:
      hostpool check
      hostpool check --version 1.4.2
      hostpool check --stack prod
      hostpool check --json | jq '.findings[] | select(.severity == "error")'
    """
    if not session.run(_check(session, version, notify, json_)):
        raise click.exceptions.Exit(1)


async def _check(session: Session, version: str | None, notify: bool, json_: bool) -> bool:
    """Whether an update could start."""
    async with session.azure() as azure:
        tags = await pool_tags(session, azure)
        declared = await next_one(session, azure, tags, version or "")
        pool = await observe(azure, declared, at=azure.azure_time())
        image = await resolve(azure, declared, pool.location)
        findings = await prechecks.run(azure, declared, pool, image, mode="check")
        works = plan.hosts_to_update(pool, image, declared)
        queue = await turns.behind(azure, declared, hold.moved(tags, declared)) if works else ""
        state = plan.state_line(pool, image, declared, works) + (f"; {queue}" if queue else "")
        told = [asdict(finding) for finding in findings]
        if notify:
            async with notifying(azure, declared, lambda text: click.echo(text, err=True)) as tell:
                tell(Event(session.clock.now(), Kind.CHECKED, data={"findings": told, "version": image.version}))
    could = not any(finding.severity is Severity.ERROR for finding in findings)
    if json_:
        data = {"pool": pool.name, "image": image.id, "version": image.version, "state": state, "could_start": could}
        click.echo(json.dumps({**data, "findings": told}, indent=1))
    else:
        click.echo(f"{pool.name} to {image.version}: {state}; {_verdict(findings, could=could)}")
        for line in _table(findings, session.told):
            click.echo(line)
    return could


def _verdict(findings: Sequence[Finding], *, could: bool) -> str:
    counts = Counter(finding.severity for finding in findings)
    what = ", ".join(many(counts[severity], str(severity)) for severity in Severity if counts[severity])
    return f"an update {'could' if could else 'could not'} start: {what or 'nothing found'}"


def _table(findings: Sequence[Finding], told: Callable[[str], str]) -> Iterator[str]:
    """For each finding how severe it is, its id, and what it is about; below it what is wrong, and what to do. `told`
    tells times as people read them."""
    width = max((len(finding.id) for finding in findings), default=0)
    for finding in findings:
        yield f"{finding.severity:8} {finding.id:{width}}  {finding.subject}"
        for text, first in ((finding.problem, "    "), (finding.remedy, "    -> ")):
            yield from textwrap.wrap(
                told(text), WIDTH, initial_indent=first, subsequent_indent=" " * len(first),
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
