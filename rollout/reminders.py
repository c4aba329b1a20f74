"""What `hostpool tick` has told of a schedule, so that it tells each thing once: a tag of the pool.

It is written after the message was handed to the services. A tick that dies between the two tells it again; written
before, the message would be lost, and a start that nobody heard of is worse than one they hear of twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from rollout.hold import Hold
from rollout.values import DAY

CHECK_EVERY = DAY
"""Seconds after which the pre-checks of a scheduled rollout are made again, and told again where they fail."""


@dataclass(frozen=True)
class Told:
    """What the tag says. Field names are its keys; times are epoch seconds."""

    r: str = ""
    """Rollout id."""
    at: int = 0
    """The start that reminders were told of."""
    rm: int = 0
    """Seconds before that start, of the last reminder told; 0 for none."""
    ck: int = 0
    """When pre-checks were made last."""
    cf: int = 0
    """1 if they failed, which was told then."""
    rb: int = 0
    """The time of the last proof that was told: `ready_by`."""
    rs: int = 0
    """1 if the pool was ready."""

    def encode(self) -> str:
        return ";".join(["v=1", *(f"{field.name}={getattr(self, field.name)}" for field in fields(self))])


def decode(text: str | None) -> Told:
    """What a tag's value says; nothing was told where there is none."""
    pairs = dict(part.split("=", 1) for part in (text or "").split(";") if "=" in part)
    if pairs.pop("v", "") != "1":
        return Told()
    try:
        return Told(pairs["r"], **{f.name: int(pairs[f.name]) for f in fields(Told) if f.name != "r"})
    except (KeyError, ValueError):
        return Told()


def due(held: Hold, told: Told, leads: Iterable[float], now: float) -> float | None:
    """The reminder that is due, in seconds before the start, or None: the nearest of those whose time has come. One
    whose time was over when the start was decided is none: that was told then."""
    come = [lead for lead in leads if held.at - lead <= now < held.at and held.at - lead > held.s]
    if not come:
        return None
    nearest = min(come)
    known = told.rm if (told.r, told.at) == (held.r, held.at) else 0
    return nearest if not known or nearest < known else None


def check_due(held: Hold, told: Told, now: float) -> bool:
    """Whether the pre-checks are to be made again: a day after the schedule was decided, which they preceded, or after
    they were made last."""
    last = told.ck if told.r == held.r else 0
    return now - max(last, held.s) >= CHECK_EVERY
