"""What a pre-check finds: one record that names what is wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

SHOWN = 5
"""Subjects of one finding that are named; the rest is counted."""


class Severity(StrEnum):
    ERROR = "error"
    """Nothing may begin."""
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    id: str
    """Kebab case, stable: `personal-pool`."""
    severity: Severity
    subject: str
    """A host, a scope, or a property with its value: `version: '1.0.1'`."""
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.problem}; {self.remedy}"


def error(id: str, subject: str, problem: str, remedy: str) -> Finding:
    return Finding(id, Severity.ERROR, subject, problem, remedy)


def warning(id: str, subject: str, problem: str, remedy: str) -> Finding:
    return Finding(id, Severity.WARNING, subject, problem, remedy)


def graded(fatal: bool, id: str, subject: str, problem: str, remedy: str) -> Finding:
    """An error where it is fatal, else a warning."""
    return Finding(id, Severity.ERROR if fatal else Severity.WARNING, subject, problem, remedy)


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """One finding for all subjects that have the same problem and remedy, errors first: 500 hosts of one wrong size
    are one line."""
    subjects: dict[tuple[Severity, str, str, str], list[str]] = {}
    for finding in findings:
        key = (finding.severity, finding.id, finding.problem, finding.remedy)
        subjects.setdefault(key, []).append(finding.subject)
    found = [
        Finding(id, severity, some(dict.fromkeys(named)), problem, remedy)
        for (severity, id, problem, remedy), named in subjects.items()
    ]
    return sorted(found, key=lambda finding: finding.severity is not Severity.ERROR)


def some(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more
