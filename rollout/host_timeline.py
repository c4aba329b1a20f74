"""One host's way through a rollout, from the events that name it: phases as spans, outage, result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rollout.events import Event, Kind
from rollout.observation import natural
from rollout.record import UNAVAILABLE, Phase

DONE, ROLLED_BACK, FAILED, GONE, LEFT_OUT, IN_WORK, WAITING = (
    "done",
    "rolled-back",
    "failed",
    "gone",
    "left-out",
    "in-work",
    "waiting",
)
"""How it stands with a host; `result` of a timeline. GONE: its VM was deleted meanwhile."""

RESULTS = (FAILED, GONE, ROLLED_BACK, LEFT_OUT, IN_WORK, WAITING, DONE)
"""Worst first: the order in which hosts are shown."""

RESTORING = "restoring"
"""Result of a failure whose host is on its way back to the old disk; a later event has its outcome."""

_UNAVAILABLE = frozenset(str(phase) for phase in UNAVAILABLE - {Phase.SERVE, Phase.UNDO_SERVE})
"""Phases in which users cannot have the host. In the serve phases it takes sessions from the first step on, and the
rest is the removal of leftovers."""
_AT_REST = frozenset({"", "done", str(Phase.ROLLED_BACK)})
"""Phases that are no span: the host serves and nothing is done to it."""


@dataclass(frozen=True)
class Span:
    """A time a host spent in one phase."""

    phase: str
    start: float
    end: float
    open: bool = False
    """The log ends within it."""

    @property
    def unavailable(self) -> bool:
        return self.phase in _UNAVAILABLE


@dataclass(frozen=True)
class Note:
    """Something told about a host: an action (with its seconds) or what it waited for."""

    time: float
    text: str
    seconds: float | None = None


@dataclass(frozen=True)
class HostTimeline:
    """One host's way through the rollout."""

    host: str
    result: str
    """One of RESULTS."""
    spans: tuple[Span, ...] = ()
    outage: float | None = None
    """Seconds without service: as the engine measured it, else the time in phases in which a host is unavailable; None
    for a host that was never out."""
    why: str = ""
    """Why it failed or was left out."""
    actions: tuple[Note, ...] = ()
    waits: tuple[Note, ...] = ()


def timelines(log: Sequence[Event], ended: float) -> tuple[HostTimeline, ...]:
    """Timelines of all hosts that a start or another event names."""
    of_host: dict[str, list[Event]] = {}
    for event in log:
        if event.kind is Kind.STARTED and isinstance(event.data.get("hosts"), list):
            for name in event.data["hosts"]:
                of_host.setdefault(str(name), [])
        elif event.host:
            of_host.setdefault(event.host, []).append(event)
    found = [_timeline(host, told, ended) for host, told in of_host.items()]
    never = float("inf")
    return tuple(
        sorted(found, key=lambda t: (RESULTS.index(t.result), t.spans[0].start if t.spans else never, natural(t.host)))
    )


def _timeline(host: str, told: Sequence[Event], ended: float) -> HostTimeline:
    spans: list[Span] = []
    phase, since = "", 0.0
    result, why, measured = WAITING, "", None

    def close(at: float, *, open_end: bool = False) -> None:
        if phase not in _AT_REST:
            spans.append(Span(phase, since, at, open_end))

    for event in told:
        if event.kind is Kind.PHASE:
            entered = str(event.data.get("phase") or "")
            if entered == phase:
                continue  # a resumed run tells the phase again
            close(event.time)
            phase, since = entered, event.time
            if phase in (FAILED, ROLLED_BACK):
                result = phase
            elif phase not in _AT_REST:
                result = IN_WORK
        elif event.kind is Kind.HOST_DONE:
            close(event.time)
            phase, result, why = "", DONE, ""
            outage = event.data.get("outage")
            measured = float(outage) if isinstance(outage, int | float) else None
        elif event.kind is Kind.HOST_FAILED:
            result, why, measured = result_of(event), event.text or why, None
            result = IN_WORK if result == RESTORING else result
    close(ended, open_end=True)
    out = [span.end - span.start for span in spans if span.unavailable]
    return HostTimeline(
        host,
        result,
        tuple(spans),
        measured if measured is not None else (sum(out) if out else None),
        why,
        tuple(Note(e.time, e.text, _seconds(e)) for e in told if e.kind is Kind.ACTION),
        tuple(Note(e.time, e.text) for e in told if e.kind is Kind.WAITING),
    )


def result_of(event: Event) -> str:
    given = str(event.data.get("result") or FAILED).replace("_", "-")
    return given if given in (*RESULTS, RESTORING) else FAILED


def _seconds(event: Event) -> float | None:
    value = event.data.get("seconds")
    return float(value) if isinstance(value, int | float) else None
