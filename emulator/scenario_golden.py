"""The golden VM of a scenario: the machine that people keep up to date, and that images are captured from."""

from __future__ import annotations

from emulator import guest_sysprep, guests
from emulator.compute import disks
from emulator.network import bodies, network_interfaces, subnets
from emulator.scenario_hosts import DISK_GB, LOCATION, TIME_ZONE, image_version
from emulator.wire import Body
from emulator.world import Resource, World

NAME = "golden"
ACCOUNTS = ("installer", "ada")
"""Local accounts that people made on it."""


def add(world: World, scope: str, subnet_id: str, image: str, *, power: str = "running") -> Resource:
    """`golden`, in no pool and no domain, made from a gallery version. `power`: running, stopped or deallocated."""
    vm_id = f"{scope}/providers/Microsoft.Compute/virtualMachines/{NAME}"
    tags = {"owner": "desktop-team"}
    nic_id = _nic(world, scope, subnet_id)
    content = guests.new_content(image=image_version(scope, image), generalized=False)
    content |= {
        "provisioned": True,
        "computer_name": NAME,
        "local_admin": "avdadmin",
        "time_zone": TIME_ZONE,
        "partition_gb": DISK_GB,
        **guest_sysprep.accounts(*ACCOUNTS),
    }
    disk = disks.new_disk(
        world,
        f"{scope}/providers/Microsoft.Compute/disks/{NAME}_OsDisk_1",
        location=LOCATION,
        creation={"createOption": "FromImage", "galleryImageReference": {"id": image_version(scope, image)}},
        size_gb=DISK_GB,
        sku="Premium_LRS",
        os_type="Windows",
        generation="V2",
        security_type="TrustedLaunch",
        tags=dict(tags),
        content=content,
    )
    disks.attach(world, disk, vm_id, reserved=power == "deallocated")
    vm = world.put(vm_id, _body(world, vm_id, nic_id, disk, tags), {"generation": "V2"})
    network_interfaces.attach(world, nic_id, vm_id, primary=True)
    guests.adopt(world, vm_id, power)
    return vm


def _nic(world: World, scope: str, subnet_id: str) -> str:
    nic_id = f"{scope}/providers/Microsoft.Network/networkInterfaces/{NAME}-nic"
    configuration: Body = {
        "name": "ipconfig1",
        "id": f"{nic_id}/ipConfigurations/ipconfig1",
        "type": "Microsoft.Network/networkInterfaces/ipConfigurations",
        "properties": {
            "privateIPAddress": "10.128.0.10",
            "privateIPAllocationMethod": "Static",
            "subnet": {"id": subnet_id},
            "primary": True,
            "privateIPAddressVersion": "IPv4",
        },
    }
    body: Body = {
        "name": f"{NAME}-nic",
        "id": nic_id,
        "tags": {"owner": "desktop-team"},
        "type": "Microsoft.Network/networkInterfaces",
        "location": LOCATION,
        "kind": "Regular",
        "properties": {
            "resourceGuid": world.guid(),
            "ipConfigurations": [configuration],
            "dnsSettings": {"dnsServers": [], "appliedDnsServers": []},
            "macAddress": "00-0D-3A-00-60-1D",
            "enableIPForwarding": False,
            "nicType": "Standard",
        },
    }
    world.put(nic_id, bodies.stamp(world, body, "Succeeded"))
    subnet = world.get(subnet_id)
    assert subnet is not None
    reference = {"id": subnets.upper(configuration["id"])}
    subnet.body["properties"].setdefault("ipConfigurations", []).append(reference)
    subnets.show_in_network(world, subnet_id.rsplit("/subnets/", 1)[0])
    return nic_id


def _body(world: World, vm_id: str, nic_id: str, disk: Resource, tags: dict[str, str]) -> Body:
    return {
        "name": NAME,
        "id": vm_id,
        "type": "Microsoft.Compute/virtualMachines",
        "location": LOCATION,
        "tags": dict(tags),
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_D4s_v5"},
            "provisioningState": "Succeeded",
            "vmId": world.guid(),
            "licenseType": "Windows_Client",
            "storageProfile": {
                "osDisk": {
                    "osType": "Windows",
                    "name": disk.body["name"],
                    "createOption": "FromImage",
                    "caching": "ReadWrite",
                    "managedDisk": {"storageAccountType": "Premium_LRS", "id": disk.id},
                    "deleteOption": "Detach",
                    "diskSizeGB": DISK_GB,
                },
                "dataDisks": [],
                "diskControllerType": "SCSI",
            },
            "osProfile": {
                "computerName": NAME,
                "adminUsername": "avdadmin",
                "windowsConfiguration": {"provisionVMAgent": True, "timeZone": TIME_ZONE},
                "secrets": [],
                "allowExtensionOperations": True,
            },
            "securityProfile": {
                "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
                "securityType": "TrustedLaunch",
            },
            "networkProfile": {
                "networkInterfaces": [{"id": nic_id, "properties": {"primary": True, "deleteOption": "Detach"}}]
            },
            "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
            "timeCreated": world.iso(world.now - 90 * 86400).replace("Z", "+00:00"),
        },
    }
