"""An emergency: the window is not waited for. Floor, messages to users and every other rule hold as ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollout.errors import InvalidDeclaration

LONGEST = 200
"""Characters of the reason."""
IN_RECORD = 60
"""Characters of it that the pool's record has room for; the event log has them all."""


@dataclass(frozen=True)
class Emergency:
    """Why hosts are taken out of service at once."""

    reason: str

    @property
    def short(self) -> str:
        """The reason as the pool's record holds it."""
        return " ".join(self.reason.replace(";", ",").replace("=", ":").split())[:IN_RECORD]


def emergency(given: Mapping[str, Any]) -> Emergency:
    """The plain input `emergency`. Raises InvalidDeclaration."""
    reason = str(given["reason"]).strip()
    if not reason or len(reason) > LONGEST or not reason.isprintable():
        raise InvalidDeclaration(
            "emergency.reason",
            reason,
            f"is not one line of 1 to {LONGEST} characters",
            'write the reason in one line, such as "CVE-2026-1234 is exploited"',
        )
    return Emergency(reason)
