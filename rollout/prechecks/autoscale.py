"""Scaling plans: autoscale overwrites drain and power, so hosts in work must be kept from it."""

from __future__ import annotations

from collections.abc import Iterator

from rollout.arm import dig, name_of
from rollout.autoscale import active
from rollout.azure import Body
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, error

CREATES = "CreateDelete"
"""Start of the scaling methods that create and delete hosts (`CreateDeletePowerManage`,
Microsoft.DesktopVirtualization scalingPlans, from 2024-11-01-preview on)."""


def check(facts: Facts) -> Iterator[Finding]:
    for plan in facts.pool.scaling_plans:
        if active(plan, facts.pool.id):
            yield from _plan(plan, facts)


def _plan(plan: Body, facts: Facts) -> Iterator[Finding]:
    plan_id = str(plan["id"])
    name = name_of(plan_id)
    own = str(dig(plan, "properties", "exclusionTag") or "")
    declared = facts.declaration.exclusion_tag
    change = f"az desktopvirtualization scaling-plan update --ids {plan_id} --exclusion-tag"
    schedules = dig(plan, "properties", "schedules") or ()
    if any(s.get("createDelete") or str(s.get("scalingMethod") or "").startswith(CREATES) for s in schedules):
        yield error(
            "scaling-plan-creates-hosts",
            f"scaling plan {name}",
            "it creates and deletes hosts (scalingMethod CreateDeletePowerManage), and hosts in work among them",
            "use scalingMethod PowerManage, or disable the plan for this pool while it is updated",
        )
    if not own:
        yield error(
            "no-exclusion-tag",
            f"exclusion_tag: {declared!r}",
            f"scaling plan {name} is active on the pool and has no exclusionTag, so autoscale would undo drain and "
            "switch hosts on and off while they are updated",
            f"set one ({change} avd-no-autoscale); the rollout puts it on hosts in work and takes it off again",
        )
    elif declared is not None and declared.lower() != own.lower():
        yield error(
            "no-exclusion-tag",
            f"exclusion_tag: {declared!r}",
            f"scaling plan {name} is active on the pool and heeds {own!r} only",
            f"declare {own!r}, leave exclusion_tag out, or change the plan ({change} {declared})",
        )
