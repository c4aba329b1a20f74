"""What a pull request's comment says of the resources beside the host pools: a captured version, scale sets, Batch
pools. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hostpool.wording import many
from rollout.observation import natural

MEMBERS: Mapping[str, str] = {
    "GoldenImageVersion": "image version",
    "ScaleSetUpgradePolicy": "setting",
    "ScaleSetImageUpgrade": "instance",
    "BatchPoolUpgradePolicy": "setting",
    "BatchPoolImageUpgrade": "node",
}
"""What the plan of a resource of each type lists."""
SHOWN = 20
"""Lines of one plan that are shown."""


@dataclass(frozen=True)
class Companion:
    """One of them, as the preview has it."""

    op: str
    type: str
    name: str
    inputs: Mapping[str, Any]

    @property
    def plan(self) -> dict[str, str]:
        """What changes, by member; a version by the resource's name. Empty for nothing."""
        plan = self.inputs.get("plan")
        if isinstance(plan, str):
            return {self.name: plan} if plan else {}
        given = plan if isinstance(plan, Mapping) else {}
        return {str(key): str(given[key]) for key in sorted(given, key=natural)}


def type_of(urn: str) -> str:
    """The type of a companion's URN; empty for other resources."""
    name = urn.split("::")[-2:][0].rpartition("$")[2]
    kind = name.rpartition(":")[2]
    return kind if kind in MEMBERS and name.startswith("pulumi-python:dynamic/avd:") else ""


def counted(companions: Sequence[Companion]) -> list[str]:
    """`10 instances`, by what they list, for the headline."""
    counts: Counter[str] = Counter()
    for each in companions:
        counts[MEMBERS[each.type]] += len(each.plan)
    return [many(count, what) for what, count in counts.items() if count]


def section(companion: Companion) -> list[str]:
    """The lines of one of them, without its findings."""
    plan, state = companion.plan, str(companion.inputs.get("state") or "")
    lines = [f"**{companion.name}** ({companion.type}){f': {state}' if state else ''}", ""]
    lines += [f"- {text}" if name == companion.name else f"- `{name}`: {text}" for name, text in plan.items()][:SHOWN]
    lines += [f"- and {len(plan) - SHOWN} more"] if len(plan) > SHOWN else []
    return [*lines, *([] if plan else [f"- {companion.op}"]), ""]
