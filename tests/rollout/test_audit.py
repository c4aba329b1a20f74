"""Which events become rows of the audit log, with what in them, and when two rows are the same event."""

from __future__ import annotations

from typing import Any

import pytest

from rollout.audit import EVENTS, LONGEST, Audit, Row, column, row, schema
from rollout.events import Event, Kind

POOL = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DesktopVirtualization/hostPools/hp1"
AT = 1_768_248_000.25
FINDING = {"severity": "error", "subject": "subnet", "problem": "is full", "remedy": "make it larger"}
STARTED: dict[str, Any] = {
    "rollout": "r1",
    "attempt": 3,
    "version": "1.0.1",
    "hosts": ["vm-0", "vm-1"],
    "from_versions": {"vm-0": "1.0.0", "vm-1": "0.9.0"},
    "estimate": "about 1 h",
}
COUNTS = {"hosts": 2, "updated": 1, "rolled_back": 1, "failed": 0, "left": 0}


def event(kind: Kind, text: str = "", host: str = "", at: float = AT, **data: Any) -> Event:
    return Event(at, kind, host, text, data)


def audit(**known: str) -> Audit:
    return Audit(POOL, "ada@desk-7 4711", **known)


def begun(**known: str) -> Audit:
    made = audit(**known)
    made.of(event(Kind.STARTED, **STARTED))
    return made


def told(made: Audit, happened: Event) -> dict[str, Any] | None:
    """What the row has beside what every row of the rollout has."""
    found = made.of(happened)
    if found is None:
        return None
    common = {"Time", "HostPoolId", "HostPool", "Who", "Rollout", "Attempt", "ToVersion", "EventId", "SchemaVersion"}
    return {name: value for name, value in found.columns().items() if name not in common}


def test_a_row_says_who_when_which_pool_and_what() -> None:
    found = audit(run="https://ci/7", change_ticket="CHG42").of(event(Kind.STARTED, **STARTED))
    assert found is not None
    columns = found.columns()
    assert len(columns.pop("EventId")) == 20
    assert columns == {
        "Time": "2026-01-12T20:00:00.250Z",
        "Event": "rollout_started",
        "HostPoolId": POOL,
        "HostPool": "hp1",
        "FromVersion": "0.9.0, 1.0.0",
        "ToVersion": "1.0.1",
        "Who": "ada@desk-7 4711",
        "Run": "https://ci/7",
        "ChangeTicket": "CHG42",
        "Why": "about 1 h",
        "Hosts": 2,
        "Rollout": "r1",
        "Attempt": 3,
        "SchemaVersion": 1,
    }


@pytest.mark.parametrize(
    ("happened", "expected"),
    [
        (event(Kind.STARTED, **STARTED, resumed=True), {"Event": "rollout_resumed"}),
        (event(Kind.CHECKED, findings=[FINDING]), {"Event": "checks_failed", "Why": "subnet: is full; make it larger"}),
        (event(Kind.CHECKED, findings=[{**FINDING, "severity": "warning"}]), None),
        (event(Kind.SCHEDULED, "waits until Sat"), {"Event": "rollout_scheduled", "Why": "waits until Sat"}),
        (event(Kind.CANARY, result="passed", hosts=["vm-0"]), {"Event": "canary_passed", "Why": "vm-0"}),
        (event(Kind.CANARY, result="baked", hosts=["vm-0"]), {"Event": "canary_baked", "Why": "vm-0"}),
        (event(Kind.CANARY, result="failed", hosts=["vm-0"]), {"Event": "canary_failed", "Why": "vm-0"}),
        (event(Kind.CHECKPOINT, percent=25.0, pause=60.0), {"Event": "checkpoint", "Why": "25 % are done"}),
        (
            event(Kind.HOST_DONE, host="vm-0", outage=600.5, image="..."),
            {"Event": "host_updated", "Host": "vm-0", "FromVersion": "1.0.0", "OutageSeconds": 600.5},
        ),
        (
            event(Kind.HOST_FAILED, "no boot", "vm-1", result="rolled_back"),
            {"Event": "host_rolled_back", "Host": "vm-1", "FromVersion": "0.9.0", "Why": "no boot"},
        ),
        (event(Kind.HOST_FAILED, "no boot", "vm-1", result="restoring", evidence={}), None),
        (
            event(Kind.USER, "ann@contoso.com: logged off", "vm-0", user="ann@contoso.com", what="logged off"),
            {"Event": "user_logged_off", "Host": "vm-0", "User": "ann@contoso.com", "FromVersion": "1.0.0"},
        ),
        (event(Kind.USER, "...", "vm-0", user="ann@contoso.com", what="message"), None),
        (event(Kind.USER, "...", "vm-0", user="ann@contoso.com", what="signed out"), None),
        (
            event(Kind.USER, "...", "vm-1", user="bob@contoso.com", what="disconnected session ended"),
            {"Event": "session_ended", "Host": "vm-1", "User": "bob@contoso.com", "FromVersion": "0.9.0"},
        ),
        (
            event(Kind.USER, "...", "vm-1", user="bob@contoso.com", what="cut off"),
            {"Event": "user_cut_off", "Host": "vm-1", "User": "bob@contoso.com", "FromVersion": "0.9.0"},
        ),
        (event(Kind.PAUSED, "paused by bob"), {"Event": "rollout_paused", "Why": "paused by bob"}),
        (
            event(Kind.ENDED, "1 of 2", status="complete_with_failures", counts=COUNTS, duration=3600, hosts={"x": []}),
            {
                "Event": "rollout_ended",
                "Status": "complete_with_failures",
                "Why": "1 of 2",
                "DurationSeconds": 3600,
                "Hosts": 2,
                "Updated": 1,
                "RolledBack": 1,
                "Failed": 0,
                "Left": 0,
            },
        ),
        (event(Kind.ACTION, "started", "vm-1"), None),
        (event(Kind.WAITING, "a slot", "vm-1"), None),
    ],
)
def test_what_a_row_says_of_an_event(happened: Event, expected: dict[str, Any] | None) -> None:
    found = told(begun(), happened)
    if expected is None or found is None:
        assert found == expected
    else:
        assert expected.items() <= found.items()
        assert happened.kind is Kind.STARTED or found == expected


@pytest.mark.parametrize("kind", [Kind.SCHEDULED, Kind.REMINDER, Kind.SCHEDULE_CHANGED])
def test_what_is_told_of_a_schedule_names_its_rollout_though_nothing_has_begun(kind: Kind) -> None:
    found = audit().of(event(kind, "Sat", rollout="r1", attempt=4, version="1.0.2", what="moved"))
    assert found is not None and (found.rollout, found.attempt, found.to_version) == ("r1", 4, "1.0.2")
    failed = audit().of(event(Kind.CHECKED, findings=[FINDING], version="1.0.2"))
    assert failed is not None and failed.to_version == "1.0.2"


@pytest.mark.parametrize("result", ["failed", "gone", "left_out", "rolled_back"])
def test_every_result_of_a_host_has_its_event(result: str) -> None:
    found = begun().of(event(Kind.HOST_FAILED, "why", "vm-0", result=result))
    assert found is not None and found.event == f"host_{result}" and found.event in EVENTS


def id_of(made: Audit, happened: Event) -> str:
    found = made.of(happened)
    assert found is not None
    return found.event_id


def test_what_two_runs_tell_of_one_attempt_is_one_event() -> None:
    facts = [
        event(Kind.CANARY, result="passed", hosts=["vm-0"]),
        event(Kind.CHECKPOINT, percent=25.0, pause=60.0),
        event(Kind.CHECKPOINT, percent=50.0, pause=60.0),
        event(Kind.HOST_DONE, host="vm-0", outage=1.0),
        event(Kind.HOST_DONE, host="vm-1", outage=1.0),
    ]
    first, again = begun(), Audit(POOL, "bob@desk-8 1")
    again.of(event(Kind.STARTED, at=AT + 900, **{**STARTED, "resumed": True}))
    ids = [id_of(first, fact) for fact in facts]
    later = [Event(fact.time + 1000, fact.kind, fact.host, fact.text, fact.data) for fact in facts]
    assert [id_of(again, fact) for fact in later] == ids
    assert len(set(ids)) == len(ids)


def test_what_happens_twice_is_two_events() -> None:
    made = begun()
    for happened in (event(Kind.PAUSED, "paused"), event(Kind.ENDED, status="paused"), event(Kind.STARTED, **STARTED)):
        later = Event(happened.time + 60, happened.kind, "", happened.text, happened.data)
        assert id_of(made, happened) != id_of(made, later)
    other_attempt = Audit(POOL, "ada@desk-7 4711")
    other_attempt.of(event(Kind.STARTED, **{**STARTED, "attempt": 4}))
    done = event(Kind.HOST_DONE, host="vm-0", outage=1.0)
    assert id_of(other_attempt, done) != id_of(begun(), done)


def test_an_approval_is_of_whoever_gave_it_and_its_ticket_stays() -> None:
    made = begun(run="https://ci/7")
    given = event(Kind.APPROVED, "approved by bob", by="bob@desk-8", at=int(AT) - 3600, ticket="CHG42")
    found = made.of(given)
    assert found is not None
    assert (found.event, found.who, found.run, found.change_ticket) == ("approved", "bob@desk-8", "", "CHG42")
    assert found.time == "2026-01-12T19:00:00.000Z"
    after = made.of(event(Kind.HOST_DONE, host="vm-1", outage=1.0))
    assert after is not None and (after.change_ticket, after.who) == ("CHG42", "ada@desk-7 4711")
    # As `hostpool approve` notes it on another machine: the same event.
    known = {"rollout": "r1", "attempt": 3, "change_ticket": "CHG42"}
    assert row(AT - 3600, "approved", host_pool_id=POOL, who="bob@desk-8", **known).event_id == found.event_id


def test_a_run_is_open_from_its_start_to_its_end() -> None:
    made = audit()
    assert not made.open
    made.of(event(Kind.STARTED, **STARTED))
    assert made.open
    made.of(event(Kind.ENDED, "done", status="complete", counts=COUNTS))
    assert not made.open


def test_a_long_reason_is_cut() -> None:
    assert len(row(AT, "disks_deleted", host_pool_id=POOL, who="a", why="x" * 9000).why) == LONGEST


def test_columns_are_what_log_analytics_takes() -> None:
    names = list(schema())
    # learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview: reserved names, 45 characters.
    assert not {name.lower() for name in names} & {"id", "tenantid", "type", "uniqueid", "title", "timegenerated"}
    assert all(name.isidentifier() and len(name) <= 45 for name in names)
    assert set(schema().values()) <= {"string", "int", "real", "datetime"}
    assert column("host_pool_id") == "HostPoolId"
    whole = Row(time="t", event="e", outage_seconds=1.0, hosts=1, attempt=1).columns()
    assert whole.keys() <= schema().keys()
