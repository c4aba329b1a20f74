"""The choice of batches and the limits of a rolling upgrade."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emulator import rolling_upgrades as rolling
from emulator.rolling_upgrades import Instance, Numbers


def fleet(count: int, **changed: object) -> list[Instance]:
    """`count` healthy instances that wait; `changed` is what differs of all of them."""
    made = [Instance(id=f"i{number}", healthy=True, done=False) for number in range(count)]
    return [replace(instance, **changed) for instance in made]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("count", "percent", "batch"),
    [(10, 20, 2), (9, 20, 1), (5, 20, 1), (10, 100, 10), (30, 5, 1), (40, 5, 2)],
)
def test_a_batch_is_so_many_percent_of_all_and_at_least_one(count: int, percent: int, batch: int) -> None:
    numbers = Numbers(max_batch=percent, max_unhealthy=100)
    assert rolling.next_batch(fleet(count), numbers) == [f"i{n}" for n in range(batch)]


def test_what_is_done_or_busy_is_passed_over() -> None:
    some = fleet(4)
    some[0] = replace(some[0], done=True)
    some[1] = replace(some[1], ready=False)
    assert rolling.next_batch(some, Numbers(max_batch=100, max_unhealthy=100)) == ["i2", "i3"]


def test_others_that_are_unhealthy_make_the_batch_smaller() -> None:
    some = fleet(10)
    some[9] = replace(some[9], healthy=False, done=True)
    assert rolling.next_batch(some, Numbers(max_batch=30, max_unhealthy=30)) == ["i0", "i1"]


def test_zones_one_after_another_unless_crossed() -> None:
    some = [replace(i, zone=str(n % 2 + 1)) for n, i in enumerate(fleet(4))]
    numbers = Numbers(max_batch=100, max_unhealthy=100)
    assert rolling.next_batch(some, numbers) == ["i0", "i2"]
    assert rolling.next_batch(some, replace(numbers, cross_zone=True)) == ["i0", "i1", "i2", "i3"]


def test_update_domains_one_after_another() -> None:
    some = [replace(i, update_domain=n % 2) for n, i in enumerate(fleet(4))]
    assert rolling.next_batch(some, Numbers(max_batch=100, max_unhealthy=100, cross_zone=True)) == ["i0", "i2"]


def test_unhealthy_ones_first_where_asked() -> None:
    some = fleet(4)
    some[3] = replace(some[3], healthy=False)
    numbers = Numbers(max_batch=50, max_unhealthy=50)
    assert rolling.next_batch(some, numbers) == ["i0"]
    assert rolling.next_batch(some, replace(numbers, unhealthy_first=True)) == ["i3"]


@pytest.mark.parametrize(("count", "stuck"), [(2, True), (4, True), (5, False)])
def test_twenty_percent_of_a_small_set_is_breached_by_a_single_instance(count: int, stuck: bool) -> None:
    found = rolling.breach_before(fleet(count), Numbers(), first=True)
    assert found == (rolling.BEFORE_START if stuck else None)


def test_too_many_unhealthy_stop_it_before_the_start_and_between_batches() -> None:
    some = fleet(10)
    some[:3] = [replace(i, healthy=False, done=True) for i in some[:3]]
    assert rolling.breach_before(some, Numbers(), first=True) == rolling.BEFORE_START
    assert rolling.breach_before(some, Numbers(), first=False) == rolling.BETWEEN_BATCHES
    assert rolling.breach_before(some, Numbers(max_unhealthy=40), first=False) is None


def test_waiting_for_busy_instances_is_no_breach() -> None:
    assert rolling.breach_before(fleet(2, ready=False), Numbers(max_unhealthy=50), first=True) is None


def test_after_a_batch_more_than_the_limit_of_the_upgraded_must_have_failed() -> None:
    assert rolling.breach_after(1, 5, Numbers()) is None
    assert rolling.breach_after(2, 5, Numbers()) == rolling.AFTER_BATCH
    assert rolling.breach_after(1, 1, Numbers(max_unhealthy_upgraded=100)) is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("PT0S", 0), ("PT5M", 300), ("P1DT1H", 90000), ("PT1.5S", 1.5), ("5", None), ("P", None)]
)
def test_durations(text: str, seconds: float | None) -> None:
    assert rolling.seconds_of(text) == seconds


def test_numbers_left_out_are_the_defaults() -> None:
    assert rolling.numbers_of(None) == Numbers()
    given = {"maxBatchInstancePercent": 50, "pauseTimeBetweenBatches": "PT1M", "enableCrossZoneUpgrade": True}
    assert rolling.numbers_of(given) == Numbers(max_batch=50, pause=60.0, cross_zone=True)
