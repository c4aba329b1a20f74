"""Random stories: the same each time, judged without a finding; and made smaller where they fail."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cloud.compute import ComputeOperations
from cloud.policies import LeasePolicy
from rollout import admission, cleanup
from rollout.canary_watch import CanaryWatch
from rollout.executor import Executor
from rollout.host_work import HostWork
from rollout.lease import Lease
from rollout.phases import rejoin, release
from rollout.pool_watch import PoolWatch
from rollout.record import HostRecord
from rollout.run_state import Run
from simulation.case import Case, Deed, Runner
from simulation.generate import FAULTS, drawn
from simulation.invariants import CHECKS
from simulation.mutants import MUTANTS
from simulation.shrink import shrunk
from simulation.telling import Count, told

PROJECT = Path(__file__).parents[2]
SMALL = Case(
    seed=5,
    pool={"hosts": 2, "latency": True, "users": 3},
    inputs={"drain": {"deadline": "PT10M", "log_off": "force", "grace": "PT2M", "allow_data_loss": True}},
    runners=(Runner(write=30, side="after"), Runner(after=120.0)),
    faults=({"id": "503", **FAULTS["503"], "probability": 0.1, "times": 10},),
    deeds=(Deed("add_vm_tag", 1, "drain", 5.0),),
)


def replayed(case: Case, hash_seed: str) -> str:
    """The last line of a replay by a process of its own, which names the digest of the event log."""
    ended = subprocess.run(
        [sys.executable, "-m", "simulation", "replay", case.to_json()],
        cwd=PROJECT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.splitlines()[-1]


def test_one_case_always_gives_one_event_log_byte_for_byte() -> None:
    first, second = (replayed(SMALL, hash_seed) for hash_seed in ("1", "2"))
    assert "sha256" in first and first == second
    assert replayed(replace(SMALL, seed=6), "1") != first


def test_a_seed_always_draws_the_same_case_and_json_keeps_it() -> None:
    cases = [drawn(seed) for seed in range(1, 60)]
    assert cases == [drawn(seed) for seed in range(1, 60)]
    assert [Case.of_json(case.to_json()) for case in cases] == cases
    assert len({case.to_json() for case in cases}) == len(cases)
    with pytest.raises(ValueError, match="no color"):
        Case.of_json('{"seed": 1, "color": "red"}')


@pytest.mark.parametrize("seed", range(1, 13))
def test_i1_to_i10_hold_in_random_stories(seed: int) -> None:
    assert told(drawn(seed)).problems == ()


def test_i6_a_killed_story_ends_as_its_twin_without_a_crash() -> None:
    case = Case(7, {"hosts": 2, "sessions_per_host": 1}, {"drain": SMALL.inputs["drain"]}, (Runner(write=40),))
    result = told(case)
    assert result.problems == ()
    assert result.count.checks["I6 as without a crash"] == 1


def test_a_failing_case_is_made_smaller_without_losing_the_failure() -> None:
    def fails(case: Case) -> bool:
        return any(deed.kind == "add_vm_tag" for deed in case.deeds) and case.hosts > 1

    case = shrunk(SMALL, fails)
    assert case == Case(5, {"hosts": 2}, {}, (Runner(after=120.0),), deeds=SMALL.deeds) or fails(case)
    assert (case.faults, case.inputs, len(case.runners)) == ((), {}, 1)


def test_what_never_occurred_is_named() -> None:
    count = Count()
    assert {"build", "503", "delete_vm", "never_boots", "PATCH tags", "a moment", *CHECKS} <= set(count.zeros())
    count.phases["build"] += 1
    count.crashes["PATCH tags before"] += 1
    assert not {"build", "PATCH tags", "before"} & set(count.zeros()) and "after" in count.zeros()


def test_there_are_ten_guards_and_more_to_switch_off() -> None:
    assert len(MUTANTS) >= 10 and {"lease policy", "last look", "floor", "restore"} <= MUTANTS.keys()


@pytest.mark.parametrize("name", MUTANTS)
def test_each_guard_is_there_to_be_switched_off(name: str) -> None:
    guarded = (
        LeasePolicy,
        Lease,
        ComputeOperations,
        release,
        PoolWatch,
        admission,
        HostWork,
        CanaryWatch,
        Run,
        rejoin,
        Executor,
    )

    def state() -> list[dict[str, object]]:
        return [dict(vars(place)) for place in (*guarded, cleanup, HostRecord)]

    before = state()
    with MUTANTS[name].off():
        assert state() != before
    assert state() == before
