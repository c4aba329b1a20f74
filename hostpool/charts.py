"""Geometry of the report's drawings: positions in percent of the time shown, paths in a box of 1000 by 100.

The page stretches the boxes to its width, texts are placed in percent beside them, so that nothing is distorted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hostpool.wording import day_and_time, duration
from rollout.clock import local_time
from rollout.host_timeline import HostTimeline
from rollout.report import CapacitySample, Report, held

WIDTH, HEIGHT = 1000.0, 100.0

STEPS = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800)
"""Distances of time marks in seconds."""


@dataclass(frozen=True)
class Axis:
    """The time shown; `percent` is 0 at its start and 100 at its end."""

    start: float
    end: float
    zone: str

    def percent(self, at: float) -> float:
        return round(100 * (at - self.start) / (self.end - self.start), 3)

    @property
    def marks(self) -> tuple[tuple[float, str, str], ...]:
        """At most ten marks at times that are round in the zone: (percent, text, the same in UTC where that is another
        zone); the date is given at the first and at each midnight."""
        step = next((s for s in STEPS if (self.end - self.start) / s <= 10), STEPS[-1])
        ahead = datetime.fromtimestamp(self.start, ZoneInfo(self.zone)).utcoffset() or timedelta()
        shift = ahead.total_seconds()
        first = math.ceil((self.start + shift) / step) * step - shift
        times = [first + i * step for i in range(int((self.end - first) // step) + 1)]
        dated = [i == 0 or (at + shift) % 86400 == 0 for i, at in enumerate(times)]
        return tuple((self.percent(at), *self._texts(at, dated=d)) for at, d in zip(times, dated, strict=True))

    def _texts(self, at: float, *, dated: bool) -> tuple[str, str]:
        here, _, utc = (day_and_time if dated else local_time)(at, self.zone).removesuffix(")").partition(" (")
        return here.removesuffix(" UTC"), utc


@dataclass(frozen=True)
class Bar:
    """A span of a host: `x` and `width` in percent."""

    x: float
    width: float
    phase: str
    unavailable: bool
    title: str


@dataclass(frozen=True)
class Layer:
    """One filled area of a panel, or a line."""

    name: str
    path: str


@dataclass(frozen=True)
class Panel:
    """One drawing over time with its own scale from 0 to `top`."""

    title: str
    top: int
    areas: tuple[Layer, ...]
    line: Layer | None = None

    @property
    def heights(self) -> tuple[tuple[float, int], ...]:
        """Marks of the scale: (percent from above, number)."""
        step = next(s for s in _numbers() if self.top / s <= 4)
        return tuple((round(100 - 100 * n / self.top, 2), n) for n in range(0, self.top + 1, step))


def axis_of(report: Report) -> Axis:
    """From the first to the last event, a minute at least."""
    return Axis(report.started, max(report.ended, report.started + 60), report.zone)


def bars(timeline: HostTimeline, axis: Axis) -> tuple[Bar, ...]:
    return tuple(
        Bar(
            axis.percent(span.start),
            max(0.12, round(axis.percent(span.end) - axis.percent(span.start), 3)),
            span.phase,
            span.unavailable,
            f"{timeline.host}: {span.phase} from {day_and_time(span.start, axis.zone)}, "
            + duration(span.end - span.start)
            + (" so far" if span.open else ""),
        )
        for span in timeline.spans
    )


def panels(report: Report, axis: Axis) -> tuple[Panel, ...]:
    """Serving hosts against the floor; hosts that do not serve, at a scale of their own; sessions."""
    if not report.capacity:
        return ()
    samples = held(report.capacity, report.ended, report.gaps)
    hosts = max(max(s.hosts, s.floor, s.serving) for s in report.capacity)
    out = max(1, max(s.unavailable + s.draining + s.off for s in report.capacity))
    sessions = max(1, max(s.sessions for s in report.capacity))

    def area(name: str, top: int, low: Callable[[CapacitySample], int], high: Callable[[CapacitySample], int]) -> Layer:
        return Layer(name, _area(samples, axis, top, low, high))

    none: Callable[[CapacitySample], int] = lambda s: 0  # noqa: E731
    return (
        Panel(
            "Hosts that take new sessions",
            hosts,
            (area("serving", hosts, none, lambda s: s.serving),),
            Layer("floor", _line(samples, axis, hosts, lambda s: s.floor)),
        ),
        Panel(
            "Hosts that do not",
            out,
            (
                area("unavailable", out, none, lambda s: s.unavailable),
                area("draining", out, lambda s: s.unavailable, lambda s: s.unavailable + s.draining),
                area("off", out, lambda s: s.unavailable + s.draining, lambda s: s.unavailable + s.draining + s.off),
            ),
        ),
        Panel("Sessions", sessions, (area("sessions", sessions, none, lambda s: s.sessions),)),
    )


Held = Sequence[tuple[CapacitySample, float]]


def _area(
    samples: Held,
    axis: Axis,
    top: int,
    low: Callable[[CapacitySample], int],
    high: Callable[[CapacitySample], int],
) -> str:
    """Rectangles side by side, as one path; steps of equal height are joined, empty ones left out."""
    boxes: list[list[float]] = []
    for sample, until in samples:
        if until <= sample.time or high(sample) == low(sample):
            continue
        left, right = _x(axis, sample.time), _x(axis, until)
        upper, lower = _y(high(sample), top), _y(low(sample), top)
        if boxes and boxes[-1][1:] == [left, upper, lower]:
            boxes[-1][1] = right
        else:
            boxes.append([left, right, upper, lower])
    return "".join(f"M{left:g} {upper:g}H{right:g}V{lower:g}H{left:g}Z" for left, right, upper, lower in boxes)


def _line(samples: Held, axis: Axis, top: int, value: Callable[[CapacitySample], int]) -> str:
    path, at = [], None
    for sample, until in samples:
        left, right, y = _x(axis, sample.time), _x(axis, until), _y(value(sample), top)
        path.append(f"{'V' if at == left else f'M{left:g} '}{y:g}H{right:g}")
        at = right
    return "".join(path)


def _x(axis: Axis, at: float) -> float:
    return round(axis.percent(at) * WIDTH / 100, 1)


def _y(count: int, top: int) -> float:
    return round(HEIGHT - HEIGHT * count / top, 2)


def _numbers() -> tuple[int, ...]:
    """1, 2, 5, 10, 20, 50 ..."""
    return tuple(m * 10**e for e in range(9) for m in (1, 2, 5))
