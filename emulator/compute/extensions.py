"""Extensions of a virtual machine: Microsoft.Compute/virtualMachines/extensions.

A write needs a running VM and is carried out by its VM agent. Windows takes one extension of a handler type. Extensions
that the attached disk has not seen run at its first boot with the settings that the VM model still holds (replay); a
start waits for them. vm_agent.py has the VM agent's part, extension_handlers.py what a handler does inside Windows.
"""

from __future__ import annotations

from emulator import durations, guests, ids, operations
from emulator.compute import instance_view, vm_agent
from emulator.compute.shapes import body_of, clone, merge, without_nulls
from emulator.resources import existence
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Resource, World

TYPE = guests.EXTENSION_TYPE

# -- routes


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    """`$expand=instanceView` shows the handler's statuses."""
    extension = _find(world, request)
    return Response(200, _view(extension, request.query.get("$expand", "")))


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    vm = existence.find(world, request.path.rpartition("/")[0])
    expand = request.query.get("$expand", "")
    return Response(200, {"value": [_view(child, expand) for child in world.under(vm.id, TYPE)]})


def create_or_update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PUT: 201 or 200, Azure-AsyncOperation only."""
    vm = _running_vm(world, request)
    body = without_nulls(body_of(request))
    properties: Body = body.get("properties") or {}
    for name in ("publisher", "type", "typeHandlerVersion"):
        if not properties.get(name):
            raise ArmError(
                400, "InvalidParameter", f"Required parameter '{name}' is missing (null).", target=f"vmExtension.{name}"
            )
    return _write(world, request, vm, path["extension"], body, properties)


def update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PATCH: 200."""
    vm = _running_vm(world, request)
    extension = _find(world, request)
    body = without_nulls(body_of(request))
    current = {k: v for k, v in extension.body["properties"].items() if k != "provisioningState"}
    secret = extension.hidden.get("protectedSettings")
    properties = merge({**current, **({"protectedSettings": secret} if secret else {})}, body.get("properties") or {})
    body.setdefault("location", extension.body["location"])
    body.setdefault("tags", extension.body.get("tags", {}))
    return _write(world, request, vm, path["extension"], body, properties)


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    """202; 204 for what is not there; 409 on a stopped VM."""
    vm = _running_vm(world, request)
    extension = world.get(ids.normal(request.path))
    if extension is None:
        return Response(204)
    vm_agent.take_over(world, vm)
    extension.body["properties"]["provisioningState"] = "Deleting"
    row = "extension delete windows" if vm_agent.is_windows(vm) else "extension delete linux"
    headers = operations.start(
        world,
        request,
        kind="extension delete",
        resource_id=extension.id,
        seconds=durations.draw(world, row, vm.id),
        done="vm_agent.deleted",
        vm_id=vm.id,
        child_id=extension.id,
    )
    return Response(202, None, headers)


# -- parts of the routes


def _running_vm(world: World, request: Request) -> Resource:
    existence.require_parent(world, ids.normal(request.path))
    return vm_agent.running_vm(world, str(ids.parent(ids.normal(request.path))))


def _find(world: World, request: Request) -> Resource:
    existence.find(world, str(ids.parent(ids.normal(request.path))))
    return existence.find(world, request.path)


def _view(extension: Resource, expand: str) -> Body:
    body: Body = clone(extension.body)
    if "instanceview" in expand.lower():
        body["properties"]["instanceView"] = instance_view.extension_view(extension)
    return body


def _write(world: World, request: Request, vm: Resource, name: str, body: Body, properties: Body) -> Response:
    extension_id = ids.normal(request.path)
    known = world.get(extension_id)
    handler = f"{properties['publisher']}.{properties['type']}".lower()
    if vm_agent.is_windows(vm):
        for other in world.under(vm.id, TYPE):
            theirs = f"{other.body['properties']['publisher']}.{other.body['properties']['type']}".lower()
            if theirs == handler and other.body["name"].lower() != name.lower():
                raise ArmError(
                    400, "BadRequest", "Multiple VMExtensions per handler not supported for OS type 'Windows'."
                )
    vm_agent.take_over(world, vm)
    secret = properties.get("protectedSettings")
    shown = {k: v for k, v in properties.items() if k not in ("protectedSettings", "provisioningState", "instanceView")}
    shown.setdefault("autoUpgradeMinorVersion", False)
    unchanged = (
        known is not None
        and known.body["properties"].get("provisioningState") == "Succeeded"
        and {k: v for k, v in known.body["properties"].items() if k != "provisioningState"} == shown
        and known.hidden.get("protectedSettings") == secret
    )
    hidden: Body = {
        "protectedSettings": secret,
        "sequence": known.hidden.get("sequence", 1) if known and unchanged else guests.next_sequence(world),
        "handler_version": f"{properties['typeHandlerVersion']}.0",
        "statuses": known.hidden.get("statuses", []) if known else [],
    }
    stored: Body = {
        "name": name,
        "id": extension_id,
        "type": TYPE,
        "location": str(body.get("location") or vm.body["location"]).replace(" ", "").lower(),
        "properties": {**shown, "provisioningState": "Updating" if known else "Creating"},
    }
    if body.get("tags"):
        stored["tags"] = body["tags"]
    extension = world.put(extension_id, stored, hidden)
    headers = operations.start(
        world,
        request,
        kind="extension put",
        resource_id=extension.id,
        seconds=durations.draw(world, "vm update nothing physical") if unchanged else None,
        done="vm_agent.written",
        vm_id=vm.id,
        child_id=extension.id,
        mark="" if unchanged else guests.mark_of(extension),
    )
    if not unchanged:
        vm_agent.begin_run(world, vm, extension)
    return Response(200 if known else 201, _view(extension, ""), headers)
