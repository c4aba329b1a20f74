"""The SDK's own clients, azure-mgmt-batch and azure-batch, from an account to nodes that run tasks, and back."""

from __future__ import annotations

import pytest
from azure.batch.aio import BatchClient
from azure.batch.models import BatchJobCreateOptions, BatchPoolInfo, BatchPoolResizeOptions, BatchTaskCreateOptions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.batch.aio import BatchManagementClient

from cloud.azure_cloud import AzureCloud
from simulation.in_process import in_process_cloud
from simulation.virtual_time import LoopClock
from tests.emulator.arm_client import SUBSCRIPTION
from tests.emulator.batch import site

pytestmark = pytest.mark.looptime


def management(cloud: AzureCloud) -> BatchManagementClient:
    connection = cloud.connection
    return BatchManagementClient(
        connection.credential,
        SUBSCRIPTION,
        base_url=connection.endpoints.resource_manager,
        pipeline=connection.pipeline,
        credential_scopes=[connection.endpoints.scope],
    )


async def test_from_an_account_to_tasks_and_back() -> None:
    azure = site.with_account()
    async with in_process_cloud(azure.emulator, LoopClock(), principal="owner") as cloud:
        arm, connection = management(cloud), cloud.connection
        poller = await arm.batch_account.begin_create("rg1", "acc2", {"location": "westeurope"})
        account = await poller.result()
        assert account.properties.pool_allocation_mode == "BatchService"
        pool = await arm.pool.create("rg1", "acc2", "p", {"properties": site.properties()})
        assert pool.properties.upgrade_policy.automatic_os_upgrade_policy.os_rolling_upgrade_deferral is True
        assert [each.name async for each in arm.pool.list_by_batch_account("rg1", "acc2")] == ["p"]
        await connection.clock.sleep(900)

        endpoint = f"https://{(await arm.batch_account.get('rg1', 'acc2')).properties.account_endpoint}"
        data = BatchClient(endpoint, connection.credential, transport=connection.transport)
        nodes = [node async for node in data.list_nodes("p")]
        assert [node.state for node in nodes] == ["idle", "idle"]
        assert nodes[0].virtual_machine_info.image_reference.exact_version == "1.0.0"
        await data.create_job(BatchJobCreateOptions(id="j", pool_info=BatchPoolInfo(pool_id="p")))
        await data.create_task("j", BatchTaskCreateOptions(id="t", command_line="sleep 60"))
        assert (await data.get_task("j", "t")).state == "running"
        await connection.clock.sleep(61)
        task = await data.get_task("j", "t")
        assert (task.state, task.execution_info.exit_code, task.node_info.pool_id) == ("completed", 0, "p")
        [counts] = [each async for each in data.list_pool_node_counts()]
        assert counts.dedicated.idle == counts.dedicated.total == 2

        resized = await data.begin_resize_pool("p", BatchPoolResizeOptions(target_dedicated_nodes=0))
        await resized.result()
        assert not [node async for node in data.list_nodes("p")]
        with pytest.raises(HttpResponseError, match="InvalidPropertyValue"):
            await arm.pool.update("rg1", "acc2", "p", {"properties": {"upgradePolicy": {"mode": "auto"}}})
        await (await arm.pool.begin_delete("rg1", "acc2", "p")).result()
        with pytest.raises(ResourceNotFoundError):
            await data.get_pool("p")
        await (await arm.batch_account.begin_delete("rg1", "acc2")).result()
        with pytest.raises(ResourceNotFoundError):
            await arm.batch_account.get("rg1", "acc2")
