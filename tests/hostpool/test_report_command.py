"""`hostpool report`: which logs it takes, the page and the JSON it makes, with Azure and without."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hostpool.charts import Axis, axis_of, bars, panels
from hostpool.main import main
from hostpool.report_page import render, verdict
from rollout.errors import Unreachable
from rollout.events import Event, EventLog, Kind, log_path
from rollout.report import Report, build
from tests.hostpool.literal_azure import LiteralAzure, in_the_middle
from tests.hostpool.night import BEGIN, POOL, ROLLOUT, night

VOID = {"meta", "br", "rect", "line", "path"}


class Outline(HTMLParser):
    """Finds unclosed elements and whatever a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe", "object"):
            self.fetched.append(tag)
        self.fetched += [
            f"{name}={value}" for name, value in attrs if name in ("src", "href") and value and value[0] != "#"
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def page(made: Report) -> str:
    return render(made, made_at=BEGIN, sources=["a test"])


def outline(text: str) -> Outline:
    parser = Outline()
    parser.feed(text)
    parser.close()
    return parser


def written(folder: Path, events: list[Event], attempt: int = 1, rollout: str = ROLLOUT, pool: str = POOL) -> Path:
    path = log_path(folder, pool, rollout, attempt)
    log = EventLog(path)
    for event in events:
        log(event)
    log.close()
    return path


def report(folder: Path, *arguments: str, azure: LiteralAzure | None = None, pool: bool = True) -> Result:
    world = (azure or in_the_middle()).world(None if pool else {})
    return CliRunner().invoke(main, ["report", "--log-folder", str(folder), *arguments], obj=world)


@pytest.mark.parametrize("hosts", [1, 12, 500])
def test_the_page_is_whole_and_fetches_nothing(hosts: int) -> None:
    text = page(build(night(hosts, max(1, hosts // 12), failing=("vm-0",), staying=(), killed_after=2000.0)))
    found = outline(text)
    assert found.open == [] and found.fetched == []
    assert not re.search(r"url\((?!#)", text) and "@import" not in text
    assert len(text) < 4000 * hosts + 60_000


def test_every_host_has_its_row_with_bars_in_the_time_shown() -> None:
    made = build(night())
    axis = axis_of(made)
    text = page(made)
    for timeline in made.hosts:
        assert f"<td>{timeline.host}</td>" in text
        drawn = bars(timeline, axis)
        assert len(drawn) == len(timeline.spans) > 0
        assert all(0 <= bar.x and bar.x + bar.width <= 100.2 for bar in drawn)
        assert [bar.unavailable for bar in drawn] == [span.unavailable for span in timeline.spans]


def test_texts_from_azure_cannot_become_markup() -> None:
    events = night(2, 1, failing=("vm-1",), staying=(), killed_after=None)
    evil = [
        Event(e.time, e.kind, e.host, e.text.replace("domain join", "<script>alert(1)</script>"), e.data)
        for e in events
    ]
    found = outline(page(build(evil)))
    assert "script" not in found.fetched and any("<script>alert(1)</script>" in text for text in found.text)


def test_the_verdict_is_honest_about_failures_gaps_and_a_missing_end() -> None:
    assert verdict(build(night())) == [
        "10 of 12 hosts serve on 1.0.1.",
        "1 host is back on its old disk and serves the old image.",
        "1 host was left out and serves unchanged.",
        "As far as is known, serving hosts never fell below the floor.",
        "Users: 8 logged off as declared, 1 came back meanwhile, nobody was cut off.",
        "For 22 min no engine ran; nothing is known of that time.",
    ]
    events = night(killed_after=None)
    assert "The log has no end" in verdict(build(events[: len(events) // 2]))[-1]


def test_nothing_is_drawn_where_nothing_is_known() -> None:
    made = build(night())
    axis = axis_of(made)
    gap = [axis.percent(at) * 10 for at in made.gaps[0]]
    serving = panels(made, axis)[0].areas[0].path
    edges = [(float(left), float(right)) for left, right in re.findall(r"M([\d.]+) [\d.]+H([\d.]+)V", serving)]
    assert edges and not any(left < gap[1] - 0.2 and right > gap[0] + 0.2 for left, right in edges)


def test_time_marks_are_round_and_few() -> None:
    marks = Axis(BEGIN + 7, BEGIN + 12_600, "UTC").marks
    assert [(text, utc) for _, text, utc in marks] == [
        (text, "") for text in ("12 Jan 21:30", "22:00", "22:30", "23:00", "23:30", "13 Jan 00:00", "00:30")
    ]


def test_time_marks_are_round_in_the_pools_zone_with_utc_beside_them() -> None:
    marks = Axis(BEGIN + 7, BEGIN + 12_600, "Asia/Kathmandu").marks  # 5 h 45 min ahead
    assert [(text, utc) for _, text, utc in marks][:2] == [
        ("13 Jan 03:00", "12 Jan 21:15 UTC"), ("03:30", "21:45 UTC")
    ]  # fmt: skip


def test_the_report_is_in_the_zone_that_the_run_was_declared_with(tmp_path: Path) -> None:
    def there(event: Event) -> Event:
        begins = event.kind is Kind.STARTED
        return replace(event, data={**event.data, "time_zone": "Europe/Amsterdam"}) if begins else event

    written(tmp_path, [there(event) for event in night()])
    text = Path(report(tmp_path).stdout.strip()).read_text()
    assert "2026-01-12 22:00 Europe/Amsterdam (21:00 UTC) to 2026-01-13" in text
    assert "those of Europe/Amsterdam, with UTC in brackets" in text and "<br>" in text
    assert re.search(r"12 Jan 23:\d\d \(22:\d\d UTC\)", text) and not re.search(r"12 Jan 21:\d\d<", text)


def test_the_page_is_written_beside_the_log_and_its_path_told(tmp_path: Path) -> None:
    written(tmp_path, night())
    result = report(tmp_path)
    path = tmp_path / f"{POOL}-{ROLLOUT}.html"
    assert (result.exit_code, result.stdout) == (0, f"{path}\n")
    text = path.read_text()
    assert "Rollout of 1.0.1" in text and "The pool now" in text and "the record in Azure" in text


def test_offline_azure_is_not_asked_and_the_page_says_so(tmp_path: Path) -> None:
    written(tmp_path, night())
    azure = in_the_middle()
    target = tmp_path / "x" / "monday.html"
    result = report(tmp_path, "--offline", "-o", str(target), azure=azure, pool=False)
    assert result.exit_code == 0 and azure.lists == []
    assert "Azure was not asked" in target.read_text() and "The pool now" not in target.read_text()


def test_a_report_does_not_fail_because_azure_does(tmp_path: Path) -> None:
    written(tmp_path, night())
    azure = in_the_middle()
    azure.failures = {1: Unreachable(0, "", "no answer")}
    result = report(tmp_path, azure=azure)
    assert result.exit_code == 0 and "Azure could not be asked" in result.stderr
    assert "Azure could not be asked" in (tmp_path / f"{POOL}-{ROLLOUT}.html").read_text()


def test_as_json_with_the_pool_as_it_is_now(tmp_path: Path) -> None:
    written(tmp_path, night())
    data = json.loads(report(tmp_path, "--json").stdout)
    assert data["status"] == "complete_with_failures" and data["totals"]["by_result"]["done"] == 10
    assert data["now"]["pool"] == POOL and len(data["now"]["hosts"]) == 8
    assert json.loads(report(tmp_path, "--json", "--offline").stdout)["now"] is None


def test_all_attempts_of_a_rollout_are_joined_unless_one_is_named(tmp_path: Path) -> None:
    written(tmp_path, night(3, 1, failing=("vm-1",), staying=(), killed_after=None))
    later = [
        Event(e.time + 90_000, e.kind, e.host, e.text, {**e.data, "attempt": 2} if "attempt" in e.data else e.data)
        for e in night(3, 1, failing=(), staying=(), killed_after=None)
    ]
    written(tmp_path, later, attempt=2)
    both = json.loads(report(tmp_path, "--json", "--offline").stdout)
    assert len(both["runs"]) == 2 and len(both["failures"]) == 1 and both["totals"]["by_result"]["done"] == 3
    first = json.loads(report(tmp_path, "--json", "--offline", "--attempt", "1").stdout)
    assert len(first["runs"]) == 1 and first["totals"]["by_result"]["done"] == 2


def test_the_last_rollout_of_the_pool_is_taken_and_another_by_its_id(tmp_path: Path) -> None:
    old = written(tmp_path, night(2, 1, failing=(), staying=(), killed_after=None), rollout="aaaaaaaa")
    os.utime(old, (BEGIN, BEGIN))
    written(tmp_path, night())
    assert json.loads(report(tmp_path, "--json", "--offline").stdout)["totals"]["hosts"] == 12
    assert json.loads(report(tmp_path, "--json", "--offline", "--rollout", "aaaaaaaa").stdout)["totals"]["hosts"] == 2
    unknown = report(tmp_path, "--rollout", "zzz")
    assert unknown.exit_code == 2 and "there are: aaaaaaaa attempt 1, 3f2a9c11 attempt 1" in unknown.stderr


def test_logs_of_several_pools_need_a_pool_named(tmp_path: Path) -> None:
    written(tmp_path, night(2, 1, failing=(), staying=()))
    written(tmp_path, night(2, 1, failing=(), staying=()), pool="hp-lab", rollout="bbbbbbbb")
    result = report(tmp_path, pool=False)
    assert result.exit_code == 2 and "logs of several pools (hp-finance, hp-lab); name one" in result.stderr


def test_an_empty_log_is_told_as_such(tmp_path: Path) -> None:
    path = written(tmp_path, [])
    result = report(tmp_path)
    assert result.exit_code == 1 and result.stderr == f"Error: {path}: the log has no start of a run\n"
