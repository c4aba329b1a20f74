"""Crash at every write, a share, and that what it is judged by would be seen. All of it: make simulate-crashes."""

from __future__ import annotations

import pytest

from rollout.arm import Vm
from rollout.record import Phase
from simulation import crashes
from simulation.crash_story import Ending, Moment, Uncrashed, crashed, uncrashed
from simulation.process import Kill
from simulation.references import REFERENCES, STEPS, phases_of, steps_of

COVERING = ("update", "join-fails", "lost", "left-out", "entra-leave", "unregistered", "after-deallocate")


@pytest.fixture(scope="module")
def rebuild() -> Uncrashed:
    return uncrashed("rebuild")


def one_of_each_kind(whole: Uncrashed) -> list[Moment]:
    """For each kind of write and each side a moment, another occurrence of each."""
    by_kind: dict[tuple[str, str], list[Moment]] = {}
    for moment in crashes.moments(whole):
        by_kind.setdefault((whole.kind(moment), moment.side), []).append(moment)
    return [found[turn % len(found)] for turn, found in enumerate(by_kind.values())]


def of_kind(whole: Uncrashed, kind: str) -> Moment:
    return next(m for m in crashes.moments(whole) if whole.kind(m) == kind and m.side == "after")


def test_i6_a_crash_at_each_kind_of_write_ends_as_without_a_crash(rebuild: Uncrashed) -> None:
    chosen = one_of_each_kind(rebuild)
    assert len(chosen) >= 30
    failed = {str(m): found for m in chosen if (found := rebuild.differs(crashed("rebuild", rebuild.scenes[m])))}
    assert failed == {}


def test_between_them_the_references_come_to_every_phase_and_step() -> None:
    exchanges = [each for name in COVERING for each in uncrashed(name).ending.exchanges]
    assert set(Phase) - phases_of(exchanges) == set()
    assert STEPS - steps_of(exchanges) == set()


def test_the_world_at_a_moment_is_what_a_killed_process_leaves(rebuild: Uncrashed) -> None:
    def after_the_crash(ending: Ending) -> list[str]:
        """Without the times: a loop counts them in microseconds from another zero."""
        return [each.line().partition(" ")[2] for each in ending.exchanges if each.process == "runner-2"]

    for side in ("before", "after"):
        moment = Moment(30, "before" if side == "before" else "after")
        killed = crashed("rebuild", rebuild.opening, [Kill(moment.write, moment.side)])
        assert killed.exits == ("killed", "complete")
        assert after_the_crash(killed) == after_the_crash(crashed("rebuild", rebuild.scenes[moment]))


def test_a_second_crash_is_played_too(rebuild: Uncrashed) -> None:
    ending = crashed("rebuild", rebuild.scenes[Moment(20, "after")], [Kill(10, "after")])
    assert ending.exits == ("killed", "complete") and rebuild.differs(ending) == []


def test_an_engine_that_claims_a_host_under_an_extension_is_found_out(
    rebuild: Uncrashed, monkeypatch: pytest.MonkeyPatch
) -> None:
    joining = rebuild.scenes[of_kind(rebuild, "PUT virtualmachines/extensions")]
    assert rebuild.differs(crashed("rebuild", joining, at_once=True)) == []
    monkeypatch.setattr(Vm, "changing", False)
    assert "ended complete | stopped" in rebuild.differs(crashed("rebuild", joining, at_once=True))


def test_one_crash_is_repeated_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert crashes.main(["--reference", "rebuild", "--kill", "9:before"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("run 1: killed at") and said[-1] == "ended as without a crash"


def test_every_reference_has_four_hosts_and_fixed_sessions() -> None:
    assert all("sessions_per_host" in each.pool and "hosts" not in each.pool for each in REFERENCES.values())
