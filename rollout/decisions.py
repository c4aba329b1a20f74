"""What people decide about an attempt while it is under way, as tags of the pool: that the rest follows the canary, or
that the attempt ends.

Each tag names the attempt that it is meant for, `r=3f2a9c11;a=2;by=ada@desk-7;at=1768251600;ticket=CHG0012345`, so that
it is never taken for one about a later attempt, and nobody has to remove it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from rollout import names
from rollout.canary import StopAfter
from rollout.declaration import Declaration
from rollout.pool_record import RolloutRecord

TICKET = re.compile(r"[0-9A-Za-z#_./:-]{1,40}")
"""What a change-ticket number may be."""

APPROVAL = "the canary, which waits for hostpool approve"
STOP_AFTER = "stop_after: canary"
"""Who pauses an attempt once its canary has baked, for people."""


@dataclass(frozen=True)
class Decision:
    """Who decided what about which attempt, and when. Field names are the tag's keys."""

    r: str
    """Rollout id."""
    a: int
    """Attempt."""
    by: str
    at: int
    """Epoch second."""
    ticket: str = ""
    """Number of the change ticket, for the audit."""

    def encode(self) -> str:
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return ";".join(f"{name}={_clean(str(value))}" for name, value in values if value != "")

    @property
    def told(self) -> str:
        """`ada@desk-7 (CHG0012345)`."""
        return f"{self.by} ({self.ticket})" if self.ticket else self.by


def decision(tags: Mapping[str, str], name: str, record: RolloutRecord | None) -> Decision | None:
    """What the pool's tag of this name says about the attempt; None where there is none, or it is about another."""
    pairs = dict(part.split("=", 1) for part in tags.get(name, "").split(";") if "=" in part)
    try:
        found = Decision(pairs["r"], int(pairs["a"]), pairs["by"], int(pairs["at"]), pairs.get("ticket", ""))
    except (KeyError, ValueError):
        return None
    return found if record is not None and (found.r, found.a) == (record.r, record.a) else None


def holds(declaration: Declaration, record: RolloutRecord, tags: Mapping[str, str]) -> str:
    """What keeps an attempt from going on after its canary; empty where nothing does. `tags` are the pool's."""
    approved = decision(tags, names.APPROVAL, record) is not None
    if record.b and not record.c and declaration.canary.approval and not approved:
        return APPROVAL
    return STOP_AFTER if record.c and declaration.stop_after is StopAfter.CANARY else ""


def _clean(value: str) -> str:
    return " ".join(value.replace(";", ",").replace("=", ":").split())[:100]
