"""One run on behalf of a `ScaleSetImageUpgrade`, and the look at Azure that a preview takes."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from cloud.clock import clock_from
from cloud.policies import read_only
from os_upgrades.image_upgrade import NO_RESTORE, Outcome, by_hand, check, upgrade_image
from os_upgrades.upgrade_actions import missing
from os_upgrades.upgrade_declaration import ImageUpgradeDeclaration
from os_upgrades.upgrade_events import failures
from os_upgrades.upgrade_look import Seen
from os_upgrades.upgrade_look import look as look_at
from os_upgrades.upgrade_telling import line
from providers.engine_log import EngineLog
from providers.failure import ScaleSetImageUpgradeFailed
from providers.rolling import owner
from providers.validation import Problem
from providers.watched_look import Look, anything, cloud, patiently, watched
from rollout.errors import AzureError, RolloutError


async def look(declared: ImageUpgradeDeclaration, *, refresh: bool) -> Look:
    """What a run would do, or how the scale set is now."""
    return await patiently(_look(declared, refresh), refresh=refresh)


async def _look(declared: ImageUpgradeDeclaration, refresh: bool) -> Look:
    async with cloud(declared.scale_set_id, read_only) as azure:
        if refresh and await azure.get_scale_set(declared.scale_set_id) is None:
            return Look(gone=True)
        seen = await look_at(azure, declared.scale_set_id, pinned=refresh)
        if refresh:
            return Look(outputs=observed(seen))
        check(seen, declared)
        lacks = await missing(azure, declared, seen)
    if lacks:
        return Look(failures=(Problem("scale_set_id", lacks),))
    plan = {member.name: f"{member.version} -> {seen.latest}" for member in seen.behind}
    warned = NO_RESTORE if plan and not seen.running and by_hand(seen, declared) else ""
    return Look(plan, line(seen, declared), warning=warned)


async def upgrade(declared: ImageUpgradeDeclaration, urn: str, stop: asyncio.Event) -> dict[str, Any]:
    """Bring the instances to the image; returns the outputs. Raises ScaleSetImageUpgradeFailed, with one line."""
    log = EngineLog(urn)
    try:
        with watched(log, declared.scale_set_id, "instance") as tell:
            async with cloud(declared.scale_set_id, anything) as azure:
                clock = clock_from(os.environ)
                done = await upgrade_image(azure, declared, clock=clock, listener=tell, owner=owner(), stop=stop)
        if done.status == "waiting":
            log.info(done.summary)
        return outputs_of(done, tell.report)
    except (RolloutError, AzureError) as error:
        raise ScaleSetImageUpgradeFailed(_about(declared, str(error))) from None
    finally:
        await asyncio.to_thread(log.close)


def outputs_of(done: Outcome, report: str) -> dict[str, Any]:
    """The outputs of a run."""
    return {
        "status": done.status,
        "summary": done.summary,
        "waits_for": done.waits_for,
        "report": report,
        "upgrade": done.upgrade.body()["properties"] if done.upgrade is not None else {},
        "plan": {member.name: f"{member.version} -> {done.seen.latest}" for member in done.seen.behind},
        "state": done.summary,
        **observed(done.seen),
    }


def observed(seen: Seen) -> dict[str, Any]:
    """What was seen of the scale set, as outputs."""
    return {
        "image_version_id": seen.image.id,
        "instances": seen.versions,
        "failed": failures(seen) if seen.behind or any(not member.good for member in seen.members) else {},
        "history": [entry.body() for entry in seen.history],
    }


def _about(declared: ImageUpgradeDeclaration, text: str) -> str:
    name = f"scale set {declared.name}"
    return text if text.startswith(name) else f"{name}: {text}"
