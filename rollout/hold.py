"""A scheduled rollout holds its pool: tags say which, when it begins, and who decided that.

`avd-rollout-schedule` is the hold, `avd-rollout-scheduled-N` the declaration that it will run, apart from that of the
last run, so that a rebuild or a cancelled schedule still finds the latter. Whoever writes them holds the lease. A hold
without a declaration of its own is that of an attempt which has begun and goes on in its next window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from rollout import names, pool_record, schedule
from rollout.clock import iso
from rollout.declaration import Declaration, parse
from rollout.errors import InvalidDeclaration, PreCheckFailed

LONGEST = 80
"""Characters of who decided it."""
MOST_TAGS = 50
"""A resource has no more (learn.microsoft.com/azure/azure-resource-manager/management/tag-resources: limitations)."""
COUNT = f"{names.SCHEDULED}count"


@dataclass(frozen=True)
class Hold:
    """What the tag says. Field names are its keys; times are epoch seconds."""

    r: str
    """Rollout id."""
    at: int
    """When it begins, or goes on."""
    s: int
    """When that was decided."""
    to: str
    """The version, for people."""
    by: str
    """Who decided it."""
    m: int = 0
    """1 if a person moved it there, or skipped a window: then it begins at that time and at none before."""
    w: int = 0
    """1 if a run waits for that time itself."""

    def encode(self) -> str:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values |= {"to": _clean(self.to), "by": _clean(self.by)}
        return ";".join(["v=1", *(f"{name}={value}" for name, value in values.items())])

    def to_begin(self, at: float, now: float, by: str) -> Hold:
        """The same at a time that a person chose."""
        return replace(self, at=int(at), s=int(now), by=by, m=1)


def decode(text: str | None) -> Hold | None:
    """The hold of a tag's value, or None."""
    pairs = dict(part.split("=", 1) for part in (text or "").split(";") if "=" in part)
    if pairs.pop("v", "") != "1":
        return None
    try:
        numbers = {name: int(pairs[name]) for name in ("at", "s", "m", "w")}
        return Hold(r=pairs["r"], to=pairs["to"], by=pairs["by"], **numbers)
    except (KeyError, ValueError):
        return None


def of(tags: Mapping[str, str]) -> Hold | None:
    """The hold of a pool's tags, or None."""
    return decode(tags.get(names.SCHEDULE))


def inputs_of(tags: Mapping[str, str]) -> dict[str, Any] | None:
    """The declaration that a tick runs: the scheduled one, else that of the last run; None where there is none."""
    return pool_record.read_declaration(tags, names.SCHEDULED) or pool_record.read_declaration(tags)


def declaration_of(tags: Mapping[str, str], pool_id: str) -> Declaration | None:
    """The same, parsed; None too for one of a former release that is none any more."""
    inputs = inputs_of(tags)
    try:
        return parse({**inputs, "host_pool_id": pool_id}) if inputs is not None else None
    except (InvalidDeclaration, KeyError):
        return None


def about(held: Hold, tags: Mapping[str, str]) -> dict[str, Any]:
    """What an event of the schedule says of its rollout. The attempt is that which it goes on with, or will be."""
    record = pool_record.decode(tags.get(names.RECORD))
    goes_on = record is not None and record.resumable and record.r == held.r
    attempt = (record.a if record is not None else 0) + (0 if goes_on else 1)
    return {"rollout": held.r, "attempt": attempt, "version": held.to}


def line(tags: Mapping[str, str], pool_id: str) -> str:
    """`1.0.1 is scheduled for Mon 2026-01-12 22:00 UTC by ada@desk-7`; empty where nothing holds the pool."""
    held, declared = of(tags), declaration_of(tags, pool_id)
    if held is None:
        return ""
    when = schedule.told(declared, held.at) if declared is not None else iso(held.at)
    return f"{held.to} is scheduled for {when} by {held.by}"


def moved(tags: Mapping[str, str], declared: Declaration) -> float | None:
    """When a person wants the next window to begin, or None. It holds for a newer version too, but for no other
    windows than those that it was decided for."""
    held = of(tags)
    if held is None or not held.m:
        return None
    decided_for = declaration_of(tags, declared.host_pool_id)
    return held.at if decided_for is not None and _timing(decided_for) == _timing(declared) else None


def _timing(declared: Declaration) -> tuple[object, ...]:
    return declared.window, declared.start_at, declared.ready_by


def tags_of(hold: Hold, inputs: Mapping[str, Any], there: Mapping[str, str]) -> dict[str, str]:
    """The tags to write for a rollout that is yet to begin. Raises PreCheckFailed where the pool has no room for them
    beside those `there`."""
    tags = {names.SCHEDULE: hold.encode()} | pool_record.declaration_tags(inputs, names.SCHEDULED)
    # Those of the run itself come when it begins.
    count = len({*there, *tags, names.LEASE, names.RECORD, names.TARGET, names.HISTORY, names.TOLD})
    if count > MOST_TAGS:
        raise PreCheckFailed(
            f"no room for the schedule: the pool would have {count} tags, {MOST_TAGS} are allowed; "
            "remove some that nobody needs, or run pulumi up inside the window"
        )
    return tags


def ended(there: Mapping[str, str]) -> dict[str, str]:
    """The tags to write in one call so that nothing holds the pool any more; what is left of them is `leftovers`."""
    return dict.fromkeys((name for name in (names.SCHEDULE, COUNT) if there.get(name)), "")


def leftovers(there: Mapping[str, str]) -> dict[str, str]:
    """Tags that mean nothing any more, to be deleted: a crash may come before."""
    dead: dict[str, str] = {name: "" for name in (names.SCHEDULE, COUNT) if there.get(name) == ""}
    if not there.get(COUNT):
        dead |= {name: value for name, value in there.items() if name.startswith(names.SCHEDULED)}
    return dead


def _clean(value: str) -> str:
    """Text that survives in the tag: no separators, one line."""
    return " ".join(value.replace(";", ",").replace("=", ":").split())[:LONGEST]
