"""The canary as declared: the hosts that go first, alone, and what has to happen before the rest follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rollout.errors import InvalidDeclaration
from rollout.values import MINUTE, duration, whole


class StopAfter(StrEnum):
    """Where an attempt ends although hosts are left."""

    CANARY = "canary"
    """Once the canary has passed. The same attempt goes on when the setting is gone."""


@dataclass(frozen=True)
class Canary:
    hosts: int = 1
    """How many; with `names` their number, with `per_zone` one for each zone, whatever this says."""
    bake: float = 10 * MINUTE
    """Seconds the canary hosts serve before the rest follows."""
    names: tuple[str, ...] = ()
    """VMs that are the canary; without them the sessions decide."""
    per_zone: bool = False
    """One host in each zone of the pool."""
    approval: bool = False
    """Whether somebody has to approve (`hostpool approve`) before the rest follows."""

    @property
    def chosen(self) -> bool:
        """Which hosts are the canary is known beforehand: none stands in for another."""
        return bool(self.names) or self.per_zone


def canary(given: Mapping[str, Any]) -> Canary:
    """The plain input `canary`. Raises InvalidDeclaration."""
    names = tuple(str(name) for name in given.get("names") or ())
    per_zone, approval = bool(given.get("per_zone", False)), bool(given.get("approval", False))
    ways = [way for way in ("hosts", "names", "per_zone") if given.get(way) or (way, given.get(way)) == ("hosts", 0)]
    if len(ways) > 1:
        raise InvalidDeclaration(
            f"canary.{ways[1]}",
            given[ways[1]],
            f"does not go with canary.{ways[0]}",
            "leave one of the two out",
        )
    for i, name in enumerate(names):
        if name.lower() in [other.lower() for other in names[:i]]:
            raise InvalidDeclaration(f"canary.names[{i}]", name, "is there twice", "leave it out: name each host once")
    hosts = whole("canary.hosts", given.get("hosts", Canary.hosts), at_least=0)
    for way, what in (("approval", "to approve"), ("bake", "to bake")):
        if given.get(way) and not hosts and not names and not per_zone:
            raise InvalidDeclaration(
                f"canary.{way}", given[way], f"has no canary {what}", "declare canary.hosts: 1 or more, or leave it out"
            )
    bake = duration("canary.bake", given.get("bake", Canary.bake))
    return Canary(len(names) or (1 if per_zone else hosts), bake, names, per_zone, approval)
