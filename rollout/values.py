"""Values of declared settings: counts, percentages, durations, moments, choices, secrets. Each is read with the name of
its property, and refused with what to write instead."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from string import Formatter
from typing import Any, TypeVar

import isodate

from rollout.errors import InvalidDeclaration

E = TypeVar("E", bound=StrEnum)

MINUTE = 60.0
HOUR = 3600.0
DAY = 86400.0


@dataclass(frozen=True)
class Amount:
    """A number of hosts, or a percentage of the pool."""

    value: float
    percent: bool

    def of(self, hosts: int, *, at_least: int = 1) -> int:
        """The number of hosts, percentages rounded down but at least `at_least`."""
        count = math.floor(hosts * self.value / 100 + 1e-9) if self.percent else int(self.value)
        return max(at_least, count)

    def rounded_up(self, hosts: int) -> int:
        """The number of hosts, percentages rounded up: for floors."""
        return math.ceil(hosts * self.value / 100 - 1e-9) if self.percent else int(self.value)

    def __str__(self) -> str:
        return f"{self.value:g}%" if self.percent else f"{self.value:g}"


def secret_uri(prop: str, value: str) -> str:
    if not re.fullmatch(r"https://[^/]+/(?:[^?#]+/)?secrets/[0-9A-Za-z-]+(?:/[0-9a-fA-F]+)?/?", value):
        raise InvalidDeclaration(
            prop, value, "is not a Key Vault secret URI", "write https://<vault>.vault.azure.net/secrets/<name>"
        )
    return value


def amount(prop: str, value: Any, *, at_least: int) -> Amount:
    """A count (`3`) or a percentage (`"10%"`)."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return Amount(percent(prop, value, zero=at_least == 0), True)
    try:
        return Amount(whole(prop, float(value), at_least=at_least), False)
    except (TypeError, ValueError):
        raise InvalidDeclaration(prop, value, "is no number", 'write a number of hosts such as 3, or "10%"') from None


def percent(prop: str, value: Any, *, zero: bool = False) -> float:
    try:
        number = float(str(value).strip().removesuffix("%"))
    except ValueError:
        raise InvalidDeclaration(prop, value, "is no percentage", 'write "10%"') from None
    if not (0 <= number <= 100) or (number == 0 and not zero):
        raise InvalidDeclaration(prop, value, "is out of range", f"write a percentage from {0 if zero else 1}% to 100%")
    return number


def whole(prop: str, value: Any, *, at_least: int) -> int:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value != int(value) or value < at_least:
        raise InvalidDeclaration(prop, value, "is out of range", f"write a whole number, {at_least} or more")
    return int(value)


def fraction(prop: str, value: Any) -> float:
    if isinstance(value, str):
        return percent(prop, value, zero=True) / 100
    number = float(value) if isinstance(value, int | float) else math.nan
    if not 0 <= number <= 1:
        raise InvalidDeclaration(prop, value, "is out of range", 'write a share from 0 to 1, or "10%"')
    return number


def duration(prop: str, value: Any) -> float:
    """Seconds of an ISO 8601 duration such as PT10M, P3D or P1W; 0 or more."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value >= 0 and math.isfinite(value):
            return float(value)
        raise InvalidDeclaration(prop, value, "is out of range", "write an ISO 8601 duration such as PT10M or P3D")
    try:
        parsed = isodate.parse_duration(str(value))
    except (isodate.ISO8601Error, ValueError):
        parsed = None
    if not isinstance(parsed, timedelta) or parsed < timedelta(0):
        raise InvalidDeclaration(prop, value, "is no duration", "write an ISO 8601 duration such as PT10M or P3D")
    return parsed.total_seconds()


def moment(prop: str, value: Any) -> float:
    """Epoch seconds of an ISO 8601 date and time with its offset."""
    try:
        parsed = isodate.parse_datetime(str(value))
    except (isodate.ISO8601Error, ValueError):
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        why = "is no date and time" if parsed is None else "says no offset from UTC"
        raise InvalidDeclaration(prop, value, why, "write one such as 2026-12-05T22:00:00+01:00")
    return float(parsed.timestamp())


def choice(prop: str, value: Any, kind: type[E]) -> E:
    try:
        return kind(str(value))
    except ValueError:
        raise InvalidDeclaration(prop, value, "is not known", f"use one of {', '.join(kind)}") from None


def fields_of(text: str) -> tuple[str, ...]:
    """The names in a template's braces. Raises ValueError for one that is not whole."""
    return tuple(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def template(prop: str, text: str, known: Iterable[str], example: str) -> str:
    """A text whose braces name what is known, and nothing else."""
    try:
        unknown = [name for name in fields_of(text) if name not in known]
        if not unknown:
            text.format_map(dict.fromkeys(known, ""))  # a conversion or format that makes no sense
    except ValueError as error:
        raise InvalidDeclaration(prop, text, f"is no template ({error})", f"write one {example}") from None
    if unknown:
        names = ", ".join(f"{{{name}}}" for name in known)
        raise InvalidDeclaration(prop, text, f"names {{{unknown[0]}}}", f"use {names}, or {{{{ for a brace")
    return text
