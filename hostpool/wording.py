"""How times, durations and numbers are written for people."""

from __future__ import annotations

from datetime import UTC, datetime


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


def moment(at: float) -> str:
    """`2026-01-12 21:00 UTC`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def clock_time(at: float) -> str:
    """`21:00:07`, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


def day_and_time(at: float) -> str:
    """`12 Jan 21:00`, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%d %b %H:%M").lstrip("0")


def many(count: int, one: str, more: str | None = None) -> str:
    """`1 host`, `3 hosts`."""
    return f"{count} {one if count == 1 else more or one + 's'}"
