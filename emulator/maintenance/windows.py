"""When a maintenance configuration's window is open. Pure.

The grammar of recurEvery is that of the REST specification (Azure/azure-rest-api-specs, maintenance): `Day`, `3Days`,
`Week Saturday,Sunday`, `2Weeks Monday`, `Month Third Monday`, `Month Last Sunday Offset-3`, `Month day23,day24`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from emulator.wire import Body

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": -1}
AHEAD = 400
"""Days that are searched for the next window."""
ZONES = {
    "UTC": "UTC",
    "GMT Standard Time": "Europe/London",
    "W. Europe Standard Time": "Europe/Berlin",
    "Central Europe Standard Time": "Europe/Budapest",
    "Central European Standard Time": "Europe/Warsaw",
    "Romance Standard Time": "Europe/Paris",
    "E. Europe Standard Time": "Europe/Chisinau",
    "FLE Standard Time": "Europe/Kiev",
    "Eastern Standard Time": "America/New_York",
    "Central Standard Time": "America/Chicago",
    "Mountain Standard Time": "America/Denver",
    "Pacific Standard Time": "America/Los_Angeles",
    "India Standard Time": "Asia/Kolkata",
    "Singapore Standard Time": "Asia/Singapore",
    "Tokyo Standard Time": "Asia/Tokyo",
    "AUS Eastern Standard Time": "Australia/Sydney",
}
"""Windows names of time zones (CLDR, windowsZones) that the emulator knows."""


@dataclass(frozen=True)
class Window:
    """A recurring window. `on` says whether one begins on a local day; `period` is the longest gap in days."""

    begins: datetime
    hours: timedelta
    zone: ZoneInfo
    until: datetime | None
    on: Callable[[date], bool]
    period: int


def parse(window: Body) -> Window:
    """The window of a `maintenanceWindow`. Raises ValueError that says what is wrong."""
    zone = ZONES.get(str(window.get("timeZone") or "UTC"))
    if zone is None:
        raise ValueError(f"timeZone {window.get('timeZone')!r} is not known")
    start = _moment(str(window.get("startDateTime") or ""), "startDateTime")
    ends = window.get("expirationDateTime")
    until = _moment(str(ends), "expirationDateTime") if ends else None
    match = re.fullmatch(r"(\d{1,2}):(\d{2})", str(window.get("duration") or "02:00"))
    if match is None:
        raise ValueError(f"duration {window.get('duration')!r} is not HH:mm")
    on, period = _recurrence(str(window.get("recurEvery") or "Day"), start.date())
    hours = timedelta(hours=int(match[1]), minutes=int(match[2]))
    return Window(start, hours, ZoneInfo(zone), until, on, period)


def closed_for(window: Window, at: float) -> float:
    """Seconds until the window is open: 0 while it is, infinity where it never opens again."""
    local = datetime.fromtimestamp(at, UTC).astimezone(window.zone)
    for ahead in range(-8, AHEAD):
        day = local.date() + timedelta(days=ahead)
        if day < window.begins.date() or not window.on(day):
            continue
        opens = datetime.combine(day, window.begins.time(), window.zone)
        if window.until is not None and opens.replace(tzinfo=None) >= window.until:
            break
        if at < opens.timestamp() + window.hours.total_seconds():
            return max(0.0, opens.timestamp() - at)
    return float("inf")


def _moment(text: str, name: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M")
    except ValueError:
        raise ValueError(f"{name} {text!r} is not YYYY-MM-DD hh:mm") from None


def _recurrence(text: str, start: date) -> tuple[Callable[[date], bool], int]:
    unit, _, rest = text.strip().partition(" ")
    match = re.fullmatch(r"(\d*)(day|week|month)s?", unit.lower())
    if match is None:
        raise ValueError(f"recurEvery {text!r} begins with none of Day, Week, Month")
    every = int(match[1] or 1)
    if match[2] == "day":
        return (lambda day: (day - start).days % every == 0), every
    if match[2] == "week":
        names = [name.strip().lower() for name in rest.split(",") if name.strip()] or [DAYS[start.weekday()]]
        if not set(names) <= set(DAYS):
            raise ValueError(f"recurEvery {text!r} names days that there are not")
        monday = start - timedelta(days=start.weekday())
        return (
            lambda day: DAYS[day.weekday()] in names and (day - monday).days // 7 % every == 0,
            7 * every,
        )
    return _monthly(text, rest, every, start), 31 * every


def _monthly(text: str, rest: str, every: int, start: date) -> Callable[[date], bool]:
    numbers = re.findall(r"day(-?\d+)", rest.lower())
    if numbers:
        wanted = {int(number) for number in numbers}

        def by_number(day: date) -> bool:
            last = _last_day(day).day
            return _month_fits(day, start, every) and bool({day.day, day.day - last - 1} & wanted)

        return by_number
    match = re.fullmatch(r"(first|second|third|fourth|last) (\w+day)(?: offset(-?\d+))?", rest.strip().lower())
    if match is None or match[2] not in DAYS:
        raise ValueError(f"recurEvery {text!r} names no day of a month")
    ordinal, weekday, offset = ORDINALS[match[1]], DAYS.index(match[2]), int(match[3] or 0)

    def by_weekday(day: date) -> bool:
        there = day - timedelta(days=offset)
        if there.weekday() != weekday or not _month_fits(there, start, every):
            return False
        if ordinal >= 0:
            return (there.day - 1) // 7 == ordinal
        return (there + timedelta(days=7)).month != there.month

    return by_weekday


def _month_fits(day: date, start: date, every: int) -> bool:
    return ((day.year - start.year) * 12 + day.month - start.month) % every == 0


def _last_day(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
