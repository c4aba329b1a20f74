"""The answer of the benchmark from the figures of its runs."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from bench import __main__ as command
from bench import one_rollout, summary
from bench.preview import Preview

NAMES = [
    *("makespan_ratio", "host_outage_p50_ratio", "makespan_over_lower_bound"),
    *("arm_writes_per_host", "arm_reads_per_host", "peak_rss_mb", "preview_overhead_s"),
]
PREVIEW = Preview(declared=(5.0, 4.0, 9.0), no_op=(3.0, 3.5, 2.0))


def run(makespan: float, outage: float = 800.0, **more: object) -> dict[str, object]:
    return {
        "hosts": 100,
        "makespan": makespan,
        "bound": 10_000.0,
        "lost": {"canary": 60.0, "longer": 120.0, "empty": 180.0, "empty_at_end": 30.0},
        "outage_p50": outage,
        "outage_max": 1200.0,
        "unavoidable_p50": 700.0,
        "unavoidable_parts": {"stop": 30.0, "swap": 10.0},
        "most_unavailable": 10,
        "calls": {"deletes": 800, "refused": 2},
        "writes_per_host": 33.0,
        "reads_per_host": 420.0,
        "peak_rss_mb": 190.0,
        **more,
    }


ROLLOUTS = {
    ("sliding", 1): run(11_000.0),
    ("sliding", 2): run(12_000.0, peak_rss_mb=200.0),
    ("sliding", 3): run(15_000.0, reads_per_host=500.0),
    ("barrier", 1): run(44_000.0, 1000.0, writes_per_host=99.0),
    ("barrier", 2): run(40_000.0, 1600.0),
    ("barrier", 3): run(30_000.0, 1000.0),
}


def test_the_answer_has_the_seven_figures_as_medians_over_the_seeds():
    found = summary.figures(ROLLOUTS, PREVIEW)
    assert list(found) == NAMES
    assert found == {
        "makespan_ratio": 0.3,
        "host_outage_p50_ratio": 0.8,
        "makespan_over_lower_bound": 1.2,
        "arm_writes_per_host": 33.0,
        "arm_reads_per_host": 420.0,
        "peak_rss_mb": 190.0,
        "preview_overhead_s": 2.0,
    }


def test_goals_missed_are_shown_as_they_are():
    console = Console(record=True, width=120)
    console.print(summary.verdict(summary.figures(ROLLOUTS, PREVIEW)))
    lines = {line.split()[0]: line.split()[1:] for line in console.export_text().splitlines() if line.split()}
    assert lines["makespan_ratio"] == ["0.3", "<=", "0.4", "met"]
    assert lines["host_outage_p50_ratio"] == ["0.8", "<=", "0.7", "missed"]
    assert lines["preview_overhead_s"] == ["2", "<=", "1", "missed"]
    assert lines["peak_rss_mb"] == ["190"]


def test_every_run_has_its_row_and_the_time_above_the_bound_its_parts():
    console = Console(record=True, width=160)
    console.print(summary.by_run(ROLLOUTS), summary.over_bound(ROLLOUTS), summary.of_outage(ROLLOUTS))
    text = console.export_text()
    assert text.count("sliding") == 4 and text.count("barrier") == 4
    assert [line.split() for line in text.splitlines() if line.split()[1:2] == ["16.7"]] == [
        ["1", "16.7", "1.0", "2.0", "3.0", "0.5"]
    ]


def test_the_last_line_of_stdout_is_the_answer(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(command, "FOLDER", command.PROJECT / ".cache" / "bench-of-a-test")
    monkeypatch.setattr(command, "measured", lambda folder, said: PREVIEW)
    monkeypatch.setattr(command, "SEEDS", (1, 2, 3))
    monkeypatch.setattr(command, "_rollout", lambda console, side, seed: ROLLOUTS[side, seed])
    monkeypatch.setattr(command.orchestrators, "shown", lambda console: {"engine": {"cut_off": 0}})
    monkeypatch.setattr(command.ablation, "ablated", lambda folder, seeds, console: {"seeds": seeds})
    monkeypatch.setattr(command.capture, "shown", lambda console: {"capture_makespan_s": 2000})
    assert command.main(["7"]) == 0
    command.FOLDER.rmdir()
    *_, captures, beside, medians, answer = capsys.readouterr().out.splitlines()
    assert json.loads(answer) == summary.figures(ROLLOUTS, PREVIEW)
    assert json.loads(beside) == {"orchestrators": {"engine": {"cut_off": 0}}}
    assert json.loads(medians) == {"ablation": {"seeds": 7}}
    assert json.loads(captures) == {"capture": {"capture_makespan_s": 2000}}


def test_a_rollout_that_fails_says_why(monkeypatch, tmp_path):
    monkeypatch.setattr(one_rollout.sys, "executable", "false")
    with pytest.raises(RuntimeError, match="sliding, seed 1 ended with 1"):
        one_rollout.in_a_process("sliding", 1, tmp_path)
