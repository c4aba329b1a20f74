"""The maintenance window: whether it ever comes soon enough, and is long enough."""

from __future__ import annotations

from collections.abc import Iterator

from rollout import schedule
from rollout.clock import iso
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, error, warning


def check(facts: Facts) -> Iterator[Finding]:
    declaration, now = facts.declaration, facts.pool.observed_at
    at = declaration.start_at
    if at is not None and at > now + schedule.FARTHEST:
        yield error(
            "start-too-far",
            f"start_at: {iso(at)!r}",
            f"is more than {schedule.FARTHEST / 86400:.0f} days ahead",
            f"declare a time before {iso(now + schedule.FARTHEST)}, or a window",
        )
    window, drain = declaration.window, declaration.drain
    longest = drain.deadline + drain.grace + schedule.OUTAGE
    if window is not None and longest > window.duration:
        yield warning(
            "drain-outlasts-window",
            f"drain.deadline: {drain.deadline / 60:.0f} min",
            f"with grace and outage it is longer than the window ({window.duration / 60:.0f} min): a host whose users "
            "stay is given back when the window closes, and drained again in the next one",
            "make drain.deadline shorter, or the window longer",
        )
    if window is not None and not schedule.estimate(declaration, len(facts.hosts), len(facts.pool.hosts), now).windows:
        yield error(
            "window-too-short",
            f"window.duration: {window.duration / 60:.0f} min",
            "the canary's build, outage and bake and one further host do not fit into it",
            "make the window longer, or canary.bake shorter",
        )
