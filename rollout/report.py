"""What a run did, for people: built from its events alone, so that the log of a killed run makes a report too.

`build` is pure. Times are epoch seconds on the engine's clock, durations are seconds. `as_json` gives plain data with
ISO 8601 times in UTC; `write_json` puts it into a file. The HTML page is the command's business (`hostpool report`).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rollout.clock import iso
from rollout.costs import Costs, spent
from rollout.events import Event, Kind
from rollout.host_timeline import DONE, RESTORING, RESULTS, HostTimeline, result_of, timelines
from rollout.presence import CAME_BACK, CUT_OFF, ENDED, FINAL_MESSAGE, LOGGED_OFF, MESSAGE, SIGNED_OUT, Count

SCHEMA = 1
"""Version of the JSON report's shape."""


@dataclass(frozen=True)
class Run:
    """One process that worked on the rollout, from its start to its end or to its last sign of life."""

    attempt: int
    started: float
    ended: float
    status: str
    """Status it ended with; empty when it was killed or still works."""
    owner: str
    resumed: bool


@dataclass(frozen=True)
class CapacitySample:
    """Numbers of hosts (and sessions) from `time` until the next sample."""

    time: float
    hosts: int
    serving: int
    draining: int
    unavailable: int
    off: int
    sessions: int
    floor: int


@dataclass(frozen=True)
class Failure:
    """A host that failed, with what was kept as evidence before it was restored."""

    time: float
    host: str
    why: str
    result: str
    """One of RESULTS, or RESTORING where the log ends before its outcome."""
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class UserEvent:
    time: float
    host: str
    user: str
    what: str
    text: str


@dataclass(frozen=True)
class Finding:
    """A pre-check's finding."""

    id: str
    severity: str
    subject: str
    problem: str
    remedy: str


@dataclass(frozen=True)
class Milestone:
    """Canary, checkpoint, pause, resumption or warning."""

    time: float
    kind: str
    text: str


@dataclass(frozen=True)
class Totals:
    """The rollout in numbers; seconds where they are times."""

    hosts: int
    """Hosts that needed work."""
    by_result: Mapping[str, int]
    duration: float
    """From the first start to the last sign."""
    worked: float
    """Duration less the gaps in which no engine ran."""
    outage_median: float | None
    outage_longest: float | None
    outage_total: float
    lowest_serving: int | None
    floor_then: int | None
    seconds_below_floor: float
    peak_unavailable: int | None
    users_messaged: int
    users_warned: int
    """Got the final message before a forced log-off."""
    users_logged_off: int
    """Of active sessions, as declared."""
    users_disconnected_ended: int
    """Their disconnected sessions were ended, as declared."""
    users_signed_out: int
    """By themselves."""
    users_came_back: int
    users_moved_twice: int
    """Left a host that was emptied, and then another one."""
    users_cut_off: int
    """The machine went from under their sessions: somebody or something else stopped it."""
    reads: int | None
    """Requests to Azure of the runs that ended; None where their logs do not say."""
    writes: int | None
    costs: Costs
    """What was paid for beside the hosts."""


@dataclass(frozen=True)
class Report:
    pool: str
    zone: str
    """IANA name of the pool's time zone."""
    rollout: str
    image: str
    version: str
    status: str
    """Status of the last run; `running` where the log has no end: it works still, or was killed."""
    started: float
    ended: float
    runs: tuple[Run, ...]
    gaps: tuple[tuple[float, float], ...]
    """Times between two runs: no engine worked, and nothing is known of them."""
    hosts: tuple[HostTimeline, ...]
    """Worst result first, then by the time they were begun."""
    capacity: tuple[CapacitySample, ...]
    failures: tuple[Failure, ...]
    users: tuple[UserEvent, ...]
    findings: tuple[Finding, ...]
    milestones: tuple[Milestone, ...]
    totals: Totals

    @property
    def attempt(self) -> int:
        return self.runs[-1].attempt if self.runs else 0


def build(events: Iterable[Event]) -> Report:
    """The report of the events of one rollout, one or more attempts of it. Raises ValueError when no event tells of a
    start: then there is nothing to report."""
    log = sorted(events, key=lambda event: event.time)
    starts = [event for event in log if event.kind is Kind.STARTED]
    if not starts:
        raise ValueError("the log has no start of a run")
    first, last = starts[0], starts[-1]
    runs = _runs(log)
    gaps = tuple(
        (before.ended, after.started) for before, after in itertools.pairwise(runs) if after.started > before.ended
    )
    ended = log[-1].time
    hosts = timelines(log, ended)
    capacity = _capacity(log)
    users = tuple(
        UserEvent(e.time, e.host, str(e.data.get("user") or ""), str(e.data.get("what") or ""), e.text)
        for e in log
        if e.kind is Kind.USER
    )
    return Report(
        pool=str(last.data.get("pool") or ""),
        zone=str(last.data.get("time_zone") or "UTC"),
        rollout=str(last.data.get("rollout") or ""),
        image=str(last.data.get("image") or ""),
        version=str(last.data.get("version") or ""),
        status=runs[-1].status or "running",
        started=first.time,
        ended=ended,
        runs=runs,
        gaps=gaps,
        hosts=hosts,
        capacity=capacity,
        failures=_failures(log),
        users=users,
        findings=_findings(log),
        milestones=tuple(m for m in map(_milestone, log) if m),
        totals=_totals(log, hosts, capacity, gaps, users, ended - first.time),
    )


def as_json(report: Report) -> dict[str, Any]:
    """The report as plain data, times as ISO 8601 in UTC."""
    data = asdict(report)
    data["attempt"] = report.attempt
    data["gaps"] = [{"start": start, "end": end} for start, end in report.gaps]
    timed: dict[str, Any] = _with_iso_times(data)
    return {"schema": SCHEMA, **timed}


def write_json(report: Report, path: Path) -> None:
    """`as_json` in a file; written beside and moved, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps(as_json(report), indent=1) + "\n", encoding="utf-8")
    beside.replace(path)


def outages(hosts: Iterable[HostTimeline]) -> list[float]:
    """Outages of the hosts that are done, shortest first."""
    return sorted(h.outage for h in hosts if h.result == DONE and h.outage is not None)


def _runs(log: Sequence[Event]) -> tuple[Run, ...]:
    runs: list[Run] = []
    for event in log:
        if event.kind is Kind.STARTED:
            runs.append(
                Run(
                    int(event.data.get("attempt") or 0),
                    event.time,
                    event.time,
                    "",
                    str(event.data.get("owner") or ""),
                    bool(event.data.get("resumed")),
                )
            )
        elif runs:
            status = str(event.data.get("status") or "") if event.kind is Kind.ENDED else runs[-1].status
            run = runs[-1]
            runs[-1] = Run(run.attempt, run.started, event.time, status, run.owner, run.resumed)
    return tuple(runs)


def _failures(log: Sequence[Event]) -> tuple[Failure, ...]:
    """One per failure of a host: evidence is told before the restore, the outcome after it."""
    failures: list[Failure] = []
    restoring: dict[str, int] = {}
    """Index of the failure of each host that is being restored."""
    for event in log:
        if event.kind is not Kind.HOST_FAILED:
            continue
        told = Failure(event.time, event.host, event.text, result_of(event), dict(event.data.get("evidence") or {}))
        if event.host in restoring:
            at = restoring[event.host]
            first = failures[at]
            evidence = {**first.evidence, **told.evidence}
            failures[at] = replace(first, why=told.why or first.why, result=told.result, evidence=evidence)
        else:
            at = len(failures)
            failures.append(told)
        if told.result == RESTORING:
            restoring[event.host] = at
        else:
            restoring.pop(event.host, None)
    return tuple(failures)


def _capacity(log: Sequence[Event]) -> tuple[CapacitySample, ...]:
    names = ("hosts", "serving", "draining", "unavailable", "off", "sessions", "floor")
    return tuple(
        CapacitySample(event.time, *(int(event.data.get(name) or 0) for name in names))
        for event in log
        if event.kind is Kind.CAPACITY
    )


def _findings(log: Sequence[Event]) -> tuple[Finding, ...]:
    """Of the last run that checked; what an earlier one found may be mended."""
    checked = [event for event in log if event.kind is Kind.CHECKED]
    found = checked[-1].data.get("findings") or [] if checked else []
    names = ("id", "severity", "subject", "problem", "remedy")
    return tuple(Finding(*(str(item.get(name) or "") for name in names)) for item in found)


def _milestone(event: Event) -> Milestone | None:
    match event.kind:
        case Kind.CANARY:
            hosts = ", ".join(str(host) for host in event.data.get("hosts") or ())
            text = event.text or f"canary {event.data.get('result')}: {hosts}"
        case Kind.CHECKPOINT:
            percent = float(event.data.get("percent") or 0)
            text = event.text or f"checkpoint at {percent:g}%"
        case Kind.PAUSED | Kind.RESUMED | Kind.WARNING:
            text = event.text or str(event.kind)
        case _:
            return None
    return Milestone(event.time, str(event.kind), f"{event.host}: {text}" if event.host else text)


def _totals(
    log: Sequence[Event],
    hosts: Sequence[HostTimeline],
    capacity: Sequence[CapacitySample],
    gaps: Sequence[tuple[float, float]],
    users: Sequence[UserEvent],
    duration: float,
) -> Totals:
    out = outages(hosts)
    lowest = min(capacity, key=lambda sample: sample.serving, default=None)
    ends = [event.data for event in log if event.kind is Kind.ENDED]

    count = Count()
    for event in users:
        count.note(event.user, event.what, event.host)

    def people(what: str) -> int:
        return len({event.user for event in users if event.what == what})

    return Totals(
        hosts=len(hosts),
        by_result={result: sum(h.result == result for h in hosts) for result in RESULTS},
        duration=duration,
        worked=duration - sum(end - start for start, end in gaps),
        outage_median=_median(out),
        outage_longest=out[-1] if out else None,
        outage_total=sum(h.outage for h in hosts if h.outage is not None),
        lowest_serving=lowest.serving if lowest else None,
        floor_then=lowest.floor if lowest else None,
        seconds_below_floor=sum(
            until - sample.time for sample, until in held(capacity, log[-1].time, gaps) if sample.serving < sample.floor
        ),
        peak_unavailable=max((sample.unavailable for sample in capacity), default=None),
        users_messaged=people(MESSAGE),
        users_warned=people(FINAL_MESSAGE),
        users_logged_off=people(LOGGED_OFF),
        users_disconnected_ended=people(ENDED),
        users_signed_out=people(SIGNED_OUT),
        users_came_back=people(CAME_BACK),
        users_moved_twice=count.moved_twice,
        users_cut_off=people(CUT_OFF),
        reads=_sum(ends, "reads"),
        writes=_sum(ends, "writes"),
        costs=spent((host.actions for host in hosts), log[-1].time),
    )


def _sum(ends: Sequence[Mapping[str, Any]], name: str) -> int | None:
    told = [int(end[name]) for end in ends if end.get(name) is not None]
    return sum(told) if told else None


def held(
    capacity: Sequence[CapacitySample], ended: float, gaps: Sequence[tuple[float, float]]
) -> list[tuple[CapacitySample, float]]:
    """Each sample with the time until which it is known to have held: the next sample, the end, or a gap."""
    following = [*(sample.time for sample in capacity[1:]), ended][: len(capacity)]
    return [
        (sample, min([until, *(start for start, _ in gaps if sample.time <= start < until)]))
        for sample, until in zip(capacity, following, strict=True)
    ]


def _median(values: Sequence[float]) -> float | None:
    """Of sorted values."""
    if not values:
        return None
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


_TIMES = frozenset({"time", "start", "end", "started", "ended"})


def _with_iso_times(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: iso(item) if key in _TIMES and isinstance(item, int | float) else _with_iso_times(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_with_iso_times(item) for item in value]
    return value
