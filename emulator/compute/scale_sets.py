"""Microsoft.Compute/virtualMachineScaleSets: read, list, write, delete, scale. What is done to instances is in
scale_set_actions.py, rolling upgrades in scale_set_upgrades.py.

PUT is 201 with Retry-After for a new set, else 200, both with Azure-AsyncOperation only; POST and DELETE are 202 with
Location too (recordings compute-vmss-*). What a write of the model does to the instances depends on upgradePolicy.mode:
Manual nothing, Automatic all of them at once, Rolling a rolling upgrade.
"""

from __future__ import annotations

import json
from collections import Counter

from emulator import durations, ids, operations, paging
from emulator.authorization import check
from emulator.compute import (
    catalog,
    identities,
    scale_set_disks,
    scale_set_guests,
    scale_set_imaging,
    scale_set_instances,
    scale_set_models,
    scale_set_operations,
    scale_set_rules,
    scale_set_upgrade_status,
)
from emulator.compute.image_sources import Source
from emulator.compute.shapes import body_of, clone, location_of, required, without_nulls
from emulator.network import bodies
from emulator.resources import existence, tags
from emulator.wire import ArmError, Body, Headers, Request, Response
from emulator.world import Handler, Resource, World

TYPE = "Microsoft.Compute/virtualMachineScaleSets"
WRITE = f"{TYPE}/write"


# -- reading


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    scale_set = existence.find(world, request.path)
    return Response(200, view(scale_set, request.api_version), etag(scale_set, request))


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    """Of a resource group or of a subscription, in pages."""
    existence.require_group(world, request.path)
    scope = request.path.lower().partition("/providers/microsoft.compute")[0]
    return Response(200, paging.page(request, [view(each, request.api_version) for each in world.under(scope, TYPE)]))


def get_instance_view(world: World, request: Request, path: dict[str, str]) -> Response:
    """How many instances and extensions are in which provisioning state, and the set's own."""
    scale_set = existence.find(world, request.path.rpartition("/")[0])
    instances = scale_set_instances.of(world, scale_set)
    states = Counter(each.body["properties"]["provisioningState"].lower() for each in instances)
    view_: Body = {"virtualMachine": {"statusesSummary": _summary(states)}}
    extensions = [
        {"name": each["name"], "statusesSummary": _summary(_extension_states(instances, each["name"]))}
        for each in scale_set_models.extensions_of(scale_set.body["properties"])
    ]
    if extensions:
        view_["extensions"] = extensions
    view_["statuses"] = [_status(scale_set)]
    return Response(200, view_)


def list_skus(world: World, request: Request, path: dict[str, str]) -> Response:
    """The size that the set has, with its capacity limits."""
    scale_set = existence.find(world, request.path.rpartition("/")[0])
    sku = {name: scale_set.body["sku"][name] for name in ("name", "tier")}
    capacity = {"minimum": 0, "maximum": 1000, "defaultCapacity": 1, "scaleType": "Automatic"}
    return Response(200, {"value": [{"resourceType": TYPE, "sku": sku, "capacity": capacity}]})


def view(scale_set: Resource, api_version: str) -> Body:
    """The set as GET returns it."""
    return scale_set_models.as_of({**scale_set.body, "etag": f'"{scale_set.etag}"'}, api_version)


def etag(scale_set: Resource, request: Request) -> Headers:
    return Headers({"ETag": f'"{scale_set.etag}"'} if request.api_version >= "2023-07-01" else {})


def require_preconditions(request: Request, scale_set: Resource) -> None:
    """Raise 412 where If-Match names another version of the set (words as for virtual machines, unverified)."""
    match = request.headers.find("If-Match")
    wanted = [value.strip() for value in (match or "*").split(",")]
    if "*" not in wanted and f'"{scale_set.etag}"' not in wanted:
        message = f"The virtual machine scale set {scale_set.body['name']} has been modified (etag mismatch)."
        raise ArmError(412, "PreconditionFailed", message, wrapped=False)


# -- writing


def create_or_update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PUT."""
    existence.require_group(world, request.path)
    scale_set = world.get(ids.normal(request.path))
    if scale_set is None:
        return _create(world, request, path["set"])
    given = str((request.body or {}).get("location") or scale_set.body["location"]).replace(" ", "").lower()
    if given != scale_set.body["location"]:
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The resource '{path['set']}' already exists in location '{scale_set.body['location']}' in resource group "
            f"'{path['resourcegroup']}'. A resource with the same name cannot be created in location '{given}'. Please "
            "select a new resource name.",
        )
    return change(world, request, scale_set, patch=False)


def update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PATCH."""
    return change(world, request, existence.find(world, request.path), patch=True)


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    """202; 204 for what is not there."""
    scale_set = world.get(ids.normal(request.path))
    if scale_set is None:
        existence.require_group(world, request.path)
        return Response(204)
    operations.preempt(world, scale_set.id)
    scale_set.body["properties"]["provisioningState"] = "Deleting"
    headers = operations.start(
        world,
        request,
        kind="scale set action",
        resource_id=scale_set.id,
        seconds=durations.draw(world, "scale set delete", scale_set.id),
        done="scale_sets.deleted",
        set_id=scale_set.id,
    )
    return Response(202, None, headers)


def _create(world: World, request: Request, name: str) -> Response:
    raw = body_of(request)
    body = without_nulls(raw)
    location, given = location_of(body), body.get("properties") or {}
    sku = body.get("sku") or {}
    if not sku.get("name"):
        raise required("sku.name")
    profile = given.get("virtualMachineProfile") or {}
    if not (profile.get("storageProfile") or {}).get("imageReference"):
        raise required("imageReference")
    scale_set_id = ids.normal(request.path)
    size = catalog.require_size(world, location, str(sku["name"]), name, body.get("zones") or ())
    stored: Body = {
        "name": name,
        "id": scale_set_id,
        "type": TYPE,
        "location": location,
        "tags": tags.validate(body.get("tags")),
        "sku": {"name": size.name, "tier": "Standard", "capacity": int(sku.get("capacity") or 0)},
        "properties": {},
    }
    if body.get("zones"):
        stored["zones"] = [str(zone) for zone in body["zones"]]
    if body.get("plan"):
        stored["plan"] = clone(body["plan"])
    probe = Resource(scale_set_id, {**stored, "properties": {"virtualMachineProfile": profile}})
    source = scale_set_disks.source_of(world, probe)
    stored["properties"] = scale_set_models.new(given, source)
    scale_set_rules.require_valid(world, stored, given, request.api_version)
    _require_references(world, scale_set_id, profile)
    check.linked(world, request, [*_links(profile), *source.links, *identities.links(raw.get("identity"))])
    scale_set = enter(world, stored, given)
    if raw.get("identity") is not None:
        identities.apply(world, scale_set, raw["identity"])
    headers, operation = scale_set_operations.start(
        world, request, scale_set, "scale set create", seconds=None, writes=True
    )
    added = _grow(world, scale_set, source, stored["sku"]["capacity"], operation)
    scale_set_operations.wait_for(world, scale_set, operation, added)
    world.handlers["scale_set_triggers.written"](world, set_id=scale_set.id)
    return Response(201, view(scale_set, request.api_version), Headers({**headers, **etag(scale_set, request)}))


def enter(world: World, stored: Body, given: Body) -> Resource:
    """Put a new set into the world, without instances. `given` is what was sent of its properties, secrets included."""
    properties = stored["properties"]
    properties.update(provisioningState="Creating", uniqueId=world.guid(), timeCreated=_now(world))
    properties["virtualMachineProfile"]["timeCreated"] = _now(world)
    hidden: Body = {
        "model": 1,
        "next_instance": 0,
        "secrets": scale_set_models.secrets_of(given),
        "marks": {"image": 1, "extensions": {}},
        "placement_group": world.guid(),
        "image_reference": clone(properties["virtualMachineProfile"]["storageProfile"]["imageReference"]),
    }
    scale_set_upgrade_status.forget(world, stored["id"])
    scale_set = world.put(stored["id"], stored, hidden)
    _mark_extensions(scale_set)
    return scale_set


def change(world: World, request: Request, scale_set: Resource, *, patch: bool) -> Response:
    """A write of a set that is there; If-Match as for virtual machines."""
    require_preconditions(request, scale_set)
    raw = body_of(request)
    body = without_nulls(raw)
    given: Body = body.get("properties") or {}
    had, had_secrets = scale_set.body["properties"], scale_set.hidden["secrets"]
    sku = {**scale_set.body["sku"], **{k: v for k, v in (body.get("sku") or {}).items() if k in ("name", "capacity")}}
    secrets = scale_set_models.secrets_of(given, had_secrets)
    source = _source_after(world, scale_set, given)
    properties = scale_set_models.changed(had, given, source, patch=patch)
    changes_model = (
        {**properties["virtualMachineProfile"]} != {**had["virtualMachineProfile"]}
        or secrets != had_secrets
        or sku["name"] != scale_set.body["sku"]["name"]
    )
    had_capacity, capacity = int(scale_set.body["sku"]["capacity"]), int(sku["capacity"])
    if changes_model or capacity < had_capacity:
        _require_not_rolling(world, scale_set)
    if (changes_model or capacity != had_capacity) and not scale_set.hidden.get("rolling"):
        scale_set_operations.require_idle(world, scale_set)
    size = catalog.require_size(world, scale_set.body["location"], str(sku["name"]), scale_set.body["name"])
    scale_set_rules.require_valid(
        world, {**scale_set.body, "sku": sku, "properties": properties}, given, request.api_version
    )
    profile = given.get("virtualMachineProfile") or {}
    _require_references(world, scale_set.id, profile)
    check.linked(
        world,
        request,
        [*_links(profile), *(source.links if source else ()), *identities.links(raw.get("identity"))],
        performing=(WRITE, scale_set.id),
    )
    scale_set.body["properties"] = properties
    scale_set.body["sku"] = {**sku, "name": size.name, "capacity": int(sku["capacity"])}
    scale_set.hidden["secrets"] = secrets
    if "tags" in body or not patch:
        scale_set.body["tags"] = tags.validate(body.get("tags"))
    if "identity" in raw:
        identities.apply(world, scale_set, raw["identity"])
    if changes_model:
        scale_set.hidden["model"] += 1
        _mark_image(scale_set)
        _mark_extensions(scale_set)
    scale_set.etag += 1
    world.handlers["scale_set_triggers.written"](world, set_id=scale_set.id)
    headers = _bring_to_model(world, request, scale_set)
    return Response(200, view(scale_set, request.api_version), Headers({**headers, **etag(scale_set, request)}))


def _bring_to_model(world: World, request: Request, scale_set: Resource) -> Headers:
    """Scale to the capacity, and do to the instances what the upgrade mode says; returns the operation's headers."""
    instances = scale_set_instances.of(world, scale_set)
    capacity = int(scale_set.body["sku"]["capacity"])
    mode = scale_set.body["properties"]["upgradePolicy"]["mode"]
    outdated = [
        each
        for each in instances[:capacity]
        if not scale_set_guests.busy(each)
        and (
            not scale_set_instances.latest(scale_set, each) or each.body["properties"]["provisioningState"] == "Failed"
        )
    ]
    rolling = bool(scale_set.hidden.get("rolling"))
    moves = mode == "Automatic" and outdated and not rolling
    rolls = mode == "Rolling" and not rolling
    idle = len(instances) == capacity and not moves and not rolls
    scale_set.body["properties"]["provisioningState"] = "Updating"
    headers, operation = scale_set_operations.start(
        world,
        request,
        scale_set,
        "scale set update",
        seconds=durations.draw(world, "scale set update", scale_set.id) if idle else None,
        writes=True,
    )
    if idle:
        return headers
    added: list[str] = []
    if len(instances) < capacity:
        source = scale_set_disks.source_of(world, scale_set)
        added = _grow(world, scale_set, source, capacity - len(instances), operation)
    for extra in instances[capacity:]:
        scale_set_instances.remove(world, extra)
    if rolls:
        world.handlers["scale_set_upgrades.roll_model"](world, set_id=scale_set.id, operation=operation)
        return headers
    scale_set_operations.wait_for(world, scale_set, operation, [*added, *(each.id for each in outdated if moves)])
    for each in outdated if moves else ():
        scale_set_imaging.bring_to_model(world, scale_set, each, scale_set_operations.DONE, operation=operation)
    if not added and not moves:
        operations.finish(world, operation)
    return headers


def _grow(world: World, scale_set: Resource, source: Source, count: int, operation: str) -> list[str]:
    size = scale_set.body["sku"]["name"]
    for _ in range(count):
        catalog.require_quota(world, scale_set.body["location"], size, subscription=ids.subscription(scale_set.id))
    return [
        scale_set_instances.add(world, scale_set, source, scale_set_operations.DONE, operation=operation).id
        for _ in range(count)
    ]


def _source_after(world: World, scale_set: Resource, given: Body) -> Source | None:
    """The image of the set after a write that says something of storage, else None."""
    storage = (given.get("virtualMachineProfile") or {}).get("storageProfile")
    if storage is None:
        return None
    now = scale_set.body["properties"]["virtualMachineProfile"]["storageProfile"]
    reference = storage.get("imageReference") or now["imageReference"]
    after = {"virtualMachineProfile": {"storageProfile": {"imageReference": reference}}}
    return scale_set_disks.source_of(world, Resource(scale_set.id, {**scale_set.body, "properties": after}))


def _mark_image(scale_set: Resource) -> None:
    reference = scale_set.body["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"]
    if reference != scale_set.hidden["image_reference"]:
        scale_set.hidden["image_reference"] = clone(reference)
        scale_set.hidden["marks"]["image"] += 1


def _mark_extensions(scale_set: Resource) -> None:
    """A mark for each extension of the model, which changes with what it does."""
    protected = scale_set.hidden["secrets"].get("protectedSettings") or {}
    scale_set.hidden["marks"] = {
        **scale_set.hidden["marks"],
        "extensions": {
            each["name"]: json.dumps([each["properties"], protected.get(each["name"])], sort_keys=True)
            for each in scale_set_models.extensions_of(scale_set.body["properties"])
        },
    }


def _require_not_rolling(world: World, scale_set: Resource) -> None:
    """Raise 409 while a rolling upgrade runs: the model stays as it is then, and no instance goes (code as operators
    quote it, words and limits unverified). The upgrade policy may change, so one opts out, and new instances may
    come."""
    if scale_set.hidden.get("rolling"):
        raise ArmError(
            409,
            "OperationNotAllowed",
            f"Operation is not allowed on Virtual Machine Scale Set '{scale_set.body['name']}' since a rolling upgrade "
            "is in progress. Wait for it to end, or cancel it.",
        )


def _require_references(world: World, scale_set_id: str, profile: Body) -> None:
    """Raise 400 InvalidResourceReference for a subnet or a load balancer that is not there."""
    network = profile.get("networkProfile") or {}
    wanted = [subnet for subnet, _ in _configurations(network) if subnet is not None]
    for subnet in wanted:
        if world.get(subnet) is None:
            raise bodies.invalid_reference(subnet, scale_set_id)
    probe = (network.get("healthProbe") or {}).get("id")
    pools = [pool for _, found in _configurations(network) for pool in found]
    for child in [*([probe] if probe else []), *pools]:
        if world.get(ids.top_level(child)) is None:
            raise bodies.invalid_reference(child, scale_set_id)


def _links(profile: Body) -> list[tuple[str, str]]:
    """What a set's network joins (built-in role Virtual Machine Contributor lists these actions)."""
    network = profile.get("networkProfile") or {}
    found: list[tuple[str, str]] = []
    probe = (network.get("healthProbe") or {}).get("id")
    if probe:
        found.append(("Microsoft.Network/loadBalancers/probes/join/action", probe))
    for subnet, pools in _configurations(network):
        if subnet is not None:
            found.append(("Microsoft.Network/virtualNetworks/subnets/join/action", subnet))
        found += [("Microsoft.Network/loadBalancers/backendAddressPools/join/action", pool) for pool in pools]
    return found


def _configurations(network: Body) -> list[tuple[str | None, list[str]]]:
    """(subnet, back-end pools) of each ip configuration."""
    found = []
    for interface in network.get("networkInterfaceConfigurations") or []:
        for configuration in (interface.get("properties") or {}).get("ipConfigurations") or []:
            inner = configuration.get("properties") or {}
            pools = [pool["id"] for pool in inner.get("loadBalancerBackendAddressPools") or []]
            found.append(((inner.get("subnet") or {}).get("id"), pools))
    return found


# -- parts


def _summary(states: Counter[str]) -> list[Body]:
    return [{"code": f"ProvisioningState/{state}", "count": count} for state, count in sorted(states.items())]


def _extension_states(instances: list[Resource], name: str) -> Counter[str]:
    names = {"Succeeded": "succeeded", "Failed": "failed", "Running": "transitioning", "Waiting": "transitioning"}
    found = [(each.hidden.get("extensions") or {}).get(name) for each in instances]
    return Counter(names[str(entry["state"])] for entry in found if entry)


def _status(scale_set: Resource) -> Body:
    state = scale_set.body["properties"]["provisioningState"]
    words = {"Succeeded": "Provisioning succeeded", "Failed": "Provisioning failed"}
    status: Body = {
        "code": f"ProvisioningState/{state.lower()}",
        "level": "Error" if state == "Failed" else "Info",
        "displayStatus": words.get(state, state),
    }
    failure = scale_set.hidden.get("failure")
    if state == "Failed" and failure:
        status["code"] += f"/{failure['code']}"
        status["message"] = failure["message"]
    status["time"] = scale_set.hidden.get("provisioned_at") or scale_set.body["properties"]["timeCreated"]
    return status


def _now(world: World) -> str:
    return world.iso().replace("Z", "+00:00")


# -- events


def _deleted(world: World, *, operation: str, error: Body | None, set_id: str) -> None:
    """The end of a DELETE: the instances and their disks go too."""
    scale_set = world.get(set_id)
    if scale_set is None:
        return
    if error is not None:
        scale_set.body["properties"]["provisioningState"] = "Failed"
        return
    for instance in scale_set_instances.of(world, scale_set):
        scale_set_instances.remove(world, instance)
    scale_set_upgrade_status.forget(world, set_id)
    for child in list(world.under(set_id)):
        world.delete(child.id)
    world.delete(set_id)


HANDLERS: dict[str, Handler] = {"scale_sets.deleted": _deleted}
