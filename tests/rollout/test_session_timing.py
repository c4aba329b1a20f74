"""Whole rollouts that look at sessions: which hosts may be drained, what load is expected. By the emulator's record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rollout import load, names
from rollout.declaration import parse
from rollout.errors import InvalidDeclaration
from rollout.load import Load
from simulation.timeline import Timeline
from simulation.virtual_time import virtually
from tests.support.pools import INPUTS, POOL, Bench, bench

HOUR = 3600.0
AVD_API = "2024-04-03"


def samples(made: Bench, since: float) -> list[dict[str, Any]]:
    return [sample for at, sample in Timeline(made).samples if at >= since]


def tags(made: Bench) -> dict[str, str]:
    return dict(made.ask("GET", POOL, None, AVD_API).body.get("tags") or {})


def put_tags(made: Bench, added: dict[str, str]) -> None:
    body = {"operation": "Merge", "properties": {"tags": added}}
    made.ask("PATCH", f"{POOL}/providers/Microsoft.Resources/tags/default", body, "2021-04-01")


def expecting(made: Bench, *sessions: int) -> None:
    """Put a history on the pool: so many sessions in the hours from now on."""
    found = Load()
    for hour, count in enumerate(sessions):
        found = found.seen(made.clock.now() + hour * HOUR, count)
    put_tags(made, load.tags(found))


def test_no_host_is_drained_that_more_people_use_than_declared(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=3, sessions_per_host=2, latency=False)
        began = made.clock.now()
        drain = {"deadline": "PT30M", "log_off": "force", "grace": "PT10M", "max_sessions": 1.0}
        outcome = await made.roll(drain=drain, canary={"hosts": 0.0})
        assert outcome.status == "paused" and "no host could go on" in outcome.summary
        assert "3 have more than 1 session" in outcome.summary
        assert {s["draining"] + s["unavailable"] for s in samples(made, began)} <= {0}
        events = made.control("GET", "session-events", hostPool=POOL)["events"]
        assert not [e for e in events if e["event"] in ("message", "forced_logoff")]
        assert (await made.roll(drain={**drain, "max_sessions": 10.0}, canary={"hosts": 0.0})).status == "complete"

    virtually(story())


@pytest.mark.parametrize(("expected", "fewest"), [(0, 3), (45, 5)])
def test_i1_capacity_the_floor_holds_for_the_load_that_is_expected(tmp_path: Path, expected: int, fewest: int) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=6, users=0, max_session_limit=10, latency=False)
        expecting(made, *[expected] * 8)
        began = made.clock.now()
        outcome = await made.roll(max_unavailable=3.0, canary={"hosts": 0.0})
        assert outcome.status == "complete", outcome.summary
        assert min(s["serving"] for s in samples(made, began)) == fewest  # ceil(45 * 1.1 / 10) of six

    virtually(story())


def test_hosts_are_back_before_the_load_that_is_expected(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=6, users=0, max_session_limit=10, latency=False)  # it is 20:20
        expecting(made, 0, 50, 0, 0, 0, 0)  # from 21:00 to 22:00 all six are needed
        began = made.clock.now()
        outcome = await made.roll(max_unavailable=1.0, canary={"hosts": 0.0})
        assert outcome.status == "complete", outcome.summary
        busy = [s for at, s in Timeline(made).samples if began + 41 * 60 <= at < began + 99 * 60]
        assert all(s["unavailable"] == 0 and s["serving"] == 6 for s in busy)

    virtually(story())


def test_a_run_notes_the_load_that_it_saw(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, sessions_per_host=3, latency=False)
        began = made.clock.now()
        assert not [name for name in tags(made) if name.startswith(names.LOAD)]
        await made.roll()
        learned = load.read(tags(made))
        assert learned.most(began, began + 1) == 6
        assert len(learned.hours) == int(made.clock.now() // HOUR) - int(began // HOUR) + 1

    virtually(story())


def test_a_number_of_sessions_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidDeclaration, match="whole number, 0 or more") as refused:
        parse({**INPUTS, "drain": {"max_sessions": -1}})
    assert refused.value.prop == "drain.max_sessions"
