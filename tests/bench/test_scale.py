"""The night with several large pools, with small ones: what is verified, and the figures that it gives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import scale
from bench.kept import Changes, Draws, Entries, Requests, Samples
from bench.scale_run import POOLS, night
from simulation.virtual_time import virtually


def test_a_night_ends_with_every_host_on_the_new_image_and_within_what_azure_grants(tmp_path: Path) -> None:
    found = virtually(night(2 * POOLS, tmp_path))
    assert found["makespan_over_lower_bound"] >= 1.0
    assert found["throttled_seconds"] == found["refused"] == 0
    assert found["most_unavailable"] == found["may_be_unavailable"] == 1
    assert found["arm_writes_per_host"] > 20
    assert found["users"].get("cut_off", 0) == 0
    assert len((tmp_path / "requests.jsonl").read_text().splitlines()) > 2 * POOLS * 100
    assert set(scale.FIGURES) - {"cpu_per_host_growth"} <= set(found)


def test_kept_entries_stand_in_for_the_lists_of_the_emulator() -> None:
    entries = Entries()
    assert not entries
    for number in range(3):
        entries.append(number)
    assert entries[-1] == 2 and len(entries) == 1


def test_calls_are_counted_and_written_down(tmp_path: Path) -> None:
    requests = Requests(tmp_path / "log")
    vm = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm-0"
    for method, path, status in (
        ("GET", vm, 200),
        ("PATCH", vm, 429),
        ("DELETE", vm, 202),
        ("GET", "/keyvault/x", 200),
    ):
        requests.append({"method": method, "path": path, "status": status, "time": "2026-01-12T20:00:00Z"})
    requests.close()
    assert (requests.reads, requests.writes, requests.deletes, requests.compute_updates) == (1, 1, 1, 1)
    assert (requests.refused, requests.begun, len(requests)) == (1, 1_768_248_000.0, 4)
    assert [json.loads(line)["method"] for line in (tmp_path / "log").read_text().splitlines()][1] == "PATCH"


def test_outages_and_what_was_drawn_for_them_are_summed_by_host() -> None:
    changes, draws, samples = Changes(), Draws(), Samples()
    for second, state in ((0, "serving"), (10, "unavailable"), (40, "draining"), (50, "serving")):
        changes.append({"virtualMachine": "/VM", "time": f"2026-01-12T20:00:{second:02}Z", "state": state})
    assert changes.outage == {"/vm": 30.0} and changes.served_at == {"/vm": 1_768_248_050.0}
    changes.append({"virtualMachine": "/vm", "time": "2026-01-12T20:01:00Z", "state": "unavailable"})
    assert changes.served_at == {}
    for subject, name in (
        ("/vm", "vm start"),
        ("/vm", "guest boot"),
        ("/vm", "vm update"),
        ("/avdtmp-1", "vm deallocate"),
    ):
        draws.append({"subject": subject, "name": name, "seconds": 5.0})
    assert draws.outage == {"/vm": 10.0} and draws.build == {"/avdtmp-1": 5.0}
    for unavailable, serving in ((1, 9), (3, 7), (0, 10)):
        samples.append({"unavailable": unavailable, "serving": serving})
    assert (samples.most_unavailable, samples.fewest_serving) == (3, 7)


def test_the_goals_are_among_the_figures() -> None:
    assert set(scale.GOALS) <= set(scale.FIGURES)
    with pytest.raises(SystemExit):
        scale.main(["--hosts", "many"])
