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
from rollout.names import DISK, OURS

E = TypeVar("E", bound=StrEnum)


class Seconds(float):
    """Seconds of a declared duration, or since 1970 of a declared moment, with what the user wrote for them."""

    written: object

    def __new__(cls, seconds: float, written: object = None) -> Seconds:
        made = super().__new__(cls, seconds)
        made.written = written
        return made


MINUTE = 60.0
HOUR = 3600.0
DAY = 86400.0
LONGEST = 3660 * DAY
"""Seconds of a duration at most, ten years: what is longer is a slip of the pen, and not all arithmetic bears it."""


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


def as_written(seconds: float) -> object:
    """A duration or moment as the user wrote it; one that nobody wrote as an ISO 8601 duration: `PT10M`."""
    written = seconds.written if isinstance(seconds, Seconds) else None
    return isodate.duration_isoformat(timedelta(seconds=seconds)) if written is None else written


def secret_uri(prop: str, value: str) -> str:
    """The URI of a Key Vault secret. Of anything else no more is told than the address: it may be the secret."""
    if not re.fullmatch(r"https://[^/@]+/(?:[^?#]+/)?secrets/[0-9A-Za-z-]+(?:/[0-9a-fA-F]+)?/?", value):
        scheme, _, rest = value.partition("://")
        host = re.split(r"[/?#]", rest)[0].rpartition("@")[2]
        raise InvalidDeclaration(
            prop,
            f"{scheme}://{host}/..." if rest and scheme.isalnum() else f"({len(value)} characters)",
            "is not the URI of a Key Vault secret",
            "write https://<vault>.vault.azure.net/secrets/<name>, such as "
            "https://avd-kv.vault.azure.net/secrets/local-admin-password",
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
        raise InvalidDeclaration(
            prop, value, "is out of range", f'write a percentage from {0 if zero else 1}% to 100%, such as "10%"'
        )
    return number


def whole(prop: str, value: Any, *, at_least: int) -> int:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value != int(value) or value < at_least:
        raise InvalidDeclaration(
            prop, value, "is out of range", f"write a whole number, {at_least} or more, such as {at_least + 1}"
        )
    return int(value)


def fraction(prop: str, value: Any) -> float:
    if isinstance(value, str):
        return percent(prop, value, zero=True) / 100
    number = float(value) if isinstance(value, int | float) else math.nan
    if not 0 <= number <= 1:
        raise InvalidDeclaration(prop, value, "is out of range", 'write a share from 0 to 1, or "10%"')
    return number


def duration(prop: str, value: Any) -> Seconds:
    """Seconds of an ISO 8601 duration such as PT10M, P3D or P1W; 0 or more, and no longer than `LONGEST`."""

    def wrong(why: str) -> InvalidDeclaration:
        return InvalidDeclaration(prop, value, why, "write an ISO 8601 duration such as PT10M or P3D")

    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 <= value <= LONGEST:
            raise wrong("is out of range")
        return Seconds(value, value)
    try:
        parsed = isodate.parse_duration(str(value))
    except OverflowError:
        raise wrong("is out of range") from None
    except (isodate.ISO8601Error, ValueError):
        parsed = None
    if isinstance(parsed, isodate.Duration):
        raise wrong("has months or years, which are not all of one length")
    if not isinstance(parsed, timedelta) or parsed < timedelta(0):
        raise wrong("is no duration")
    if parsed.total_seconds() > LONGEST:
        raise wrong("is out of range")
    return Seconds(parsed.total_seconds(), value)


def moment(prop: str, value: Any) -> Seconds:
    """Epoch seconds of an ISO 8601 date and time with its offset."""
    try:
        parsed = isodate.parse_datetime(str(value))
    except (isodate.ISO8601Error, ValueError):
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        why = "is no date and time, or one that does not exist" if parsed is None else "says no offset from UTC"
        raise InvalidDeclaration(prop, value, why, "write one such as 2026-12-05T22:00:00+01:00")
    return Seconds(parsed.timestamp(), value)


def resource_id(prop: str, value: str, what: str, kind: str, example: str) -> str:
    """The ARM id of `what`, of a kind such as `/resourceGroups/*`; in any case, as Azure takes it."""
    pattern = "/subscriptions/[^/]+" + "/[^/]+".join(re.escape(part) for part in kind.split("/*"))
    if not re.fullmatch(pattern, value.strip().rstrip("/"), re.IGNORECASE):
        raise InvalidDeclaration(prop, value, f"is not the id of a {what}", f"write one such as {example}")
    return value


def tag(prop: str, name: str, value: str) -> tuple[str, str]:
    """A tag of ours on Azure's resources (learn.microsoft.com/azure/azure-resource-manager/management/tag-resources:
    limitations)."""
    if not name or len(name) > 512 or re.search(r"[<>%&\\?/]", name):
        why = "is no name of a tag: 1 to 512 characters without < > % & \\ ? /"
        raise InvalidDeclaration(prop, name, why, "write one such as policy-exempt")
    if name.lower().startswith((OURS, DISK)):
        raise InvalidDeclaration(
            f"{prop}.{name}", value, "is a tag of the rollout's own", "write another name, such as policy-exempt"
        )
    if len(value) > 256:
        why = f"has {len(value)} characters, and Azure takes 256"
        raise InvalidDeclaration(f"{prop}.{name}", value, why, "write a shorter text, such as image-update")
    return name, value


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
