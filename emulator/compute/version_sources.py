"""What an image version is made from: a managed image, a VM, another version, a disk, a snapshot or a blob."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from emulator import guests, ids
from emulator.authorization import check
from emulator.compute import published_galleries
from emulator.compute.shapes import clone, invalid, not_allowed, required
from emulator.resources import existence
from emulator.wire import ArmError, Body, Request
from emulator.world import Resource, World

IMAGE = "microsoft.compute/images"
VERSION = "microsoft.compute/galleries/images/versions"
VM = "microsoft.compute/virtualmachines"
_WRITE = "Microsoft.Compute/galleries/images/versions/write"


@dataclass(frozen=True, slots=True)
class VersionSource:
    """`profile` is the storageProfile of the finished version, `early_profile` that of the first answer; `content` is
    what a disk made from the version begins with; `duration` names the row of the table."""

    profile: Body
    early_profile: Body
    content: Body
    duration: str


@dataclass(frozen=True, slots=True)
class _Found:
    """Parts of a source: size of the OS disk in GB, data disks {lun, sizeInGB}, generation, whether generalized."""

    size_gb: int
    data_disks: list[Body]
    generation: str
    os_type: str
    generalized: bool | None
    """None for a disk, which does not say."""
    content: Body
    duration: str


def find(world: World, request: Request, definition: Resource, location: str, sent: Body) -> VersionSource:
    """The source named in a storageProfile, held against the image definition.

    Raises 404 NotFound for a source that is missing, 400 InvalidParameter for one that does not fit, 403
    LinkedAuthorizationFailed for one that the caller may not read (which permission Azure asks for is unverified).
    """
    given = sent.get("source") or {}
    disk_source = (sent.get("osDiskImage") or {}).get("source") or {}
    source_id = str(given.get("id") or given.get("virtualMachineId") or disk_source.get("id") or "")
    if not source_id:
        if given.get("communityGalleryImageId"):
            return _from_community(world, request, definition, location, sent)
        if disk_source.get("uri"):
            content = guests.new_content(image=None, generalized=_generalized(definition))
            found = _Found(127, [], _generation(definition), _os(definition), None, content, "image version from disk")
            return _result(clone(sent), found)
        raise required("galleryImageVersion.properties.storageProfile.source")
    resource = world.get(source_id)
    if resource is None:
        raise ArmError(
            404,
            "NotFound",
            f"The source resource '{source_id}' of the image version was not found.",  # unverified wording
            target="galleryImageVersion.properties.storageProfile.source.id",
        )
    action = f"{ids.resource_type(source_id)}/read"
    check.linked(world, request, [(action, source_id)], performing=(_WRITE, ids.normal(request.path)))
    if resource.body["location"] != location:
        raise _does_not_fit(f"location '{resource.body['location']}'", f"location '{location}'", source_id)
    found = _read(world, resource)
    if found.generation != _generation(definition):
        raise _does_not_fit(
            f"hyperVGeneration '{found.generation}'", f"hyperVGeneration '{_generation(definition)}'", source_id
        )
    if found.os_type != _os(definition):
        raise _does_not_fit(f"osType '{found.os_type}'", f"osType '{_os(definition)}'", source_id)
    if found.generalized is not None and found.generalized != _generalized(definition):
        if ids.resource_type(source_id).lower() == VM and not found.generalized:
            # unverified wording; that the VM must be generalized is documented.
            raise not_allowed(
                f"The virtual machine '{source_id}' must be generalized to be the source of a version of image "
                f"definition '{definition.body['name']}' with osState 'Generalized'."
            )
        state = "Generalized" if found.generalized else "Specialized"
        raise _does_not_fit(f"osState '{state}'", f"osState '{definition.body['properties']['osState']}'", source_id)
    return _result(clone({"source": given} if given else sent), found)


def _from_community(world: World, request: Request, definition: Resource, location: str, sent: Body) -> VersionSource:
    """A version of a community gallery, for which nobody needs a right. That it must be in the region is unverified."""
    community_id = str(sent["source"]["communityGalleryImageId"])
    version = published_galleries.find_version(world, community_id, str(ids.subscription(request.path)), location)
    if version is None:
        raise ArmError(
            404,
            "NotFound",
            f"The source resource '{community_id}' of the image version was not found.",  # unverified wording
            target="galleryImageVersion.properties.storageProfile.source.communityGalleryImageId",
        )
    found = _read(world, version)
    for what, has, wants in (
        ("hyperVGeneration", found.generation, _generation(definition)),
        ("osType", found.os_type, _os(definition)),
    ):
        if has != wants:
            raise _does_not_fit(f"{what} '{has}'", f"{what} '{wants}'", community_id)
    return _result(clone(sent), found)


def _read(world: World, resource: Resource) -> _Found:
    kind = ids.resource_type(resource.id).lower()
    properties = resource.body["properties"]
    if kind == IMAGE:
        existence.find(world, resource.id)
        storage = properties["storageProfile"]
        disk = storage["osDisk"]
        return _Found(
            int(disk.get("diskSizeGB") or 127),
            [{"lun": d["lun"], "sizeInGB": int(d.get("diskSizeGB") or 0)} for d in storage.get("dataDisks") or []],
            properties.get("hyperVGeneration") or "V1",
            disk["osType"],
            disk.get("osState") == "Generalized",
            _content(resource),
            "image version from image",
        )
    if kind == VERSION:
        definition = world.get(ids.parent(resource.id) or "")
        defined: Body = definition.body["properties"] if definition else {}
        storage = properties["storageProfile"]
        return _Found(
            int((storage.get("osDiskImage") or {}).get("sizeInGB") or 127),
            [{"lun": d["lun"], "sizeInGB": d.get("sizeInGB", 0)} for d in storage.get("dataDiskImages") or []],
            defined.get("hyperVGeneration", "V1"),
            defined.get("osType", "Windows"),
            defined.get("osState") == "Generalized",
            _content(resource),
            "image version from version",
        )
    if kind == VM:
        storage = properties["storageProfile"]
        return _Found(
            _size(world, storage["osDisk"]["managedDisk"]["id"]),
            [
                {"lun": d["lun"], "sizeInGB": _size(world, d["managedDisk"]["id"])}
                for d in storage.get("dataDisks") or []
            ],
            str(resource.hidden.get("generation", "V1")),
            storage["osDisk"]["osType"],
            bool(resource.hidden.get("generalized")),
            copy.deepcopy(guests.content_of(world, resource.id)),
            "image version from vm",
        )
    if kind in ("microsoft.compute/disks", "microsoft.compute/snapshots"):
        return _Found(
            int(properties["diskSizeGB"]),
            [],
            properties.get("hyperVGeneration") or "V1",
            properties.get("osType") or "Windows",
            None,
            _content(resource),
            "image version from disk",
        )
    raise invalid(
        f"The resource '{resource.id}' can not be the source of an image version.",
        "galleryImageVersion.properties.storageProfile.source.id",
    )


def _result(named: Body, found: _Found) -> VersionSource:
    finished: Body = {
        **named,
        "osDiskImage": {"sizeInGB": found.size_gb, "hostCaching": "ReadWrite", "source": {}},
    }
    own = (named.get("osDiskImage") or {}).get("source")
    if own:
        finished["osDiskImage"]["source"] = own
    if found.data_disks:
        finished["dataDiskImages"] = [{**disk, "hostCaching": "None"} for disk in found.data_disks]
    return VersionSource(finished, clone(named), found.content, found.duration)


def _content(resource: Resource) -> Body:
    return copy.deepcopy(resource.hidden.get("content") or guests.new_content(image=None, generalized=False))


def _size(world: World, disk_id: str) -> int:
    disk = world.get(disk_id)
    return int(disk.body["properties"]["diskSizeGB"]) if disk else 127


def _generation(definition: Resource) -> str:
    return str(definition.body["properties"].get("hyperVGeneration", "V1"))


def _os(definition: Resource) -> str:
    return str(definition.body["properties"]["osType"])


def _generalized(definition: Resource) -> bool:
    return bool(definition.body["properties"]["osState"] == "Generalized")


def _does_not_fit(has: str, wants: str, source_id: str) -> ArmError:
    """unverified wording: that the source must fit the definition is documented."""
    return invalid(
        f"The source '{source_id}' has {has}, the image version needs {wants}.",
        "galleryImageVersion.properties.storageProfile.source.id",
    )
