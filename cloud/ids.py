"""ARM ids taken apart, for SDK operations that want names."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ID = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)"
    r"(?:/resourceGroups/(?P<group>[^/]+)"
    r"(?:/providers/(?P<namespace>[^/]+)/(?P<rest>.+))?)?/?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ResourceId:
    """`/subscriptions/<subscription>/resourceGroups/<group>/providers/<namespace>/<type>/<name>[/<type>/<name>...]`."""

    subscription: str
    group: str = ""
    namespace: str = ""
    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The resource's own name, the last segment."""
        return self.names[-1] if self.names else self.group


def parse(resource_id: str) -> ResourceId:
    """The parts of an id as written. Raises ValueError for what is not an ARM id."""
    found = _ID.fullmatch(resource_id)
    if found is None:
        raise ValueError(f"{resource_id!r} is not the id of an Azure resource (/subscriptions/.../resourceGroups/...)")
    segments = [part for part in (found["rest"] or "").split("/") if part]
    if len(segments) % 2:
        raise ValueError(f"{resource_id!r} is not the id of an Azure resource: a type without a name at its end")
    return ResourceId(
        subscription=found["subscription"],
        group=found["group"] or "",
        namespace=found["namespace"] or "",
        types=tuple(segments[0::2]),
        names=tuple(segments[1::2]),
    )


def short(resource_id: str) -> str:
    """The last type and name, for messages: `virtualMachines/vm-0`."""
    return "/".join(resource_id.rstrip("/").split("/")[-2:])
