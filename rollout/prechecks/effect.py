"""Settings that are without effect as things are, and a start that is over.

They harm nobody and may be meant so, as when what they belong to is switched off for a night: warnings. What nobody can
mean is refused where it is read.
"""

from __future__ import annotations

from collections.abc import Iterator

from rollout import hold
from rollout.autoscale import active_plan
from rollout.capacity import declared_session_limit
from rollout.clock import iso
from rollout.declaration import Declaration, Stop
from rollout.draining import FINAL_MESSAGE, SAFE_GRACE, Drain, LogOff
from rollout.errors import shown
from rollout.plan import wanted_id
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, graded, warning
from rollout.values import DAY, as_written

PAST = DAY
"""Seconds after which a start that is over is no longer taken for one that is just late."""


def check(facts: Facts, *, start_is_fatal: bool) -> Iterator[Finding]:
    """`start_is_fatal`: asked of an update, not of a rebuild or a rehearsal, which begin at once anyhow."""
    declaration = facts.declaration
    yield from _start(facts, start_is_fatal)
    yield from _log_off(declaration)
    if declaration.emergency is not None and declaration.window is None and declaration.start_at is None:
        yield _without(
            f"emergency.reason: {shown(declaration.emergency.reason)}",
            "there is no window or start_at to wait for: the reason is recorded and told, no more",
            "leave emergency out, unless that is meant",
        )
    if declaration.stop is Stop.POWER_OFF and declaration.allocation_retry != Declaration.allocation_retry:
        yield _without(
            f"allocation_retry: {shown(as_written(declaration.allocation_retry))}",
            "with stop: power_off a host keeps its place, so that its start is not refused for lack of capacity",
            "leave allocation_retry out, or declare stop: deallocate",
        )
    limit = declared_session_limit(facts.pool)
    if limit is not None and declaration.sessions_per_host not in (None, limit):
        yield _without(
            f"sessions_per_host: {declaration.sessions_per_host}",
            f"the pool's own limit goes before it (maxSessionLimit {limit})",
            "leave sessions_per_host out",
        )
    if declaration.exclusion_tag is not None and not active_plan(facts.pool.scaling_plans, facts.pool.id):
        yield _without(
            f"exclusion_tag: {declaration.exclusion_tag!r}",
            "no scaling plan is active on the pool, so that no host gets it",
            "leave exclusion_tag out: that of a plan that is made active is used by itself",
        )
    if declaration.zone == "UTC" and declaration.time_zone is None and _names_time(declaration.drain):
        yield warning(
            "times-in-utc",
            "time_zone: None",
            "messages to users name {time} or {finish}, and no zone is declared: they read UTC",
            'declare the zone of your users, such as time_zone: "Europe/Amsterdam" (or "UTC", if that is meant)',
        )


def _without(subject: str, why: str, remedy: str) -> Finding:
    return warning("without-effect", subject, f"has no effect, since {why}", remedy)


def _log_off(declaration: Declaration) -> Iterator[Finding]:
    """What belongs to a forced log-off. It is heeded all the same where somebody is on a new disk that failed."""
    drain = declaration.drain
    forced = drain.log_off is LogOff.FORCE
    given = {
        f"drain.grace: {shown(as_written(drain.grace))}": drain.grace != Drain.grace and not forced,
        "drain.final_message": drain.final_message.boxes[0][1] != FINAL_MESSAGE.boxes[0][1] and not forced,
        "drain.allow_data_loss: true": drain.allow_data_loss and not forced,
    }
    for subject in (subject for subject, spare in given.items() if spare):
        yield _without(
            subject,
            f"with drain.log_off: {drain.log_off} nobody is logged off after a grace in a drain",
            "declare drain.log_off: force if that is meant, or leave it out",
        )
    if forced and drain.allow_data_loss and drain.grace >= SAFE_GRACE:
        yield _without(
            "drain.allow_data_loss: true",
            f"drain.grace ({shown(as_written(drain.grace))}) is long enough without it",
            "leave drain.allow_data_loss out, so that a shorter grace is noticed",
        )


def _start(facts: Facts, fatal: bool) -> Iterator[Finding]:
    """A start that is over, of a rollout that is neither scheduled nor under way: it would begin at once. One of more
    than a day ago is mostly that of the rollout before, which the program still holds."""
    declaration, now = facts.declaration, facts.pool.observed_at
    at, wanted = declaration.start_at, wanted_id(facts.image, declaration)
    held, record = hold.of(facts.pool.tags), facts.pool.record
    expected = (held is not None and held.r == wanted) or (record is not None and record.resumable)
    if at is None or at > now or expected or declaration.emergency is not None:
        return
    yield graded(
        fatal and at < now - PAST,
        "start-passed",
        f"start_at: {shown(as_written(at))}",
        f"is past ({iso(at)}; it is {iso(now)}), and no rollout is scheduled or under way: hosts would be taken out of "
        "service at once",
        f'declare a time to come, such as "{iso(now + DAY)}", or leave start_at out to begin now',
    )


def _names_time(drain: Drain) -> bool:
    said = (drain.message, drain.final_message, *(reminder.message for reminder in drain.reminders))
    texts = [words for message in said for box in message.boxes for words in box]
    return any(f"{{{name}}}" in text for text in texts for name in ("time", "finish"))
