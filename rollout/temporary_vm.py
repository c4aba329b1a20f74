"""The temporary VM that provisions a host's new OS disk: a body made from the host's own, pure.

Its settings stay on the disk (Windows Update mode, time zone, unattend files), so they are the host's. It never joins a
placement group, dedicated host or capacity reservation, and gets no identity and no extension.
"""

from __future__ import annotations

from rollout import names
from rollout.arm import Disk, Vm, dig, group_of
from rollout.azure import Body
from rollout.images import tag_value
from rollout.steps import Goal

COPIED_OS_SETTINGS = ("windowsConfiguration",)
COPIED_SECURITY = ("securityType", "uefiSettings", "encryptionAtHost")


def tags(goal: Goal, vm: Vm) -> dict[str, str]:
    """Tags of the temporary VM, and so of the disk it creates: a VM's tags are copied to the disks it makes
    (recordings 2021-2024), so the disk is known from its first second."""
    return {
        **dict(goal.declaration.build_tags),
        names.POOL: goal.pool_name,
        names.DISK_HOST: vm.name,
        names.DISK_HOST_ID: vm.vm_id,
        names.DISK_ROLLOUT: goal.rollout,
        names.DISK_IMAGE: tag_value(goal.image.id),
        names.DISK_STATE: "building",
    }


def build_group(goal: Goal, vm: Vm) -> str:
    """Where temporary VM and NIC are made: the declared build group, else the host's own."""
    return goal.declaration.build_resource_group_id or group_of(vm.id)


def nic_body(goal: Goal, vm: Vm, host_nic: Body) -> Body:
    """A NIC in the declared build subnet, else in the host's own."""
    configurations = dig(host_nic, "properties", "ipConfigurations") or [{}]
    subnet = goal.declaration.build_subnet_id or dig(configurations[0], "properties", "subnet", "id")
    properties: Body = {
        "ipConfigurations": [
            {"name": "ipconfig", "properties": {"subnet": {"id": subnet}, "privateIPAllocationMethod": "Dynamic"}}
        ]
    }
    group = dig(host_nic, "properties", "networkSecurityGroup", "id")
    if group and not goal.declaration.build_subnet_id:
        properties["networkSecurityGroup"] = {"id": group}
    return {"location": vm.location, "tags": tags(goal, vm), "properties": properties}


def vm_body(goal: Goal, vm: Vm, os_disk: Disk | None, disk_name: str, nic_id: str, admin: tuple[str, str]) -> Body:
    """The VM. `admin` is the local administrator's name and password; the size is the one the host will have."""
    current = vm.os_disk
    kind = (
        goal.declaration.os_disk_type
        or (os_disk.sku if os_disk else "")
        or dig(current, "managedDisk", "storageAccountType")
    )
    managed: Body = {"storageAccountType": kind} if kind else {}
    if os_disk is not None and os_disk.encryption_set:
        managed["diskEncryptionSet"] = {"id": os_disk.encryption_set}
    size_gb = max(goal.image.os_disk_gb, os_disk.size_gb if os_disk else 0)
    disk: Body = {
        "name": disk_name,
        "osType": "Windows",
        "createOption": "FromImage",
        "deleteOption": "Detach",
        "caching": current.get("caching", "ReadWrite"),
        "managedDisk": managed,
    }
    if size_gb:
        disk["diskSizeGB"] = size_gb
    storage: Body = {"imageReference": goal.image.reference, "osDisk": disk}
    controller = dig(vm.properties, "storageProfile", "diskControllerType")
    if controller:
        storage["diskControllerType"] = controller
    own = vm.properties.get("osProfile") or {}
    os_profile: Body = {
        "computerName": vm.computer_name,
        "adminUsername": admin[0],
        "adminPassword": admin[1],
        **{key: own[key] for key in COPIED_OS_SETTINGS if key in own},
    }
    properties: Body = {
        "hardwareProfile": {"vmSize": goal.declaration.vm_size or vm.size},
        "storageProfile": storage,
        "osProfile": os_profile,
        "networkProfile": {
            "networkInterfaces": [{"id": nic_id, "properties": {"primary": True, "deleteOption": "Detach"}}]
        },
        "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
    }
    if vm.properties.get("licenseType"):
        properties["licenseType"] = vm.properties["licenseType"]
    security = vm.properties.get("securityProfile") or {}
    # Written out, Standard too: a new generation 2 VM defaults to Trusted Launch, and the disk keeps what its VM was.
    copied = {key: security[key] for key in COPIED_SECURITY if security.get(key) is not None}
    properties["securityProfile"] = {"securityType": vm.security_type, **copied}
    body: Body = {"location": vm.location, "tags": tags(goal, vm), "properties": properties}
    if vm.zones:
        body["zones"] = list(vm.zones)
    if goal.image.plan:
        body["plan"] = goal.image.plan
    return body
