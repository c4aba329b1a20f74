"""The scale set `web` of a scenario: network, load balancer, gallery image with versions to come, instances at work."""

from __future__ import annotations

import re
from dataclasses import dataclass

from emulator import faults
from emulator.compute import (
    published_versions,
    scale_set_disks,
    scale_set_guests,
    scale_set_instances,
    scale_set_models,
    scale_sets,
)
from emulator.network import bodies, subnets
from emulator.wire import Body
from emulator.world import Resource, World

HEALTH = ("extension", "rich", "probe", "none")
SIZE = "Standard_D2s_v5"
NAME = "web"


@dataclass(frozen=True)
class Plan:
    """What is special about the set; `versions` and `bad_versions` as the options of the scenario have them."""

    instances: int
    zones: int
    health: str
    mode: str
    automatic: bool
    versions: str
    bad_versions: str


def add(world: World, scope: str, location: str, plan: Plan) -> None:
    """Put it up in a resource group (`scope`). Raises ValueError for versions that cannot be read."""
    subnet = _network(world, scope, location)
    probe = _balancer(world, scope, location) if plan.health == "probe" else None
    definition = _image(world, scope, location)
    for version, seconds in _pairs(plan.versions, "@", r"\d+"):
        entry = {"image": definition, "version": version}
        world.schedule(float(seconds), "published_versions.due", entry=entry)
    _bad(world, plan.bad_versions)
    given = _properties(plan, subnet, probe, definition)
    stored: Body = {
        "name": NAME,
        "id": f"{scope}/providers/{scale_sets.TYPE}/{NAME}",
        "type": scale_sets.TYPE,
        "location": location,
        "tags": {"owner": "web-team"},
        "sku": {"name": SIZE, "tier": "Standard", "capacity": plan.instances},
        **({"zones": [str(zone + 1) for zone in range(plan.zones)]} if plan.zones else {}),
        "properties": {"virtualMachineProfile": given["virtualMachineProfile"]},
    }
    source = scale_set_disks.source_of(world, Resource(stored["id"], stored))
    stored["properties"] = scale_set_models.new(given, source)
    scale_set = scale_sets.enter(world, stored, given)
    scale_set.body["properties"]["provisioningState"] = "Succeeded"
    scale_set.hidden["automatic_from"] = world.now
    for _ in range(plan.instances):
        scale_set_guests.adopt(world, scale_set_instances.place(world, scale_set, source))
    scale_set.hidden["provisioned_at"] = world.iso().replace("Z", "+00:00")
    if not plan.automatic:
        del scale_set.hidden["automatic_from"]


def versions_of(plan: Plan) -> list[tuple[str, str]]:
    """The versions to come and the bad ones, checked. Raises ValueError."""
    return _pairs(plan.versions, "@", r"\d+") + _pairs(plan.bad_versions, ":", "|".join(faults.GUEST_FAULTS))


# -- parts


def _network(world: World, scope: str, location: str) -> str:
    network_id = f"{scope}/providers/Microsoft.Network/virtualNetworks/web-vnet"
    body: Body = {
        "name": "web-vnet",
        "id": network_id,
        "type": "Microsoft.Network/virtualNetworks",
        "location": location,
        "tags": {"owner": "network-team"},
        "properties": {
            "resourceGuid": world.guid(),
            "addressSpace": {"addressPrefixes": ["10.1.0.0/16"]},
            "enableDdosProtection": False,
            "virtualNetworkPeerings": [],
            "subnets": [],
        },
    }
    network = world.put(network_id, bodies.stamp(world, body, "Succeeded"))
    subnet = subnets.write(world, network, "web", {"addressPrefix": "10.1.0.0/22"}, state="Succeeded")
    return subnet.id


def _balancer(world: World, scope: str, location: str) -> str:
    """`web-lb`, a Standard load balancer with the probe `health`; the id of the probe."""
    balancer_id = f"{scope}/providers/Microsoft.Network/loadBalancers/web-lb"
    probe_id = f"{balancer_id}/probes/health"
    probe: Body = {
        "name": "health",
        "id": probe_id,
        "etag": "",
        "properties": {
            "provisioningState": "Succeeded",
            "protocol": "Http",
            "port": 80,
            "requestPath": "/health",
            "intervalInSeconds": 5,
            "numberOfProbes": 2,
        },
        "type": "Microsoft.Network/loadBalancers/probes",
    }
    kinds = ("frontendIPConfigurations", "backendAddressPools", "loadBalancingRules", "inboundNatRules")
    more = ("outboundRules", "inboundNatPools")
    body: Body = {
        "name": "web-lb",
        "id": balancer_id,
        "etag": "",
        "type": "Microsoft.Network/loadBalancers",
        "location": location,
        "tags": {},
        "sku": {"name": "Standard", "tier": "Regional"},
        "properties": {"resourceGuid": world.guid(), "probes": [probe], **{kind: [] for kind in (*kinds, *more)}},
    }
    world.put(balancer_id, bodies.stamp(world, body, "Succeeded"))
    return probe_id


def _image(world: World, scope: str, location: str) -> str:
    """The gallery `images` with the definition `web` (Linux) and its version 1.0.0; the id of the definition."""
    gallery_id = f"{scope}/providers/Microsoft.Compute/galleries/images"
    definition_id = f"{gallery_id}/images/web"
    world.put(
        gallery_id,
        {
            "name": "images",
            "id": gallery_id,
            "type": "Microsoft.Compute/galleries",
            "location": location,
            "tags": {},
            "properties": {"identifier": {"uniqueName": "images"}, "provisioningState": "Succeeded"},
        },
    )
    world.put(
        definition_id,
        {
            "name": "web",
            "id": definition_id,
            "type": "Microsoft.Compute/galleries/images",
            "location": location,
            "tags": {},
            "properties": {
                "osType": "Linux",
                "osState": "Generalized",
                "hyperVGeneration": "V2",
                "architecture": "x64",
                "identifier": {"publisher": "contoso", "offer": "web", "sku": "linux"},
                "provisioningState": "Succeeded",
            },
        },
    )
    definition = world.get(definition_id)
    assert definition is not None
    published_versions.put(world, definition, "1.0.0", {})
    return definition_id


def _properties(plan: Plan, subnet: str, probe: str | None, definition: str) -> Body:
    configuration = {"name": "ip", "properties": {"subnet": {"id": subnet}}}
    nic = {"name": "nic", "properties": {"primary": True, "ipConfigurations": [configuration]}}
    extensions: list[Body] = [
        {
            "name": "setup",
            "properties": {
                "publisher": "Microsoft.Azure.Extensions",
                "type": "CustomScript",
                "typeHandlerVersion": "2.1",
                "autoUpgradeMinorVersion": True,
                "settings": {"commandToExecute": "systemctl enable --now web"},
            },
        }
    ]
    if plan.health in ("extension", "rich"):
        extensions.append(
            {
                "name": "health",
                "properties": {
                    "publisher": "Microsoft.ManagedServices",
                    "type": "ApplicationHealthLinux",
                    "typeHandlerVersion": "2.0" if plan.health == "rich" else "1.0",
                    "autoUpgradeMinorVersion": True,
                    "provisionAfterExtensions": ["setup"],
                    "settings": {"protocol": "http", "port": 80, "requestPath": "/health"},
                },
            }
        )
    automatic = {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}} if plan.automatic else {}
    return {
        "upgradePolicy": {"mode": plan.mode, **automatic},
        "virtualMachineProfile": {
            "osProfile": {
                "computerNamePrefix": "web",
                "adminUsername": "azureuser",
                "adminPassword": "L0cal-Admin-Passw0rd!",
                "customData": "I2Nsb3VkLWNvbmZpZwo=",
            },
            "storageProfile": {
                "imageReference": {"id": definition},
                "osDisk": {
                    "createOption": "FromImage",
                    "caching": "ReadWrite",
                    "managedDisk": {"storageAccountType": "Premium_LRS"},
                },
                "dataDisks": [{"lun": 0, "createOption": "Empty", "diskSizeGB": 64}],
            },
            "networkProfile": {
                "networkInterfaceConfigurations": [nic],
                **({"healthProbe": {"id": probe}} if probe else {}),
            },
            "extensionProfile": {"extensions": extensions},
        },
        "overprovision": False,
    }


def _bad(world: World, text: str) -> None:
    rules = [
        {
            "id": f"bad-{version}",
            "effect": {"type": "guest", "image": f"/versions/{re.escape(version)}$", "fault": fault},
        }
        for version, fault in _pairs(text, ":", "|".join(faults.GUEST_FAULTS))
    ]
    if rules:
        faults.replace(world, {"rules": rules})


def _pairs(text: str, between: str, second: str) -> list[tuple[str, str]]:
    """`1.0.1@3600 1.0.2@7200` -> [("1.0.1", "3600"), ...]."""
    found = []
    for word in text.replace(",", " ").split():
        match = re.fullmatch(rf"(\d+\.\d+\.\d+){re.escape(between)}({second})", word)
        if match is None:
            raise ValueError(f"{word!r} is not like 1.0.1{between}{'3600' if between == '@' else 'unhealthy'}")
        found.append((match[1], match[2]))
    return found
