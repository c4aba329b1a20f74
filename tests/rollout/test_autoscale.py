"""Which scaling plan is active on a pool, and the tag that it heeds."""

from __future__ import annotations

from typing import Any

from rollout.autoscale import active_plan, exclusion_tag

POOL = "/subscriptions/s/resourceGroups/avd/providers/Microsoft.DesktopVirtualization/hostPools/hp1"


def plan(name: str, pool: str, *, enabled: bool, tag: str | None = "NoScale") -> dict[str, Any]:
    references = [{"hostPoolArmPath": pool, "scalingPlanEnabled": enabled}]
    return {"name": name, "properties": {"hostPoolReferences": references, "exclusionTag": tag}}


def test_only_an_enabled_plan_of_this_pool_is_active() -> None:
    plans = [
        plan("off", POOL, enabled=False),
        plan("other", POOL + "2", enabled=True),
        plan("on", POOL.upper(), enabled=True),
    ]
    found = active_plan(plans, POOL)
    assert found is not None and found["name"] == "on"
    assert active_plan(plans[:2], POOL) is None


def test_the_tag_is_the_plans_own() -> None:
    assert exclusion_tag([plan("on", POOL, enabled=True)], POOL) == "NoScale"
    assert exclusion_tag([plan("on", POOL, enabled=True, tag=None)], POOL) is None
    assert exclusion_tag([plan("off", POOL, enabled=False)], POOL) is None
