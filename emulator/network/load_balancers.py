"""Load balancers, as far as a scale set needs them: front ends, back-end pools, rules and health probes.

PUT is 201 or 200 with Azure-AsyncOperation, DELETE 202 and then 204, like the other resources of Microsoft.Network.
Each child shows its id, etag and provisioning state. Front ends and rules are kept as they were sent; no traffic flows.
"""

from __future__ import annotations

import copy

from emulator import durations, ids, operations
from emulator.network import bodies
from emulator.paging import page
from emulator.resources import existence, subscriptions, tags
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Resource, World

TYPE = "Microsoft.Network/loadBalancers"
CHILDREN = (
    "frontendIPConfigurations",
    "backendAddressPools",
    "loadBalancingRules",
    "probes",
    "inboundNatRules",
    "outboundRules",
    "inboundNatPools",
)
SET = "Microsoft.Compute/virtualMachineScaleSets"


def create(world: World, request: Request, path: dict[str, str]) -> Response:
    """PUT: the whole load balancer."""
    balancer_id = _id(path)
    existence.require_group(world, balancer_id)
    known, sent = world.get(balancer_id), dict(request.body or {})
    location = sent.get("location") or (known.body["location"] if known else None)
    if not location:
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    properties = bodies.properties_of(request)
    body: Body = {
        "name": path["balancer"],
        "id": known.id if known else balancer_id,
        "etag": "",
        "type": TYPE,
        "location": subscriptions.normal_location(str(location)),
        **({"tags": tags.validate(sent["tags"])} if sent.get("tags") is not None else {}),
        "sku": {"name": "Basic", "tier": "Regional", **(sent.get("sku") or {})},
        "properties": {"resourceGuid": known.body["properties"]["resourceGuid"] if known else world.guid()},
    }
    for kind in CHILDREN:
        body["properties"][kind] = [_child(body["id"], kind, each) for each in properties.get(kind) or []]
    for probe in body["properties"]["probes"]:
        _require_valid_probe(probe)
    resource = world.put(body["id"], _stamp(world, body, "Updating"))
    headers = operations.start(
        world,
        request,
        kind="network put",
        resource_id=resource.id,
        seconds=durations.draw(world, "load balancer put", resource.id),
        done="network.balancer_settled",
        resource_id_=resource.id,
    )
    return bodies.answer(resource, 200 if known else 201, headers)


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    existence.require_group(world, _id(path))
    return bodies.answer_get(existence.find(world, _id(path)))


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    scope = f"/subscriptions/{path['subscription']}"
    if "group" in path:
        scope += f"/resourceGroups/{path['group']}"
        existence.require_group(world, scope)
    return Response(200, page(request, [copy.deepcopy(r.body) for r in world.under(scope, TYPE)]))


def list_probes(world: World, request: Request, path: dict[str, str]) -> Response:
    return Response(200, {"value": copy.deepcopy(existence.find(world, _id(path)).body["properties"]["probes"])})


def get_probe(world: World, request: Request, path: dict[str, str]) -> Response:
    balancer = existence.find(world, _id(path))
    probe = probe_of(world, f"{balancer.id}/probes/{path['probe']}")
    if probe is None:
        raise bodies.not_found(ids.normal(request.path))
    return Response(200, copy.deepcopy(probe))


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    """202; 204 for what is not there; 400 while a scale set refers to it."""
    known = world.get(_id(path))
    if known is None:
        return Response(204)
    for scale_set in world.under("/subscriptions", SET):
        if _refers(scale_set.body["properties"]["virtualMachineProfile"].get("networkProfile"), known.id):
            # Code of public reports; the words are inferred from those of other network resources.
            raise ArmError(
                400,
                "LoadBalancerInUseByVirtualMachineScaleSet",
                f"Cannot delete load balancer {known.id} since its child resources are in use by virtual machine "
                f"scale set {scale_set.id}.",
                details=[],
            )
    headers = operations.start(
        world,
        request,
        kind="network delete",
        resource_id=known.id,
        seconds=durations.draw(world, "load balancer delete", known.id),
        done="network.balancer_deleted",
        resource_id_=known.id,
    )
    return Response(202, None, headers)


def probe_of(world: World, probe_id: str) -> Body | None:
    """A probe by its id, or None."""
    balancer = balancer_of(world, probe_id)
    probes = balancer.body["properties"]["probes"] if balancer else []
    return next((each for each in probes if ids.same(each["id"], probe_id)), None)


def balancer_of(world: World, child_id: str) -> Resource | None:
    """The load balancer that a probe or a pool belongs to."""
    return world.get(ids.top_level(child_id))


def _child(balancer_id: str, kind: str, sent: Body) -> Body:
    name = str(sent["name"])
    return {
        "name": name,
        "id": f"{balancer_id}/{kind}/{name}",
        "etag": "",
        "properties": {"provisioningState": "Updating", **copy.deepcopy(sent.get("properties") or {})},
        "type": f"{TYPE}/{kind}",
    }


def _require_valid_probe(probe: Body) -> None:
    """learn.microsoft.com/azure/load-balancer/load-balancer-custom-probe-overview: http and https need a path, tcp has
    none; 5 seconds is the shortest interval. Codes and words are unverified."""
    properties = probe["properties"]
    protocol = str(properties.get("protocol")).lower()
    path = properties.get("requestPath")
    interval = properties.get("intervalInSeconds")
    if protocol not in ("http", "https", "tcp") or not isinstance(properties.get("port"), int):
        raise ArmError(400, "InvalidRequestFormat", f"Probe {probe['id']} needs protocol and port.", details=[])
    if (protocol == "tcp") == bool(path):
        raise ArmError(
            400, "ProbeRequestPathInvalid", f"requestPath of probe {probe['id']} does not fit its protocol.", details=[]
        )
    if interval is not None and int(interval) < 5:
        raise ArmError(
            400, "ProbeIntervalInvalid", f"intervalInSeconds of probe {probe['id']} is less than 5.", details=[]
        )


def _refers(value: object, balancer_id: str) -> bool:
    if isinstance(value, dict):
        return any(_refers(each, balancer_id) for each in value.values())
    if isinstance(value, list):
        return any(_refers(each, balancer_id) for each in value)
    return isinstance(value, str) and value.lower().startswith(f"{balancer_id.lower()}/")


def _stamp(world: World, body: Body, state: str) -> Body:
    bodies.stamp(world, body, state)
    for kind in CHILDREN:
        for child in body["properties"][kind]:
            child["etag"], child["properties"]["provisioningState"] = body["etag"], state
    return body


def settled(world: World, *, operation: str, error: Body | None, resource_id_: str) -> None:
    """Event: the end of a PUT."""
    resource = world.get(resource_id_)
    if resource is not None:
        world.put(resource.id, _stamp(world, copy.deepcopy(resource.body), "Failed" if error else "Succeeded"))


def deleted(world: World, *, operation: str, error: Body | None, resource_id_: str) -> None:
    """Event: the end of a DELETE."""
    if error is None:
        world.delete(resource_id_)


def _id(path: dict[str, str]) -> str:
    return (
        f"/subscriptions/{path['subscription']}/resourceGroups/{path['group']}/providers/Microsoft.Network/"
        f"loadBalancers/{path['balancer']}"
    )
