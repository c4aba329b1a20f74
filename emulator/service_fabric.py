"""Microsoft.ServiceFabric/clusters, as far as scale sets that are node types care: names and durability of node types.

Nothing runs in a cluster here; a PUT is done at once (Azure takes up to an hour).
"""

from __future__ import annotations

import copy

from emulator import ids, paging
from emulator.resources import existence, subscriptions, tags
from emulator.routing import Route
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Resource, World

TYPE = "Microsoft.ServiceFabric/clusters"
_SUBSCRIPTION = "/subscriptions/{subscription}/providers/" + TYPE
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + TYPE
_CLUSTER = _GROUP + "/{cluster}"


def create_or_update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PUT: 200 with the cluster (recorded in specifications: 200 and 202)."""
    existence.require_group(world, request.path)
    sent: Body = request.body if isinstance(request.body, dict) else {}
    properties = copy.deepcopy(dict(sent.get("properties") or {}))
    if not properties.get("nodeTypes"):
        raise ArmError(400, "ClusterNodeTypesInvalid", "The cluster must have at least one node type.")
    cluster_id = ids.normal(request.path)
    known = world.get(cluster_id)
    location = subscriptions.normal_location(str(sent.get("location") or "westeurope"))
    endpoint = f"https://{location}.servicefabric.azure.com/runtime/clusters/{world.guid()}"
    body: Body = {
        "id": cluster_id,
        "name": path["cluster"],
        "type": TYPE,
        "location": location,
        "tags": tags.validate(sent.get("tags")),
        "properties": {
            **properties,
            "clusterEndpoint": known.body["properties"]["clusterEndpoint"] if known else endpoint,
            "provisioningState": "Succeeded",
        },
    }
    return Response(200, world.put(cluster_id, body).body)


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    return Response(200, existence.find(world, request.path).body)


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    """Of a resource group or a subscription."""
    scope = request.path.lower().partition("/providers/microsoft.servicefabric")[0]
    return Response(200, paging.page(request, [each.body for each in world.under(scope, TYPE)]))


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    known = world.get(ids.normal(request.path))
    if known is None:
        return Response(204)
    world.delete(known.id)
    return Response(200)


def durability(world: World, settings: Body) -> str | None:
    """The durability of the node type that a Service Fabric extension's settings name; None where there is no such
    cluster."""
    cluster = _of_endpoint(world, str(settings.get("clusterEndpoint") or ""))
    named = str(settings.get("nodeTypeRef") or "").lower()
    for node_type in cluster.body["properties"]["nodeTypes"] if cluster is not None else ():
        if str(node_type.get("name")).lower() == named:
            return str(node_type.get("durabilityLevel") or "Bronze")
    return None


def _of_endpoint(world: World, endpoint: str) -> Resource | None:
    clusters = world.under("/subscriptions", TYPE)
    return next((each for each in clusters if each.body["properties"]["clusterEndpoint"] == endpoint), None)


ROUTES: list[Route] = [
    Route("PUT", _CLUSTER, create_or_update, f"{TYPE}/write"),
    Route("GET", _CLUSTER, get, f"{TYPE}/read"),
    Route("DELETE", _CLUSTER, delete, f"{TYPE}/delete"),
    Route("GET", _GROUP, list_, f"{TYPE}/read"),
    Route("GET", _SUBSCRIPTION, list_, f"{TYPE}/read"),
]
