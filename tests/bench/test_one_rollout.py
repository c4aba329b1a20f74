"""Small pools on both sides: the figures agree with what the emulator says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import setting
from bench.one_rollout import rolled
from rollout.admission import Order
from simulation.virtual_time import virtually

HOSTS = 5


def smaller(side: setting.Side, hosts: int) -> setting.Side:
    return replace(side, pool=replace(side.pool, hosts=hosts))


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """By side, as the rollout's process prints them."""
    found = {}
    for name, side in setting.SIDES.items():
        folder: Path = tmp_path_factory.mktemp(name)
        found[name] = json.loads(json.dumps(virtually(rolled(smaller(side, HOSTS), 1, folder))))
    return found


def test_nothing_is_faster_than_the_bound(figures):
    for side in figures.values():
        assert side["makespan"] > side["bound"] > side["bound_parts"]["canary"] > setting.BAKE
        assert side["outage_p50"] > side["unavoidable_p50"] > 0


def test_both_sides_meet_the_same_machines(figures):
    ours, other = figures["sliding"], figures["barrier"]
    assert ours["unavoidable_parts"] == other["unavoidable_parts"]
    assert all(ours["unavoidable_parts"].values())


def test_building_ahead_is_the_shorter_outage_and_the_shorter_rollout(figures):
    ours, other = figures["sliding"], figures["barrier"]
    assert ours["outage_p50"] < other["outage_p50"]
    assert ours["makespan"] < other["makespan"]


def test_calls_are_counted_by_host(figures):
    for side in figures.values():
        assert side["writes_per_host"] == side["calls"]["writes"] / HOSTS > 10
        assert side["reads_per_host"] == side["calls"]["reads"] / HOSTS > 10
        assert side["peak_rss_mb"] > 50


def test_the_time_above_the_bound_adds_up(figures):
    for side in figures.values():
        lost = side["lost"]
        above = lost["canary"] + lost["longer"] + lost["empty"]
        assert above == pytest.approx(side["makespan"] - side["bound"], abs=1e-3)


def test_the_sides_differ_in_order_and_build_only():
    ours, other = setting.SIDES["sliding"], setting.SIDES["barrier"]
    assert (ours.order, other.order) == (Order(), Order(barrier=True, drain_ahead=False, by_sessions=False))
    differing = {key for key in other.inputs if other.inputs[key] != ours.inputs.get(key)}
    assert differing == {"build"}
    assert other.inputs["build"] == "after_deallocate"
    assert ours.pool == other.pool and ours.pool.hosts == 100
    for side in (ours, other):
        assert side.inputs["max_unavailable"] == 10
        assert side.inputs["canary"] == {"hosts": 1, "bake": "PT10M"}
        assert side.inputs["drain"] == {
            "deadline": "PT60M",
            "log_off": "force",
            "grace": "PT5M",
            "allow_data_loss": True,
        }


def test_a_pool_that_does_not_run_the_new_image_gives_no_figures(tmp_path):
    side = setting.Side("nothing to do", smaller(setting.SIDES["sliding"], 2).pool, Order(), {"version": "1.0.0"})
    with pytest.raises(RuntimeError, match="vm-0 does not run the new image"):
        virtually(rolled(side, 1, tmp_path))
