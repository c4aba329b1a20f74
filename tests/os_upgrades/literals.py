"""A scale set that breaks no rule, in Azure's own words, and what it depends on; tests break one thing at a time."""

from __future__ import annotations

import copy
from typing import Any

from os_upgrades.scale_set import Instance, ScaleSet, merged
from os_upgrades.surroundings import Case, Surroundings
from rollout.values import moment

NOW = float(moment("now", "2026-11-27T00:00:00Z"))
GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/web-rg"
COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
SCALE_SET = f"{COMPUTE}/virtualMachineScaleSets/web"
DEFINITION = f"{COMPUTE}/galleries/images/images/web"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/web-kv"
BALANCER = f"{GROUP}/providers/Microsoft.Network/loadBalancers/web-lb"
PROBE = f"{BALANCER}/probes/health"
SUBNET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/web/subnets/web"

HEALTH: dict[str, Any] = {
    "name": "HealthExtension",
    "properties": {
        "publisher": "Microsoft.ManagedServices",
        "type": "ApplicationHealthWindows",
        "typeHandlerVersion": "2.0",
        "autoUpgradeMinorVersion": True,
        "settings": {"protocol": "http", "port": 80, "requestPath": "/health"},
    },
}


def fabric(**changed: Any) -> dict[str, Any]:
    """The Service Fabric extension."""
    settings = {"nodeTypeRef": "nt1", "durabilityLevel": "Silver", "clusterEndpoint": "https://sf/1"}
    version = changed.pop("typeHandlerVersion", "1.1")
    return {
        "name": "ServiceFabric",
        "properties": {
            "publisher": "Microsoft.Azure.ServiceFabric",
            "type": "ServiceFabricNode",
            "typeHandlerVersion": version,
            "settings": {**settings, **changed},
        },
    }


def extension(name: str = "script", **properties: Any) -> dict[str, Any]:
    made = {"publisher": "Microsoft.Compute", "type": "CustomScriptExtension", "typeHandlerVersion": "1.10"}
    return {"name": name, "properties": {**made, **properties}}


def body(patch: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    """A Windows scale set of ten that follows a gallery image, with `patch` merged into its properties."""
    good: dict[str, Any] = {
        "id": SCALE_SET,
        "name": "web",
        "location": "westeurope",
        "sku": {"name": "Standard_D2s_v5", "tier": "Standard", "capacity": 10},
        "tags": {},
        "properties": {
            "orchestrationMode": "Uniform",
            "singlePlacementGroup": True,
            "upgradePolicy": {
                "mode": "Rolling",
                "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True},
            },
            "virtualMachineProfile": {
                "osProfile": {"windowsConfiguration": {"enableAutomaticUpdates": False}},
                "storageProfile": {"imageReference": {"id": DEFINITION}},
                "networkProfile": {"networkInterfaceConfigurations": []},
                "extensionProfile": {"extensions": [HEALTH]},
            },
        },
    }
    found = copy.deepcopy({**good, **top})
    return merged(found, {"properties": patch}) if patch else found


def profile(**parts: Any) -> dict[str, Any]:
    return {"virtualMachineProfile": parts}


def extensions(*listed: dict[str, Any]) -> dict[str, Any]:
    return profile(extensionProfile={"extensions": list(listed)})


def version(name: str, *regions: str, **publishing: Any) -> dict[str, Any]:
    """A version of the gallery image."""
    targets = [{"name": region} for region in regions]
    return {
        "id": f"{DEFINITION}/versions/{name}",
        "properties": {"provisioningState": "Succeeded", "publishingProfile": {"targetRegions": targets, **publishing}},
    }


def balancer(sku: str = "Standard", **probe: Any) -> dict[str, Any]:
    properties = {"protocol": "Http", "port": 80, "intervalInSeconds": 15, **probe}
    return {
        "id": BALANCER,
        "sku": {"name": sku},
        "properties": {"probes": [{"name": "health", "properties": properties}]},
    }


def cluster(**node_type: Any) -> dict[str, Any]:
    return {"properties": {"nodeTypes": [{"name": "nt1", "durabilityLevel": "Silver", **node_type}]}}


def instance(number: int, *, latest: bool | None = True) -> Instance:
    return Instance(
        {
            "id": f"{SCALE_SET}/virtualMachines/{number}",
            "instanceId": str(number),
            "properties": {"latestModelApplied": latest},
        }
    )


def case(patch: dict[str, Any] | None = None, *, top: dict[str, Any] | None = None, **around: Any) -> Case:
    """What the rules look at. `around`: fields of Surroundings, updates_instances, and what was before (properties)."""
    updates, before = around.pop("updates_instances", False), around.pop("before", None)
    known: dict[str, Any] = {"image_versions": [version("1.0.0", "westeurope")], **around}
    was = ScaleSet(body(before)) if before is not None else None
    return Case(ScaleSet(body(patch, **(top or {}))), Surroundings(**known), NOW, updates, was)
