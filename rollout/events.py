"""What happened: one record per thing worth telling, for the live line, the event log and the report.

The log is a file of JSON lines, appended as things happen, so that a run that is killed leaves what it knew. Nothing
in an event is secret: texts are built from ids, names and Azure's own error messages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class Kind(StrEnum):
    """What an event tells."""

    STARTED = "started"
    """A run began. data: rollout, attempt, resumed, told_lately (it goes on where another has died within this
    hour), of (hosts that needed work when the attempt began), image, version, hosts (that need work), from_versions
    {host: version}, revert (a kept disk is attached again), pool, owner, estimate, emergency (why it did
    not wait for its window; else empty), time_zone (the pool's, by its IANA name)."""
    CHECKED = "checked"
    """Pre-checks ran. data: findings [{id, severity, subject, problem, remedy}], version (that is to be rolled out)."""
    PHASE = "phase"
    """A host entered a phase. data: phase, from."""
    ACTION = "action"
    """A remote write on behalf of a host was done. text: what; data: seconds."""
    WAITING = "waiting"
    """A host waits; told when the reason changes. text: for what."""
    USER = "user"
    """What befell a user of a host that is emptied. data: user, what (`rollout.presence`)."""
    HOST_DONE = "host_done"
    """A host serves on the new image. data: outage (seconds), image, kept (a kept disk, nothing was built)."""
    HOST_FAILED = "host_failed"
    """A host failed; text: why; data: evidence {..}, result (rolled-back, failed, left-out), quarantined (name of its
    failed disk, where that is kept)."""
    CAPACITY = "capacity"
    """After each admission and change. data: hosts, serving, draining, unavailable, off, sessions, floor."""
    CANARY = "canary"
    """data: result (passed, failed, baked: it waits for somebody to approve), hosts."""
    APPROVED = "approved"
    """Somebody approved that the rest follows the canary. text: by whom; data: by, at (epoch second), ticket."""
    CHECKPOINT = "checkpoint"
    """data: percent, pause."""
    SCHEDULED = "scheduled"
    """A rollout holds the pool until its maintenance window. text: which, and until when; data: rollout, attempt (that
    it will be, or goes on with), version, owner, at (epoch second)."""
    SCHEDULE_CHANGED = "schedule_changed"
    """The schedule is another one, or gone. text: what was and what is; data: what (moved, skipped, cancelled,
    replaced, withdrawn, missed), rollout, attempt, version, owner."""
    REMINDER = "reminder"
    """A scheduled rollout is near. text: when it begins; data: rollout, attempt, version, owner, lead (seconds before
    it)."""
    READY = "ready"
    """Whether enough hosts serve at the declared time. text: how many, and how many must; data: ok, serving, floor, out
    (hosts)."""
    REHEARSED = "rehearsed"
    """A disk was built, booted and checked, and no host was touched. text: how it ended; data: version, passed,
    seconds, disk (its name, where it is kept), evidence (where it failed)."""
    QUEUED = "queued"
    """The run waits for other rollouts of the subscription. text: for which."""
    PAUSED = "paused"
    """text: by whom; data: goes_on (when the next window opens, ISO 8601; empty where somebody has to resume it), done
    and of (hosts of the attempt)."""
    RESUMED = "resumed"
    WARNING = "warning"
    ENDED = "ended"
    """data: status, hosts {state: [name]}, users {what: count}, counts {hosts, updated, rolled_back, failed, left},
    duration (seconds since the attempt began), reads, writes."""


@dataclass(frozen=True)
class Event:
    """One thing that happened. `time` is epoch seconds on the engine's clock, `host` the VM's name or empty."""

    time: float
    kind: Kind
    host: str = ""
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        fields = {"data": self.data, "host": self.host, "kind": self.kind.value, "text": self.text, "time": self.time}
        return json.dumps(fields, sort_keys=True)


Listener = Callable[[Event], None]


def read_log(path: Path) -> list[Event]:
    """The events of a log file; a last line that a crash cut short is passed over."""
    return list(parse_lines(path.read_text().splitlines()))


def parse_lines(lines: Iterable[str]) -> Iterable[Event]:
    """Events of JSON lines; lines that are not whole are passed over."""
    for line in lines:
        try:
            item = json.loads(line)
            yield Event(item["time"], Kind(item["kind"]), item["host"], item["text"], item["data"])
        except (ValueError, KeyError, TypeError):
            continue


class EventLog:
    """A listener that appends each event to a file of JSON lines."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("a", encoding="utf-8")

    def __call__(self, event: Event) -> None:
        self._file.write(event.to_json() + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def log_path(folder: Path, pool_name: str, rollout: str, attempt: int) -> Path:
    """Where the log of an attempt lies: `<folder>/<pool>-<rollout>-<attempt>.jsonl`; a resumed attempt appends."""
    return folder / f"{pool_name}-{rollout}-{attempt}.jsonl"
