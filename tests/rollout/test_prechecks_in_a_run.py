"""What pre-checks do to a run: they come before it is scheduled, stop it before a write, or foretell how it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rollout.errors import PreCheckFailed
from rollout.events import Kind
from simulation.virtual_time import virtually
from tests.support.pools import GROUP, POOL, Bench, bench
from tests.support.prechecked_emulated import PURCHASED, lock, purchased, secret, told_by

CLOSED = {"recur_every": "Week Saturday", "start": "22:00", "duration": "PT6H", "time_zone": "UTC"}


def checked(made: Bench) -> list[list[str]]:
    """Ids of the findings of each time that the run checked."""
    return [[found["id"] for found in event.data["findings"]] for event in made.events if event.kind is Kind.CHECKED]


def tags(made: Bench) -> dict[str, str]:
    return dict(made.ask("GET", POOL, None, "2024-04-03").body.get("tags") or {})


def test_an_update_is_checked_before_it_is_scheduled(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=3, users=0)
        outcome = await made.roll(window=CLOSED)
        assert outcome.status == "scheduled" and checked(made) == [[]]
        before = tags(made)
        lock(GROUP, "CanNotDelete")(made)
        with pytest.raises(PreCheckFailed, match="nothing was started"):
            await made.roll(window=CLOSED)
        assert checked(made) == [[], ["lock"]] and tags(made) == before

    virtually(story())


def test_an_expired_secret_stops_the_run_before_its_first_write(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=3, users=0)
        secret("domain-join-password", "J0in-the-domain!", exp=-60)(made)
        before = tags(made)
        with pytest.raises(PreCheckFailed, match="the secret has expired") as raised:
            await made.roll()
        assert "J0in-the-domain!" not in str(raised.value) and tags(made) == before

    virtually(story())


def test_notifications_that_reach_nobody_stop_no_run(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        outcome = await made.roll(**told_by("nothing"))
        assert outcome.status == "complete" and checked(made) == [["secret-missing"]]

    virtually(story())


def test_a_floor_that_the_only_running_host_carries_pauses_the_run_as_was_said(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=3, off=2, users=0)
        began = made.clock.now()
        outcome = await made.roll(min_serving=1, max_unavailable=2, canary={"hosts": 0})
        assert checked(made) == [["floor-not-reachable"]]
        assert outcome.status == "paused" and outcome.hosts["updated"] == ["vm-1", "vm-2"]
        assert made.clock.now() - began > 2 * 3600
        assert (await made.roll(min_serving=0, max_unavailable=2, canary={"hosts": 0})).status == "complete"

    virtually(story())


@pytest.mark.parametrize("accepted", [True, False])
def test_terms_that_nobody_accepted_are_known_before_the_first_machine(
    accepted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the pre-checks nothing begins; without them Azure refuses the temporary machines."""

    async def unchecked(*arguments: Any, **options: Any) -> list[Any]:
        return []

    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0)
        purchased(accepted=accepted)(made)
        if accepted:
            assert (await made.roll(**PURCHASED)).status == "complete"
            return
        with pytest.raises(PreCheckFailed, match="terms are not accepted"):
            await made.roll(**PURCHASED)
        monkeypatch.setattr("rollout.beginning.run_prechecks", unchecked)
        outcome = await made.roll(**PURCHASED)
        assert "ResourcePurchaseValidationFailed" in outcome.summary

    virtually(story())
