"""The key `targets`: what follows the stack's image besides its host pool, and what it cannot go together with.

Host pools are driven by this project. Scale sets and Batch pools are rolled by Azure: a run begins that where Azure
does not, and watches it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from components.arm_ids import name_of
from program.resource_inputs import Inputs, mistake, nearest

HOST_POOL, SCALE_SET, BATCH_POOL = "host_pool_id", "scale_set_id", "batch_pool_id"
IDS: Final = (HOST_POOL, SCALE_SET, BATCH_POOL)
MOST: Final = 3
"""Resources that roll at a time in one stack: Python's dynamic provider has four threads, and one is left for Pulumi's
other calls."""
_RESOURCES: Final = {
    HOST_POOL: "HostPoolImageUpdate",
    SCALE_SET: "ScaleSetImageUpgrade",
    BATCH_POOL: "BatchPoolImageUpgrade",
}
_ELSEWHERE: Final = {
    "image": "image or gallery",
    "version": "image_version",
    "promote_from": "promote_from beside targets",
    "host_pool_id": "the target itself",
    "scale_set_id": "the target itself",
    "pool_id": "batch_pool_id of the target",
}
"""Inputs of the resources that come from another key."""


@dataclass(frozen=True)
class Target:
    """One of them. `inputs`: of its resource, but for its id, image and version."""

    kind: str
    """One of IDS."""
    id: str
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """In names of resources: `web`."""
        return name_of(self.id)


def of(given: Mapping[str, Any]) -> tuple[Target, ...]:
    """The targets of a configuration without mistakes."""
    return tuple(_target(item, given.get("rollout", {})) for item in given.get("targets", []))


def _target(item: Mapping[str, Any], rollout: Mapping[str, Any]) -> Target:
    [kind] = [name for name in IDS if name in item]
    own = {name: value for name, value in item.items() if name != kind}
    return Target(kind, str(item[kind]).rstrip("/"), {**rollout, **own} if kind == HOST_POOL else own)


def mistakes(given: Mapping[str, Any], inputs: Mapping[str, Inputs]) -> list[str]:
    """What is wrong with them. `inputs`: what each resource takes, by its name."""
    listed = given.get("targets", [])
    found: list[str] = []
    for at, item in enumerate(listed):
        where, kinds = f"targets[{at}]", [name for name in IDS if name in item]
        if len(kinds) != 1:
            remedy = f"write exactly one of {', '.join(IDS)}"
            found.append(mistake(where, item, "names no target" if not kinds else "names several", remedy))
            continue
        found += [*_twice(listed, at, kinds[0], given), *_inputs(given, where, item, kinds[0], inputs)]
        found += _promotion(given, where, kinds[0])
    return [*found, *_too_many(given)]


def _inputs(
    given: Mapping[str, Any], where: str, item: Mapping[str, Any], kind: str, inputs: Mapping[str, Inputs]
) -> list[str]:
    """Names of the inputs beside the id. A host pool has those of `rollout` where they are left out."""
    known = inputs[_RESOURCES[kind]]
    own = {name: value for name, value in item.items() if name != kind}
    elsewhere = {name: place for name, place in _ELSEWHERE.items() if name in known.names}
    allowed = sorted(known.names - elsewhere.keys())
    there = {*own, *(given.get("rollout", {}) if kind == HOST_POOL else ())}
    lacking = known.required - elsewhere.keys() - there
    return [
        *(
            mistake(f"{where}.{name}", None, "does not belong here", f"it comes from {elsewhere[name]}")
            for name in own
            if name in elsewhere
        ),
        *(
            mistake(f"{where}.{name}", None, "is no known key", nearest(name, allowed))
            for name in sorted(own.keys() - known.names)
        ),
        *(
            mistake(f"{where}.{name}", None, "is missing", f"write it here, or in rollout; see {_RESOURCES[kind]}")
            for name in sorted(lacking)
        ),
    ]


def _twice(listed: list[Any], at: int, kind: str, given: Mapping[str, Any]) -> list[str]:
    def same(one: Any, other: Any) -> bool:
        return str(one).rstrip("/").lower() == str(other).rstrip("/").lower()

    value, before = listed[at][kind], [item.get(kind) for item in listed[:at]]
    if any(same(value, other) for other in before if other):
        return [mistake(f"targets[{at}].{kind}", value, "is listed twice", "give each target once")]
    if kind == HOST_POOL and same(value, given.get("host_pool_id", "")):
        remedy = "leave it out here: host_pool_id is a target already"
        return [mistake(f"targets[{at}].{kind}", value, "is the stack's own host pool", remedy)]
    names = [name_of(item[name]) for item in listed[:at] for name in IDS if name in item]
    if name_of(value) in names:
        remedy = "put one of them into a stack of its own: their resources would have one name"
        return [mistake(f"targets[{at}].{kind}", value, "has the name of another target", remedy)]
    return []


def _promotion(given: Mapping[str, Any], where: str, kind: str) -> list[str]:
    if kind == HOST_POOL or "promote_from" not in given or "image_version" in given:
        return []
    remedy = (
        "exclude a version from latest until it has proven itself, or put the target into a stack of its own without "
        "promote_from"
    )
    return [mistake(f"{where}.{kind}", None, "cannot wait for a promotion: Azure rolls out whatever is latest", remedy)]


def _too_many(given: Mapping[str, Any]) -> list[str]:
    count = len(given.get("targets", [])) + ("host_pool_id" in given or "host_pool" in given)
    if count <= MOST:
        return []
    problem = f"makes {count} with the stack's host pool: no more than {MOST} roll at a time in a stack"
    return [mistake("targets", None, problem, "put the others into another stack")]
