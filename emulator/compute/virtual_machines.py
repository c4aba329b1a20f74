"""Microsoft.Compute/virtualMachines: read, list, update and delete. Creation is in vm_creation.py, power in power.py.

Only PUT and PATCH of a VM take If-Match and If-None-Match; the ETag stands in a header and in the body, and counts up
when a write is accepted and again when one that restarted the machine has ended (recordings compute-vm-os-disk-swap:
"2" -> "3" -> "4", compute-vm-datadisk-attach-detach: "2" -> "3").
"""

from __future__ import annotations

from emulator import durations, guests, ids, operations, paging
from emulator.authorization import check
from emulator.compute import catalog, data_disks, disks, identities, instance_view, os_disks, power, vm_creation
from emulator.compute.shapes import body_of, change_not_allowed, clone, merge, require_staying, without_nulls
from emulator.compute.sizes import Size
from emulator.network import network_interfaces
from emulator.resources import existence
from emulator.wire import ArmError, Body, Headers, Request, Response
from emulator.world import Handler, Resource, World

TYPE = "Microsoft.Compute/virtualMachines"
WRITE = "Microsoft.Compute/virtualMachines/write"


# -- reading


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    """`$expand=instanceView` and `userData`."""
    vm = existence.find(world, request.path)
    expand = request.query.get("$expand", "")
    if "instanceview" in expand.lower():
        # unverified: that the expansion needs the action of the resource that it shows; the stricter guess.
        check.require_too(world, request, "Microsoft.Compute/virtualMachines/instanceView/read", vm.id)
    return Response(200, view(world, vm, expand=expand), etag(vm))


def get_instance_view(world: World, request: Request, path: dict[str, str]) -> Response:
    return Response(200, instance_view.build(world, existence.find(world, request.path.rpartition("/")[0])))


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    """Of a resource group or of a subscription, in pages.

    `$expand=instanceView` counts only together with `$filter`, as the specification has it; `statusOnly=true` of the
    subscription's list gives the instance views of all.
    """
    existence.require_group(world, request.path)
    scope = request.path.lower().partition("/providers/microsoft.compute")[0]
    status_only = request.query.get("statusonly", "").lower() == "true" and "resourcegroup" not in path
    expand = request.query.get("$expand", "") if "$filter" in request.query else ""
    wanted = list(world.under(scope, TYPE))
    body = paging.page(request, [{"vm": vm.id} for vm in wanted])
    shown = [world.resources[entry["vm"].lower()] for entry in body["value"]]
    body["value"] = [view(world, vm, expand="instanceView" if status_only else expand) for vm in shown]
    return Response(200, body)


def list_sizes(world: World, request: Request, path: dict[str, str]) -> Response:
    """`vmSizes`: the sizes that the VM could be resized to."""
    vm = existence.find(world, request.path.rpartition("/")[0])
    return catalog.list_sizes(world, request, {**path, "location": vm.body["location"]})


def view(world: World, vm: Resource, *, expand: str = "") -> Body:
    """The VM as GET returns it: with its extensions as child resources, without what a deallocated VM leaves out."""
    body: Body = clone(vm.body)
    properties = body["properties"]
    if guests.machine_of(world, vm).power == "deallocated":
        # recording compute-vm-deallocate-disk-reserved: OS disk without size and type (data disks: inferred)
        storage = properties["storageProfile"]
        for disk in (storage["osDisk"], *storage.get("dataDisks", [])):
            disk.pop("diskSizeGB", None)
            (disk.get("managedDisk") or {}).pop("storageAccountType", None)
    if "userdata" not in expand.lower():
        properties.pop("userData", None)
    if "instanceview" in expand.lower():
        properties["instanceView"] = instance_view.build(world, vm)
    children = [clone(child.body) for child in world.under(vm.id, guests.EXTENSION_TYPE)]
    if children:
        body["resources"] = children
    body["etag"] = f'"{vm.etag}"'
    return body


def etag(vm: Resource) -> Headers:
    return Headers({"ETag": f'"{vm.etag}"'})


def require_preconditions(request: Request, vm: Resource | None, name: str) -> None:
    """Raise 412 where If-Match or If-None-Match do not hold. No `error` wrapper (recording error-412-etag-mismatch, of
    another provider: the words for virtual machines are inferred)."""
    match, none_match = request.headers.find("If-Match"), request.headers.find("If-None-Match")
    current = None if vm is None else f'"{vm.etag}"'
    if match is not None:
        wanted = [value.strip() for value in match.split(",")]
        if current is None or ("*" not in wanted and current not in wanted):
            raise _mismatch(f"The virtual machine {name} has been modified (etag mismatch).")
    if none_match is not None and current is not None:
        unwanted = [value.strip() for value in none_match.split(",")]
        if "*" in unwanted or current in unwanted:
            raise _mismatch(f"The virtual machine {name} exists already.")


def _mismatch(message: str) -> ArmError:
    return ArmError(412, "PreconditionFailed", message, wrapped=False)


# -- writing


def create_or_update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PUT: 201 for a new VM, 200 for an update; Azure-AsyncOperation only."""
    existence.require_group(world, request.path)
    vm = world.get(ids.normal(request.path))
    require_preconditions(request, vm, path["vm"])
    body = body_of(request)
    if vm is None:
        created, headers = vm_creation.create(world, request, path["vm"], without_nulls(body), body.get("identity"))
        answer = view(world, created)
        return Response(201, answer, Headers({**headers, **etag(created)}))
    given = str(body.get("location") or vm.body["location"]).replace(" ", "").lower()
    if given != vm.body["location"]:
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The resource '{path['vm']}' already exists in location '{vm.body['location']}' in resource group "
            f"'{path['resourcegroup']}'. A resource with the same name cannot be created in location '{given}'. Please "
            "select a new resource name.",
        )
    return _update(world, request, vm, body, patch=False)


def update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PATCH: 200. `tags` replaces the tag map; a list (data disks) replaces the list."""
    vm = existence.find(world, request.path)
    require_preconditions(request, vm, path["vm"])
    return _update(world, request, vm, body_of(request), patch=True)


def _update(world: World, request: Request, vm: Resource, raw: Body, *, patch: bool) -> Response:
    require_staying(vm)
    body = without_nulls(raw)
    given: Body = body.get("properties") or {}
    storage = given.get("storageProfile") or {}
    network = given.get("networkProfile") or {}
    size = str((given.get("hardwareProfile") or {}).get("vmSize") or _size(vm))
    _require_unchanged(vm, body, given)
    new_disk = os_disks.plan_change(world, vm, storage["osDisk"]) if "osDisk" in storage else None
    data = data_disks.plan(world, vm, storage["dataDisks"]) if "dataDisks" in storage else None
    nics = _plan_nics(world, vm, network["networkInterfaces"]) if "networkInterfaces" in network else None
    resized = size.lower() != _size(vm).lower()
    if resized:
        wanted = catalog.require_size(world, vm.body["location"], size, vm.body["name"])
        _require_room(vm, wanted)
        size, subscription = wanted.name, ids.subscription(vm.id)
        catalog.require_quota(world, vm.body["location"], size, replaces=_size(vm), subscription=subscription)
    links = [
        *vm_creation.nic_links(network),
        *(vm_creation.disk_links(new_disk.id) if new_disk else []),
        *(link for disk_id in (data.attached if data else []) for link in vm_creation.disk_links(disk_id)),
        *identities.links(raw.get("identity")),
    ]
    check.linked(world, request, links, performing=(WRITE, vm.id))

    operations.preempt(world, vm.id)
    machine = guests.machine_of(world, vm)
    restarts = machine.power == "running" and (new_disk is not None or resized)
    payload: Body = {"vm_id": vm.id, "restarts": restarts, "physical": new_disk is not None or resized}
    rows: list[str] = []
    properties = vm.body["properties"]
    kept = {"storageProfile", "networkProfile", "instanceView", "provisioningState", "vmId", "timeCreated"}
    changes = clone({name: value for name, value in given.items() if name not in kept})
    for write_only in ("adminPassword", "customData"):
        (changes.get("osProfile") or {}).pop(write_only, None)
    merged = merge(properties, changes)
    if merged != properties:
        vm.body["properties"] = properties = merged
        rows.append("vm update")
    if resized:
        payload["old_size"] = _size(vm)
        properties["hardwareProfile"] = {**properties["hardwareProfile"], "vmSize": size}
        rows = ["vm restart" if machine.power == "running" else "vm resize"]
    os_disk = properties["storageProfile"]["osDisk"]
    for name in ("caching", "deleteOption", "writeAcceleratorEnabled"):
        if name in (storage.get("osDisk") or {}):
            os_disk[name] = storage["osDisk"][name]
    if new_disk is not None:
        payload["swap"] = {"old": os_disk["managedDisk"]["id"], "new": new_disk.id, "osDisk": clone(os_disk)}
        new_disk.hidden["attaching_to"] = vm.id
        _mark_detaching(world, os_disk["managedDisk"]["id"])
        os_disk.update(os_disks.describe(new_disk))
        rows.append("vm swap os disk")
    elif "diskSizeGB" in (storage.get("osDisk") or {}):
        _grow(world, vm, int(storage["osDisk"]["diskSizeGB"]))
    if data is not None:
        payload["data"] = data_disks.begin(world, vm, data)
        rows += ["vm attach data disk"] * bool(data.attached or data.created)
        rows += ["vm detach data disk"] * bool(data.detached)
    if nics is not None:
        properties["networkProfile"] = {**network, "networkInterfaces": clone(network["networkInterfaces"])}
        payload["nics"] = nics
        rows += ["vm nic change"] * bool(nics["attach"] or nics["detach"])
    if "identity" in raw and identities.apply(world, vm, raw["identity"]):
        rows.append("vm patch identity")
    if "tags" in body or not patch:
        vm.body["tags"] = body.get("tags") or {}
    seconds = sum(durations.draw(world, row, vm.id) for row in rows or ["vm update nothing physical"])
    properties["provisioningState"] = "Updating"
    vm.etag += 1
    headers = operations.start(
        world, request, kind="vm update", resource_id=vm.id, seconds=seconds, done="vms.updated", **payload
    )
    return Response(200, view(world, vm), Headers({**headers, **etag(vm)}))


def _mark_detaching(world: World, disk_id: str) -> None:
    disk = world.get(disk_id)
    if disk is not None:
        disk.hidden["detaching"] = True


def _size(vm: Resource) -> str:
    return str(vm.body["properties"]["hardwareProfile"]["vmSize"])


def _require_room(vm: Resource, size: Size) -> None:
    """Raise 409 for a size that takes fewer data disks than the VM has (wording as public reports quote it)."""
    if len(vm.body["properties"]["storageProfile"].get("dataDisks") or ()) > size.data_disks:
        raise ArmError(
            409,
            "OperationNotAllowed",
            f"The maximum number of data disks allowed to be attached to a VM of this size is {size.data_disks}.",
            target="dataDisks",
        )


def _grow(world: World, vm: Resource, size: int) -> None:
    disk = guests.os_disk_of(world, vm)
    if disk is not None and size > int(disk.body["properties"]["diskSizeGB"]):
        disk.body["properties"]["diskSizeGB"] = size
        disk.body["properties"]["diskSizeBytes"] = size * 2**30
        os_disks.os_disk_body(vm)["diskSizeGB"] = size


def _require_unchanged(vm: Resource, body: Body, given: Body) -> None:
    """What an update may not change. A PUT may leave all of it out (the recorded swap sends no imageReference)."""
    properties = vm.body["properties"]
    reference = (given.get("storageProfile") or {}).get("imageReference")
    if reference is not None:
        current = properties["storageProfile"].get("imageReference") or {}
        named = {key: str(value).lower() for key, value in reference.items() if key != "exactVersion"}
        had = {key: str(value).lower() for key, value in current.items() if key != "exactVersion"}
        if named != had:
            raise change_not_allowed("imageReference")
    profile, had_profile = given.get("osProfile") or {}, properties.get("osProfile") or {}
    for name in ("computerName", "adminUsername"):
        if name in profile and name in had_profile and profile[name] != had_profile[name]:
            raise change_not_allowed(f"osProfile.{name}")
    zones = body.get("zones")
    if zones is not None and [str(z) for z in zones] != vm.body.get("zones", []):
        raise change_not_allowed("zones")
    group = (given.get("availabilitySet") or {}).get("id")
    if group is not None and not ids.same(group, (properties.get("availabilitySet") or {}).get("id")):
        raise change_not_allowed("availabilitySet.id")


def _plan_nics(world: World, vm: Resource, sent: list[Body]) -> Body:
    """Which NICs come and go. A NIC that the list leaves out is detached."""
    had = [nic["id"] for nic in vm.body["properties"]["networkProfile"]["networkInterfaces"]]
    wanted = [nic["id"] for nic in sent]
    plan = {
        "attach": [nic for nic in wanted if not any(ids.same(nic, other) for other in had)],
        "detach": [nic for nic in had if not any(ids.same(nic, other) for other in wanted)],
    }
    if not wanted:
        raise ArmError(400, "InvalidParameter", "Virtual machines must have at least one network interface.")
    for nic in plan["attach"]:
        vm_creation.require_free_nic(world, nic, vm.id)
    if (plan["attach"] or plan["detach"]) and guests.machine_of(world, vm).power in ("running", "starting"):
        # Wording unverified; that the VM must be deallocated for this is documented.
        raise ArmError(
            409,
            "OperationNotAllowed",
            f"VM '{vm.body['name']}' must be deallocated to add or remove network interfaces.",
        )
    return plan


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    """202; 204 for what is not there. `forceDeletion=true` is faster."""
    vm = world.get(ids.normal(request.path))
    if vm is None:
        existence.require_group(world, request.path)
        return Response(204)
    operations.preempt(world, vm.id)
    forced = request.query.get("forcedeletion", "").lower() == "true"
    row = "vm delete forced" if forced else "vm delete running"
    if guests.machine_of(world, vm).power == "deallocated":
        row = "vm delete deallocated"
    failed = vm.body["properties"].get("provisioningState") == "Failed"
    vm.body["properties"]["provisioningState"] = "Deleting"
    headers = operations.start(
        world,
        request,
        kind="vm delete",
        resource_id=vm.id,
        seconds=durations.draw(world, row, vm.id),
        done="vms.deleted",
        vm_id=vm.id,
        reserve=failed or forced,
    )
    return Response(202, None, headers)


# -- events


def _updated(
    world: World,
    *,
    operation: str,
    error: Body | None,
    vm_id: str,
    restarts: bool,
    physical: bool,
    swap: Body | None = None,
    data: Body | None = None,
    nics: Body | None = None,
    old_size: str | None = None,
) -> None:
    """The end of an update. One that a newer write preempted takes effect all the same: the newer operation carries the
    whole model (inferred). One that failed leaves the VM as it was."""
    vm = world.get(vm_id)
    if vm is None:
        return
    failed = error is not None and error["code"] != "OperationPreempted"
    properties = vm.body["properties"]
    if swap is not None:
        if not failed and not os_disks.swap_in(world, vm, swap["old"], swap["new"]):
            error = {"code": "NotFound", "message": f"Resource {ids.name(swap['new'])} is not found."}
            operations.fail(world, operation, error["code"], error["message"])
            failed = True
        if failed:
            properties["storageProfile"]["osDisk"] = swap["osDisk"]
            new = world.get(swap["new"])
            if new is not None:
                new.hidden.pop("attaching_to", None)
            old = world.get(swap["old"])
            if old is not None:
                old.hidden.pop("detaching", None)
    if data is not None:
        data_disks.end(world, vm, data, failed=failed)
    if nics is not None and not failed:
        for nic in nics["detach"]:
            network_interfaces.detach(world, nic)
        for nic in nics["attach"]:
            network_interfaces.attach(world, nic, vm.id)
    if failed and old_size is not None:
        properties["hardwareProfile"]["vmSize"] = old_size
    if not failed and physical:
        vm.etag += 1
    if not failed and restarts:
        guests.reboot(world, vm)
    power.settle(world, vm, error)


def _deleted(world: World, *, operation: str, error: Body | None, vm_id: str, reserve: bool) -> None:
    """The end of a DELETE: disks and NICs go or stay by their deleteOption (Detach by default)."""
    vm = world.get(vm_id)
    if vm is None:
        return
    if error is not None:
        power.settle(world, vm, error)
        return
    properties = vm.body["properties"]
    guests.forget(world, vm)
    storage = properties["storageProfile"]
    for entry in (storage["osDisk"], *storage.get("dataDisks", [])):
        disk = world.get((entry.get("managedDisk") or {}).get("id") or "")
        if disk is None or not ids.same(disk.body.get("managedBy"), vm.id):
            continue
        if str(entry.get("deleteOption")).lower() == "delete":
            world.delete(disk.id)
        else:
            disks.detach(world, disk)
    for nic in properties["networkProfile"]["networkInterfaces"]:
        if str((nic.get("properties") or {}).get("deleteOption")).lower() == "delete":
            network_interfaces.remove(world, nic["id"])
        else:
            network_interfaces.detach(world, nic["id"])
            if reserve:
                network_interfaces.reserve(world, nic["id"], vm.id)
    for child in list(world.under(vm.id)):
        world.delete(child.id)
    world.delete(vm.id)


HANDLERS: dict[str, Handler] = {"vms.updated": _updated, "vms.deleted": _deleted}
