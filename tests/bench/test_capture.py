"""Captures against their own steps, and against the same steps by hand."""

from __future__ import annotations

from typing import Any

import pytest

from bench import capture
from bench.capture import Figures, answer, measured
from capture.executor import Executor


def test_a_capture_takes_less_than_its_steps_and_without_overlap_it_takes_more(monkeypatch: pytest.MonkeyPatch) -> None:
    found = measured(2)
    assert found.makespan < 0.97 * found.steps, found
    assert found.makespan < found.by_hand and found.off < found.makespan / 2
    assert found.steps > capture.UPDATE + capture.TEST + 600

    async def waited_for(self: Executor, patch: dict[str, Any]) -> None:
        await self._azure.update_image_version(self._goal.declaration.version_id, patch)

    monkeypatch.setattr(Executor, "_begin_update", waited_for)
    assert measured(2).makespan > found.makespan + 240


def test_the_answer_is_of_medians_over_the_seeds() -> None:
    found = {1: Figures(900, 1000, 1800, 100), 2: Figures(800, 1000, 1000, 100), 3: Figures(600, 1200, 1200, 100)}
    assert answer(found) == {
        "capture_makespan_s": 800,
        "capture_over_sum_of_steps": 0.8,
        "capture_over_by_hand": 0.5,
    }
