"""How times, durations and numbers are written for people."""

from __future__ import annotations

from rollout.clock import local


def duration(seconds: float | None) -> str:
    """`45 s`, `12 min`, `1 h 05 min`, `2 d 3 h`; a dash for None."""
    if seconds is None:
        return "–"
    if seconds < 59.5:
        return f"{max(0, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(minutes / 60)
    return f"{hours // 24} d {hours % 24} h"


def moment(at: float, zone: str) -> str:
    """`2026-01-12 22:00 Europe/Amsterdam (21:00 UTC)`."""
    return local(at, zone, day="%Y-%m-%d")


def day_and_time(at: float, zone: str) -> str:
    """`12 Jan 22:00 (21:00 UTC)`."""
    return local(at, zone, day="%d %b", named=False).lstrip("0")


def clock_time(at: float, zone: str) -> str:
    """`22:00:07 (21:00:07 UTC)`."""
    return local(at, zone, day="", time="%H:%M:%S", named=False)


def many(count: int, one: str, more: str | None = None) -> str:
    """`1 host`, `3 hosts`."""
    return f"{count} {one if count == 1 else more or one + 's'}"
