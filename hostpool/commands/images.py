"""`hostpool images`: the versions of an image definition, and where each comes from and goes to."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from capture import names
from capture.boot_test import verdict
from capture.origins import made_by, source_id
from capture.retention import POOLS
from capture.steps import Resource
from hostpool.commands.image import IMAGE_OPTION, STACK_OPTION, definition_of, golden_of, opened_for
from hostpool.options import json_option
from hostpool.session import Session, may_write
from rollout import names as rollout_names
from rollout.arm import dig, name_of, subscription_of
from rollout.azure import Azure
from rollout.images import may_be_version, version_key

COLUMNS = ("version", "published", "made_by", "snapshot", "updates", "boot_test", "latest", "regions", "pools")


@click.command("images")
@IMAGE_OPTION
@STACK_OPTION
@json_option
@click.pass_obj
def command(session: Session, image: str, stack: str, json_: bool) -> None:
    """List the versions of an image definition, the newest first.

    Each with what made it (a capture of a golden VM, Azure Image Builder, Packer, or what it was made from), the
    snapshot it was captured from, the update scripts that ran before, its boot test, whether it is offered as latest,
    its regions, and the host pools of which it is the target.

    \b
    Examples:
      hostpool images --image /subscriptions/.../galleries/avd/images/win11
      hostpool images --json | jq '.[].version'
    """
    definition = golden_of(session, stack, image=image)["image"] if stack else definition_of(session, image)
    rows = session.run(_rows(session, definition))
    if json_:
        click.echo(json.dumps(rows, indent=1))
        return
    table = Table(box=None, pad_edge=False)
    for name in COLUMNS:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(", ".join(row[n]) if isinstance(row[n], list) else str(row[n]) for n in COLUMNS))
    if rows:
        console = Console()
        (console if console.is_terminal else Console(width=200)).print(table)
    else:
        click.echo("no version of this image definition yet")


async def _rows(session: Session, definition: str) -> list[dict[str, Any]]:
    async with opened_for(session, definition, may_write) as azure:
        versions, pools = await asyncio.gather(
            azure.list_image_versions(definition),
            _targets(azure, definition),
        )
    ordered = sorted((Resource(body) for body in versions), key=lambda v: version_key(v.name), reverse=True)
    return [_row(version, pools) for version in ordered]


async def _targets(azure: Azure, definition: str) -> dict[str, str]:
    """Name of a host pool -> the version that is its target, of the definition's subscription."""
    listed = await azure.list_resources(f"/subscriptions/{subscription_of(definition)}", POOLS)
    tagged = {name_of(str(body["id"])): (body.get("tags") or {}).get(rollout_names.TARGET) for body in listed}
    return {pool: str(target) for pool, target in tagged.items() if target}


def _row(version: Resource, pools: dict[str, str]) -> dict[str, Any]:
    profile = dig(version.properties, "publishingProfile") or {}
    golden = version.tags.get(names.GOLDEN, "")
    return {
        "version": version.name,
        "published": str(profile.get("publishedDate") or "")[:16].replace("T", " "),
        "made_by": made_by(version),
        "source": source_id(version),
        "golden_vm": name_of(golden) if golden else "",
        "snapshot": version.tags.get(names.SOURCE, ""),
        "updates": version.tags.get(names.UPDATES, ""),
        "boot_test": verdict(version),
        "latest": "excluded" if profile.get("excludeFromLatest") else "offered",
        "regions": [str(region["name"]) for region in profile.get("targetRegions") or ()],
        "pools": sorted(pool for pool, target in pools.items() if may_be_version(target, version.id)),
    }
