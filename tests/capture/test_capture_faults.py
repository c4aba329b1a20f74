"""Each step of a capture can fail: a share of `python -m simulation.capture_faults`."""

from __future__ import annotations

import pytest

from capture import phases
from simulation.capture_crashes import Reference, Scene, opening
from simulation.capture_faults import FAULTS, struck

SAMPLE = [
    *("first backup", "script stays", "deallocate", "clone's disk", "clone", "generalize", "version"),
    *("replication is refused", "test's machine", "clone stays", "golden VM's start", "test's machine stays"),
]


@pytest.fixture(scope="module")
def scene() -> Scene:
    return opening(Reference(""))


@pytest.mark.parametrize("name", SAMPLE)
def test_whatever_fails_is_undone_or_left_to_a_run_that_ends_it(scene: Scene, name: str) -> None:
    ending, wrong = struck(FAULTS[name], scene)
    assert wrong == (), ending.exits
    assert ("NotUndone" in ending.exits) == (FAULTS[name].ends == "complete")


def test_what_is_not_undone_is_seen(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A capture that leaves the run command of a script behind changes the disk that it brings back."""
    monkeypatch.setattr(phases, "_without_scripts", lambda view: None)
    _, wrong = struck(FAULTS["script stays"], scene)
    assert "left over: avd-capture-update" in wrong and "what the scripts did is on the golden VM's disk" in wrong
