"""`hostpool status`: rows, state line, read budget."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hostpool.main import main
from hostpool.status import short_image
from rollout import names
from rollout.clock import from_iso
from rollout.decisions import Decision
from rollout.errors import Forbidden, Unreachable
from rollout.events import Event, EventLog, Kind, log_path
from rollout.hold import Hold
from rollout.lease import Holder
from rollout.pool_record import RolloutRecord, State, declaration_tags
from simulation.virtual_time import EPOCH
from tests.hostpool.literal_azure import INPUTS, LiteralAzure, in_the_middle
from tests.hostpool.night import IMAGE, POOL, POOL_ID, ROLLOUT, VERSION_ID


def status(azure: LiteralAzure, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["status", *arguments], obj=azure.world())


def rows(azure: LiteralAzure, *arguments: str) -> dict[str, dict[str, Any]]:
    data = json.loads(status(azure, "--json", *arguments).stdout)
    return {row["host"]: row for row in data["hosts"]}


def test_each_host_has_its_phase_image_and_what_it_waits_for() -> None:
    found = rows(in_the_middle())
    assert [(name, row["phase"], row["image"]) for name, row in found.items()] == [
        ("vm-0", "done", "1.0.1"),
        ("vm-1", "drain", "1.0.0"),
        ("vm-2", "rejoin", "1.0.1"),
        ("vm-3", "build", "1.0.0"),
        ("vm-4", "rolled-back", "1.0.0"),
        ("vm-5", "failed", "1.0.0"),
        ("vm-6", "to do", "1.0.0"),
        ("vm-9", "excluded", "1.0.0"),
    ]
    assert found["vm-1"]["waits_for"] == "2 sessions to end, 50 min left, then it is left out"
    assert found["vm-2"]["status"] == "no record" and "register" in found["vm-2"]["waits_for"]
    assert found["vm-4"]["why"] == "domain join: 1355"
    assert found["vm-1"]["since"] == "2026-01-12T19:50:00Z"
    assert found["vm-0"]["since"] is None


def test_a_build_whose_disk_is_ready_waits_for_a_slot() -> None:
    azure = in_the_middle()
    azure.keep_disk("vm-3", until=EPOCH, state="ready")
    azure.disks[-1]["tags"][names.DISK_ROLLOUT] = ROLLOUT
    assert rows(azure)["vm-3"]["waits_for"] == "a free slot: its new disk is ready"


def test_a_local_event_log_says_better_what_a_host_waits_for_unless_it_is_older_than_the_phase(tmp_path: Path) -> None:
    log = EventLog(log_path(tmp_path, POOL, ROLLOUT, 1))
    log(Event(EPOCH - 100, Kind.WAITING, "vm-1", "1 active, 1 disconnected session(s)"))
    log(Event(EPOCH - 9000, Kind.WAITING, "vm-2", "something of an earlier phase"))
    log.close()
    found = rows(in_the_middle(), "--log-folder", str(tmp_path))
    assert found["vm-1"]["waits_for"] == "1 active, 1 disconnected session(s)"
    assert "register" in found["vm-2"]["waits_for"]


def test_the_header_has_state_lease_and_capacity_against_the_floor() -> None:
    text = status(in_the_middle()).stdout
    assert "running, 1 of 7 hosts done, 2 failed" in text
    assert "lease: runner-17, until 20:08:20 UTC" in text
    # vm-0, 3, 4, 6 and 9 serve; 12 sessions and a tenth more, 10 a host: 2
    assert "5 of 8 hosts serving, floor 2, 12 sessions" in text


def test_a_run_whose_lease_has_ended_is_told_as_dead() -> None:
    azure = in_the_middle()
    azure.tags[names.LEASE] = Holder("runner-17", 7, EPOCH - 900).encode()
    text = status(azure).stdout
    assert "no engine works on it; the last engine was heard until 19:45:00 UTC: the next pulumi up resumes it" in text
    assert "lease: nobody" in text


def test_what_an_engine_waited_for_that_is_gone_is_not_told(tmp_path: Path) -> None:
    log = EventLog(log_path(tmp_path, POOL, ROLLOUT, 1))
    log(Event(EPOCH - 60, Kind.WAITING, "vm-1", "6 active session(s)"))
    log.close()
    azure = in_the_middle()
    assert rows(azure, "--log-folder", str(tmp_path))["vm-1"]["waits_for"] == "6 active session(s)"
    azure.tags[names.LEASE] = Holder("runner-17", 7, EPOCH - 900).encode()
    assert rows(azure, "--log-folder", str(tmp_path))["vm-1"]["waits_for"].startswith("2 sessions to end")


@pytest.mark.parametrize(
    ("pause", "state", "said"),
    [
        ("ada", State.RUNNING, "pause asked for: hosts in work finish, no new one starts"),
        ("ada", State.PAUSED, "hostpool resume, then it goes on with the next pulumi up or hostpool tick"),
        ("", State.PAUSED, "1 of 7 hosts done, 2 failed; goes on with the next pulumi up or hostpool tick"),
    ],
)
def test_the_state_line_says_how_a_pause_goes_on(pause: str, state: State, said: str) -> None:
    azure = in_the_middle()
    azure.tags[names.RECORD] = RolloutRecord(ROLLOUT, 1, state, 0).encode()
    if pause:
        azure.tags[names.PAUSE] = pause
    if state is State.PAUSED:
        del azure.tags[names.LEASE]
    assert said in status(azure).stdout


NIGHTS = {"recur_every": "Day", "start": "23:30", "duration": "PT6H", "time_zone": "Europe/Amsterdam"}
APPROVED = {**INPUTS, "canary": {"approval": True}, "window": NIGHTS}


def approved_while_the_window_is_closed() -> LiteralAzure:
    azure = in_the_middle()
    record = RolloutRecord(ROLLOUT, 1, State.PAUSED, 0, n=8, b=1)
    opens = from_iso("2026-01-12T22:30:00Z")
    azure.tags = {
        names.RECORD: record.encode(),
        names.TARGET: VERSION_ID,
        names.APPROVAL: Decision(ROLLOUT, 1, "eve@desk-9", int(EPOCH), "CHG7").encode(),
        names.SCHEDULE: Hold(ROLLOUT, int(opens), int(EPOCH), "1.0.1", "runner-17").encode(),
        **declaration_tags(APPROVED),
    }
    return azure


def test_after_an_approval_before_the_window_one_sentence_says_what_is_waited_for() -> None:
    lines = status(approved_while_the_window_is_closed()).stdout.splitlines()
    assert lines[0].endswith(
        "approved by eve@desk-9 (CHG7); goes on when its window opens, Mon 2026-01-12 23:30 Europe/Amsterdam "
        "(22:30 UTC), with hostpool tick or pulumi up"
    ), lines[0]
    assert not any("is scheduled for" in line or "pause is lifted" in line for line in lines)


def test_before_an_approval_that_is_waited_for_and_not_the_window() -> None:
    azure = approved_while_the_window_is_closed()
    del azure.tags[names.APPROVAL]
    assert status(azure).stdout.splitlines()[0].endswith("paused by the canary, which waits for hostpool approve")


def test_times_are_told_in_the_pools_zone_and_utc() -> None:
    azure = in_the_middle()
    azure.tags |= declaration_tags({**INPUTS, "time_zone": "Europe/Amsterdam"})
    azure.tags[names.PAUSE] = "ada@desk-7 at 2026-01-12T23:10:00Z"
    text = status(azure).stdout
    assert "until 21:08:20 (20:08:20 UTC)" in text and "read 21:00:00 (20:00:00 UTC)" in text
    assert "paused: ada@desk-7 at Tue 2026-01-13 00:10 Europe/Amsterdam (2026-01-12 23:10 UTC)" in text


def at_work_elsewhere(azure: LiteralAzure) -> LiteralAzure:
    """The rollout of another pool of the subscription is at work, and nobody works on this one."""
    other = POOL_ID.replace(POOL, "hp-sales")
    lease = Holder("bob@desk-3", 2, EPOCH + 500, int(EPOCH - 900))
    azure.other_pools = [{"id": other, "tags": {names.LEASE: lease.encode()}}]
    azure.tags.pop(names.LEASE, None)
    return azure


def test_it_is_said_behind_which_pools_a_rollout_would_queue() -> None:
    said = "a rollout would queue behind the rollout of hp-sales (bob@desk-3); max_rollouts_per_subscription is 1"
    assert said in status(at_work_elsewhere(in_the_middle())).stdout
    assert "queue" not in status(in_the_middle()).stdout
    several = at_work_elsewhere(in_the_middle())
    several.tags |= declaration_tags({**INPUTS, "max_rollouts_per_subscription": 2})
    assert "queue" not in status(several).stdout
    later = at_work_elsewhere(approved_while_the_window_is_closed())
    assert "queue" not in status(later).stdout, "who is at work then is another question"


def test_a_pool_that_was_never_rolled_can_be_looked_at() -> None:
    azure = LiteralAzure()
    azure.add("vm-0", sessions=3)
    result = status(azure)
    assert result.exit_code == 0
    assert "no rollout has run on this pool" in result.stdout and "floor not known" in result.stdout
    assert rows(azure)["vm-0"]["image"] == "1.0.0"


def test_failed_hosts_come_first_then_those_in_work() -> None:
    lines = status(in_the_middle()).stdout.splitlines()
    order = [line.split()[0] for line in lines if line.startswith("vm-")]
    assert order == ["vm-4", "vm-5", "vm-1", "vm-2", "vm-3", "vm-0", "vm-6", "vm-9"]


def test_watching_lists_session_hosts_once_a_minute_and_lives_through_a_lost_answer() -> None:
    azure = in_the_middle()
    azure.failures = {2: Unreachable(0, "", "no answer"), 4: Forbidden(403, "AuthorizationFailed", "no right")}
    result = status(azure, "--watch")
    assert azure.lists == [0, 60, 120, 180]
    assert result.exit_code == 1 and "no right" in result.stderr


def test_watching_as_json_gives_one_object_a_line() -> None:
    azure = in_the_middle()
    azure.failures = {3: Forbidden(403, "AuthorizationFailed", "no right")}
    lines = status(azure, "--watch", "--json").stdout.splitlines()
    assert [json.loads(line)["read_at"] for line in lines] == ["2026-01-12T20:00:00Z", "2026-01-12T20:01:00Z"]


@pytest.mark.parametrize(
    ("image", "target", "short"),
    [
        (VERSION_ID, VERSION_ID, "1.0.1"),
        (VERSION_ID.upper(), VERSION_ID, "1.0.1"),
        (f"{IMAGE}-gpu/versions/2.0.0", VERSION_ID, "win11-gpu/2.0.0"),
        ("/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/images/golden", VERSION_ID, "golden"),
        (None, VERSION_ID, "unknown"),
    ],
)
def test_images_are_told_shortly(image: str | None, target: str, short: str) -> None:
    assert short_image(image, target) == short
