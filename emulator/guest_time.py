"""How long a script works in a guest: what it sleeps, read from its text. All else takes no time of its own."""

from __future__ import annotations

import re

_SLEEP = re.compile(r"\bStart-Sleep\s+(?:-s(?:econds)?\s+)?(\d+)\b", re.IGNORECASE)


def seconds_of(script: str) -> float:
    """The sum of its `Start-Sleep` with a number; loops count once."""
    return float(sum(int(found) for found in _SLEEP.findall(script)))
