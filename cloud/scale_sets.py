"""Microsoft.Compute: scale sets, their extensions and instances; and what the rules for them look at."""

from __future__ import annotations

from collections.abc import Sequence

from azure.core import MatchConditions

from cloud.api_versions import NETWORK, SERVICE_FABRIC, VAULTS, VIRTUAL_MACHINES
from cloud.connection import Connection, content
from cloud.ids import parse
from rollout.azure import Body
from rollout.errors import NotFound


class ScaleSetOperations:
    """The scale set part of `os_upgrades.azure.ScaleSetAzure` and `capture.azure.CaptureAzure`."""

    connection: Connection

    async def list_scale_sets(self, scope: str) -> list[Body]:
        return await self.connection.list(
            f"{scope}/providers/Microsoft.Compute/virtualMachineScaleSets", VIRTUAL_MACHINES
        )

    async def get_scale_set(self, scale_set_id: str) -> Body | None:
        return await self.connection.get(scale_set_id, VIRTUAL_MACHINES)

    async def update_scale_set(self, scale_set_id: str, patch: Body, *, etag: str) -> None:
        one = parse(scale_set_id)
        condition = MatchConditions.IfPresent if etag == "*" else MatchConditions.IfNotModified
        await self.connection.run(
            f"PATCH virtualMachineScaleSets/{one.name} {' '.join(patch.get('properties', ()))}".rstrip(),
            self.connection.compute(one.subscription).virtual_machine_scale_sets.begin_update,
            one.group,
            one.name,
            content(patch),
            etag=None if etag == "*" else etag,
            match_condition=condition,
        )

    async def replace_scale_set(self, scale_set_id: str, body: Body, *, etag: str) -> None:
        one = parse(scale_set_id)
        condition = MatchConditions.IfPresent if etag == "*" else MatchConditions.IfNotModified
        await self.connection.run(
            f"PUT virtualMachineScaleSets/{one.name}",
            self.connection.compute(one.subscription).virtual_machine_scale_sets.begin_create_or_update,
            one.group,
            one.name,
            content(body),
            etag=None if etag == "*" else etag,
            match_condition=condition,
        )

    async def list_scale_set_instances(self, scale_set_id: str, *, instance_view: bool = False) -> list[Body]:
        query = {"$expand": "instanceView"} if instance_view else {}
        return await self.connection.list(f"{scale_set_id}/virtualMachines", VIRTUAL_MACHINES, **query)

    async def put_scale_set_extension(self, scale_set_id: str, name: str, body: Body) -> None:
        one = parse(scale_set_id)
        await self.connection.run(
            f"PUT virtualMachineScaleSets/{one.name}/extensions/{name}",
            self.connection.compute(one.subscription).virtual_machine_scale_set_extensions.begin_create_or_update,
            one.group,
            one.name,
            name,
            content(body),
        )

    async def delete_scale_set_extension(self, scale_set_id: str, name: str) -> None:
        one = parse(scale_set_id)
        extensions = self.connection.compute(one.subscription).virtual_machine_scale_set_extensions
        operation = f"DELETE virtualMachineScaleSets/{one.name}/extensions/{name}"
        try:
            await self.connection.run(operation, extensions.begin_delete, one.group, one.name, name)
        except NotFound:  # the scale set is gone; a missing extension alone is 204
            return

    async def update_scale_set_instances(self, scale_set_id: str, instance_ids: Sequence[str]) -> None:
        one = parse(scale_set_id)
        await self.connection.run(
            f"POST virtualMachineScaleSets/{one.name}/manualupgrade {' '.join(instance_ids)}",
            self.connection.compute(one.subscription).virtual_machine_scale_sets.begin_update_instances,
            one.group,
            one.name,
            content({"instanceIds": list(instance_ids)}),
        )

    # -- what the rules look at

    async def get_load_balancer(self, load_balancer_id: str) -> Body | None:
        return await self.connection.get(load_balancer_id, NETWORK)

    async def list_service_fabric_clusters(self, subscription_id: str) -> list[Body]:
        path = f"/subscriptions/{subscription_id}/providers/Microsoft.ServiceFabric/clusters"
        return await self.connection.list(path, SERVICE_FABRIC)

    async def get_vault_secret(self, vault_id: str, name: str) -> Body | None:
        return await self.connection.get(f"{vault_id}/secrets/{name}", VAULTS)
