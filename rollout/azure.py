"""What the engine needs of Azure: one protocol, in terms of REST bodies.

Bodies are dicts in the shape of Azure's REST API (camelCase, `properties` nested), so that the names in the engine are
the names in Azure's own reference; `arm.py` reads them into frozen records. Ids are full ARM ids, compared without
case. Every method raises `errors.AzureError` (or a subclass) for an answer that is not a success. Methods that start a
long-running operation return when it has ended and raise `errors.OperationFailed` where it failed. Retrying after
throttling, 5xx and lost connections is the implementation's business, as is the refusal of writes without a lease.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

Body = dict[str, Any]


class Azure(Protocol):
    """Azure, as one rollout sees it."""

    def azure_time(self) -> float:
        """Azure's time now, epoch seconds: the clock corrected by the Date headers seen so far."""
        ...

    def scarcity(self) -> float:
        """How scarce the reads are that Azure grants: from 0, plenty, to 1, each is waited for."""
        ...

    def room(self) -> int:
        """How many more hosts Azure's limits leave room for now: each takes calls that those under way need as well."""
        ...

    def hosts_an_hour(self) -> float:
        """How many hosts Azure's limits carry in an hour: at the start by what a host takes by experience."""
        ...

    def under_way(self) -> AbstractContextManager[None]:
        """Open while a host is under way: it counts against the room."""
        ...

    # Microsoft.Compute/virtualMachines

    async def list_vms(self, resource_group_id: str) -> list[Body]:
        """All VMs of a resource group, without instance views."""
        ...

    async def get_vm(self, vm_id: str, *, instance_view: bool = False) -> Body | None:
        """A VM with its `etag`, or None. With `instance_view`, `properties.instanceView` is filled."""
        ...

    async def create_vm(self, vm_id: str, body: Body) -> None:
        """PUT with `If-None-Match: *`. Raises PreconditionFailed or Conflict when it exists."""
        ...

    async def update_vm(self, vm_id: str, patch: Body, *, etag: str) -> None:
        """PATCH with `If-Match: etag`; `tags` replaces the whole tag map."""
        ...

    async def delete_vm(self, vm_id: str) -> None:
        """DELETE; what is not there is no error. Disks and NICs follow their own deleteOption."""
        ...

    async def start_vm(self, vm_id: str) -> None: ...

    async def power_off_vm(self, vm_id: str) -> None:
        """Guest shutdown (`skipShutdown=false`); the VM keeps its allocation."""
        ...

    async def deallocate_vm(self, vm_id: str) -> None: ...

    async def put_extension(self, vm_id: str, name: str, body: Body) -> None: ...

    async def delete_extension(self, vm_id: str, name: str) -> None: ...

    async def run_command(self, vm_id: str, script: Sequence[str]) -> str:
        """Run Command (action) with RunPowerShellScript; returns what it wrote to standard output, then, if there is
        any, standard error after a line `--- stderr`. Raises OperationFailed when it could not be run."""
        ...

    async def remove_run_command(self, vm_id: str) -> None:
        """Take the hidden extension of the Run Command action off the VM, and with it the last script that ran."""
        ...

    async def run_protected_command(
        self, vm_id: str, name: str, script: Sequence[str], protected: Mapping[str, str]
    ) -> str:
        """A managed run command with secret parameters (`protectedParameters`), deleted again after it ran, because
        what stays on a VM runs again on its next disk. Returns as `run_command`; raises OperationFailed for a script
        that ended with an exit code other than 0."""
        ...

    async def list_run_commands(self, vm_id: str) -> list[str]:
        """Names of the managed run commands on a VM."""
        ...

    async def delete_run_command(self, vm_id: str, name: str) -> None: ...

    # Microsoft.Compute/disks

    async def list_disks(self, resource_group_id: str) -> list[Body]: ...

    async def get_disk(self, disk_id: str) -> Body | None: ...

    async def update_disk(self, disk_id: str, patch: Body) -> None:
        """PATCH, unconditional; `tags` replaces the whole tag map."""
        ...

    async def delete_disk(self, disk_id: str) -> None: ...

    # Images, sizes, quota

    async def get_image_definition(self, definition_id: str) -> Body | None:
        """A gallery image definition."""
        ...

    async def list_image_versions(self, definition_id: str) -> list[Body]:
        """The versions of a gallery image definition."""
        ...

    async def get_image_version(self, version_id: str) -> Body | None:
        """A gallery image version with `properties.replicationStatus`."""
        ...

    async def get_managed_image(self, image_id: str) -> Body | None: ...

    async def get_shared(self, location: str, path: str) -> Body | None:
        """What a region shows of `/sharedGalleries/<unique name>` or `/communityGalleries/<public name>`, of an
        `/images/<image>` of it or that image's `/versions/<version>`: None where it does not exist, is not shared with
        the pool's subscription or tenant, or not replicated there."""
        ...

    async def list_shared_versions(self, location: str, image: str) -> list[Body]:
        """The versions of such an image in a region; of a community image only the latest."""
        ...

    async def list_platform_versions(self, location: str, publisher: str, offer: str, sku: str) -> list[str]:
        """Version names of a marketplace image, unordered; empty when there is no such image."""
        ...

    async def get_platform_version(
        self, location: str, publisher: str, offer: str, sku: str, version: str
    ) -> Body | None: ...

    async def get_marketplace_terms(self, subscription: str, publisher: str, offer: str, plan: str) -> Body | None:
        """The terms of a purchase plan (`properties.accepted`) in a subscription (its GUID); None where there are none.
        `offer` is what a VM's plan calls its product."""
        ...

    async def list_skus(self, location: str) -> list[Body]:
        """Microsoft.Compute/skus of resourceType virtualMachines in a location."""
        ...

    async def list_usages(self, location: str) -> list[Body]:
        """Compute usages and limits (`name.value`, `currentValue`, `limit`)."""
        ...

    # Microsoft.Network

    async def get_nic(self, nic_id: str) -> Body | None: ...

    async def create_nic(self, nic_id: str, body: Body) -> None: ...

    async def delete_nic(self, nic_id: str) -> None: ...

    async def get_subnet(self, subnet_id: str) -> Body | None: ...

    # Microsoft.DesktopVirtualization

    async def get_host_pool(self, host_pool_id: str) -> Body | None: ...

    async def update_host_pool(self, host_pool_id: str, patch: Body) -> Body: ...

    async def registration_token(self, host_pool_id: str) -> Body | None:
        """`{"token", "expirationTime"}` of the pool's token, or None where it has none."""
        ...

    async def list_session_hosts(self, host_pool_id: str) -> list[Body]:
        """All session hosts. Azure allows 10 such lists in 5 minutes (header X-Rate-Limit-Limit: 5m), so the engine
        asks at most once a minute."""
        ...

    async def get_session_host(self, session_host_id: str) -> Body | None: ...

    async def update_session_host(self, session_host_id: str, patch: Body) -> Body:
        """PATCH of `properties.allowNewSession` or `properties.friendlyName`."""
        ...

    async def delete_session_host(self, session_host_id: str, *, force: bool) -> None:
        """Without `force`, refused with Conflict while there are sessions (spec only, unverified)."""
        ...

    async def list_user_sessions(self, session_host_id: str) -> list[Body]:
        """Sessions of one host in every state; empty when the host has no record."""
        ...

    async def send_message(self, user_session_id: str, title: str, text: str) -> None:
        """To a session that has ended meanwhile: no error."""
        ...

    async def log_off(self, user_session_id: str) -> None:
        """DELETE with `force=true`; a session that has ended meanwhile: no error."""
        ...

    async def list_scaling_plans(self, host_pool_id: str) -> list[Body]: ...

    # Tags, rights, locks, secrets, directory

    async def get_tags(self, scope: str) -> dict[str, str]: ...

    async def merge_tags(self, scope: str, tags: Mapping[str, str]) -> dict[str, str]:
        """Tags API, operation Merge; returns all tags."""
        ...

    async def delete_tags(self, scope: str, tags: Mapping[str, str]) -> None:
        """Tags API, operation Delete: removes these names where they have these values."""
        ...

    async def list_permissions(self, scope: str) -> list[Body]:
        """`{"actions", "notActions", "dataActions", "notDataActions"}` of the caller at a scope."""
        ...

    async def list_locks(self, scope: str) -> list[Body]:
        """Management locks at, above and below a scope."""
        ...

    async def list_resources(self, scope: str, kind: str) -> list[Body]:
        """The resources of a type, in a subscription, that the caller may read: id, location and tags."""
        ...

    async def get_resource_group(self, resource_group_id: str) -> Body | None: ...

    async def get_secret(self, secret_uri: str) -> str:
        """The value of a Key Vault secret, `https://<vault>/secrets/<name>[/<version>]`. Never kept."""
        ...

    async def vault_uri(self, vault_id: str) -> str:
        """The URI of a Key Vault without a slash at its end: as the vault says it; where that may not be read, its name
        in the cloud's domain. Raises InvalidDeclaration for a vault that does not exist."""
        ...

    async def upload_logs(self, endpoint: str, rule_id: str, stream: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Send rows to a Log Analytics table by way of a data collection rule (immutable id). Each is stored once for
        each time it is sent."""
        ...

    async def get_secret_bundle(self, secret_uri: str) -> Body:
        """The secret with its `value`, None where it has none, and `attributes`: `exp` and `nbf`, epoch seconds, where
        they are set. Never kept."""
        ...

    async def count_directory_devices(self, display_name: str) -> int:
        """How many Entra devices of this name Microsoft Graph shows."""
        ...

    async def delete_directory_devices(self, display_name: str) -> int:
        """Delete the Entra devices of this name through Microsoft Graph; returns how many there were."""
        ...
