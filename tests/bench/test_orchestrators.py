"""Small sets of machines under each orchestrator: the figures see what happens to those who work on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bench import orchestrators
from bench.orchestrators import answer, measured, of_bad, of_good
from bench.rolled import Rolled, Watch

MACHINES = 5
RUN = Rolled(
    waited=0.0, makespan=1200.0, outages={"a": 60.0, "b": 120.0, "c": 600.0}, drawn=60.0, most_out=1, updated=MACHINES
)


def test_the_engine_asks_and_cuts_nobody_off(tmp_path: Path) -> None:
    found = measured("engine", 2, MACHINES, tmp_path)
    assert found.cut_off == 0 and found.asked > 0
    assert len(found.outages) == MACHINES and found.most_out == 1
    assert sorted(found.outages.values())[MACHINES // 2] > 300


@pytest.mark.parametrize("seed", [1, 2])
def test_a_scale_set_cuts_off_who_works_on_its_instances_and_asks_nobody(seed: int, tmp_path: Path) -> None:
    found = measured("scale_set", seed, MACHINES, tmp_path)
    assert found.cut_off > 0 and found.asked == 0
    assert len(found.outages) == MACHINES and found.most_out == 1
    assert min(found.outages.values()) > found.drawn / 2
    assert 1800 < found.waited <= 3600, "Azure begins 30 to 60 minutes after a version is there"
    assert sum(found.outages.values()) < found.makespan, "one at a time, with pauses"


@pytest.mark.parametrize("seed", [1, 2])
def test_deferral_disturbs_no_task_and_takes_longer(seed: int, tmp_path: Path) -> None:
    now, later = (measured(way, seed, MACHINES, tmp_path) for way in ("batch", "batch_deferral"))
    assert now.cut_off >= MACHINES, "every node was at work"
    assert later.cut_off == 0 and later.makespan > now.makespan
    assert len(now.outages) == len(later.outages) == MACHINES


def test_of_a_bad_image_one_batch_is_taken_out_and_serves_again(tmp_path: Path) -> None:
    for way, least in (("scale_set", 600), ("batch", 300)):
        found = measured(way, 1, 2 * MACHINES, tmp_path, bad=True)
        assert found.updated == 0 and len(found.outages) == found.most_out == 2
        assert min(found.outages.values()) > least and found.cut_off > 0, way


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda run: replace(run, updated=MACHINES - 1), "4 of 5 machines are on the new image"),
        (lambda run: replace(run, most_out=2), "2 machines were out at once"),
    ],
)
def test_an_upgrade_that_is_not_what_was_declared_is_no_figure(
    wrong: Callable[[Rolled], Rolled], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def rolled(seed: int, bad: bool) -> Rolled:
        return wrong(RUN)

    monkeypatch.setattr(orchestrators, "ways", lambda machines, folder: {"batch": rolled})
    with pytest.raises(RuntimeError, match=told):
        measured("batch", 1, MACHINES, tmp_path)


def test_a_machine_is_out_from_look_to_look() -> None:
    watch = Watch()
    for at, out in ((10.0, set()), (20.0, {"a"}), (30.0, {"a", "b"}), (40.0, {"b"}), (50.0, set()), (60.0, {"a"})):
        watch.look(frozenset(out), at)
    watch.look(frozenset(), 75.0)
    assert watch.seconds == {"a": 35.0, "b": 20.0} and watch.most == 2


def test_the_answer_and_the_tables_are_of_medians_over_the_seeds() -> None:
    good = {"engine": [RUN, replace(RUN, makespan=600.0, cut_off=4), replace(RUN, makespan=1800.0, cut_off=9)]}
    bad = {"engine": [replace(RUN, outages={"a": 90.0}, updated=0)]}
    assert answer(good, bad) == {
        "engine": {
            "makespan_s": 1200,
            "outage_p50_s": 120,
            "outage_p95_s": 552,
            "asked": 0,
            "ended": 0,
            "cut_off": 4,
            "bad_image_taken_out": 1,
            "bad_image_outage_s": 90,
        }
    }
    console = Console(record=True, width=200)
    console.print(of_good(good), of_bad(bad))
    text = console.export_text()
    assert "20 (10-30)" in text and "4 (0-9)" in text and "1 (1-1)" in text
