"""The audit log's file: appended over runs, readable by others meanwhile, and no obstacle when it cannot be written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rollout.audit import Audit, row
from rollout.events import Event, Kind
from sinks.audit_log import AuditFile, AuditLog
from sinks.caller import caller

POOL = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DesktopVirtualization/hostPools/hp-1"
STARTED: dict[str, Any] = {"rollout": "r1", "attempt": 1, "version": "1.0.1", "hosts": ["vm-0"], "from_versions": {}}


class Clock:
    def now(self) -> float:
        return 5000.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError

    def real_seconds(self, seconds: float) -> float:
        return seconds


def log(folder: Path, warnings: list[str] | None = None, who: str = "ada@desk-7 4711") -> AuditLog:
    said = warnings if warnings is not None else []
    return AuditLog(AuditFile(folder, "hp-1"), Audit(POOL, who), Clock(), said.append)


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "hp-1.audit.jsonl").read_text().splitlines()]


def events(folder: Path) -> list[str]:
    return [each["Event"] for each in rows(folder)]


def test_runs_append_and_each_fact_of_an_attempt_is_noted_once(tmp_path: Path) -> None:
    with log(tmp_path / "new") as first:
        first(Event(1000.0, Kind.STARTED, data=STARTED))
        first(Event(1001.0, Kind.CANARY, data={"result": "passed", "hosts": ["vm-0"]}))
        first(Event(1002.0, Kind.ENDED, text="paused", data={"status": "paused", "counts": {}}))
    with log(tmp_path / "new", who="bob@desk-8 1") as second:
        second(Event(2000.0, Kind.STARTED, data={**STARTED, "resumed": True}))
        second(Event(2001.0, Kind.CANARY, data={"result": "passed", "hosts": ["vm-0"]}))
        second(Event(2002.0, Kind.ENDED, text="done", data={"status": "complete", "counts": {}}))
    assert events(tmp_path / "new") == [
        "rollout_started", "canary_passed", "rollout_ended", "rollout_resumed", "rollout_ended",
    ]  # fmt: skip
    assert [each["Who"] for each in rows(tmp_path / "new")] == ["ada@desk-7 4711"] * 3 + ["bob@desk-8 1"] * 2


def test_a_run_that_an_error_ends_is_noted_with_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError), log(tmp_path) as listener:
        listener(Event(1000.0, Kind.STARTED, data=STARTED))
        raise ValueError("the lease was taken by bob")
    assert events(tmp_path) == ["rollout_started", "rollout_interrupted"]
    assert rows(tmp_path)[1]["Why"] == "the lease was taken by bob"
    assert rows(tmp_path)[1]["Time"] == "1970-01-01T01:23:20.000Z"


def test_a_run_that_never_began_leaves_no_end(tmp_path: Path) -> None:
    with pytest.raises(ValueError), log(tmp_path):
        raise ValueError("held")
    assert not (tmp_path / "hp-1.audit.jsonl").exists()


def test_a_file_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    warnings: list[str] = []
    with log(tmp_path / "file", warnings) as listener:
        listener(Event(1000.0, Kind.STARTED, data=STARTED))
        listener(Event(1001.0, Kind.PAUSED, text="paused"))
    [warning] = warnings
    assert warning.startswith(f"the audit log {tmp_path / 'file' / 'hp-1.audit.jsonl'} cannot be used")


def append(file: AuditFile, at: float) -> str:
    made = row(at, "pause_requested", host_pool_id=POOL, who="ada")
    file.append(made)
    return made.event_id


def test_a_reader_goes_on_where_it_was(tmp_path: Path) -> None:
    file = AuditFile(tmp_path, "hp-1")
    assert file.after(0) == ([], 0) and file.behind("x") == 0
    ids = [append(file, at) for at in (1.0, 2.0, 3.0)]
    found, end = file.after(0)
    assert [each["EventId"] for each in found] == ids and end == file.path.stat().st_size
    assert [each["EventId"] for each in file.after(file.behind(ids[0]))[0]] == ids[1:]
    assert file.after(end) == ([], end)
    with file.path.open("a") as half:
        half.write('{"EventId": "half')
    assert file.after(end) == ([], end)  # somebody is writing it
    with file.path.open("a") as rest:
        rest.write('"}\nnot json\n')
    assert [each["EventId"] for each in file.after(end)[0]] == ["half"]


def test_another_file_in_its_place_is_read_from_its_beginning(tmp_path: Path) -> None:
    file = AuditFile(tmp_path, "hp-1")
    for at in (1.0, 2.0, 3.0):
        append(file, at)
    _, end = file.after(0)
    file.path.rename(tmp_path / "hp-1.audit.1")
    newest = append(file, 4.0)
    assert [each["EventId"] for each in file.after(end)[0]] == [newest]


@pytest.mark.parametrize(
    ("environment", "who", "run"),
    [
        ({}, "ada@desk-7 1", ""),
        (
            {
                "GITHUB_RUN_ID": "77",
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_REPOSITORY": "contoso/avd",
                "GITHUB_ACTOR": "ann",
                "GITHUB_TRIGGERING_ACTOR": "ada",
            },
            "ada, ada@desk-7 1",
            "https://github.com/contoso/avd/actions/runs/77",
        ),
        (
            {"GITLAB_CI": "true", "GITLAB_USER_LOGIN": "ann", "CI_JOB_URL": "https://gitlab/jobs/5"},
            "ann, ada@desk-7 1",
            "https://gitlab/jobs/5",
        ),
        (
            {
                "TF_BUILD": "True",
                "BUILD_REQUESTEDFOR": "Ann B",
                "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI": "https://dev.azure.com/contoso/",
                "SYSTEM_TEAMPROJECT": "avd",
                "BUILD_BUILDID": "9",
            },
            "Ann B, ada@desk-7 1",
            "https://dev.azure.com/contoso/avd/_build/results?buildId=9",
        ),
    ],
)
def test_who_started_a_run_and_where(environment: dict[str, str], who: str, run: str) -> None:
    assert caller("ada@desk-7 1", environment) == {"who": who, "run": run, "change_ticket": ""}
    ticket = {**environment, "HOSTPOOL_CHANGE_TICKET": " CHG0042 "}
    assert caller("ada@desk-7 1", ticket)["change_ticket"] == "CHG0042"
