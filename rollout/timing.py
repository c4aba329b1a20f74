"""When in a maintenance window the work begins: as it opens, or at the time at which the fewest people are at work.

Pure. Where the load of any hour of the window is not known, or the work needs the whole window, it begins as it opens.
"""

from __future__ import annotations

import math
from dataclasses import replace

from rollout import schedule
from rollout.declaration import Declaration, Timing
from rollout.load import Load
from rollout.values import MINUTE
from rollout.window import Opening

STEP = 30 * MINUTE
"""Seconds between the beginnings that are compared."""
SLACK = 1.25
"""By which the work may take longer than estimated: what is begun at the quietest time must not run into the end."""


def takes(declaration: Declaration, hosts: int, pool: int, opening: Opening) -> float:
    """Seconds that the work on `hosts` hosts of a pool of `pool` takes in an opening; without end where one is not
    enough. People are waited for once: hosts are drained while others are out."""
    found = schedule.estimate(declaration, hosts, pool, opening.start)
    if found.windows != 1:
        return math.inf
    drain = min(declaration.drain.deadline + declaration.drain.grace, (opening.end - opening.start) / 2)
    return (found.ends - found.begins) * SLACK + drain


def quietest(declaration: Declaration, load: Load, hosts: int, pool: int, opening: Opening) -> Opening:
    """The opening from that beginning on at which there are the fewest sessions on average while the work goes on."""
    if declaration.timing is not Timing.QUIETEST or math.isinf(opening.end):
        return opening
    needed = takes(declaration, hosts, pool, opening)
    last = opening.end - needed
    if last <= opening.start:
        return opening
    begins = [opening.start + STEP * step for step in range(int((last - opening.start) // STEP) + 1)]
    found = [(load.mean(begin, begin + needed), begin) for begin in begins]
    known = [(mean, begin) for mean, begin in found if mean is not None]
    if len(known) < len(found):
        return opening
    return replace(opening, start=min(known)[1])


def estimated(
    declaration: Declaration, load: Load, hosts: int, pool: int, now: float, moved: float | None = None
) -> str:
    """For the preview: when the work begins, how long it takes, and why then. `moved` as for `schedule.openings`:
    what a person chose is no matter of sessions."""
    opening = schedule.opening_at(declaration, now, moved) or schedule.next_opening(declaration, now, moved)
    if opening is None or declaration.timing is not Timing.QUIETEST or opening.start == moved:
        return schedule.estimate(declaration, hosts, pool, now, moved=moved).line(declaration)
    chosen = quietest(declaration, load, hosts, pool, opening)
    found = schedule.estimate(declaration, hosts, pool, max(now, chosen.start))
    return found.line(declaration) + _why(declaration, load, hosts, pool, opening)


def _why(declaration: Declaration, load: Load, hosts: int, pool: int, opening: Opening) -> str:
    chosen, needed = quietest(declaration, load, hosts, pool, opening), takes(declaration, hosts, pool, opening)
    if opening.start + needed > opening.end:
        return "; it needs the whole window, so that no quieter time is waited for"
    then, at_once = (load.mean(at, at + needed) for at in (chosen.start, opening.start))
    if then is None or at_once is None:
        return "; no quieter time is known before runs have seen the window's hours"
    if chosen == opening:
        return f", with about {then:.0f} sessions, and no quieter time in the window"
    return f", at the window's quietest time: about {then:.0f} sessions instead of {at_once:.0f}"
