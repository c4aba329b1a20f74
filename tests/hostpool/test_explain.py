"""`hostpool explain`: every phase has words, the right host is found, stuck hosts are told as stuck."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hostpool.explain import MEANINGS, OF_KEPT
from hostpool.main import main
from hostpool.status import DONE, EXCLUDED, TO_DO
from rollout import names
from rollout.events import Event, EventLog, Kind, log_path
from rollout.lease import Holder
from rollout.pool_record import RolloutRecord, State
from rollout.record import Phase
from simulation.virtual_time import EPOCH
from tests.hostpool.literal_azure import LiteralAzure, in_the_middle, record
from tests.hostpool.night import POOL, ROLLOUT


def explain(azure: LiteralAzure, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["explain", *arguments], obj=azure.world())


def told(azure: LiteralAzure, *arguments: str) -> Any:
    return json.loads(explain(azure, "--json", *arguments).stdout)


def test_every_phase_and_every_state_at_rest_is_explained() -> None:
    assert set(MEANINGS) == {*map(str, Phase), DONE, TO_DO, EXCLUDED, ""}
    assert all(meaning.what and meaning.users and meaning.do for meaning in MEANINGS.values())


@pytest.mark.parametrize("phase", list(Phase))
def test_a_host_in_any_phase_can_be_explained(phase: Phase) -> None:
    azure = in_the_middle()
    azure.add("vm-7", record=record(phase, ago=60))
    result = explain(azure, "vm-7")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"vm-7: {phase}, for 1 min") and MEANINGS[phase].what in result.stdout


def test_a_draining_host_shows_the_sessions_it_waits_for() -> None:
    found = told(in_the_middle(), "vm-1")
    assert found["facts"]["sessions"] == "1 active, 1 disconnected"
    assert found["waits_for"].startswith("2 sessions to end, 50 min left")
    assert found["engine"].startswith("runner-17 works on the pool")


def test_last_action_and_reason_come_from_the_log_where_it_is_at_hand(tmp_path: Path) -> None:
    log = EventLog(log_path(tmp_path, POOL, ROLLOUT, 1))
    log(Event(EPOCH - 300, Kind.ACTION, "vm-6", "started", {"seconds": 30}))
    log(Event(EPOCH - 250, Kind.HOST_FAILED, "vm-6", "still in use at the drain deadline", {"result": "left_out"}))
    log.close()
    found = told(in_the_middle(), "vm-6", "--log-folder", str(tmp_path))
    assert found["last_action"] == "started, 12 Jan 19:55 UTC"
    assert found["why"] == "still in use at the drain deadline"


def test_what_was_said_in_an_earlier_attempt_or_run_is_over(tmp_path: Path) -> None:
    left = Event(EPOCH - 900, Kind.HOST_FAILED, "vm-6", "the rollout was aborted", {"result": "left_out"})
    for attempt, events in ((1, [left]), (2, [Event(EPOCH - 800, Kind.STARTED, data={"attempt": 2})])):
        log = EventLog(log_path(tmp_path, POOL, ROLLOUT, attempt))
        for event in events:
            log(event)
        log.close()
    azure = in_the_middle()
    assert told(azure, "vm-6", "--log-folder", str(tmp_path))["why"] == "the rollout was aborted"
    azure.tags[names.RECORD] = RolloutRecord(ROLLOUT, 2, State.RUNNING, 0).encode()
    assert told(azure, "vm-6", "--log-folder", str(tmp_path))["why"] == ""
    resumed = EventLog(log_path(tmp_path, POOL, ROLLOUT, 2))
    resumed(Event(EPOCH - 700, Kind.HOST_FAILED, "vm-6", "paused", {"result": "left_out"}))
    assert told(azure, "vm-6", "--log-folder", str(tmp_path))["why"] == "paused"
    resumed(Event(EPOCH - 600, Kind.STARTED, data={"attempt": 2, "resumed": True}))
    resumed.close()
    assert told(azure, "vm-6", "--log-folder", str(tmp_path))["why"] == ""


def test_a_failure_of_an_earlier_attempt_is_told_as_one_and_tried_again() -> None:
    azure = in_the_middle()
    azure.tags[names.RECORD] = RolloutRecord(ROLLOUT, 2, State.RUNNING, 0).encode()
    found = told(azure, "vm-4")
    assert (found["why"], found["before"]) == ("", "in attempt 1: domain join: 1355")
    assert found["do"] == "Nothing: attempt 2 is at work, and tries it again."
    azure.add("vm-7", record=replace(record(Phase.DRAIN, why="before: domain join: 1355"), a=2))
    again = told(azure, "vm-7")
    assert (again["why"], again["before"]) == ("", "domain join: 1355")


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in (Phase.DRAIN, Phase.LEAVE, Phase.FAILED)])
def test_of_a_revert_no_new_disk_is_told(phase: Phase) -> None:
    azure = in_the_middle()
    azure.add("vm-7", record=replace(record(phase, ago=60), k="vm-7_old"))
    text = explain(azure, "vm-7").stdout
    assert OF_KEPT[phase].what in text
    assert "new disk" not in text.lower() and "new OS disk" not in text and "being built" not in text


def test_a_half_done_host_without_an_engine_needs_the_next_up() -> None:
    azure = in_the_middle()
    azure.tags[names.LEASE] = Holder("runner-17", 7, EPOCH - 900).encode()
    assert told(azure, "vm-2")["do"].startswith("Run pulumi up: no engine works on the pool now")
    assert told(azure, "vm-5")["do"].startswith("Look at the VM")


def test_a_failed_host_names_the_rebuild_of_itself() -> None:
    assert "hostpool rebuild vm-5" in told(in_the_middle(), "vm-5")["do"]


@pytest.mark.parametrize("name", ["vm-1", "VM-1", "vm-1.corp.example.com", "vm-2.corp.example.com"])
def test_a_host_is_found_by_the_names_that_people_see(name: str) -> None:
    assert told(in_the_middle(), name)["host"] == name.lower().split(".")[0]


def test_an_unknown_host_is_wrong_use_and_near_names_are_offered() -> None:
    result = explain(in_the_middle(), "vm5")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: pool hp-finance has no host vm5; did you mean vm-5 or vm-9 or vm-6?\n"
