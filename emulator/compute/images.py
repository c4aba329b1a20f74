"""Managed images: Microsoft.Compute/images, from a generalized VM or from an OS disk, snapshot or blob.

PUT is 201 with Azure-AsyncOperation only; sizes appear at the end (recordings compute-image-from-managed-vm and
compute-vm-generalized-instance-view). What is on the OS disk is copied when the image is made: `hidden["content"]`.
"""

from __future__ import annotations

import copy

from emulator import durations, guests, ids, operations, paging
from emulator.authorization import check
from emulator.compute.shapes import (
    body_of,
    change_not_allowed,
    clone,
    invalid,
    location_of,
    not_allowed,
    required,
    without_nulls,
)
from emulator.resources import existence, tags
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Handler, Resource, World

TYPE = "Microsoft.Compute/images"
_WRITE = "Microsoft.Compute/images/write"


def add(
    world: World,
    image_id: str,
    *,
    location: str,
    os_type: str = "Windows",
    generation: str = "V2",
    size_gb: int = 127,
    security_types: tuple[str, ...] = (),
    image_tags: dict[str, str] | None = None,
) -> Resource:
    """Put a finished, generalized image into the world, as a scenario does."""
    body: Body = {
        "name": ids.name(image_id),
        "id": image_id,
        "type": TYPE,
        "location": location,
        "tags": image_tags or {},
        "properties": {
            "storageProfile": {
                "osDisk": {
                    "osType": os_type,
                    "osState": "Generalized",
                    "diskSizeGB": size_gb,
                    "blobUri": f"https://images.blob.core.windows.net/vhds/{ids.name(image_id)}.vhd",
                    "caching": "ReadWrite",
                    "storageAccountType": "Premium_LRS",
                },
                "dataDisks": [],
                "zoneResilient": False,
            },
            "provisioningState": "Succeeded",
            "hyperVGeneration": generation,
        },
    }
    content = guests.new_content(image=image_id, generalized=True)
    return world.put(image_id, body, {"content": content, "security_types": list(security_types)})


def create_or_update(world: World, request: Request, path: dict[str, str]) -> Response:
    image_id = ids.normal(request.path)
    existence.require_group(world, image_id)
    body = without_nulls(body_of(request))
    location, properties = location_of(body), body.get("properties") or {}
    known = world.get(image_id)
    if known is not None:
        return _update(world, request, known, body)
    vm_id = str((properties.get("sourceVirtualMachine") or {}).get("id") or "")
    if vm_id:
        # unverified: which permission on the VM creating an image needs.
        check.linked(world, request, [("Microsoft.Compute/virtualMachines/read", vm_id)], performing=(_WRITE, image_id))
        storage, generation, hidden = _captured(world, vm_id, location, properties)
        row = "image from vm"
    else:
        storage, generation, hidden = _assembled(world, request, image_id, properties)
        row = "image from disk"
    final: Body = {
        "name": path["image"],
        "id": image_id,
        "type": TYPE,
        "location": location,
        "tags": tags.validate(body.get("tags")),
        "properties": {
            **({"sourceVirtualMachine": {"id": vm_id}} if vm_id else {}),
            "storageProfile": storage,
            "provisioningState": "Creating",
            "hyperVGeneration": generation,
        },
    }
    stored = clone(final)
    if vm_id:
        early = stored["properties"]["storageProfile"]
        for disk in [early["osDisk"], *early["dataDisks"]]:
            disk.pop("diskSizeGB", None)
    resource = world.put(image_id, stored, {**hidden, "final": final})
    headers = operations.start(
        world,
        request,
        kind="image put",
        resource_id=image_id,
        seconds=durations.draw(world, row, image_id),
        done="images.written",
        image_id=image_id,
    )
    return Response(201, clone(resource.body), headers)


def update_tags(world: World, request: Request, path: dict[str, str]) -> Response:
    """PATCH: tags."""
    return _update(world, request, existence.find(world, request.path), without_nulls(body_of(request)))


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    existence.require_group(world, request.path)
    return Response(200, clone(existence.find(world, request.path).body))


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    existence.require_group(world, request.path)
    scope = request.path.lower().partition("/providers/microsoft.compute")[0]
    return Response(200, paging.page(request, [clone(image.body) for image in world.under(scope, TYPE)]))


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    image = world.get(ids.normal(request.path))
    if image is None:
        existence.require_group(world, request.path)
        return Response(204)
    image.body["properties"]["provisioningState"] = "Deleting"
    headers = operations.start(
        world,
        request,
        kind="image delete",
        resource_id=image.id,
        seconds=durations.draw(world, "image delete", image.id),
        done="images.deleted",
        image_id=image.id,
    )
    return Response(202, None, headers)


def _update(world: World, request: Request, image: Resource, body: Body) -> Response:
    """Only tags can change."""
    wanted, had = body.get("properties") or {}, image.body["properties"]
    given, own = ((p.get("sourceVirtualMachine") or {}).get("id") for p in (wanted, had))
    if given and not ids.same(given, own):
        raise change_not_allowed("sourceVirtualMachine.id")
    if wanted.get("hyperVGeneration", had["hyperVGeneration"]) != had["hyperVGeneration"]:
        raise change_not_allowed("hyperVGeneration")
    final = clone(image.body)
    if "tags" in body or request.method.upper() == "PUT":
        final["tags"] = tags.validate(body.get("tags"))
    answer = clone(final)
    answer["properties"]["provisioningState"] = "Updating"
    world.put(image.id, clone(answer), {**image.hidden, "final": final})
    headers = operations.start(
        world, request, kind="image put", resource_id=image.id, seconds=0.2, done="images.written", image_id=image.id
    )
    return Response(200, answer, headers)


def _captured(world: World, vm_id: str, location: str, properties: Body) -> tuple[Body, str, Body]:
    """Storage profile, generation and hidden parts of an image of a VM."""
    vm = world.get(vm_id)
    if vm is None:
        raise existence.missing(vm_id)
    if vm.body["location"] != location:
        raise invalid(f"The location of the image must be that of VM '{vm_id}', '{vm.body['location']}'.", "location")
    if not vm.hidden.get("generalized"):
        # unverified wording; that a VM has to be generalized first is documented.
        raise not_allowed(
            f"Creating an image from VM '{vm.body['name']}' is not allowed since the VM is not generalized."
        )
    kind = (vm.body["properties"].get("securityProfile") or {}).get("securityType", "Standard")
    if kind != "Standard":
        # learn.microsoft.com/azure/virtual-machines/trusted-launch: no managed images; wording unverified.
        raise not_allowed(
            f"Creating a managed image from VM '{vm.body['name']}' with security type '{kind}' is not supported. Use a "
            "gallery image version instead."
        )
    generation = str(vm.hidden.get("generation", "V1"))
    if properties.get("hyperVGeneration", generation) != generation:
        raise invalid(
            f"The hypervisor generation of the image must be that of VM '{vm_id}', '{generation}'.", "hyperVGeneration"
        )
    given = vm.body["properties"]["storageProfile"]
    disk = given["osDisk"]
    storage: Body = {
        "osDisk": {
            "osType": disk["osType"],
            "osState": "Generalized",
            **_disk(world, disk["managedDisk"]["id"]),
            "caching": disk.get("caching", "ReadWrite"),
        },
        "dataDisks": [
            {"lun": each["lun"], **_disk(world, each["managedDisk"]["id"]), "caching": each.get("caching", "None")}
            for each in given.get("dataDisks") or []
        ],
    }
    hidden: Body = {"content": copy.deepcopy(guests.content_of(world, vm.id)), "security_types": []}
    return storage, generation, hidden


def _disk(world: World, disk_id: str) -> Body:
    disk = world.get(disk_id)
    return {
        "diskSizeGB": disk.body["properties"]["diskSizeGB"] if disk else 127,
        "managedDisk": {"id": disk_id},
        "storageAccountType": disk.body["sku"]["name"] if disk else "Standard_LRS",
    }


def _assembled(world: World, request: Request, image_id: str, properties: Body) -> tuple[Body, str, Body]:
    """The same for an image that names its OS disk: a managed disk, a snapshot or a blob."""
    storage = clone(properties.get("storageProfile") or {})
    disk = storage.get("osDisk") or {}
    if not disk:
        raise required("image.properties.storageProfile.osDisk")
    for name in ("osType", "osState"):
        if not disk.get(name):
            raise required(f"osDisk.{name}")
    source_id = str(((disk.get("managedDisk") or disk.get("snapshot")) or {}).get("id") or "")
    content: Body = guests.new_content(image=image_id, generalized=disk["osState"] == "Generalized")
    generation = str(properties.get("hyperVGeneration") or "V1")
    if source_id:
        source = world.get(source_id)
        if source is None:
            raise ArmError(404, "NotFound", f"Resource {ids.name(source_id)} is not found.")
        action = f"{ids.resource_type(source_id)}/read"
        check.linked(world, request, [(action, source_id)], performing=(_WRITE, image_id))
        own = source.body["properties"].get("hyperVGeneration", "V1")
        if "hyperVGeneration" in properties and generation != own:
            message = f"The hypervisor generation of the image must be that of '{source_id}', '{own}'."
            raise invalid(message, "hyperVGeneration")
        generation = own
        content = copy.deepcopy(source.hidden.get("content") or content)
        disk.setdefault("diskSizeGB", source.body["properties"]["diskSizeGB"])
    elif not disk.get("blobUri"):
        raise required("osDisk.managedDisk")
    disk.setdefault("diskSizeGB", 127)
    disk.setdefault("caching", "None")
    disk.setdefault("storageAccountType", "Standard_LRS")
    storage["osDisk"] = disk
    storage.setdefault("dataDisks", [])
    return storage, generation, {"content": content, "security_types": []}


def _written(world: World, *, operation: str, error: Body | None, image_id: str) -> None:
    image = world.get(image_id)
    final = image.hidden.pop("final", None) if image else None
    if image is None or final is None:
        return
    final["properties"]["provisioningState"] = "Failed" if error else "Succeeded"
    world.put(image_id, final)


def _deleted(world: World, *, operation: str, error: Body | None, image_id: str) -> None:
    image = world.get(image_id)
    if image is None:
        return
    if error is not None:
        image.body["properties"]["provisioningState"] = "Failed"
        return
    world.delete(image_id)


HANDLERS: dict[str, Handler] = {"images.written": _written, "images.deleted": _deleted}
