"""The event logs on this machine: which there are, and the one that is meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rollout.events import Event, read_log

DEFAULT_FOLDER = Path(".hostpool")
FOLDER_VARIABLE = "HOSTPOOL_LOG_FOLDER"


class NoLog(Exception):
    """There is no such event log here; the text says which there are."""


@dataclass(frozen=True)
class LogFile:
    """One attempt's log, by its name `<pool>-<rollout>-<attempt>.jsonl`."""

    path: Path
    pool: str
    rollout: str
    attempt: int


def logs_in(folder: Path) -> list[LogFile]:
    """The logs of a folder, the one written last at the end; none when there is no folder."""
    found = []
    for path in folder.glob("*.jsonl") if folder.is_dir() else ():
        parts = path.stem.rsplit("-", 2)
        if len(parts) == 3 and parts[2].isdigit():
            found.append((path.stat().st_mtime, LogFile(path, parts[0], parts[1], int(parts[2]))))
    return [log for _, log in sorted(found, key=lambda item: (item[0], item[1].attempt))]


def choose(folder: Path, pool: str | None, rollout: str | None, attempt: int | None = None) -> list[LogFile]:
    """All attempts of one rollout, in order: the named one, else the pool's last. Raises NoLog."""
    logs = logs_in(folder)
    if not logs:
        raise NoLog(
            f"no event logs in {folder}; they lie where pulumi up ran: go there, or name the folder with --log-folder "
            f"or {FOLDER_VARIABLE}"
        )
    pools = sorted({log.pool for log in logs})
    if pool is not None:
        logs = [log for log in logs if log.pool.lower() == pool.lower()]
        if not logs:
            raise NoLog(f"no event log of pool {pool} in {folder}; there are logs of {', '.join(pools)}")
    elif len(pools) > 1 and rollout is None:
        raise NoLog(f"{folder} has logs of several pools ({', '.join(pools)}); name one with --host-pool")
    wanted = rollout or logs[-1].rollout
    chosen = [log for log in logs if log.rollout == wanted]
    if attempt is not None:
        chosen = [log for log in chosen if log.attempt == attempt]
    if not chosen:
        there = ", ".join(dict.fromkeys(f"{log.rollout} attempt {log.attempt}" for log in logs))
        asked = f"rollout {wanted}" + (f" attempt {attempt}" if attempt is not None else "")
        raise NoLog(f"no event log of {asked} in {folder}; there are: {there}")
    return sorted(chosen, key=lambda log: log.attempt)


def read(logs: Sequence[LogFile]) -> list[Event]:
    return [event for log in logs for event in read_log(log.path)]


def events_of(folder: Path, pool: str, rollout: str, attempt: int) -> list[Event]:
    """The events of an attempt as far as they are here; empty where there are none."""
    wanted = (pool.lower(), rollout, attempt)
    return read([log for log in logs_in(folder) if (log.pool.lower(), log.rollout, log.attempt) == wanted])
