"""The live line, and the lines that stay."""

from __future__ import annotations

from typing import Any

from providers.progress import Progress
from rollout.events import Event, Kind


class Lines:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.live: list[str] = []
        self.kept: list[str] = []
        self.warned: list[str] = []

    def status(self, text: str) -> None:
        self.live.append(text)

    def info(self, text: str) -> None:
        self.kept.append(text)

    def warning(self, text: str) -> None:
        self.warned.append(text)


class Timer:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def event(kind: Kind, host: str = "", text: str = "", **data: Any) -> Event:
    return Event(0.0, kind, host, text, data)


def started(count: int, **data: Any) -> Event:
    hosts = [f"vm-{i}" for i in range(count)]
    return event(Kind.STARTED, version="1.0.1", hosts=hosts, attempt=1, resumed=False, **data)


def phase(host: str, name: str) -> Event:
    return event(Kind.PHASE, host, phase=name)


def told(*events: Event) -> tuple[Progress, Lines]:
    lines = Lines()
    progress = Progress(lines, now=Timer())
    for each in events:
        progress(each)
    return progress, lines


def test_the_line_counts_hosts_and_names_the_one_that_waits() -> None:
    progress, _ = told(
        started(12),
        *(event(Kind.HOST_DONE, f"vm-{i}", outage=600.0) for i in range(7)),
        phase("vm-7", "release"),
        phase("vm-8", "rejoin"),
        phase("vm-9", "drain"),
        phase("vm-10", "build"),
        event(Kind.WAITING, "vm-8", "the agent to register"),
        event(Kind.WAITING, "vm-9", "1 active session(s)"),
        event(Kind.CAPACITY, floor=6, serving=8),
    )
    assert progress.line() == (
        "1.0.1: 7/12 done, 2 out, 1 draining, 1 building | vm-8 waits: the agent to register | floor 6, serving 8"
    )


def test_a_host_that_enters_another_phase_waits_no_more() -> None:
    progress, _ = told(started(2), phase("vm-0", "rejoin"), event(Kind.WAITING, "vm-0", "the guest to boot"))
    assert "the guest to boot" in progress.line()
    progress(phase("vm-0", "serve"))
    assert progress.line() == "1.0.1: 0/2 done, 1 out"


def test_the_line_is_as_short_for_200_hosts() -> None:
    progress, _ = told(
        started(200),
        *(phase(f"vm-{i}", "build") for i in range(40)),
        *(phase(f"vm-{i}", "drain") for i in range(40, 80)),
        *(phase(f"vm-{i}", "rejoin") for i in range(80, 100)),
        *(event(Kind.WAITING, f"vm-{i}", "x" * 500) for i in range(80, 100)),
        event(Kind.CAPACITY, floor=120, serving=131),
    )
    assert "20 out, 40 draining, 40 building" in progress.line()
    assert len(progress.line()) < 170


def test_failures_stay_as_warnings_and_a_restore_on_its_way_is_not_told_yet() -> None:
    progress, lines = told(
        started(2),
        phase("vm-0", "undo"),
        event(Kind.HOST_FAILED, "vm-0", "never booted", result="restoring"),
    )
    assert lines.warned == []
    assert "1 out" in progress.line()
    progress(event(Kind.HOST_FAILED, "vm-0", "never booted", result="rolled_back"))
    assert lines.warned == ["vm-0 rolled back: never booted"]
    assert progress.line() == "1.0.1: 0/2 done, 1 rolled back"


def test_a_small_pool_keeps_a_line_for_each_host() -> None:
    _, lines = told(started(2), event(Kind.HOST_DONE, "vm-0", outage=420.0), event(Kind.HOST_DONE, "vm-1"))
    assert lines.kept == [
        "attempt 1 begins: 2 hosts to 1.0.1",
        "vm-0 done, out for 7 min (1 of 2)",
        "vm-1 done (2 of 2)",
    ]


def test_a_large_pool_keeps_one_for_every_tenth() -> None:
    _, lines = told(started(200), *(event(Kind.HOST_DONE, f"vm-{i}") for i in range(200)))
    assert lines.kept[1:] == [f"{count} of 200 hosts done" for count in range(20, 201, 20)]


def test_canary_and_pause_stay() -> None:
    progress, lines = told(
        started(3),
        event(Kind.CANARY, result="passed", hosts=["vm-0"]),
        event(Kind.PAUSED, text="paused by ada@desk"),
    )
    assert lines.kept[1:] == ["canary passed: vm-0"]
    assert lines.warned == ["paused by ada@desk"]
    assert progress.line() == "1.0.1: 0/3 done | paused by ada@desk"


def test_live_lines_keep_their_distance_and_are_not_repeated() -> None:
    lines, timer = Lines(), Timer()
    progress = Progress(lines, every=2.0, now=timer)
    progress(started(30))
    for host in range(10):
        progress(phase(f"vm-{host}", "build"))
    assert lines.live == ["1.0.1: 0/30 done"]
    timer.at = 2.0
    progress(phase("vm-10", "build"))
    progress(phase("vm-10", "build"))
    assert lines.live == ["1.0.1: 0/30 done", "1.0.1: 0/30 done, 11 building"]


def test_of_several_that_wait_the_newest_is_named() -> None:
    progress, _ = told(
        started(3),
        phase("vm-0", "rejoin"),
        phase("vm-1", "rejoin"),
        event(Kind.WAITING, "vm-1", "the agent to register"),
        event(Kind.WAITING, "vm-0", "the guest to boot"),
        event(Kind.WAITING, "vm-1", "status Upgrading"),
    )
    assert "vm-1 waits: status Upgrading" in progress.line()
