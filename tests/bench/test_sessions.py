"""What users notice, by order and moment: its sides, and its table from literal figures."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from bench import sessions, setting


def run(messages: int, forced: int = 0) -> dict[str, Any]:
    counts = {"messages": messages, "moved": 2, "twice": 1, "forced": forced, "cut_off": 0}
    return {"makespan": 3600.0, "drained": 600.0, "disturbed": counts}


ROLLOUTS: dict[tuple[str, int], dict[str, Any]] = {
    **{(side, seed): run(18) for side in sessions.SIDES for seed in (1, 2, 3)},
    ("fixed", 1): run(38),
    ("fixed", 2): run(78),
    ("fixed", 3): run(16, forced=2),
}


def test_each_side_is_compared_with_one_that_meets_the_same_people():
    assert set(sessions.BASES) == set(sessions.SIDES)
    for side, base in sessions.BASES.items():
        ours, theirs = sessions.SIDES[side].pool, sessions.SIDES[base].pool
        assert (ours.scenario, ours.hosts, ours.before % 86400) == (
            theirs.scenario,
            theirs.hosts,
            theirs.before % 86400,
        )
    assert setting.SESSIONS["quietest"].inputs["timing"] == "quietest" and setting.SESSIONS["quietest"].pool.history


def test_ratios_are_made_seed_by_seed():
    assert sessions.ratio(ROLLOUTS, "aware", "disturbed") == 0.5  # 20 to 40, 20 to 80, 20 to 20
    assert sessions.ratio(ROLLOUTS, "depth-aware", "disturbed") == 1.0


def test_the_table_has_a_row_for_each_side():
    console = Console(width=160)
    with console.capture() as captured:
        console.print(sessions.table(ROLLOUTS))
    text = captured.get()
    assert len(text.splitlines()) == len(sessions.SIDES) + 2
    assert "40" in text and "x0.50" in text and "10.0" in text
