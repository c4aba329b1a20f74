"""What a key of the stack configuration may hold whose value goes on to a resource, and the words for a mistake."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from typing import Any


def mistake(path: str, value: Any, problem: str, remedy: str) -> str:
    """One line: where, what is there (None for nothing), what is wrong with it, and what to write instead."""
    shown = "" if value is None else f" {json.dumps(value)}"
    return f"{path}:{shown} {problem}; {remedy}"


def nearest(name: str, known: Iterable[str]) -> str:
    """The remedy for a name that is not among those known."""
    listed = list(known)
    near = get_close_matches(name.lower(), listed, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(listed)}"


def is_secret_name(secret: Any) -> bool:
    """A name, not a URI. What is neither is the business of the resource's own validation."""
    return isinstance(secret, str) and "://" not in secret


@dataclass(frozen=True)
class Inputs:
    """Names of the inputs that a resource takes."""

    names: frozenset[str]
    required: frozenset[str]

    @classmethod
    def of(cls, arguments: type) -> Inputs:
        """The inputs of a dataclass of arguments: those without a default are required."""
        known = fields(arguments)
        required = (f.name for f in known if f.default is MISSING and f.default_factory is MISSING)
        return cls(frozenset(f.name for f in known), frozenset(required))

    def mistakes(self, key: str, given: Mapping[str, Any], elsewhere: Mapping[str, str], resource: str) -> list[str]:
        """What is wrong with the names in `given`, the value of `key`. `elsewhere`: inputs that come from another key,
        and which. What the values may be is the business of the resource itself."""
        known = sorted(self.names - elsewhere.keys())
        return [
            *(
                mistake(f"{key}.{name}", None, "does not belong here", f"it comes from {elsewhere[name]}")
                for name in elsewhere
                if name in given
            ),
            *(
                mistake(f"{key}.{name}", None, "is no known key", nearest(name, known))
                for name in sorted(given.keys() - self.names)
            ),
            *(
                mistake(f"{key}.{name}", None, "is missing", f"see {resource} for what it holds")
                for name in sorted(self.required - elsewhere.keys() - given.keys())
            ),
        ]
