"""Where the hosts of a run stand, counted as they change: the scheduler looks at every change, and must not go through
thousands of hosts each time."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from rollout.admission import Candidate, Candidates, Stage

ENOUGH = 5
"""Hosts that must have been seen before their times count."""


class Standing(Protocol):
    """What is asked of a host's work."""

    @property
    def name(self) -> str: ...
    @property
    def stage(self) -> Stage: ...
    @property
    def failed(self) -> bool: ...
    @property
    def updated(self) -> bool: ...
    @property
    def ended(self) -> bool: ...
    @property
    def idle(self) -> bool: ...
    @property
    def begun(self) -> bool: ...
    @property
    def holds_slot(self) -> bool: ...
    @property
    def outage(self) -> float | None: ...
    @property
    def emptying(self) -> float | None: ...
    @property
    def occupied(self) -> bool: ...
    @property
    def draining_since(self) -> float | None: ...
    @property
    def closed(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Listed:
    """What the pool's last list says of a host."""

    serves: bool
    broken: bool
    sessions: int = 0


class Standings:
    """The works of a run, in the order in which they should go. `listed` says what the pool's list has of a host, by
    the name of its work."""

    def __init__(self, works: Sequence[Standing], listed: Callable[[str], Listed]) -> None:
        self._works = {work.name: work for work in works}
        self._listed = listed
        self.candidates = Candidates(Candidate(work.name, Stage.QUEUED, False, False) for work in works)
        self._flags: dict[str, tuple[str, ...]] = dict.fromkeys(self._works, ())
        self._counts: Counter[str] = Counter()
        self._failed: dict[str, None] = {}
        self._measured: set[tuple[str, str]] = set()
        self.outages: list[float] = []
        """How long the hosts that are back were out of service, ascending."""
        self.drains: list[float] = []
        """How long the hosts that are empty took until then, ascending."""
        self.left_after: list[float] = []
        """The same, of those of them that had sessions."""
        self.note(self._works)

    def note(self, names: Iterable[str]) -> None:
        """These hosts may stand elsewhere now, or the pool was listed anew."""
        for name in names:
            self._note(name, self._works[name])

    def _note(self, name: str, work: Standing) -> None:
        stage, listed = work.stage, self._listed(name)
        self.candidates.put(
            Candidate(
                name,
                stage,
                serving=stage < Stage.DRAINING and listed.serves and not work.closed,
                broken=stage < Stage.OUT and listed.broken,
                holds_slot=work.holds_slot,
                sessions=listed.sessions if stage < Stage.OUT else 0,
                closed=stage < Stage.DRAINING and work.closed,
            )
        )
        flags = _flags(work, stage, listed)
        if flags != self._flags[name]:
            self._counts.subtract(self._flags[name])
            self._counts.update(flags)
            self._flags[name] = flags
        if work.failed:
            self._failed.setdefault(name)
        else:
            self._failed.pop(name, None)
        left_after = work.emptying if work.occupied else None
        for what, seconds, seen in (
            ("out", work.outage, self.outages),
            ("drain", work.emptying, self.drains),
            ("left", left_after, self.left_after),
        ):
            if seconds is not None and (what, name) not in self._measured:
                self._measured.add((what, name))
                insort(seen, seconds)

    def stay(self, now: float) -> float | None:
        """Seconds for which the sessions of a drained host stay: those seen so far, with the time of those that are not
        over, by the hosts that became empty. Else the quick ones, which end first, would count alone. None before there
        are enough."""
        if len(self.left_after) < ENOUGH:
            return None
        works = [self._works[candidate.name] for candidate in self.candidates.at(Stage.DRAINING)]
        since = [work.draining_since for work in works if work.occupied and work.draining_since is not None]
        return (sum(self.left_after) + sum(now - at for at in since)) / len(self.left_after)

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the hosts that failed, or are on their way back to their old disk, the first to fail first."""
        return tuple(self._failed)

    @property
    def updated(self) -> int:
        return self._counts["updated"]

    @property
    def serving(self) -> int:
        """Those that accept sessions, by the list and by what was done since."""
        return self._counts["serving"]

    @property
    def proven(self) -> int:
        """Those for which a disk was built that has not failed."""
        return self._counts["proven"]

    @property
    def at_work(self) -> int:
        """Begun, and not ended."""
        return self._counts["at work"]

    @property
    def to_begin(self) -> int:
        return self._counts["to begin"]

    @property
    def canaries(self) -> int:
        """Hosts that went out and have not failed: one that ended otherwise than updated is no canary."""
        return self._counts["canary"]


def _flags(work: Standing, stage: Stage, listed: Listed) -> tuple[str, ...]:
    flags = []
    if work.updated:
        flags.append("updated")
    # The list may say for a minute or two that a host serves which has just gone off again.
    given_back = stage is Stage.BACK or (stage is Stage.ENDED and listed.serves)
    if (given_back and not work.idle) or (stage < Stage.DRAINING and listed.serves and not work.closed):
        flags.append("serving")
    if stage in (Stage.OUT, Stage.BACK) or work.updated:
        flags.append("canary")
    if stage > Stage.BUILDING and not work.failed and not work.ended:
        flags.append("proven")
    if not work.ended:
        flags.append("at work" if work.begun else "to begin")
    return tuple(flags)
