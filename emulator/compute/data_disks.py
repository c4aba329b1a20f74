"""Data disks of a virtual machine. The list in a PUT or PATCH is the whole truth: what it leaves out is detached, which
is how `az vm disk detach` works, and why a stale GET-modify-PUT can undo somebody's attach."""

from __future__ import annotations

from dataclasses import dataclass, field

from emulator import guests, ids
from emulator.compute import disks, os_disks
from emulator.compute.shapes import clone, invalid
from emulator.wire import ArmError, Body
from emulator.world import Resource, World


@dataclass
class Plan:
    """`entries` is the new list; `created` the LUNs of empty disks to be made, `attached` and `detached` disk ids."""

    entries: list[Body]
    created: list[int] = field(default_factory=list)
    attached: list[str] = field(default_factory=list)
    detached: list[str] = field(default_factory=list)


def plan(world: World, vm: Resource, sent: list[Body]) -> Plan:
    """Judge a list of data disks against the VM's own."""
    had = {entry["lun"]: entry for entry in vm.body["properties"]["storageProfile"].get("dataDisks", [])}
    had_ids = {str((e.get("managedDisk") or {}).get("id")).lower() for e in had.values()}
    planned = Plan([])
    seen: set[int] = set()
    for entry in sent:
        if entry.get("toBeDetached"):
            continue
        if "lun" not in entry:
            raise invalid("Required parameter 'dataDisk.lun' is missing (null).", "dataDisk.lun")
        lun = int(entry["lun"])
        if lun in seen:
            raise invalid(f"The value '{lun}' of parameter 'dataDisk.lun' is used more than once.", "dataDisk.lun")
        seen.add(lun)
        disk_id = (entry.get("managedDisk") or {}).get("id")
        if disk_id is None and lun in had and entry.get("name") in (None, had[lun].get("name")):
            planned.entries.append({**had[lun], **{k: v for k, v in entry.items() if k != "managedDisk"}})
        elif disk_id is not None and str(disk_id).lower() in had_ids:
            old = next(e for e in had.values() if ids.same((e.get("managedDisk") or {}).get("id"), disk_id))
            planned.entries.append({**old, **entry, "managedDisk": {**old["managedDisk"], **entry["managedDisk"]}})
        elif disk_id is not None:
            disk = world.get(disk_id)
            if disk is None:
                raise ArmError(404, "NotFound", f"Resource {ids.name(disk_id)} is not found.", target="dataDisks")
            os_disks.require_free(disk, vm.id)
            planned.attached.append(disk.id)
            planned.entries.append(_entry(entry, disk))
        else:
            planned.created.append(lun)
            planned.entries.append(_new_entry(entry))
    kept = {str((e.get("managedDisk") or {}).get("id")).lower() for e in planned.entries}
    planned.detached = [
        e["managedDisk"]["id"]
        for e in had.values()
        if (e.get("managedDisk") or {}).get("id") and e["managedDisk"]["id"].lower() not in kept
    ]
    return planned


def begin(world: World, vm: Resource, planned: Plan) -> Body:
    """Put the new list on the VM; what is attached and detached follows at the end. Returns the event's payload."""
    storage = vm.body["properties"]["storageProfile"]
    payload: Body = {
        "before": clone(storage.get("dataDisks", [])),
        "created": planned.created,
        "attached": planned.attached,
        "detached": planned.detached,
    }
    storage["dataDisks"] = planned.entries
    for disk_id in planned.attached:
        found = world.get(disk_id)
        if found is not None:
            found.hidden["attaching_to"] = vm.id
    for disk_id in planned.detached:
        found = world.get(disk_id)
        if found is not None:
            found.hidden["detaching"] = True
    return payload


def end(world: World, vm: Resource, payload: Body, *, failed: bool) -> None:
    """The end of the update, or its undoing."""
    if failed:
        vm.body["properties"]["storageProfile"]["dataDisks"] = payload["before"]
        for disk_id in payload["attached"]:
            found = world.get(disk_id)
            if found is not None:
                found.hidden.pop("attaching_to", None)
        for disk_id in payload["detached"]:
            found = world.get(disk_id)
            if found is not None:
                found.hidden.pop("detaching", None)
        return
    reserved = guests.machine_of(world, vm).power == "deallocated"
    for disk_id in payload["detached"]:
        found = world.get(disk_id)
        if found is not None and ids.same(found.body.get("managedBy"), vm.id):
            disks.detach(world, found)
    for disk_id in payload["attached"]:
        found = world.get(disk_id)
        if found is not None:
            disks.attach(world, found, vm.id, reserved=reserved)
    for entry in vm.body["properties"]["storageProfile"]["dataDisks"]:
        if entry["lun"] in payload["created"] and "id" not in entry.get("managedDisk", {}):
            make(world, vm, entry, reserved=reserved)


def make(world: World, vm: Resource, entry: Body, *, reserved: bool = False) -> None:
    """Make the empty disk of an entry: `<vm>_disk<lun + 2>_<hex>`, with the VM's tags and zones."""
    unique = world.guid()
    name = entry.get("name") or f"{vm.body['name']}_disk{int(entry['lun']) + 2}_{disks.hex_of(unique)}"
    disk = disks.new_disk(
        world,
        f"{ids.group_scope(vm.id)}/providers/Microsoft.Compute/disks/{name}",
        location=vm.body["location"],
        creation={"createOption": "Empty"},
        size_gb=int(entry.get("diskSizeGB") or 32),
        sku=entry["managedDisk"]["storageAccountType"],
        zones=vm.body.get("zones"),
        tags=clone(vm.body.get("tags")),
        unique_id=unique,
    )
    disks.attach(world, disk, vm.id, reserved=reserved)
    entry["name"] = name
    entry["managedDisk"] = {**entry["managedDisk"], "id": disk.id}


def _entry(entry: Body, disk: Resource) -> Body:
    return {
        "lun": int(entry["lun"]),
        "name": disk.body["name"],
        "createOption": entry.get("createOption") or "Attach",
        "caching": entry.get("caching") or "None",
        "managedDisk": {"storageAccountType": disk.body["sku"]["name"], "id": disk.id},
        "deleteOption": entry.get("deleteOption") or "Detach",
        "diskSizeGB": disk.body["properties"]["diskSizeGB"],
        "toBeDetached": False,
    }


def _new_entry(entry: Body) -> Body:
    if str(entry.get("createOption")).lower() not in ("empty", "fromimage"):
        raise invalid("Required parameter 'managedDisk.id' is missing (null).", "dataDisk.managedDisk.id")
    made: Body = {
        "lun": int(entry["lun"]),
        "createOption": "Empty",
        "caching": entry.get("caching") or "None",
        "managedDisk": {
            "storageAccountType": (entry.get("managedDisk") or {}).get("storageAccountType") or "Premium_LRS"
        },
        "deleteOption": entry.get("deleteOption") or "Detach",
        "diskSizeGB": int(entry.get("diskSizeGB") or 32),
        "toBeDetached": False,
    }
    if entry.get("name"):
        made = {"lun": made.pop("lun"), "name": entry["name"], **made}
    return made
