"""Takes the upgrade policy of an existing Batch pool over, and gives it back.

What was found is kept twice: in the outputs of the resource, and in an item of the pool's `metadata`, which is written
in the same PATCH as the policy. So there is no moment at which a run that is killed could have lost it. The metadata
wins. A policy that is there already is not written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from os_upgrades import batch_pool_rules
from os_upgrades.batch_azure import BatchAzure
from os_upgrades.batch_pool import FEATURE, REGISTERED, BatchPool, BatchPoolDeclaration, PoolCase
from os_upgrades.findings import Finding
from os_upgrades.image_rules import ImageFacts
from rollout.arm import dig, name_of
from rollout.azure import Body
from rollout.clock import Clock
from rollout.errors import AzureError, NotFound, RolloutError, Unreachable, shown
from rollout.images import version_key
from rollout.values import duration

FOUND = "avd-os-upgrade-found"
"""Name of the item of the pool's metadata that holds the policy that was found."""
NONE: Mapping[str, Any] = {"mode": "manual", "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": False}}
"""What a pool without a policy is given back: nothing can be taken away by a PATCH. That it is the same is inferred."""
FEATURE_POLL = 30.0
FEATURE_PATIENCE = 3600.0
"""Seconds that a registration is waited for."""
NEWEST = 2
"""Versions, from the newest, that are asked how far their replication is."""
_FLAGS = (
    "automaticOSUpgradePolicy.enableAutomaticOSUpgrade",
    "automaticOSUpgradePolicy.disableAutomaticRollback",
    "automaticOSUpgradePolicy.useRollingUpgradePolicy",
    "automaticOSUpgradePolicy.osRollingUpgradeDeferral",
    "rollingUpgradePolicy.prioritizeUnhealthyInstances",
    "rollingUpgradePolicy.rollbackFailedInstancesOnPolicyBreach",
)
_PERCENTS = ("maxBatchInstancePercent", "maxUnhealthyInstancePercent", "maxUnhealthyUpgradedInstancePercent")


@dataclass(frozen=True)
class Look:
    """A pool, and what its declaration makes of it."""

    pool: BatchPool
    account: Body
    case: PoolCase
    found: Body | None
    """The policy as it was before the declaration; None where the pool had none."""
    changes: Mapping[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    """What could not be read, and why."""

    @property
    def endpoint(self) -> str:
        return str(dig(self.account, "properties", "accountEndpoint") or "")

    @property
    def findings(self) -> tuple[Finding, ...]:
        return batch_pool_rules.check(self.case)

    @property
    def registers(self) -> bool:
        """Whether the feature is still to be registered."""
        case = self.case
        wanted = case.register_feature and case.pool.defers and case.allocation_mode == "UserSubscription"
        return wanted and case.feature != REGISTERED


async def look(azure: BatchAzure, declared: BatchPoolDeclaration, kept: Body | None) -> Look:
    """The pool as it is beside its declaration. `kept`: the policy that the outputs say was found. Raises NotFound."""
    pool = await get_pool(azure, declared.pool_id)
    account = await azure.get_batch_account(pool.account_id) or {}
    wanted = declared.upgrade_policy.body(batch=True)
    changes = differing(wanted, pool.upgrade_policy)
    unread: list[str] = []
    case = PoolCase(
        pool.with_policy(wanted),
        str(account.get("location") or ""),
        azure.api_version,
        dig(account, "properties", "poolAllocationMode"),
        register_feature=declared.register_feature,
        now=azure.azure_time(),
        changes=changes,
    )
    case = await _depends_on(azure, declared, case, unread)
    known = found_in(pool)
    found = known if known is not None else kept if kept is not None else dict(pool.upgrade_policy)
    return Look(pool, account, case, found, changes, tuple(unread))


async def get_pool(azure: BatchAzure, pool_id: str) -> BatchPool:
    """The pool. Raises NotFound."""
    body = await azure.get_batch_pool(pool_id)
    if body is None:
        raise NotFound(404, "NotFound", "there is no such pool", f"GET {pool_id}")
    return BatchPool(body)


async def adopt(azure: BatchAzure, declared: BatchPoolDeclaration, kept: Body | None, clock: Clock) -> Look:
    """Bring the pool to its declaration; returns what was done. Raises RolloutError for what a rule forbids, NotFound
    where there is no pool."""
    todo = await look(azure, declared, kept)
    errors = [finding for finding in todo.findings if finding.severity is batch_pool_rules.ERROR]
    if errors:
        raise RolloutError("; ".join(str(finding) for finding in errors))
    if todo.registers:
        await registered(azure, declared.subscription, clock)
    if todo.changes:
        properties: Body = {
            "upgradePolicy": declared.upgrade_policy.body(batch=True),
            "metadata": [*_others(todo.pool), {"name": FOUND, "value": _packed(todo.found)}],
        }
        await azure.update_batch_pool(todo.pool.id, {"properties": properties}, etag=todo.pool.etag)
    return todo


async def release(azure: BatchAzure, declared: BatchPoolDeclaration, kept: Body | None) -> None:
    """Give the policy back as it was found, unless it is to be left. A pool that is gone is no error. Raises
    RolloutError where it has nodes."""
    body = await azure.get_batch_pool(declared.pool_id)
    if body is None:
        return
    pool = BatchPool(body)
    known = found_in(pool)
    found = known if known is not None else kept
    changes = {} if declared.leave_on_delete or found is None else differing(found or NONE, pool.upgrade_policy)
    if changes and (pool.nodes or not pool.steady):
        raise RolloutError(
            f"pool {pool.name} has {pool.nodes} node(s), so that its upgrade policy cannot be given back "
            f"({'; '.join(f'{name}: {change}' for name, change in changes.items())}); empty it, or keep the policy "
            "with leave_on_delete: true and pulumi up before pulumi destroy"
        )
    properties: Body = {"upgradePolicy": dict(found or NONE)} if changes else {}
    if known is not None:
        properties["metadata"] = _others(pool)
    if properties:
        await azure.update_batch_pool(pool.id, {"properties": properties}, etag=pool.etag)


async def registered(azure: BatchAzure, subscription: str, clock: Clock) -> None:
    """Have the feature, waiting for it. Raises RolloutError where it takes too long."""
    namespace, name = FEATURE
    state, until = await azure.register_feature(subscription, namespace, name), clock.now() + FEATURE_PATIENCE
    while state != REGISTERED:
        if clock.now() >= until:
            raise RolloutError(
                f"feature {namespace}/{name} is {state} after {FEATURE_PATIENCE / 60:.0f} min; run pulumi up again "
                f"later, or ask with a support request where it stays Pending"
            )
        await clock.sleep(FEATURE_POLL)
        state = await azure.get_feature(subscription, namespace, name)


# -- parts


async def _depends_on(azure: BatchAzure, declared: BatchPoolDeclaration, case: PoolCase, unread: list[str]) -> PoolCase:
    if case.pool.defers and case.allocation_mode == "UserSubscription":
        try:
            case = replace(case, feature=await azure.get_feature(declared.subscription, *FEATURE))
        except Unreachable:
            raise
        except AzureError as error:
            unread.append(f"feature {'/'.join(FEATURE)}: {error}")
    definition = case.image.definition_id
    if definition:
        try:
            case = replace(case, image_versions=await versions_of(azure, case.image))
        except Unreachable:
            raise
        except AzureError as error:
            unread.append(f"the versions of image {name_of(definition)}: {error}")
    return case


async def versions_of(azure: BatchAzure, image: ImageFacts) -> list[Body]:
    """Versions of the gallery image; of the newest also how far their replication is, which only their GET tells."""
    listed = await azure.list_image_versions(image.definition_id)
    newest = sorted(listed, key=lambda version: version_key(name_of(str(version["id"]))), reverse=True)
    asked = [await azure.get_image_version(str(each["id"])) for each in newest[:NEWEST]]
    return [each for each in asked if each is not None] + newest[NEWEST:]


def found_in(pool: BatchPool) -> Body | None:
    """What the pool's metadata say was found; None where they say nothing."""
    for item in pool.properties.get("metadata") or ():
        if item.get("name") == FOUND:
            try:
                found = json.loads(str(item.get("value")))
            except ValueError:
                return None
            return found if isinstance(found, dict) else None
    return None


def _others(pool: BatchPool) -> list[Body]:
    return [dict(item) for item in pool.properties.get("metadata") or () if item.get("name") != FOUND]


def _packed(policy: Body | None) -> str:
    return json.dumps(dict(policy or {}), sort_keys=True, separators=(",", ":"))


def differing(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, str]:
    """What of an upgrade policy is to be changed: `mode` -> `manual -> automatic`. What is not said is Azure's default
    on both sides, so that a policy and what Azure makes of it are the same."""
    before, after = _comparable(there), _comparable(wanted)
    return {name: f"{_told(before[name])} -> {_told(after[name])}" for name in after if before[name] != after[name]}


def _comparable(policy: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {"mode": str(policy["mode"]).lower() if policy.get("mode") else None}
    values |= {name: bool(dig(policy, *name.split("."))) for name in _FLAGS}
    rolling = policy.get("rollingUpgradePolicy") or {}
    for name in _PERCENTS:
        percent = rolling.get(name)
        values[f"rollingUpgradePolicy.{name}"] = 20 if percent is None else int(percent)
    pause = rolling.get("pauseTimeBetweenBatches") or "PT0S"
    values["rollingUpgradePolicy.pauseTimeBetweenBatches"] = float(duration("pauseTimeBetweenBatches", pause))
    values["rollingUpgradePolicy.enableCrossZoneUpgrade"] = rolling.get("enableCrossZoneUpgrade")
    return values


def _told(value: object) -> str:
    return "none" if value is None else value if isinstance(value, str) else shown(value)
