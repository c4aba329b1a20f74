"""The audit log of a pool: one file of JSON lines beside the event logs, appended over all runs.

`<folder>/<pool>.audit.jsonl`. It is never shortened nor rotated here: an audit log that forgets is none, and a rollout
of 200 hosts takes about 120 KB. The file is opened for each row, so that it can be moved away at any time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rollout.audit import Audit, Row
from rollout.clock import Clock
from rollout.events import Event

Columns = Mapping[str, Any]


class AuditFile:
    """The file, for those who write and those who read it."""

    def __init__(self, folder: Path, pool_name: str) -> None:
        self.path = folder / f"{pool_name}.audit.jsonl"

    def append(self, row: Row) -> None:
        """Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(row.to_json() + "\n")

    def after(self, offset: int) -> tuple[list[Columns], int]:
        """The rows from a position on, and the position behind them; from the beginning where the file has become
        shorter, because another one is in its place. A line that is not whole yet is left for later."""
        if not self.path.exists():
            return [], 0
        with self.path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(offset if offset <= size else 0)
            begun = file.tell()
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        return list(_rows(whole)), begun + len(whole)

    def behind(self, event_id: str) -> int:
        """The position behind the row with this id; 0 where there is none."""
        if not event_id or not self.path.exists():
            return 0
        mark, position = f'"EventId": "{event_id}"'.encode(), 0
        with self.path.open("rb") as file:
            for line in file:
                position += len(line)
                if mark in line:
                    return position
        return 0


def _rows(content: bytes) -> list[Columns]:
    found = []
    for line in content.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # a crash cut it short
    return found


class AuditLog:
    """A listener of the engine that appends rows; `with` it around the run, so that one which ends before its time is
    noted as well. What an earlier run has noted of the same attempt is not noted again."""

    def __init__(self, file: AuditFile, audit: Audit, clock: Clock, warn: Callable[[str], None]) -> None:
        self._file, self._audit, self._clock, self._warn = file, audit, clock, warn
        self._known: set[str] = set()
        self._warned = False

    def __call__(self, event: Event) -> None:
        row = self._audit.of(event)
        if row is not None:
            self._append(row)

    def __enter__(self) -> AuditLog:
        try:
            self._known = {str(row.get("EventId")) for row in self._file.after(0)[0]}
        except OSError as error:
            self._tell(error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._audit.open:
            self._append(self._audit.interrupted(self._clock.now(), str(error) if error else "it was told to stop"))

    def _append(self, row: Row) -> None:
        if row.event_id in self._known:
            return
        try:
            self._file.append(row)
            self._known.add(row.event_id)
        except OSError as error:
            self._tell(error)

    def _tell(self, error: OSError) -> None:
        if not self._warned:
            self._warned = True
            self._warn(f"the audit log {self._file.path} cannot be used: {error.strerror or error}")
