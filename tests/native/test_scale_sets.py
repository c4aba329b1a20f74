"""The types around scale sets, against an emulator: made, read as they were declared, changed, deleted."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.native.provider import Provider
from tests.native.conftest import Plugin, running
from tests.support.emulator import as_deployer, served

SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111"
GROUP = f"{SUBSCRIPTION}/resourceGroups/avd"
SET = "azure-native:compute:VirtualMachineScaleSet"
BALANCER = "azure-native:network:LoadBalancer"
CONFIGURATION = "azure-native:maintenance:MaintenanceConfiguration"
ASSIGNMENT = "azure-native:maintenance:ConfigurationAssignment"


def scale_set(probe: str, **more: Any) -> dict[str, Any]:
    subnet = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/web-vnet/subnets/web"
    nic = {"name": "nic", "primary": True, "ipConfigurations": [{"name": "ip", "subnet": {"id": subnet}}]}
    return {
        "resourceGroupName": "avd",
        "vmScaleSetName": "app",
        "location": "westeurope",
        "sku": {"name": "Standard_D2s_v5", "capacity": 2},
        "upgradePolicy": {"mode": "Rolling"},
        "virtualMachineProfile": {
            "osProfile": {"computerNamePrefix": "app", "adminUsername": "u", "adminPassword": "Secret-Pass-1"},
            "storageProfile": {
                "imageReference": {"id": f"{GROUP}/providers/Microsoft.Compute/galleries/images/images/web"},
                "osDisk": {"createOption": "FromImage", "caching": "ReadWrite"},
            },
            "networkProfile": {"healthProbe": {"id": probe}, "networkInterfaceConfigurations": [nic]},
        },
        **more,
    }


@pytest.fixture
def plugin(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    with served(tmp_path, name="scale-set", speed=3000.0, instances=1) as azure, running(Provider()) as started:
        for name, value in as_deployer(azure).items():
            monkeypatch.setenv(name, value)
        started.configure()
        yield started


def test_a_set_with_its_load_balancer_and_maintenance(plugin: Plugin) -> None:
    probes = [{"name": "health", "protocol": "Tcp", "port": 80, "intervalInSeconds": 5}]
    _, balancer = plugin.create(
        BALANCER,
        {
            "resourceGroupName": "avd",
            "loadBalancerName": "app-lb",
            "location": "westeurope",
            "sku": {"name": "Standard"},
            "probes": probes,
        },
    )
    inputs = scale_set(balancer["probes"][0]["id"])
    set_id, outputs = plugin.create(SET, inputs)
    assert (set_id, outputs["provisioningState"]) == (
        f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/app",
        "Succeeded",
    )
    bigger = {**inputs, "sku": {"name": "Standard_D2s_v5", "capacity": 3}}
    assert plugin.update(SET, set_id, inputs, bigger)["sku"]["capacity"] == 3
    window = {
        "resourceGroupName": "avd",
        "resourceName": "nights",
        "location": "westeurope",
        "maintenanceScope": "OSImage",
        "startDateTime": "2026-01-01 22:00",
        "duration": "05:00",
        "timeZone": "UTC",
        "recurEvery": "Day",
    }
    configuration_id, made = plugin.create(CONFIGURATION, window)
    assert made["recurEvery"] == "Day"
    read = plugin.read(CONFIGURATION, configuration_id)[1]
    assert {name: read[name] for name in window} == window
    target = {
        "resourceGroupName": "avd",
        "providerName": "Microsoft.Compute",
        "resourceType": "virtualMachineScaleSets",
        "resourceName": "app",
        "configurationAssignmentName": "nights",
        "location": "westeurope",
        "maintenanceConfigurationId": configuration_id,
    }
    assignment_id, assigned = plugin.create(ASSIGNMENT, target)
    assert (assignment_id, assigned["resourceId"]) == (
        f"{set_id}/providers/Microsoft.Maintenance/configurationAssignments/nights",
        set_id,
    )
    plugin.delete(ASSIGNMENT, assignment_id)
    plugin.delete(CONFIGURATION, configuration_id)
    plugin.delete(SET, set_id)
    assert plugin.read(SET, set_id)[0] == ""
