"""Microsoft.Compute/virtualMachineScaleSets/extensions: one extension of a set's model by itself. A write of one is a
write of the model, with all that follows from it; the others stay as they are."""

from __future__ import annotations

from dataclasses import replace

from emulator.compute import scale_set_models, scale_sets
from emulator.compute.shapes import body_of, without_nulls
from emulator.resources import existence
from emulator.wire import ArmError, Body, Headers, Request, Response
from emulator.world import Resource, World

TYPE = f"{scale_sets.TYPE}/extensions"


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    scale_set = existence.find(world, request.path.rpartition("/")[0])
    listed = scale_set_models.extensions_of(scale_set.body["properties"])
    return Response(200, {"value": [_view(scale_set, each) for each in listed]})


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    scale_set = existence.find(world, request.path.rsplit("/", 2)[0])
    found = _find(scale_set, path["extension"])
    if found is None:
        raise _missing(request)
    return Response(200, _view(scale_set, found))


def create_or_update(world: World, request: Request, path: dict[str, str]) -> Response:
    """201 for a new one, else 200, with Azure-AsyncOperation (unverified for extensions of a set: as for the set)."""
    scale_set = existence.find(world, request.path.rsplit("/", 2)[0])
    had = _find(scale_set, path["extension"])
    properties = without_nulls(body_of(request)).get("properties") or {}
    new = {"name": had["name"] if had else path["extension"], "properties": properties}
    headers = _write(world, request, scale_set, [*_others(scale_set, path["extension"]), new])
    found = _find(scale_set, path["extension"])
    assert found is not None
    return Response(200 if had else 201, _view(scale_set, found), headers)


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    """202; 204 for what is not there."""
    scale_set = existence.find(world, request.path.rsplit("/", 2)[0])
    if _find(scale_set, path["extension"]) is None:
        return Response(204)
    return Response(202, None, _write(world, request, scale_set, _others(scale_set, path["extension"])))


def _write(world: World, request: Request, scale_set: Resource, extensions: list[Body]) -> Headers:
    """The write of the model that an extension's is; its headers without the etag, which is the set's."""
    properties = {"virtualMachineProfile": {"extensionProfile": {"extensions": extensions}}}
    written = replace(request, body={"properties": properties})
    headers = scale_sets.change(world, written, scale_set, patch=True).headers
    return Headers({name: value for name, value in headers.items() if name != "ETag"})


def _find(scale_set: Resource, name: str) -> Body | None:
    listed = scale_set_models.extensions_of(scale_set.body["properties"])
    return next((each for each in listed if each["name"].lower() == name.lower()), None)


def _others(scale_set: Resource, name: str) -> list[Body]:
    listed = scale_set_models.extensions_of(scale_set.body["properties"])
    return [each for each in listed if each["name"].lower() != name.lower()]


def _view(scale_set: Resource, extension: Body) -> Body:
    name = extension["name"]
    return {
        "name": name,
        "id": f"{scale_set.id}/extensions/{name}",
        "type": TYPE,
        "properties": extension["properties"],
    }


def _missing(request: Request) -> ArmError:
    return ArmError(404, "NotFound", f"The entity was not found in this Azure location. ({request.path})")
