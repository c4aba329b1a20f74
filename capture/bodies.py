"""REST bodies of all that a capture makes, pure."""

from __future__ import annotations

from capture import names
from capture.declaration import OsState, Region
from capture.record import CaptureRecord
from capture.steps import Goal, View
from rollout.arm import Disk, Vm, dig
from rollout.azure import Body
from rollout.images import tag_value
from rollout.temporary_vm import COPIED_SECURITY


def tags(goal: Goal, vm: Vm, record: CaptureRecord) -> dict[str, str]:
    """Tags of everything that a capture makes."""
    return {
        **dict(goal.declaration.tags),
        names.ID: record.c,
        names.GOLDEN: tag_value(vm.id),
        names.VERSION: tag_value(goal.declaration.version_id),
    }


def snapshot(goal: Goal, view: View, which: str) -> Body:
    """An incremental snapshot of the golden VM's OS disk: it stores what changed since the last one."""
    assert view.record is not None
    return {
        "location": view.vm.location,
        "tags": {**tags(goal, view.vm, view.record), names.BACKUP: which},
        "properties": {
            "creationData": {"createOption": "Copy", "sourceResourceId": view.vm.os_disk_id},
            "incremental": True,
        },
    }


def disk(goal: Goal, view: View, snapshot_id: str, original: Disk) -> Body:
    """A disk with what a snapshot holds, of the original's type, size, zone and encryption."""
    assert view.record is not None
    properties: Body = {"creationData": {"createOption": "Copy", "sourceResourceId": snapshot_id}}
    if original.encryption_set:
        properties["encryption"] = {
            "type": dig(original.properties, "encryption", "type") or "EncryptionAtRestWithCustomerKey",
            "diskEncryptionSetId": original.encryption_set,
        }
    body: Body = {
        "location": view.vm.location,
        "tags": tags(goal, view.vm, view.record),
        "sku": {"name": original.sku or "Premium_LRS"},
        "properties": properties,
    }
    if view.vm.zones:
        body["zones"] = list(view.vm.zones)
    return body


def nic(goal: Goal, view: View, golden_nic: Body) -> Body:
    """An interface in the declared subnet, else in the golden VM's own, whose security group then holds too."""
    assert view.record is not None
    configurations = dig(golden_nic, "properties", "ipConfigurations") or [{}]
    subnet = goal.declaration.clone_subnet_id or dig(configurations[0], "properties", "subnet", "id")
    properties: Body = {
        "ipConfigurations": [
            {"name": "ipconfig", "properties": {"subnet": {"id": subnet}, "privateIPAllocationMethod": "Dynamic"}}
        ]
    }
    group = dig(golden_nic, "properties", "networkSecurityGroup", "id")
    if group and not goal.declaration.clone_subnet_id:
        properties["networkSecurityGroup"] = {"id": group}
    return {"location": view.vm.location, "tags": tags(goal, view.vm, view.record), "properties": properties}


def clone(goal: Goal, view: View, disk_id: str, nic_id: str) -> Body:
    """The clone: the golden VM's size and security on a copy of its disk. It gets no identity, extension, data disk or
    tag of it, and nothing of it outlives it unseen: its disk and interface are deleted by themselves."""
    assert view.record is not None
    vm = view.vm
    storage: Body = {
        "osDisk": {
            "name": disk_id.rsplit("/", 1)[-1],
            "osType": "Windows",
            "createOption": "Attach",
            "deleteOption": "Detach",
            "caching": vm.os_disk.get("caching", "ReadWrite"),
            "managedDisk": {"id": disk_id},
        }
    }
    controller = dig(vm.properties, "storageProfile", "diskControllerType")
    if controller:
        storage["diskControllerType"] = controller
    security = vm.properties.get("securityProfile") or {}
    copied = {key: security[key] for key in COPIED_SECURITY if security.get(key) is not None}
    properties: Body = {
        "hardwareProfile": {"vmSize": goal.declaration.clone_vm_size or vm.size},
        "storageProfile": storage,
        "networkProfile": {
            "networkInterfaces": [{"id": nic_id, "properties": {"primary": True, "deleteOption": "Detach"}}]
        },
        "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
        "securityProfile": {"securityType": vm.security_type, **copied},
    }
    if vm.properties.get("licenseType"):
        properties["licenseType"] = vm.properties["licenseType"]
    body: Body = {"location": vm.location, "tags": tags(goal, vm, view.record), "properties": properties}
    if vm.zones:
        body["zones"] = list(vm.zones)
    if vm.body.get("plan"):
        body["plan"] = vm.body["plan"]
    return body


def version(goal: Goal, view: View, source_id: str) -> Body:
    """The image version: from the clone, or from the second snapshot where it stays specialized."""
    assert view.record is not None
    declared = goal.declaration
    specialized = declared.os_state is OsState.SPECIALIZED
    source: Body = (
        {"osDiskImage": {"source": {"id": source_id}}} if specialized else {"source": {"virtualMachineId": source_id}}
    )
    made = tags(goal, view.vm, view.record)
    if view.after is not None:
        made[names.SOURCE] = view.after.name
    if declared.updates:
        made[names.UPDATES] = ", ".join(update.name for update in declared.updates)[:256]
    return {
        "location": goal.location,
        "tags": made,
        "properties": {
            "publishingProfile": untested(goal) if declared.boot_test is not None else publishing(goal),
            "storageProfile": source,
        },
    }


def publishing(goal: Goal) -> Body:
    """Where the version goes, and how it is offered."""
    declared = goal.declaration
    regions = declared.regions or (Region(goal.location),)
    profile: Body = {
        "targetRegions": [
            {"name": each.name, "regionalReplicaCount": each.replicas, "storageAccountType": each.storage_type}
            for each in regions
        ],
        "excludeFromLatest": declared.exclude_from_latest,
    }
    if declared.end_of_life:
        profile["endOfLifeDate"] = declared.end_of_life
    return profile


def untested(goal: Goal) -> Body:
    """Before its boot test a version is in its own region only, and excluded from latest."""
    own = [region for region in publishing(goal)["targetRegions"] if region["name"] == goal.location]
    return {**publishing(goal), "targetRegions": own, "excludeFromLatest": True}


def replicated(goal: Goal) -> Body:
    """In all its regions, and still excluded from latest."""
    return {**publishing(goal), "excludeFromLatest": True}


def test_vm(goal: Goal, view: View, disk_name: str, nic_id: str, password: str) -> Body:
    """A machine made of the version, with the golden VM's size and security. Of a specialized one it is as it is."""
    assert view.record is not None
    vm, declared = view.vm, goal.declaration
    size = (declared.boot_test.vm_size if declared.boot_test else "") or declared.clone_vm_size or vm.size
    security = vm.properties.get("securityProfile") or {}
    copied = {key: security[key] for key in COPIED_SECURITY if security.get(key) is not None}
    properties: Body = {
        "hardwareProfile": {"vmSize": size},
        "storageProfile": {
            "imageReference": {"id": declared.version_id},
            "osDisk": {"name": disk_name, "osType": "Windows", "createOption": "FromImage", "deleteOption": "Detach"},
        },
        "networkProfile": {
            "networkInterfaces": [{"id": nic_id, "properties": {"primary": True, "deleteOption": "Detach"}}]
        },
        "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
        "securityProfile": {"securityType": vm.security_type, **copied},
    }
    if declared.os_state is OsState.GENERALIZED:
        computer = names.test_vm(names.key(view.record.c, view.record.b)).replace("-", "")[:15]
        properties["osProfile"] = {"computerName": computer, "adminUsername": "avdtest", "adminPassword": password}
    if vm.properties.get("licenseType"):
        properties["licenseType"] = vm.properties["licenseType"]
    body: Body = {"location": vm.location, "tags": tags(goal, vm, view.record), "properties": properties}
    if vm.body.get("plan"):
        body["plan"] = vm.body["plan"]
    return body
