"""What holds for every rolling upgrade, whatever goes wrong: looked at every few seconds of many random ones."""

from __future__ import annotations

import random
from typing import Any

import pytest

from emulator.compute import scale_set_guests
from tests.emulator.arm_client import COMPUTE
from tests.emulator.compute.sets import AUTOMATIC, HEALTH, HOUR, PROBE, SET, Sets, script

FAULTS = ("unhealthy", "never_boots", "never_provisions", "extension_fails", "boots_slowly")


def begin(chance: random.Random) -> Sets:
    """A random set on 1.0.0, with faults in some guests of 1.0.1."""
    sets = Sets()
    batch = chance.choice((20, 34, 50, 100))
    rolling: dict[str, Any] = {
        "maxBatchInstancePercent": batch,
        "maxUnhealthyInstancePercent": chance.choice((batch, 100)),
        "maxUnhealthyUpgradedInstancePercent": chance.choice((0, 50, 100)),
        "pauseTimeBetweenBatches": chance.choice(("PT0S", "PT5M")),
        "prioritizeUnhealthyInstances": chance.random() < 0.3,
        "enableCrossZoneUpgrade": chance.random() < 0.3,
        "rollbackFailedInstancesOnPolicyBreach": chance.random() < 0.6,
    }
    kind = chance.choice(("extension", "rich", "probe"))
    version = "2.0" if kind == "rich" else "1.0"
    health = {**HEALTH, "properties": {**HEALTH["properties"], "typeHandlerVersion": version}}
    network = sets.body()["properties"]["virtualMachineProfile"]["networkProfile"]
    if kind == "probe":
        sets.balance()
    sets.create(
        chance.randint(4, 12),
        rolling=rolling,
        automatic={**AUTOMATIC, "disableAutomaticRollback": chance.random() < 0.5},
        extensions=[script("setup"), *([] if kind == "probe" else [health])],
        profile={"networkProfile": {**network, "healthProbe": {"id": PROBE}}} if kind == "probe" else None,
        zones=chance.choice((None, ["1", "2"], ["1", "2", "3"])),
    )
    rules = [
        {"image": "/versions/1[.]0[.]1$", "host": f"web00000{number}$", "fault": chance.choice(FAULTS)}
        for number in range(9)
        if chance.random() < 0.3
    ]
    sets.fault(*rules)
    return sets


def look(sets: Sets, policy: dict[str, Any]) -> None:
    """What holds at every moment of an upgrade."""
    instances = [sets.instance(each["instanceId"]) for each in sets.told()["instances"]]
    working = [each for each in instances if scale_set_guests.busy(each)]
    going_back = sets.upgrades()[-1]["stage"] == "rolling back"  # what has failed is down, wherever it is
    assert going_back or len(working) <= max(1, len(instances) * policy["maxBatchInstancePercent"] // 100)
    if not policy["enableCrossZoneUpgrade"] and not going_back:
        assert len({(each.body.get("zones") or [""])[0] for each in working}) <= 1
    for each in instances:
        properties = each.body["properties"]
        owned = properties["storageProfile"]["osDisk"]["managedDisk"]["id"]
        assert sets.world.resources[owned.lower()].body["managedBy"] == each.id
    assert sum(sets.latest()["progress"].values()) == len(instances)


def at_rest(sets: Sets) -> None:
    """What holds when an upgrade has ended."""
    instances = [sets.instance(each["instanceId"]) for each in sets.told()["instances"]]
    assert not any(scale_set_guests.busy(each) for each in instances)
    disks = list(sets.world.under(COMPUTE, "Microsoft.Compute/disks"))
    assert len(disks) == 2 * len(instances)
    assert {disk.body["managedBy"] for disk in disks} == {each.id for each in instances}
    last = sets.world.sections["scale_set_upgrades"][SET.lower()][-1]
    for each in instances:
        image = each.body["properties"]["storageProfile"]["imageReference"]["exactVersion"]
        kept = each.id in last.failed and each.id not in (*last.rolled_back, *last.not_rolled_back)
        assert (image == "1.0.1") == (each.id in last.succeeded or kept)
    assert sets.get(SET).body["properties"]["provisioningState"] == "Succeeded"
    assert (last.code == "Completed") == (not last.waiting and last.code != "Faulted" and last.last_action == "Start")


@pytest.mark.parametrize("seed", range(12))
def test_any_upgrade_keeps_its_promises(seed: int) -> None:
    chance = random.Random(seed)
    sets = begin(chance)
    policy = sets.get(SET).body["properties"]["upgradePolicy"]["rollingUpgradePolicy"]
    policy.setdefault("enableCrossZoneUpgrade", False)
    sets.wait(4 * HOUR)
    by_hand = chance.random() < 0.25
    if by_hand:
        sets.publish("1.0.1")
        assert sets.call("POST", f"{SET}/osRollingUpgrade").status == 202
    else:
        sets.bring_out("1.0.1")
        while not sets.upgrades():
            sets.wait(60)
    disturbed_at = chance.uniform(0, 3600)
    began, disturbance = sets.world.now, chance.choice(("outage", "cancel", "nothing", "nothing"))
    while not sets.upgrades()[-1]["endTime"]:
        if disturbance != "nothing" and sets.world.now - began > disturbed_at:
            if disturbance == "cancel":
                sets.do("rollingUpgrades/cancel")
            else:
                down = {"scaleSet": "web", "state": "Unhealthy", "seconds": 900, "instanceIds": ["0"]}
                sets.call("POST", "/emulator/instance-health", down)
            disturbance = "nothing"
        look(sets, policy)
        sets.wait(20)
    at_rest(sets)
    sets.wait(24 * HOUR)
    assert len(sets.upgrades()) == 1
