"""Microsoft.Maintenance/maintenanceConfigurations, and configurationAssignments on any resource.

Shapes: REST specification (Azure/azure-rest-api-specs, maintenance); writes are done at once, without an operation.
What is refused of scope OSImage: learn.microsoft.com/azure/virtual-machines/maintenance-configurations (codes and
words are unverified).
"""

from __future__ import annotations

from emulator import ids
from emulator.authorization import check
from emulator.compute.shapes import body_of, clone, location_of, without_nulls
from emulator.maintenance import windows
from emulator.paging import page
from emulator.resources import existence, tags
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Resource, World

TYPE = "Microsoft.Maintenance/maintenanceConfigurations"
ASSIGNMENT = "Microsoft.Maintenance/configurationAssignments"
SCOPES = ("Host", "Resource", "OSImage", "Extension", "InGuestPatch", "SQLDB", "SQLManagedInstance")
OS_IMAGE_HOURS = 5
OS_IMAGE_DAYS = 7
"""A window of scope OSImage is at least five hours long and comes every seven days at least."""


def put(world: World, request: Request, path: dict[str, str]) -> Response:
    """201 or 200."""
    existence.require_group(world, request.path)
    configuration_id = ids.normal(request.path)
    body, known = without_nulls(body_of(request)), world.get(configuration_id)
    given: Body = body.get("properties") or {}
    if given.get("maintenanceScope") not in SCOPES:
        raise _invalid(f"maintenanceScope {given.get('maintenanceScope')!r} is none of {', '.join(SCOPES)}.")
    _require_window(given)
    stored: Body = {
        "location": location_of(body),
        "tags": tags.validate(body.get("tags")),
        "properties": {"visibility": "Custom", **clone(given)},
        "id": configuration_id,
        "name": path["configuration"],
        "type": TYPE,
    }
    return Response(200 if known else 201, clone(world.put(configuration_id, stored).body))


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    return Response(200, clone(existence.find(world, request.path).body))


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    existence.require_group(world, request.path)
    scope = request.path.lower().partition("/providers/microsoft.maintenance")[0]
    return Response(200, page(request, [clone(each.body) for each in world.under(scope, TYPE)]))


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    """200 with the configuration, 204 for what is not there; its assignments go with it (inferred)."""
    known = world.get(ids.normal(request.path))
    if known is None:
        return Response(204)
    for assignment in list(world.under("/subscriptions", ASSIGNMENT)):
        if ids.same(assignment.body["properties"]["maintenanceConfigurationId"], known.id):
            world.delete(assignment.id)
    world.delete(known.id)
    return Response(200, clone(known.body))


def put_assignment(world: World, request: Request, path: dict[str, str]) -> Response:
    """Assign a configuration to a resource."""
    assignment_id = ids.normal(request.path)
    target = existence.find(world, assignment_id.rpartition("/providers/")[0])
    body, known = without_nulls(body_of(request)), world.get(assignment_id)
    configuration = world.get(str((body.get("properties") or {}).get("maintenanceConfigurationId") or ""))
    if configuration is None:
        raise ArmError(404, "NotFound", "The maintenance configuration of the assignment was not found.")
    check.linked(world, request, [(f"{TYPE}/read", configuration.id)])
    stored: Body = {
        "location": str(body.get("location") or configuration.body["location"]).replace(" ", "").lower(),
        "properties": {"maintenanceConfigurationId": configuration.id, "resourceId": target.id},
        "id": assignment_id,
        "name": path["assignment"],
        "type": ASSIGNMENT,
    }
    return Response(200 if known else 201, clone(world.put(assignment_id, stored).body))


def get_assignment(world: World, request: Request, path: dict[str, str]) -> Response:
    found = world.get(ids.normal(request.path))
    if found is None:
        raise ArmError(404, "NotFound", f"The configuration assignment '{path['assignment']}' was not found.")
    return Response(200, clone(found.body))


def list_assignments(world: World, request: Request, path: dict[str, str]) -> Response:
    target = ids.normal(request.path).rpartition("/providers/")[0]
    existence.find(world, target)
    return Response(200, {"value": [clone(each.body) for each in world.under(target, ASSIGNMENT)]})


def delete_assignment(world: World, request: Request, path: dict[str, str]) -> Response:
    """200 with the assignment; 204 for what is not there."""
    known = world.get(ids.normal(request.path))
    if known is None:
        return Response(204)
    world.delete(known.id)
    return Response(200, clone(known.body))


def closed_for(world: World, target: Resource, scope: str) -> float:
    """Seconds until maintenance of a scope may go on on a resource: 0 where no window says otherwise."""
    found = [
        configuration
        for assignment in world.under(target.id, ASSIGNMENT)
        if (configuration := world.get(assignment.body["properties"]["maintenanceConfigurationId"])) is not None
        and configuration.body["properties"]["maintenanceScope"] == scope
        and "maintenanceWindow" in configuration.body["properties"]
    ]
    waits = [
        windows.closed_for(windows.parse(each.body["properties"]["maintenanceWindow"]), world.now) for each in found
    ]
    return min(waits, default=0.0)


def _require_window(given: Body) -> None:
    window = given.get("maintenanceWindow")
    if window is None:
        return
    try:
        parsed = windows.parse(window)
    except ValueError as error:
        raise _invalid(f"maintenanceWindow: {error}.") from None
    if given["maintenanceScope"] != "OSImage":
        return
    if parsed.hours.total_seconds() < OS_IMAGE_HOURS * 3600:
        raise _invalid(f"maintenanceWindow.duration of scope OSImage is at least {OS_IMAGE_HOURS:02}:00.")
    if parsed.period > OS_IMAGE_DAYS:
        raise _invalid(f"maintenanceWindow.recurEvery of scope OSImage is at most {OS_IMAGE_DAYS} days.")


def _invalid(message: str) -> ArmError:
    return ArmError(400, "BadRequest", message)
