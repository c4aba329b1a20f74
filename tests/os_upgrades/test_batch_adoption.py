"""The policy of a pool that exists is taken over and given back, by the real clients on the emulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cloud.batch_pools import BatchPools
from emulator.resources import features
from os_upgrades import batch_adoption, batch_pool
from os_upgrades.batch_progress import nodes_of, progress
from rollout.errors import NotFound, PreconditionFailed, RolloutError
from simulation.in_process import in_process_cloud
from simulation.virtual_time import LoopClock
from tests.emulator.arm_client import Client
from tests.emulator.batch import site
from tests.emulator.batch.site import POOL

pytestmark = pytest.mark.looptime
MANUAL = {"mode": "manual"}


def declared(**changed: Any) -> batch_pool.BatchPoolDeclaration:
    policy = {
        "mode": "automatic",
        "automatic_os_upgrade_policy": {"enable_automatic_os_upgrade": True, "use_rolling_upgrade_policy": True},
        "rolling_upgrade_policy": {"max_batch_instance_percent": 50, "max_unhealthy_instance_percent": 50},
    }
    return batch_pool.parse({"pool_id": POOL, "upgrade_policy": policy, **changed})


@asynccontextmanager
async def clients(azure: Client) -> AsyncIterator[BatchPools]:
    async with in_process_cloud(azure.emulator, LoopClock(), principal="owner") as cloud:
        yield BatchPools(cloud)


def policy(azure: Client) -> Any:
    return azure.get(POOL).body["properties"].get("upgradePolicy")


def metadata(azure: Client) -> list[dict[str, str]]:
    found: list[dict[str, str]] = azure.get(POOL).body["properties"].get("metadata") or []
    return found


def writes(azure: Client) -> list[str]:
    log = azure.call("GET", "/emulator/requests").body["requests"]
    return [each["path"] for each in log if each["method"] not in ("GET", "HEAD")]


async def test_a_policy_is_taken_over_once_and_given_back() -> None:
    azure = site.with_pool(nodes=0, upgradePolicy=MANUAL, metadata=[{"name": "owner", "value": "render"}])
    before = len(writes(azure))
    async with clients(azure) as batch:
        done = await batch_adoption.adopt(batch, declared(), None, LoopClock())
        assert done.changes["mode"] == "manual -> automatic" and done.found == MANUAL
        assert policy(azure)["automaticOSUpgradePolicy"]["osRollingUpgradeDeferral"] is True
        assert {"name": "owner", "value": "render"} in metadata(azure)
        again = await batch_adoption.adopt(batch, declared(), None, LoopClock())
        assert not again.changes and again.found == MANUAL, "what was found is known without any output"
        assert len(writes(azure)) == before + 1
        await batch_adoption.release(batch, declared(), done.found)
    assert policy(azure) == MANUAL
    assert metadata(azure) == [{"name": "owner", "value": "render"}]


async def test_a_pool_with_nodes_is_refused_before_anything_is_written() -> None:
    azure = site.with_pool(nodes=2, upgradePolicy=MANUAL)
    before = len(writes(azure))
    async with clients(azure) as batch:
        seen = await batch_adoption.look(batch, declared(), None)
        assert [finding.rule for finding in seen.findings] == ["empty-pool"]
        with pytest.raises(RolloutError, match="az batch pool resize --pool-id pool1"):
            await batch_adoption.adopt(batch, declared(), None, LoopClock())
    assert len(writes(azure)) == before and policy(azure) == MANUAL


async def test_the_same_policy_is_no_change_whatever_its_spelling() -> None:
    azure = site.with_pool(nodes=2)
    async with clients(azure) as batch:
        assert not (await batch_adoption.look(batch, declared(), None)).changes


async def test_it_is_not_given_back_while_the_pool_has_nodes_unless_it_may_stay() -> None:
    azure = site.with_pool(nodes=0, upgradePolicy=MANUAL)
    async with clients(azure) as batch:
        await batch_adoption.adopt(batch, declared(), None, LoopClock())
        site.data(azure, "POST", "/pools/pool1/resize", {"targetDedicatedNodes": 1})
        with pytest.raises(RolloutError, match="leave_on_delete"):
            await batch_adoption.release(batch, declared(), None)
        await batch_adoption.release(batch, declared(leave_on_delete=True), None)
        assert policy(azure)["mode"] == "automatic" and not metadata(azure)


async def test_a_pool_without_a_policy_gets_a_neutral_one_back_and_one_that_is_gone_nothing() -> None:
    azure = site.with_pool(nodes=0, upgradePolicy=None)
    async with clients(azure) as batch:
        await batch_adoption.adopt(batch, declared(), None, LoopClock())
        await batch_adoption.release(batch, declared(), None)
        assert policy(azure) == batch_adoption.NONE
        azure.delete(POOL)
        azure.wait(300)
        await batch_adoption.release(batch, declared(), None)
        with pytest.raises(NotFound):
            await batch_adoption.adopt(batch, declared(), None, LoopClock())


async def test_the_feature_is_checked_and_registered_on_request() -> None:
    off = site.automatic(osRollingUpgradeDeferral=False)
    azure = site.with_pool(nodes=0, mode="UserSubscription", upgradePolicy=off)
    async with clients(azure) as batch:
        seen = await batch_adoption.look(batch, declared(), None)
        assert [finding.rule for finding in seen.findings] == ["deferral-feature"]
        began = azure.world.now
        done = await batch_adoption.adopt(batch, declared(register_feature=True), None, LoopClock())
        assert done.registers and features.REGISTERING <= azure.world.now - began < features.REGISTERING + 60
    assert policy(azure)["automaticOSUpgradePolicy"]["osRollingUpgradeDeferral"] is True


async def test_somebody_else_s_change_in_between_is_not_overwritten() -> None:
    azure = site.with_pool(nodes=0, upgradePolicy=MANUAL)
    async with clients(azure) as batch:
        seen = await batch_adoption.look(batch, declared(), None)
        azure.call("PATCH", POOL, {"properties": {"metadata": [{"name": "a", "value": "b"}]}})
        with pytest.raises(PreconditionFailed):
            await batch.update_batch_pool(POOL, {"properties": {"metadata": []}}, etag=seen.pool.etag)


async def test_nodes_are_watched_through_the_data_plane() -> None:
    azure = site.with_pool()
    site.submit(azure, f"sleep {9 * 3600}")
    site.publish(azure, "1.0.1")
    async with clients(azure) as batch:
        seen = await batch_adoption.look(batch, declared(), None)
        assert seen.endpoint == "localhost/batch/acc1"
        met = []
        clock = LoopClock()
        for _ in range(120):
            await clock.sleep(60)
            now = progress(nodes_of(await batch.list_batch_nodes(seen.endpoint, "pool1")), "1.0.1")
            if not met or met[-1] != now.code:
                met.append(now.code)
        assert met == ["Pending", "RollingForward", "Pending"]
        assert (now.counts.successful, now.counts.pending, len(now.waits_for)) == (1, 1, 1)
        assert now.states == {"running": 1, "idle": 1}
        assert await batch.list_batch_nodes(seen.endpoint, "none") == []
