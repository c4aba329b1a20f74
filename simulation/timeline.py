"""What the emulator and the wire say of a story, put in order of time: states of hosts, phases of records, leases."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from emulator.clock import parse as seconds_of
from rollout import names
from rollout.lease import Holder
from rollout.lease import decode as decode_lease
from rollout.record import HostRecord, decode
from simulation.emulated_pool import POOL, EmulatedPool
from simulation.wire_log import Exchange

_HOST = re.compile(r"/(?:virtualmachines|sessionhosts)/((?:vm-\d+)|added)(?=[./?]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class RecordWrite:
    """A host's record that was written and accepted; None: it was taken off."""

    at: float
    host: str
    record: HostRecord | None
    exchange: Exchange
    attached: bool
    """The write exchanged the OS disk too."""


class Steps:
    """A value that changes at moments: what it was at a time."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._values: list[Any] = []

    def add(self, at: float, value: Any) -> None:
        self._times.append(at)
        self._values.append(value)

    def at(self, moment: float) -> Any:
        """The value after all changes up to and at a moment; None before the first."""
        position = bisect_right(self._times, moment)
        return self._values[position - 1] if position else None

    def since(self, moment: float) -> float:
        """Since when the value of that moment has held."""
        position = bisect_right(self._times, moment)
        return self._times[position - 1] if position else float("-inf")

    def between(self, start: float, end: float) -> list[Any]:
        """The value at `start` and all it became until `end`."""
        first = bisect_right(self._times, start)
        return self._values[max(0, first - 1) : bisect_right(self._times, end)]


def host_of(path: str) -> str:
    """The VM that a path is about, empty for any other path."""
    found = _HOST.search(path)
    return found.group(1).lower() if found else ""


class Timeline:
    """Reads the emulator's record once."""

    def __init__(self, made: EmulatedPool) -> None:
        self.exchanges = made.wire.exchanges
        capacity = made.control("GET", "capacity", hostPool=POOL)
        self.samples: list[tuple[float, dict[str, Any]]] = [
            (seconds_of(sample["time"]), sample) for sample in capacity["samples"]
        ]
        self.users: list[tuple[float, dict[str, Any]]] = [
            (seconds_of(event["time"]), event)
            for event in made.control("GET", "session-events", hostPool=POOL)["events"]
        ]
        self.states: dict[str, Steps] = {}
        """Host -> serving, draining, off, unavailable, deleted."""
        for change in capacity["changes"]:
            name = str(change["virtualMachine"]).rsplit("/", 1)[-1].lower()
            self.states.setdefault(name, Steps()).add(seconds_of(change["time"]), change["state"])

    @cached_property
    def sessions(self) -> Steps:
        steps = Steps()
        for at, sample in self.samples:
            steps.add(at, int(sample["sessions"]))
        return steps

    def hosts_in(self, state: str, at: float) -> list[str]:
        return [name for name, steps in self.states.items() if steps.at(at) == state]

    @cached_property
    def accepted_writes(self) -> list[Exchange]:
        return [exchange for exchange in self.exchanges if exchange.write and exchange.accepted]

    @cached_property
    def records(self) -> list[RecordWrite]:
        """The records that runners wrote on hosts, in order."""
        return list(self._records())

    def _records(self) -> Iterator[RecordWrite]:
        for exchange in self.accepted_writes:
            host = host_of(exchange.path)
            is_vm = exchange.path.lower().rstrip("/").endswith(f"/virtualmachines/{host}")
            if exchange.method != "PATCH" or not host or not is_vm or not isinstance(exchange.body, dict):
                continue
            tags = exchange.body.get("tags") or {}
            disk = ((exchange.body.get("properties") or {}).get("storageProfile") or {}).get("osDisk") or {}
            attached = "id" in (disk.get("managedDisk") or {}) and "deleteOption" not in disk
            yield RecordWrite(exchange.at, host, decode(tags.get(names.RECORD)), exchange, attached)

    @cached_property
    def phases(self) -> dict[str, Steps]:
        """Host -> the phase its record says, None for no record."""
        found: dict[str, Steps] = {}
        for write in self.records:
            phase = str(write.record.p) if write.record is not None else None
            found.setdefault(write.host, Steps()).add(write.at, phase)
        return found

    @cached_property
    def leases(self) -> list[tuple[Exchange, Holder]]:
        """The leases that were written and accepted."""
        found = []
        for exchange in self.accepted_writes:
            if exchange.path.lower().endswith("/tags/default") and isinstance(exchange.body, dict):
                tags = (exchange.body.get("properties") or {}).get("tags") or {}
                holder = decode_lease(tags.get(names.LEASE))
                if holder is not None:
                    found.append((exchange, holder))
        return found
