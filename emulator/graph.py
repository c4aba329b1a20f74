"""A very small Microsoft Graph: the devices of the directory, so that a rebuilt host can join Entra under its old name.

`GET /graph/v1.0/devices` (with `$filter=displayName eq '..'` or `deviceId eq '..'`), `GET` and `DELETE
/graph/v1.0/devices/{id}`. Needs the application permission Device.ReadWrite.All (reads: Device.Read.All too). A deleted
device stays visible for a while (FederalAVD's DeviceCleanup module: at least half a minute).
"""

from __future__ import annotations

import re

from emulator import computers
from emulator.durations import draw
from emulator.identity import PRINCIPALS
from emulator.routing import Route
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Handler, World

_FILTER = re.compile(r"\s*(displayName|deviceId|id)\s+eq\s+'((?:[^']|'')*)'\s*", re.IGNORECASE)
WRITE, READ = "Device.ReadWrite.All", "Device.Read.All"


def list_devices(world: World, request: Request, path: dict[str, str]) -> Response:
    _require(world, request, READ, WRITE)
    found = [_shown(device) for device in computers.devices(world)]
    text = request.query.get("$filter")
    if text:
        match = _FILTER.fullmatch(text)
        if match is None:
            raise ArmError(400, "Request_UnsupportedQuery", f"Unsupported or invalid query filter clause: {text}")
        name, value = match[1].lower(), match[2].replace("''", "'").lower()
        found = [each for each in found if {k.lower(): v for k, v in each.items()}[name].lower() == value]
    context = f"{request.base_url}/graph/v1.0/$metadata#devices"
    return Response(200, {"@odata.context": context, "value": found})


def get_device(world: World, request: Request, path: dict[str, str]) -> Response:
    _require(world, request, READ, WRITE)
    return Response(200, _shown(_find(world, path["device"])))


def delete_device(world: World, request: Request, path: dict[str, str]) -> Response:
    """204 at once; gone for readers and for a join only later."""
    _require(world, request, WRITE)
    device = _find(world, path["device"])
    world.schedule(draw(world, "entra device delete"), "graph.device_deleted", device=device["id"])
    return Response(204)


def device_deleted(world: World, device: str) -> None:
    """Event: the deletion has reached every replica."""
    computers.delete_device(world, device)


def _find(world: World, object_id: str) -> Body:
    device = computers.directory(world).devices.get(object_id.lower())
    if device is None:
        raise ArmError(
            404,
            "Request_ResourceNotFound",
            f"Resource '{object_id}' does not exist or one of its queried reference-property objects are not present.",
        )
    return device


def _shown(device: Body) -> Body:
    return {
        "id": device["id"],
        "deviceId": device["deviceId"],
        "displayName": device["displayName"],
        "createdDateTime": device["createdDateTime"],
        "accountEnabled": True,
        "operatingSystem": "Windows",
        "trustType": "AzureAd",
    }


def _require(world: World, request: Request, *roles: str) -> None:
    principal = world.sections.get(PRINCIPALS, {}).get(request.principal.client_id if request.principal else "", {})
    if not set(roles) & set(principal.get("graph_roles", [])):
        raise ArmError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


ROUTES: list[Route] = [
    Route("GET", "/graph/v1.0/devices", list_devices, None),
    Route("GET", "/graph/v1.0/devices/{device}", get_device, None),
    Route("DELETE", "/graph/v1.0/devices/{device}", delete_device, None),
]
HANDLERS: dict[str, Handler] = {"graph.device_deleted": device_deleted}
