"""The instances of a scale set: Microsoft.Compute/virtualMachineScaleSets/virtualMachines.

Keys as the recording compute-vmss-instances-and-delete has them. An instance remembers the number of the model it was
brought to (`hidden["model"]`); `latestModelApplied` compares it with the set's. Instances of a Flexible set are kept
the same way, by name; they are not shown as virtual machines too (weaker than Azure).
"""

from __future__ import annotations

from emulator import guests, paging
from emulator.authorization import check
from emulator.compute import (
    instance_view,
    scale_set_disks,
    scale_set_guests,
    scale_set_health,
    scale_set_metrics,
    scale_set_models,
)
from emulator.compute.image_sources import Source
from emulator.compute.shapes import clone
from emulator.resources import existence
from emulator.wire import ArmError, Body, Headers, Request, Response
from emulator.world import Resource, World

TYPE = guests.INSTANCE_TYPE
UPDATE_DOMAINS = FAULT_DOMAINS = 5
"""Domains of a placement group (learn.microsoft.com/azure/virtual-machine-scale-sets/
virtual-machine-scale-sets-manage-fault-domains); one fault domain in zones."""
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


# -- reading


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    """`$expand=instanceView`."""
    instance = existence.find(world, request.path)
    expand = "instanceview" in request.query.get("$expand", "").lower()
    if expand:
        check.require_too(world, request, f"{TYPE}/instanceView/read", instance.id)
    return Response(200, view(world, instance, request.api_version, expand=expand), etag(instance, request))


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    """In pages; `$expand=instanceView`."""
    scale_set = existence.find(world, request.path.rpartition("/")[0])
    expand = "instanceview" in request.query.get("$expand", "").lower()
    body = paging.page(request, [{"id": each.id} for each in of(world, scale_set)])
    shown = [world.resources[entry["id"].lower()] for entry in body["value"]]
    body["value"] = [view(world, each, request.api_version, expand=expand) for each in shown]
    return Response(200, body)


def get_instance_view(world: World, request: Request, path: dict[str, str]) -> Response:
    return Response(200, build_view(world, existence.find(world, request.path.rpartition("/")[0])))


def of(world: World, scale_set: Resource) -> list[Resource]:
    """The instances of a set, in order of creation."""
    return list(world.under(scale_set.id, TYPE))


def unhealthy_of(world: World, scale_set: Resource) -> list[str]:
    """The ids of the instances that are not healthy now."""
    source = scale_set_health.source_of(world, scale_set.body["properties"])
    return [each.id for each in of(world, scale_set) if not scale_set_health.healthy(world, scale_set, each, source)]


def latest(scale_set: Resource, instance: Resource) -> bool:
    """Whether the instance was brought to the set's latest model."""
    return bool(instance.hidden["model"] == scale_set.hidden["model"])


def image_of(instance: Resource) -> str | None:
    """The exact version of the image that the OS disk was made from."""
    return (instance.body["properties"]["storageProfile"].get("imageReference") or {}).get("exactVersion")


def view(world: World, instance: Resource, api_version: str = "", *, expand: bool = False) -> Body:
    """The instance as GET returns it."""
    scale_set = scale_set_guests.scale_set_of(world, instance)
    body: Body = clone(instance.body)
    properties: Body = {"latestModelApplied": latest(scale_set, instance), **body["properties"]}
    body["properties"] = properties
    if expand:
        properties["instanceView"] = build_view(world, instance)
    resources = [_extension(instance, each) for each in scale_set_models.extensions_of(scale_set.body["properties"])]
    shown = [each for each in resources if each["name"] in (instance.hidden.get("extensions") or {})]
    if shown:
        body["resources"] = shown
    body["etag"] = f'"{instance.etag}"'
    return scale_set_models.as_of(body, api_version)


def etag(instance: Resource, request: Request) -> Headers:
    return Headers({"ETag": f'"{instance.etag}"'} if request.api_version >= "2023-07-01" else {})


def build_view(world: World, instance: Resource) -> Body:
    """The instance view: that of a virtual machine, with its domains, health and extensions."""
    scale_set = scale_set_guests.scale_set_of(world, instance)
    built: Body = {}
    if "zones" not in instance.body:
        built["platformUpdateDomain"] = instance.hidden["update_domain"]
    built["platformFaultDomain"] = instance.hidden["fault_domain"]
    built |= instance_view.build(world, instance)
    shown = [
        {
            "name": name,
            "type": f"{properties['publisher']}.{properties['type']}",
            "typeHandlerVersion": f"{properties['typeHandlerVersion']}.0",
            "statuses": [_extension_status(entry)],
            **_substatuses(instance, properties),
        }
        for name, entry, properties in _extensions(scale_set, instance)
        if entry["state"] in ("Succeeded", "Failed")
    ]
    if shown and guests.machine_of(world, instance).power != "deallocated":
        built["extensions"] = shown
    health = scale_set_health.view(world, scale_set, instance)
    if health is not None:
        built["vmHealth"] = health
    built["placementGroupId"] = scale_set.hidden["placement_group"]
    return built


# -- coming and going


def add(world: World, scale_set: Resource, source: Source, then: str, **payload: str) -> Resource:
    """A new instance of the latest model, whose provisioning begins now; the event `then` follows."""
    instance = place(world, scale_set, source)
    turn = scale_set_guests.begin(world, instance, then, **payload)
    scale_set_guests.provision(world, instance, turn, first=True)
    return instance


def place(world: World, scale_set: Resource, source: Source) -> Resource:
    """A new instance of the latest model with its disks, that nothing runs in yet."""
    number = int(scale_set.hidden["next_instance"])
    scale_set.hidden["next_instance"] = number + 1
    name = str(scale_set.body["name"])
    flexible = scale_set.body["properties"]["orchestrationMode"] == "Flexible"
    unique = f"{name}_{world.random.getrandbits(32):08x}"
    instance_id = unique if flexible else str(number)
    body: Body = {
        "name": unique if flexible else f"{name}_{number}",
        "id": f"{scale_set.id}/virtualMachines/{instance_id}",
        "type": TYPE,
        "location": scale_set.body["location"],
        "tags": clone(scale_set.body.get("tags") or {}),
        "instanceId": instance_id,
        "sku": {name: scale_set.body["sku"][name] for name in ("name", "tier")},
    }
    zones = scale_set.body.get("zones")
    if zones:
        body["zones"] = [zones[number % len(zones)]]
    body["properties"] = {
        "modelDefinitionApplied": "VirtualMachineScaleSet",
        "provisioningState": "Creating",
        "hardwareProfile": {"vmSize": scale_set.body["sku"]["name"]},
        "vmId": world.guid(),
        "storageProfile": {"osDisk": {"osType": source.os_type, "createOption": "FromImage"}, "dataDisks": []},
        "timeCreated": world.iso().replace("Z", "+00:00"),
    }
    instance = world.put(body["id"], body, {"generation": source.generation, "model": 0, "number": number})
    spread = 1 if zones or flexible else FAULT_DOMAINS
    faults = int(scale_set.body["properties"].get("platformFaultDomainCount") or spread)
    instance.hidden.update(update_domain=number % UPDATE_DOMAINS, fault_domain=number % faults)
    apply_model(scale_set, instance)
    disk = scale_set_disks.new_os_disk(world, scale_set, instance, source)
    scale_set_disks.attach_os_disk(world, instance, disk, scale_set_disks.reference_of(scale_set, source))
    scale_set_disks.make_data_disks(world, scale_set, instance)
    return instance


def apply_model(scale_set: Resource, instance: Resource) -> None:
    """Bring what an instance shows to the set's latest model, all but its disks and what runs in it."""
    profile = scale_set.body["properties"]["virtualMachineProfile"]
    properties = instance.body["properties"]
    network = profile.get("networkProfile") or {}
    interfaces = network.get("networkInterfaceConfigurations") or []
    properties["networkProfileConfiguration"] = {"networkInterfaceConfigurations": clone(interfaces)}
    properties["networkProfile"] = {
        "networkInterfaces": [{"id": f"{instance.id}/networkInterfaces/{each['name']}"} for each in interfaces]
    }
    os_profile = profile.get("osProfile") or {}
    prefix = os_profile.get("computerNamePrefix") or scale_set.body["name"]
    properties["osProfile"] = {
        "computerName": f"{prefix}{_base36(instance.hidden['number'])}",
        **{name: clone(value) for name, value in os_profile.items() if name != "computerNamePrefix"},
    }
    storage = profile["storageProfile"]
    os_disk = properties["storageProfile"]["osDisk"]
    os_disk["caching"] = storage["osDisk"]["caching"]
    if "diskControllerType" in storage:
        properties["storageProfile"]["diskControllerType"] = storage["diskControllerType"]
    for part in ("securityProfile", "diagnosticsProfile"):
        if part in profile:
            properties[part] = clone(profile[part])
    properties["hardwareProfile"] = {"vmSize": scale_set.body["sku"]["name"]}
    instance.body["tags"] = clone(scale_set.body.get("tags") or {})
    instance.hidden["model"] = scale_set.hidden["model"]
    instance.hidden["marks"] = dict(scale_set.hidden["marks"])
    instance.etag += 1


def remove(world: World, instance: Resource) -> None:
    """The instance and its disks are gone."""
    guests.forget(world, instance)
    scale_set_disks.delete_all(world, instance)
    world.delete(instance.id)


def chosen(world: World, scale_set: Resource, given: object) -> list[Resource]:
    """The instances that a body's instanceIds name; `*` and None are all.

    Raises 400 InvalidParameter for an id that is none of the set's (wording as public reports quote it).
    """
    known = of(world, scale_set)
    if given is None or (isinstance(given, list) and "*" in given):
        return known
    by_id = {str(each.body["instanceId"]): each for each in known}
    found = []
    for each in given if isinstance(given, list) else []:
        if str(each) not in by_id:
            raise not_active(str(each))
        found.append(by_id[str(each)])
    return found


def not_active(instance_id: str) -> ArmError:
    return ArmError(
        400,
        "InvalidParameter",
        f"The provided instanceId {instance_id} is not an active Virtual Machine Scale Set VM instanceId.",
        target="instanceIds",
    )


# -- parts


def _extensions(scale_set: Resource, instance: Resource) -> list[tuple[str, Body, Body]]:
    known: Body = instance.hidden.get("extensions") or {}
    model = scale_set_models.extensions_of(scale_set.body["properties"])
    return [(each["name"], known[each["name"]], each["properties"]) for each in model if each["name"] in known]


def _extension(instance: Resource, extension: Body) -> Body:
    name = extension["name"]
    entry = (instance.hidden.get("extensions") or {}).get(name) or {}
    state = {"Succeeded": "Succeeded", "Failed": "Failed"}.get(str(entry.get("state")), "Updating")
    return {
        "name": name,
        "id": f"{instance.id}/extensions/{name}",
        "type": f"{TYPE}/extensions",
        "location": instance.body["location"],
        "properties": {**clone(extension["properties"]), "provisioningState": state},
    }


def _substatuses(instance: Resource, properties: Body) -> Body:
    if not scale_set_health.is_health_extension({"properties": properties}):
        return {}
    found = scale_set_metrics.substatus(instance)
    return {"substatuses": found} if found else {}


def _extension_status(entry: Body) -> Body:
    good = entry["state"] == "Succeeded"
    return {
        "code": "ProvisioningState/succeeded" if good else "ProvisioningState/failed/1",
        "level": "Info" if good else "Error",
        "displayStatus": "Provisioning succeeded" if good else "Provisioning failed",
        "message": entry.get("message", ""),
    }


def _base36(number: int) -> str:
    digits = ""
    for _ in range(6):
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
