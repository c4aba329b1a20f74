"""Maintenance windows: Azure's grammar of recurrences, and clocks that are changed."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.errors import InvalidDeclaration
from rollout.window import Opening, Window, window, zone_named

HOUR = 3600.0


def declared(every: str, start: str = "22:00", hours: float = 6, zone: str = "Europe/Amsterdam") -> Window:
    given = {"recur_every": every, "start": start, "time_zone": zone, "duration": f"PT{hours}H"}
    return window(given, hours * HOUR)


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def starts(found: Window, after: str, count: int) -> list[str]:
    """Local starts of the next openings."""
    return [found.local(each.start)[:20] for each in islice(found.openings(utc(after)), count)]


@pytest.mark.parametrize(
    ("every", "start", "expected"),
    [
        ("Day", "22:00", ["Thu 2026-11-26 22:00", "Fri 2026-11-27 22:00"]),
        ("3Days", "2026-11-20 22:00", ["Thu 2026-11-26 22:00", "Sun 2026-11-29 22:00"]),
        ("Week Saturday,Sunday", "22:00", ["Sat 2026-11-28 22:00", "Sun 2026-11-29 22:00"]),
        ("week saturday", "03:00", ["Sat 2026-11-28 03:00", "Sat 2026-12-05 03:00"]),
        ("2Weeks Saturday", "2026-11-07 22:00", ["Sat 2026-12-05 22:00", "Sat 2026-12-19 22:00"]),
        ("Week", "2026-11-04 22:00", ["Wed 2026-12-02 22:00", "Wed 2026-12-09 22:00"]),
        ("Month Second Tuesday Offset4", "22:00", ["Sat 2026-12-12 22:00", "Sat 2027-01-16 22:00"]),
        ("Month Last Sunday Offset-3", "22:00", ["Thu 2026-11-26 22:00", "Thu 2026-12-24 22:00"]),
        ("Month Last Sunday", "22:00", ["Sun 2026-11-29 22:00", "Sun 2026-12-27 22:00"]),
        ("2Months First Monday", "2026-10-01 22:00", ["Mon 2026-12-07 22:00", "Mon 2027-02-01 22:00"]),
        ("Month day1,day31", "22:00", ["Tue 2026-12-01 22:00", "Thu 2026-12-31 22:00", "Fri 2027-01-01 22:00"]),
        ("Month", "2026-01-30 22:00", ["Mon 2026-11-30 22:00", "Wed 2026-12-30 22:00", "Sat 2027-01-30 22:00"]),
    ],
)
def test_recurrences_are_those_of_azure(every: str, start: str, expected: list[str]) -> None:
    assert starts(declared(every, start), "2026-11-26T12:00", len(expected)) == expected


def test_no_window_opens_before_its_first_date() -> None:
    assert starts(declared("Month Second Tuesday Offset4", "2027-02-01 22:00"), "2026-11-26", 1) == [
        "Sat 2027-02-13 22:00"
    ]
    assert starts(declared("Day", "2027-02-01 22:00"), "2026-11-26", 1) == ["Mon 2027-02-01 22:00"]


def test_a_window_is_open_from_its_start_until_its_end() -> None:
    nightly = declared("Day")  # 21:00 to 03:00 UTC in winter
    begins, ends = utc("2026-11-26T21:00"), utc("2026-11-27T03:00")
    assert next(nightly.openings(begins)) == next(nightly.openings(ends - 1)) == Opening(begins, ends)
    assert next(nightly.openings(ends)).start == utc("2026-11-27T21:00")


def test_a_window_over_the_day_clocks_go_forward_has_its_length() -> None:
    """2026-03-29, Amsterdam: 02:00 becomes 03:00."""
    over = next(declared("Day").openings(utc("2026-03-28T20:00")))
    assert (over.start, over.end) == (utc("2026-03-28T21:00"), utc("2026-03-29T03:00"))
    skipped = declared("Day", "02:30", 1)
    assert skipped.local(next(skipped.openings(utc("2026-03-29T00:00"))).start) == (
        "Sun 2026-03-29 03:30 Europe/Amsterdam (01:30 UTC)"
    )


def test_a_window_at_an_hour_that_comes_twice_opens_the_first_time_only() -> None:
    """2026-10-25, Amsterdam: 03:00 becomes 02:00."""
    twice = declared("Day", "02:30", 0.5)
    first, second = islice(twice.openings(utc("2026-10-24T23:00")), 2)
    assert first.start == utc("2026-10-25T00:30")
    assert second.start == utc("2026-10-26T01:30")


def test_times_are_told_in_the_zone_and_in_utc() -> None:
    found = declared("Day", "00:30")
    assert found.local(utc("2026-11-26T23:30")) == "Fri 2026-11-27 00:30 Europe/Amsterdam (2026-11-26 23:30 UTC)"


def test_zones_have_iana_and_windows_names() -> None:
    assert zone_named("w. europe standard time") == "Europe/Berlin"
    assert zone_named("europe/amsterdam") == "Europe/Amsterdam"
    assert zone_named("UTC") == "UTC"
    with pytest.raises(InvalidDeclaration, match=r"window.time_zone.*Mars/Phobos.*Europe/Amsterdam"):
        zone_named("Mars/Phobos")


@pytest.mark.parametrize(
    ("every", "start", "prop", "why"),
    [
        ("Fortnight", "22:00", "recur_every", "no recurrence"),
        ("Week Caturday", "22:00", "recur_every", "caturday"),
        ("Day Monday", "22:00", "recur_every", "Monday"),
        ("0Days", "22:00", "recur_every", "never recurs"),
        ("Month day32", "22:00", "recur_every", "day32"),
        ("Month Fifth Monday", "22:00", "recur_every", "fifth monday"),
        ("Month Second Tuesday Offset9", "22:00", "recur_every", "offset of 9"),
        ("Day", "25:00", "start", "no time"),
        ("Day", "2026-02-31 22:00", "start", "does not exist"),
        ("3Days", "22:00", "start", "no date"),
        ("Month", "22:00", "start", "no date"),
        ("Day", "22:00", "duration", "until the next window"),
    ],
)
def test_what_cannot_be_names_the_property_and_an_example(every: str, start: str, prop: str, why: str) -> None:
    hours = 25.0 if prop == "duration" else 6.0
    with pytest.raises(InvalidDeclaration, match=why) as refused:
        declared(every, start, hours)
    assert refused.value.prop == f"window.{prop}" and '"' in str(refused.value)


@given(st.floats(utc("2025-01-01"), utc("2028-01-01")), st.sampled_from(["Day", "Week Sunday", "Month Last Sunday"]))
def test_openings_follow_each_other(now: float, every: str) -> None:
    found = declared(every)
    first, second = islice(found.openings(now), 2)
    assert now < first.end <= second.start and first.end - first.start == 6 * HOUR
