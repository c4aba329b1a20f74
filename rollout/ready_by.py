"""`ready_by`: the time of the week at which people come, and the pool must be ready for them.

A window that is still open then ends then, so that nothing is begun that would not be done; whether enough hosts serve
is proven at that time, and an alarm is raised where they do not. Clocks that change are met as in `rollout/window.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from rollout.errors import InvalidDeclaration
from rollout.values import MINUTE
from rollout.window import SHORTEST_WINDOW, Window

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EXAMPLE = '"Mon 06:00"'
CUTS_LOOKED_AT = 400
"""Windows that are looked at: a year of days and more."""
SHAPE = re.compile(r"([A-Za-z]+)\s+(\d{1,2}):(\d{2})")


@dataclass(frozen=True)
class ReadyBy:
    """A day of the week (0 is Monday) and a wall-clock time; `zone` is the IANA name of the window's zone."""

    day: int
    at: time
    zone: str

    def after(self, moment: float) -> float:
        """The first such time after an epoch second."""
        return next(each for each in self._around(moment) if each > moment)

    def before(self, moment: float) -> float:
        """The last such time not after an epoch second."""
        return [each for each in self._around(moment) if each <= moment][-1]

    def _around(self, moment: float) -> list[float]:
        there = datetime.fromtimestamp(moment, ZoneInfo(self.zone)).date()
        monday = there - timedelta(days=there.weekday())
        days = (monday + timedelta(days=self.day + 7 * week) for week in (-1, 0, 1, 2))
        local = (datetime.combine(day, self.at, ZoneInfo(self.zone)) for day in days)
        return [each.astimezone(UTC).timestamp() for each in local]


def ready_by(given: str, zone: str) -> ReadyBy:
    """The plain input. Raises InvalidDeclaration."""
    found = SHAPE.fullmatch(given.strip())
    days = [n for n, day in enumerate(DAYS) if found and len(found[1]) >= 3 and day.startswith(found[1].lower())]
    try:
        if found is None or not days:
            raise ValueError(given)
        return ReadyBy(days[0], time(int(found[2]), int(found[3])), zone)
    except ValueError:
        raise InvalidDeclaration(
            "ready_by", given, "is no day of the week with a time", f"write one such as {EXAMPLE}"
        ) from None


def check_cuts(given: str, ready: ReadyBy, window: Window) -> None:
    """Raises InvalidDeclaration where a window is cut so short that nothing can be done in it."""
    for opening in islice(window.openings(0.0), CUTS_LOOKED_AT):
        left = min(opening.end, ready.after(opening.start)) - opening.start
        if left < min(SHORTEST_WINDOW, window.duration):
            ends = datetime.fromtimestamp(opening.end, ZoneInfo(window.zone))
            raise InvalidDeclaration(
                "ready_by",
                given,
                f"leaves {left / MINUTE:.0f} minutes of the window that begins {window.local(opening.start)}",
                f'leave {SHORTEST_WINDOW / MINUTE:.0f} minutes of each at least, such as "{ends:%a %H:%M}"',
            )
