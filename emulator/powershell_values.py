"""Values of the small PowerShell: how they print, compare, add up, and what members they have."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable
from typing import Any


class NotUnderstood(Exception):
    """The syntax is beyond this interpreter."""


def to_string(value: Any) -> str:
    """A value as PowerShell prints it in a string."""
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(to_string(item) for item in value)
    if isinstance(value, dict):
        return "@{" + "; ".join(f"{key}={to_string(item)}" for key, item in value.items()) + "}"
    return str(value)


def truth(value: Any) -> bool:
    return bool(value) and not (isinstance(value, list) and len(value) == 1 and not value[0])


def to_json(value: Any, *, compress: bool) -> str:
    return json.dumps(value, separators=(",", ":")) if compress else json.dumps(value, indent=2)


def listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [] if value is None else [value]


def add(one: Any, other: Any) -> Any:
    if isinstance(one, list):
        return [*one, *listed(other)]
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one + other
    return other if one is None else to_string(one) + to_string(other)


def property_of(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return next((item for key, item in value.items() if key.lower() == name.lower()), None)
    if isinstance(value, list):
        if name.lower() in ("count", "length"):
            return len(value)
        return [found for item in value if (found := property_of(item, name)) is not None] or None
    if name.lower() == "length" and isinstance(value, str):
        return len(value)
    return None


def call(value: Any, name: str, argument: Any) -> Any:
    text = to_string(value)
    table: dict[str, Callable[[], Any]] = {
        "tostring": lambda: text,
        "trim": text.strip,
        "tolower": text.lower,
        "toupper": text.upper,
        "contains": lambda: to_string(argument) in text,
        "startswith": lambda: text.startswith(to_string(argument)),
        "endswith": lambda: text.endswith(to_string(argument)),
        "split": lambda: text.split(to_string(argument)),
    }
    if name not in table:
        raise NotUnderstood(f".{name}()")
    return table[name]()


def operate(operator: str, one: Any, other: Any) -> Any:
    if operator == "and":
        return truth(one) and truth(other)
    if operator == "or":
        return truth(one) or truth(other)
    left, right = to_string(one).lower(), to_string(other).lower()
    if operator in ("like", "notlike"):
        return fnmatch.fnmatchcase(left, right) == (operator == "like")
    if operator in ("match", "notmatch"):
        return (re.search(to_string(other), to_string(one), re.IGNORECASE) is not None) == (operator == "match")
    if operator in ("eq", "ne"):
        same = (
            truth(other) == one
            if isinstance(one, bool)
            else left == right
            if None not in (one, other)
            else one == other
        )
        return same == (operator == "eq")
    try:
        a, b = float(left or 0), float(right or 0)
    except ValueError:
        raise NotUnderstood(f"-{operator}") from None
    return {"gt": a > b, "ge": a >= b, "lt": a < b, "le": a <= b}[operator]
