"""How users are asked to leave a host, as declared in `drain`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rollout.errors import InvalidDeclaration
from rollout.values import MINUTE, choice, duration


class LogOff(StrEnum):
    """What happens to sessions at the drain deadline."""

    WAIT = "wait"
    """Nobody is logged off: the host is left out of this run and serves on, undrained."""
    DISCONNECTED_ONLY = "disconnected_only"
    """Disconnected sessions are logged off; with an active session left the host is left out as with wait."""
    FORCE = "force"
    """Everybody is logged off after the final message and `grace`."""


@dataclass(frozen=True)
class Drain:
    deadline: float = 60 * MINUTE
    """Seconds from the message to the log-off policy."""
    log_off: LogOff = LogOff.WAIT
    grace: float = 5 * MINUTE
    """Seconds between the final message and a forced log-off."""
    zero_sessions_for: float = 60.0
    """Seconds a host must have had no session in any state before it is stopped."""
    message_title: str = "Maintenance"
    message: str = (
        "This desktop is being updated. Please save your work and sign out within {minutes} minutes, "
        "then sign in again."
    )
    final_message: str = (
        "This desktop will sign you out in {minutes} minutes to install an update. Please save your work now."
    )


def drain(given: Mapping[str, Any]) -> Drain:
    """The plain input `drain`. Raises InvalidDeclaration."""
    fields: dict[str, Any] = {
        name: duration(f"drain.{name}", given[name])
        for name in ("deadline", "grace", "zero_sessions_for")
        if given.get(name) is not None
    }
    if given.get("log_off") is not None:
        fields["log_off"] = choice("drain.log_off", given["log_off"], LogOff)
    for name in ("message_title", "message", "final_message"):
        if given.get(name) is not None:
            text = str(given[name])
            if len(text) > 260:
                raise InvalidDeclaration(
                    f"drain.{name}",
                    f"{text[:40]}...",
                    f"has {len(text)} characters",
                    "260 at most, as AVD's own messages",
                )
            fields[name] = text
    return Drain(**fields)
