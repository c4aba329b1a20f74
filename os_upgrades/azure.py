"""What is needed of Azure for scale sets, in terms of REST bodies. Errors, retries and long-running operations are as
in `rollout.azure.Azure`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from rollout.azure import Body


class ScaleSetAzure(Protocol):
    """Azure, as whoever declares a scale set's upgrades sees it."""

    def azure_time(self) -> float: ...

    # Microsoft.Compute/virtualMachineScaleSets

    async def get_scale_set(self, scale_set_id: str) -> Body | None:
        """A scale set with its `etag`, or None."""
        ...

    async def update_scale_set(self, scale_set_id: str, patch: Body, *, etag: str) -> None:
        """PATCH with `If-Match: etag`. Lists in it replace lists."""
        ...

    async def replace_scale_set(self, scale_set_id: str, body: Body, *, etag: str) -> None:
        """PUT of the whole model, as `az vmss update --remove` does, with `If-Match: etag`: the only way to take
        something away. Secrets that no answer shows stay."""
        ...

    async def list_scale_set_instances(self, scale_set_id: str, *, instance_view: bool = False) -> list[Body]:
        """Its instances; with `instance_view`, `properties.instanceView` is filled."""
        ...

    async def put_scale_set_extension(self, scale_set_id: str, name: str, body: Body) -> None:
        """PUT of one extension of the model; the others stay as they are."""
        ...

    async def delete_scale_set_extension(self, scale_set_id: str, name: str) -> None:
        """DELETE; what is not there is no error."""
        ...

    async def update_scale_set_instances(self, scale_set_id: str, instance_ids: Sequence[str]) -> None:
        """POST manualupgrade: brings instances to the latest model, all at the same time."""
        ...

    async def get_rolling_upgrade(self, scale_set_id: str) -> Body | None:
        """The last rolling upgrade, or None where there never was one: `properties.runningStatus.code`."""
        ...

    # What a scale set depends on

    async def list_image_versions(self, definition_id: str) -> list[Body]: ...

    async def get_image_version(self, version_id: str) -> Body | None: ...

    async def list_skus(self, location: str) -> list[Body]: ...

    async def list_usages(self, location: str) -> list[Body]: ...

    async def get_subnet(self, subnet_id: str) -> Body | None: ...

    async def get_load_balancer(self, load_balancer_id: str) -> Body | None: ...

    async def list_service_fabric_clusters(self, subscription_id: str) -> list[Body]:
        """The Service Fabric clusters of a subscription (its GUID), managed ones not among them."""
        ...

    async def get_vault_secret(self, vault_id: str, name: str) -> Body | None:
        """What the vault's resource says of a secret: `properties.attributes` with `enabled` and `exp` (epoch
        seconds), never its value."""
        ...

    # Tags and rights

    async def merge_tags(self, scope: str, tags: Mapping[str, str]) -> dict[str, str]: ...

    async def delete_tags(self, scope: str, tags: Mapping[str, str]) -> None: ...

    async def list_permissions(self, scope: str) -> list[Body]: ...
