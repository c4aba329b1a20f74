"""What the command looks after, by its id: a host pool, which this project rolls, or what Azure rolls by itself."""

from __future__ import annotations

import re
from enum import StrEnum

from rollout.declaration import HOST_POOL_ID


class Kind(StrEnum):
    HOST_POOL = "host pool"
    SCALE_SET = "scale set"
    BATCH_POOL = "Batch pool"

    @property
    def member(self) -> str:
        """What it consists of."""
        return {Kind.HOST_POOL: "host", Kind.SCALE_SET: "instance", Kind.BATCH_POOL: "node"}[self]


_GROUP = "/subscriptions/[^/]+/resourceGroups/[^/]+/providers"
_PATTERNS = (
    (Kind.HOST_POOL, HOST_POOL_ID),
    (Kind.SCALE_SET, re.compile(f"{_GROUP}/Microsoft.Compute/virtualMachineScaleSets/[^/]+", re.IGNORECASE)),
    (Kind.BATCH_POOL, re.compile(f"{_GROUP}/Microsoft.Batch/batchAccounts/[^/]+/pools/[^/]+", re.IGNORECASE)),
)


def kind_of(resource_id: str) -> Kind | None:
    """None for an id of something else, and for what is no id."""
    return next((kind for kind, pattern in _PATTERNS if pattern.fullmatch(resource_id)), None)
