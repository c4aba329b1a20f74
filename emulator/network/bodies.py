"""What the resources of Microsoft.Network have in common: weak etags that change with every write, and settling."""

from __future__ import annotations

import copy
from typing import Any

from emulator import ids
from emulator.wire import ArmError, Body, Headers, Request, Response
from emulator.world import Resource, World


def stamp(world: World, body: Body, state: str) -> Body:
    """Set provisioningState and a new etag on a body and on its ipConfigurations (recording network-nic-lifecycle)."""
    etag = f'W/"{world.guid()}"'
    body["etag"] = etag
    body["properties"]["provisioningState"] = state
    configurations = body["properties"].get("ipConfigurations") or []
    for configuration in configurations if body.get("type") == "Microsoft.Network/networkInterfaces" else []:
        configuration["etag"] = etag
        configuration["properties"]["provisioningState"] = state
    return body


def answer(resource: Resource, status: int = 200, headers: Headers | None = None) -> Response:
    return Response(status, copy.deepcopy(resource.body), headers or Headers())


def answer_get(resource: Resource) -> Response:
    return Response(200, copy.deepcopy(resource.body), Headers({"ETag": resource.body["etag"]}))


def properties_of(request: Request) -> Body:
    properties = request.body.get("properties") if isinstance(request.body, dict) else None
    if properties is not None and not isinstance(properties, dict):
        raise ArmError(400, "InvalidRequestFormat", "Cannot parse the request.", details=[])
    return dict(properties or {})


def reference(value: Any) -> str | None:
    """The id of `{"id": ...}`."""
    return ids.normal(value["id"]) if isinstance(value, dict) and value.get("id") else None


def not_found(resource_id: str) -> ArmError:
    """A nested resource is missing and its parent is there: the network provider's own 404."""
    return ArmError(404, "NotFound", f"Resource {resource_id} not found.", details=[])


def invalid_reference(referred: str, referring: str) -> ArmError:
    """Wording: learn.microsoft.com/azure/azure-resource-manager/troubleshooting (InvalidResourceReference)."""
    return ArmError(
        400,
        "InvalidResourceReference",
        f"Resource {referred} referenced by resource {referring} was not found. Please make sure that the referenced "
        "resource exists, and that both resources are in the same region.",
        details=[],
    )


def settled(world: World, *, operation: str, error: Body | None, resource_id: str) -> None:
    """Event: the end of a PUT."""
    resource = world.get(resource_id)
    if resource is not None:
        world.put(resource.id, stamp(world, copy.deepcopy(resource.body), "Failed" if error else "Succeeded"))
