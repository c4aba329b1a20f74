"""The report as one HTML page that needs nothing but itself: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hostpool import charts
from hostpool.kinds import Kind, kind_of
from hostpool.status import PoolStatus
from hostpool.wording import clock_time, day_and_time, duration, many, moment
from rollout import host_timeline, presence
from rollout.clock import in_zone
from rollout.host_timeline import Note
from rollout.report import Report, Totals, UserEvent

DENSE = 60
"""Pools with more hosts get narrow rows."""

PHASES = (
    ("build", "new disk is built, host serves"),
    ("drain", "no new sessions, waiting for users"),
    ("release", "out of the pool, stopping"),
    ("rejoin", "on the new disk: start, join, agent, health"),
    ("serve", "given back to users"),
    ("undo", "back to the old disk"),
    ("leave", "left out of this run"),
    ("failed", "left drained"),
)
"""Phases of the legend; the others are drawn as the one they belong to."""

AZURE_PHASES = (
    ("release", "in its batch: the disk is exchanged"),
    ("rejoin", "on the new disk: extensions, health"),
    ("undo", "back on the former disk"),
)
"""Those of an instance or a node, which Azure upgrades."""

LEFT = (presence.SIGNED_OUT, presence.LOGGED_OFF, presence.ENDED, presence.CUT_OFF)
"""How somebody left a host."""

STATUS_WORDS = {
    "complete": "complete",
    "complete_with_failures": "complete with failures",
    "stopped": "stopped",
    "paused": "paused",
    "scheduled": "scheduled",
    "running": "no end in the log",
}


@dataclass(frozen=True)
class Person:
    """What befell one user, times in epoch seconds (None: it did not)."""

    user: str
    hosts: str
    messaged: float | None
    warned: float | None
    came_back: float | None
    left: float | None
    how: str
    """How they left: signed out, logged off, disconnected session ended, or cut off."""


@dataclass(frozen=True)
class Part:
    """One target's part of a page."""

    report: Report
    now: PoolStatus | None = None
    """It as Azure shows it, if read."""

    @property
    def kind(self) -> Kind:
        return kind_of(self.report.pool) or Kind.HOST_POOL

    @property
    def name(self) -> str:
        return self.report.pool.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Line:
    """One target in the overview of several; texts."""

    name: str
    kind: str
    version: str = ""
    status: str = ""
    words: str = "no run has watched it here"
    done: str = ""
    rolled_back: str = ""
    failed: str = ""
    began: str = ""
    ended: str = ""


def render(report: Report, *, made_at: float, sources: Sequence[str], now: PoolStatus | None = None) -> str:
    """The page. `sources` are lines that say what it was made from; `now` is the pool as Azure shows it, if read."""
    title = f"{report.pool.split('/')[-1]} → {report.version}: rollout {report.rollout}"
    return _page([Part(report, now)], made_at, sources, title=title)


def render_all(
    parts: Sequence[Part], without: Sequence[Line], heading: str, *, made_at: float, sources: Sequence[str]
) -> str:
    """One page for several targets: what each came to, then each one's own part. `without`: targets that no event log
    here tells of."""
    overview = [*(line_of(part) for part in parts), *without]
    return _page(parts, made_at, sources, title=heading, overview=overview)


def line_of(part: Part) -> Line:
    """What a target came to."""
    report, count = part.report, part.report.totals.by_result
    return Line(
        part.name,
        str(part.kind),
        report.version,
        report.status,
        STATUS_WORDS.get(report.status, report.status),
        f"{count[host_timeline.DONE]} of {report.totals.hosts}",
        str(count[host_timeline.ROLLED_BACK]),
        str(count[host_timeline.FAILED]),
        day_and_time(report.started, report.zone),
        day_and_time(report.ended, report.zone),
    )


def _page(
    parts: Sequence[Part], made_at: float, sources: Sequence[str], *, title: str, overview: Sequence[Line] = ()
) -> str:
    environment = Environment(
        loader=PackageLoader("hostpool"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    zone = parts[0].report.zone if parts else "UTC"
    bodies = [_body(environment, part, "" if len(parts) == 1 else str(at)) for at, part in enumerate(parts)]
    environment.filters.update(moment=partial(moment, zone=zone))
    return environment.get_template("report.html.j2").render(
        title=title,
        heading=title,
        overview=overview,
        bodies=bodies,
        made_at=made_at,
        sources=sources,
        many=many,
    )


def _body(environment: Environment, part: Part, uid: str) -> Markup:
    """One target's part; `uid` keeps the ids of its drawings apart from those of others."""
    report = part.report
    environment.filters.update(
        duration=duration,
        moment=partial(moment, zone=report.zone),
        clock_time=partial(clock_time, zone=report.zone),
        day_and_time=partial(day_and_time, zone=report.zone),
        in_zone=partial(in_zone, zone=report.zone),
        evidence=evidence,
    )
    axis = charts.axis_of(report)
    panels = charts.panels(report, axis)
    if part.kind is not Kind.HOST_POOL:  # without sessions
        titles = (f"{part.kind.member.capitalize()}s that are well", f"{part.kind.member.capitalize()}s that are not")
        panels = tuple(replace(panel, title=title) for panel, title in zip(panels, titles, strict=False))
    body = environment.get_template("report_body.html.j2").render(
        uid=uid,
        kind=str(part.kind),
        member=part.kind.member,
        of_pool=part.kind is Kind.HOST_POOL,
        report=report,
        totals=report.totals,
        status=STATUS_WORDS.get(report.status, report.status),
        verdict=verdict(report),
        axis=axis,
        panels=panels,
        gaps=[(axis.percent(start), round(axis.percent(end) - axis.percent(start), 3)) for start, end in report.gaps],
        rows=[(timeline, charts.bars(timeline, axis)) for timeline in report.hosts],
        dense=len(report.hosts) > DENSE,
        phases=PHASES if part.kind is Kind.HOST_POOL else AZURE_PHASES,
        people=people(report.users),
        failures=[f for f in report.failures if f.result != host_timeline.LEFT_OUT],
        left_out=[f for f in report.failures if f.result == host_timeline.LEFT_OUT],
        trouble=[h for h in report.hosts if h.result not in (host_timeline.DONE, host_timeline.WAITING)],
        course=course(report),
        now=part.now,
        many=many,
    )
    return Markup(body)


def verdict(report: Report) -> list[str]:
    """What a reader wants to know first, in sentences."""
    count, totals = report.totals.by_result, report.totals
    member = (kind_of(report.pool) or Kind.HOST_POOL).member
    done = count[host_timeline.DONE]
    lines = [f"{done} of {many(totals.hosts, member)} {'serves' if done == 1 else 'serve'} on {report.version}."]
    for result, one, more in (
        (
            host_timeline.ROLLED_BACK,
            "is back on its old disk and serves the old image",
            "are back on their old disks and serve the old image",
        ),
        (
            host_timeline.FAILED,
            "is left drained: neither disk could be brought back",
            "are left drained: neither disk could be brought back",
        ),
        (host_timeline.GONE, "is gone: its VM was deleted meanwhile", "are gone: their VMs were deleted meanwhile"),
        (host_timeline.LEFT_OUT, "was left out and serves unchanged", "were left out and serve unchanged"),
        (host_timeline.IN_WORK, "was in work when the log ends", "were in work when the log ends"),
        (host_timeline.WAITING, "was not begun", "were not begun"),
    ):
        if count[result]:
            lines.append(f"{many(count[result], member)} {one if count[result] == 1 else more}.")
    if totals.lowest_serving is not None:
        if totals.seconds_below_floor:
            below = duration(totals.seconds_below_floor)
            lines.append(f"For {below} fewer {member}s served than the floor asks for.")
        else:
            known = f"As far as is known, serving {member}s" if report.gaps else f"Serving {member}s"
            lines.append(f"{known} never fell below the floor.")
    lines += _people_told(totals)
    if report.gaps:
        away = sum(end - start for start, end in report.gaps)
        lines.append(f"For {duration(away)} no engine ran; nothing is known of that time.")
    if report.status == "running":
        lines.append("The log has no end: the run works still, or was killed. The next pulumi up resumes it.")
    return lines


def _people_told(totals: Totals) -> list[str]:
    """How the users left their hosts, in a sentence; none where nobody was on one."""
    told = [
        (totals.users_signed_out, "signed out themselves"),
        (totals.users_logged_off, "logged off as declared"),
        (totals.users_disconnected_ended, "had a disconnected session ended as declared"),
        (totals.users_came_back, "came back meanwhile"),
        (totals.users_moved_twice, "sent off twice"),
    ]
    said = [f"{count} {how}" for count, how in told if count]
    if not said and not totals.users_cut_off:
        return []
    cut = f"{totals.users_cut_off} cut off, not by the rollout" if totals.users_cut_off else "nobody was cut off"
    return [f"Users: {', '.join([*said, cut])}."]


def course(report: Report) -> list[Note]:
    """Runs and milestones in the order of time."""
    lines = []
    for run in report.runs:
        by = f"{'Resumed' if run.resumed else 'Begun'} by {run.owner or 'an unnamed owner'}, attempt {run.attempt}"
        end = f"ended {day_and_time(run.ended, report.zone)}: {run.status.replace('_', ' ')}" if run.status else (
            f"last sign {day_and_time(run.ended, report.zone)}, without an end"
        )  # fmt: skip
        lines.append(Note(run.started, f"{by}; {end}."))
    lines += [Note(milestone.time, milestone.text) for milestone in report.milestones]
    return sorted(lines, key=lambda line: line.time)


def people(users: Sequence[UserEvent]) -> list[Person]:
    """One row per user, in the order of their first event."""
    by_user: dict[str, list[UserEvent]] = {}
    for event in users:
        by_user.setdefault(event.user, []).append(event)

    def last(events: Sequence[UserEvent], *what: str) -> float | None:
        return max((event.time for event in events if event.what in what), default=None)

    return [
        Person(
            user,
            ", ".join(dict.fromkeys(event.host for event in events)),
            last(events, presence.MESSAGE, presence.REMINDER),
            last(events, presence.FINAL_MESSAGE),
            last(events, presence.CAME_BACK),
            last(events, *LEFT),
            next((event.what for event in reversed(events) if event.what in LEFT), ""),
        )
        for user, events in by_user.items()
    ]


def evidence(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Evidence as (name, text) pairs; lists and nested data become lines."""

    def text(value: Any) -> str:
        if isinstance(value, list | tuple):
            return "\n".join(text(item) for item in value)
        if isinstance(value, Mapping):
            return "\n".join(f"{name}: {text(item)}" for name, item in value.items())
        return str(value)

    return [
        (str(name).replace("_", " "), text(value)) for name, value in found.items() if value not in (None, "", [], {})
    ]
