"""Recorded exchanges of scale sets, driven through the emulator as in tests/emulator/wire/test_replay.py."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.arm_client import COMPUTE, NETWORK, Client
from tests.emulator.wire.test_replay import ASYNC, BOTH, STATUS, TIMES, Step, play

SET = f"{COMPUTE}/virtualMachineScaleSets/vmss6149"
SUBNET = f"{NETWORK}/virtualNetworks/vn484/subnets/sn3049"
BALANCER = f"{NETWORK}/loadBalancers/lb7186"
POOL = f"{BALANCER}/backendAddressPools/beap7628"
WAITING = "startTime status name"


def under(prefix: str, keys: str) -> str:
    return " ".join(f"{prefix}.{key}" for key in keys.split())


PROFILE = "properties.virtualMachineProfile"
NICS = f"{PROFILE}.networkProfile.networkInterfaceConfigurations[]"
IPS = "properties.ipConfigurations[]"
HEAD = "id location name type sku.capacity sku.name sku.tier"
PROPERTIES = under(
    "properties",
    "doNotRunExtensionsOnOverprovisionedVMs overprovision provisioningState singlePlacementGroup uniqueId",
)
POLICY = under(
    "properties.upgradePolicy",
    """mode rollingUpgradePolicy.maxBatchInstancePercent rollingUpgradePolicy.maxUnhealthyInstancePercent
    rollingUpgradePolicy.maxUnhealthyUpgradedInstancePercent rollingUpgradePolicy.pauseTimeBetweenBatches""",
)
NIC = """name properties.dnsSettings.dnsServers properties.enableIPForwarding properties.primary
    properties.ipConfigurations[].name properties.ipConfigurations[].properties.privateIPAddressVersion
    properties.ipConfigurations[].properties.loadBalancerBackendAddressPools[].id
    properties.ipConfigurations[].properties.subnet.id"""
EXTENSION = under(
    f"{PROFILE}.extensionProfile.extensions[]",
    "name properties.autoUpgradeMinorVersion properties.publisher properties.type properties.typeHandlerVersion",
)
IMAGE = under("imageReference", "offer publisher sku version")
OS_DISK = under("osDisk", "caching createOption managedDisk.storageAccountType")
SETTINGS = "properties.extensionProfile.extensions[].properties.settings"

OF_2019 = " ".join(
    (
        HEAD,
        "tags.RG tags.testTag",
        PROPERTIES,
        POLICY,
        under("properties.upgradePolicy.automaticOSUpgradePolicy", "disableAutomaticRollback enableAutomaticOSUpgrade"),
        under(NICS, f"{NIC} properties.enableAcceleratedNetworking"),
        f"{PROFILE}.networkProfile.healthProbe.id",
        EXTENSION,
        f"{PROFILE}.extensionProfile.extensions[].properties.settings",
        under(
            f"{PROFILE}.osProfile",
            """adminUsername allowExtensionOperations computerNamePrefix requireGuestProvisionSignal secrets
            windowsConfiguration.enableAutomaticUpdates windowsConfiguration.provisionVMAgent""",
        ),
        under(
            f"{PROFILE}.storageProfile",
            f"""{IMAGE} {OS_DISK} dataDisks[].caching dataDisks[].createOption dataDisks[].diskSizeGB dataDisks[].lun
            dataDisks[].managedDisk.storageAccountType""",
        ),
    )
)
OF_2024 = " ".join(
    (
        HEAD,
        "tags etag",
        PROPERTIES,
        under("properties", "orchestrationMode platformFaultDomainCount timeCreated virtualMachineProfile.timeCreated"),
        POLICY,
        under("properties.upgradePolicy.rollingUpgradePolicy", "maxSurge rollbackFailedInstancesOnPolicyBreach"),
        under(
            NICS,
            f"""{NIC} properties.enableAcceleratedNetworking properties.disableTcpStateTracking
            properties.networkSecurityGroup.id""",
        ),
        EXTENSION,
        under(f"{PROFILE}.extensionProfile.extensions[].properties.settings", "port protocol requestPath"),
        under(
            f"{PROFILE}.osProfile",
            """adminUsername allowExtensionOperations computerNamePrefix requireGuestProvisionSignal secrets
            linuxConfiguration.disablePasswordAuthentication linuxConfiguration.provisionVMAgent""",
        ),
        under(f"{PROFILE}.securityProfile", "securityType uefiSettings.secureBootEnabled uefiSettings.vTpmEnabled"),
        under(f"{PROFILE}.storageProfile", f"{IMAGE} {OS_DISK} osDisk.osType osDisk.diskSizeGB diskControllerType"),
    )
)
AUTOMATIC = under(
    "properties.upgradePolicy.automaticOSUpgradePolicy",
    "disableAutomaticRollback enableAutomaticOSUpgrade useRollingUpgradePolicy",
)
VIEW = "statuses[].code statuses[].displayStatus statuses[].level statuses[].time"
COUNTS = "virtualMachine.statusesSummary[].code virtualMachine.statusesSummary[].count"


def nics(name: str, **more: Any) -> dict[str, Any]:
    inner = {"subnet": {"id": SUBNET}, "loadBalancerBackendAddressPools": [{"id": POOL}]}
    if not more:
        inner["applicationGatewayBackendAddressPools"] = []
    configuration = {"name": f"{name}-ip", "properties": inner}
    properties = {"primary": True, **more, "ipConfigurations": [configuration]}
    return {"networkInterfaceConfigurations": [{"name": name, "properties": properties}]}


MONITORING = {
    "name": "monitoring",
    "properties": {
        "publisher": "Microsoft.Azure.Monitor",
        "type": "AzureMonitorWindowsAgent",
        "typeHandlerVersion": "2.0",
        "autoUpgradeMinorVersion": True,
        "settings": {},
    },
}
BODY_2019 = {
    "sku": {"name": "Standard_A2_v2", "capacity": 2},
    "properties": {
        "upgradePolicy": {"mode": "Rolling", "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": False}},
        "virtualMachineProfile": {
            "osProfile": {
                "computerNamePrefix": "test",
                "adminUsername": "Foo12",
                "adminPassword": "Pass-Word-1",
                "customData": "Q3VzdG9tIGRhdGE=",
            },
            "storageProfile": {
                "imageReference": {
                    "publisher": "MicrosoftWindowsServer",
                    "offer": "WindowsServer",
                    "sku": "2019-Datacenter",
                    "version": "latest",
                },
                "osDisk": {"createOption": "FromImage"},
                "dataDisks": [{"lun": 1, "createOption": "Empty", "diskSizeGB": 128}],
            },
            "networkProfile": {"healthProbe": {"id": f"{BALANCER}/probes/lbp8415"}, **nics("nic")},
            "extensionProfile": {"extensions": [MONITORING]},
        },
        "overprovision": False,
    },
    "location": "southcentralus",
    "tags": {"RG": "rg", "testTag": "1"},
}
LATEST = """type location properties.policy.maxBatchInstancePercent properties.policy.maxUnhealthyInstancePercent
    properties.policy.maxUnhealthyUpgradedInstancePercent properties.policy.pauseTimeBetweenBatches
    properties.runningStatus.lastAction properties.runningStatus.lastActionTime properties.runningStatus.code
    properties.runningStatus.startTime properties.progress.successfulInstanceCount
    properties.progress.failedInstanceCount properties.progress.inProgressInstanceCount
    properties.progress.pendingInstanceCount"""
OLD = "2019-07-01"
ROLLING = [
    Step(
        "PUT",
        SET,
        201,
        OF_2019,
        ASYNC | {"retry-after"},
        BODY_2019,
        OLD,
        (("properties.provisioningState", "Creating"),),
    ),
    Step("GET", "@status", 200, TIMES, says=((STATUS, "Succeeded"),), after=1300),
    Step("GET", SET, 200, OF_2019, version=OLD),
    Step(
        "GET",
        f"{SET}/instanceView",
        200,
        f"{VIEW} {COUNTS} extensions[].name {under('extensions[]', 'statusesSummary[].code statusesSummary[].count')}",
        version=OLD,
    ),
    Step("POST", f"{SET}/osRollingUpgrade", 202, None, BOTH, version=OLD),
    Step("GET", "@status", 200, TIMES, says=((STATUS, "Succeeded"),), after=125),
    Step("GET", "@result", 200, None),
    Step(
        "GET",
        f"{SET}/rollingUpgrades/latest",
        200,
        LATEST,
        version=OLD,
        says=(("properties.runningStatus.code", "Completed"), ("properties.progress.successfulInstanceCount", 2)),
    ),
    Step("POST", f"{SET}/rollingUpgrades/cancel", 202, None, BOTH, version=OLD),
    Step("GET", "@status", 200, TIMES, says=((STATUS, "Succeeded"),), after=30),
    Step("GET", "@result", 200, None),
]

HEALTH = {
    "name": "ApplicationHealthLinux",
    "properties": {
        "publisher": "Microsoft.ManagedServices",
        "type": "ApplicationHealthLinux",
        "typeHandlerVersion": "1.0",
        "autoUpgradeMinorVersion": True,
        "settings": {"port": 80, "protocol": "http", "requestPath": "/"},
    },
}
GROUP_OF_RULES = {"id": f"{NETWORK}/networkSecurityGroups/nsg"}


def body_of_2024(mode: str, *, image: bool, automatic: bool) -> dict[str, Any]:
    """The CLI's PUT: what GET shows, without the image reference."""
    reference = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
    os_profile = {
        "computerNamePrefix": "vmss7eaa4",
        "adminUsername": "user-1",
        "linuxConfiguration": {"disablePasswordAuthentication": False, "provisionVMAgent": True},
    }
    return {
        "location": "southcentralus",
        "tags": {},
        "sku": {"name": "Standard_DS1_v2", "tier": "Standard", "capacity": 2},
        "properties": {
            "upgradePolicy": {
                "mode": mode,
                **({"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}} if automatic else {}),
            },
            "virtualMachineProfile": {
                "osProfile": os_profile if not image else {**os_profile, "adminPassword": "Pass-Word-1"},
                "storageProfile": {
                    **({"imageReference": reference} if image else {}),
                    "osDisk": {
                        "caching": "ReadWrite",
                        "createOption": "FromImage",
                        "managedDisk": {"storageAccountType": "Premium_LRS"},
                    },
                    "diskControllerType": "SCSI",
                },
                "networkProfile": nics("nic", enableAcceleratedNetworking=False, networkSecurityGroup=GROUP_OF_RULES),
                "securityProfile": {
                    "securityType": "TrustedLaunch",
                    "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
                },
                "extensionProfile": {"extensions": [HEALTH]},
            },
            "overprovision": True,
            "platformFaultDomainCount": 1,
            "orchestrationMode": "Uniform",
        },
    }


NEW = "2024-07-01"
ENABLING = [
    Step("PUT", SET, 201, OF_2024, ASYNC, body_of_2024("Rolling", image=True, automatic=False), NEW),
    Step("GET", SET, 200, OF_2024, frozenset({"etag"}), version=NEW, after=900),
    Step(
        "PUT",
        SET,
        200,
        f"{OF_2024} {AUTOMATIC}",
        ASYNC | {"etag"},
        body_of_2024("Rolling", image=False, automatic=True),
        NEW,
        (("properties.provisioningState", "Updating"),),
    ),
    Step("GET", "@status", 200, WAITING, says=((STATUS, "InProgress"),), after=60),
    Step("GET", "@status", 200, TIMES, says=((STATUS, "Succeeded"),), after=180),
    Step("GET", SET, 200, f"{OF_2024} {AUTOMATIC}", frozenset({"etag"}), version=NEW),
    Step(
        "PUT",
        SET,
        200,
        f"{OF_2024} {AUTOMATIC}",
        ASYNC | {"etag"},
        body_of_2024("Manual", image=False, automatic=True),
        NEW,
    ),
    Step("GET", "@status", 200, TIMES, says=((STATUS, "Succeeded"),), after=2),
    Step("GET", SET, 200, f"{OF_2024} {AUTOMATIC}", version=NEW, says=(("properties.provisioningState", "Succeeded"),)),
]

INSTANCE = " ".join(
    (
        "etag id instanceId location name sku.name sku.tier tags type",
        under("resources[]", "id location name type properties.provisioningState"),
        under("resources[].properties", "autoUpgradeMinorVersion publisher type typeHandlerVersion settings.port"),
        under("resources[].properties.settings", "protocol requestPath"),
        under(
            "properties",
            """hardwareProfile.vmSize latestModelApplied modelDefinitionApplied networkProfile.networkInterfaces[].id
            provisioningState timeCreated vmId securityProfile.securityType
            securityProfile.uefiSettings.secureBootEnabled securityProfile.uefiSettings.vTpmEnabled
            osProfile.adminUsername osProfile.allowExtensionOperations osProfile.computerName
            osProfile.requireGuestProvisionSignal osProfile.secrets
            osProfile.linuxConfiguration.disablePasswordAuthentication osProfile.linuxConfiguration.provisionVMAgent
            storageProfile.dataDisks storageProfile.diskControllerType storageProfile.imageReference.exactVersion""",
        ),
        under(
            "properties.storageProfile",
            f"{IMAGE} {OS_DISK} osDisk.osType osDisk.diskSizeGB osDisk.managedDisk.id osDisk.name",
        ),
        under(
            "properties.networkProfileConfiguration.networkInterfaceConfigurations[]",
            f"""{NIC} properties.enableAcceleratedNetworking properties.disableTcpStateTracking
            properties.networkSecurityGroup.id""",
        ),
    )
)
DELETING = [
    Step("PUT", SET, 201, OF_2024, ASYNC, {**body_of_2024("Manual", image=True, automatic=False)}, NEW),
    Step("GET", f"{SET}/virtualMachines", 200, under("value[]", INSTANCE), version="2023-09-01", after=900),
    Step("POST", f"{SET}/delete", 202, None, BOTH, {"instanceIds": ["1"]}, NEW),
    Step("GET", "@status", 200, TIMES, says=((STATUS, "Succeeded"),), after=60),
    Step("GET", "@result", 200, None),
    Step("POST", f"{SET}/deallocate", 202, None, BOTH, {}, NEW),
    Step("GET", "@status", 200, TIMES, says=((STATUS, "Succeeded"),), after=120),
    Step("DELETE", SET, 202, None, BOTH, version="2023-09-01"),
    Step("GET", "@status", 200, WAITING, says=((STATUS, "InProgress"),)),
    Step("GET", "@status", 200, TIMES, says=((STATUS, "Succeeded"),), after=5),
    Step("GET", f"{COMPUTE}/virtualMachineScaleSets", 200, "value", version="2023-09-01", says=(("value", []),)),
]

CONFLICTS = [
    Step("PUT", SET, 201, OF_2024, ASYNC, body_of_2024("Manual", image=True, automatic=False), NEW),
    Step(
        "POST",
        f"{SET}/manualupgrade",
        409,
        "error.code error.message",
        body={"instanceIds": ["*"]},
        version="2022-11-01",
        says=(("error.code", "Conflict"),),
    ),
]

FLOWS = {
    "compute-vmss-rolling-upgrade-api": ROLLING,
    "compute-vmss-update-auto-os-upgrade": ENABLING,
    "compute-vmss-instances-and-delete": DELETING,
    "error-409-vmss-conflict-concurrent": CONFLICTS,
}


@pytest.mark.parametrize("name", FLOWS)
def test_the_recorded_exchange_is_the_emulated_one(azure: Client, name: str) -> None:
    azure.made(
        f"{NETWORK}/virtualNetworks/vn484",
        {
            "location": "southcentralus",
            "properties": {
                "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                "subnets": [{"name": "sn3049", "properties": {"addressPrefix": "10.0.0.0/24"}}],
            },
        },
    )
    azure.made(
        BALANCER,
        {
            "location": "southcentralus",
            "properties": {
                "backendAddressPools": [{"name": "beap7628"}],
                "probes": [{"name": "lbp8415", "properties": {"protocol": "Tcp", "port": 80}}],
            },
        },
    )
    assert play(azure, FLOWS[name]) > 1
