"""Makes a failing case smaller: leaves out part by part what the failure does not need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from simulation.case import Case, Runner

TRIES = 80
"""Cases that are played at most."""


def shrunk(case: Case, fails: Callable[[Case], bool], tries: int = TRIES) -> Case:
    """The smallest case found for which `fails` still says yes."""
    left = tries
    while True:
        for smaller in _smaller(case):
            if left == 0:
                return case
            left -= 1
            if fails(smaller):
                case = smaller
                break
        else:
            return case


def _smaller(case: Case) -> Iterator[Case]:
    """The case with one thing less, the largest things first."""
    for name in ("faults", "deeds", "lasting"):
        parts = getattr(case, name)
        for position in range(len(parts)):
            yield replace(case, **{name: parts[:position] + parts[position + 1 :]})
    for position in range(len(case.runners)):
        if len(case.runners) > 1:
            yield replace(case, runners=case.runners[:position] + case.runners[position + 1 :])
        plain = Runner(after=case.runners[position].after)
        if case.runners[position] != plain:
            yield replace(case, runners=(*case.runners[:position], plain, *case.runners[position + 1 :]))
    if case.back:
        yield replace(case, back=False)
    if case.hosts > 1 and not any(deed.host == case.hosts - 1 for deed in case.deeds):
        yield replace(case, pool={**case.pool, "hosts": case.hosts - 1})
    for key in sorted(case.pool.keys() - {"hosts"}):
        yield replace(case, pool={k: v for k, v in case.pool.items() if k != key})
    for key in case.inputs:
        yield replace(case, inputs={k: v for k, v in case.inputs.items() if k != key})
