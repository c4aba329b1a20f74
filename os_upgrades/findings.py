"""Rules that Azure has for rolling OS upgrades, and what breaks them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from rollout.errors import shown
from rollout.prechecks.findings import Severity

__all__ = ["Broken", "Finding", "Rule", "Severity", "broken"]

Case = TypeVar("Case")


@dataclass(frozen=True)
class Broken:
    """What breaks a rule: a property, its value, and what to do about it."""

    prop: str
    """As declared, such as `upgrade_policy.mode`; of what is not declared, the path in Azure's model."""
    value: object
    reason: str
    """Goes on from the value: `pins a version, ...`."""
    remedy: str


@dataclass(frozen=True)
class Rule(Generic[Case]):
    """One rule, as a pure function from what is looked at to what breaks it."""

    id: str
    """Kebab case, stable."""
    severity: Severity
    says: str
    """What must hold, for the table in the documentation."""
    source: str
    """Where it is written."""
    check: Callable[[Case], Iterator[Broken]]


@dataclass(frozen=True)
class Finding:
    """A rule that is broken."""

    rule: str
    severity: Severity
    source: str
    prop: str
    value: object
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.prop}: {shown(self.value)} {self.reason} (rule {self.rule}, {self.source}); {self.remedy}"


def broken(rules: Iterable[Rule[Case]], case: Case) -> tuple[Finding, ...]:
    """All that is wrong, errors first."""
    found = [
        Finding(rule.id, rule.severity, rule.source, each.prop, each.value, each.reason, each.remedy)
        for rule in rules
        for each in rule.check(case)
    ]
    return tuple(sorted(found, key=lambda finding: finding.severity is not Severity.ERROR))
