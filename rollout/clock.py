"""Time as the engine sees it; passed in, so that a night's rollout can be tested in a second."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")
_ISO = re.compile(r"\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


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


def iso(at: float) -> str:
    """`2026-01-12T20:00:00Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def local(at: float, zone: str, *, day: str = "%a %Y-%m-%d", time: str = "%H:%M", named: bool = True) -> str:
    """A moment for people, in a zone by its IANA name and in UTC: `Sat 2026-11-28 22:00 Europe/Amsterdam (21:00 UTC)`.
    The only way in which times are told. `day` and `time` are forms of strftime, such as an empty day; without `named`
    it is `Sat 2026-11-28 22:00 (21:00 UTC)`. In UTC: `Sat 2026-11-28 21:00 UTC`."""
    there, here = datetime.fromtimestamp(at, ZoneInfo(zone)), datetime.fromtimestamp(at, UTC)
    text = f"{there:{day} {time}}".strip()
    if zone == "UTC":
        return f"{text} UTC"
    other_day = day.removeprefix("%a ") if here.date() != there.date() else ""
    utc = f"{here:{other_day} {time}}".strip()
    return f"{text} {zone} ({utc} UTC)" if named else f"{text} ({utc} UTC)"


def local_time(at: float, zone: str) -> str:
    """The time of the day alone: `22:00 (21:00 UTC)`."""
    return local(at, zone, day="", named=False)


def in_zone(text: str, zone: str) -> str:
    """A text from tags, of errors or of findings for people: its ISO 8601 times as `local` tells them."""
    return _ISO.sub(lambda found: local(from_iso(found[0]), zone), text)


def from_iso(text: str) -> float:
    """Epoch seconds of an ISO 8601 time as Azure writes it (up to seven fraction digits, Z or an offset)."""
    head, dot, rest = text.partition(".")
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        text = f"{head}.{rest[:digits][:6]}{rest[digits:]}"
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
