"""The OS disk of a virtual machine, and the swap: one update of the VM that names another disk.

`osDisk.name` and `managedDisk.id` change together; createOption, osType, imageReference and vmId stay (recording
compute-vm-os-disk-swap). What the provider checks, and in which words, is known from issue reports only; checks whose
words or status are not documented say so here.
"""

from __future__ import annotations

from emulator import guests, ids
from emulator.compute import disks
from emulator.compute.shapes import change_not_allowed, invalid, not_allowed
from emulator.wire import ArmError, Body
from emulator.world import Resource, World


def os_disk_body(vm: Resource) -> Body:
    body: Body = vm.body["properties"]["storageProfile"]["osDisk"]
    return body


def plan_change(world: World, vm: Resource, given: Body) -> Resource | None:
    """Judge the `osDisk` of an update (as sent) and return the disk to swap in, or None when there is no swap.

    Raises what the provider answers to a change it does not allow. A new id under the old name changes nothing, and
    silently (azure-libraries-for-java#275).
    """
    current = os_disk_body(vm)
    for name in ("createOption", "osType"):
        if name in given and str(given[name]).lower() != str(current[name]).lower():
            raise change_not_allowed(f"osDisk.{name}")
    managed = given.get("managedDisk") or {}
    current_id = current["managedDisk"]["id"]
    new_id = managed.get("id")
    name_given = str(given.get("name") or current["name"])
    if new_id is None or ids.same(new_id, current_id):
        if name_given.lower() != current["name"].lower():
            raise change_not_allowed("osDisk.name")
        _check_same_disk(world, vm, given)
        return None
    if name_given.lower() == current["name"].lower():
        return None
    if name_given.lower() != ids.name(new_id).lower():
        # unverified wording: that name and id have to name one disk is from azure-sdk-for-java#28377.
        raise invalid(f"The name '{name_given}' is not that of the managed disk '{new_id}'.", "osDisk.name")
    disk = world.get(new_id)
    if disk is None:
        raise ArmError(404, "NotFound", f"Resource {ids.name(new_id)} is not found.", target="osDisk.managedDisk.id")
    if current.get("encryptionSettings"):
        # name of the error: docs PR MicrosoftDocs/azure-docs#56181; status and words unverified
        raise ArmError(
            409,
            "OSDiskSwapNotSupportedForVMsUsingDiskEncryption",
            "Swapping the OS disk is not supported for virtual machines that use Azure Disk Encryption.",
        )
    require_free(disk, vm.id)
    _check_new_disk(world, vm, disk, given)
    return disk


def require_free(disk: Resource, vm_id: str) -> None:
    """Raise unless the disk is free for this VM (status 409 is likely, not printed in the issue reports)."""
    owner = disk.body.get("managedBy")
    if disk.hidden.get("detaching") and not ids.same(owner, vm_id):
        # issue report, there of a data disk of a scale set's VM
        raise ArmError(
            409,
            "AttachDiskWhileBeingDetached",
            f"Cannot attach data disk '{disk.body['name']}' to VM '{ids.name(vm_id)}' because the disk is currently "
            "being detached or the last detach operation failed. Please wait until the disk is completely detached and "
            "then try again or delete/detach the disk explicitly again.",
        )
    if owner is not None and not ids.same(owner, vm_id):
        raise ArmError(
            409,
            "ConflictingUserInput",
            f"Cannot attach the disk {disk.body['name']} to VM {vm_id} because it is already attached to VM {owner}. A "
            "disk can be attached to only one VM at a time.",
            target=disk.id,
        )
    claimed = disk.hidden.get("attaching_to")
    if claimed is not None and not ids.same(claimed, vm_id):
        raise ArmError(
            409,
            "ConflictingUserInput",
            f"Disk '{disk.id}' cannot be attached as the disk is already owned by VM '{claimed}'.",
        )
    if disk.body["properties"].get("diskState") == "ActiveSAS":
        raise not_allowed(f"There is an active shared access signature outstanding for disk {disk.body['name']}.")
    if disk.body["properties"].get("provisioningState") != "Succeeded":
        raise not_allowed(f"Disk {disk.body['name']} is not in a state in which it can be attached.")


def describe(disk: Resource) -> Body:
    """The parts of `osDisk` that follow the disk."""
    managed: Body = {"storageAccountType": disk.body["sku"]["name"], "id": disk.id}
    encryption = (disk.body["properties"].get("encryption") or {}).get("diskEncryptionSetId")
    if encryption:
        managed["diskEncryptionSet"] = {"id": encryption}
    return {"name": disk.body["name"], "managedDisk": managed, "diskSizeGB": disk.body["properties"]["diskSizeGB"]}


def swap_in(world: World, vm: Resource, old_id: str, new_id: str) -> bool:
    """The end of a swap: the new disk is the VM's, the old one nobody's. False when the new disk is gone."""
    new, old = world.get(new_id), world.get(old_id)
    if new is None:
        return False
    if old is not None and ids.same(old.body.get("managedBy"), vm.id):
        disks.detach(world, old)
    disks.attach(world, new, vm.id, reserved=guests.machine_of(world, vm).power == "deallocated")
    return True


def vm_security_type(vm: Resource) -> str:
    return str((vm.body["properties"].get("securityProfile") or {}).get("securityType") or "Standard")


def _check_same_disk(world: World, vm: Resource, given: Body) -> None:
    """What may change about the disk that stays: its size upwards while the VM is deallocated, never its type."""
    disk = guests.os_disk_of(world, vm)
    if disk is None:
        return
    size = int(given.get("diskSizeGB") or disk.body["properties"]["diskSizeGB"])
    if size < int(disk.body["properties"]["diskSizeGB"]):
        raise disks.resized_down(disk.body["name"])
    if size > int(disk.body["properties"]["diskSizeGB"]) and guests.machine_of(world, vm).power != "deallocated":
        raise not_allowed(
            f"Cannot resize disk {disk.body['name']} while it is attached to running VM {vm.id}. Resizing a disk of an "
            "Azure Virtual Machine requires the virtual machine to be deallocated. Please stop your VM and retry the "
            "operation."
        )
    _check_account_type(vm, disk, given)


def _check_account_type(vm: Resource, disk: Resource, given: Body) -> None:
    wanted = (given.get("managedDisk") or {}).get("storageAccountType")
    if wanted and wanted.lower() != disk.body["sku"]["name"].lower():
        raise ArmError(
            409,
            "PropertyChangeNotAllowed",
            f"Managed disk storage account type change through Virtual Machine '{vm.body['name']}' is not allowed.",
            target="osDisk.managedDisk.storageAccountType",
        )


def _check_new_disk(world: World, vm: Resource, disk: Resource, given: Body) -> None:
    properties = disk.body["properties"]
    current = os_disk_body(vm)
    if disk.body["location"] != vm.body["location"]:
        raise invalid(f"Disk '{disk.id}' is not in the location of the virtual machine.", "osDisk.managedDisk.id")
    if properties.get("osType", current["osType"]) != current["osType"]:
        raise change_not_allowed("osDisk.osType")
    generation = vm.hidden.get("generation", "V1")
    if properties.get("hyperVGeneration", "V1") != generation:
        raise ArmError(
            409,
            "PropertyChangeNotAllowed",
            "Swapping OS Disk is not supported since HyperVisor property on the OSDisk and VM do not match. Please "
            f"make sure the HyperVisor property on the OSDisk is HyperVisor Generation '{generation}'",
        )
    if disks.security_type(disk) != vm_security_type(vm):
        # Text of azure-powershell#24253; code and status are not printed there.
        raise ArmError(
            400,
            "BadRequest",
            "Security type of VM is not compatible with the security type of attached OS Disk.",
            target="osDisk.managedDisk.id",
        )
    disk_zones, vm_zones = disk.body.get("zones") or [], vm.body.get("zones") or []
    if disk_zones != vm_zones and not (not disk_zones and disk.body["sku"]["name"].endswith("_ZRS")):
        # unverified wording; that the zones have to agree is documented for attaching disks.
        raise ArmError(
            400,
            "BadRequest",
            f"Disk {disk.id} cannot be attached to the VM because it is not in zone '{''.join(vm_zones)}'.",
            target="osDisk.managedDisk.id",
        )
    size = int(given.get("diskSizeGB") or properties["diskSizeGB"])
    if size < int(properties["diskSizeGB"]):
        raise disks.resized_down(disk.body["name"])
    _check_account_type(vm, disk, given)
    wanted = ((given.get("managedDisk") or {}).get("diskEncryptionSet") or {}).get("id")
    has = (properties.get("encryption") or {}).get("diskEncryptionSetId")
    if wanted is not None and not ids.same(wanted, has):
        raise change_not_allowed("osDisk.managedDisk.diskEncryptionSet")
