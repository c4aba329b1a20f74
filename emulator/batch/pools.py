"""Pools in ARM: Microsoft.Batch/batchAccounts/pools. The data plane shows the same pools (data_plane.py).

A property of `FOR_EMPTY_POOLS` that differs is refused while the pool has nodes, with the code of
github.com/Azure/Batch/issues/85; that ARM takes it once the pool is empty is inferred from the data plane's
documentation.
"""

from __future__ import annotations

import copy
import re

from emulator import durations, ids, operations
from emulator.batch import fleet as fleets
from emulator.batch import nodes, rules, tasks, upgrades
from emulator.batch.errors import Problem, through_arm
from emulator.batch.fleet import POOL, Fleet
from emulator.compute.shapes import body_of, merge, without_nulls
from emulator.paging import page
from emulator.resources import existence, tags
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Handler, Resource, World

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
DEFAULTS: Body = {
    "interNodeCommunication": "Disabled",
    "taskSlotsPerNode": 1,
    "taskSchedulingPolicy": {"nodeFillType": "Spread"},
}


def create(world: World, request: Request, path: dict[str, str]) -> Response:
    """PUT: 200 and the pool, at once; its nodes come later. Writes a pool that is there."""
    pool_id = ids.normal(request.path)
    existence.require_group(world, pool_id)
    account = existence.require_parent(world, pool_id)
    if not _NAME.fullmatch(path["pool"]):
        told = "The name may contain letters, digits, hyphens and underscores, 64 at most."
        raise through_arm(world, Problem("name", path["pool"], told))
    sent = unwrapped(body_of(request))
    properties = {**copy.deepcopy(DEFAULTS), **normal(without_nulls(sent.get("properties") or {}))}
    problem = written(world, account, pool_id, properties, request.api_version, tags.validate(sent.get("tags")))
    if problem is not None:
        raise through_arm(world, problem)
    return Response(200, show(world, existence.find(world, pool_id)))


def update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PATCH: what is given replaces what was, property by property."""
    known = existence.find(world, request.path)
    _require_match(world, request, known)
    account = existence.require_parent(world, known.id)
    given = normal(without_nulls(unwrapped(body_of(request)).get("properties") or {}))
    properties = {**copy.deepcopy(known.body["properties"]), **given}
    problem = written(world, account, known.id, properties, request.api_version, known.body.get("tags") or {})
    if problem is not None:
        raise through_arm(world, problem)
    return Response(200, show(world, existence.find(world, known.id)))


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    existence.require_group(world, request.path)
    return Response(200, show(world, existence.find(world, request.path)))


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    account = existence.find(world, request.path.rpartition("/")[0])
    return Response(200, page(request, [show(world, pool) for pool in world.under(account.id, POOL)]))


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    """202 and Location; 204 where there is none."""
    known = world.get(ids.normal(request.path))
    if known is None:
        existence.require_group(world, request.path)
        return Response(204)
    headers = operations.start(
        world,
        request,
        kind="batch pool delete",
        resource_id=known.id,
        seconds=None,
        done="batch.pool_gone",
        pool_id=known.id,
    )
    remove(world, known)
    return Response(202, None, headers)


# -- both APIs


def written(
    world: World, account: Resource, pool_id: str, properties: Body, api_version: str, given_tags: Body
) -> Problem | None:
    """Make or change a pool, unless something is wrong with it."""
    known = world.get(pool_id)
    before: Body = known.body["properties"] if known is not None else {}
    if (properties.get("scaleSettings") or {}).get("autoScale"):
        raise ArmError(501, "NotImplemented", "The emulator does not emulate pools that scale by a formula.")
    problem = None
    if known is not None and not nodes.is_empty(world, fleets.of_pool(world, pool_id)):
        problem = rules.not_on_nodes(before, properties)
    problem = problem or rules.first_problem(world, account, properties, api_version)
    if problem is not None:
        return problem
    properties = {
        "provisioningState": "Succeeded",
        "creationTime": world.iso(),
        "provisioningStateTransitionTime": world.iso(),
        **properties,
        "lastModified": world.iso(),
    }
    world.put(
        pool_id,
        {"id": pool_id, "name": ids.name(pool_id), "type": POOL, "tags": given_tags, "properties": properties},
    )
    fleet = fleets.of_pool(world, pool_id)
    if nodes.targets_of(before) != nodes.targets_of(properties) or known is None:
        nodes.resize(world, fleet)
    if known is None or before.get("upgradePolicy") != properties.get("upgradePolicy"):
        upgrades.policy_changed(world, fleet)
    return None


def remove(world: World, pool: Resource) -> None:
    """Let the nodes go, and then the pool."""
    fleet = fleets.of_pool(world, pool.id)
    pool.body["properties"]["provisioningState"] = "Deleting"
    pool.body["properties"].setdefault("scaleSettings", {})["fixedScale"] = {}
    pool.body["properties"].pop("upgradePolicy", None)
    upgrades.policy_changed(world, fleet)
    nodes.resize(world, fleet)
    world.schedule(durations.draw(world, "batch pool delete", pool.id), "batch.pool_going", pool_id=pool.id)


def normal(properties: Body) -> Body:
    """Properties with the names and words of the documentation: `nodeAgentSKUId` and `Automatic` are taken too."""
    machine = (properties.get("deploymentConfiguration") or {}).get("virtualMachineConfiguration") or {}
    if "nodeAgentSKUId" in machine:
        machine["nodeAgentSkuId"] = machine.pop("nodeAgentSKUId")
    policy = properties.get("upgradePolicy")
    if policy and isinstance(policy.get("mode"), str):
        policy["mode"] = policy["mode"].lower()
    return properties


def unwrapped(body: Body) -> Body:
    """The pool of a body as the REST documentation defines it, or as learn.microsoft.com/azure/batch/
    batch-upgrade-policy prints it: with the pool in `parameters`. What Azure makes of the latter is unverified."""
    inner = body.get("parameters")
    return inner if isinstance(inner, dict) and "properties" not in body else body


def show(world: World, pool: Resource) -> Body:
    """The pool as ARM shows it."""
    fleet = fleets.of_pool(world, pool.id)
    body: Body = merge(pool.body, {})
    properties = body["properties"]
    dedicated, low = nodes.current_of(fleet)
    properties |= {
        "allocationState": "Resizing" if fleet.resizing else "Steady",
        "allocationStateTransitionTime": world.iso(fleet.resized or world.now),
        "currentDedicatedNodes": dedicated,
        "currentLowPriorityNodes": low,
    }
    properties["scaleSettings"] = _scale(properties)
    body["etag"] = etag(pool)
    return body


def etag(pool: Resource) -> str:
    return f'W/"0x8DC{pool.etag:012X}"'


def _require_match(world: World, request: Request, pool: Resource) -> None:
    """412 where If-Match names another ETag (the status is in the REST documentation, the words are unverified)."""
    wanted = request.headers.find("If-Match")
    if wanted not in (None, "*", etag(pool)):
        told = "The condition specified using HTTP conditional header(s) is not met."
        raise ArmError(412, "ConditionNotMet", told)


def _scale(properties: Body) -> Body:
    fixed = (properties.get("scaleSettings") or {}).get("fixedScale") or {}
    targets = {"targetDedicatedNodes": 0, "targetLowPriorityNodes": 0, "resizeTimeout": "PT15M"}
    return {"fixedScale": {**targets, **fixed}}


def _going(world: World, *, pool_id: str) -> None:
    """Event: the pool goes once its nodes have."""
    fleet = fleets.of_pool(world, pool_id)
    if fleet.nodes:
        world.schedule(15.0, "batch.pool_going", pool_id=pool_id)
        return
    operation = operations.latest(world, pool_id)
    if operation is not None:
        operations.finish(world, operation.id)
    else:
        _gone(world, operation="", error=None, pool_id=pool_id)


def _gone(world: World, *, operation: str, error: Body | None, pool_id: str) -> None:
    if error is not None:
        return
    fleet: Fleet = fleets.of_pool(world, pool_id)
    for task in tasks.of_pool(world, fleet):  # jobs stay; their tasks wait for a pool of the name
        task.node = ""
    fleets.forget(world, pool_id)
    world.delete(pool_id)


HANDLERS: dict[str, Handler] = {"batch.pool_going": _going, "batch.pool_gone": _gone}
