"""Scaling plans: which one is active on a pool, and the tag by which it leaves a host alone."""

from __future__ import annotations

from collections.abc import Sequence

from rollout.arm import dig, same_id
from rollout.azure import Body


def active(plan: Body, pool_id: str) -> bool:
    """Assigned to the pool and enabled for it."""
    return any(
        same_id(str(reference.get("hostPoolArmPath") or ""), pool_id) and reference.get("scalingPlanEnabled")
        for reference in dig(plan, "properties", "hostPoolReferences") or ()
    )


def active_plan(plans: Sequence[Body], pool_id: str) -> Body | None:
    """The scaling plan that is active on the pool, or None."""
    return next((plan for plan in plans if active(plan, pool_id)), None)


def exclusion_tag(plans: Sequence[Body], pool_id: str) -> str | None:
    """The tag that the active plan heeds; None where no plan is active, or it heeds none (a pre-check refuses that, and
    a declared tag that is another one)."""
    return str(dig(active_plan(plans, pool_id), "properties", "exclusionTag") or "") or None
