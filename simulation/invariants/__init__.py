"""The invariants I1 to I10 of a story, judged by what the emulator recorded and what went over the wire, never by what
the engine says of itself (save that a loss must be reported)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulation.end_state import EndState, differences
from simulation.invariants import capacity, hosts, image, ownership, secrets, users
from simulation.invariants.evidence import Evidence, Found
from simulation.play import Played

AS_WITHOUT_A_CRASH = "I6 as without a crash"

CHECKS: dict[str, Callable[[Evidence], Found]] = {
    "I1 max_unavailable": capacity.max_unavailable,
    "I1 floor": capacity.floor,
    "I1 in its window": capacity.in_its_window,
    "I2 no silent loss": hosts.no_silent_loss,
    "I3 no orphans": hosts.no_orphans,
    "I4 nobody cut off": users.nobody_cut_off,
    "I4 told once": users.told_once,
    "I4 nobody lands early": users.nobody_lands_early,
    "I5 one rollout": ownership.one_rollout,
    "I5 writes under a lease": ownership.writes_under_lease,
    "I7 a complete pool is not written to": ownership.complete_is_quiet,
    "I8 no secret": secrets.no_secret,
    "I9 as found": hosts.as_found,
    "I10 a bad image is stopped": image.bad_image_is_stopped,
    "I10 the canary goes alone": image.canary_goes_alone,
}


@dataclass(frozen=True)
class Verdict:
    """`looked`: how many things the check looked at; 0 means that the story had nothing to check."""

    name: str
    looked: int
    problems: tuple[str, ...]


def judged(story: Played, twin: EndState | None = None) -> list[Verdict]:
    """All verdicts. `twin`: the end state of the same story without its crashes, where those are all it has."""
    evidence = Evidence(story)
    found = []
    for name, check in CHECKS.items():
        looked, problems = check(evidence)
        found.append(Verdict(name, looked, tuple(problems)))
    if twin is not None:
        found.append(Verdict(AS_WITHOUT_A_CRASH, 1, tuple(differences(twin, evidence.after))))
    return found


def problems(verdicts: list[Verdict]) -> list[str]:
    """What is wrong, a line each, with the invariant's name in front."""
    return [f"{verdict.name}: {problem}" for verdict in verdicts for problem in verdict.problems]
