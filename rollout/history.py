"""The last rollouts of a pool, as one tag of it: who ran what when, and how it ended.

A tag holds 256 characters, so that there is room for the newest three or four; an attempt that was paused and went on
is one of them. For others it is told in the shape of a scale set's `osUpgradeHistory` (Azure Compute REST API,
VirtualMachineScaleSets - Get OS Upgrade History).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from typing import Any

from rollout.clock import iso
from rollout.pool_record import State

LONGEST = 256
LONGEST_FIELD = 40
"""Characters of a version, an owner and the like."""
_STATES = {
    "c": State.COMPLETE,
    "f": State.COMPLETE_WITH_FAILURES,
    "s": State.STOPPED,
    "p": State.PAUSED,
}
_CODES = {
    State.COMPLETE: "Completed",
    State.COMPLETE_WITH_FAILURES: "Faulted",
    State.STOPPED: "Faulted",
    State.PAUSED: "Cancelled",
}


@dataclass(frozen=True)
class Entry:
    """One attempt. Times are epoch seconds, counts those of hosts."""

    attempt: int
    state: State
    began: int
    ended: int
    needed: int
    """Hosts that needed work when it began."""
    updated: int
    rolled_back: int
    failed: int
    """Left drained, or gone."""
    version: str
    owner: str
    approved: str = ""
    """Who approved that the rest follows the canary, with the change ticket: `ada@desk-7 (CHG0012345)`."""
    emergency: str = ""
    """Why it did not wait for its window, shortened; empty where it did."""

    @property
    def left(self) -> int:
        """Hosts that were left for another run."""
        return max(0, self.needed - self.updated - self.rolled_back - self.failed)

    @property
    def counts(self) -> dict[str, int]:
        return {
            "hosts": self.needed,
            "updated": self.updated,
            "rolled_back": self.rolled_back,
            "failed": self.failed,
            "left": self.left,
        }

    def encode(self) -> str:
        letter = next(letter for letter, state in _STATES.items() if state is self.state)
        values = [letter if value is self.state else value for value in astuple(self)]
        while len(values) > len(fields(self)) - 2 and not values[-1]:
            values.pop()
        return ",".join(re.sub(r"[,;\s]+", " ", str(value))[:LONGEST_FIELD] for value in values)

    def as_os_upgrade_history(self) -> dict[str, Any]:
        """The entry as Azure tells one of a scale set, with what has no place there beside it."""
        return {
            "properties": {
                "runningStatus": {
                    "code": _CODES[self.state],
                    "startTime": iso(self.began),
                    "completedTime": iso(self.ended),
                },
                "progress": {
                    "successfulInstanceCount": self.updated,
                    "failedInstanceCount": self.failed + self.rolled_back,
                    "inProgressInstanceCount": 0,
                    "pendingInstanceCount": self.left,
                },
                "startedBy": "User",
                "targetImageReference": {"version": self.version},
                "rollbackInfo": {
                    "successfullyRolledbackInstanceCount": self.rolled_back,
                    "failedRolledbackInstanceCount": self.failed,
                },
            },
            "attempt": self.attempt,
            "status": str(self.state),
            "owner": self.owner,
            "approved": self.approved,
            "duration": self.ended - self.began,
        } | ({"emergency": self.emergency} if self.emergency else {})


def read(text: str | None) -> tuple[Entry, ...]:
    """The entries of a tag's value, the newest first; what cannot be read is passed over."""
    return tuple(entry for part in (text or "").split(";") if (entry := _decode(part)) is not None)


def written(before: str | None, newest: Entry) -> str:
    """The tag's value with one more entry, or with this attempt's own brought up to date."""
    kept = [entry for entry in read(before) if (entry.attempt, entry.began) != (newest.attempt, newest.began)]
    return _fitting(entry.encode() for entry in (newest, *kept))


def _fitting(parts: Iterable[str]) -> str:
    text = ""
    for part in parts:
        longer = f"{text};{part}" if text else part
        if len(longer) > LONGEST:
            break
        text = longer
    return text


def _decode(part: str) -> Entry | None:
    values = part.split(",")
    # The last two are left out where they say nothing.
    if not len(fields(Entry)) - 2 <= len(values) <= len(fields(Entry)) or values[1] not in _STATES:
        return None
    try:
        attempt, began, ended, needed, updated, rolled_back, failed = (int(values[i]) for i in (0, 2, 3, 4, 5, 6, 7))
    except ValueError:
        return None
    state, version, owner = _STATES[values[1]], values[8], values[9]
    approved, emergency = [*values[10:], "", ""][:2]
    return Entry(
        attempt, state, began, ended, needed, updated, rolled_back, failed, version, owner, approved, emergency
    )
