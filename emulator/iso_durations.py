"""ISO 8601 durations as Azure writes them: `PT5M`, `PT1H30M`, `P1D`."""

from __future__ import annotations

import re

_FORM = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def seconds(text: str) -> float | None:
    """The seconds of a duration; None for what is none."""
    match = _FORM.fullmatch(text.strip().upper())
    if match is None or not any(match.groups()):
        return None
    days, hours, minutes, rest = (float(part or 0) for part in match.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + rest
