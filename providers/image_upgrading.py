"""One run on behalf of a `ScaleSetImageUpgrade`, and the look at Azure that a preview takes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloud.azure_cloud import open_cloud
from cloud.clock import clock_from
from cloud.policies import WriteGuard, read_only
from os_upgrades.image_upgrade import NO_RESTORE, Outcome, by_hand, check, upgrade_image
from os_upgrades.upgrade_actions import missing
from os_upgrades.upgrade_declaration import ImageUpgradeDeclaration
from os_upgrades.upgrade_events import failures, rollout_of
from os_upgrades.upgrade_look import Seen
from os_upgrades.upgrade_look import look as look_at
from os_upgrades.upgrade_telling import line
from providers.engine_log import EngineLog
from providers.failure import ScaleSetImageUpgradeFailed, one_line
from providers.preview import PATIENCE
from providers.progress import EVERY, EVERY_IN_LOG, Progress
from providers.rolling import DEFAULT_LOG_FOLDER, LOG_FOLDER, owner
from providers.validation import Problem
from rollout.arm import subscription_of
from rollout.errors import AzureError, InvalidDeclaration, RolloutError
from rollout.events import Event, EventLog, Kind, log_path

if TYPE_CHECKING:
    from os_upgrades.upgrade_look import UpgradeAzure


@dataclass(frozen=True)
class Look:
    """What a preview or a refresh saw."""

    plan: Mapping[str, str] = field(default_factory=dict)
    """Instance -> `1.0.0 -> 1.0.1`, of those that need the upgrade."""
    state: str = ""
    failures: tuple[Problem, ...] = ()
    warning: str = ""
    problem: str = ""
    """Why Azure could not be asked."""
    gone: bool = False
    seen: Mapping[str, Any] = field(default_factory=dict)
    """Outputs that a refresh reads anew."""


async def look(declared: ImageUpgradeDeclaration, *, begun_only: bool = False) -> Look:
    """What a run would do. Raises nothing that Azure or the declaration is the reason of. `begun_only`: for a refresh,
    which judges no rule."""
    try:
        async with asyncio.timeout(PATIENCE), _cloud(declared.scale_set_id, read_only) as azure:
            if begun_only and await azure.get_scale_set(declared.scale_set_id) is None:
                return Look(gone=True)
            seen = await look_at(azure, declared.scale_set_id)
            if begun_only:
                return Look(seen=observed(seen))
            check(seen, declared)
            lacks = await missing(azure, declared, seen)
    except TimeoutError:
        return Look(problem=_offline(f"no answer in {PATIENCE:g} s"))
    except InvalidDeclaration as error:
        if begun_only:
            return Look(problem=_offline(error))
        return Look(failures=(Problem(error.prop, one_line(str(error))),))
    except AzureError as error:
        return Look(problem=_offline(error))
    if lacks:
        return Look(failures=(Problem("scale_set_id", lacks),))
    plan = {member.name: f"{member.version} -> {seen.latest}" for member in seen.behind}
    warned = NO_RESTORE if plan and not seen.running and by_hand(seen, declared) else ""
    return Look(plan, line(seen, declared), warning=warned, seen=observed(seen))


async def upgrade(declared: ImageUpgradeDeclaration, urn: str, stop: asyncio.Event) -> dict[str, Any]:
    """Bring the instances to the image; returns the outputs. Raises ScaleSetImageUpgradeFailed, with one line."""
    log = EngineLog(urn)
    try:
        return await _upgraded(declared, log, stop)
    except (RolloutError, AzureError) as error:
        raise ScaleSetImageUpgradeFailed(_about(declared, str(error))) from None
    finally:
        await asyncio.to_thread(log.close)


async def _upgraded(declared: ImageUpgradeDeclaration, log: EngineLog, stop: asyncio.Event) -> dict[str, Any]:
    clock = clock_from(os.environ)
    progress = Progress(log, every=EVERY_IN_LOG if os.environ.get("CI") else EVERY, what="instance")
    folder = Path(os.environ.get(LOG_FOLDER) or DEFAULT_LOG_FOLDER)
    kept: list[EventLog] = []

    def tell(event: Event) -> None:
        if event.kind is Kind.STARTED:
            rollout = rollout_of(declared.scale_set_id, str(event.data["version"]))
            kept.append(EventLog(log_path(folder, declared.name, rollout, 1)))
        if event.kind is Kind.ACTION:
            log.info(event.text)
        progress(event)
        for each in kept:
            each(event)

    try:
        async with _cloud(declared.scale_set_id, _anything) as azure:
            done = await upgrade_image(azure, declared, clock=clock, listener=tell, owner=owner(), stop=stop)
    finally:
        for each in kept:
            each.close()
    if done.status == "waiting":
        log.info(done.summary)
    return outputs_of(done, str(kept[-1].path) if kept else "")


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


def _anything() -> None:
    """No lease: Azure lets one rolling upgrade run at a time, and a second start is refused."""


@asynccontextmanager
async def _cloud(scale_set_id: str, guard: WriteGuard) -> AsyncIterator[UpgradeAzure]:
    async with open_cloud(os.environ, subscription_of(scale_set_id), clock_from(os.environ), guard) as azure:
        yield azure


def _offline(error: Exception | str) -> str:
    return one_line(f"Azure could not be asked, so it is not known what is to be done: {error}")
