"""One run on behalf of a `ScaleSetUpgradePolicy`, and the look at Azure that a preview takes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from cloud.azure_cloud import open_cloud
from cloud.clock import clock_from
from cloud.policies import WriteGuard, read_only
from os_upgrades import adoption, settings
from os_upgrades.adoption import Plan
from os_upgrades.azure import ScaleSetAzure
from os_upgrades.declaration import ScaleSetDeclaration
from os_upgrades.latest_model import bring_to_latest
from os_upgrades.preview import judge, preview
from os_upgrades.scale_set import Instance, ScaleSet
from os_upgrades.settings import Settings
from providers.adopting import Seen
from providers.engine_log import EngineLog
from providers.failure import ScaleSetUpgradePolicyFailed, one_line
from providers.preview import PATIENCE
from providers.validation import Problem
from rollout.arm import name_of, subscription_of
from rollout.errors import AzureError, InvalidDeclaration, NotFound, RolloutError

REMEDIES: Mapping[str, str] = {
    "OperationNotAllowed": "where a rolling upgrade is under way, wait for it or cancel it, then run again",
    "Conflict": "somebody else changes the scale set now; run again",
}
"""What to do about an answer of Azure, by its code."""


async def look(declared: ScaleSetDeclaration, found: Settings | None, urn: str) -> Seen:
    """What a run would do, and which of Azure's rules the outcome would break. Raises nothing that Azure or the
    declaration is the reason of."""
    try:
        async with asyncio.timeout(PATIENCE), _cloud(declared.scale_set_id, read_only) as azure:
            seen = await preview(azure, declared, found or {}, adoption.owner_of(urn))
    except TimeoutError:
        return Seen(problem=_offline(f"no answer in {PATIENCE:g} s"))
    except NotFound:
        reason = f"scale_set_id: {declared.scale_set_id!r} does not exist, or may not be read; correct the id"
        return Seen(failures=(Problem("scale_set_id", reason),))
    except InvalidDeclaration as error:
        return Seen(failures=(Problem(error.prop, str(error)),))
    except AzureError as error:
        return Seen(problem=_offline(error))
    failures = [Problem("scale_set_id", each) for each in seen.lacks]
    failures += [Problem(each.prop, one_line(str(each))) for each in seen.errors]
    return Seen(seen.plan, tuple(failures), tuple(one_line(each) for each in seen.warnings))


async def observe(declared: ScaleSetDeclaration) -> Seen:
    """The settings as they are, for a refresh."""
    try:
        async with asyncio.timeout(PATIENCE), _cloud(declared.scale_set_id, read_only) as azure:
            scale_set = await adoption.look(azure, declared.scale_set_id)
            observed = settings.observed(scale_set, settings.declared(declared, scale_set, {}))
            return Seen(outputs={"settings": dict(observed)})
    except NotFound:
        return Seen(gone=True)
    except TimeoutError:
        return Seen(problem=_offline(f"no answer in {PATIENCE:g} s"))
    except (InvalidDeclaration, AzureError) as error:
        return Seen(problem=_offline(error))


async def apply(declared: ScaleSetDeclaration, found: Settings | None, urn: str, stop: asyncio.Event) -> dict[str, Any]:
    """Bring the scale set to the declaration; returns the outputs. Raises ScaleSetUpgradePolicyFailed."""
    log = EngineLog(urn)
    try:
        async with _cloud(declared.scale_set_id, _anything) as azure:
            return await _applied(azure, declared, found or {}, adoption.owner_of(urn), log, stop)
    except (RolloutError, AzureError) as error:
        raise ScaleSetUpgradePolicyFailed(_told(declared.scale_set_id, error)) from None
    finally:
        await asyncio.to_thread(log.close)


async def _applied(
    azure: ScaleSetAzure,
    declared: ScaleSetDeclaration,
    found: Settings,
    owner: str,
    log: EngineLog,
    stop: asyncio.Event,
) -> dict[str, Any]:
    clock = clock_from(os.environ)

    async def bring(scale_set: ScaleSet) -> None:
        await bring_to_latest(azure, scale_set, clock, tell=log.status, stop=stop)

    done = await adoption.adopt(azure, declared, found, owner, clock, bring if declared.update_instances else None)
    for path, change in done.described.items():
        log.info(f"{path}: {change}")
    scale_set = await adoption.look(azure, declared.scale_set_id)
    instances = [Instance(body) for body in await azure.list_scale_set_instances(scale_set.id)]
    after = await judge(azure, declared, scale_set, Plan())
    return outputs_of(scale_set, done, instances, tuple(one_line(each) for each in after.warnings))


def outputs_of(scale_set: ScaleSet, done: Plan, instances: list[Instance], warnings: tuple[str, ...]) -> dict[str, Any]:
    behind = [each.instance_id for each in instances if each.latest_model is False]
    changed = f"{len(done.changes)} settings changed" if done.changes else "nothing to change"
    return {
        "status": "applied",
        "summary": f"scale set {scale_set.name}: {changed}, {len(instances) - len(behind)} of {len(instances)} "
        "instances have the latest model",
        "settings": settings.observed(scale_set, done.wanted),
        "found": done.found,
        "instances": {"total": len(instances), "behind": behind},
        "warnings": list(warnings),
        "plan": {},
    }


async def give_back(declared: ScaleSetDeclaration, found: Settings | None, urn: str) -> None:
    """Give the scale set back as it was found. Raises ScaleSetUpgradePolicyFailed."""
    try:
        async with _cloud(declared.scale_set_id, _anything) as azure:
            await adoption.release(
                azure, declared.scale_set_id, found or {}, adoption.owner_of(urn), clock_from(os.environ)
            )
    except (RolloutError, AzureError) as error:
        raise ScaleSetUpgradePolicyFailed(_told(declared.scale_set_id, error)) from None


def _told(scale_set_id: str, error: Exception) -> str:
    remedy = REMEDIES.get(error.code, "") if isinstance(error, AzureError) else ""
    return f"scale set {name_of(scale_set_id)}: {error}{f'; {remedy}' if remedy else ''}"


def _anything() -> None:
    """No lease: each write is made where the scale set is as it was seen."""


@asynccontextmanager
async def _cloud(scale_set_id: str, guard: WriteGuard) -> AsyncIterator[ScaleSetAzure]:
    async with open_cloud(os.environ, subscription_of(scale_set_id), clock_from(os.environ), guard) as azure:
        yield azure


def _offline(error: Exception | str) -> str:
    return one_line(f"Azure could not be asked, so it is not known what is to be done: {error}")
