"""Microsoft.Batch: accounts and pools through Azure Resource Manager, nodes on the account's own endpoint; and the
preview features of a subscription."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from azure.core import MatchConditions
from azure.core.rest import HttpRequest

from cloud.azure_cloud import AzureCloud, open_cloud
from cloud.connection import content
from cloud.errors import from_answer, translated
from cloud.ids import parse
from cloud.policies import RetryPolicy, WriteGuard
from rollout.azure import Body
from rollout.clock import Clock
from rollout.errors import NotFound

if TYPE_CHECKING:  # imported when first used
    from azure.batch.aio import BatchClient
    from azure.mgmt.batch.aio import BatchManagementClient

API_VERSION = "2025-06-01"
"""azure-mgmt-batch 19."""
FEATURES = "2021-07-01"
AUDIENCES: Mapping[str, str] = {
    "AzureUSGovernment": "https://batch.core.usgovcloudapi.net/",
    "AzureChinaCloud": "https://batch.chinacloudapi.cn/",
}
PUBLIC_AUDIENCE = "https://batch.core.windows.net/"
"""What tokens for the data plane are issued for (learn.microsoft.com/azure/batch/batch-aad-auth)."""


class BatchPools:
    """Implements `os_upgrades.batch_azure.BatchAzure` over the connection of an `AzureCloud`."""

    api_version = API_VERSION

    def __init__(self, cloud: AzureCloud) -> None:
        self.cloud, self._connection = cloud, cloud.connection
        self._management = cache(self._new_management)
        self._data_planes: dict[str, BatchClient] = {}
        self.azure_time = cloud.azure_time
        self.list_image_versions = cloud.list_image_versions
        self.get_image_version = cloud.get_image_version

    async def get_batch_account(self, account_id: str) -> Body | None:
        return await self._connection.get(account_id, API_VERSION)

    async def get_batch_pool(self, pool_id: str) -> Body | None:
        return await self._connection.get(pool_id, API_VERSION)

    async def update_batch_pool(self, pool_id: str, patch: Body, *, etag: str) -> None:
        pool = parse(pool_id)
        whatever = etag == "*"
        await self._connection.call(
            f"PATCH pools/{pool.name} {' '.join(patch.get('properties', ()))}",
            self._management(pool.subscription).pool.update,
            pool.group,
            *pool.names,
            content(patch),
            etag=None if whatever else etag,
            match_condition=MatchConditions.IfPresent if whatever else MatchConditions.IfNotModified,
        )

    async def list_batch_nodes(self, account_endpoint: str, pool_name: str) -> list[Body]:
        try:
            with translated(f"GET nodes of pool {pool_name} at {account_endpoint}"):
                found = self._data_plane(account_endpoint).list_nodes(pool_name)
                return [node.as_dict() async for node in found]
        except NotFound:
            return []

    async def get_feature(self, subscription: str, namespace: str, name: str) -> str:
        found = await self._connection.get(_feature(subscription, namespace, name), FEATURES)
        return _state(found)

    async def register_feature(self, subscription: str, namespace: str, name: str) -> str:
        operation = f"POST features/{namespace}/{name}/register"
        url = f"{self._connection.endpoints.resource_manager}{_feature(subscription, namespace, name)}/register"
        request = HttpRequest("POST", url, params={"api-version": FEATURES})
        with translated(operation):
            answer = await self._connection.arm.send_request(request)
        if answer.status_code >= 400:
            raise from_answer(answer.status_code, answer.text(), operation)
        return _state(answer.json())

    def _new_management(self, subscription: str) -> BatchManagementClient:
        from azure.mgmt.batch.aio import BatchManagementClient

        connection = self._connection
        options: dict[str, Any] = {"pipeline": connection.pipeline, "credential_scopes": [connection.endpoints.scope]}
        base = connection.endpoints.resource_manager
        return BatchManagementClient(connection.credential, subscription, base_url=base, **options)

    def _data_plane(self, endpoint: str) -> BatchClient:
        known = self._data_planes.get(endpoint)
        if known is None:
            from azure.batch.aio import BatchClient

            connection = self._connection
            audience = AUDIENCES.get(connection.endpoints.name, PUBLIC_AUDIENCE)
            known = self._data_planes[endpoint] = BatchClient(
                f"https://{endpoint}",
                connection.credential,
                credential_scopes=[f"{audience}/.default"],  # both slashes, as in azure-batch's own default
                transport=connection.transport,
                retry_policy=RetryPolicy(connection.clock, connection.chance),
            )
        return known


def _feature(subscription: str, namespace: str, name: str) -> str:
    return f"/subscriptions/{subscription}/providers/Microsoft.Features/providers/{quote(namespace)}/features/{name}"


def _state(feature: Body | None) -> str:
    return str(((feature or {}).get("properties") or {}).get("state") or "NotRegistered")


@asynccontextmanager
async def open_batch(
    environment: Mapping[str, str], subscription_id: str, clock: Clock, write_guard: WriteGuard
) -> AsyncIterator[BatchPools]:
    """A connection with what the environment names. `write_guard` is called before every write, which is conditional on
    the pool's etag besides. Raises Unreachable or InvalidDeclaration."""
    async with open_cloud(environment, subscription_id, clock, write_guard) as cloud:
        yield BatchPools(cloud)
