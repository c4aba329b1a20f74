"""A Batch pool as the command sees it, by the real clients on the emulator."""

from __future__ import annotations

import pytest

from cloud.batch_pools import BatchPools
from os_upgrades import batch_look
from rollout.errors import InvalidDeclaration
from simulation.in_process import in_process_cloud
from simulation.virtual_time import LoopClock
from tests.emulator.batch import site

pytestmark = pytest.mark.looptime


async def test_nodes_are_told_with_the_version_that_latest_stands_for() -> None:
    azure = site.with_pool()
    site.publish(azure, "1.0.1", excludeFromLatest=True)
    async with in_process_cloud(azure.emulator, LoopClock(), principal="owner") as cloud:
        seen = await batch_look.look(BatchPools(cloud), cloud, site.POOL)
        assert (seen.latest, seen.progress.code, len(seen.behind)) == ("1.0.0", "Completed", 0)
        site.publish(azure, "1.0.2")
        seen = await batch_look.look(BatchPools(cloud), cloud, site.POOL)
        assert (seen.latest, seen.progress.code, len(seen.behind)) == ("1.0.2", "Pending", 2)


async def test_a_marketplace_image_has_a_latest_version_too() -> None:
    reference = {
        "publisher": "MicrosoftWindowsServer",
        "offer": "WindowsServer",
        "sku": "2022-datacenter-azure-edition",
    }
    azure = site.with_pool(deploymentConfiguration=site.machine(imageReference=reference))
    async with in_process_cloud(azure.emulator, LoopClock(), principal="owner") as cloud:
        seen = await batch_look.look(BatchPools(cloud), cloud, site.POOL)
        assert await batch_look.latest(cloud, seen.pool, "westeurope") == seen.latest == "20348.3807.250605"
        assert seen.progress.code == "Completed"


async def test_a_pool_of_one_version_follows_nothing() -> None:
    machine = site.machine(imageReference={"id": f"{site.IMAGE}/versions/1.0.0"})
    azure = site.with_pool(nodes=0, deploymentConfiguration=machine, upgradePolicy={"mode": "manual"})
    async with in_process_cloud(azure.emulator, LoopClock(), principal="owner") as cloud:
        with pytest.raises(InvalidDeclaration, match="has an image of one version"):
            await batch_look.look(BatchPools(cloud), cloud, site.POOL)
        with pytest.raises(InvalidDeclaration, match="does not exist"):
            await batch_look.look(BatchPools(cloud), cloud, f"{site.ACCOUNT}/pools/none")
