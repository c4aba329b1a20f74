"""One run on behalf of a `BatchPoolImageUpgrade`, and the look at Azure that a preview takes."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from cloud.batch_pools import BatchPools
from cloud.clock import clock_from
from cloud.policies import read_only
from os_upgrades.batch_look import PoolSeen
from os_upgrades.batch_look import look as look_at
from os_upgrades.batch_upgrade import NodesDeclaration, check, watch_nodes
from providers.engine_log import EngineLog
from providers.failure import BatchPoolImageUpgradeFailed
from providers.rolling import owner
from providers.watched_look import Look, anything, cloud, patiently, watched
from rollout.errors import AzureError, RolloutError


async def look(declared: NodesDeclaration, *, refresh: bool) -> Look:
    """What a run would watch, or how the pool is now."""
    return await patiently(_look(declared, refresh), refresh=refresh)


async def _look(declared: NodesDeclaration, refresh: bool) -> Look:
    async with cloud(declared.pool_id, read_only) as azure:
        batch = BatchPools(azure)
        if refresh and await batch.get_batch_pool(declared.pool_id) is None:
            return Look(gone=True)
        seen = await look_at(batch, azure, declared.pool_id)
    if refresh:
        return Look(outputs=observed(seen))
    check(seen, declared)
    plan = {member.name: f"{member.version} -> {seen.latest}" for member in seen.behind}
    return Look(plan, f"{seen.progress}{'; Azure upgrades by itself' if plan else ''}")


async def upgrade(declared: NodesDeclaration, urn: str, stop: asyncio.Event) -> dict[str, Any]:
    """Watch until all nodes run the image; returns the outputs. Raises BatchPoolImageUpgradeFailed, with one line."""
    log = EngineLog(urn)
    try:
        with watched(log, declared.pool_id, "node") as tell:
            async with cloud(declared.pool_id, anything) as azure:
                clock = clock_from(os.environ)
                seen = await watch_nodes(
                    BatchPools(azure), azure, declared, clock=clock, listener=tell, owner=owner(), stop=stop
                )
        return outputs_of(declared, seen, tell.report)
    except (RolloutError, AzureError) as error:
        raise BatchPoolImageUpgradeFailed(_about(declared, str(error))) from None
    finally:
        await asyncio.to_thread(log.close)


def outputs_of(declared: NodesDeclaration, seen: PoolSeen, report: str) -> dict[str, Any]:
    """The outputs of a run."""
    count = len(seen.members)
    summary = f"pool {declared.name}: {count} of {count} nodes run {seen.latest}"
    outputs = {
        "status": "complete",
        "summary": summary,
        "waits_for": "",
        "report": report,
        "plan": {},
        "state": summary,
    }
    return outputs | observed(seen)


def observed(seen: PoolSeen) -> dict[str, Any]:
    """What was seen of the pool, as outputs. Batch keeps no history."""
    nodes: dict[str, list[str]] = {}
    for member in seen.members:
        nodes.setdefault(member.version, []).append(member.name)
    return {
        "image_version_id": seen.image.id,
        "nodes": nodes,
        "failed": {member.name: member.why for member in seen.members if member.why},
        "upgrade": seen.progress.body,
        "history": [],
    }


def _about(declared: NodesDeclaration, text: str) -> str:
    name = f"pool {declared.name}"
    return text if text.startswith(name) else f"{name}: {text}"
