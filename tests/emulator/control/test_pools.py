"""Several pools in one scenario."""

from __future__ import annotations

import pytest

from emulator import capacity, scenario
from emulator.desktopvirtualization.broker import broker_of

POOLS = (
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/avd/providers/Microsoft.DesktopVirtualization"
)


def test_several_pools_share_hosts_and_users_evenly_and_have_groups_of_their_own() -> None:
    world = scenario.build("pooled", {"hosts": 6, "pools": 3, "users": 12, "logged_on": 1.0, "off": 1})
    ids = scenario.summary(world)["hostPools"]
    assert [pool.rsplit("/", 1)[-1] for pool in ids] == ["hp1", "hp2", "hp3"]
    groups = []
    for pool in ids:
        vms = list(broker_of(world, pool).record_of)
        assert len(vms) == 2
        groups.append({vm.split("/")[4] for vm in vms})
        assert len(capacity.of_pool(world, pool).states) == 2
    assert groups == [{"avd"}, {"avd-hosts-2"}, {"avd-hosts-3"}]
    assert [len(capacity.of_pool(world, pool).found_off) for pool in ids] == [0, 0, 1]
    assert [broker_of(world, pool).live for pool in ids] == [4, 4, 4]
    plan = world.get(f"{POOLS}/scalingPlans/sp1")
    assert plan is not None and len(plan.body["properties"]["hostPoolReferences"]) == 3
    addresses = {
        resource.body["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"]
        for resource in world.resources.values()
        if resource.body.get("type") == "Microsoft.Network/networkInterfaces"
    }
    assert len(addresses) == 6


def test_pools_are_of_one_size() -> None:
    with pytest.raises(scenario.ScenarioError, match="multiple"):
        scenario.build("pooled", {"hosts": 7, "pools": 2})
