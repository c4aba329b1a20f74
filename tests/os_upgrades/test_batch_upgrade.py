"""The nodes of an emulated Batch pool are watched to the latest image, by the real SDK clients on virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cloud.batch_pools import BatchPools
from emulator import faults
from os_upgrades.batch_look import PoolSeen, look
from os_upgrades.batch_upgrade import NodesFailed, NodesLeft, parse, watch_nodes
from rollout.errors import InvalidDeclaration
from rollout.events import Event, Kind
from simulation.in_process import in_process_cloud
from simulation.virtual_time import LoopClock, virtually
from tests.emulator.arm_client import Client
from tests.emulator.batch import site
from tests.emulator.batch.site import POOL


class Watched:
    """A pool of nodes on version 1.0.0 and all that was said of it."""

    def __init__(self, nodes: int = 4, **properties: Any) -> None:
        self.azure: Client = site.with_pool(nodes=nodes, **properties)
        self.events: list[Event] = []
        self.clock = LoopClock(self.azure.world.now)

    async def watch(self, halt: asyncio.Event | None = None, **inputs: Any) -> PoolSeen:
        async with in_process_cloud(self.azure.emulator, self.clock, principal="owner") as cloud:
            return await watch_nodes(
                BatchPools(cloud), cloud, parse({"pool_id": POOL, **inputs}), clock=self.clock,
                listener=self.events.append, owner="tester@machine", stop=halt,
            )  # fmt: skip

    def said(self, kind: Kind) -> list[Event]:
        return [event for event in self.events if event.kind is kind]

    def writes(self) -> list[str]:
        log = self.azure.call("GET", "/emulator/requests").body["requests"]
        return [each["path"] for each in log if each["method"] not in ("GET", "HEAD")]


def test_what_azure_begins_is_waited_for_and_watched_to_its_end() -> None:
    made = Watched()
    site.publish(made.azure, "1.0.1")
    count = len(made.writes())
    seen = virtually(made.watch(version="1.0.1"))
    assert [member.version for member in seen.members] == ["1.0.1"] * 4 and len(made.writes()) == count
    assert len(made.said(Kind.HOST_DONE)) == 4 and made.said(Kind.QUEUED)
    ended = made.said(Kind.ENDED)[-1].data
    assert (ended["status"], ended["counts"]["updated"]) == ("complete", 4)
    count = len(made.events)
    virtually(made.watch())
    assert len(made.events) == count


def test_nodes_that_run_tasks_are_waited_for() -> None:
    made = Watched(2)
    site.submit(made.azure, "/bin/sh -c 'sleep 30000'")
    site.publish(made.azure, "1.0.1")
    seen = virtually(made.watch(limit="P1D"))
    assert [member.version for member in seen.members] == ["1.0.1"] * 2
    assert site.tasks_of(made.azure)["t0"]["state"] == "completed"
    done = [event.time for event in made.said(Kind.HOST_DONE)]
    assert done[1] - done[0] > 3600


def test_a_bad_image_fails_with_the_nodes_that_came_back_and_what_to_do() -> None:
    made = Watched()
    faults.replace(
        made.azure.world, {"rules": [{"effect": {"type": "guest", "image": "1.0.1", "fault": "never_boots"}}]}
    )
    site.publish(made.azure, "1.0.1")
    with pytest.raises(NodesFailed) as failed:
        virtually(made.watch())
    text = str(failed.value)
    assert text.startswith(
        "pool pool1: Azure brings no more nodes to 1.0.1: 0 of 4 nodes run 1.0.1, 2 came back on their"
    )
    assert "To do: look at these nodes' start task and events" in text
    results = {event.host: event.data["result"] for event in made.said(Kind.HOST_FAILED)}
    assert list(results.values()) == ["rolled-back"] * 2
    assert made.said(Kind.ENDED)[-1].data["counts"]["rolled_back"] == 2


def test_it_ends_when_told_to_or_when_its_time_is_over_and_is_carried_on() -> None:
    made = Watched(2)
    site.publish(made.azure, "1.0.1")

    async def stopped() -> None:
        halt = asyncio.Event()
        asyncio.get_running_loop().call_later(60.0, halt.set)
        with pytest.raises(
            NodesLeft, match=r"stopped: 1\.0\.1: 0 of 2 node\(s\); Azure goes on, and the next pulumi up"
        ):
            await made.watch(halt)

    virtually(stopped())
    made.clock = LoopClock(made.azure.world.now)
    with pytest.raises(NodesLeft, match=r"not ended in 0\.1 h, the declared limit"):
        virtually(made.watch(limit="PT6M"))
    made.clock = LoopClock(made.azure.world.now)
    assert virtually(made.watch()).behind == ()
    assert len({event.data["rollout"] for event in made.said(Kind.STARTED)}) == 1


def test_azure_has_only_so_long_to_begin() -> None:
    made = Watched(2)
    site.publish(made.azure, "1.0.1")
    with pytest.raises(
        NodesFailed, match=r"has not begun to bring nodes to 1\.0\.1 in 0\.1 h; look at the upgrade policy"
    ):
        virtually(made.watch(begin_within="PT6M"))


@pytest.mark.parametrize(
    ("properties", "inputs", "says"),
    [
        ({}, {"version": "1.0.2"}, r"version: '1\.0\.2' is not what latest stands for, 1\.0\.1: .*; publish it"),
        (
            {"upgradePolicy": {"mode": "automatic"}},
            {},
            r"pool_id: 'pool1' has 1 nodes .*; enable them \(BatchPoolUpgradeP",
        ),
        ({}, {"pool_id": f"{POOL}x"}, r"pool_id: .*pool1x' does not exist, or may not be seen; correct the id"),
        (
            {},
            {"pool_id": "pool1"},
            r"pool_id: 'pool1' is not the id of a Batch pool; write one such as /subscriptions/",
        ),
    ],
)
def test_what_cannot_be_is_refused(properties: dict[str, Any], inputs: dict[str, Any], says: str) -> None:
    made = Watched(1, **properties)
    site.publish(made.azure, "1.0.1")
    with pytest.raises(InvalidDeclaration, match=says):
        virtually(made.watch(**inputs))
    assert made.events == []


def test_an_image_of_one_version_is_refused() -> None:
    made = Watched(1, deploymentConfiguration=site.machine(imageReference={"id": f"{site.IMAGE}/versions/1.0.0"}),
                   upgradePolicy={"mode": "manual"})  # fmt: skip

    async def seen() -> None:
        async with in_process_cloud(made.azure.emulator, made.clock, principal="owner") as cloud:
            await look(BatchPools(cloud), cloud, POOL)

    with pytest.raises(
        InvalidDeclaration, match=r"has an image of one version, so that there is nothing to upgrade to"
    ):
        virtually(seen())
