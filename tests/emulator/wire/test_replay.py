"""Recorded exchanges, driven through the emulator: the same requests in the same order, and of each answer the status,
the headers that say how to go on, and the exact set of keys of the body.

The data here is of our own making after the public recordings that each flow names (names as in their index).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from emulator.compute import images
from tests.emulator.arm_client import COMPUTE, GROUP, NETWORK, SCOPE, Client

STATUS = "status"
ASYNC = frozenset({"azure-asyncoperation"})
BOTH = ASYNC | {"location"}
NONE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Step:
    """One exchange. `path` may be `@status` or `@result`: the URL of the last operation. `keys` are dotted paths, a
    list's elements written `[]`; None for an answer without a body."""

    method: str
    path: str
    status: int
    keys: str | None
    headers: frozenset[str] = NONE
    body: Any = None
    version: str | None = None
    says: tuple[tuple[str, Any], ...] = ()
    """(dotted path without lists, value)."""
    after: float = 0.0
    """Seconds that pass before the exchange."""


def paths(value: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield prefix + key
            yield from paths(inner, f"{prefix}{key}.")
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, prefix[:-1] + "[].")


def spelled(keys: str | None) -> set[str]:
    """`a b.(c d)` -> {a, b, b.c, b.d}: parents are implied."""
    found: set[str] = set()
    for word in (keys or "").split():
        parts = word.split(".")
        for count in range(1, len(parts) + 1):
            found.add(".".join(parts[:count]).removesuffix("[]"))
            found.add(".".join(parts[:count]))
    return {each for each in found if not each.endswith("[]")}


def play(azure: Client, steps: list[Step]) -> int:
    """How many steps were asserted to be as recorded."""
    links: dict[str, str] = {}
    for number, step in enumerate(steps):
        azure.wait(step.after)
        answer = azure.call(step.method, links.get(step.path, step.path), step.body, version=step.version)
        where = f"step {number}: {step.method} {step.path}"
        assert answer.status == step.status, (where, answer.body)
        present = {name.lower() for name in answer.headers}
        assert present & {"azure-asyncoperation", "location"} == step.headers & BOTH, where
        assert step.headers <= present, where
        assert set(paths(answer.body)) == spelled(step.keys), where
        for path, wanted in step.says:
            value = answer.body
            for part in path.split("."):
                value = value[part]
            assert value == wanted, (where, path)
        for alias, header in (("@status", "Azure-AsyncOperation"), ("@result", "Location")):
            if answer.headers.find(header):
                links[alias] = str(answer.headers.find(header))
    return len(steps)


VNET = f"{NETWORK}/virtualNetworks/cli.lock.rsrc000002"
VNET_KEYS = """name id etag type location properties.provisioningState properties.resourceGuid
    properties.addressSpace.addressPrefixes properties.subnets properties.virtualNetworkPeerings
    properties.enableDdosProtection"""
LOCK = f"{VNET}/providers/Microsoft.Authorization/locks/cli-test-lock000003"
LOCK_KEYS = "properties.level id type name"

LOCKS = [
    Step(
        "PUT",
        VNET,
        201,
        VNET_KEYS,
        ASYNC,
        {
            "location": "westus",
            "properties": {
                "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                "enableDdosProtection": False,
                "enableVmProtection": False,
            },
        },
        "2024-03-01",
        (("properties.provisioningState", "Updating"),),
    ),
    Step("GET", "@status", 200, STATUS, says=((STATUS, "Succeeded"),), after=20),
    Step("GET", VNET, 200, VNET_KEYS, frozenset({"etag"}), says=(("properties.provisioningState", "Succeeded"),)),
    Step("PUT", LOCK, 201, LOCK_KEYS, body={"properties": {"level": "ReadOnly"}}, version="2016-09-01"),
    Step("GET", LOCK, 200, LOCK_KEYS, version="2016-09-01"),
    Step(
        "PUT",
        LOCK,
        200,
        f"{LOCK_KEYS} properties.notes",
        body={"properties": {"level": "CanNotDelete", "notes": "notes000004"}},
        version="2016-09-01",
    ),
    Step("DELETE", LOCK, 200, None, version="2016-09-01"),
]

ROLE = f"{SCOPE}/providers/Microsoft.Authorization/roleDefinitions/88888888-0000-0000-0000-000000000001"
ROLE_KEYS = """properties.roleName properties.type properties.description properties.assignableScopes
    properties.permissions[].actions properties.permissions[].notActions properties.permissions[].dataActions
    properties.permissions[].notDataActions properties.createdOn properties.updatedOn properties.createdBy
    properties.updatedBy id type name"""
ROLE_BODY = {
    "properties": {
        "roleName": "cli-test-role000001",
        "description": "Can monitor compute, network and storage, and restart virtual machines",
        "permissions": [
            {
                "actions": ["Microsoft.Compute/*/read", "Microsoft.Compute/virtualMachines/start/action"],
                "dataActions": ["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/*"],
                "notDataActions": ["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"],
            }
        ],
        "assignableScopes": [SCOPE],
    }
}
ROLES = [
    Step("PUT", ROLE, 201, ROLE_KEYS, body=ROLE_BODY, version="2022-05-01-preview"),
    Step(
        "PUT",
        ROLE,
        201,
        ROLE_KEYS,
        body=ROLE_BODY,
        version="2022-05-01-preview",
        says=(("properties.type", "CustomRole"),),
    ),
    Step("DELETE", ROLE, 200, ROLE_KEYS, version="2022-05-01-preview"),
]

NIC = f"{NETWORK}/networkInterfaces/cli-test-nic"
NIC_NETWORK = f"{NETWORK}/virtualNetworks/myvnet"
NIC_KEYS = """name id etag type location kind properties.provisioningState properties.resourceGuid
    properties.ipConfigurations[].name properties.ipConfigurations[].id properties.ipConfigurations[].etag
    properties.ipConfigurations[].type properties.ipConfigurations[].properties.provisioningState
    properties.ipConfigurations[].properties.privateIPAddress properties.ipConfigurations[].properties.primary
    properties.ipConfigurations[].properties.privateIPAllocationMethod
    properties.ipConfigurations[].properties.privateIPAddressVersion
    properties.ipConfigurations[].properties.subnet.id properties.dnsSettings.dnsServers
    properties.dnsSettings.appliedDnsServers properties.dnsSettings.internalDomainNameSuffix
    properties.enableAcceleratedNetworking properties.vnetEncryptionSupported properties.enableIPForwarding
    properties.disableTcpStateTracking properties.hostedWorkloads properties.tapConfigurations properties.nicType
    properties.allowPort25Out properties.auxiliaryMode properties.auxiliarySku"""


def nic_body(more: dict[str, Any] | None = None, **configuration: Any) -> dict[str, Any]:
    properties = {
        "privateIPAddressVersion": "IPv4",
        "privateIPAllocationMethod": "Dynamic",
        "subnet": {"id": f"{NIC_NETWORK}/subnets/mysubnet"},
        **configuration,
    }
    configurations = [{"name": "ipconfig1", "properties": properties}]
    return {"location": "eastus2", "properties": {**(more or {}), "ipConfigurations": configurations}}


NICS = [
    Step(
        "PUT",
        NIC_NETWORK,
        201,
        f"""{VNET_KEYS} properties.subnets[].name properties.subnets[].id properties.subnets[].etag
        properties.subnets[].type properties.subnets[].properties.provisioningState
        properties.subnets[].properties.addressPrefix properties.subnets[].properties.delegations
        properties.subnets[].properties.privateEndpointNetworkPolicies
        properties.subnets[].properties.privateLinkServiceNetworkPolicies""",
        ASYNC,
        {
            "location": "eastus2",
            "properties": {
                "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                "subnets": [{"name": "mysubnet", "properties": {"addressPrefix": "10.0.0.0/24"}}],
            },
        },
    ),
    Step("PUT", NIC, 201, NIC_KEYS, body=nic_body(), says=(("properties.provisioningState", "Succeeded"),), after=30),
    Step(
        "PUT",
        NIC,
        200,
        f"""{NIC_KEYS} tags.foo properties.dnsSettings.internalDnsNameLabel properties.dnsSettings.internalFqdn
        properties.networkSecurityGroup.id properties.ipConfigurations[].properties.publicIPAddress.id""",
        ASYNC,
        {
            **nic_body(
                {
                    "dnsSettings": {"dnsServers": ["100.1.2.3"], "internalDnsNameLabel": "test"},
                    "networkSecurityGroup": {"id": f"{NETWORK}/networkSecurityGroups/mynsg"},
                },
                privateIPAllocationMethod="Static",
                privateIPAddress="10.0.0.15",
                publicIPAddress={"id": f"{NETWORK}/publicIPAddresses/publicip1"},
            ),
            "tags": {"foo": "doo"},
        },
        says=(("properties.provisioningState", "Updating"),),
    ),
    Step("GET", "@status", 200, STATUS, says=((STATUS, "Succeeded"),), after=1),
    Step("PUT", NIC, 200, NIC_KEYS, ASYNC, nic_body()),
    Step(
        "GET", NIC, 200, NIC_KEYS, frozenset({"etag"}), says=(("properties.provisioningState", "Succeeded"),), after=1
    ),
    Step("DELETE", NIC, 202, None, BOTH),
    Step("GET", "@status", 200, STATUS, says=((STATUS, "InProgress"),)),
    Step("GET", "@result", 202, None, BOTH),
    Step("GET", "@status", 200, STATUS, says=((STATUS, "Succeeded"),), after=60),
    Step("GET", "@result", 204, None, BOTH),
    Step("GET", f"{NETWORK}/networkInterfaces", 200, "value", says=(("value", []),)),
]

GALLERY = f"{COMPUTE}/galleries/gallery_000003"
DEFINITION = f"{GALLERY}/images/image1"
VERSION = f"{DEFINITION}/versions/1.1.2"
SOURCE = f"{COMPUTE}/images/managedImage1"
TIMES = "startTime endTime status name"
GALLERY_KEYS = "name id type location tags properties.identifier.uniqueName properties.provisioningState"
DEFINITION_KEYS = """name id type location tags properties.hyperVGeneration properties.architecture properties.osType
    properties.osState properties.identifier.publisher properties.identifier.offer properties.identifier.sku
    properties.provisioningState"""
VERSION_EARLY = """name id type location tags properties.publishingProfile.targetRegions[].name
    properties.publishingProfile.targetRegions[].regionalReplicaCount
    properties.publishingProfile.targetRegions[].storageAccountType properties.publishingProfile.replicaCount
    properties.publishingProfile.excludeFromLatest properties.publishingProfile.publishedDate
    properties.publishingProfile.storageAccountType properties.storageProfile.source.id
    properties.safetyProfile.reportedForPolicyViolation properties.safetyProfile.allowDeletionOfReplicatedLocations
    properties.provisioningState"""
VERSION_KEYS = f"""{VERSION_EARLY} properties.storageProfile.osDiskImage.sizeInGB
    properties.storageProfile.osDiskImage.hostCaching properties.storageProfile.osDiskImage.source"""
SUCCEEDED = (("properties.provisioningState", "Succeeded"),)
VERSION_BODY = {
    "location": "eastus2",
    "tags": {},
    "properties": {
        "publishingProfile": {"targetRegions": [{"name": "eastus2"}], "replicaCount": 1},
        "storageProfile": {"source": {"id": SOURCE}},
    },
}
VERSION_UPDATE = {
    "location": "eastus2",
    "tags": {},
    "properties": {
        "publishingProfile": {
            "targetRegions": [{"name": "westus2", "regionalReplicaCount": 1}, {"name": "eastus2"}],
            "replicaCount": 2,
            "excludeFromLatest": False,
            "storageAccountType": "Standard_LRS",
        },
        "storageProfile": {"osDiskImage": {"hostCaching": "ReadWrite"}},
        "safetyProfile": {"allowDeletionOfReplicatedLocations": False},
    },
}
GALLERIES = [
    Step("PUT", GALLERY, 201, GALLERY_KEYS, ASYNC, {"location": "eastus2", "tags": {}}, "2021-10-01"),
    Step("GET", "@status", 200, TIMES, after=2),
    Step("GET", GALLERY, 200, GALLERY_KEYS, version="2021-10-01", says=SUCCEEDED),
    Step(
        "PUT",
        DEFINITION,
        201,
        DEFINITION_KEYS,
        ASYNC,
        {
            "location": "eastus2",
            "tags": {},
            "properties": {
                "osType": "Linux",
                "osState": "Generalized",
                "hyperVGeneration": "V1",
                "identifier": {"publisher": "publisher1", "offer": "offer1", "sku": "sku1"},
                "disallowed": {},
            },
        },
        "2021-10-01",
    ),
    Step("GET", DEFINITION, 200, DEFINITION_KEYS, version="2021-10-01", says=SUCCEEDED, after=2),
    Step("PUT", VERSION, 201, VERSION_EARLY, ASYNC, VERSION_BODY, "2023-07-03"),
    Step("GET", "@status", 200, "startTime status name", says=((STATUS, "InProgress"),)),
    Step("GET", "@status", 200, TIMES, says=((STATUS, "Succeeded"),), after=900),
    Step("GET", VERSION, 200, VERSION_KEYS, version="2023-07-03", says=SUCCEEDED),
    Step("PUT", VERSION, 200, VERSION_KEYS, ASYNC, VERSION_UPDATE, "2023-07-03"),
    Step("GET", "@status", 200, TIMES, says=((STATUS, "Succeeded"),), after=900),
    Step("GET", VERSION, 200, VERSION_KEYS, version="2023-07-03", says=SUCCEEDED),
]

DISK = f"{COMPUTE}/disks/diskrp6437"
SNAPSHOT = f"{COMPUTE}/snapshots/diskrp947"
SNAPSHOT_KEYS = """name id type location tags sku.name sku.tier properties.creationData.createOption
    properties.creationData.sourceResourceId properties.creationData.sourceUniqueId properties.diskSizeGB
    properties.encryption.type properties.incremental properties.networkAccessPolicy properties.publicNetworkAccess
    properties.timeCreated properties.provisioningState properties.diskState properties.diskSizeBytes
    properties.uniqueId"""
SNAPSHOTS = [
    Step(
        "PUT",
        DISK,
        202,
        """name id type location tags sku.name properties.creationData.createOption properties.diskSizeGB
        properties.provisioningState""",
        BOTH,
        {
            "location": "westus",
            "sku": {"name": "Standard_LRS"},
            "properties": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 5},
        },
    ),
    Step(
        "PUT",
        SNAPSHOT,
        202,
        """name id type location tags sku.name properties.creationData.createOption
        properties.creationData.sourceResourceId properties.provisioningState""",
        BOTH | {"retry-after"},
        {
            "location": "westus",
            "tags": {},
            "sku": {"name": "Standard_LRS"},
            "properties": {"creationData": {"createOption": "Copy", "sourceResourceId": DISK}},
        },
        after=5,
    ),
    Step(
        "GET",
        "@status",
        200,
        f"{TIMES} " + " ".join(f"properties.output.{key}" for key in SNAPSHOT_KEYS.split()),
        after=5,
    ),
    Step("GET", SNAPSHOT, 200, SNAPSHOT_KEYS, says=(("properties.diskState", "Unattached"),)),
    Step("POST", f"{SNAPSHOT}/beginGetAccess", 202, None, BOTH, {"access": "Read", "durationInSeconds": 1000}),
    Step("GET", "@status", 200, f"{TIMES} properties.output.accessSAS", after=5),
    Step("GET", "@result", 200, "accessSAS"),
    Step("POST", f"{SNAPSHOT}/endGetAccess", 202, None, BOTH),
    Step("GET", "@result", 200, None, after=5),
    Step("DELETE", SNAPSHOT, 202, None, BOTH),
    Step("GET", "@result", 200, None, after=5),
    Step("GET", SNAPSHOT, 404, "error.code error.message", frozenset({"x-ms-failure-cause"})),
]

FLOWS = {
    "auth-locks-lifecycle": LOCKS,
    "auth-role-definition-lifecycle": ROLES,
    "network-nic-lifecycle": NICS,
    "compute-gallery-image-version-lifecycle": GALLERIES,
    "compute-snapshot-lifecycle, answers to PUT of 2024": SNAPSHOTS,
}


@pytest.mark.parametrize("name", FLOWS)
def test_the_recorded_exchange_is_the_emulated_one(azure: Client, name: str) -> None:
    images.add(azure.world, SOURCE, location="eastus2", os_type="Linux", generation="V1", size_gb=30)
    assert GROUP in azure.get(GROUP).body["id"]
    assert play(azure, FLOWS[name]) > 1
