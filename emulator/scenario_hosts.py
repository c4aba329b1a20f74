"""The machines of a scenario: network, images, virtual machines and what belongs to them, session hosts, sessions."""

from __future__ import annotations

import copy
import ipaddress
import json
import math
from dataclasses import dataclass, field

from emulator import capacity, computers, guests, ids, users
from emulator.compute import disks, sizes
from emulator.desktopvirtualization import agent, session_hosts
from emulator.desktopvirtualization.broker import Broker, broker_of
from emulator.network import bodies, subnets
from emulator.resources import groups
from emulator.wire import Body
from emulator.world import Resource, World

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
GROUP = "avd"
LOCATION = "westeurope"
TENANT = "22222222-2222-2222-2222-222222222222"
DISK_GB = 127
TIME_ZONE = "W. Europe Standard Time"
IMAGES = ("1.0.0", "1.0.1")
"""Managed images `win11-<version>`, the sources of the gallery versions to come."""


@dataclass
class Site:
    """What the hosts stand on. `vms` are ids in order, `images` is the group of the images."""

    subnet: Resource
    images: str
    groups: list[str]
    identity: str
    hosts: int
    vms: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """What is special about the hosts of a scenario; the numbers count hosts from the end of the list."""

    image: str
    join: str
    join_user: str
    vm_size: str
    os_disk_type: str
    off: int
    draining: int
    needs_assistance: int
    personal: bool
    people: int
    habits: users.Habits


def prepare(world: World, *, hosts: int, groups: int, apart: bool = False) -> Site:
    """Resource groups, virtual network with subnets, the hosts' identity, managed images."""
    scope = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"

    def place(what: str) -> str:
        return _group(world, f"{GROUP}-{what}") if apart else scope

    scopes = [place("hosts")] + [_group(world, f"{GROUP}-hosts-{number}") for number in range(2, groups + 1)]
    subnet, images = _network(world, place("network"), hosts), place("images")
    for version in IMAGES:
        _managed_image(world, images, version)
    identity = f"{scope}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/avd-hosts"
    properties = {"tenantId": TENANT, "principalId": world.guid(), "clientId": world.guid()}
    kind = "Microsoft.ManagedIdentity/userAssignedIdentities"
    world.put(
        identity,
        {"id": identity, "name": "avd-hosts", "type": kind, "location": LOCATION, "tags": {}, "properties": properties},
    )
    return Site(subnet, images, scopes, identity, hosts)


def add_hosts(world: World, site: Site, pool_id: str, numbers: range, plan: Plan) -> None:
    """The virtual machines of these numbers, registered with a pool and at work, and the people on them."""
    pool = world.get(pool_id)
    assert pool is not None
    hosts, broker = len(numbers), broker_of(world, pool_id)
    references: list[Body] = []
    groups = _groups_of(site, numbers)
    for index, number in enumerate(numbers):
        vm = _virtual_machine(world, site, plan, number, groups[index % len(groups)], ids.name(pool_id), references)
        site.vms.append(vm.id)
        _at_work(world, broker, vm, plan, index, hosts)
    if references:
        site.subnet.body["properties"].setdefault("ipConfigurations", []).extend(references)
    subnets.show_in_network(world, site.subnet.id.rsplit("/subnets/", 1)[0])
    vms = site.vms[len(site.vms) - hosts :]
    off = set(vms[hosts - plan.off :]) if plan.off else set()
    capacity.adopt(world, pool_id, {vm_id: vm_id in off for vm_id in vms})
    crowd = users.populate(world, broker, plan.people, plan.habits)
    users.begin(world, broker, _placed(world, broker, crowd, plan, hosts))
    capacity.pool_changed(world, pool_id)


def vm_template(images: str, image: str, vm_size: str, os_disk_type: str) -> str:
    """The host pool's vmTemplate as the portal writes it: JSON in a string. `images` is the group of the images."""
    size = sizes.find_size(vm_size)
    return json.dumps(
        {
            "domain": "contoso.com",
            "galleryImageOffer": None,
            "galleryImagePublisher": None,
            "galleryImageSKU": None,
            "imageType": "CustomImage",
            "customImageId": image_version(images, image),
            "namePrefix": "vm",
            "osDiskType": os_disk_type,
            "vmSize": {"id": vm_size, "cores": size.cores if size else 4, "ram": int(size.memory_gb) if size else 16},
            "galleryItemId": None,
            "hibernate": False,
            "diskSizeGB": DISK_GB,
            "securityType": "TrustedLaunch",
            "secureBoot": True,
            "vTPM": True,
        }
    )


def image_version(images: str, version: str) -> str:
    """The gallery version that the hosts' disks were made from; no such gallery exists (any more)."""
    return f"{images}/providers/Microsoft.Compute/galleries/avd/images/win11/versions/{version}"


def quota(vm_size: str, hosts: int) -> dict[str, int]:
    """vCPU limits that leave room for half as many machines again, and not less than 10,000."""
    size = sizes.find_size(vm_size)
    limit = max(10_000, math.ceil(1.5 * hosts * (size.cores if size else 4)))
    return {"cores": limit, **({size.family: limit} if size else {})}


# -- parts


def _group(world: World, name: str) -> str:
    return groups.add(world, SUBSCRIPTION, name, LOCATION)


def _network(world: World, scope: str, hosts: int) -> Resource:
    """`avd-vnet` with `hosts` (10.0.0.0/22, larger where the pool needs it) and `build`."""
    prefix = min(22, 32 - math.ceil(math.log2(max(hosts * 1.25, 8) + 5)))
    network_id = f"{scope}/providers/Microsoft.Network/virtualNetworks/avd-vnet"
    body: Body = {
        "name": "avd-vnet",
        "id": network_id,
        "type": "Microsoft.Network/virtualNetworks",
        "location": LOCATION,
        "tags": {"owner": "network-team"},
        "properties": {
            "resourceGuid": world.guid(),
            "addressSpace": {"addressPrefixes": ["10.0.0.0/8"]},
            "enableDdosProtection": False,
            "virtualNetworkPeerings": [],
            "subnets": [],
        },
    }
    network = world.put(network_id, bodies.stamp(world, body, "Succeeded"))
    subnet = subnets.write(world, network, "hosts", {"addressPrefix": f"10.0.0.0/{prefix}"}, state="Succeeded")
    subnets.write(world, network, "build", {"addressPrefix": "10.128.0.0/22"}, state="Succeeded")
    return subnet


def _managed_image(world: World, scope: str, version: str) -> None:
    image_id = f"{scope}/providers/Microsoft.Compute/images/win11-{version}"
    content = guests.new_content(image=image_id, generalized=True)
    world.put(
        image_id,
        {
            "name": f"win11-{version}",
            "id": image_id,
            "type": "Microsoft.Compute/images",
            "location": LOCATION,
            "tags": {},
            "properties": {
                "storageProfile": {
                    "osDisk": {
                        "osType": "Windows",
                        "osState": "Generalized",
                        "diskSizeGB": DISK_GB,
                        "caching": "ReadWrite",
                        "storageAccountType": "Premium_LRS",
                    },
                    "dataDisks": [],
                    "zoneResilient": True,
                },
                "hyperVGeneration": "V2",
                "provisioningState": "Succeeded",
            },
        },
        {"content": content, "security_types": ["TrustedLaunch"]},
    )


def _groups_of(site: Site, numbers: range) -> list[str]:
    """The resource groups of a pool's hosts: an equal share of all, in order."""
    hosts = max(1, len(numbers))
    share = len(site.groups) // max(1, site.hosts // hosts)
    first = numbers.start // hosts * share
    return site.groups[first : first + share]


def _address(site: Site, index: int) -> str:
    """The addresses of the subnet from the tenth on."""
    prefix = ipaddress.IPv4Network(site.subnet.body["properties"]["addressPrefix"])
    return str(prefix.network_address + 10 + index)


def _virtual_machine(
    world: World, site: Site, plan: Plan, index: int, scope: str, pool_name: str, references: list[Body]
) -> Resource:
    address = _address(site, index)
    name, zone = f"vm-{index}", str(index % 3 + 1)
    vm_id = f"{scope}/providers/Microsoft.Compute/virtualMachines/{name}"
    nic_id = _nic(world, site, scope, name, vm_id, address)
    references.append({"id": subnets.upper(f"{nic_id}/ipConfigurations/ipconfig1")})
    tags = {"owner": "desktop-team", "costCenter": "4711"}
    image = image_version(site.images, plan.image)
    os_disk = _os_disk(world, plan, image, scope, name, zone, tags)
    data_disks = [_data_disk(world, scope, name, lun, zone, vm_id) for lun in ((0, 3) if index % 4 == 0 else (0,))]
    disks.attach(world, os_disk, vm_id)
    windows: Body = {
        "provisionVMAgent": True,
        "enableAutomaticUpdates": False,
        "timeZone": TIME_ZONE,
        "patchSettings": {"patchMode": "Manual", "assessmentMode": "ImageDefault"},
    }
    body: Body = {
        "name": name,
        "id": vm_id,
        "type": "Microsoft.Compute/virtualMachines",
        "location": LOCATION,
        "tags": dict(tags),
        "zones": [zone],
        "identity": {
            "type": "SystemAssigned, UserAssigned",
            "principalId": world.guid(),
            "tenantId": TENANT,
            "userAssignedIdentities": {site.identity: {"principalId": world.guid(), "clientId": world.guid()}},
        },
        "properties": {
            "hardwareProfile": {"vmSize": plan.vm_size},
            "provisioningState": "Succeeded",
            "vmId": world.guid(),
            "licenseType": "Windows_Client",
            "storageProfile": {
                "imageReference": {"id": image, "exactVersion": plan.image},
                "osDisk": {
                    "osType": "Windows",
                    "name": os_disk.body["name"],
                    "createOption": "FromImage",
                    "caching": "ReadWrite",
                    "managedDisk": {"storageAccountType": plan.os_disk_type, "id": os_disk.id},
                    "deleteOption": "Delete",
                    "diskSizeGB": DISK_GB,
                },
                "dataDisks": data_disks,
                "diskControllerType": "SCSI",
            },
            "osProfile": {
                "computerName": name,
                "adminUsername": "avdadmin",
                "windowsConfiguration": windows,
                "secrets": [],
                "allowExtensionOperations": True,
                "requireGuestProvisionSignal": True,
            },
            "securityProfile": {
                "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
                "securityType": "TrustedLaunch",
            },
            "networkProfile": {
                "networkInterfaces": [{"id": nic_id, "properties": {"primary": True, "deleteOption": "Detach"}}]
            },
            "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
            "timeCreated": _offset(world),
        },
    }
    vm = world.put(vm_id, body, {"generation": "V2"})
    for extension in _extensions(plan.join, pool_name):
        _extension(world, vm_id, *extension)
    return vm


def _nic(world: World, site: Site, scope: str, name: str, vm_id: str, address: str) -> str:
    nic_id = f"{scope}/providers/Microsoft.Network/networkInterfaces/{name}-nic"
    mac = f"{world.random.getrandbits(24):06X}"
    body: Body = {
        "name": f"{name}-nic",
        "id": nic_id,
        "tags": {"owner": "desktop-team"},
        "properties": {
            "resourceGuid": world.guid(),
            "ipConfigurations": [
                {
                    "name": "ipconfig1",
                    "id": f"{nic_id}/ipConfigurations/ipconfig1",
                    "type": "Microsoft.Network/networkInterfaces/ipConfigurations",
                    "properties": {
                        "privateIPAddress": address,
                        "privateIPAllocationMethod": "Static",
                        "subnet": {"id": site.subnet.id},
                        "primary": True,
                        "privateIPAddressVersion": "IPv4",
                    },
                }
            ],
            "dnsSettings": {"dnsServers": [], "appliedDnsServers": []},
            "macAddress": f"00-0D-3A-{mac[:2]}-{mac[2:4]}-{mac[4:]}",
            "enableAcceleratedNetworking": True,
            "vnetEncryptionSupported": False,
            "enableIPForwarding": False,
            "disableTcpStateTracking": False,
            "primary": True,
            "virtualMachine": {"id": vm_id},
            "hostedWorkloads": [],
            "tapConfigurations": [],
            "nicType": "Standard",
        },
        "type": "Microsoft.Network/networkInterfaces",
        "location": LOCATION,
        "kind": "Regular",
    }
    world.put(nic_id, bodies.stamp(world, body, "Succeeded"))
    return nic_id


def _os_disk(world: World, plan: Plan, image: str, scope: str, name: str, zone: str, tags: dict[str, str]) -> Resource:
    """A disk with Windows on it that was set up, joined and registered long ago."""
    unique = world.guid()
    content = guests.new_content(image=image, generalized=False)
    content |= {
        "provisioned": True,
        "computer_name": name,
        "local_admin": "avdadmin",
        "time_zone": TIME_ZONE,
        "no_auto_update": True,
        "agent": True,
        "partition_gb": DISK_GB,
    }
    # A VM hands its tags to the disks it makes, and names them so (arm recordings of VM creates).
    return disks.new_disk(
        world,
        f"{scope}/providers/Microsoft.Compute/disks/{name}_OsDisk_1_{unique.replace('-', '')}",
        location=LOCATION,
        creation={"createOption": "FromImage", "galleryImageReference": {"id": image}},
        size_gb=DISK_GB,
        sku=plan.os_disk_type,
        os_type="Windows",
        generation="V2",
        security_type="TrustedLaunch",
        zones=[zone],
        tags=dict(tags),
        content=content,
        unique_id=unique,
    )


def _data_disk(world: World, scope: str, name: str, lun: int, zone: str, vm_id: str) -> Body:
    disk = disks.new_disk(
        world,
        f"{scope}/providers/Microsoft.Compute/disks/{name}-data-{lun}",
        location=LOCATION,
        creation={"createOption": "Empty"},
        size_gb=64,
        sku="StandardSSD_LRS",
        zones=[zone],
        tags={"owner": "desktop-team"},
    )
    disks.attach(world, disk, vm_id)
    return {
        "lun": lun,
        "name": disk.body["name"],
        "createOption": "Attach",
        "caching": "None",
        "managedDisk": {"storageAccountType": "StandardSSD_LRS", "id": disk.id},
        "deleteOption": "Detach",
        "diskSizeGB": 64,
        "toBeDetached": False,
    }


Extension = tuple[str, str, str, str, Body]


def _extensions(join: str, pool_name: str) -> list[Extension]:
    """(name, publisher, type, version, settings): two that a rebuild must keep and those that joined the host."""
    dsc_settings: Body = {
        "modulesUrl": "https://wvdportalstorageblob.blob.core.windows.net/galleryartifacts/Configuration_1.0.02990.697.zip",
        "configurationFunction": "Configuration.ps1\\AddSessionHost",
        "properties": {"hostPoolName": pool_name, "aadJoin": join == "entra", "UseAgentDownloadEndpoint": True},
    }
    if join == "entra":
        joined: Extension = (
            "AADLoginForWindows",
            "Microsoft.Azure.ActiveDirectory",
            "AADLoginForWindows",
            "2.0",
            {"mdmId": "0000000a-0000-0000-c000-000000000000"},
        )
    else:
        settings = {"name": "contoso.com", "ouPath": "OU=AVD,DC=contoso,DC=com", "user": "joiner@contoso.com"}
        settings |= {"restart": "true", "options": "3"}
        joined = ("joindomain", "Microsoft.Compute", "JsonADDomainExtension", "1.3", settings)
    return [
        ("AzureMonitorWindowsAgent", "Microsoft.Azure.Monitor", "AzureMonitorWindowsAgent", "1.0", {}),
        ("GuestAttestation", "Microsoft.Azure.Security.WindowsAttestation", "GuestAttestation", "1.0", {}),
        ("Microsoft.PowerShell.DSC", "Microsoft.Powershell", "DSC", "2.83", dsc_settings),
        joined,
    ]


def _extension(world: World, vm_id: str, name: str, publisher: str, kind: str, version: str, settings: Body) -> None:
    keep = kind in ("AzureMonitorWindowsAgent", "GuestAttestation")
    resource_id = f"{vm_id}/extensions/{name}"
    body: Body = {
        "name": name,
        "id": resource_id,
        "type": guests.EXTENSION_TYPE,
        "location": LOCATION,
        "properties": {
            "autoUpgradeMinorVersion": True,
            "provisioningState": "Succeeded",
            "enableAutomaticUpgrade": keep,
            "publisher": publisher,
            "type": kind,
            "typeHandlerVersion": version,
            **({"settings": copy.deepcopy(settings)} if settings else {}),
        },
    }
    if keep:
        body["tags"] = {"owner": "operations"}
    statuses = [{"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"}]
    world.put(resource_id, body, {"sequence": 1, "handler_version": f"{version}.0.0", "statuses": statuses})


def _at_work(world: World, broker: Broker, vm: Resource, plan: Plan, index: int, hosts: int) -> None:
    """The host has been joined and registered for long."""
    off = index >= hosts - plan.off
    draining = not off and index >= hosts - plan.off - plan.draining
    troubled = not off and not draining and index >= hosts - plan.off - plan.draining - plan.needs_assistance
    name = vm.body["name"]
    content = guests.content_of(world, vm.id)
    if plan.join == "entra":
        content["device_generation"] = computers.register_device(world, name, vm.id)
        record_name = name
    else:
        content["secret_generation"] = computers.join_ad(world, name, plan.join_user)
        record_name = f"{name}.contoso.com"
    content["registered_pool"] = broker.id
    guests.adopt(world, vm.id, "deallocated" if off else "running")
    record = session_hosts.make(
        world, broker, record_name, vm, status="Shutdown" if off else "Available", computer=name, running=not off
    )
    # Beats are spread over the minute; a host that is off was last heard of the day before.
    record.hidden["since"] = world.now - (86400 if off else world.random.uniform(0, session_hosts.BEAT))
    record.hidden["urls_blocked"] = troubled
    results, status = agent.checks(world, vm, record)
    record.body["properties"]["sessionHostHealthCheckResults"] = results
    record.body["properties"]["status"] = "Shutdown" if off else status
    record.body["properties"]["allowNewSession"] = not draining
    if troubled:
        agent.watch(world, record)
    if off:
        profile = vm.body["properties"]["storageProfile"]
        for entry in (profile["osDisk"], *profile["dataDisks"]):
            disk = world.get(entry["managedDisk"]["id"])
            if disk is not None:
                disk.body["properties"]["diskState"] = "Reserved"


def _placed(world: World, broker: Broker, crowd: users.Crowd, plan: Plan, hosts: int) -> list[tuple[users.User, str]]:
    """Who is logged on where at the start: spread over the running hosts, a few on those that drain."""
    people = list(crowd.people.values())
    records = list(broker.hosts)[: hosts - plan.off]
    if plan.personal:
        for user, record_id in zip(people, broker.hosts, strict=False):
            user.home = record_id
            record = world.get(record_id)
            if record is not None:
                record.body["properties"]["assignedUser"] = user.name
        return [
            (user, user.home)
            for user in people[: len(records)]
            if user.home and world.random.random() < plan.habits.logged_on
        ]
    if not records:
        return []
    pool = world.get(broker.id)
    limit = pool.body["properties"]["maxSessionLimit"] if pool is not None else 0
    wanted = min(round(len(people) * plan.habits.logged_on), limit * len(records))
    chosen = people if plan.habits.stay else world.random.sample(people, len(people))
    return [(user, records[position % len(records)]) for position, user in enumerate(chosen[:wanted])]


def _offset(world: World) -> str:
    return world.iso(world.now - 90 * 86400).replace("Z", "+00:00")
