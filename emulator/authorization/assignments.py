"""Role assignments: keyed by a GUID, but one principal has one role only once at a scope (409 RoleAssignmentExists)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from emulator import ids
from emulator.authorization import check, definitions
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import World


def create(world: World, request: Request, path: dict[str, str]) -> Response:
    """201 with the assignment; the same assignment under the same GUID again is 200 with what is there."""
    scope, guid = ids.normal(path["scope"]), path["id"]
    properties = request.body.get("properties") if isinstance(request.body, dict) else None
    if not isinstance(properties, dict) or not properties.get("roleDefinitionId") or not properties.get("principalId"):
        raise ArmError(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
    definition = check.find_definition(world, properties["roleDefinitionId"])
    if definition is None:
        missing = ids.name(properties["roleDefinitionId"])
        raise ArmError(
            404, "RoleDefinitionDoesNotExist", f"The specified role definition with ID '{missing}' does not exist."
        )
    if not definitions.assignable_at(definition, scope):
        # Code and text not verified.
        raise ArmError(
            400,
            "RoleAssignmentScopeNotAssignableToRoleDefinition",
            f"The role assignment scope '{scope}' must match or be below the assignable scopes of the role definition "
            f"'{definition['name']}'.",
        )
    principal_id, kind = properties["principalId"], properties.get("principalType")
    if not kind and principal_id.lower() not in _directory(world):
        # Recording error-roleassignment-principal-not-found-retry. A request that names the principalType is not
        # looked up (learn.microsoft.com/azure/role-based-access-control/role-assignments-rest).
        tenant = world.setting("tenant", "22222222-2222-2222-2222-222222222222")
        raise ArmError(
            400,
            "PrincipalNotFound",
            f"Principal {principal_id.replace('-', '')} does not exist in the directory {tenant}.",
        )
    resource_id = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{guid}"
    for other in _assignments(world):
        had = other["properties"]
        if not (
            ids.same(had["scope"], scope)
            and had["principalId"].lower() == principal_id.lower()
            and ids.name(had["roleDefinitionId"]).lower() == definition["name"].lower()
        ):
            if ids.same(other["id"], resource_id):
                raise ArmError(
                    409,
                    "RoleAssignmentUpdateNotPermitted",
                    "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
                )
            continue
        if ids.same(other["id"], resource_id):
            return Response(200, other)
        raise ArmError(409, "RoleAssignmentExists", "The role assignment already exists.")
    caller, now = request.principal.object_id if request.principal else None, world.iso()
    body: Body = {
        "properties": {
            "roleDefinitionId": properties["roleDefinitionId"],
            "principalId": principal_id,
            "principalType": kind or "ServicePrincipal",
            "scope": scope,
            "condition": properties.get("condition"),
            "conditionVersion": properties.get("conditionVersion"),
            "createdOn": now,
            "updatedOn": now,
            "createdBy": None,
            "updatedBy": caller,
            "delegatedManagedIdentityResourceId": properties.get("delegatedManagedIdentityResourceId"),
            "description": properties.get("description"),
        },
        "id": resource_id,
        "type": check.ASSIGNMENT,
        "name": guid,
    }
    world.put(resource_id, {**body, "properties": {**body["properties"], "createdBy": caller}})
    check.forget(world)
    return Response(201, body)


def grant(world: World, principal_id: str, role_id: str, scope: str) -> str:
    """Assign a role without a request, as a scenario does. Returns the assignment's id."""
    guid, now = world.guid(), world.iso()
    resource_id = f"{ids.normal(scope)}/providers/Microsoft.Authorization/roleAssignments/{guid}"
    subscription = ids.subscription(scope)
    prefix = f"/subscriptions/{subscription}" if subscription else ""
    properties: Body = {
        "roleDefinitionId": f"{prefix}/providers/Microsoft.Authorization/roleDefinitions/{ids.name(role_id)}",
        "principalId": principal_id,
        "principalType": "ServicePrincipal",
        "scope": ids.normal(scope),
        "createdOn": now,
        "updatedOn": now,
        "createdBy": None,
        "updatedBy": None,
    }
    world.put(resource_id, {"properties": properties, "id": resource_id, "type": check.ASSIGNMENT, "name": guid})
    check.forget(world)
    return resource_id


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    found = world.get(_resource_id(path))
    if found is None:
        raise ArmError(404, "RoleAssignmentNotFound", f"The role assignment '{path['id']}' is not found.")
    return Response(200, found.body)


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    found = world.get(_resource_id(path))
    if found is None:
        return Response(204)
    world.delete(found.id)
    check.forget(world)
    return Response(200, found.body)


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    """Assignments at, above and below the scope; `$filter=atScope()` leaves out those below."""
    scope, wanted = ids.normal(path["scope"]), request.query.get("$filter", "")
    principal = re.search(r"(?:principalId eq |assignedTo\()'([^']+)'", wanted, re.IGNORECASE)
    at_scope = "atscope()" in wanted.lower()
    found = [
        body
        for body in _assignments(world)
        if (
            ids.within(body["properties"]["scope"], scope)
            or (not at_scope and ids.within(scope, body["properties"]["scope"]))
        )
        and (principal is None or body["properties"]["principalId"].lower() == principal[1].lower())
    ]
    return Response(200, {"value": found})


def _resource_id(path: dict[str, str]) -> str:
    return f"{ids.normal(path['scope'])}/providers/Microsoft.Authorization/roleAssignments/{path['id']}"


def _assignments(world: World) -> Iterator[Body]:
    return (r.body for r in list(world.resources.values()) if r.body.get("type") == check.ASSIGNMENT)


def _directory(world: World) -> set[str]:
    """Object ids that exist: the principals of the tenant and the system-assigned identities of resources."""
    known = {entry["object_id"].lower() for entry in world.sections.get("principals", {}).values()}
    for resource in world.resources.values():
        identity = resource.body.get("identity")
        if isinstance(identity, dict) and identity.get("principalId"):
            known.add(str(identity["principalId"]).lower())
    return known
