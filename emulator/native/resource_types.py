"""The one table of resource types that the stand-in serves: those that the components declare.

Tokens, input names and api-versions are those of pulumi_azure_native 3.29.0 (its docstrings; a test compares them).
Path templates and which properties cannot be changed are of the REST documentation (learn.microsoft.com/rest/api).
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
GALLERY = GROUP + "/providers/Microsoft.Compute/galleries/{galleryName}"
ENVELOPE = frozenset(
    {"extendedLocation", "id", "identity", "kind", "location", "managedBy", "plan", "sku", "tags", "zones"}
)
"""Inputs that stand beside `properties` in an ARM body, not in it."""
OUTSIDE = frozenset({"etag", "id", "name", "sku", "tags", "zones"})
"""The same for objects deeper down, such as a probe of a load balancer."""


@dataclass(frozen=True)
class ResourceType:
    """One type: how its properties map to an ARM resource, and which of them cannot be changed in place."""

    token: str
    path: str
    """Template of the id; its parameters are inputs and replace the resource when they change."""
    api_version: str
    inputs: frozenset[str]
    """Body inputs by their SDK name; those not in ENVELOPE are put under `properties`."""
    required: frozenset[str] = frozenset()
    replace_on: frozenset[str] = frozenset()
    """Paths such as `storageProfile.source`, elements of a list as `targetRegions[]`; what is below them counts too."""
    auto_name: Mapping[str, str] = field(default_factory=dict)
    """Path parameter -> how a missing name is made: `random` (name and 8 hex digits) or `uuid`."""
    wire_names: Mapping[str, str] = field(default_factory=dict)
    """SDK name -> name in the ARM body, where the two differ; a dotted one lies deeper, as
    `maintenanceWindow.duration`."""
    enveloped: frozenset[str] = frozenset()
    """Paths of objects deeper down whose members lie under `properties` in the ARM body too, all but OUTSIDE."""
    secret_outputs: frozenset[str] = frozenset()
    """Paths in the outputs that are secret whoever declared them."""
    read_only: frozenset[str] = frozenset()
    """Paths inside inputs that only Azure sets: left out when inputs are made from an answer."""
    flattened: bool = True
    """Whether `properties` of an answer become outputs one by one."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Path parameters that are inputs, in order."""
        return tuple(name for name in re.findall(r"\{(\w+)\}", self.path) if name != "subscriptionId")

    @property
    def takes_location(self) -> bool:
        return "location" in self.inputs

    def resource_id(self, inputs: Mapping[str, Any], subscription_id: str) -> str:
        """The ARM id. A scope is put in as it is, everything else URL-escaped."""
        values = {"subscriptionId": subscription_id, **{name: inputs[name] for name in self.parameters}}
        path = self.path
        for name, value in values.items():
            text = str(value).strip("/") if name == "scope" else urllib.parse.quote(str(value), safe="")
            path = path.replace("{" + name + "}", text)
        return path

    def parameters_of(self, resource_id: str) -> dict[str, str]:
        """Path parameters of an id, for an import. Raises ValueError where the id is of another type."""
        pattern = re.sub(r"\{(\w+)\}", lambda m: f"(?P<{m[1]}>{'.+' if m[1] == 'scope' else '[^/]+'})", self.path)
        match = re.fullmatch(pattern, resource_id, re.IGNORECASE)
        if match is None:
            raise ValueError(f"{resource_id!r} is no id of {self.token}: write {self.path}")
        found = {name: urllib.parse.unquote(match[name]) for name in self.parameters}
        return found | ({"scope": "/" + found["scope"].strip("/")} if "scope" in found else {})


RESOURCE_GROUP = ResourceType(
    token="azure-native:resources:ResourceGroup",
    path=GROUP,
    api_version="2024-03-01",
    inputs=frozenset({"location", "managedBy", "tags"}),
    required=frozenset({"location"}),
    replace_on=frozenset({"location"}),
    auto_name={"resourceGroupName": "random"},
    flattened=False,
)

IMAGE_GALLERY = ResourceType(
    token="azure-native:compute:Gallery",
    path=GALLERY,
    api_version="2024-03-03",
    inputs=frozenset({"description", "identity", "location", "sharingProfile", "softDeletePolicy", "tags"}),
    required=frozenset({"location"}),
    replace_on=frozenset({"location"}),
    auto_name={"galleryName": "random"},
)

GALLERY_IMAGE = ResourceType(
    token="azure-native:compute:GalleryImage",
    path=GALLERY + "/images/{galleryImageName}",
    api_version="2024-03-03",
    inputs=frozenset(
        {
            "allowUpdateImage",
            "architecture",
            "description",
            "disallowed",
            "endOfLifeDate",
            "eula",
            "features",
            "hyperVGeneration",
            "identifier",
            "location",
            "osState",
            "osType",
            "privacyStatementUri",
            "purchasePlan",
            "recommended",
            "releaseNoteUri",
            "tags",
        }
    ),
    required=frozenset({"identifier", "location", "osState", "osType"}),
    # What cannot be changed: learn.microsoft.com/azure/virtual-machines/shared-image-galleries
    replace_on=frozenset(
        {"architecture", "hyperVGeneration", "identifier", "location", "osState", "osType", "purchasePlan"}
    ),
    auto_name={"galleryImageName": "random"},
)

GALLERY_IMAGE_VERSION = ResourceType(
    token="azure-native:compute:GalleryImageVersion",
    path=GALLERY + "/images/{galleryImageName}/versions/{galleryImageVersionName}",
    api_version="2024-03-03",
    inputs=frozenset(
        {"location", "publishingProfile", "restore", "safetyProfile", "securityProfile", "storageProfile", "tags"}
    ),
    required=frozenset({"location", "storageProfile"}),
    # The REST documentation says "This property is not updatable" of each but the source, which defines the version.
    replace_on=frozenset(
        {
            "location",
            "publishingProfile.replicationMode",
            "publishingProfile.storageAccountType",
            "publishingProfile.targetRegions[].storageAccountType",
            "storageProfile",
        }
    ),
    auto_name={"galleryImageVersionName": "random"},
    read_only=frozenset(
        {
            "publishingProfile.publishedDate",
            "safetyProfile.policyViolations",
            "safetyProfile.reportedForPolicyViolation",
            "storageProfile.dataDiskImages[].sizeInGB",
            "storageProfile.osDiskImage.sizeInGB",
        }
    ),
)

ROLE_DEFINITION = ResourceType(
    token="azure-native:authorization:RoleDefinition",
    path="/{scope}/providers/Microsoft.Authorization/roleDefinitions/{roleDefinitionId}",
    api_version="2022-05-01-preview",
    inputs=frozenset({"assignableScopes", "description", "permissions", "roleName", "roleType"}),
    auto_name={"roleDefinitionId": "uuid"},
    wire_names={"roleType": "type"},
)

ROLE_ASSIGNMENT = ResourceType(
    token="azure-native:authorization:RoleAssignment",
    path="/{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}",
    api_version="2022-04-01",
    inputs=frozenset(
        {
            "condition",
            "conditionVersion",
            "delegatedManagedIdentityResourceId",
            "description",
            "principalId",
            "principalType",
            "roleDefinitionId",
        }
    ),
    required=frozenset({"principalId", "roleDefinitionId"}),
    # A second PUT may change description and condition only (Azure: 400 RoleAssignmentUpdateNotPermitted).
    replace_on=frozenset({"delegatedManagedIdentityResourceId", "principalId", "principalType", "roleDefinitionId"}),
    auto_name={"roleAssignmentName": "uuid"},
)

HOST_POOL = ResourceType(
    token="azure-native:desktopvirtualization:HostPool",
    path=GROUP + "/providers/Microsoft.DesktopVirtualization/hostPools/{hostPoolName}",
    api_version="2024-04-03",
    inputs=frozenset(
        {
            "agentUpdate",
            "customRdpProperty",
            "description",
            "friendlyName",
            "hostPoolType",
            "identity",
            "kind",
            "loadBalancerType",
            "location",
            "managedBy",
            "maxSessionLimit",
            "personalDesktopAssignmentType",
            "plan",
            "preferredAppGroupType",
            "publicNetworkAccess",
            "registrationInfo",
            "ring",
            "sku",
            "ssoClientId",
            "ssoClientSecretKeyVaultPath",
            "ssoSecretType",
            "ssoadfsAuthority",
            "startVMOnConnect",
            "tags",
            "validationEnvironment",
            "vmTemplate",
        }
    ),
    required=frozenset({"hostPoolType", "loadBalancerType", "location", "preferredAppGroupType"}),
    replace_on=frozenset({"hostPoolType", "location"}),
    auto_name={"hostPoolName": "random"},
    secret_outputs=frozenset({"registrationInfo.token"}),
)

_NICS = "virtualMachineProfile.networkProfile.networkInterfaceConfigurations[]"
SCALE_SET = ResourceType(
    token="azure-native:compute:VirtualMachineScaleSet",
    path=GROUP + "/providers/Microsoft.Compute/virtualMachineScaleSets/{vmScaleSetName}",
    api_version="2024-11-01",
    inputs=frozenset(
        {
            "additionalCapabilities",
            "automaticRepairsPolicy",
            "constrainedMaximumCapacity",
            "doNotRunExtensionsOnOverprovisionedVMs",
            "extendedLocation",
            "hostGroup",
            "identity",
            "location",
            "orchestrationMode",
            "overprovision",
            "plan",
            "platformFaultDomainCount",
            "priorityMixPolicy",
            "proximityPlacementGroup",
            "resiliencyPolicy",
            "scaleInPolicy",
            "scheduledEventsPolicy",
            "singlePlacementGroup",
            "sku",
            "skuProfile",
            "spotRestorePolicy",
            "tags",
            "upgradePolicy",
            "virtualMachineProfile",
            "zonalPlatformFaultDomainAlignMode",
            "zoneBalance",
            "zones",
        }
    ),
    required=frozenset({"location"}),
    # What cannot be changed: learn.microsoft.com/azure/virtual-machine-scale-sets/
    # virtual-machine-scale-sets-upgrade-scale-set ("properties that can't be changed").
    replace_on=frozenset({"location", "orchestrationMode", "plan", "platformFaultDomainCount"}),
    auto_name={"vmScaleSetName": "random"},
    enveloped=frozenset(
        {
            _NICS,
            f"{_NICS}.ipConfigurations[]",
            f"{_NICS}.ipConfigurations[].publicIPAddressConfiguration",
            "virtualMachineProfile.extensionProfile.extensions[]",
        }
    ),
    read_only=frozenset({"virtualMachineProfile.timeCreated"}),
)

LOAD_BALANCER = ResourceType(
    token="azure-native:network:LoadBalancer",
    path=GROUP + "/providers/Microsoft.Network/loadBalancers/{loadBalancerName}",
    api_version="2024-05-01",
    inputs=frozenset(
        {
            "backendAddressPools",
            "extendedLocation",
            "frontendIPConfigurations",
            "id",
            "inboundNatPools",
            "inboundNatRules",
            "loadBalancingRules",
            "location",
            "outboundRules",
            "probes",
            "sku",
            "tags",
        }
    ),
    required=frozenset({"location"}),
    replace_on=frozenset({"location", "sku"}),
    auto_name={"loadBalancerName": "random"},
    enveloped=frozenset(
        {
            "backendAddressPools[]",
            "frontendIPConfigurations[]",
            "inboundNatPools[]",
            "inboundNatRules[]",
            "loadBalancingRules[]",
            "outboundRules[]",
            "probes[]",
        }
    ),
)

_WINDOW = ("duration", "expirationDateTime", "recurEvery", "startDateTime", "timeZone")
MAINTENANCE_CONFIGURATION = ResourceType(
    token="azure-native:maintenance:MaintenanceConfiguration",
    path=GROUP + "/providers/Microsoft.Maintenance/maintenanceConfigurations/{resourceName}",
    api_version="2023-10-01-preview",
    inputs=frozenset(
        {
            *_WINDOW,
            "extensionProperties",
            "installPatches",
            "location",
            "maintenanceScope",
            "namespace",
            "tags",
            "visibility",
        }
    ),
    required=frozenset({"location"}),
    replace_on=frozenset({"location", "maintenanceScope"}),
    auto_name={"resourceName": "random"},
    wire_names={name: f"maintenanceWindow.{name}" for name in _WINDOW},
)

CONFIGURATION_ASSIGNMENT = ResourceType(
    token="azure-native:maintenance:ConfigurationAssignment",
    path=GROUP
    + "/providers/{providerName}/{resourceType}/{resourceName}/providers/Microsoft.Maintenance/configurationAssignments"
    "/{configurationAssignmentName}",
    api_version="2023-10-01-preview",
    inputs=frozenset({"filter", "location", "maintenanceConfigurationId", "resourceId"}),
    auto_name={"configurationAssignmentName": "random"},
)

BATCH_POOL = ResourceType(
    token="azure-native:batch:Pool",
    path=GROUP + "/providers/Microsoft.Batch/batchAccounts/{accountName}/pools/{poolName}",
    api_version="2024-07-01",
    inputs=frozenset(
        {
            "applicationLicenses",
            "applicationPackages",
            "certificates",
            "deploymentConfiguration",
            "displayName",
            "identity",
            "interNodeCommunication",
            "metadata",
            "mountConfiguration",
            "networkConfiguration",
            "resourceTags",
            "scaleSettings",
            "startTask",
            "tags",
            "targetNodeCommunicationMode",
            "taskSchedulingPolicy",
            "taskSlotsPerNode",
            "upgradePolicy",
            "userAccounts",
            "vmSize",
        }
    ),
    auto_name={"poolName": "random"},
)

RESOURCE_TYPES: Mapping[str, ResourceType] = {
    known.token: known
    for known in (
        RESOURCE_GROUP,
        IMAGE_GALLERY,
        GALLERY_IMAGE,
        GALLERY_IMAGE_VERSION,
        ROLE_DEFINITION,
        ROLE_ASSIGNMENT,
        HOST_POOL,
        SCALE_SET,
        LOAD_BALANCER,
        MAINTENANCE_CONFIGURATION,
        CONFIGURATION_ASSIGNMENT,
        BATCH_POOL,
    )
}

FUNCTIONS: Mapping[str, tuple[str, str]] = {
    "azure-native:features:getSubscriptionFeatureRegistration": (
        "/subscriptions/{subscriptionId}/providers/Microsoft.Features/featureProviders/{providerNamespace}"
        "/subscriptionFeatureRegistrations/{featureName}",
        "2021-07-01",
    ),
    "azure-native:keyvault:getVault": (GROUP + "/providers/Microsoft.KeyVault/vaults/{vaultName}", "2024-11-01"),
}
"""Functions (`invoke`): token -> path and api-version of the resource that is read; its answer is given as it is."""


class UnknownType(Exception):
    """A resource or function that is not in the table."""

    def __init__(self, token: str) -> None:
        served = ", ".join(sorted([*RESOURCE_TYPES, *FUNCTIONS]))
        super().__init__(
            f"{token} is not served: this is the stand-in for the azure-native plugin, which knows only {served}. "
            "Install the real plugin to use other types."
        )


def type_of(token: str) -> ResourceType:
    """The table row of a type token. Raises UnknownType."""
    known = RESOURCE_TYPES.get(token)
    if known is None:
        raise UnknownType(token)
    return known


def type_of_urn(urn: str) -> ResourceType:
    """The table row of a resource's URN `urn:pulumi:stack::project::parent$type::name`. Raises UnknownType."""
    return type_of(urn.split("::")[2].rsplit("$", 1)[-1])
