"""Azure compute galleries: Microsoft.Compute/galleries (recording compute-gallery-image-version-lifecycle)."""

from __future__ import annotations

import re

from emulator import durations, ids, operations, paging
from emulator.compute.shapes import body_of, clone, invalid, location_of, merge, required, without_nulls
from emulator.resources import existence, tags
from emulator.wire import ArmError, Body, Headers, Request, Response
from emulator.world import Handler, Resource, World

TYPE = "Microsoft.Compute/galleries"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._]{0,79}(?<![._])")


def create_or_update(world: World, request: Request, path: dict[str, str]) -> Response:
    gallery_id = ids.normal(request.path)
    existence.require_group(world, gallery_id)
    if not _NAME.fullmatch(path["gallery"]):
        raise invalid_name("gallery", _NAME.pattern)
    body = without_nulls(body_of(request))
    known = world.get(gallery_id)
    location = location_of(body)
    if known is not None and known.body["location"] != location:
        raise location_differs(known, location)
    properties = body.get("properties") or {}
    if properties.get("sharingProfile"):
        properties["sharingProfile"] = _sharing(world, gallery_id, properties["sharingProfile"], known)
    identifier = {"uniqueName": f"{ids.subscription(gallery_id)}-{path['gallery'].upper()}"}
    final: Body = {
        "name": path["gallery"],
        "id": known.id if known else gallery_id,
        "type": TYPE,
        "location": location,
        "tags": tags.validate(body.get("tags")),
        "properties": {**properties, "identifier": identifier, "provisioningState": "Succeeded"},
    }
    return write(world, request, final, known, "gallery put", durations.draw(world, "gallery put", gallery_id))


def update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PATCH."""
    known = existence.find(world, request.path)
    body = without_nulls(body_of(request))
    final = merge(known.body, {"properties": body.get("properties") or {}})
    if "tags" in body:
        final["tags"] = tags.validate(body["tags"])
    return write(world, request, final, known, "gallery put", durations.draw(world, "gallery put", known.id))


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    existence.require_group(world, request.path)
    return Response(200, clone(existence.find(world, request.path).body))


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    existence.require_group(world, request.path)
    scope = request.path.lower().partition("/providers/microsoft.compute")[0]
    return Response(200, paging.page(request, [clone(g.body) for g in world.under(scope, TYPE)]))


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    known = world.get(ids.normal(request.path))
    if known is None:
        existence.require_group(world, request.path)
        return Response(204)
    require_no_children(world, known)
    return remove(world, request, known, "gallery delete", durations.draw(world, "gallery delete", known.id))


def share(world: World, request: Request, path: dict[str, str]) -> Response:
    """POST share: Add and Remove groups of subscriptions or tenants, EnableCommunity, Reset to private (spec example
    SharingProfile; that the answer comes at once is unverified)."""
    gallery = existence.find(world, request.path.rpartition("/")[0])
    sharing = gallery.body["properties"].setdefault("sharingProfile", {"permissions": "Private"})
    body = without_nulls(body_of(request))
    wanted, permissions = str(body.get("operationType") or ""), str(sharing.get("permissions"))
    if wanted == "Reset":
        sharing.pop("groups", None)
        sharing.get("communityGalleryInfo", {}).update(communityGalleryEnabled=False)
    elif wanted == "EnableCommunity" and permissions == "Community":
        sharing["communityGalleryInfo"]["communityGalleryEnabled"] = True
    elif wanted in ("Add", "Remove") and permissions == "Groups":
        for group in body.get("groups") or ():
            _change_group(sharing, group, add=wanted == "Add")
    else:
        # unverified wording; that a gallery's permissions are chosen when it is made is documented.
        raise invalid(
            f"The operation '{wanted}' is not allowed for a gallery with permissions '{permissions}'.", "operationType"
        )
    return Response(200, clone(body))


def _change_group(sharing: Body, group: Body, *, add: bool) -> None:
    groups = sharing.setdefault("groups", [])
    known = next((each for each in groups if each["type"] == group.get("type")), None)
    if known is None:
        groups.append(known := {"type": group.get("type"), "ids": []})
    given = {str(each).lower() for each in group.get("ids") or ()}
    kept = [each for each in known["ids"] if str(each).lower() not in given]
    known["ids"] = kept + (list(group.get("ids") or ()) if add else [])


def _sharing(world: World, gallery_id: str, sent: Body, known: Resource | None) -> Body:
    """The sharing profile of a PUT: permissions Private, Groups or Community are chosen once; groups come by `share`. A
    community gallery's public name is its prefix with a GUID (MicrosoftDocs/azure-compute-docs,
    share-gallery-community.md)."""
    had: Body = (known.body["properties"].get("sharingProfile") or {}) if known else {}
    permissions = str(sent.get("permissions") or "Private")
    if had and had.get("permissions") != permissions:
        raise change_not_allowed("gallery.properties.sharingProfile.permissions")
    if permissions != "Community":
        return {"permissions": permissions, **({"groups": had["groups"]} if "groups" in had else {})}
    info: Body = sent.get("communityGalleryInfo") or {}
    for name in ("publicNamePrefix", "publisherUri", "publisherContact", "eula"):
        if not info.get(name):
            raise required(f"gallery.properties.sharingProfile.communityGalleryInfo.{name}")
    before: Body = had.get("communityGalleryInfo") or {}
    names = before.get("publicNames") or [f"{info['publicNamePrefix']}-{world.guid()}"]
    enabled = bool(before.get("communityGalleryEnabled"))
    return {
        "permissions": permissions,
        "communityGalleryInfo": {**info, "publicNames": names, "communityGalleryEnabled": enabled},
    }


# -- what galleries, definitions and versions share


def write(world: World, request: Request, final: Body, known: Resource | None, kind: str, seconds: float) -> Response:
    """Store a gallery or definition and start the operation: 201 Creating or 200 Updating, then Succeeded."""
    answer = clone(final)
    answer["properties"]["provisioningState"] = "Updating" if known else "Creating"
    resource = world.put(final["id"], answer)
    headers: Headers = operations.start(
        world,
        request,
        kind=kind,
        resource_id=resource.id,
        seconds=seconds,
        done="galleries.written",
        gallery_id=resource.id,
    )
    return Response(200 if known else 201, clone(answer), headers)


def remove(world: World, request: Request, known: Resource, kind: str, seconds: float) -> Response:
    known.body["properties"]["provisioningState"] = "Deleting"
    headers = operations.start(
        world,
        request,
        kind=kind,
        resource_id=known.id,
        seconds=seconds,
        done="galleries.deleted",
        gallery_id=known.id,
    )
    return Response(202, None, headers)


def replicated(version: Resource, location: str) -> bool:
    """Whether a gallery version can be used in a region."""
    properties = version.body["properties"]
    if properties.get("provisioningState") not in ("Succeeded", "Updating"):
        return False
    regions = (properties.get("publishingProfile") or {}).get("targetRegions") or []
    names = [str(region["name"]).replace(" ", "").lower() for region in regions]
    status: Body = version.hidden.get("replication", {}).get(location, {})
    return location in names and status.get("state", "Completed") == "Completed"


def require_no_children(world: World, resource: Resource) -> None:
    """Raise 409 CannotDeleteResource while something nested is left (code and text as public reports quote them)."""
    if any(str(child.body.get("type", "")).startswith(TYPE) for child in world.under(resource.id)):
        raise ArmError(
            409,
            "CannotDeleteResource",
            "Can not delete resource before nested resources are deleted.",
            headers=existence.GATEWAY,
        )


def invalid_name(what: str, rule: str) -> ArmError:
    """unverified wording."""
    return ArmError(
        400,
        "InvalidParameter",
        f"The entity name '{what}Name' is invalid according to its validation rule: ^{rule}$.",
        target=f"{what}Name",
    )


def location_differs(known: Resource, location: str) -> ArmError:
    """Wording: learn.microsoft.com/azure/azure-resource-manager/troubleshooting (InvalidResourceLocation)."""
    return ArmError(
        409,
        "InvalidResourceLocation",
        f"The resource '{ids.name(known.id)}' already exists in location '{known.body['location']}' in resource group "
        f"'{ids.resource_group(known.id)}'. A resource with the same name cannot be created in location '{location}'. "
        "Please select a new resource name.",
        headers=existence.GATEWAY,
    )


def change_not_allowed(target: str) -> ArmError:
    return ArmError(409, "PropertyChangeNotAllowed", f"Changing property '{target}' is not allowed.", target=target)


def _written(world: World, *, operation: str, error: Body | None, gallery_id: str) -> None:
    resource = world.get(gallery_id)
    if resource is not None:
        resource.body["properties"]["provisioningState"] = "Failed" if error else "Succeeded"


def _deleted(world: World, *, operation: str, error: Body | None, gallery_id: str) -> None:
    if error is not None:
        _written(world, operation=operation, error=error, gallery_id=gallery_id)
        return
    world.delete(gallery_id)


HANDLERS: dict[str, Handler] = {"galleries.written": _written, "galleries.deleted": _deleted}
