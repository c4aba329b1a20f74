"""Counts, and Azure's time by its Date headers."""

from __future__ import annotations

from email.utils import formatdate

from cloud.traffic import AzureTime, Traffic


class Fixed:
    """A clock that a test sets."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds

    def real_seconds(self, seconds: float) -> float:
        return seconds


def date(at: float) -> dict[str, str]:
    return {"Date": formatdate(at, usegmt=True)}


def test_without_an_answer_azures_time_is_ours() -> None:
    assert AzureTime(Fixed(1000.5)).now() == 1000.5


def test_dates_narrow_the_offset() -> None:
    clock = Fixed(0)
    time = AzureTime(clock)
    offset = 37.25  # Azure is ahead of us
    for sent in (1000.0, 1003.3, 1010.65, 1020.7, 1031.74, 1050.9):
        made = sent + 0.05 + offset
        time.learn(date(int(made)), sent, sent + 0.1)
    clock.at = 2000.0
    assert abs(time.now() - (2000.0 + offset)) < 0.3


def test_a_clock_that_was_set_is_followed() -> None:
    clock = Fixed(1000.0)
    time = AzureTime(clock)
    time.learn(date(1000), 1000.0, 1000.2)
    time.learn(date(1600), 1001.0, 1001.2)
    clock.at = 1002.0
    assert abs(time.now() - 1601.4) < 1


def test_what_is_no_date_changes_nothing() -> None:
    time = AzureTime(Fixed(5.0))
    time.learn({}, 5.0, 5.0)
    time.learn({"Date": "yesterday"}, 5.0, 5.0)
    assert time.now() == 5.0


def test_traffic_counts_reads_writes_refusals_and_losses() -> None:
    traffic = Traffic()
    for method, status in [("GET", 200), ("GET", 429), ("PATCH", 200), ("POST", 202), ("DELETE", 0), ("PUT", 201)]:
        traffic.count(method, status)
    assert (traffic.reads, traffic.writes, traffic.throttled, traffic.lost) == (2, 4, 1, 1)
