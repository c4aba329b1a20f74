"""The maintenance window: whether it ever comes soon enough, and is long enough."""

from __future__ import annotations

from collections.abc import Iterator

from rollout import hold, schedule
from rollout.clock import iso
from rollout.errors import shown
from rollout.plan import wanted_id
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, error, warning
from rollout.values import as_written


def check(facts: Facts) -> Iterator[Finding]:
    declaration, now = facts.declaration, facts.pool.observed_at
    at = declaration.start_at
    if at is not None and at > now + schedule.FARTHEST:
        yield error(
            "start-too-far",
            f"start_at: {shown(as_written(at))}",
            f"is more than {schedule.FARTHEST / 86400:.0f} days ahead",
            f"declare a time before {iso(now + schedule.FARTHEST)}, or a window",
        )
    if declaration.emergency is not None:
        yield warning(
            "emergency",
            f"emergency.reason: {declaration.emergency.reason!r}",
            "no maintenance window is waited for, as long as it is declared",
            "leave emergency out once it is over",
        )
    held = hold.of(facts.pool.tags)
    if held is not None and held.r != wanted_id(facts.image, declaration):
        yield warning(
            "replaces-scheduled",
            f"pool {facts.pool.name}",
            f"{held.to} is scheduled for {schedule.told(declaration, held.at)} by {held.by}: this takes its place",
            f"ask them, or let it run first (hostpool --host-pool {facts.pool.id} schedule)",
        )
    window, drain = declaration.window, declaration.drain
    longest = drain.deadline + drain.grace + schedule.OUTAGE
    if window is not None and longest > window.duration:
        yield warning(
            "drain-outlasts-window",
            f"drain.deadline: {shown(as_written(drain.deadline))}",
            f"with grace and outage it is longer than the window ({shown(as_written(window.duration))}): a host whose "
            "users stay is given back when the window closes, and drained again in the next one",
            "make drain.deadline shorter, or the window longer",
        )
    if window is not None and not schedule.estimate(declaration, len(facts.hosts), len(facts.pool.hosts), now).windows:
        yield error(
            "window-too-short",
            f"window.duration: {shown(as_written(window.duration))}",
            "the canary's build, outage and bake and one further host do not fit into it",
            "make the window longer, or canary.bake shorter",
        )
