"""Pre-checks of scaling plans."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.observed import GROUP, POOL, host, pool
from tests.support.prechecked import ids, only

PLAN = f"{GROUP}/providers/Microsoft.DesktopVirtualization/scalingPlans/nightly"


def plan(*, enabled: bool = True, tag: str | None = "no-scale", of: str = POOL, **schedule: Any) -> dict[str, Any]:
    return {
        "id": PLAN,
        "properties": {
            "exclusionTag": tag,
            "schedules": [{"name": "weekdays", **schedule}],
            "hostPoolReferences": [{"hostPoolArmPath": of, "scalingPlanEnabled": enabled}],
        },
    }


async def found_with(*plans: dict[str, Any], **inputs: Any) -> list[str]:
    return await ids(pool([host("vm-0"), host("vm-1")], scaling_plans=plans), **inputs)


async def test_an_active_plan_with_an_exclusion_tag_is_fine() -> None:
    assert await found_with(plan()) == []
    assert await found_with(plan(), exclusion_tag="No-Scale") == []


@pytest.mark.parametrize("tag", [None, ""])
async def test_an_active_plan_without_one_is_refused(tag: str | None) -> None:
    there = pool(
        [host("vm-0"), host("vm-1")],
        scaling_plans=(plan(tag=tag, of=POOL.upper().replace("/SUBSCRIPTIONS", "/subscriptions")),),
    )
    found = await only(there)
    assert found.id == "no-exclusion-tag" and "scaling plan nightly" in found.problem
    assert f"--ids {PLAN} --exclusion-tag" in found.remedy


async def test_a_declared_tag_that_the_plan_does_not_heed_helps_nothing() -> None:
    assert await found_with(plan(tag=None), exclusion_tag="mine") == ["no-exclusion-tag"]
    assert await found_with(plan(tag="its"), exclusion_tag="mine") == ["no-exclusion-tag"]


async def test_a_plan_that_is_off_or_anothers_is_left_alone() -> None:
    assert await found_with(plan(enabled=False, tag=None), plan(of=f"{POOL}2", tag=None)) == []


@pytest.mark.parametrize(
    "schedule", [{"scalingMethod": "CreateDeletePowerManage"}, {"createDelete": {"rampUpMaximumHostPoolSize": 9}}]
)
async def test_a_plan_that_creates_and_deletes_hosts_is_refused(schedule: dict[str, Any]) -> None:
    assert await found_with(plan(**schedule)) == ["scaling-plan-creates-hosts"]
    assert await found_with(plan(scalingMethod="PowerManage")) == []
