"""Role definitions: PUT answers 201 even for an update, DELETE 200 with what was deleted (recordings
auth-role-definition-lifecycle and auth-role-definition-errors)."""

from __future__ import annotations

import re
from typing import Any

from emulator import ids
from emulator.authorization import check, roles
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import World

_LISTS = ("actions", "notActions", "dataActions", "notDataActions")


def create(world: World, request: Request, path: dict[str, str]) -> Response:
    guid, scope = path["id"], ids.normal(path["scope"])
    properties = _properties(request.body)
    _validate(world, guid, properties)
    for assignable in properties["assignableScopes"]:
        check.require(world, request.principal, "Microsoft.Authorization/roleDefinitions/write", assignable)
    resource_id = _resource_id(scope, guid)
    known = world.get(resource_id)
    caller, now = request.principal.object_id if request.principal else None, world.iso()
    created_on = known.body["properties"]["createdOn"] if known else now
    body: Body = {
        "properties": {
            "roleName": properties["roleName"],
            "type": "CustomRole",
            "description": properties.get("description"),
            "assignableScopes": list(properties["assignableScopes"]),
            "permissions": [
                {kind: list(permission.get(kind) or []) for kind in _LISTS}
                for permission in properties.get("permissions") or []
            ],
            "createdOn": created_on,
            "updatedOn": now,
            # The recording shows createdBy null in the PUT answer of a new definition.
            "createdBy": known.body["properties"]["createdBy"] if known else None,
            "updatedBy": caller,
        },
        "id": resource_id,
        "type": check.DEFINITION,
        "name": guid,
    }
    kept: Body = {**body["properties"], "createdBy": body["properties"]["createdBy"] or caller}
    world.put(resource_id, {**body, "properties": kept})
    check.forget(world)
    return Response(201, body)


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    definition = check.find_definition(world, path["id"])
    if definition is None:
        raise _missing(path["id"])
    return Response(200, _shown(definition, path.get("scope", "")))


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    guid = path["id"].lower()
    if guid in roles.BUILT_IN:
        # Wording not verified.
        raise ArmError(400, "InvalidRoleDefinitionType", f"The role definition '{guid}' is a built-in role.")
    definition = check.find_definition(world, guid)
    if definition is None:
        return Response(204)
    for resource in world.resources.values():
        used = resource.body.get("type") == check.ASSIGNMENT and resource.body["properties"]["roleDefinitionId"]
        if used and ids.name(used).lower() == guid:
            # Text: learn.microsoft.com/azure/role-based-access-control/troubleshooting; HTTP status not verified.
            raise ArmError(400, "RoleDefinitionHasAssignments", "There are existing role assignments referencing role.")
    world.delete(definition["id"])
    check.forget(world)
    return Response(200, definition)


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    """All definitions assignable at the scope; `$filter`: `roleName eq '..'`, `type eq '..'`, `atScopeAndBelow()`."""
    scope = ids.normal(path.get("scope", ""))
    custom = [r.body for r in world.resources.values() if r.body.get("type") == check.DEFINITION]
    found = [
        _shown(definition, scope)
        for definition in [*custom, *roles.BUILT_IN.values()]
        if _assignable(definition, scope, below="atscopeandbelow()" in request.query.get("$filter", "").lower())
    ]
    for name, value in re.findall(r"(roleName|type) eq '([^']*)'", request.query.get("$filter", ""), re.IGNORECASE):
        key = "roleName" if name.lower() == "rolename" else "type"
        found = [definition for definition in found if definition["properties"][key].lower() == value.lower()]
    return Response(200, {"value": found})


def assignable_at(definition: Body, scope: str) -> bool:
    """Whether an assignment of this role may be made at `scope`."""
    return any(ids.within(each, scope) for each in definition["properties"]["assignableScopes"])


def _assignable(definition: Body, scope: str, *, below: bool) -> bool:
    scopes = definition["properties"]["assignableScopes"]
    return scope == "/" or assignable_at(definition, scope) or (below and any(ids.within(scope, s) for s in scopes))


def _resource_id(scope: str, guid: str) -> str:
    """A definition lives in its subscription, whatever scope it was written at (recorded at a resource group)."""
    subscription = ids.subscription(scope)
    prefix = f"/subscriptions/{subscription}" if subscription else ""
    return f"{prefix}/providers/Microsoft.Authorization/roleDefinitions/{guid}"


def _shown(definition: Body, scope: str) -> Body:
    if definition["properties"]["type"] != "BuiltInRole":
        return definition
    return {**definition, "id": _resource_id(scope, definition["name"])}


def _properties(body: Any) -> Body:
    properties = body.get("properties") if isinstance(body, dict) else None
    if not isinstance(properties, dict):
        raise ArmError(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
    return properties


def _validate(world: World, guid: str, properties: Body) -> None:
    if guid.lower() in roles.BUILT_IN:
        raise ArmError(409, "RoleDefinitionExists", "The role definition ID is already in use by a built-in role.")
    kind = properties.get("type")
    if kind and kind != "CustomRole":
        raise ArmError(
            400,
            "InvalidRoleDefinitionType",
            f"The role definition '{guid}' request is not valid. The Role definition type value '{kind}' is not "
            "supported. The supported values are 'CustomRole'.",
        )
    name = properties.get("roleName")
    if not name:
        raise ArmError(400, "RoleDefinitionNameNullOrEmpty", "A role definition must have a non-empty, unique name.")
    scopes = properties.get("assignableScopes")
    if not scopes or not all(scopes):
        raise ArmError(
            400,
            "MissingAssignableScopes",
            "A role definition must have at least one assignable scope and all assignable scopes must be neither null "
            "nor empty.",
        )
    for permission in properties.get("permissions") or []:
        for kind in _LISTS:
            for action in permission.get(kind) or []:
                if action != "*" and "/" not in action:
                    # Code and text: learn.microsoft.com/azure/role-based-access-control/troubleshooting.
                    raise ArmError(
                        400,
                        "InvalidActionOrNotAction",
                        f"'{action}' does not match any of the actions supported by the providers.",
                    )
    for other in [*roles.BUILT_IN.values(), *(r.body for r in world.resources.values())]:
        if (
            other.get("type") == check.DEFINITION
            and other["name"].lower() != guid.lower()
            and other["properties"]["roleName"].lower() == name.lower()
        ):
            # Code from the service's published error list; the text is not verified.
            raise ArmError(
                409,
                "RoleDefinitionWithSameNameExists",
                "A custom role with the same name already exists in this directory. Use a different name.",
            )


def _missing(guid: str) -> ArmError:
    return ArmError(
        404, "RoleDefinitionDoesNotExist", f"The specified role definition with ID '{guid}' does not exist."
    )
