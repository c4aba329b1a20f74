"""The window in which Azure may begin automatic OS upgrades: a maintenance configuration of scope OSImage.

Source: learn.microsoft.com/azure/virtual-machines/maintenance-configurations: five hours at least, recurring within a
week. That a recurrence of weeks may only be of one follows from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tzlocal.windows_tz import tz_win, win_tz

from os_upgrades import sources
from os_upgrades.values import members, refuse
from rollout.errors import InvalidDeclaration
from rollout.values import HOUR, duration
from rollout.window import DAYS, EVERY

FIELDS = ("start", "duration", "recur_every", "time_zone", "expiration")
SHORTEST, LONGEST = 5 * HOUR, 24 * HOUR
MOST_DAYS = 7
FORM = "%Y-%m-%d %H:%M"


@dataclass(frozen=True)
class Maintenance:
    """A window, in the words of a maintenance configuration."""

    start: str
    """`2026-12-05 22:00`, in `time_zone`."""
    duration: str
    """`05:00`."""
    recur_every: str
    """`Day`, `3Days` or `Week Saturday,Sunday`."""
    time_zone: str
    """Windows name, such as `W. Europe Standard Time`."""
    expiration: str | None = None
    """Until when it recurs, as `start`."""


def parse(given: Any, prop: str = "maintenance") -> Maintenance:
    """The window of plain inputs. Raises InvalidDeclaration."""
    found = members(prop, given, FIELDS)
    for name, example in (("start", "2026-12-05 22:00"), ("recur_every", "Day"), ("time_zone", "UTC")):
        if name not in found:
            raise InvalidDeclaration(f"{prop}.{name}", None, "is missing", f'write one such as "{example}"')
    return Maintenance(
        _moment(f"{prop}.start", found["start"]),
        _duration(f"{prop}.duration", found.get("duration", "PT5H")),
        _recurrence(f"{prop}.recur_every", str(found["recur_every"]).strip()),
        _zone(f"{prop}.time_zone", str(found["time_zone"])),
        _moment(f"{prop}.expiration", found["expiration"]) if "expiration" in found else None,
    )


def _moment(prop: str, value: Any) -> str:
    try:
        return datetime.strptime(str(value), FORM).strftime(FORM)
    except ValueError:
        raise InvalidDeclaration(
            prop, value, "is no date and time, or one that does not exist", 'write one such as "2026-12-05 22:00"'
        ) from None


def _duration(prop: str, value: Any) -> str:
    """`PT5H`, or Azure's own `05:00`."""
    clock = re.fullmatch(r"(\d{1,2}):([0-5]\d)", str(value))
    seconds = int(clock[1]) * HOUR + int(clock[2]) * 60 if clock else float(duration(prop, value))
    if not SHORTEST <= seconds <= LONGEST:
        raise refuse(prop, value, "is out of range: PT5H to PT24H", sources.MAINTENANCE, "write PT5H or more")
    return f"{int(seconds // HOUR):02}:{int(seconds % HOUR // 60):02}"


def _recurrence(prop: str, every: str) -> str:
    def wrong(why: str) -> InvalidDeclaration:
        return refuse(prop, every, why, sources.MAINTENANCE, 'write "Day", "3Days" or "Week Saturday,Sunday"')

    found = EVERY.fullmatch(every)
    if found is None:
        raise wrong("is no recurrence")
    count, unit, which = int(found[1] or 1), found[2].lower(), (found[3] or "").strip()
    if unit == "month" or (unit == "week" and count > 1) or (unit == "day" and count > MOST_DAYS):
        raise wrong("recurs after more than a week")
    if count < 1 or (unit == "day" and which):
        raise wrong("is no recurrence")
    for name in filter(None, (part.strip() for part in which.split(","))):
        if name.lower() not in DAYS:
            raise wrong(f"has {name!r}, which is no day of the week")
    return every


def _zone(prop: str, name: str) -> str:
    """Maintenance configurations know Windows names only."""
    known: Mapping[str, str] = {zone.lower(): zone for zone in win_tz}
    if name.lower() in known:
        return known[name.lower()]
    if name in tz_win:
        raise refuse(
            prop,
            name,
            "is an IANA name, and Azure takes Windows names here",
            sources.MAINTENANCE,
            f"write {tz_win[name]}",
        )
    raise refuse(prop, name, "is no time zone", sources.MAINTENANCE, 'write one such as "W. Europe Standard Time"')
