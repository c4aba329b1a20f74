"""Values of a declared OS upgrade: each is read with the name of its property, and refused with the rule it breaks,
where that rule is written, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

import isodate

from rollout.errors import InvalidDeclaration
from rollout.values import duration


def refuse(prop: str, value: object, rule: str, source: str, remedy: str) -> InvalidDeclaration:
    """The error for a value that breaks a rule of Azure: `<prop>: <value> <rule> (<source>); <remedy>`."""
    return InvalidDeclaration(prop, value, f"{rule} ({source})", remedy)


def members(prop: str, given: Any, known: Iterable[str]) -> dict[str, Any]:
    """What is given of an object; None stands for what is left out. Refuses unknown names."""
    names = list(known)
    if not isinstance(given, Mapping):
        raise InvalidDeclaration(prop, given, "is no object", f"write an object with {', '.join(names)}")
    found = {str(name): value for name, value in given.items() if value is not None}
    for name in found:
        if name not in names:
            near = get_close_matches(name.lower(), names, n=1, cutoff=0.6)
            remedy = f"did you mean {prop}.{near[0]}?" if near else f"known are {', '.join(names)}"
            raise InvalidDeclaration(f"{prop}.{name}", found[name], "is no known property", remedy)
    return found


def flag(prop: str, value: Any) -> bool | None:
    """True, False, or None for what was not said."""
    if value is None or isinstance(value, bool):
        return value
    raise InvalidDeclaration(prop, value, "is neither true nor false", "write true or false")


def whole_between(prop: str, value: Any, least: int, most: int, source: str, example: int) -> int:
    """A whole number in a range; Pulumi sends numbers as floats."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    if not number or not least <= value <= most:
        raise refuse(prop, value, f"is no whole number from {least} to {most}", source, f"write one such as {example}")
    return int(value)


def duration_between(prop: str, value: Any, least: str, most: str, source: str) -> float:
    """Seconds of an ISO 8601 duration in a range of such durations."""
    seconds = duration(prop, value)
    if not duration(prop, least) <= seconds <= duration(prop, most):
        rule = f"is not {least}" if least == most else f"is out of range: {least} to {most}"
        raise refuse(prop, value, rule, source, f"write {most}")
    return seconds


def iso(seconds: float) -> str:
    """An ISO 8601 duration as Azure writes it: `PT0S`, `PT15M`, `P1D`."""
    return str(isodate.duration_isoformat(timedelta(seconds=seconds))) if seconds else "PT0S"


def without_none(body: Mapping[str, Any]) -> dict[str, Any]:
    """What was said of a body: what is left out stays as Azure has it."""
    return {name: value for name, value in body.items() if value is not None}
