"""Another pool's version as the target, as declared: which pool, and what the version must have shown there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollout.arm import same_id
from rollout.errors import InvalidDeclaration
from rollout.values import DAY, duration, whole

EXAMPLE = (
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/avd-test"
    "/providers/Microsoft.DesktopVirtualization/hostPools/hp-test"
)
PROMOTED = "promoted"
"""The `version` that stands for what the other pool runs."""


@dataclass(frozen=True)
class PromoteFrom:
    host_pool_id: str
    """The pool whose version this one gets."""
    stack: str = ""
    """What people call it; its pool's name, if empty."""
    soak: float = DAY
    """Seconds for which all hosts must have run the version there."""
    max_failed: int = 0
    """Hosts on which it may have failed there, over all its attempts that the pool's history still has."""
    approvals: int = 0
    """People who have to approve it (`hostpool approve --promotion`)."""
    allow_downgrade: bool = False
    """Whether a lower version is followed too."""

    @property
    def name(self) -> str:
        return self.stack or self.host_pool_id.rstrip("/").rsplit("/", 1)[-1]


def promote_from(given: Mapping[str, Any], host_pool_id: str, is_pool: Any) -> PromoteFrom:
    """The plain input `promote_from` of the pool `host_pool_id`; `is_pool` matches ids of pools. Raises
    InvalidDeclaration."""
    source = str(given["host_pool_id"])
    if not is_pool.fullmatch(source):
        raise InvalidDeclaration(
            "promote_from.host_pool_id",
            source,
            "is not the id of a host pool",
            "write /subscriptions/<id>/resourceGroups/<group>"
            f"/providers/Microsoft.DesktopVirtualization/hostPools/<name>, such as {EXAMPLE}",
        )
    if same_id(source, host_pool_id):
        raise InvalidDeclaration(
            "promote_from.host_pool_id",
            source,
            "is this pool itself",
            f"name the pool of the stack before this one, such as {EXAMPLE}",
        )
    fields: dict[str, Any] = {"host_pool_id": source, "stack": str(given.get("stack") or "")}
    if given.get("soak") is not None:
        fields["soak"] = duration("promote_from.soak", given["soak"])
    for name in ("max_failed", "approvals"):
        if given.get(name) is not None:
            fields[name] = whole(f"promote_from.{name}", given[name], at_least=0)
    if given.get("allow_downgrade") is not None:
        fields["allow_downgrade"] = bool(given["allow_downgrade"])
    return PromoteFrom(**fields)
