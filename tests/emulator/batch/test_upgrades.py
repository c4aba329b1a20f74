"""Upgrades of a pool by Azure: when they begin, batches, deferral, a bad image, and the limits."""

from __future__ import annotations

from typing import Any

import pytest

from emulator import clock, faults
from tests.emulator.arm_client import Client
from tests.emulator.batch import site
from tests.emulator.batch.site import HOURS


def bad(azure: Client, version: str, times: int | None = None) -> None:
    """Let nodes not come up with a version."""
    effect = {"type": "guest", "image": version, "fault": "never_boots"}
    faults.replace(azure.world, {"rules": [{"effect": effect, **({"times": times} if times else {})}]})


def after(azure: Client, since: float) -> float:
    """Seconds from a time to the start of the last upgrade."""
    return clock.parse(site.upgrade(azure)["started"]) - since


def started(azure: Client) -> bool:
    return bool(site.seen(azure)["upgrades"])


def test_the_first_rollout_begins_within_three_hours_of_enabling_and_later_ones_within_the_hour() -> None:
    azure = site.with_pool()
    enabled = azure.world.now - 900
    site.publish(azure, "1.0.1")
    site.until(azure, lambda: site.ended(azure))
    assert 900 < after(azure, enabled) <= 3 * HOURS + 300
    assert site.versions(azure) == ["1.0.1", "1.0.1"]
    site.publish(azure, "1.0.2")
    published = azure.world.now
    site.until(azure, lambda: len(site.seen(azure)["upgrades"]) == 2)
    assert 1800 <= after(azure, published) <= HOURS + 600
    site.until(azure, lambda: site.ended(azure))
    azure.wait(10 * HOURS)
    assert len(site.seen(azure)["upgrades"]) == 2, "nothing is rolled out twice"


def test_without_automatic_upgrades_nothing_begins() -> None:
    azure = site.with_pool(upgradePolicy={"mode": "automatic"})
    site.publish(azure, "1.0.1")
    azure.wait(12 * HOURS)
    assert site.versions(azure) == ["1.0.0", "1.0.0"] and not started(azure)


@pytest.mark.parametrize("profile", [{"excludeFromLatest": True}, {"targetRegions": [{"name": "North Europe"}]}])
def test_versions_that_are_excluded_or_not_replicated_are_not_rolled_out(profile: dict[str, Any]) -> None:
    azure = site.with_pool()
    site.publish(azure, "1.0.1", **profile)
    azure.wait(12 * HOURS)
    assert not started(azure)
    site.publish(azure, "1.0.2")
    site.until(azure, lambda: site.ended(azure))
    assert set(site.versions(azure)) == {"1.0.2"}


def test_batches_keep_to_the_percentages_and_the_pause() -> None:
    policy = site.rolling(maxBatchInstancePercent=40, maxUnhealthyInstancePercent=40, pauseTimeBetweenBatches="PT10M")
    azure = site.with_pool(nodes=5, upgradePolicy=policy)
    site.publish(azure, "1.0.1")
    most, pauses, quiet = 0, 0, 0
    site.until(azure, lambda: started(azure))
    while not site.ended(azure):
        azure.wait(20)
        upgrading = site.states(azure).count("upgradingos")
        most = max(most, upgrading)
        quiet = quiet + 20 if not upgrading else 0
        pauses += quiet == 580
    assert most == 2 and pauses == 2
    assert [len(batch) for batch in site.upgrade(azure)["batches"]] == [2, 2, 1]
    assert site.upgrade(azure)["status"] == "Completed"


def test_a_node_that_becomes_idle_does_not_end_the_pause() -> None:
    azure = site.with_pool(upgradePolicy=site.rolling(maxBatchInstancePercent=50, pauseTimeBetweenBatches="PT10M"))
    for _ in range(3):
        site.submit(azure, *["sleep 150"] * 99)
    site.publish(azure, "1.0.1")
    site.until(azure, lambda: site.ended(azure))
    times = {each["event"]: [] for each in site.seen(azure)["events"]}
    for each in site.seen(azure)["events"]:
        times[each["event"]].append(clock.parse(each["time"]))
    assert times["upgrading"][1] - times["upgraded"][0] >= 600


def test_zones_are_not_mixed_in_a_batch_unless_crossed() -> None:
    for cross, sizes in ((False, [1, 1, 1]), (True, [3])):
        policy = site.rolling(
            maxBatchInstancePercent=100, maxUnhealthyInstancePercent=100, enableCrossZoneUpgrade=cross
        )
        zonal = site.machine(nodePlacementConfiguration={"policy": "Zonal"})
        azure = site.with_pool(nodes=3, upgradePolicy=policy, deploymentConfiguration=zonal)
        site.publish(azure, "1.0.1")
        site.until(azure, lambda azure=azure: site.ended(azure))
        assert [len(batch) for batch in site.upgrade(azure)["batches"]] == sizes


def test_a_node_that_runs_tasks_is_upgraded_once_it_is_idle_and_none_is_interrupted() -> None:
    azure = site.with_pool()
    site.publish(azure, "1.0.1")
    site.submit(azure, f"sleep {6 * 3600}")
    busy = site.tasks_of(azure)["t0"]["nodeInfo"]["nodeId"]
    site.until(azure, lambda: "1.0.1" in site.versions(azure))
    azure.wait(HOURS)
    by_node = {node["id"]: node for node in site.nodes_of(azure)}
    assert by_node[busy]["virtualMachineInfo"]["imageReference"]["exactVersion"] == "1.0.0"
    assert by_node[busy]["state"] == "running" and not site.ended(azure)
    for _ in range(3):
        site.submit(azure, *["sleep 600"] * 99)  # the queue is never empty, and yet its turn comes
    site.until(azure, lambda: site.ended(azure), 12 * HOURS)
    assert site.versions(azure) == ["1.0.1", "1.0.1"]
    assert site.upgrade(azure)["deferred"] == [busy]
    assert {task["executionInfo"]["requeueCount"] for task in site.tasks_of(azure).values()} == {0}


def test_without_deferral_tasks_are_interrupted_and_run_again() -> None:
    azure = site.with_pool(upgradePolicy=site.automatic(osRollingUpgradeDeferral=False))
    site.submit(azure, f"sleep {6 * 3600}", f"sleep {6 * 3600}")
    site.publish(azure, "1.0.1")
    site.until(azure, lambda: site.ended(azure))
    assert site.versions(azure) == ["1.0.1", "1.0.1"]
    assert {task["executionInfo"]["requeueCount"] for task in site.tasks_of(azure).values()} == {1}


@pytest.mark.parametrize(
    ("version", "deferral", "state"),
    [
        ("2023-11-01.18.0", True, "upgradingos"),
        ("2025-06-01", True, "upgradingos"),
        ("2023-05-01.17.0", True, "rebooting"),
        ("2025-06-01", False, "rebooting"),
    ],
)
def test_what_a_node_that_is_upgraded_is_called(version: str, deferral: bool, state: str) -> None:
    azure = site.with_pool(upgradePolicy=site.automatic(osRollingUpgradeDeferral=deferral))
    site.publish(azure, "1.0.1")
    site.until(azure, lambda: started(azure))
    assert sorted(site.states(azure, version)) == ["idle", state]


def test_a_bad_image_stops_after_the_first_batch_and_the_old_disk_comes_back() -> None:
    azure = site.with_pool(nodes=10, upgradePolicy=site.rolling())
    bad(azure, "1.0.1")
    site.publish(azure, "1.0.1")
    site.until(azure, lambda: site.ended(azure))
    upgrade = site.upgrade(azure)
    assert upgrade["status"] == "Faulted"
    assert upgrade["error"]["code"] == "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"
    assert len(upgrade["failed"]) == len(upgrade["restored"]) == 2, "20 % of 10"
    assert set(site.versions(azure)) == {"1.0.0"} and set(site.states(azure)) == {"idle"}
    azure.wait(12 * HOURS)
    assert len(site.seen(azure)["upgrades"]) == 1, "the same version is not tried again"
    site.publish(azure, "1.0.2")
    site.until(azure, lambda: len(site.seen(azure)["upgrades"]) == 2 and site.ended(azure))
    assert set(site.versions(azure)) == {"1.0.2"}


def test_without_rollback_the_node_stays_broken_unless_a_breach_rolls_it_back() -> None:
    for roll_back, found in ((False, ["unusable", "idle"]), (True, ["idle", "idle"])):
        policy = site.automatic(disableAutomaticRollback=True)
        policy["rollingUpgradePolicy"]["rollbackFailedInstancesOnPolicyBreach"] = roll_back
        azure = site.with_pool(upgradePolicy=policy)
        bad(azure, "1.0.1")
        site.publish(azure, "1.0.1")
        site.until(azure, lambda azure=azure: site.ended(azure))
        assert sorted(site.states(azure)) == sorted(found)
        assert site.upgrade(azure)["status"] == "Faulted"


def test_a_single_failure_within_the_limit_does_not_stop_it() -> None:
    policy = site.rolling(
        maxBatchInstancePercent=50, maxUnhealthyInstancePercent=50, maxUnhealthyUpgradedInstancePercent=50
    )
    azure = site.with_pool(nodes=4, upgradePolicy=policy)
    bad(azure, "1.0.1", times=1)
    site.publish(azure, "1.0.1")
    site.until(azure, lambda: site.ended(azure))
    upgrade = site.upgrade(azure)
    assert (upgrade["status"], upgrade["error"]["code"]) == (
        "Completed",
        "RollingUpgradeInProgressWithFailedUpgradedVMs",
    )
    assert sorted(site.versions(azure)) == ["1.0.0", "1.0.1", "1.0.1", "1.0.1"]


def test_too_many_broken_nodes_before_it_begins_stop_it() -> None:
    for broken, stopped in ((1, False), (2, True)):
        azure = site.with_account()
        bad(azure, "1.0.0", times=broken)
        scale = {"fixedScale": {"targetDedicatedNodes": 5}}
        azure.put(site.POOL, {"properties": site.properties(scaleSettings=scale, upgradePolicy=site.rolling())})
        azure.wait(900)
        assert site.states(azure).count("unusable") == broken
        site.publish(azure, "1.0.1")
        site.until(azure, lambda azure=azure: site.ended(azure))
        found = (site.upgrade(azure)["error"] or {}).get("code")
        assert (found == "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade") is stopped
        assert set(site.versions(azure)) == ({"1.0.0"} if stopped else {"1.0.1"})


def test_its_own_numbers_count_only_where_the_policy_says_so() -> None:
    for used, sizes in ((True, [5]), (False, [1, 1, 1, 1, 1])):
        policy = site.automatic(useRollingUpgradePolicy=used)
        policy["rollingUpgradePolicy"] = {"maxBatchInstancePercent": 100, "maxUnhealthyInstancePercent": 100}
        azure = site.with_pool(nodes=5, upgradePolicy=policy)
        site.publish(azure, "1.0.1")
        site.until(azure, lambda azure=azure: site.ended(azure))
        assert [len(batch) for batch in site.upgrade(azure)["batches"]] == sizes


def test_a_pool_that_goes_in_the_middle_ends_it() -> None:
    azure = site.with_pool()
    site.publish(azure, "1.0.1")
    site.until(azure, lambda: started(azure))
    azure.delete(site.POOL)
    azure.wait(HOURS)
    assert azure.get(site.POOL).status == 404
