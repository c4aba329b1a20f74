"""Managed disks: Microsoft.Compute/disks.

A disk is in one of the states Unattached (no `managedBy`: absent, not null), Attached, Reserved (its VM is deallocated)
or ActiveSAS. The answer to a PUT is minimal and says Updating; `diskState`, `timeCreated` and `uniqueId` come at the
end (recordings compute-disk-crud-2024, compute-vm-deallocate-disk-reserved). What is on an OS disk is kept in
`hidden["content"]` (guests.py) and follows copies.
"""

from __future__ import annotations

import uuid

from emulator import durations, guests, ids, operations, paging
from emulator.authorization import check
from emulator.compute import disk_properties, image_sources
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
from emulator.resources import existence
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Handler, Resource, World

TYPE = "Microsoft.Compute/disks"


def new_disk(
    world: World,
    disk_id: str,
    *,
    location: str,
    creation: Body,
    size_gb: int,
    sku: str = "Premium_LRS",
    os_type: str | None = None,
    generation: str | None = None,
    security_type: str | None = None,
    zones: list[str] | None = None,
    tags: Body | None = None,
    content: Body | None = None,
    unique_id: str | None = None,
) -> Resource:
    """Put a finished disk into the world, Unattached. `content` is what is on an OS disk."""
    body: Body = {
        "name": ids.name(disk_id),
        "id": disk_id,
        "type": TYPE,
        "location": location,
        "tags": tags or {},
        "sku": {"name": sku},
        "properties": {"creationData": creation, "diskSizeGB": size_gb},
    }
    if zones:
        body["zones"] = list(zones)
    properties = body["properties"]
    if os_type:
        properties["osType"] = os_type
        properties["hyperVGeneration"] = generation or "V1"
    if security_type and security_type != "Standard":
        properties["securityProfile"] = {"securityType": security_type}
    disk_properties.complete(world, body, unique_id)
    return world.put(disk_id, body, {"content": content} if content is not None else {})


def attach(world: World, disk: Resource, vm_id: str, *, reserved: bool = False) -> None:
    """The disk belongs to a VM: Attached, or Reserved while the VM is deallocated."""
    disk.body["managedBy"] = vm_id
    disk.body["properties"]["diskState"] = "Reserved" if reserved else "Attached"
    disk.body["properties"]["LastOwnershipUpdateTime"] = disk_properties.now(world)
    disk.hidden.pop("attaching_to", None)
    disk.hidden.pop("detaching", None)


def detach(world: World, disk: Resource) -> None:
    """The disk belongs to nobody. That no swap recording shows it: nearest is the disk list after a VM DELETE."""
    disk.body.pop("managedBy", None)
    disk.body["properties"]["diskState"] = "Unattached"
    disk.body["properties"]["LastOwnershipUpdateTime"] = disk_properties.now(world)
    disk.hidden.pop("attaching_to", None)
    disk.hidden.pop("detaching", None)


def security_type(disk: Resource) -> str:
    """`Standard` where the disk has no security profile."""
    return str((disk.body["properties"].get("securityProfile") or {}).get("securityType") or "Standard")


# -- routes


def create_or_update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PUT: 202 with a minimal body."""
    existence.require_group(world, request.path)
    disk_id = ids.normal(request.path)
    body = without_nulls(body_of(request))
    location = location_of(body)
    known = world.get(disk_id)
    if known is not None:
        return _update(world, request, known, body, patch=False)
    properties = body.get("properties") or {}
    creation = properties.get("creationData") or {}
    option = str(creation.get("createOption") or "")
    if not option:
        raise required("creationData.createOption")
    origin = _origin(world, request, creation, location, properties)
    stored: Body = {
        "name": path["disk"],
        "id": disk_id,
        "type": TYPE,
        "location": location,
        "tags": body.get("tags") or {},
        "sku": {"name": (body.get("sku") or {}).get("name") or "Standard_LRS"},
        "properties": {**properties, "provisioningState": "Updating"},
    }
    if body.get("zones"):
        stored["zones"] = body["zones"]
    answer = clone(stored)
    final = clone(stored)
    for name, value in origin.properties.items():
        final["properties"].setdefault(name, value)
    wanted, least = int(properties.get("diskSizeGB") or origin.size_gb), origin.size_gb
    if not wanted:
        raise required("diskSizeGB")
    if wanted < least:
        raise resized_down(path["disk"])
    final["properties"]["diskSizeGB"] = wanted
    final["properties"]["creationData"] = {**creation, **origin.creation}
    resource = world.put(
        disk_id, stored, {"final": final, "content": origin.content} if origin.content else {"final": final}
    )
    headers = operations.start(
        world,
        request,
        kind="disk put",
        resource_id=resource.id,
        seconds=durations.draw(world, origin.duration, disk_id),
        done="disks.created",
        disk_id=resource.id,
    )
    return Response(202, answer, headers)


def update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PATCH: tags (replaced as a whole), sku, size, network access."""
    return _update(world, request, existence.find(world, request.path), body_of(request), patch=True)


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    return Response(200, clone(existence.find(world, request.path).body))


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    """Of a resource group or of a subscription."""
    existence.require_group(world, request.path)
    scope = request.path.lower().partition("/providers/microsoft.compute")[0]
    # Only the page is copied: a pool has thousands of disks.
    return Response(200, clone(paging.page(request, [disk.body for disk in world.under(scope, TYPE)])))


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    """202; 204 for what is not there; 409 while a VM has it. While it is being attached its state still reads
    Unattached and the DELETE is accepted (issue report)."""
    disk = world.get(ids.normal(request.path))
    if disk is None:
        existence.require_group(world, request.path)
        return Response(204)
    if "managedBy" in disk.body:
        # recording errors-in-use-delete-conflicts
        raise not_allowed(f"Disk {disk.body['name']} is attached to VM {disk.body['managedBy']}.")
    if disk.body["properties"].get("diskState") == "ActiveSAS":
        raise not_allowed(f"There is an active shared access signature outstanding for disk {disk.body['name']}.")
    headers = operations.start(
        world,
        request,
        kind="disk delete",
        resource_id=disk.id,
        seconds=durations.draw(world, "disk delete", disk.id),
        done="disks.deleted",
        disk_id=disk.id,
    )
    return Response(202, None, headers)


def begin_get_access(world: World, request: Request, path: dict[str, str]) -> Response:
    """202; the SAS URI is the operation's output."""
    disk = existence.find(world, request.path.rpartition("/")[0])
    machine_vm = world.get(disk.body.get("managedBy", ""))
    if machine_vm is not None and guests.machine_of(world, machine_vm).power != "deallocated":
        raise ArmError(
            409,
            "Conflict",
            f"Access not permitted because disk {disk.body['name']} is currently attached to running VM "
            f"{disk.body['managedBy']}.",
        )
    headers = operations.start(
        world,
        request,
        kind="disk delete",
        resource_id=disk.id,
        seconds=durations.draw(world, "disk access"),
        done="disks.access_granted",
        disk_id=disk.id,
    )
    return Response(202, None, headers)


def end_get_access(world: World, request: Request, path: dict[str, str]) -> Response:
    disk = existence.find(world, request.path.rpartition("/")[0])
    headers = operations.start(
        world,
        request,
        kind="disk delete",
        resource_id=disk.id,
        seconds=durations.draw(world, "disk access"),
        done="disks.access_ended",
        disk_id=disk.id,
    )
    return Response(202, None, headers)


# -- how a disk begins


def _origin(world: World, request: Request, creation: Body, location: str, properties: Body) -> image_sources.Origin:
    option = str(creation["createOption"]).lower()
    if option == "fromimage":
        reference = creation.get("galleryImageReference") or creation.get("imageReference")
        if not reference:
            raise required("creationData.imageReference")
        source = image_sources.resolve(world, reference, location, ids.subscription(request.path))
        # unverified: that reading the image is a linked check of a disk PUT.
        check.linked(world, request, source.links, performing=("Microsoft.Compute/disks/write", request.path))
        return image_sources.origin_of(source)
    if option in ("copy", "copystart", "restore"):
        source_id = str(creation.get("sourceResourceId") or "")
        found = world.get(source_id)
        if found is None:
            # recording errors-404-variants: the source of a copy is answered by the provider.
            raise ArmError(404, "NotFound", f"Resource {ids.name(source_id) if source_id else ''} is not found.")
        action = f"{ids.resource_type(source_id)}/read"
        check.linked(
            world,
            request,
            [(action, source_id)],
            performing=("Microsoft.Compute/disks/write", request.path),
        )
        return image_sources.copy_of(found)
    if option in ("empty", "upload", "uploadpreparedsecure"):
        return image_sources.Origin("disk empty", int(properties.get("diskSizeGB") or 0), {}, {}, None)
    if option in ("import", "importsecure"):
        content = guests.new_content(image=creation.get("sourceUri"), generalized=False)
        size = int(properties.get("diskSizeGB") or 127)
        return image_sources.Origin("disk import", size, {}, {}, content if properties.get("osType") else None)
    raise invalid(f"The value '{creation['createOption']}' of parameter 'createOption' is invalid.", "createOption")


# -- updates


def _update(world: World, request: Request, disk: Resource, body: Body, *, patch: bool) -> Response:
    body = without_nulls(body)
    properties = body.get("properties") or {}
    current = disk.body["properties"]
    given_location = str(body.get("location") or disk.body["location"]).replace(" ", "").lower()
    if given_location != disk.body["location"]:
        raise change_not_allowed("location")
    creation = properties.get("creationData") or {}
    if creation and str(creation.get("createOption")).lower() != str(current["creationData"]["createOption"]).lower():
        raise change_not_allowed("disk.creationData")
    for name in ("osType", "hyperVGeneration"):
        if name in properties and name in current and properties[name] != current[name]:
            raise change_not_allowed(f"disk.{name}")
    size = int(properties.get("diskSizeGB") or current["diskSizeGB"])
    sku = (body.get("sku") or {}).get("name") or disk.body["sku"]["name"]
    if size < int(current["diskSizeGB"]):
        raise resized_down(disk.body["name"])
    owner = world.get(disk.body.get("managedBy", ""))
    if owner is not None and guests.machine_of(world, owner).power in ("running", "starting"):
        if sku != disk.body["sku"]["name"]:
            raise not_allowed(
                f"Cannot change the SKU of disk {disk.body['name']} while it is attached to running VM {owner.id}."
            )
        if size != int(current["diskSizeGB"]) and "osType" in current:
            # wording: learn.microsoft.com/azure/virtual-machines/windows/expand-os-disk
            raise not_allowed(
                f"Cannot resize disk {disk.body['name']} while it is attached to running VM {owner.id}. Resizing a "
                "disk of an Azure Virtual Machine requires the virtual machine to be deallocated. Please stop your VM "
                "and retry the operation."
            )
    final = clone(disk.body)
    if "tags" in body or not patch:
        final["tags"] = body.get("tags") or {}
    final["sku"] = {"name": sku}
    for name in ("creationData", "provisioningState", "diskState", "uniqueId", "timeCreated"):
        properties.pop(name, None)
    final["properties"] = merge(final["properties"], {**properties, "diskSizeGB": size})
    disk.hidden["final"] = final
    answer = clone(final)
    answer["properties"]["provisioningState"] = "Updating"
    answer["properties"].pop("diskState", None)
    disk.body["properties"]["provisioningState"] = "Updating"
    headers = operations.start(
        world,
        request,
        kind="disk put",
        resource_id=disk.id,
        seconds=durations.draw(world, "disk update", disk.id),
        done="disks.updated",
        disk_id=disk.id,
    )
    return Response(202, answer, headers)


def resized_down(name: str) -> ArmError:
    """Issue report MicrosoftDocs/azure-docs#47704: a GET-modify-PUT of a VM that still carries the old disk's size."""
    return ArmError(
        400,
        "BadRequest",
        f"The disk {name} cannot be resized down. Reducing disk/snapshot size is not supported in Azure to prevent "
        "data loss. If you do need to reduce the size of the disk, please create new snapshot/disks with the "
        "appropriate size. More information is available at https://aka.ms/AzureDisksFAQ.",
        target="osDisk.diskSizeGB",
    )


# -- events


def _created(world: World, *, operation: str, error: Body | None, disk_id: str) -> None:
    disk = world.get(disk_id)
    if disk is None:
        return
    final = disk.hidden.pop("final")
    if error is not None:
        disk.body["properties"]["provisioningState"] = "Failed"
        return
    disk_properties.complete(world, final)
    disk.body = final
    operations.output(world, operation, clone(final))


def _updated(world: World, *, operation: str, error: Body | None, disk_id: str) -> None:
    disk = world.get(disk_id)
    if disk is None:
        return
    final = disk.hidden.pop("final", None)
    if error is not None or final is None:
        disk.body["properties"]["provisioningState"] = "Succeeded" if error is None else "Failed"
        return
    if final["tags"] is not None:
        disk.body["tags"] = final["tags"]
    disk.body["sku"] = final["sku"]
    owned = {name: disk.body["properties"].get(name) for name in ("diskState", "LastOwnershipUpdateTime")}
    disk.body["properties"] = final["properties"] | {name: value for name, value in owned.items() if value}
    disk_properties.complete(world, disk.body)
    operations.output(world, operation, clone(disk.body))


def _deleted(world: World, *, operation: str, error: Body | None, disk_id: str) -> None:
    disk = world.get(disk_id)
    if disk is None or error is not None:
        return
    if "managedBy" in disk.body:  # attached while the deletion was under way
        operations.fail(
            world,
            operation,
            "OperationNotAllowed",
            f"Disk {disk.body['name']} is attached to VM {disk.body['managedBy']}.",
        )
        return
    world.delete(disk_id)


def _access_granted(world: World, *, operation: str, error: Body | None, disk_id: str) -> None:
    disk = world.get(disk_id)
    if disk is None or error is not None:
        return
    if "managedBy" not in disk.body:
        disk.body["properties"]["diskState"] = "ActiveSAS"
    uri = f"https://md-emulated.blob.core.windows.net/{disk.body['properties']['uniqueId']}/abcd?sv=2018-03-28&sr=b"
    operations.output(world, operation, {"accessSAS": uri})


def _access_ended(world: World, *, operation: str, error: Body | None, disk_id: str) -> None:
    disk = world.get(disk_id)
    if disk is not None and error is None and disk.body["properties"].get("diskState") == "ActiveSAS":
        disk.body["properties"]["diskState"] = "Unattached"


def hex_of(guid: str) -> str:
    """The 32 hex digits of a disk's uniqueId, as they end the names of disks that a VM makes."""
    return uuid.UUID(guid).hex


HANDLERS: dict[str, Handler] = {
    "disks.created": _created,
    "disks.updated": _updated,
    "disks.deleted": _deleted,
    "disks.access_granted": _access_granted,
    "disks.access_ended": _access_ended,
}
