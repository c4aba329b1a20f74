"""Azure as literals: the reads of `rollout.azure.Azure`, answered from bodies that a test writes down.

What a test did not give is not there (None or an empty list). `refuse` names calls that are answered with 403, as
`list_vms` or `list_vms /subscriptions/...`. Every call is noted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from rollout.azure import Azure
from rollout.errors import Forbidden, NotFound
from tests.support.observed import GROUP, LOCATION, NOW, SECRETS, SUBNET

Body = dict[str, Any]

READABLE = {f"{SECRETS}/join": "value", f"{SECRETS}/name": "avdadmin", f"{SECRETS}/password": "L0cal-Admin!"}
EVERYTHING: Body = {"actions": ["*"], "notActions": [], "dataActions": [], "notDataActions": []}
SKU: Body = {
    "name": "Standard_D4s_v5",
    "family": "standardDSv5Family",
    "resourceType": "virtualMachines",
    "locationInfo": [{"location": LOCATION, "zones": ["1", "2", "3"]}],
    "restrictions": [],
    "capabilities": [
        {"name": "vCPUs", "value": "4"},
        {"name": "HyperVGenerations", "value": "V1,V2"},
        {"name": "CpuArchitectureType", "value": "x64"},
        {"name": "PremiumIO", "value": "True"},
        {"name": "MaxResourceVolumeMB", "value": "0"},
    ],
}


def usage(name: str, current: int, limit: int) -> Body:
    return {"name": {"value": name}, "currentValue": current, "limit": limit}


@dataclass
class FakeAzure:
    """A subscription that has what its fields say."""

    host_pool: Body | None = None
    session_hosts: list[Body] = field(default_factory=list)
    scaling_plans: list[Body] = field(default_factory=list)
    vms: list[Body] = field(default_factory=list)
    disks: list[Body] = field(default_factory=list)
    definitions: dict[str, Body] = field(default_factory=dict)
    versions: dict[str, Body] = field(default_factory=dict)
    managed_images: dict[str, Body] = field(default_factory=dict)
    platform_versions: dict[str, Body] = field(default_factory=dict)
    skus: list[Body] = field(default_factory=lambda: [SKU])
    usages: list[Body] = field(
        default_factory=lambda: [usage("cores", 48, 1000), usage("standardDSv5Family", 48, 1000)]
    )
    nic_subnet: str | None = SUBNET
    nic_security_group: str | None = None
    subnet: Body | None = field(default_factory=lambda: {"id": SUBNET, "properties": {"addressPrefix": "10.0.0.0/24"}})
    permissions: dict[str, list[Body]] = field(default_factory=dict)
    """By scope; everything is allowed where a scope is not named."""
    locks: list[Body] = field(default_factory=list)
    groups: set[str] = field(default_factory=lambda: {GROUP})
    secrets: dict[str, str] = field(default_factory=lambda: dict(READABLE))
    refuse: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)

    def as_azure(self) -> Azure:
        """Typed as the protocol; a write is an AttributeError, so a test sees it."""
        return cast(Azure, self)

    def _note(self, call: str, *about: str) -> None:
        said = " ".join([call, *about])
        self.calls.append(said)
        if call in self.refuse or said in self.refuse:
            raise Forbidden(403, "AuthorizationFailed", "the client may not do this", said)

    def azure_time(self) -> float:
        return NOW

    def scarcity(self) -> float:
        return 0.0

    def hosts_an_hour(self) -> float:
        return 675.0

    async def get_host_pool(self, host_pool_id: str) -> Body | None:
        self._note("get_host_pool")
        return self.host_pool

    async def list_session_hosts(self, host_pool_id: str) -> list[Body]:
        self._note("list_session_hosts")
        if self.host_pool is None:
            raise NotFound(404, "ResourceNotFound", "no such pool")
        return self.session_hosts

    async def list_scaling_plans(self, host_pool_id: str) -> list[Body]:
        self._note("list_scaling_plans")
        return self.scaling_plans

    async def list_vms(self, resource_group_id: str) -> list[Body]:
        self._note("list_vms", resource_group_id)
        return [b for b in self.vms if b["id"].lower().startswith(resource_group_id.lower() + "/")]

    async def get_vm(self, vm_id: str, *, instance_view: bool = False) -> Body | None:
        self._note("get_vm", vm_id)
        return next((b for b in self.vms if b["id"].lower() == vm_id.lower()), None)

    async def list_disks(self, resource_group_id: str) -> list[Body]:
        self._note("list_disks", resource_group_id)
        return [b for b in self.disks if b["id"].lower().startswith(resource_group_id.lower() + "/")]

    async def get_image_definition(self, definition_id: str) -> Body | None:
        self._note("get_image_definition")
        return self.definitions.get(definition_id)

    async def list_image_versions(self, definition_id: str) -> list[Body]:
        """As Azure: without replication status."""
        self._note("list_image_versions")
        bodies = [body for id, body in self.versions.items() if id.startswith(definition_id + "/")]
        return [
            {**body, "properties": {k: v for k, v in body["properties"].items() if k != "replicationStatus"}}
            for body in bodies
        ]

    async def get_image_version(self, version_id: str) -> Body | None:
        self._note("get_image_version", version_id)
        return self.versions.get(version_id)

    async def get_managed_image(self, image_id: str) -> Body | None:
        self._note("get_managed_image")
        return self.managed_images.get(image_id)

    async def list_platform_versions(self, location: str, publisher: str, offer: str, sku: str) -> list[str]:
        self._note("list_platform_versions")
        urn = f"{publisher}:{offer}:{sku}:"
        return [name.removeprefix(urn) for name in self.platform_versions if name.startswith(urn)]

    async def get_platform_version(
        self, location: str, publisher: str, offer: str, sku: str, version: str
    ) -> Body | None:
        self._note("get_platform_version")
        return self.platform_versions.get(f"{publisher}:{offer}:{sku}:{version}")

    async def get_marketplace_terms(self, subscription: str, publisher: str, offer: str, plan: str) -> Body | None:
        self._note("get_marketplace_terms", subscription, publisher, offer, plan)
        return {"properties": {"accepted": True}}

    async def list_skus(self, location: str) -> list[Body]:
        self._note("list_skus", location)
        return self.skus

    async def list_usages(self, location: str) -> list[Body]:
        self._note("list_usages", location)
        return self.usages

    async def get_nic(self, nic_id: str) -> Body | None:
        self._note("get_nic", nic_id)
        subnet = {"subnet": {"id": self.nic_subnet}} if self.nic_subnet else {}
        group = {"networkSecurityGroup": {"id": self.nic_security_group}} if self.nic_security_group else {}
        return {"id": nic_id, "properties": {"ipConfigurations": [{"properties": subnet}], **group}}

    async def get_subnet(self, subnet_id: str) -> Body | None:
        self._note("get_subnet", subnet_id)
        return self.subnet

    async def list_permissions(self, scope: str) -> list[Body]:
        self._note("list_permissions", scope)
        return self.permissions.get(scope, [EVERYTHING])

    async def list_locks(self, scope: str) -> list[Body]:
        self._note("list_locks", scope)
        return self.locks

    async def get_resource_group(self, resource_group_id: str) -> Body | None:
        self._note("get_resource_group", resource_group_id)
        return {"id": resource_group_id} if resource_group_id in self.groups else None

    async def count_directory_devices(self, display_name: str) -> int:
        self._note("count_directory_devices", display_name)
        return 1

    async def get_secret_bundle(self, secret_uri: str) -> Body:
        self._note("get_secret", secret_uri)
        if secret_uri not in self.secrets:
            raise NotFound(404, "SecretNotFound", "no such secret")
        return {"value": self.secrets[secret_uri], "attributes": {}}
