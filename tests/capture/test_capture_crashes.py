"""Captures that are killed: a sample of `python -m simulation.capture_crashes`, which kills at every write."""

from __future__ import annotations

import pytest

from capture.record import Phase
from simulation import capture_crashes
from simulation.capture_crashes import crashed, lost_phases, moments, uncrashed

SAMPLE = {
    "updates": 31,
    "update fails": 23,
    "found stopped": 49,
    "specialized": 17,
    "sysprep fails": 41,
    "boot test": 55,
}
"""Every so many crashes of these references."""


@pytest.fixture(scope="module")
def whole() -> dict[str, capture_crashes.Uncrashed]:
    return {name: uncrashed(name) for name in SAMPLE}


def test_the_references_come_to_every_phase(whole: dict[str, capture_crashes.Uncrashed]) -> None:
    assert lost_phases(list(whole.values())) == set()
    assert lost_phases([whole["specialized"]]) > {Phase.CLONE}


@pytest.mark.parametrize("name", SAMPLE)
def test_a_crash_anywhere_ends_well(whole: dict[str, capture_crashes.Uncrashed], name: str) -> None:
    for moment in moments(whole[name], SAMPLE[name]):
        ending = crashed(name, whole[name].scenes[moment])
        assert not ending.problems, (str(moment), whole[name].kind(moment), ending.exits, ending.problems)


def test_what_must_never_be_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A capture that forgets to remove its clone, or to bring the golden VM back, is found out."""
    from capture import phases

    monkeypatch.setattr(phases, "_without_clone", lambda view: None)
    with pytest.raises(AssertionError, match="left over: avdcap-"):
        uncrashed("found off")
    monkeypatch.undo()
    monkeypatch.setattr(phases, "_return", lambda view, goal, record: phases.Enter(None))
    with pytest.raises(AssertionError, match="the golden VM is deallocated, found running"):
        uncrashed("specialized")
