"""One run on behalf of a `BatchPoolUpgradePolicy`, and the look at Azure that a preview takes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from cloud.batch_pools import BatchPools, open_batch
from cloud.clock import clock_from
from cloud.policies import WriteGuard, read_only
from os_upgrades import batch_adoption, batch_look
from os_upgrades.batch_adoption import Look
from os_upgrades.batch_pool import FEATURE, BatchPoolDeclaration
from os_upgrades.batch_progress import nodes_of, progress
from os_upgrades.findings import Severity
from os_upgrades.image_rules import newest_usable
from providers.adopting import Seen
from providers.engine_log import EngineLog
from providers.failure import BatchPoolUpgradePolicyFailed, one_line
from providers.preview import PATIENCE
from providers.validation import Problem
from rollout.arm import name_of, subscription_of
from rollout.azure import Body
from rollout.errors import AzureError, Forbidden, InvalidDeclaration, NotFound, RolloutError, Unreachable

REMEDIES: Mapping[str, str] = {
    "PropertyCannotBeUpdated": "empty the pool first: az batch pool resize --target-dedicated-nodes 0",
    "ConditionNotMet": "somebody else has changed the pool in between; run again",
}
"""What to do about an answer of Azure, by its code."""


async def look(declared: BatchPoolDeclaration, found: Body | None, urn: str) -> Seen:
    """What a run would do, and which of Azure's rules the pool would break. Raises nothing that Azure or the
    declaration is the reason of."""
    try:
        async with asyncio.timeout(PATIENCE), _batch(declared, read_only) as azure:
            todo = await batch_adoption.look(azure, declared, found)
    except TimeoutError:
        return Seen(problem=_offline(f"no answer in {PATIENCE:g} s"))
    except NotFound:
        reason = f"pool_id: {declared.pool_id!r} does not exist, or may not be read; correct the id"
        return Seen(failures=(Problem("pool_id", reason),))
    except InvalidDeclaration as error:
        return Seen(failures=(Problem(error.prop, str(error)),))
    except Forbidden as error:
        return Seen(failures=(Problem("pool_id", one_line(f"pool_id: {declared.pool_id!r} may not be read: {error}")),))
    except AzureError as error:
        return Seen(problem=_offline(error))
    failures = [Problem(each.prop, one_line(str(each))) for each in todo.findings if each.severity is Severity.ERROR]
    return Seen(planned(todo), tuple(failures), warnings_of(todo))


def planned(todo: Look) -> dict[str, str]:
    """What the preview shows."""
    plan = {f"upgradePolicy.{name}": change for name, change in todo.changes.items()}
    if todo.registers:
        plan["/".join(FEATURE)] = f"{todo.case.feature} -> Registered"
    return plan


def warnings_of(todo: Look) -> tuple[str, ...]:
    broken = [one_line(str(each)) for each in todo.findings if each.severity is Severity.WARNING]
    unread = [one_line(f"not checked, because it could not be read: {each}") for each in todo.unread]
    return (*broken, *unread)


async def observe(declared: BatchPoolDeclaration) -> Seen:
    """The pool as it is, for a refresh."""
    try:
        async with asyncio.timeout(PATIENCE), _batch(declared, read_only) as azure:
            todo = await batch_adoption.look(azure, declared, None)
            return Seen(outputs=await _observed(azure, todo))
    except NotFound:
        return Seen(gone=True)
    except TimeoutError:
        return Seen(problem=_offline(f"no answer in {PATIENCE:g} s"))
    except (InvalidDeclaration, AzureError) as error:
        return Seen(problem=_offline(error))


async def apply(declared: BatchPoolDeclaration, found: Body | None, urn: str, stop: asyncio.Event) -> dict[str, Any]:
    """Bring the pool to the declaration; returns the outputs. Raises BatchPoolUpgradePolicyFailed."""
    log = EngineLog(urn)
    try:
        async with _batch(declared, _anything) as azure:
            done = await batch_adoption.adopt(azure, declared, found, clock_from(os.environ))
            for name, change in planned(done).items():
                log.info(f"{name}: {change}")
            after = await batch_adoption.look(azure, declared, done.found)
            changed = f"{len(done.changes)} settings changed" if done.changes else "nothing to change"
            return {
                "status": "applied",
                "summary": f"pool {done.pool.name}: {changed}",
                "found": dict(done.found or {}),
                "warnings": list(warnings_of(after)),
                "plan": {},
                **await _observed(azure, after),
            }
    except (RolloutError, AzureError) as error:
        raise BatchPoolUpgradePolicyFailed(_told(declared, error)) from None
    finally:
        await asyncio.to_thread(log.close)


async def give_back(declared: BatchPoolDeclaration, found: Body | None, urn: str) -> None:
    """Give the policy back as it was found. Raises BatchPoolUpgradePolicyFailed."""
    try:
        async with _batch(declared, _anything) as azure:
            await batch_adoption.release(azure, declared, found)
    except (RolloutError, AzureError) as error:
        raise BatchPoolUpgradePolicyFailed(_told(declared, error)) from None


async def _observed(azure: BatchPools, seen: Look) -> dict[str, Any]:
    """`policy` as Azure has it, and `rolling_upgrade`: where the nodes stand."""
    nodes = nodes_of(await azure.list_batch_nodes(seen.endpoint, seen.pool.name)) if seen.endpoint else ()
    return {
        "policy": dict(seen.pool.upgrade_policy),
        "rolling_upgrade": progress(nodes, await _latest(azure, seen)).body,
    }


async def _latest(azure: BatchPools, seen: Look) -> str:
    """The version that `latest` stands for now; empty where the pool names one itself, or it cannot be read."""
    image = seen.case.image
    if image.versions is not None:
        return newest_usable(image.versions, image.location)
    try:
        return await batch_look.latest(azure.cloud, seen.pool, image.location)
    except Unreachable:
        raise
    except (InvalidDeclaration, AzureError):
        return ""


def _told(declared: BatchPoolDeclaration, error: Exception) -> str:
    remedy = REMEDIES.get(error.code, "") if isinstance(error, AzureError) else ""
    return one_line(f"pool {name_of(declared.pool_id)}: {error}{f'; {remedy}' if remedy else ''}")


def _anything() -> None:
    """No lease: each write is made where the pool is as it was seen."""


@asynccontextmanager
async def _batch(declared: BatchPoolDeclaration, guard: WriteGuard) -> AsyncIterator[BatchPools]:
    async with open_batch(os.environ, subscription_of(declared.pool_id), clock_from(os.environ), guard) as azure:
        yield azure


def _offline(error: Exception | str) -> str:
    return one_line(f"Azure could not be asked, so it is not known what is to be done: {error}")
