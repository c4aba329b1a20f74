"""How users come from old hosts to updated ones: `hand_off`.

Hard: each old host takes new sessions until its own drain, so that who leaves one may land on another and be moved
again. Soft: once the canary has passed, the old hosts that wait are closed to new sessions, save as many as the load of
the rest of the run needs beside the updated ones and those that need no work; once these carry it alone, none is open.
Where the load grows, as many as it takes are opened again. Nobody is told or logged off before the turn of their host,
and while old hosts are open, those with sessions are drained no further ahead than there are slots: who leaves them
might land on one that is yet to go. Pure, save for when hosts were opened last.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from rollout.admission import Candidate, Candidates, Limits, Stage

SPARE = 1
"""Hosts beyond the load that stay open: people come in bursts, and the pool is listed once a minute."""
SETTLE = 120.0
"""Seconds until hosts that were opened count in the pool's list: until then no more are opened for the same load."""
WAITING = (Stage.QUEUED, Stage.BUILDING, Stage.HELD, Stage.BUILT)
"""Stages of old hosts whose turn has not come."""


class HandOff(StrEnum):
    """Until when old hosts take new sessions."""

    HARD = "hard"
    """Until their own drain."""
    SOFT = "soft"
    """Until the load no longer needs them."""


@dataclass(frozen=True)
class Change:
    """Names of hosts that are to take no new sessions from now on, and of those that are to take them again."""

    close: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


def change(candidates: Candidates, limits: Limits) -> Change:
    """What is to change now: those with the fewest sessions are closed first, since they go first, and opened last. All
    are opened where no more hosts can be drained before the window closes. Hosts that wait for a person stay open."""
    closed = _closed(candidates)
    if limits.carry is None or not limits.left.drains:
        return Change(open=tuple(candidate.name for candidate in closed))
    beyond = limits.serving - limits.carry - SPARE
    if limits.canary_left is None and beyond > 0:
        old = sorted(_open(candidates), key=lambda candidate: candidate.sessions)
        return Change(close=tuple(candidate.name for candidate in old[:beyond]))
    missing = max(0, limits.carry - limits.serving)
    used = sorted(closed, key=lambda candidate: -candidate.sessions)
    return Change(open=tuple(candidate.name for candidate in used[:missing]))


def under_way(candidates: Candidates) -> bool:
    """Old hosts whose turn has not come still take new sessions."""
    return next(_open(candidates), None) is not None


def _open(candidates: Candidates) -> Iterator[Candidate]:
    return (c for c in candidates.at(*WAITING) if c.serving and c.stage is not Stage.HELD)


def _closed(candidates: Candidates) -> list[Candidate]:
    return [candidate for candidate in candidates.at(*WAITING) if candidate.closed] if candidates.closed else []


class HandOver:
    """The hand-off of one run. `change` is asked at every look of the scheduler."""

    def __init__(self) -> None:
        self._opened_at = -math.inf

    def change(self, candidates: Candidates, limits: Limits, now: float, *, begins: bool) -> Change:
        """`begins`: whether hosts may be begun now; nobody is closed while none may."""
        found = change(candidates, limits)
        if now - self._opened_at < SETTLE and limits.carry is not None and limits.left.drains:
            found = Change(found.close)
        if found.open:
            self._opened_at = now
        return found if begins else Change(open=found.open)
