"""The pool's load: the most sessions that were seen in each hour of the week, in two tags of the pool.

An hour is looked at again each week: a busier week counts at once, a quieter one half. Hours are those of UTC: where
clocks are changed, habits move by an hour and are learned anew within weeks. Nothing is known of holidays.

A tag holds 256 characters. Each hour takes two, a number to the base 62, so that half a week fits into one with the
unit in which is counted: 1, and more only where there are more than 3,842 sessions (rounded up then).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from string import ascii_letters, digits

from rollout import names
from rollout.values import HOUR

WEEK = 168
HALF = WEEK // 2
DIGITS = digits + ascii_letters
UNKNOWN = "--"
MOST = len(DIGITS) ** 2 - 1


@dataclass(frozen=True)
class Load:
    """Sessions by hour of the week; hour 0 is where the epoch began, a Thursday at midnight UTC."""

    hours: Mapping[int, int] = field(default_factory=dict)
    """Those that are known."""
    last: int = -1
    """The hour, counted from the epoch, that was seen last."""

    def seen(self, at: float, sessions: int) -> Load:
        """With so many sessions seen at an epoch second."""
        hour = int(at // HOUR)
        before = self.hours.get(hour % WEEK)
        if before is not None and hour != self.last:
            before = (before + sessions) // 2  # a new week
        most = max(sessions, before or 0)
        return replace(self, hours={**self.hours, hour % WEEK: most}, last=hour)

    def most(self, since: float, until: float) -> int | None:
        """The most sessions between two epoch seconds; None where none of those hours is known."""
        known = [self.hours[hour] for hour in _hours(since, until) if hour in self.hours]
        return max(known, default=None)

    def mean(self, since: float, until: float) -> float | None:
        """Sessions on average between two epoch seconds; None unless all of those hours are known."""
        total = 0.0
        for hour in _hours(since, until):
            if hour not in self.hours:
                return None
        start = since
        while start < until:
            end = min(until, (start // HOUR + 1) * HOUR)
            total += (end - start) * self.hours[int(start // HOUR) % WEEK]
            start = end
        return total / (until - since)


def _hours(since: float, until: float) -> Iterable[int]:
    first, last = int(since // HOUR), math.ceil(until / HOUR)
    return (hour % WEEK for hour in range(first, min(last, first + WEEK)))


def read(tags: Mapping[str, str]) -> Load:
    """The load of a pool's tags; of tags that are missing or not whole, nothing."""
    last, _, rest = tags.get(f"{names.LOAD}0", "").partition(";")
    unit, _, first = rest.partition(";")
    texts = [(first + tags.get(f"{names.LOAD}1", ""))[at : at + 2] for at in range(0, 2 * WEEK, 2)]
    if not (last.isdigit() and unit.isdigit()) or len(first) != 2 * HALF or len(texts[-1]) != 2:
        return Load()
    hours = {hour: _number(text) * int(unit) for hour, text in enumerate(texts) if set(text) <= set(DIGITS)}
    return Load(hours, int(last))


def tags(load: Load) -> dict[str, str]:
    """The tags that hold it."""
    unit = max(1, math.ceil(max(load.hours.values(), default=0) / MOST))
    texts = [_text(math.ceil(load.hours[hour] / unit)) if hour in load.hours else UNKNOWN for hour in range(WEEK)]
    return {
        f"{names.LOAD}0": f"{load.last};{unit};{''.join(texts[:HALF])}",
        f"{names.LOAD}1": "".join(texts[HALF:]),
    }


def _text(number: int) -> str:
    return DIGITS[number // len(DIGITS)] + DIGITS[number % len(DIGITS)]


def _number(text: str) -> int:
    return DIGITS.index(text[0]) * len(DIGITS) + DIGITS.index(text[1])
