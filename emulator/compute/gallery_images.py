"""Image definitions: Microsoft.Compute/galleries/images. What makes images of one kind interchangeable can not change
once the definition is there: OS, generation, identifier, security type."""

from __future__ import annotations

import re

from emulator import durations, ids, paging
from emulator.compute import galleries
from emulator.compute.shapes import body_of, clone, invalid, location_of, merge, required, without_nulls
from emulator.resources import existence, tags
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Resource, World

TYPE = "Microsoft.Compute/galleries/images"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,79}(?<![.-])")
_SECURITY = (
    "Standard",
    "TrustedLaunch",
    "TrustedLaunchSupported",
    "ConfidentialVM",
    "ConfidentialVmSupported",
    "TrustedLaunchAndConfidentialVmSupported",
)


def create_or_update(world: World, request: Request, path: dict[str, str]) -> Response:
    image_id = ids.normal(request.path)
    existence.require_group(world, image_id)
    gallery = existence.require_parent(world, image_id)
    if not _NAME.fullmatch(path["image"]):
        raise galleries.invalid_name("galleryImage", _NAME.pattern)
    body = without_nulls(body_of(request))
    location, known = location_of(body), world.get(image_id)
    if location != gallery.body["location"]:
        # unverified wording
        raise invalid(
            f"The location '{location}' of the image definition must be that of its gallery, "
            f"'{gallery.body['location']}'.",
            "location",
        )
    properties = _validated(body.get("properties") or {})
    if known is not None:
        _require_same(known, properties)
    _require_own_identifier(world, gallery, image_id, properties["identifier"])
    final: Body = {
        "name": path["image"],
        "id": known.id if known else image_id,
        "type": TYPE,
        "location": location,
        "tags": tags.validate(body.get("tags")),
        "properties": {**properties, "provisioningState": "Succeeded"},
    }
    seconds = durations.draw(world, "image definition put", image_id)
    return galleries.write(world, request, final, known, "gallery put", seconds)


def update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PATCH."""
    known = existence.find(world, request.path)
    body = without_nulls(body_of(request))
    final = merge(known.body, {"properties": body.get("properties") or {}})
    _require_same(known, final["properties"])
    if "tags" in body:
        final["tags"] = tags.validate(body["tags"])
    seconds = durations.draw(world, "image definition put", known.id)
    return galleries.write(world, request, final, known, "gallery put", seconds)


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    existence.require_group(world, request.path)
    return Response(200, clone(existence.find(world, request.path).body))


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    gallery = existence.find(world, ids.normal(request.path).rpartition("/")[0])
    return Response(200, paging.page(request, [clone(i.body) for i in world.under(gallery.id, TYPE)]))


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    known = world.get(ids.normal(request.path))
    if known is None:
        existence.require_group(world, request.path)
        return Response(204)
    galleries.require_no_children(world, known)
    seconds = durations.draw(world, "image definition delete", known.id)
    return galleries.remove(world, request, known, "gallery delete", seconds)


def _validated(properties: Body) -> Body:
    for name in ("osType", "osState", "identifier"):
        if not properties.get(name):
            raise required(f"galleryImage.properties.{name}")
    for name in ("publisher", "offer", "sku"):
        if not properties["identifier"].get(name):
            raise required(f"galleryImage.properties.identifier.{name}")
    for name, allowed in (
        ("osType", ("Windows", "Linux")),
        ("osState", ("Generalized", "Specialized")),
        ("hyperVGeneration", ("V1", "V2")),
        ("architecture", ("x64", "Arm64")),
    ):
        if properties.get(name) is not None and properties[name] not in allowed:
            raise invalid(
                f"The value '{properties[name]}' of parameter 'galleryImage.properties.{name}' is invalid. Allowed "
                f"values are '{', '.join(allowed)}'.",
                f"galleryImage.properties.{name}",
            )
    security = _security(properties)
    if security not in _SECURITY:
        raise invalid(
            f"The value '{security}' of feature 'SecurityType' is invalid.", "galleryImage.properties.features"
        )
    if security != "Standard" and properties.get("hyperVGeneration", "V1") != "V2":
        # learn.microsoft.com/azure/virtual-machines/trusted-launch: generation 2 only; wording unverified.
        raise invalid(
            f"Feature 'SecurityType' with value '{security}' needs hyperVGeneration 'V2'.",
            "galleryImage.properties.features",
        )
    known = {name: value for name, value in properties.items() if name != "provisioningState" and value != {}}
    return {
        "hyperVGeneration": "V1",
        "architecture": "x64",
        **known,
    }


def _security(properties: Body) -> str:
    return next((str(f["value"]) for f in properties.get("features") or [] if f["name"] == "SecurityType"), "Standard")


def _require_same(known: Resource, properties: Body) -> None:
    had = known.body["properties"]
    for name in ("identifier", "osType", "osState", "hyperVGeneration", "architecture"):
        if properties.get(name) != had.get(name):
            raise galleries.change_not_allowed(f"galleryImage.properties.{name}")
    if _security(properties) != _security(had):
        raise galleries.change_not_allowed("galleryImage.properties.features")


def _require_own_identifier(world: World, gallery: Resource, image_id: str, identifier: Body) -> None:
    """Publisher, offer and SKU name one definition of a gallery only (documented; wording unverified)."""
    for other in world.under(gallery.id, TYPE):
        if not ids.same(other.id, image_id) and other.body["properties"]["identifier"] == identifier:
            raise ArmError(
                409,
                "Conflict",
                f"The image definition '{other.body['name']}' of gallery '{gallery.body['name']}' has the same "
                "publisher, offer and sku.",
                target="galleryImage.properties.identifier",
            )
