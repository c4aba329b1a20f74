"""Plays and judges one case, and counts what occurred in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from rollout.record import Phase
from simulation.case import Case
from simulation.deeds import DEEDS
from simulation.end_state import EndState, end_state
from simulation.generate import CRASH_POINTS, FAULTS, GUEST_FAULTS
from simulation.invariants import AS_WITHOUT_A_CRASH, CHECKS, judged, problems
from simulation.play import played


@dataclass
class Count:
    """How often what occurred."""

    phases: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    exchanges: int = 0

    def add(self, other: Count) -> None:
        for name in ("phases", "faults", "deeds", "crashes", "checks", "endings"):
            getattr(self, name).update(getattr(other, name))
        self.exchanges += other.exchanges

    def zeros(self) -> list[str]:
        """What should have occurred at least once and did not."""
        sides = Counter(
            side for point in self.crashes.elements() for side in ("before", "after") if point.endswith(side)
        )
        points = Counter(point.removesuffix(" before").removesuffix(" after") for point in self.crashes.elements())
        expected = (
            (self.phases, (str(phase) for phase in Phase)),
            (self.faults, (*FAULTS, *GUEST_FAULTS)),
            (self.deeds, DEEDS),
            (points, (*CRASH_POINTS, "a moment")),
            (sides, ("before", "after")),
            (self.checks, (*CHECKS, AS_WITHOUT_A_CRASH)),
        )
        return [name for counter, names in expected for name in names if not counter[name]]


@dataclass(frozen=True)
class Told:
    """What one case came to."""

    case: Case
    problems: tuple[str, ...]
    count: Count
    digest: str


def told(case: Case) -> Told:
    """Play and judge one case."""
    twin = _uncrashed(case)
    with played(case) as story:
        verdicts = judged(story, twin)
        count = Count(
            phases=story.phases,
            faults=story.faults,
            deeds=Counter(deed.kind for _, deed in story.deeds),
            crashes=Counter(process.died_at for process in story.processes if process.died_at),
            checks=Counter({verdict.name: verdict.looked for verdict in verdicts}),
            endings=Counter(ended.status for ended in story.ended),
            exchanges=len(story.made.wire.exchanges),
        )
        return Told(case, tuple(problems(verdicts)), count, story.digest())


def _uncrashed(case: Case) -> EndState | None:
    """The end of the same story without its crashes, where those are all its trouble and nothing else is drawn."""
    crashed = any(runner.write is not None or runner.at is not None for runner in case.runners)
    fixed = "sessions_per_host" in case.pool
    if not crashed or not fixed or case.faults or case.deeds or any(r.pause_at is not None for r in case.runners):
        return None
    with played(case.uncrashed()) as story:
        return end_state(story.after)
