"""Quarantine: the first new disks of an attempt that failed are kept for analysis, detached and tagged, not deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rollout.errors import InvalidDeclaration
from rollout.pool_record import RolloutRecord
from rollout.record import HostRecord
from rollout.values import DAY, duration, whole


@dataclass(frozen=True)
class Quarantine:
    disks: int = 0
    """How many failed disks of an attempt are kept."""
    keep: float = 7 * DAY
    """Seconds they are kept."""


def quarantine(given: Mapping[str, Any]) -> Quarantine:
    """The plain input `quarantine`. Raises InvalidDeclaration."""
    declared = Quarantine(whole("quarantine.disks", given["disks"], at_least=0))
    if given.get("keep") is None:
        return declared
    declared = replace(declared, keep=duration("quarantine.keep", given["keep"]))
    if not declared.keep:
        raise InvalidDeclaration(
            "quarantine.keep", given["keep"], "keeps nothing", "write how long, such as P7D, or leave quarantine out"
        )
    if not declared.disks and declared.keep != Quarantine.keep:
        raise InvalidDeclaration(
            "quarantine.keep",
            given["keep"],
            "has no effect with quarantine.disks: 0",
            "declare quarantine.disks: 1 or more, or leave quarantine out",
        )
    return declared


class Places:
    """The places of one attempt. Who has one is in the host's record, so that it is the same after a crash."""

    def __init__(self, declared: Quarantine, rollout: RolloutRecord, records: Iterable[tuple[str, HostRecord | None]]):
        self._free = declared.disks
        self._taken: set[str] = {
            name for name, record in records if record is not None and record.q and _of(record, rollout)
        }

    def take(self, host: str) -> int:
        """1 where the host's failed disk is kept, else 0. Asked again for a host, it says the same."""
        if host not in self._taken and len(self._taken) < self._free:
            self._taken.add(host)
        return int(host in self._taken)


def _of(record: HostRecord, rollout: RolloutRecord) -> bool:
    return (record.r, record.a) == (rollout.r, rollout.a)
