"""The scenario `batch`, and a world with a Batch pool that is saved in the middle of an upgrade."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator import scenario, state
from emulator.app import Emulator
from emulator.batch import view
from emulator.wire import Request
from tests.emulator.batch import site

POOL = (
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/avd"
    "/providers/Microsoft.Batch/batchAccounts/render/pools/encode"
)


@pytest.mark.parametrize(("own", "mode"), [(False, "BatchService"), (True, "UserSubscription")])
def test_a_pool_at_work(own: bool, mode: str) -> None:
    world = scenario.build("batch", {"hosts": 3, "tasks": 4, "user_subscription": own})
    shown = Emulator(world).handle(Request("GET", "/emulator/state")).body["resources"][POOL.lower()]
    assert shown["properties"]["currentDedicatedNodes"] == 3, "as GET returns it"
    pool = view.describe(world)[POOL]
    assert sorted(node["version"] for node in pool["nodes"].values()) == ["1.0.0"] * 3
    assert [task["state"] for task in pool["tasks"].values()] == ["running", "running", "running", "active"]
    assert world.resources[POOL.lower().partition("/pools/")[0]].body["properties"]["poolAllocationMode"] == mode
    world.advance(world.now + 4.1 * 3600)
    assert {task["state"] for task in view.describe(world)[POOL]["tasks"].values()} == {"completed"}


def test_an_upgrade_goes_on_after_a_restart(tmp_path: Path) -> None:
    azure = site.with_pool()
    site.publish(azure, "1.0.1")
    site.until(azure, lambda: bool(site.seen(azure)["upgrades"]))
    state.save(azure.world, tmp_path / "world")
    azure.emulator.replace(state.load(tmp_path / "world"))
    azure.world = azure.emulator.world
    assert not site.ended(azure)
    site.until(azure, lambda: site.ended(azure))
    assert site.versions(azure) == ["1.0.1", "1.0.1"]
