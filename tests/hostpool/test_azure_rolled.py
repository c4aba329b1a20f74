"""The command on a scale set and a Batch pool, against the emulator on the wire of the real SDK clients."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import looptime
import pytest
from click.testing import CliRunner, Result

from cloud.policies import WriteGuard
from hostpool.azure_rolled import batch_status
from hostpool.commands.status import screen
from hostpool.main import main
from hostpool.session import World
from hostpool.status import as_json
from os_upgrades.batch_look import PoolSeen
from os_upgrades.batch_pool import BatchPool
from os_upgrades.batch_progress import nodes_of
from rollout.azure import Azure
from rollout.clock import Clock
from rollout.images import Image
from rollout.images import Kind as ImageKind
from simulation.in_process import in_process_cloud
from simulation.scale_set import AUTOMATIC, SET, EmulatedScaleSet, emulated_scale_set
from tests.hostpool.literal_azure import in_the_middle
from tests.hostpool.night import POOL_ID

DEFERRED = {**AUTOMATIC, "osRollingUpgradeDeferral": True}
IMAGE = SET.partition("/virtualMachineScaleSets/")[0] + "/galleries/web/images/web"
BATCH = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Batch/batchAccounts/render/pools/frames"


@dataclass
class Desk:
    """A person at a desk beside an emulated scale set: one event loop on virtual time."""

    loop: Any = field(default_factory=looptime.new_event_loop)
    made: EmulatedScaleSet = field(init=False)

    def within(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def make(self, **options: Any) -> EmulatedScaleSet:
        self.made = self.within(emulated_scale_set(3, **options))
        return self.made

    def wait(self, seconds: float) -> None:
        self.within(self.made.clock.sleep(seconds))

    def control(self, method: str, path: str, body: Any = None) -> Any:
        async def ask() -> Any:
            return self.made.control(method, path, body)

        return self.within(ask())

    def hostpool(self, *arguments: str, at: str = SET, says: str = "") -> Result:
        @asynccontextmanager
        async def opened(
            environment: Mapping[str, str], subscription_id: str, clock: Clock, guard: WriteGuard
        ) -> AsyncIterator[Azure]:
            async with in_process_cloud(self.made.emulator, clock, write_guard=guard) as azure:
                yield azure

        world = World({"HOSTPOOL_ID": at}, opened, lambda _: self.made.clock, "ada@desk-7", self.within)
        return CliRunner().invoke(main, arguments, obj=world, input=says)


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.loop.close()


def publish(desk: Desk, version: str) -> None:
    desk.control("POST", "image-versions", {"image": IMAGE, "version": version})


def test_an_upgrade_from_start_to_history(desk: Desk) -> None:
    desk.make()
    publish(desk, "1.0.1")
    said = desk.hostpool("status").stdout
    assert "web  scale set; 3 of 3 instances do not run 1.0.1, the latest; nothing begins an upgrade by itself" in said
    assert "instance" in said and "session host" not in said and "lease" not in said
    refused = desk.hostpool("upgrade", "start", says="n\n")
    assert refused.exit_code == 1 and "Azure restores no OS disk" in refused.stderr
    assert desk.control("GET", "scale-sets")["scaleSets"][SET]["upgrades"] == []
    begun = desk.hostpool("upgrade", "start", "--yes")
    assert begun.exit_code == 0 and "web: begun: 3 instances to 1.0.1; hostpool status --watch" in begun.stdout
    assert "an upgrade is under way already" in desk.hostpool("upgrade", "start", "--yes").stdout
    desk.wait(100)
    seen = json.loads(desk.hostpool("status", "--json").stdout)
    assert (seen["kind"], seen["state"], seen["pool"]) == ("scale set", "running", "web")
    assert seen["upgrade"]["runningStatus"]["code"] == "RollingForward"
    assert sum(seen["upgrade"]["progress"].values()) == 3 and len(seen["hosts"]) == 3
    desk.wait(3600)
    assert json.loads(desk.hostpool("status", "--json").stdout)["state"] == "complete"
    assert desk.hostpool("history").stdout.startswith("1.0.1 on 2026-01-12 20:")
    assert ", Completed: 3 of 3 updated; by User" in desk.hostpool("history").stdout
    [entry] = json.loads(desk.hostpool("history", "--json").stdout)["value"]
    assert entry["properties"]["targetImageReference"]["version"] == "1.0.1"
    assert "nothing to do" in desk.hostpool("upgrade", "start", "--yes").stdout
    cancelled = desk.hostpool("upgrade", "cancel", "--yes")
    assert cancelled.exit_code == 1 and "no upgrade of web is under way" in cancelled.stderr


def test_a_bad_image_shows_in_status_and_history(desk: Desk) -> None:
    desk.make(automatic=AUTOMATIC, rolling={"maxUnhealthyInstancePercent": 40})
    desk.wait(4 * 3600)
    effect = {"type": "guest", "image": "/versions/1[.]0[.]1$", "fault": "unhealthy"}
    desk.control("POST", "faults", {"rules": [{"id": "bad", "effect": effect}]})
    publish(desk, "1.0.1")
    desk.wait(3 * 3600)
    said = desk.hostpool("status").stdout
    assert "the last upgrade to it is Faulted" in said and "rolled-back" in said
    assert "RollingUpgradeInstanceUnhealthyError" in said and "by Platform" in said
    history = desk.hostpool("history").stdout
    assert "Faulted: 0 of 3 updated, 1 rolled back, 2 left; by Platform; MaxUnhealthyUpgraded" in history


def test_deferred_upgrades_are_approved_by_name_id_or_all(desk: Desk) -> None:
    desk.make(automatic=DEFERRED, rolling={"maxUnhealthyInstancePercent": 40})
    nothing = desk.hostpool("upgrade", "approve", "--all")
    assert nothing.exit_code == 1 and "so that there is nothing to approve" in nothing.stderr
    publish(desk, "1.0.1")
    assert desk.hostpool("upgrade", "start", "--yes").exit_code == 0
    desk.wait(600)
    assert "its approval (hostpool upgrade approve)" in desk.hostpool("status").stdout
    wrong = desk.hostpool("upgrade", "approve", "7")
    assert (wrong.exit_code, wrong.stderr) == (2, "Error: web has no instance 7; there are 0, 1, 2\n")
    assert desk.hostpool("upgrade", "approve").exit_code == 2
    assert "approved for 1" in desk.hostpool("upgrade", "approve", "web_1").stdout
    desk.wait(1200)
    seen = json.loads(desk.hostpool("status", "--json").stdout)
    assert [row["image"] for row in seen["hosts"]] == ["1.0.0", "1.0.1", "1.0.0"]
    assert desk.hostpool("upgrade", "approve", "--all").exit_code == 0
    desk.wait(60)
    assert desk.hostpool("upgrade", "cancel", "--yes").stdout.endswith("the batch in work is ended first\n")
    desk.wait(1200)
    assert desk.control("GET", "scale-sets")["scaleSets"][SET]["upgrades"][0]["code"] == "Cancelled"


@pytest.mark.parametrize("arguments", [["pause"], ["plan"], ["explain", "vm-1"], ["cleanup"], ["tick"]], ids=" ".join)
def test_what_is_for_host_pools_says_so(desk: Desk, arguments: list[str]) -> None:
    desk.make()
    result = desk.hostpool(*arguments)
    assert result.exit_code == 2 and "web is a scale set, and this command is for host pools" in result.stderr


def test_what_is_for_scale_sets_says_so(desk: Desk) -> None:
    desk.make()
    result = desk.hostpool("upgrade", "cancel", at=BATCH)
    assert result.exit_code == 2 and "frames is a Batch pool; hostpool upgrade is for scale sets" in result.stderr
    assert "Azure keeps no history of Batch pool frames" in desk.hostpool("history", at=BATCH).stderr


def node(name: str, state: str = "idle", version: str = "1.0.0", tasks: int = 0) -> dict[str, Any]:
    image = {"virtualMachineInfo": {"imageReference": {"exactVersion": version}}}
    return {"id": name, "state": state, "runningTasksCount": tasks, **image}


def test_nodes_of_a_batch_pool_are_shown_as_hosts_are() -> None:
    image = Image("/i/versions/1.0.1", "1.0.1", {}, "V2", frozenset(), 0, "x64", None, {}, ImageKind.GALLERY)
    nodes = [node("a", version="1.0.1"), node("b", "running", tasks=2), node("c", "upgradingos"), node("d", "unusable")]
    status = batch_status(PoolSeen(BatchPool({"id": BATCH}), image, nodes_of(nodes), 0.0))
    assert [(row.host, row.phase, row.status) for row in status.hosts] == [
        ("a", "done", "idle"),
        ("b", "to do", "running"),
        ("c", "release", "upgradingos"),
        ("d", "failed", "unusable"),
    ]
    assert status.hosts[1].waits_for == "its tasks to end" and status.sessions == 2
    data = as_json(status)
    assert data["kind"] == "Batch pool" and data["upgrade"]["progress"]["inProgressInstanceCount"] == 1
    assert screen(status, 0.0)


def test_the_json_of_all_kinds_has_one_shape(desk: Desk) -> None:
    desk.make()
    result = CliRunner().invoke(main, ["--host-pool", POOL_ID, "status", "--json"], obj=in_the_middle().world({}))
    of_pool, of_set = json.loads(result.stdout), json.loads(desk.hostpool("status", "--json").stdout)
    assert of_pool.keys() == of_set.keys() and of_pool["hosts"][0].keys() == of_set["hosts"][0].keys()
    assert of_pool["kind"] == "host pool" and of_pool["upgrade"]["runningStatus"] == {"code": "RollingForward"}
    excluded = sum(row["phase"] == "excluded" for row in of_pool["hosts"])
    assert sum(of_pool["upgrade"]["progress"].values()) == len(of_pool["hosts"]) - excluded


def test_a_scale_set_whose_model_pins_a_version_is_shown_too(desk: Desk) -> None:
    desk.make()
    publish(desk, "1.0.1")
    pinned = {"storageProfile": {"imageReference": {"id": f"{IMAGE}/versions/1.0.0"}}}

    async def pin() -> None:
        assert desk.made.ask("PATCH", SET, {"properties": {"virtualMachineProfile": pinned}}).status == 200

    desk.within(pin())
    desk.wait(300)
    assert "3 of 3 instances run 1.0.0, which the model names" in desk.hostpool("status").stdout
    refused = desk.hostpool("upgrade", "start", "--yes")
    assert refused.exit_code == 2 and "so that there is nothing to upgrade to" in refused.stderr
