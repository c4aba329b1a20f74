"""Microsoft.Authorization: every type of it is an extension resource, so each path starts with any scope."""

from __future__ import annotations

from emulator.authorization import assignments, check, definitions, locks
from emulator.routing import Route
from emulator.wire import Request, Response
from emulator.world import Handler, World

_NS = "Microsoft.Authorization"
_AT = "/{scope*}/providers/" + _NS
_TENANT = "/providers/" + _NS


def list_permissions(world: World, request: Request, path: dict[str, str]) -> Response:
    """What the caller itself may do at the scope. That it takes a right of its own is unverified: the operation exists,
    and built-in roles hold it by `Microsoft.Authorization/*/read`."""
    return Response(200, {"value": check.permissions_at(world, request.principal, path["scope"])})


ROUTES: list[Route] = [
    Route("GET", _AT + "/permissions", list_permissions, _NS + "/permissions/read"),
    Route("PUT", _AT + "/roleDefinitions/{id}", definitions.create, _NS + "/roleDefinitions/write"),
    Route("GET", _AT + "/roleDefinitions/{id}", definitions.get, _NS + "/roleDefinitions/read"),
    Route("DELETE", _AT + "/roleDefinitions/{id}", definitions.delete, _NS + "/roleDefinitions/delete"),
    Route("GET", _AT + "/roleDefinitions", definitions.list_, _NS + "/roleDefinitions/read"),
    # Built-in roles are read at the tenant's root too, which every principal may do.
    Route("GET", _TENANT + "/roleDefinitions/{id}", definitions.get, None),
    Route("GET", _TENANT + "/roleDefinitions", definitions.list_, None),
    Route("PUT", _AT + "/roleAssignments/{id}", assignments.create, _NS + "/roleAssignments/write"),
    Route("GET", _AT + "/roleAssignments/{id}", assignments.get, _NS + "/roleAssignments/read"),
    Route("DELETE", _AT + "/roleAssignments/{id}", assignments.delete, _NS + "/roleAssignments/delete"),
    Route("GET", _AT + "/roleAssignments", assignments.list_, _NS + "/roleAssignments/read"),
    Route("PUT", _AT + "/locks/{name}", locks.create, _NS + "/locks/write"),
    Route("GET", _AT + "/locks/{name}", locks.get, _NS + "/locks/read"),
    Route("DELETE", _AT + "/locks/{name}", locks.delete, _NS + "/locks/delete"),
    Route("GET", _AT + "/locks", locks.list_, _NS + "/locks/read"),
]
HANDLERS: dict[str, Handler] = {}
