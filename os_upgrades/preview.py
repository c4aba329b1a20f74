"""What a run would change of a scale set, and which of Azure's rules the outcome would break; by reads alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from os_upgrades import adoption, settings
from os_upgrades.actions import missing
from os_upgrades.adoption import Plan
from os_upgrades.azure import ScaleSetAzure
from os_upgrades.declaration import ScaleSetDeclaration
from os_upgrades.findings import Finding, Severity
from os_upgrades.observe import observe
from os_upgrades.scale_set import Instance, ScaleSet
from os_upgrades.scale_set_rules import check
from os_upgrades.settings import Settings
from os_upgrades.surroundings import Case


@dataclass(frozen=True)
class Preview:
    """What would be done, and what is wrong with it."""

    plan: Mapping[str, str] = field(default_factory=dict)
    """By setting; `instances` for what is done to them. Empty for nothing."""
    findings: tuple[Finding, ...] = ()
    lacks: tuple[str, ...] = ()
    """Actions that the caller's role lacks, a line for each scope."""
    unread: tuple[str, ...] = ()
    """What could not be read, hence not judged."""

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(each for each in self.findings if each.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings, and what could not be judged."""
        told = [str(each) for each in self.findings if each.severity is Severity.WARNING]
        return (*told, *(f"not checked, because it could not be read: {each}" for each in self.unread))


async def preview(azure: ScaleSetAzure, declared: ScaleSetDeclaration, kept: Settings, owner: str) -> Preview:
    """Of a declaration. `kept`: what the outputs say was found. Raises NotFound for a scale set that is not there."""
    scale_set = await adoption.look(azure, declared.scale_set_id)
    todo = adoption.plan(declared, scale_set, kept, owner)
    lacks = await missing(azure, declared, scale_set, todo.changes)
    return await judge(azure, declared, scale_set, todo, lacks)


async def judge(
    azure: ScaleSetAzure, declared: ScaleSetDeclaration, scale_set: ScaleSet, todo: Plan, lacks: Sequence[str] = ()
) -> Preview:
    """Of a scale set that was read already."""
    after = settings.applied(scale_set, todo.changes)
    seen = await observe(azure, after, instances=after.by_hand or scale_set.by_hand, upgrade=bool(todo.changes))
    case = Case(after, seen.surroundings, azure.azure_time(), declared.update_instances, scale_set)
    plan = todo.described | _instances(declared, todo, seen.surroundings.instances or ())
    return Preview(plan, check(case), tuple(lacks), seen.unread)


def _instances(declared: ScaleSetDeclaration, todo: Plan, instances: Sequence[Instance]) -> dict[str, str]:
    if not declared.update_instances:
        return {}
    changed = any(path.startswith(("virtualMachineProfile.", settings.EXTENSIONS)) for path in todo.changes)
    behind = len(instances) if changed else sum(1 for each in instances if each.latest_model is False)
    return {"instances": f"{behind} of {len(instances)} to be brought to the latest model"} if behind else {}
