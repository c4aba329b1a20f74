"""The last rollouts of a pool in one tag."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from rollout import history, names
from rollout.history import LONGEST, Entry
from rollout.pool_record import State
from simulation.virtual_time import virtually
from tests.support.pools import POOL, bench

ENTRY = Entry(5, State.COMPLETE_WITH_FAILURES, 1_768_249_220, 1_768_252_493, 12, 10, 1, 0, "1.0.1", "ci@runner 4711")


def test_an_entry_has_the_shape_of_os_upgrade_history() -> None:
    told = ENTRY.as_os_upgrade_history()
    assert told["properties"]["runningStatus"] == {
        "code": "Faulted",
        "startTime": "2026-01-12T20:20:20Z",
        "completedTime": "2026-01-12T21:14:53Z",
    }
    assert told["properties"]["progress"] == {
        "successfulInstanceCount": 10,
        "failedInstanceCount": 1,
        "inProgressInstanceCount": 0,
        "pendingInstanceCount": 1,
    }
    assert told["properties"]["rollbackInfo"]["successfullyRolledbackInstanceCount"] == 1
    assert (told["status"], told["owner"], told["duration"]) == ("complete_with_failures", "ci@runner 4711", 3273)


def test_the_newest_come_first_and_as_many_as_a_tag_holds() -> None:
    text: str | None = None
    for attempt in range(1, 30):
        text = history.written(text, replace(ENTRY, attempt=attempt, began=ENTRY.began + attempt))
    assert text is not None and len(text) <= LONGEST
    assert [entry.attempt for entry in history.read(text)] == [29, 28, 27, 26]


def test_an_attempt_that_goes_on_is_one_entry() -> None:
    text = history.written(None, replace(ENTRY, state=State.PAUSED))
    assert history.read(history.written(text, ENTRY)) == (ENTRY,)


@given(st.text(max_size=300))
def test_whatever_the_tag_holds_is_passed_over_or_read(text: str) -> None:
    assert all(entry.state in list(State) for entry in history.read(text))
    assert ENTRY in history.read(f"{ENTRY.encode()};{text}")


@given(st.text(max_size=80), st.sampled_from(list(State)[1:]))
def test_whoever_runs_it_the_entry_can_be_read(owner: str, state: State) -> None:
    [entry] = history.read(replace(ENTRY, owner=owner, state=state).encode())
    assert (entry.attempt, entry.state, entry.updated) == (5, state, 10)


def test_a_rollout_writes_its_entry(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0, latency=False)
        assert (await made.roll(owner="ada@desk")).status == "complete"
        tags = made.ask("GET", POOL, None, "2024-04-03").body["tags"]
        [entry] = history.read(tags[names.HISTORY])
        assert (entry.state, entry.needed, entry.updated, entry.owner) == (State.COMPLETE, 1, 1, "ada@desk")
        assert (await made.roll(version="1.0.0")).status == "complete"
        tags = made.ask("GET", POOL, None, "2024-04-03").body["tags"]
        assert [entry.version for entry in history.read(tags[names.HISTORY])] == ["1.0.0", "1.0.1"]

    virtually(story())
