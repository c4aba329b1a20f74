"""Galleries as those see them whom they are shared with: read-only, by region, without the owner's ids.

`Microsoft.Compute/locations/{l}/sharedGalleries/{uniqueName}` shows a gallery that is shared with the caller's
subscription or tenant (permissions Groups), `communityGalleries/{publicName}` one that is shared with everybody. The
gallery itself lies in its owner's subscription. Shapes: recording compute-disk-from-community-and-shared-gallery, and
the examples of the REST specification (GalleryRP 2022-01-03). The words of the errors are unverified.
"""

from __future__ import annotations

from collections.abc import Iterator

from emulator import ids, paging
from emulator.compute import galleries
from emulator.compute.shapes import clone
from emulator.resources import subscriptions
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Resource, World

DEFINITION = f"{galleries.TYPE}/images"
VERSION = f"{DEFINITION}/versions"
DISCLAIMER = "https://aka.ms/community-gallery-disclaimer"
_SHARED_NAMES = ("osType", "osState", "hyperVGeneration", "architecture", "features", "purchasePlan", "endOfLifeDate")
_COMMUNITY_NAMES = (*_SHARED_NAMES, "privacyStatementUri", "eula")


def parts(published_id: str) -> tuple[bool, str, str, str]:
    """Whether it is a community gallery's, then gallery, image and version ("" where there is none) of an id such as
    `/SharedGalleries/<name>/Images/<image>/Versions/<version>`. Raises 400 InvalidParameter."""
    segments = [segment for segment in published_id.split("/") if segment]
    kinds = [segment.lower() for segment in segments[::2]]
    if kinds[:2] not in (["sharedgalleries", "images"], ["communitygalleries", "images"]) or len(segments) not in (
        4,
        6,
    ):
        raise ArmError(
            400, "InvalidParameter", f"The image reference '{published_id}' is invalid.", target="imageReference"
        )
    named = [*segments[1::2], ""]
    return kinds[0] == "communitygalleries", named[0], named[1], named[2]


def find_version(world: World, published_id: str, subscription: str, location: str) -> Resource | None:
    """The version behind an id, the newest for one without a version (or `latest`); None where the subscription sees
    none in the region."""
    community, gallery_name, image, version = parts(published_id)
    gallery = _gallery(world, gallery_name, subscription, community=community)
    definition = world.get(f"{gallery.id}/images/{image}") if gallery is not None else None
    if definition is None:
        return None
    there = list(_versions(world, definition, location))
    if not version or version.lower() == "latest":
        offered = [each for each in there if not _profile(each).get("excludeFromLatest")]
        return max(offered, key=lambda each: tuple(map(int, each.body["name"].split("."))), default=None)
    return next((each for each in there if each.body["name"] == version), None)


def published_id(gallery: Resource, version: Resource, *, community: bool) -> str:
    """How disks and answers name a version, with Azure's capitals."""
    image = ids.name(str(ids.parent(version.id)))
    return f"{_id(gallery, community)}/Images/{image}/Versions/{version.body['name']}"


def gallery_of(world: World, version: Resource) -> Resource:
    found = world.get(version.id.rsplit("/images/", 1)[0])
    assert found is not None
    return found


# -- routes


def list_galleries(world: World, request: Request, path: dict[str, str]) -> Response:
    """Those shared with the subscription; with `sharedTo=tenant`, those shared with the tenant."""
    found = [
        gallery
        for gallery in _galleries(world)
        if _shared_with(world, gallery, path["subscription"], tenant=_to_tenant(request))
    ]
    return Response(200, paging.page(request, [_gallery_body(each, path, community=False) for each in found]))


def get_gallery(world: World, request: Request, path: dict[str, str]) -> Response:
    gallery = _require_gallery(world, request, path)
    return Response(200, _gallery_body(gallery, path, community=_is_community(request)))


def list_images(world: World, request: Request, path: dict[str, str]) -> Response:
    gallery = _require_gallery(world, request, path, listed=True)
    found = [image for image in world.under(gallery.id, DEFINITION) if _in_region(world, image, path["location"])]
    return Response(200, paging.page(request, [_image_body(gallery, each, request, path) for each in found]))


def get_image(world: World, request: Request, path: dict[str, str]) -> Response:
    gallery = _require_gallery(world, request, path)
    return Response(200, _image_body(gallery, _require_image(world, gallery, request, path), request, path))


def list_versions(world: World, request: Request, path: dict[str, str]) -> Response:
    """Of a community image only the latest one (MicrosoftDocs/azure-compute-docs, share-gallery-community.md)."""
    gallery = _require_gallery(world, request, path, listed=True)
    image = _require_image(world, gallery, request, path)
    found = list(_versions(world, image, _region(path)))
    if _is_community(request):
        latest = find_version(
            world, f"{_id(gallery, True)}/Images/{image.body['name']}", path["subscription"], _region(path)
        )
        found = [latest] if latest is not None else []
    return Response(200, paging.page(request, [_version_body(gallery, each, request, path) for each in found]))


def get_version(world: World, request: Request, path: dict[str, str]) -> Response:
    gallery = _require_gallery(world, request, path)
    image = _require_image(world, gallery, request, path)
    for version in _versions(world, image, _region(path)):
        if version.body["name"] == path["version"]:
            return Response(200, _version_body(gallery, version, request, path))
    raise _missing(request)


# -- who sees what


def _galleries(world: World) -> Iterator[Resource]:
    return world.under("/subscriptions", galleries.TYPE)


def _gallery(world: World, name: str, subscription: str, *, community: bool) -> Resource | None:
    for gallery in _galleries(world):
        sharing = gallery.body["properties"].get("sharingProfile") or {}
        if community:
            info = sharing.get("communityGalleryInfo") or {}
            if info.get("communityGalleryEnabled") and name.lower() in map(str.lower, info.get("publicNames") or ()):
                return gallery
        elif _unique_name(gallery).lower() == name.lower() and (
            _shared_with(world, gallery, subscription, tenant=False)
            or _shared_with(world, gallery, subscription, tenant=True)
        ):
            return gallery
    return None


def _shared_with(world: World, gallery: Resource, subscription: str, *, tenant: bool) -> bool:
    sharing = gallery.body["properties"].get("sharingProfile") or {}
    if str(sharing.get("permissions")).lower() != "groups":
        return False
    kind, wanted = ("aadtenants", subscriptions.tenant_of(world)) if tenant else ("subscriptions", subscription)
    return any(
        str(group.get("type")).lower() == kind and wanted.lower() in (str(each).lower() for each in group["ids"])
        for group in sharing.get("groups") or ()
    )


def _versions(world: World, definition: Resource, location: str) -> Iterator[Resource]:
    """Those that are replicated to the region."""
    return (each for each in world.under(definition.id, VERSION) if galleries.replicated(each, location))


def _in_region(world: World, definition: Resource, location: str) -> bool:
    return any(_versions(world, definition, subscriptions.normal_location(location)))


def _require_gallery(world: World, request: Request, path: dict[str, str], *, listed: bool = False) -> Resource:
    community = _is_community(request)
    gallery = _gallery(world, path["gallery"], path["subscription"], community=community)
    if gallery is None:
        raise _missing(request)
    if listed and not community and not _shared_with(world, gallery, path["subscription"], tenant=_to_tenant(request)):
        raise _missing(request)
    return gallery


def _require_image(world: World, gallery: Resource, request: Request, path: dict[str, str]) -> Resource:
    image = world.get(f"{gallery.id}/images/{path['image']}")
    if image is None or not _in_region(world, image, path["location"]):
        raise _missing(request)
    return image


def _missing(request: Request) -> ArmError:
    """One answer for what does not exist, is not shared with the caller, or not replicated to the region: unverified
    that Azure does not tell them apart."""
    what = request.path.split("/locations/", 1)[-1].split("/", 1)[-1]
    return ArmError(404, "ResourceNotFound", f"The resource '{what}' was not found.")


# -- bodies


def _gallery_body(gallery: Resource, path: dict[str, str], *, community: bool) -> Body:
    body: Body = {
        "location": _region(path),
        "name": _name(gallery, community),
        "identifier": {"uniqueId": _id(gallery, community)},
    }
    if community:
        info = gallery.body["properties"]["sharingProfile"]["communityGalleryInfo"]
        shown = ("publisherUri", "publisherContact", "eula", "publicNames", "privacyStatementUri")
        body["properties"] = {
            "disclaimer": DISCLAIMER,
            "artifactTags": {},
            "communityMetadata": {name: clone(info[name]) for name in shown if name in info},
        }
    return body


def _image_body(gallery: Resource, image: Resource, request: Request, path: dict[str, str]) -> Body:
    community, given = _is_community(request), image.body["properties"]
    shown = {name: clone(given[name]) for name in (_COMMUNITY_NAMES if community else _SHARED_NAMES) if name in given}
    return {
        "properties": {
            **shown,
            "identifier": clone(given["identifier"]),
            **({"disclaimer": DISCLAIMER} if community else {}),
            "artifactTags": {},
        },
        "location": _region(path),
        "name": image.body["name"],
        "identifier": {"uniqueId": f"{_id(gallery, community)}/Images/{image.body['name']}"},
    }


def _version_body(gallery: Resource, version: Resource, request: Request, path: dict[str, str]) -> Body:
    community, profile = _is_community(request), _profile(version)
    storage = version.body["properties"].get("storageProfile") or {}
    os_disk = storage.get("osDiskImage") or {}
    properties: Body = {
        **({"disclaimer": DISCLAIMER} if community else {}),
        "publishedDate": profile.get("publishedDate"),
        **({"endOfLifeDate": profile["endOfLifeDate"]} if profile.get("endOfLifeDate") else {}),
        "excludeFromLatest": bool(profile.get("excludeFromLatest")),
        "storageProfile": {
            "osDiskImage": {"diskSizeGB": os_disk.get("sizeInGB", 127), "hostCaching": "ReadWrite"},
            "dataDiskImages": [
                {"lun": disk["lun"], "diskSizeGB": disk.get("sizeInGB", 0), "hostCaching": "None"}
                for disk in storage.get("dataDiskImages") or ()
            ],
        },
    }
    return {
        "properties": properties,
        "location": _region(path),
        "name": version.body["name"],
        "identifier": {"uniqueId": published_id(gallery, version, community=community)},
    }


def _profile(version: Resource) -> Body:
    found: Body = version.body["properties"].get("publishingProfile") or {}
    return found


def _unique_name(gallery: Resource) -> str:
    return str(gallery.body["properties"]["identifier"]["uniqueName"])


def _name(gallery: Resource, community: bool) -> str:
    if not community:
        return _unique_name(gallery)
    return str(gallery.body["properties"]["sharingProfile"]["communityGalleryInfo"]["publicNames"][0])


def _id(gallery: Resource, community: bool) -> str:
    return f"/{'CommunityGalleries' if community else 'SharedGalleries'}/{_name(gallery, community)}"


def _is_community(request: Request) -> bool:
    return "/communitygalleries/" in request.path.lower()


def _to_tenant(request: Request) -> bool:
    return request.query.get("sharedto", "").lower() == "tenant"


def _region(path: dict[str, str]) -> str:
    return subscriptions.normal_location(path["location"])
