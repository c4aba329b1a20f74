"""Creating a virtual machine: from an image (provisioned by the guest) or from a specialized disk (Attach).

The 201 comes at once with provisioningState Creating and an OS disk that has no name or id yet; a second later the
disks exist; the operation ends when the guest has reported (compute-vm-windows-create-force-delete and others).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from emulator import durations, guests, ids, marketplace, operations
from emulator.authorization import check
from emulator.compute import catalog, data_disks, disks, identities, image_sources, os_disks, os_profiles, power
from emulator.compute.shapes import clone, invalid, location_of, required
from emulator.network import network_interfaces
from emulator.wire import ArmError, Body, Headers, Request
from emulator.world import Handler, Resource, World

WRITE = "Microsoft.Compute/virtualMachines/write"
DISKS_APPEAR = 1.0
"""Seconds until the disks of a new VM exist (the 201 has none; a list some seconds later has: inferred)."""


@dataclass(frozen=True)
class _Start:
    """What the VM starts from: an image, or a disk to attach."""

    os_type: str
    generation: str
    security_type: str
    source: image_sources.Source | None
    disk: Resource | None
    links: list[tuple[str, str]]

    @property
    def provisions(self) -> bool:
        return self.source is not None and self.source.generalized


# -- linked checks


def nic_links(network: Body) -> list[tuple[str, str]]:
    """NICs need join (built-in role Virtual Machine Contributor lists it for this; learn.microsoft.com/azure/
    role-based-access-control/built-in-roles/compute)."""
    action = "Microsoft.Network/networkInterfaces/join/action"
    return [(action, nic["id"]) for nic in network.get("networkInterfaces") or [] if "id" in nic]


def _encryption_links(given: Body) -> list[tuple[str, str]]:
    """The disk encryption set that the OS disk names, as operators meet it: LinkedAuthorizationFailed without its
    read."""
    disk = (given.get("storageProfile") or {}).get("osDisk") or {}
    encryption = ((disk.get("managedDisk") or {}).get("diskEncryptionSet") or {}).get("id")
    return [("Microsoft.Compute/diskEncryptionSets/read", encryption)] if encryption else []


def disk_links(disk_id: str) -> list[tuple[str, str]]:
    """Attaching a disk: unverified which of read and write is checked on it; both are asked for."""
    return [("Microsoft.Compute/disks/read", disk_id), ("Microsoft.Compute/disks/write", disk_id)]


def require_free_nic(world: World, nic_id: str, vm_id: str) -> None:
    """Raise unless the NIC exists and belongs to no other VM."""
    nic = world.get(nic_id)
    if nic is None:
        raise ArmError(
            400,
            "InvalidResourceReference",
            f"Resource {nic_id} referenced by resource {vm_id} was not found. Please make sure that the referenced "
            "resource exists, and that both resources are in the same region.",
            details=[],
        )
    owner = network_interfaces.attached_to(nic)
    if owner is not None and not ids.same(owner, vm_id):
        # code of recording errors-in-use-delete-conflicts; for a VM PUT inferred
        raise ArmError(400, "NicInUse", f"Network Interface {nic.id} is used by existing resource {owner}.", details=[])
    network_interfaces.require_not_reserved(world, nic, vm_id)


# -- the PUT


def create(world: World, request: Request, name: str, body: Body, identity: Any) -> tuple[Resource, Headers]:
    """Accept the creation of a VM. Raises 400, 403 (linked checks), 404 and 409 as the provider answers them."""
    vm_id = ids.normal(request.path)
    location = location_of(body)
    given: Body = body.get("properties") or {}
    size = str((given.get("hardwareProfile") or {}).get("vmSize") or "")
    if not size:
        raise required("hardwareProfile.vmSize")
    network = given.get("networkProfile") or {}
    if not network.get("networkInterfaces"):
        raise required("networkProfile")
    begin = _start(world, body, given, location, vm_id)
    profile = os_profiles.shown(given.get("osProfile"), begin.os_type, name) if begin.provisions else None
    for entry in (given.get("storageProfile") or {}).get("dataDisks") or []:
        if "lun" not in entry:
            raise required("dataDisk.lun")
    size = catalog.require_size(world, location, size, name, body.get("zones") or ()).name
    for nic in network["networkInterfaces"]:
        require_free_nic(world, nic["id"], vm_id)
    attached = [
        entry["managedDisk"]["id"]
        for entry in (given.get("storageProfile") or {}).get("dataDisks") or []
        if (entry.get("managedDisk") or {}).get("id")
    ]
    links = [
        *nic_links(network),
        *begin.links,
        *(link for disk_id in attached for link in disk_links(disk_id)),
        *identities.links(identity),
        *_encryption_links(given),
    ]
    check.linked(world, request, links, performing=(WRITE, vm_id))
    catalog.require_quota(world, location, size, subscription=ids.subscription(vm_id))

    vm = world.put(vm_id, _body(world, body, given, begin, profile, name, vm_id, location, size), {})
    vm.hidden.update(
        generation=begin.generation,
        provisioning=begin.provisions,
        creation=begin.source.creation if begin.source else None,
        content=copy.deepcopy(begin.source.content) if begin.source else None,
        os_size=int(
            (given["storageProfile"]["osDisk"]).get("diskSizeGB") or (begin.source.size_gb if begin.source else 0)
        ),
        security_type=begin.security_type,
        profile={k: v for k, v in (given.get("osProfile") or {}).items() if k != "adminPassword"},
    )
    if identity is not None:
        identities.apply(world, vm, identity)
    sent_data = (given.get("storageProfile") or {}).get("dataDisks") or []
    planned = data_disks.plan(world, vm, sent_data)
    vm.hidden["data"] = data_disks.begin(world, vm, planned)
    if begin.disk is not None:
        begin.disk.hidden["attaching_to"] = vm.id
    for nic in network["networkInterfaces"]:
        primary = (nic.get("properties") or {}).get("primary", len(network["networkInterfaces"]) == 1)
        network_interfaces.attach(world, nic["id"], vm.id, primary=bool(primary))
    guests.machine_of(world, vm)
    world.schedule(DISKS_APPEAR, "vm_creation.disks", vm_id=vm.id, guid=vm.body["properties"]["vmId"])
    row = f"vm create {'windows' if begin.os_type == 'Windows' else 'linux'} {'image' if begin.source else 'attach'}"
    headers = operations.start(
        world,
        request,
        kind="vm create",
        resource_id=vm.id,
        seconds=max(durations.draw(world, row, vm.id), DISKS_APPEAR + 0.5),
        done="vm_creation.done",
        vm_id=vm.id,
        guid=vm.body["properties"]["vmId"],
    )
    return vm, headers


def _start(world: World, body: Body, given: Body, location: str, vm_id: str) -> _Start:
    storage = given.get("storageProfile") or {}
    os_disk = storage.get("osDisk") or {}
    option = str(os_disk.get("createOption") or "").lower()
    if option == "attach":
        return _start_from_disk(world, body, given, os_disk, location, vm_id)
    if option != "fromimage":
        raise (
            required("osDisk.createOption")
            if not option
            else invalid(
                f"The value '{os_disk['createOption']}' of parameter 'osDisk.createOption' is invalid.",
                "osDisk.createOption",
            )
        )
    if not storage.get("imageReference"):
        raise required("imageReference")
    source = image_sources.resolve(world, storage["imageReference"], location, ids.subscription(vm_id))
    _check_plan(world, vm_id, source, body.get("plan"))
    wanted = (given.get("securityProfile") or {}).get("securityType")
    if wanted is None:
        # Trusted Launch is the default of new Gen2 VMs whose image supports it (azure-docs trusted-launch; that it
        # holds in every api-version is unverified).
        default = (
            "TrustedLaunch" if source.generation == "V2" and "TrustedLaunch" in source.security_types else "Standard"
        )
        wanted = source.only_security_type or default
    if wanted != "Standard" and wanted not in source.security_types:
        raise ArmError(
            400,
            "BadRequest",
            f"The selected VM image is not supported for {wanted} VM. Please use an image that supports security type "
            f"'{wanted}'.",
            target="securityProfile.securityType",
        )
    if source.only_security_type and wanted != source.only_security_type:
        raise ArmError(
            400,
            "BadRequest",
            "The provided gallery image only supports creation of VMs and VM Scale Sets with "
            f"'{source.only_security_type}' security type.",
            target="securityProfile.securityType",
        )
    sent = os_disk.get("diskSizeGB")
    if sent is not None and int(sent) < source.size_gb:
        raise invalid(
            f"The specified disk size {sent} GB is smaller than the size of the corresponding disk in the VM image: "
            f"{source.size_gb} GB. This is not allowed. Please choose equal or greater size or do not specify an "
            "explicit size.",
            "osDisk.diskSizeGB",
        )
    name = os_disk.get("name")
    if name and world.get(_disk_id(vm_id, name)) is not None:
        raise ArmError(
            409,
            "ConflictingUserInput",
            f"Disk {name} already exists in resource group {str(ids.resource_group(vm_id)).upper()}. Only CreateOption."
            "Attach is supported.",
            target=_disk_id(vm_id, name),
        )
    return _Start(source.os_type, source.generation, wanted, source, None, list(source.links))


def _start_from_disk(world: World, body: Body, given: Body, os_disk: Body, location: str, vm_id: str) -> _Start:
    disk_id = (os_disk.get("managedDisk") or {}).get("id")
    if not disk_id:
        raise required("osDisk.managedDisk.id")
    if not os_disk.get("osType"):
        raise required("osDisk.osType")
    if given.get("osProfile"):
        raise invalid("Parameter 'osProfile' is not allowed.", "osProfile")
    disk = world.get(disk_id)
    if disk is None:
        raise ArmError(404, "NotFound", f"Resource {ids.name(disk_id)} is not found.", target="osDisk.managedDisk.id")
    os_disks.require_free(disk, vm_id)
    wanted = (given.get("securityProfile") or {}).get("securityType") or disks.security_type(disk)
    if wanted != disks.security_type(disk):
        raise ArmError(
            400, "BadRequest", "Security type of VM is not compatible with the security type of attached OS Disk."
        )
    if disk.body["location"] != location:
        raise invalid(f"Disk '{disk.id}' is not in the location of the virtual machine.", "osDisk.managedDisk.id")
    generation = disk.body["properties"].get("hyperVGeneration", "V1")
    return _Start(os_disk["osType"], generation, wanted, None, disk, disk_links(disk.id))


def _check_plan(world: World, vm_id: str, source: image_sources.Source, plan: Body | None) -> None:
    if source.plan and not plan:
        raise ArmError(
            400,
            "VMMarketplaceInvalidInput",
            "Creating a virtual machine from Marketplace image or a custom image sourced from a Marketplace image "
            "requires Plan information in the request.",
        )
    if plan:
        marketplace.require_accepted(world, str(ids.subscription(vm_id)), plan)


def _body(
    world: World,
    body: Body,
    given: Body,
    begin: _Start,
    profile: Body | None,
    name: str,
    vm_id: str,
    location: str,
    size: str,
) -> Body:
    storage = given["storageProfile"]
    sent = storage["osDisk"]
    os_disk: Body = {"osType": begin.os_type}
    if sent.get("name"):
        os_disk["name"] = sent["name"]
    os_disk |= {
        "createOption": "FromImage" if begin.source else "Attach",
        "caching": sent.get("caching") or "ReadWrite",
        "managedDisk": clone({**(sent.get("managedDisk") or {})}),
        "deleteOption": sent.get("deleteOption") or "Detach",
    }
    for member in ("diffDiskSettings", "writeAcceleratorEnabled", "encryptionSettings"):
        if member in sent:
            os_disk[member] = clone(sent[member])
    os_disk["managedDisk"].setdefault("storageAccountType", "Premium_LRS" if begin.source else "")
    if begin.source is not None:
        os_disk["diskSizeGB"] = int(sent.get("diskSizeGB") or begin.source.size_gb)
    if begin.disk is not None:
        os_disk |= os_disks.describe(begin.disk)
    shown: Body = {}
    if begin.source is not None:
        shown["imageReference"] = clone(storage["imageReference"])
        if begin.source.exact_version:
            shown["imageReference"]["exactVersion"] = begin.source.exact_version
    properties: Body = {
        name_: clone(value)
        for name_, value in given.items()
        if name_ not in ("storageProfile", "osProfile", "provisioningState", "vmId", "timeCreated", "instanceView")
    }
    properties["hardwareProfile"]["vmSize"] = size
    extra = {k: clone(v) for k, v in storage.items() if k in ("diskControllerType",)}
    properties |= {
        "vmId": world.guid(),
        "storageProfile": {**shown, "osDisk": os_disk, "dataDisks": [], **extra},
        "provisioningState": "Creating",
        "timeCreated": world.iso().replace("Z", "+00:00"),
    }
    if profile is not None:
        properties["osProfile"] = profile
    if begin.security_type != "Standard":
        security = properties.setdefault("securityProfile", {})
        security["securityType"] = begin.security_type
        security.setdefault("uefiSettings", {"secureBootEnabled": True, "vTpmEnabled": True})
    stored: Body = {
        "name": name,
        "id": vm_id,
        "type": "Microsoft.Compute/virtualMachines",
        "location": location,
        "tags": clone(body.get("tags") or {}),
    }
    for member in ("plan", "extendedLocation"):
        if body.get(member):
            stored[member] = clone(body[member])
    if body.get("zones"):
        stored["zones"] = [str(zone) for zone in body["zones"]]
    stored["properties"] = properties
    return stored


# -- events


def _disks(world: World, vm_id: str, guid: str) -> None:
    """Event: the disks of a new VM exist, and the guest starts from them."""
    vm = _same_vm(world, vm_id, guid)
    if vm is not None:
        _make_disks(world, vm)


def _make_disks(world: World, vm: Resource) -> None:
    if vm.hidden.get("disks_made"):
        return
    vm.hidden["disks_made"] = True
    storage = vm.body["properties"]["storageProfile"]
    os_disk = storage["osDisk"]
    creation = vm.hidden.pop("creation")
    if creation is not None:
        unique = world.guid()
        name = os_disk.get("name") or f"{vm.body['name']}_OsDisk_1_{disks.hex_of(unique)}"
        disk = disks.new_disk(
            world,
            _disk_id(vm.id, name),
            location=vm.body["location"],
            creation=clone(creation),
            size_gb=vm.hidden["os_size"],
            sku=os_disk["managedDisk"]["storageAccountType"],
            os_type=os_disk["osType"],
            generation=vm.hidden["generation"],
            security_type=vm.hidden["security_type"],
            zones=vm.body.get("zones"),
            tags=clone(vm.body["tags"]),
            content=vm.hidden.pop("content"),
            unique_id=unique,
        )
        encryption = (os_disk["managedDisk"].get("diskEncryptionSet") or {}).get("id")
        if encryption:
            disk.body["properties"]["encryption"] = {
                "type": "EncryptionAtRestWithCustomerKey",
                "diskEncryptionSetId": encryption,
            }
        os_disk.update(os_disks.describe(disk))
    attached = world.get(os_disk["managedDisk"]["id"])
    if attached is not None:
        disks.attach(world, attached, vm.id)
    data_disks.end(world, vm, vm.hidden.pop("data"), failed=False)
    if vm.hidden["provisioning"]:
        vm.hidden["will_report"] = guests.begin_provisioning(world, vm)


def _done(world: World, *, operation: str, error: Body | None, vm_id: str, guid: str) -> None:
    vm = _same_vm(world, vm_id, guid)
    if vm is None:
        return
    _make_disks(world, vm)
    preempted = error is not None and error["code"] == "OperationPreempted"
    if error is not None and not preempted:
        power.settle(world, vm, error)
        return
    if vm.hidden["provisioning"]:
        if not vm.hidden["will_report"]:
            _timed_out(world, operation, vm, wait=not preempted)
            return
        vm.hidden["provisioning"] = False
        guests.provisioned(world, vm, vm.hidden.pop("profile"))
    else:
        guests.power_on(world, vm)
    power.settle(world, vm, error)


def _timed_out(world: World, operation: str, vm: Resource, *, wait: bool) -> None:
    """The guest never reports: the operation runs for 20 minutes in all, then fails."""
    began = operations.all_of(world)[operation].started
    left = began + guests.PROVISIONING_TIMEOUT - world.now
    if wait and left > 0:
        operations.extend(world, operation, left)
        return
    code = "OSProvisioningTimedOut"
    message = (
        f"OS Provisioning for VM '{vm.body['name']}' did not finish in the allotted time. The VM may still finish "
        "provisioning successfully. Please check provisioning state later."
    )
    operations.fail(world, operation, code, message)
    power.settle(world, vm, {"code": code, "message": message})


def _same_vm(world: World, vm_id: str, guid: str) -> Resource | None:
    vm = world.get(vm_id)
    return vm if vm is not None and vm.body["properties"]["vmId"] == guid else None


def _disk_id(vm_id: str, name: str) -> str:
    return f"{ids.group_scope(vm_id)}/providers/Microsoft.Compute/disks/{name}"


HANDLERS: dict[str, Handler] = {"vm_creation.disks": _disks, "vm_creation.done": _done}
