"""Time as the engine sees it; passed in, so that a night's rollout can be tested in a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")


class Clock(Protocol):
    """Seconds since the epoch, and waiting. Real time in production, compressed beside the emulator."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds` of this clock's time."""
        ...

    def real_seconds(self, seconds: float) -> float:
        """How long `seconds` of this clock's time take on the event loop's clock."""
        ...


async def wait_at_most(clock: Clock, seconds: float, work: Awaitable[T]) -> T:
    """`work`, cancelled with TimeoutError after `seconds` of the clock's time."""
    async with asyncio.timeout(clock.real_seconds(seconds)):
        return await work


def iso(at: float) -> str:
    """`2026-01-12T20:00:00Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def local(at: float, zone: str) -> str:
    """A time for people, in a zone by its IANA name and in UTC: `Sat 2026-11-28 22:00 Europe/Amsterdam (21:00 UTC)`."""
    there = datetime.fromtimestamp(at, ZoneInfo(zone))
    if zone == "UTC":
        return f"{there:%a %Y-%m-%d %H:%M} UTC"
    here = datetime.fromtimestamp(at, UTC)
    utc = here.strftime("%H:%M UTC" if here.date() == there.date() else "%Y-%m-%d %H:%M UTC")
    return f"{there:%a %Y-%m-%d %H:%M} {zone} ({utc})"


def local_time(at: float, zone: str) -> str:
    """The time of the day alone: `22:00 (21:00 UTC)`."""
    utc = datetime.fromtimestamp(at, UTC).strftime("%H:%M UTC")
    return utc if zone == "UTC" else f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%H:%M} ({utc})"


def from_iso(text: str) -> float:
    """Epoch seconds of an ISO 8601 time as Azure writes it (up to seven fraction digits, Z or an offset)."""
    head, dot, rest = text.partition(".")
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        text = f"{head}.{rest[:digits][:6]}{rest[digits:]}"
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
