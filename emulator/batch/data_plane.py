"""Batch's own endpoint at `/batch/<account>`: pools and nodes. Jobs and tasks are in data_plane_jobs.py.

Tokens are those of Microsoft Entra ID for batch.core.windows.net. Pools and nodes need the actions
`Microsoft.Batch/batchAccounts/pools/...` on the account (learn.microsoft.com/azure/batch/
batch-role-based-access-control; that nodes need those of pools is inferred). Shapes: recording
batch-account-and-dataplane-pool, and azure-batch 15.1.
"""

from __future__ import annotations

import re
from typing import Any

from emulator import ids
from emulator.authorization import check
from emulator.batch import fleet as fleets
from emulator.batch import images, nodes, pools
from emulator.batch.errors import BatchError, exists, missing, on_the_data_plane
from emulator.batch.fleet import POOL, Fleet, Node
from emulator.compute.shapes import clone, without_nulls
from emulator.routing import Route
from emulator.wire import ArmError, Body, Headers, Request, Response
from emulator.world import Resource, World

_ACTION = "Microsoft.Batch/batchAccounts/pools/"
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.\d+\.\d+)?")
LARGEST_PAGE = 1000
CERTIFICATES_UNTIL = "2025-06-01"
"""First api-version whose pools have no certificates (azure-batch 15)."""
STATES = (
    "creating",
    "idle",
    "leavingPool",
    "offline",
    "preempted",
    "rebooting",
    "reimaging",
    "running",
    "starting",
    "startTaskFailed",
    "unusable",
    "unknown",
    "upgradingOS",
    "waitingForStartTask",
)
"""As `nodecounts` writes them (recording)."""


def create_pool(world: World, request: Request, path: dict[str, str]) -> Response:
    account = authorized(world, request, path, _ACTION + "write")
    body = body_of(world, request)
    pool_id = f"{account.id}/pools/{body.get('id') or ''}"
    if world.get(pool_id) is not None:
        raise exists(world, "Pool")
    properties = {**clone(pools.DEFAULTS), **arm_properties(body)}
    problem = pools.written(world, account, pool_id, properties, request.api_version, {})
    if problem is not None:
        raise on_the_data_plane(world, problem)
    made = world.resources[pool_id.lower()]
    where = f"https://{_endpoint(request, account)}/pools/{body['id']}"
    return Response(201, None, Headers({**_marks(made), "Location": where}))


def list_pools(world: World, request: Request, path: dict[str, str]) -> Response:
    account = authorized(world, request, path, _ACTION + "read")
    return listing(world, request, [show_pool(world, request, p) for p in world.under(account.id, POOL)], "pools")


def get_pool(world: World, request: Request, path: dict[str, str]) -> Response:
    pool = pool_of(world, request, path, "read")
    return Response(200, selected(request, show_pool(world, request, pool)), _marks(pool))


def head_pool(world: World, request: Request, path: dict[str, str]) -> Response:
    return Response(200, None, _marks(pool_of(world, request, path, "read")))


def update_pool(world: World, request: Request, path: dict[str, str]) -> Response:
    """PATCH: what is given replaces what was; 200 without a body."""
    pool = pool_of(world, request, path, "write")
    properties = {**pool.body["properties"], **arm_properties(body_of(world, request))}
    account = world.resources[fleets.account_id(pool.id).lower()]
    problem = pools.written(world, account, pool.id, properties, request.api_version, pool.body.get("tags") or {})
    if problem is not None:
        raise on_the_data_plane(world, problem)
    return Response(200, None, _marks(pool))


def delete_pool(world: World, request: Request, path: dict[str, str]) -> Response:
    pool = pool_of(world, request, path, "delete")
    if pool.body["properties"]["provisioningState"] == "Deleting":
        raise BatchError(world, 409, "PoolBeingDeleted", "The specified pool is being deleted.")
    pools.remove(world, pool)
    return Response(202)


def resize_pool(world: World, request: Request, path: dict[str, str]) -> Response:
    pool = pool_of(world, request, path, "write")
    fleet = fleets.of_pool(world, pool.id)
    if fleet.resizing:
        raise BatchError(world, 409, "PoolBeingResized", "The specified pool is being resized.")
    body = body_of(world, request)
    fixed: Body = pool.body["properties"].setdefault("scaleSettings", {}).setdefault("fixedScale", {})
    for name in ("targetDedicatedNodes", "targetLowPriorityNodes", "resizeTimeout", "nodeDeallocationOption"):
        if body.get(name) is not None:
            fixed[name] = body[name]
    pool.etag += 1
    nodes.resize(world, fleet)
    return Response(202, None, _marks(pool))


def stop_resize(world: World, request: Request, path: dict[str, str]) -> Response:
    pool = pool_of(world, request, path, "write")
    nodes.stop_resize(world, fleets.of_pool(world, pool.id))
    return Response(202, None, _marks(pool))


def list_nodes(world: World, request: Request, path: dict[str, str]) -> Response:
    pool = pool_of(world, request, path, "read")
    fleet = fleets.of_pool(world, pool.id)
    shown = [show_node(world, request, pool, fleet, node) for node in fleet.nodes.values()]
    return listing(world, request, filtered(world, request, shown), "nodes")


def get_node(world: World, request: Request, path: dict[str, str]) -> Response:
    pool = pool_of(world, request, path, "read")
    fleet = fleets.of_pool(world, pool.id)
    node = fleet.nodes.get(path["node"])
    if node is None:
        raise missing(world, "Node")
    return Response(200, selected(request, show_node(world, request, pool, fleet, node)))


def node_counts(world: World, request: Request, path: dict[str, str]) -> Response:
    account = authorized(world, request, path, _ACTION + "read")
    value = []
    for pool in world.under(account.id, POOL):
        fleet = fleets.of_pool(world, pool.id)
        defers = fleets.defers(pool.body["properties"])
        both = {True: dict.fromkeys((*STATES, "total"), 0), False: dict.fromkeys((*STATES, "total"), 0)}
        for node in fleet.nodes.values():
            state = nodes.shown_state(node, defers, request.api_version)
            name = next(each for each in STATES if each.lower() == state)
            both[node.dedicated][name] += 1
            both[node.dedicated]["total"] += 1
        value.append({"poolId": ids.name(pool.id), "dedicated": both[True], "lowPriority": both[False]})
    return listing(world, request, value, "poolnodecounts")


# -- what a call begins with, shared with data_plane_jobs.py


def authorized(world: World, request: Request, path: dict[str, str], *actions: str) -> Resource:
    """The account of the endpoint, if the caller may do this: one of `actions`, as action or as data action."""
    version = request.api_version
    if not version:
        told = "A query parameter that is mandatory for this request was not specified."
        raise BatchError(world, 400, "MissingRequiredQueryParameter", told, {"QueryParameterName": "api-version"})
    if not _VERSION.fullmatch(version):
        told = "The value for one of the query parameters specified in the request URI is invalid."
        raise BatchError(world, 400, "InvalidQueryParameterValue", told, {"QueryParameterName": "api-version"})
    account = fleets.account_by_name(world, path["account"])
    if account is None:
        raise BatchError(world, 404, "AccountNotFound", "The specified account does not exist.")
    request.action = actions[0]
    for action in actions:
        if any(check.allowed(world, request.principal, action, account.id, data=data) for data in (False, True)):
            return account
    told = "The specified operation is not permitted with the permissions of the caller."
    raise BatchError(world, 403, "PermissionDenied", told, {"Action": actions[0], "Scope": account.id})  # unverified


def pool_of(world: World, request: Request, path: dict[str, str], verb: str) -> Resource:
    account = authorized(world, request, path, _ACTION + verb)
    pool = world.get(f"{account.id}/pools/{path['pool']}")
    if pool is None:
        raise missing(world, "Pool")
    return pool


def body_of(world: World, request: Request) -> Body:
    if not isinstance(request.body, dict):
        raise BatchError(world, 400, "InvalidRequestBody", "The specified Request Body is not syntactically valid.")
    found: Body = without_nulls(request.body)
    return found


def listing(world: World, request: Request, items: list[Body], what: str) -> Response:
    """A page of at most `maxresults` items, and `odata.nextLink` when there are more."""
    size = request.query.get("maxresults", "")
    length = min(LARGEST_PAGE, int(size)) if size.isdigit() and int(size) > 0 else LARGEST_PAGE
    skip = request.query.get("$skiptoken", "0")
    start = int(skip) if skip.isdigit() else 0
    page = [selected(request, item) for item in items[start : start + length]]
    body: Body = {"odata.metadata": f"{request.base_url}/batch/$metadata#{what}", "value": page}
    if start + length < len(items):
        kept = "&".join(f"{name}={value}" for name, value in request.query.items() if name != "$skiptoken")
        body["odata.nextLink"] = f"{request.base_url}{request.path}?{kept}&$skipToken={start + length}"
    return Response(200, body)


def selected(request: Request, item: Body) -> Body:
    """The members that `$select` names; all without it."""
    names = [name.strip() for name in request.query.get("$select", "").split(",") if name.strip()]
    return {name: item[name] for name in names if name in item} if names else item


def filtered(world: World, request: Request, items: list[Body]) -> list[Body]:
    """`$filter` of the form `state eq 'idle'`; any other is 501."""
    wanted = request.query.get("$filter", "")
    if not wanted:
        return items
    match = re.fullmatch(r"\s*(\w+)\s+eq\s+'([^']*)'\s*", wanted)
    if match is None:
        raise BatchError(world, 501, "NotImplemented", f"The emulator does not emulate $filter={wanted}.")
    return [item for item in items if str(item.get(match[1])).lower() == match[2].lower()]


# -- shapes


def show_pool(world: World, request: Request, pool: Resource) -> Body:
    arm, fleet = pools.show(world, pool)["properties"], fleets.of_pool(world, pool.id)
    machine = dict((arm.get("deploymentConfiguration") or {}).get("virtualMachineConfiguration") or {})
    if "nodeAgentSkuId" in machine:
        machine["nodeAgentSKUId"] = machine.pop("nodeAgentSkuId")
    reference = machine.get("imageReference") or {}
    if reference.get("id"):
        machine["imageReference"] = {"virtualMachineImageId": reference["id"]}
    name, state = ids.name(pool.id), str(arm["provisioningState"])
    body: Body = {
        "odata.metadata": f"{_base(request, pool)}/$metadata#pools/@Element",
        "id": name,
        "displayName": arm.get("displayName"),
        "url": f"{_base(request, pool)}/pools/{name}",
        "eTag": _marks(pool)["ETag"],
        "lastModified": arm["lastModified"],
        "creationTime": arm["creationTime"],
        "state": "deleting" if state == "Deleting" else "active",
        "stateTransitionTime": arm["provisioningStateTransitionTime"],
        "allocationState": arm["allocationState"].lower(),
        "allocationStateTransitionTime": arm["allocationStateTransitionTime"],
        "vmSize": str(arm["vmSize"]).lower(),
        **arm["scaleSettings"]["fixedScale"],
        "currentDedicatedNodes": arm["currentDedicatedNodes"],
        "currentLowPriorityNodes": arm["currentLowPriorityNodes"],
        "resizeErrors": fleet.resize_errors or None,
        "enableAutoScale": False,
        "enableInterNodeCommunication": arm.get("interNodeCommunication") == "Enabled",
        "startTask": arm.get("startTask"),
        "metadata": arm.get("metadata"),
        "certificateReferences": [] if request.api_version[:10] < CERTIFICATES_UNTIL else None,
        "applicationPackageReferences": arm.get("applicationPackages"),
        "taskSlotsPerNode": arm["taskSlotsPerNode"],
        "taskSchedulingPolicy": arm["taskSchedulingPolicy"],
        "virtualMachineConfiguration": machine,
        "networkConfiguration": arm.get("networkConfiguration"),
        "upgradePolicy": arm.get("upgradePolicy"),
    }
    return {name: value for name, value in body.items() if value is not None}


def arm_properties(body: Body) -> Body:
    """A pool as the data plane takes it, in the shape of ARM."""
    found: Body = {
        name: body[name]
        for name in (
            "displayName",
            "vmSize",
            "startTask",
            "metadata",
            "taskSlotsPerNode",
            "taskSchedulingPolicy",
            "networkConfiguration",
            "userAccounts",
            "mountConfiguration",
            "upgradePolicy",
        )
        if name in body
    }
    if body.get("enableAutoScale"):
        raise ArmError(501, "NotImplemented", "The emulator does not emulate pools that scale by a formula.")
    if "applicationPackageReferences" in body:
        found["applicationPackages"] = body["applicationPackageReferences"]
    if "enableInterNodeCommunication" in body:
        found["interNodeCommunication"] = "Enabled" if body["enableInterNodeCommunication"] else "Disabled"
    machine: Any = body.get("virtualMachineConfiguration")
    if machine is not None:
        machine = dict(machine)
        reference = machine.get("imageReference") or {}
        if reference.get("virtualMachineImageId"):
            machine["imageReference"] = {"id": reference["virtualMachineImageId"]}
        found["deploymentConfiguration"] = {"virtualMachineConfiguration": machine}
    names = ("targetDedicatedNodes", "targetLowPriorityNodes", "resizeTimeout")
    fixed = {name: body[name] for name in names if name in body}
    if fixed:
        found["scaleSettings"] = {"fixedScale": fixed}
    return pools.normal(found)


def show_node(world: World, request: Request, pool: Resource, fleet: Fleet, node: Node) -> Body:
    properties = pool.body["properties"]
    reference = images.reference_of(properties)
    # That a gallery image's version is told by `exactVersion` too is unverified: the documentation says it of platform
    # and marketplace images.
    image = {"virtualMachineImageId": reference["id"]} if reference.get("id") else dict(reference)
    image["exactVersion"] = node.version
    place = list(fleet.nodes).index(node.id)
    body: Body = {
        "id": node.id,
        "url": f"{_base(request, pool)}/pools/{ids.name(pool.id)}/nodes/{node.id}",
        "state": nodes.shown_state(node, fleets.defers(properties), request.api_version),
        "schedulingState": "enabled" if node.scheduling else "disabled",
        "stateTransitionTime": world.iso(node.since),
        "lastBootTime": world.iso(node.booted or node.allocated),
        "allocationTime": world.iso(node.allocated),
        "ipAddress": f"10.0.{place // 250}.{place % 250 + 4}",
        "affinityId": f"TVM:{node.id}",
        "vmSize": str(properties["vmSize"]).lower(),
        "totalTasksRun": node.run,
        "totalTasksSucceeded": node.succeeded,
        "runningTasksCount": len(node.tasks),
        "runningTaskSlotsCount": len(node.tasks),
        "isDedicated": node.dedicated,
        "endpointConfiguration": {"inboundEndpoints": []},
        "nodeAgentInfo": {"version": "1.13.2", "lastUpdateTime": world.iso(node.booted or node.allocated)},
        "virtualMachineInfo": {"imageReference": image},
        "errors": node.errors or None,
    }
    return {name: value for name, value in body.items() if value is not None}


def _marks(pool: Resource) -> Headers:
    return Headers({"ETag": f"0x8DC{pool.etag:012X}"})


def _endpoint(request: Request, account: Resource) -> str:
    return f"{request.base_url.removeprefix('https://')}/batch/{ids.name(account.id)}"


def _base(request: Request, pool: Resource) -> str:
    return f"{request.base_url}/batch/{ids.name(fleets.account_id(pool.id))}"


_ACCOUNT = "/batch/{account}"
_POOL = _ACCOUNT + "/pools/{pool}"

# Actions are checked by the functions: no action of ARM's stands here.
ROUTES: list[Route] = [
    Route("POST", _ACCOUNT + "/pools", create_pool, None),
    Route("GET", _ACCOUNT + "/pools", list_pools, None),
    Route("GET", _POOL, get_pool, None),
    Route("HEAD", _POOL, head_pool, None),
    Route("PATCH", _POOL, update_pool, None),
    Route("DELETE", _POOL, delete_pool, None),
    Route("POST", _POOL + "/resize", resize_pool, None),
    Route("POST", _POOL + "/stopresize", stop_resize, None),
    Route("GET", _POOL + "/nodes", list_nodes, None),
    Route("GET", _POOL + "/nodes/{node}", get_node, None),
    Route("GET", _ACCOUNT + "/nodecounts", node_counts, None),
]
