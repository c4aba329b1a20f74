"""Hosts that somebody protects from the rollout, by a tag on their VM: a long calculation, a demonstration, a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rollout.arm import Vm
from rollout.errors import InvalidDeclaration
from rollout.values import HOUR, choice, duration

TAG = "avd-protect"
"""Tag of a VM, anybody's, with any value: what for, or who to ask. Not of ours, which begin with `avd-rollout`."""


class Policy(StrEnum):
    """What the tag means."""

    SKIP = "skip"
    """The host is left out of the run, as if it were in `exclude`."""
    WAIT = "wait"
    """Its disk is built; it is not drained before the tag is gone."""
    IGNORE = "ignore"


class Then(StrEnum):
    """What becomes of a host whose tag is still there at the deadline."""

    SKIP = "skip"
    FAIL = "fail"
    """It counts as failed, against max_failed; it serves on untouched."""


@dataclass(frozen=True)
class Protection:
    policy: Policy = Policy.SKIP
    deadline: float = HOUR
    """Seconds that a protected host is waited for, from the beginning of its work."""
    then: Then = Then.SKIP

    def of(self, vm: Vm) -> str:
        """Why the VM is to be left in peace; empty where it is not."""
        value = next((value for name, value in vm.tags.items() if name.lower() == TAG), None)
        if value is None or self.policy is Policy.IGNORE:
            return ""
        return f"protected by its tag {TAG}" + (f": {value}" if value else "")


def protection(given: Mapping[str, Any]) -> Protection:
    """The plain input `protection`. Raises InvalidDeclaration."""
    fields: dict[str, Any] = {}
    for name, kind in (("policy", Policy), ("then", Then)):
        if given.get(name) is not None:
            fields[name] = choice(f"protection.{name}", given[name], kind)
    if given.get("deadline") is not None:
        fields["deadline"] = duration("protection.deadline", given["deadline"])
    declared = Protection(**fields)
    for name in ("deadline", "then"):
        if declared.policy is not Policy.WAIT and getattr(declared, name) != getattr(Protection, name):
            raise InvalidDeclaration(
                f"protection.{name}",
                given[name],
                f"has no effect with protection.policy: {declared.policy}, which waits for no host",
                "declare protection.policy: wait, or leave it out",
            )
    return declared
