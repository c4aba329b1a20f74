"""The report built from events: results, spans, outages, capacity, gaps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rollout import presence, report
from rollout.events import Event, Kind, read_log
from rollout.host_timeline import HostTimeline, Span
from tests.hostpool.night import BEGIN, POOL_ID, VERSION_ID, night


def started(at: float, *hosts: str, resumed: bool = False, attempt: int = 1) -> Event:
    data = {"rollout": "r1", "attempt": attempt, "resumed": resumed, "hosts": list(hosts), "version": "1.0.1"}
    return Event(at, Kind.STARTED, "", "", {**data, "pool": POOL_ID, "image": VERSION_ID, "owner": "me"})


def phase(at: float, host: str, to: str, came_from: str = "") -> Event:
    return Event(at, Kind.PHASE, host, "", {"phase": to, "from": came_from})


def capacity(at: float, serving: int, floor: int, **more: int) -> Event:
    return Event(at, Kind.CAPACITY, "", "", {"hosts": 4, "serving": serving, "floor": floor, **more})


def timeline(made: report.Report, host: str) -> HostTimeline:
    return next(t for t in made.hosts if t.host == host)


def test_phases_become_spans_and_the_unavailable_ones_the_outage() -> None:
    made = report.build(
        [
            started(0, "vm-1"),
            phase(10, "vm-1", "build"),
            phase(100, "vm-1", "drain", "build"),
            phase(200, "vm-1", "release", "drain"),
            phase(260, "vm-1", "rejoin", "release"),
            phase(560, "vm-1", "serve", "rejoin"),
            Event(570, Kind.HOST_DONE, "vm-1", "", {"image": VERSION_ID}),
            phase(580, "vm-1", "done", "serve"),
        ]
    )
    vm = timeline(made, "vm-1")
    assert [(s.phase, s.start, s.end) for s in vm.spans] == [
        ("build", 10, 100),
        ("drain", 100, 200),
        ("release", 200, 260),
        ("rejoin", 260, 560),
        ("serve", 560, 570),
    ]
    assert (vm.result, vm.outage) == ("done", 360)
    assert made.totals.outage_median == made.totals.outage_longest == 360


def test_the_outage_the_engine_measured_goes_before_the_one_of_the_phases() -> None:
    done = Event(500, Kind.HOST_DONE, "vm-1", "", {"outage": 321.5})
    made = report.build([started(0, "vm-1"), phase(100, "vm-1", "release"), done])
    assert timeline(made, "vm-1").outage == 321.5


def test_a_failed_host_stays_unavailable_to_the_end() -> None:
    made = report.build(
        [
            started(0, "vm-1"),
            phase(100, "vm-1", "undo"),
            Event(200, Kind.HOST_FAILED, "vm-1", "no way back", {"result": "failed", "evidence": {"a": "b"}}),
            phase(200, "vm-1", "failed", "undo"),
            Event(1000, Kind.ENDED, "", "", {"status": "stopped"}),
        ]
    )
    vm = timeline(made, "vm-1")
    assert (vm.result, vm.why, vm.outage) == ("failed", "no way back", 900)
    assert made.failures == (report.Failure(200, "vm-1", "no way back", "failed", {"a": "b"}),)
    assert made.status == "stopped"


def test_a_host_that_a_later_attempt_brings_over_is_done_and_its_failure_is_still_told() -> None:
    made = report.build(
        [
            started(0, "vm-1"),
            phase(100, "vm-1", "undo"),
            Event(200, Kind.HOST_FAILED, "vm-1", "no join", {"result": "rolled_back"}),
            phase(200, "vm-1", "rolled-back", "undo"),
            Event(300, Kind.ENDED, "", "", {"status": "complete_with_failures", "reads": 5, "writes": 7}),
            started(1000, "vm-1", attempt=2),
            phase(1010, "vm-1", "release"),
            Event(1100, Kind.HOST_DONE, "vm-1", "", {"outage": 90}),
            Event(1200, Kind.ENDED, "", "", {"status": "complete", "reads": 1, "writes": 2}),
        ]
    )
    assert (timeline(made, "vm-1").result, timeline(made, "vm-1").why) == ("done", "")
    assert [f.why for f in made.failures] == ["no join"]
    assert (made.attempt, made.status, made.totals.reads, made.totals.writes) == (2, "complete", 6, 9)


def test_time_without_an_engine_is_a_gap_and_counts_neither_as_below_nor_as_known() -> None:
    events = [
        started(0, "vm-1"),
        capacity(10, serving=1, floor=2),
        capacity(40, serving=3, floor=2),
        capacity(50, serving=1, floor=2),
        phase(60, "vm-1", "drain"),
        started(1000, resumed=True),
        phase(1000, "vm-1", "drain", "drain"),
        capacity(1010, serving=4, floor=2),
        phase(1100, "vm-1", "release", "drain"),
    ]
    made = report.build(events)
    assert list(made.gaps) == [(60.0, 1000.0)]
    assert made.totals.seconds_below_floor == 30 + 10
    assert (made.totals.lowest_serving, made.totals.floor_then) == (1, 2)
    assert (made.totals.duration, made.totals.worked) == (1100, 160)
    assert timeline(made, "vm-1").spans[0] == Span("drain", 60, 1100)
    assert made.status == "running"


def test_evidence_told_before_the_restore_is_kept_with_its_outcome() -> None:
    events = [
        started(0, "vm-1"),
        phase(10, "vm-1", "rejoin"),
        Event(20, Kind.HOST_FAILED, "vm-1", "no join", {"result": "restoring", "evidence": {"events": "5719"}}),
        phase(21, "vm-1", "undo", "rejoin"),
    ]
    assert [(f.result, f.why) for f in report.build(events).failures] == [("restoring", "no join")]
    assert timeline(report.build(events), "vm-1").result == "in-work"
    ended = Event(99, Kind.HOST_FAILED, "vm-1", "", {"result": "rolled_back"})
    made = report.build([*events, ended])
    assert made.failures == (report.Failure(20, "vm-1", "no join", "rolled-back", {"events": "5719"}),)
    assert (timeline(made, "vm-1").result, timeline(made, "vm-1").why) == ("rolled-back", "no join")


def test_hosts_are_sorted_worst_first_then_by_their_begin_and_unknown_ones_wait() -> None:
    made = report.build(
        [
            started(0, "vm-10", "vm-2", "vm-3", "vm-4"),
            phase(5, "vm-4", "build"),
            phase(9, "vm-3", "drain"),
            Event(10, Kind.HOST_FAILED, "vm-3", "a user stayed", {"result": "left_out"}),
            phase(11, "vm-3", "done", "leave"),
        ]
    )
    assert [(t.host, t.result) for t in made.hosts] == [
        ("vm-3", "left-out"),
        ("vm-4", "in-work"),
        ("vm-2", "waiting"),
        ("vm-10", "waiting"),
    ]
    assert made.totals.by_result["waiting"] == 2


def test_users_are_counted_as_people_not_as_events() -> None:
    user = {"user": "ada@example.com"}
    made = report.build(
        [
            started(0, "vm-1"),
            Event(1, Kind.USER, "vm-1", "", {**user, "what": presence.MESSAGE}),
            Event(2, Kind.USER, "vm-1", "", {**user, "what": presence.MESSAGE}),
            Event(3, Kind.USER, "vm-1", "", {**user, "what": presence.LOGGED_OFF}),
        ]
    )
    totals = made.totals
    assert (totals.users_messaged, totals.users_logged_off, totals.users_came_back) == (1, 1, 0)


def test_findings_are_those_of_the_last_check() -> None:
    def checked(at: float, *ids: str) -> Event:
        found = [{"id": i, "severity": "error", "subject": "s", "problem": "p", "remedy": "r"} for i in ids]
        return Event(at, Kind.CHECKED, "", "", {"findings": found})

    made = report.build([started(0), checked(1, "quota", "lock"), started(10), checked(11, "lock")])
    assert [finding.id for finding in made.findings] == ["lock"]


def test_a_log_without_a_start_is_no_report() -> None:
    with pytest.raises(ValueError, match="no start"):
        report.build([phase(1, "vm-1", "build")])


def test_the_json_has_iso_times_and_is_written_whole(tmp_path: Path) -> None:
    made = report.build(night())
    path = tmp_path / "deep" / "report.json"
    report.write_json(made, path)
    data = json.loads(path.read_text())
    assert data["started"] == "2026-01-12T21:00:00Z"
    assert data["gaps"][0]["end"] == "2026-01-12T22:50:00Z"
    assert data["hosts"][0]["spans"][0]["start"].endswith("Z")
    assert data["totals"]["by_result"]["done"] == 10 and data["attempt"] == 1 and data["schema"] == 1
    assert [p.name for p in path.parent.iterdir()] == ["report.json"]


def test_a_log_cut_short_makes_a_report(tmp_path: Path) -> None:
    log = tmp_path / "x.jsonl"
    lines = [event.to_json() for event in night(killed_after=None)[:60]]
    log.write_text("\n".join(lines)[:-20])
    made = report.build(read_log(log))
    assert made.status == "running" and made.started == BEGIN
    assert timeline(made, "vm-0").spans
