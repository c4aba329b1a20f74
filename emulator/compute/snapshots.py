"""Snapshots: Microsoft.Compute/snapshots. They look like disks on the wire (recording compute-snapshot-lifecycle)."""

from __future__ import annotations

from emulator import durations, ids, operations, paging
from emulator.authorization import check
from emulator.compute import image_sources
from emulator.compute.shapes import (
    body_of,
    change_not_allowed,
    clone,
    invalid,
    location_of,
    merge,
    not_allowed,
    required,
    without_nulls,
)
from emulator.resources import existence, tags
from emulator.wire import ArmError, Body, Headers, Request, Response
from emulator.world import Handler, Resource, World

TYPE = "Microsoft.Compute/snapshots"
_WRITE = "Microsoft.Compute/snapshots/write"


def create_or_update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PUT: 202, what was sent comes back (recording compute-vm-create-attach-os-disk). A copy has the source's content
    of this moment."""
    snapshot_id = ids.normal(request.path)
    existence.require_group(world, snapshot_id)
    body = without_nulls(body_of(request))
    location = location_of(body)
    known = world.get(snapshot_id)
    if known is not None:
        return _update(world, request, known, body)
    properties = body.get("properties") or {}
    creation = properties.get("creationData") or {}
    origin, row = _origin(world, request, snapshot_id, location, creation, properties)
    stored: Body = {
        "name": path["snapshot"],
        "id": snapshot_id,
        "type": TYPE,
        "location": location,
        "tags": tags.validate(body.get("tags")),
        "sku": {"name": (body.get("sku") or {}).get("name") or "Standard_LRS"},
        "properties": {**properties, "provisioningState": "Updating"},
    }
    final = clone(stored)
    final["properties"] = {
        **origin.properties,
        **final["properties"],
        "creationData": {**creation, **origin.creation},
        "incremental": bool(properties.get("incremental", False)),
        "diskSizeGB": int(properties.get("diskSizeGB") or origin.size_gb),
    }
    world.put(snapshot_id, stored, {"final": final, **({"content": origin.content} if origin.content else {})})
    headers = _start(world, request, snapshot_id, "disk put", durations.draw(world, row, snapshot_id), "written")
    return Response(202, clone(stored), headers)


def update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PATCH: tags, sku, access policy."""
    return _update(world, request, existence.find(world, request.path), without_nulls(body_of(request)))


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    existence.require_group(world, request.path)
    return Response(200, clone(existence.find(world, request.path).body))


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    existence.require_group(world, request.path)
    scope = request.path.lower().partition("/providers/microsoft.compute")[0]
    return Response(200, paging.page(request, [clone(s.body) for s in world.under(scope, TYPE)]))


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    snapshot = world.get(ids.normal(request.path))
    if snapshot is None:
        existence.require_group(world, request.path)
        return Response(204)
    if snapshot.body["properties"].get("diskState") == "ActiveSAS":
        raise not_allowed(
            f"There is an active shared access signature outstanding for snapshot {snapshot.body['name']}."
        )
    seconds = durations.draw(world, "snapshot delete", snapshot.id)
    return Response(202, None, _start(world, request, snapshot.id, "disk delete", seconds, "deleted"))


def begin_get_access(world: World, request: Request, path: dict[str, str]) -> Response:
    """202; the SAS URI is the operation's output."""
    snapshot = existence.find(world, request.path.rpartition("/")[0])
    seconds = durations.draw(world, "disk access")
    return Response(202, None, _start(world, request, snapshot.id, "disk delete", seconds, "access_granted"))


def end_get_access(world: World, request: Request, path: dict[str, str]) -> Response:
    snapshot = existence.find(world, request.path.rpartition("/")[0])
    seconds = durations.draw(world, "disk access")
    return Response(202, None, _start(world, request, snapshot.id, "disk delete", seconds, "access_ended"))


def _origin(
    world: World, request: Request, snapshot_id: str, location: str, creation: Body, properties: Body
) -> tuple[image_sources.Origin, str]:
    option = str(creation.get("createOption") or "").lower()
    if not option:
        raise required("creationData.createOption")
    if option in ("copy", "copystart"):
        source_id = str(creation.get("sourceResourceId") or "")
        source = world.get(source_id)
        if source is None:
            # recording errors-404-variants
            name = ids.name(source_id) if source_id else ""
            raise ArmError(404, "NotFound", f"Resource {name} is not found.")
        if source.body["location"] != location and option == "copy":
            raise invalid(f"The source '{source_id}' is not in location '{location}'.", "creationData.sourceResourceId")
        action = f"{ids.resource_type(source_id)}/read"
        check.linked(world, request, [(action, source_id)], performing=(_WRITE, snapshot_id))
        row = "snapshot copy start" if option == "copystart" else "snapshot copy full"
        if properties.get("incremental") and option == "copy":
            row = "snapshot copy incremental"
        return image_sources.copy_of(source), row
    if option == "empty":
        if not properties.get("diskSizeGB"):
            raise required("diskSizeGB")
        return image_sources.Origin("snapshot empty", int(properties["diskSizeGB"]), {}, {}, None), "snapshot empty"
    if option == "import":
        return image_sources.Origin("snapshot import", 127, {}, {}, None), "snapshot import"
    raise invalid(f"The value '{creation['createOption']}' of parameter 'createOption' is invalid.", "createOption")


def _update(world: World, request: Request, snapshot: Resource, body: Body) -> Response:
    wanted, had = body.get("properties") or {}, snapshot.body["properties"]
    creation = wanted.pop("creationData", None) or {}
    source, own = creation.get("sourceResourceId"), had["creationData"].get("sourceResourceId")
    if source and not ids.same(source, own):
        raise change_not_allowed("snapshot.creationData")
    final = clone(snapshot.body)
    if "tags" in body or request.method.upper() == "PUT":
        final["tags"] = tags.validate(body.get("tags"))
    final["sku"] = {"name": (body.get("sku") or {}).get("name") or final["sku"]["name"]}
    for name in ("provisioningState", "diskState", "uniqueId", "timeCreated"):
        wanted.pop(name, None)
    final["properties"] = merge(final["properties"], wanted)
    answer = clone(final)
    answer["properties"]["provisioningState"] = "Updating"
    answer["properties"].pop("diskState", None)
    snapshot.hidden["final"] = final
    snapshot.body["properties"]["provisioningState"] = "Updating"
    seconds = durations.draw(world, "disk update", snapshot.id)
    return Response(202, answer, _start(world, request, snapshot.id, "disk put", seconds, "written"))


def _start(world: World, request: Request, snapshot_id: str, kind: str, seconds: float, done: str) -> Headers:
    return operations.start(
        world,
        request,
        kind=kind,
        resource_id=snapshot_id,
        seconds=seconds,
        done=f"snapshots.{done}",
        snapshot_id=snapshot_id,
    )


def _written(world: World, *, operation: str, error: Body | None, snapshot_id: str) -> None:
    snapshot = world.get(snapshot_id)
    final = snapshot.hidden.pop("final", None) if snapshot else None
    if snapshot is None or final is None:
        return
    if error is not None:
        snapshot.body["properties"]["provisioningState"] = "Failed"
        return
    properties = final["properties"]
    sku = final["sku"]["name"]
    final["sku"] = {"name": sku, "tier": sku.partition("_")[0]}
    properties.setdefault("encryption", {"type": "EncryptionAtRestWithPlatformKey"})
    properties.setdefault("networkAccessPolicy", "AllowAll")
    properties.setdefault("publicNetworkAccess", "Enabled")
    properties.setdefault("timeCreated", world.iso().replace("Z", "+00:00"))
    properties.setdefault("uniqueId", world.guid())
    properties.setdefault("diskState", "Unattached")
    properties["provisioningState"] = "Succeeded"
    properties["diskSizeBytes"] = int(properties["diskSizeGB"]) * 2**30
    if properties["creationData"].get("createOption") == "CopyStart":
        properties["completionPercent"] = 100.0
    world.put(snapshot_id, final)
    operations.output(world, operation, clone(final))


def _deleted(world: World, *, operation: str, error: Body | None, snapshot_id: str) -> None:
    if error is None:
        world.delete(snapshot_id)


def _access_granted(world: World, *, operation: str, error: Body | None, snapshot_id: str) -> None:
    snapshot = world.get(snapshot_id)
    if snapshot is None or error is not None:
        return
    snapshot.body["properties"]["diskState"] = "ActiveSAS"
    unique = snapshot.body["properties"]["uniqueId"]
    uri = f"https://md-emulated.blob.core.windows.net/{unique}/abcd?sv=2018-03-28&sr=b"
    operations.output(world, operation, {"accessSAS": uri})


def _access_ended(world: World, *, operation: str, error: Body | None, snapshot_id: str) -> None:
    snapshot = world.get(snapshot_id)
    if snapshot is not None and error is None:
        snapshot.body["properties"]["diskState"] = "Unattached"


HANDLERS: dict[str, Handler] = {
    "snapshots.written": _written,
    "snapshots.deleted": _deleted,
    "snapshots.access_granted": _access_granted,
    "snapshots.access_ended": _access_ended,
}
