"""Maintenance windows: when hosts may be taken out of service.

The grammar of recurrences is that of Azure maintenance configurations (`recurEvery`, learn.microsoft.com/azure/
virtual-machines/maintenance-configurations): users know it, and it has "the Tuesday after the second Monday". A window
begins at a wall-clock time of its zone and lasts for elapsed time. Where clocks go forward over its beginning it begins
as they have gone forward, as much later; where they go back over it, the first time. So a night of six hours has six
hours in every night of the year.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from dateutil.relativedelta import relativedelta
from dateutil.rrule import DAILY, FR, MO, MONTHLY, SA, SU, TH, TU, WE, WEEKLY, rrule
from tzlocal.windows_tz import win_tz

from rollout.clock import local
from rollout.errors import InvalidDeclaration

EXAMPLE = '"Day", "3Days", "Week Saturday,Sunday", "Month day1,day15" or "Month Second Tuesday Offset4"'
DAYS = {"monday": MO, "tuesday": TU, "wednesday": WE, "thursday": TH, "friday": FR, "saturday": SA, "sunday": SU}
WEEKS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
EVERY = re.compile(r"(\d+)?\s*(day|week|month)s?(?:\s+(.+))?", re.IGNORECASE)
NTH_DAY = re.compile(rf"({'|'.join(WEEKS)})\s+({'|'.join(DAYS)})(?:\s+offset\s*(-?\d+))?", re.IGNORECASE)
MOST_OFFSET = 6
SHORTEST_WINDOW = 30 * 60.0
"""Seconds: a host without users whose disk is built takes a quarter of an hour, and a slow one as much again."""
ANCHOR = datetime(2024, 1, 1)
"""Where recurrences without a first date are counted from; a Monday."""
LOOKED_AT = 400
"""Occurrences in which overlaps are looked for: a year of days and more."""


@dataclass(frozen=True)
class Opening:
    """One time in which hosts may be taken out of service: epoch seconds from `start` until before `end`."""

    start: float
    end: float


@dataclass(frozen=True)
class Window:
    """A declared window. `zone` is an IANA name."""

    recur_every: str
    start: str
    duration: float
    zone: str

    def openings(self, after: float) -> Iterator[Opening]:
        """The openings that end after an epoch second, in order, without end."""
        # The rule counts days of the calendar. A window that began a day or more before may still be open.
        since = datetime.fromtimestamp(after - self.duration, ZoneInfo(self.zone)).replace(tzinfo=None)
        first, _ = _start(self.start)
        for day in self._rule.xafter(since - self._offset - timedelta(days=2), inc=True):
            if first is not None and day + self._offset < first:
                continue
            began = (day + self._offset).replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC).timestamp()
            if began + self.duration > after:
                yield Opening(began, began + self.duration)

    def local(self, at: float) -> str:
        """`Sat 2026-11-28 22:00 Europe/Amsterdam (21:00 UTC)`."""
        return local(at, self.zone)

    @cached_property
    def _offset(self) -> timedelta:
        found = NTH_DAY.fullmatch(_parts(self.recur_every)[2])
        return timedelta(days=int(found[3] or 0)) if found else timedelta()

    @cached_property
    def _rule(self) -> rrule:
        count, unit, which = _parts(self.recur_every)
        first, at = _start(self.start)
        begins = datetime.combine(first or ANCHOR, at)
        if unit == "day":
            return rrule(DAILY, interval=count, dtstart=begins)
        if unit == "week":
            days = [DAYS[name] for name in _listed(which)] or None
            return rrule(WEEKLY, interval=count, dtstart=begins, byweekday=days)
        nth = NTH_DAY.fullmatch(which)
        if nth:
            day = DAYS[nth[2].lower()](WEEKS[nth[1].lower()])
            # An offset may lead back over the first date: counted from a period before, and cut off in openings().
            before = begins.replace(day=1) - relativedelta(months=count)
            return rrule(MONTHLY, interval=count, dtstart=before, byweekday=day)
        days_of_month = [int(name.removeprefix("day")) for name in _listed(which)] or [begins.day]
        return rrule(MONTHLY, interval=count, dtstart=begins, bymonthday=days_of_month)


def window(given: Mapping[str, Any], duration: float) -> Window:
    """The window of plain inputs, its duration in seconds. Raises InvalidDeclaration."""
    every, start = str(given["recur_every"]).strip(), str(given["start"]).strip()
    found = Window(every, start, duration, zone_named(str(given["time_zone"])))
    _check_recurrence(every)
    first, _ = _start(start)
    count, unit, which = _parts(every)
    if first is None and (count > 1 or (unit != "day" and not which)):
        raise InvalidDeclaration(
            "window.start", start, f"says no date from which {every!r} counts", 'write one, such as "2026-01-03 22:00"'
        )
    if duration <= 0:
        raise InvalidDeclaration("window.duration", given["duration"], "is no time at all", 'write one such as "PT6H"')
    _check_overlaps(found, given["duration"])
    return found


def zone_named(name: str, prop: str = "window.time_zone") -> str:
    """The IANA name of a zone that is named by it or by its Windows name. Raises InvalidDeclaration."""
    wanted = name.strip()
    for known in ({zone: zone for zone in available_timezones()}, win_tz):
        for key, zone in known.items():
            if key.lower() == wanted.lower():
                return zone
    raise InvalidDeclaration(
        prop,
        name,
        "is no time zone",
        'write an IANA name such as "Europe/Amsterdam", or a Windows one such as "W. Europe Standard Time"',
    )


def _parts(every: str) -> tuple[int, str, str]:
    """Interval, unit and what follows."""
    found = EVERY.fullmatch(every)
    if found is None:
        raise InvalidDeclaration("window.recur_every", every, "is no recurrence", f"write one such as {EXAMPLE}")
    return int(found[1] or 1), found[2].lower(), (found[3] or "").strip()


def _listed(which: str) -> list[str]:
    return [name.strip().lower() for name in which.split(",") if name.strip()]


def _check_recurrence(every: str) -> None:
    count, unit, which = _parts(every)

    def wrong(why: str) -> InvalidDeclaration:
        return InvalidDeclaration("window.recur_every", every, why, f"write one such as {EXAMPLE}")

    if count < 1:
        raise wrong("never recurs")
    if unit == "day" and which:
        raise wrong(f"has {which!r} after days")
    if unit == "week":
        for name in _listed(which):
            if name not in DAYS:
                raise wrong(f"has {name!r}, which is no day of the week")
    if unit != "month" or not which:
        return
    nth = NTH_DAY.fullmatch(which)
    if nth:
        if abs(int(nth[3] or 0)) > MOST_OFFSET:
            raise wrong(f"has an offset of {nth[3]} days; -{MOST_OFFSET} to {MOST_OFFSET} can be said")
        return
    for name in _listed(which):
        day = re.fullmatch(r"day(\d+)", name)
        if day is None:
            raise wrong(f"has {name!r}, which is no day of the month")
        if not 1 <= int(day[1]) <= 31:
            raise wrong(f"has {name!r}, which no month has")


def _start(start: str) -> tuple[datetime | None, time]:
    """The first date, where one is said, and the time of the day."""
    for form, dated in (("%H:%M", False), ("%Y-%m-%d %H:%M", True)):
        try:
            found = datetime.strptime(start, form)
        except ValueError:
            continue
        return (datetime.combine(found.date(), time()) if dated else None), found.time()
    raise InvalidDeclaration(
        "window.start", start, "is no time, or a date that does not exist", 'write "22:00", or "2026-01-03 22:00"'
    )


def _check_overlaps(found: Window, duration: Any) -> None:
    first, _ = _start(found.start)
    since = (first or ANCHOR).replace(tzinfo=UTC).timestamp()
    try:
        openings = list(islice(found.openings(since), LOOKED_AT))
    except OverflowError:  # dateutil gives up after the year 9999
        openings = []
    if not openings:
        raise InvalidDeclaration("window.recur_every", found.recur_every, "never comes", f"write one such as {EXAMPLE}")
    for before, after in pairwise(openings):
        if before.end > after.start:
            raise InvalidDeclaration(
                "window.duration",
                duration,
                "is longer than the time until the next window",
                'shorten it, such as "PT6H"',
            )
