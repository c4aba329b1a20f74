"""Resource groups: PUT 201 then 200, DELETE as an operation that takes all of the group with it."""

from __future__ import annotations

import re

from emulator import durations, ids, operations
from emulator.authorization import check
from emulator.paging import page
from emulator.resources import existence, subscriptions, tags
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import World

TYPE = "Microsoft.Resources/resourceGroups"
_READ = "Microsoft.Resources/subscriptions/resourceGroups/read"


def add(world: World, subscription_id: str, name: str, location: str, group_tags: dict[str, str] | None = None) -> str:
    """Make a group, as a scenario does. Returns its id."""
    scope = f"/subscriptions/{subscription_id}/resourceGroups/{name}"
    world.put(scope, _body(scope, subscriptions.normal_location(location), group_tags or {}))
    return scope


def create(world: World, request: Request, path: dict[str, str]) -> Response:
    scope, body = _scope(path), request.body if isinstance(request.body, dict) else {}
    known = world.get(scope)
    location = body.get("location")
    if not location:
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    location = subscriptions.normal_location(str(location))
    if location not in subscriptions.LOCATIONS:
        raise ArmError(
            400,
            "LocationNotAvailableForResourceGroup",
            f"The provided location '{body['location']}' is not available for resource group. List of available "
            f"regions is '{','.join(subscriptions.LOCATIONS)}'.",
        )
    if known is not None and known.body["location"] != location:
        raise ArmError(
            409,
            "InvalidResourceGroupLocation",
            f"Invalid resource group location '{location}'. The Resource group already exists in location "
            f"'{known.body['location']}'.",
        )
    _require_not_deleting(world, scope)
    new = _body(known.id if known else scope, location, tags.validate(body.get("tags")))
    if body.get("managedBy"):
        new["managedBy"] = body["managedBy"]
    world.put(scope, new)
    return Response(200 if known else 201, new)


def update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PATCH: tags."""
    existence.require_group(world, _scope(path))
    known = existence.find(world, _scope(path))
    body = request.body if isinstance(request.body, dict) else {}
    changed: Body = {**known.body}
    if "tags" in body:
        changed["tags"] = tags.validate(body["tags"])
    world.put(known.id, changed)
    return Response(200, changed)


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    existence.require_group(world, _scope(path))
    return Response(200, existence.find(world, _scope(path)).body)


def head(world: World, request: Request, path: dict[str, str]) -> Response:
    return Response(404 if world.get(_scope(path)) is None else 204)


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    """The groups that the caller may read; `$filter=tagName eq 'a' and tagValue eq 'b'`."""
    prefix = f"/subscriptions/{path['subscription']}/resourceGroups"
    found = [
        r.body
        for r in world.under(prefix)
        if r.body.get("type") == TYPE and check.allowed(world, request.principal, _READ, r.id)
    ]
    wanted = request.query.get("$filter", "")
    name, value = (_literal(wanted, key) for key in ("tagName", "tagValue"))
    if name is not None:
        found = [b for b in found if name in b["tags"] and value in (None, b["tags"][name])]
    return Response(200, page(request, found))


def list_resources(world: World, request: Request, path: dict[str, str]) -> Response:
    """The tracked resources of a group or a subscription that the caller may read, in ARM's short form."""
    scope = f"/subscriptions/{path['subscription']}"
    if "group" in path:
        scope = _scope(path)
        existence.require_group(world, scope)
    wanted = request.query.get("$filter", "")
    kind, name, group, tag, value = (
        _literal(wanted, key) for key in ("resourceType", "name", "resourceGroup", "tagName", "tagValue")
    )
    found = []
    for resource in world.under(scope):
        body = resource.body
        own_type = str(body.get("type") or ids.resource_type(resource.id))
        if "location" not in body or body.get("type") == TYPE or not ids.resource_type(resource.id):
            continue
        if (
            (kind is not None and own_type.lower() != kind.lower())
            or (name is not None and ids.name(resource.id).lower() != name.lower())
            or (group is not None and (ids.resource_group(resource.id) or "").lower() != group.lower())
            or (tag is not None and (tag not in (body.get("tags") or {}) or value not in (None, body["tags"][tag])))
            or not check.allowed(world, request.principal, f"{own_type}/read", resource.id)
        ):
            continue
        provider = resource.id.lower().rindex("/providers/")
        short: Body = {
            "id": resource.id,
            "name": "/".join(resource.id[provider:].split("/")[4::2]),
            "type": own_type,
        }
        for key in ("sku", "kind", "managedBy", "location", "zones", "plan", "identity", "tags"):
            if key in body:
                short[key] = body[key]
        found.append(short)
    return Response(200, page(request, found, 1000))


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    """202 with Location until everything is gone; 404 for a group that is not there."""
    scope = _scope(path)
    existence.require_group(world, scope)
    known = existence.find(world, scope)
    _require_not_deleting(world, scope)
    world.put(known.id, {**known.body, "properties": {"provisioningState": "Deleting"}})
    seconds = durations.draw(world, "resource group delete", known.id)
    headers = operations.start(
        world,
        request,
        kind="resource group delete",
        resource_id=known.id,
        seconds=seconds,
        done="resources.group_deleted",
        group=known.id,
    )
    return Response(202, None, headers)


def _literal(wanted: str, key: str) -> str | None:
    match = re.search(rf"\b{key} eq '([^']*)'", wanted, re.IGNORECASE)
    return match[1] if match else None


def _require_not_deleting(world: World, scope: str) -> None:
    known = world.get(scope)
    if known is not None and known.body["properties"]["provisioningState"] == "Deleting":
        raise ArmError(
            409,
            "ResourceGroupBeingDeleted",
            f"The resource group '{ids.name(scope)}' is in deprovisioning state and cannot perform this operation.",
            headers=existence.GATEWAY,
        )


def _scope(path: dict[str, str]) -> str:
    return f"/subscriptions/{path['subscription']}/resourceGroups/{path['group']}"


def _body(scope: str, location: str, group_tags: dict[str, str]) -> Body:
    return {
        "id": scope,
        "name": ids.name(scope),
        "type": TYPE,
        "location": location,
        "tags": group_tags,
        "properties": {"provisioningState": "Succeeded"},
    }
