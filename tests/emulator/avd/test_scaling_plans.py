"""Scaling plans: the resource and what an enabled one does."""

from __future__ import annotations

from typing import Any

import pytest

from emulator import guests
from tests.emulator.avd.pool import GROUP, PLAN, POOL, Pool


def _enable(pool: Pool) -> None:
    references = [{"hostPoolArmPath": POOL.upper(), "scalingPlanEnabled": True}]
    assert pool.call("PATCH", PLAN, {"properties": {"hostPoolReferences": references}}).status == 200


def _drain(pool: Pool, number: int) -> None:
    pool.call("PATCH", pool.host(number), {"properties": {"allowNewSession": False}})


def test_crud_and_lists() -> None:
    pool = Pool()
    other = f"{GROUP}/providers/Microsoft.DesktopVirtualization/scalingPlans/other"
    body = {"location": "westeurope", "properties": {"timeZone": "UTC", "hostPoolType": "Pooled"}}
    assert pool.call("PUT", other, body).status == 201
    assert pool.call("PUT", other, body).status == 200
    names = [each["name"] for each in pool.call("GET", f"{POOL}/scalingPlans").body["value"]]
    assert names == ["sp1"]
    listed = pool.call("GET", f"{GROUP}/providers/Microsoft.DesktopVirtualization/scalingPlans").body["value"]
    assert {each["name"] for each in listed} == {"sp1", "other"}
    assert pool.call("DELETE", other).status == 200
    assert pool.call("DELETE", other).status == 204
    assert pool.call("GET", other).body["error"]["code"] == "404"


def test_disabled_plan_leaves_a_drained_host_alone() -> None:
    pool = Pool(hosts=2)
    _drain(pool, 0)
    pool.wait(300)
    assert pool.shown(0)["allowNewSession"] is False


def test_enabled_plan_undoes_a_drain_within_a_minute_unless_the_vm_is_excluded() -> None:
    pool = Pool(hosts=4, sessions_per_host=1)
    vm = pool.vm(1)
    vm.body["tags"]["excludefromscaling"] = ""
    _enable(pool)
    _drain(pool, 0)
    _drain(pool, 1)
    pool.wait(61)
    assert pool.shown(0)["allowNewSession"] is True
    assert pool.shown(1)["allowNewSession"] is False


def test_enabled_plan_stops_idle_hosts_at_night_and_starts_them_in_the_morning() -> None:
    pool = Pool(hosts=6, users=0, start="2026-01-12T23:00:00Z", scaling_plan=True)
    pool.wait(600)
    running = [guests.machine_of(pool.world, pool.vm(number)).power for number in range(6)]
    assert running.count("running") == 3
    stopped = next(number for number in range(6) if running[number] == "deallocated")
    disk = pool.world.get(pool.vm(stopped).body["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"])
    assert disk is not None and disk.body["properties"]["diskState"] == "Reserved"
    morning: dict[str, Any] = {"rampUpMinimumHostsPct": 100}
    plan = pool.world.get(PLAN)
    assert plan is not None
    plan.body["properties"]["schedules"][0] |= morning
    pool.wait(8 * 3600)
    assert all(guests.machine_of(pool.world, pool.vm(number)).power == "running" for number in range(6))
    assert {pool.shown(number)["status"] for number in range(6)} == {"Available"}


@pytest.mark.parametrize(("on_connect", "power"), [(True, "running"), (False, "deallocated")])
def test_start_vm_on_connect(on_connect: bool, power: str) -> None:
    pool = Pool(hosts=2, off=1, users=4, logged_on=0.0, start="2026-01-12T05:00:00Z")
    pool.call("PATCH", POOL, {"properties": {"startVMOnConnect": on_connect}})
    _drain(pool, 0)
    pool.wait(86400)
    assert guests.machine_of(pool.world, pool.vm(1)).power == power
    assert bool(pool.events("logon")) is on_connect
