"""The ablation: its sides switch off what they say, on rollouts of a small pool; its tables, from literal figures."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench import ablation, ablation_tables, setting
from bench.measure import seconds_of
from rollout.admission import Order
from simulation.emulated_pool import POOL, emulated_pool
from simulation.virtual_time import virtually

HOSTS, SLOTS = 6, 2
ROLLED = ("all", "no-sliding-window", "no-pipelined-drain", "no-session-order")
Spans = list[tuple[str, float, float, float]]
"""VM, when it began to drain, went out of service, and served again; in the order in which they went out."""


def test_each_side_switches_one_part_off_and_avd_all_of_them():
    apart = {}
    for name, side in setting.ABLATION.items():
        switched = {each.name for each in fields(Order) if getattr(side.order, each.name) != each.default}
        apart[name] = switched | set(side.changes)
        assert side.pool is setting.OFFICE
    assert apart == {
        "all": set(),
        "no-sliding-window": {"barrier"},
        "no-build-ahead": {"build"},
        "no-pipelined-drain": {"drain_ahead"},
        "no-session-order": {"by_sessions"},
        "avd": {"barrier", "build", "drain_ahead", "by_sessions"},
    }
    assert setting.NOT_AHEAD == {"build": "after_deallocate"}


async def spans_of(side: setting.Side, folder: Path) -> Spans:
    made = await emulated_pool(folder, hosts=HOSTS, users=24, ignore_probability=0.0)
    outcome = await made.roll(order=side.order, **side.inputs | {"max_unavailable": float(SLOTS)})
    assert outcome.status == "complete"
    at: dict[str, dict[str, float]] = {}
    for change in made.control("GET", "capacity", hostPool=POOL)["changes"]:
        host, state = at.setdefault(change["virtualMachine"].rsplit("/", 1)[-1], {}), change["state"]
        if state == "serving" or "unavailable" not in host:  # what comes back drains once more
            host[state] = seconds_of(change["time"])
    spans = [(vm, host["draining"], host["unavailable"], host["serving"]) for vm, host in at.items()]
    return sorted(spans, key=lambda span: span[2])


@pytest.fixture(scope="module")
def spans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Spans]:
    return {name: virtually(spans_of(setting.ABLATION[name], tmp_path_factory.mktemp(name))) for name in ROLLED}


def most_at_work(spans: Spans) -> int:
    """Hosts that drained or were out at once."""
    return max(sum(drained <= moment < served for _, drained, _, served in spans) for _, moment, _, _ in spans)


def waves(spans: Spans) -> list[int]:
    """Hosts that went out one after the other without all slots being free in between."""
    sizes, until = [0], 0.0
    for _, _, out, served in spans:
        if out >= until:
            sizes.append(0)
        sizes[-1] += 1
        until = max(until, served)
    return sizes


def most_overtaken(spans: Spans) -> int:
    """Hosts that, by their names, came before one that went out before them."""
    vms = [vm for vm, *_ in spans]
    return max(sum(later < vm for later in vms[position:]) for position, vm in enumerate(vms))


@pytest.mark.parametrize("name", ROLLED)
def test_what_is_switched_off_does_not_happen_and_what_is_on_does(spans, name):
    order = setting.ABLATION[name].order
    if order.barrier or order.drain_ahead:  # while the next host is still drained for it, a slot is free in any order
        assert (max(waves(spans[name])) > SLOTS) is not order.barrier
    assert (most_at_work(spans[name]) > SLOTS) is order.drain_ahead
    assert (most_overtaken(spans[name]) >= SLOTS) is order.by_sessions


def run(makespan: float, forced: int = 10, cut_off: int = 0) -> dict[str, Any]:
    return {
        "makespan": makespan,
        "outage_p50": makespan / 10,
        "outage_p95": makespan / 5,
        "cut_off": cut_off,
        "forced": forced,
    }


ROLLOUTS: dict[tuple[str, int], dict[str, Any]] = {
    **{(side, seed): run(6000.0 * seed) for side in setting.ABLATION for seed in (1, 2, 3)},
    ("avd", 1): run(12_000.0, forced=14),
    ("avd", 2): run(60_000.0, forced=12),
    ("avd", 3): run(54_000.0, forced=10, cut_off=1),
}


def test_a_side_over_the_seeds_is_compared_with_all_on_seed_by_seed():
    over = ablation_tables.over
    assert over(ROLLOUTS, "avd", "makespan") == ablation_tables.Over(54_000.0, 33_000.0, 57_000.0, against=3.0)
    assert over(ROLLOUTS, "avd", "forced") == ablation_tables.Over(12.0, 11.0, 13.0, against=2.0)
    assert over(ROLLOUTS, "all", "outage_p50") == ablation_tables.Over(1200.0, 900.0, 1500.0, against=1.0)


def cells(table: Any) -> list[list[str]]:
    console = Console(record=True, width=140)
    console.print(table)
    text = console.export_text()
    assert "…" not in text and all(len(line) <= 140 for line in text.splitlines())
    return [line.split() for line in text.splitlines()]


def test_a_table_has_a_row_for_each_seed_and_what_they_have_in_common():
    rows = {row[0]: row[1:] for row in cells(ablation_tables.by_seed(ROLLOUTS, "makespan"))}
    assert rows["2"] == ["200.0"] * 5 + ["1000.0"]
    assert rows["median"] == ["200.0"] * 5 + ["900.0"]
    assert rows["quartiles"][-1:] == ["550.0-950.0"]
    assert rows["to"] == ["all", "on"] + ["x1.00"] * 5 + ["x3.00"]
    assert {row[0]: row[1:] for row in cells(ablation_tables.by_seed(ROLLOUTS, "forced"))}["to"][-1] == "+2"


def test_the_medians_of_all_figures_fit_into_one_table():
    rows = cells(ablation_tables.medians(ROLLOUTS))
    avd = next(row for row in rows if row[0] == "AVD's")
    assert avd[2:5] == ["900.0", "(550.0-950.0)", "x3.00"]
    assert avd[-3:] == ["12", "(11-13)", "+2"]


def test_every_rollout_is_written_as_a_json_line(monkeypatch, tmp_path):
    monkeypatch.setattr(ablation, "in_a_process", lambda side, seed, folder: ROLLOUTS[side, seed])
    found = ablation.ablated(tmp_path / "ablation", 3, Console(width=140, quiet=True))
    lines = [json.loads(line) for line in (tmp_path / "ablation" / ablation.LINES).read_text().splitlines()]
    assert {(line.pop("side"), line.pop("seed")): line for line in lines} == ROLLOUTS
    assert found["avd"]["makespan_to_all"] == 3.0 and found["avd"]["forced_to_all"] == 2.0
