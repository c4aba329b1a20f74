"""`hostpool abort` around real runs of the engine on the emulator: hosts come home as they were found, and nothing
begins anew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import looptime
import pytest
from click.testing import CliRunner

from hostpool.main import main
from rollout import names, pool_record
from rollout.lease import Holder
from rollout.pool_record import RolloutRecord, State
from rollout.record import Phase
from rollout.record import decode as decode_record
from simulation.process import Died, Kill, Process
from simulation.references import pool_tags
from tests.hostpool.literal_azure import EPOCH, LiteralAzure, in_the_middle
from tests.hostpool.test_emulated import Desk
from tests.support.pools import bench

HOSTS = ("vm-0", "vm-1", "vm-2", "vm-3")
STAY = {"deadline": "PT8H", "log_off": "wait"}
"""Users stay on all hosts, so that they are drained for hours."""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Four hosts on 1.0.0 whose users stay; vm-0 has none."""
    loop = looptime.new_event_loop()
    try:
        options: dict[str, Any] = {
            "hosts": 4,
            "sessions_per_host": 1,
            "ignore_probability": 1.0,
            "log_off_minutes": 1e6,
        }
        made = loop.run_until_complete(bench(tmp_path, **options))
        yield Desk(made, loop.run_until_complete)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        asyncio.set_event_loop(None)


def drained(desk: Desk) -> list[str]:
    """Hosts that take no new sessions."""
    resources = desk.state()["resources"]
    kind = "microsoft.desktopvirtualization/hostpools/sessionhosts"
    hosts = [body for body in resources.values() if str(body.get("type")).lower() == kind]
    return sorted(body["name"] for body in hosts if not body["properties"]["allowNewSession"])


def phases(desk: Desk) -> set[Phase]:
    async def read() -> set[Phase]:
        records = (decode_record((desk.made.vm(name).get("tags") or {}).get(names.RECORD)) for name in HOSTS)
        return {record.p for record in records if record is not None}

    return desk.within(read())


def record(desk: Desk) -> RolloutRecord:
    found = desk.json("status")
    return RolloutRecord(found["rollout"], found["attempt"], State(found["state"]), 0)


def as_found(desk: Desk) -> None:
    """Every host serves on the image it had, and nothing is left of what was built."""
    assert drained(desk) == [] and phases(desk) == set()
    assert not [key for key in desk.state()["resources"] if "avdtmp" in key]
    assert len([name for name in desk.disks() if "_OsDisk_" in name and not name.endswith("_os")]) == 0, desk.disks()


async def until_drained(desk: Desk, rolling: asyncio.Task[Any] | None = None) -> None:
    while not any(
        (found := decode_record((desk.made.vm(name).get("tags") or {}).get(names.RECORD))) and found.p is Phase.DRAIN
        for name in HOSTS
    ):
        assert rolling is None or not rolling.done()
        await desk.made.clock.sleep(30)


def test_hosts_that_a_dead_run_drained_serve_again_and_nothing_begins_anew(desk: Desk) -> None:
    with pytest.raises(Died):
        desk.within(desk.made.roll(process=Process("dead", Kill(at=2400)), drain=STAY, canary={"hosts": 0}))
    assert drained(desk) and phases(desk) >= {Phase.DRAIN}
    aborted = desk.hostpool("abort", "--undrain", "--yes")
    assert aborted.exit_code == 0 and "aborted by ada@desk-7, 0 of 4 hosts run 1.0.1" in aborted.output, aborted.output
    as_found(desk)
    assert record(desk).st is State.STOPPED
    assert desk.hostpool("abort", "--yes").exit_code == 1  # there is nothing to end any more
    paused = desk.within(desk.made.roll(drain=STAY))
    assert paused.status == "paused" and "hostpool abort" in paused.summary
    assert desk.hostpool("resume").exit_code == 0
    again = desk.within(desk.made.roll(drain={"deadline": "PT10M", "log_off": "force"}, max_unavailable=2))
    assert again.status == "complete" and again.attempt == 2, again


def test_a_run_that_is_alive_ends_its_attempt_and_gives_back_what_it_drained(desk: Desk) -> None:
    rolling = desk.within(_begun(desk))
    said = desk.hostpool("abort", "--undrain", "--yes")
    assert said.exit_code == 0 and "tester@machine ends it" in said.output, said.output
    outcome = desk.within(asyncio.wait_for(rolling, 3600))
    assert outcome.status == "stopped" and "aborted by ada@desk-7" in outcome.summary, outcome.summary
    as_found(desk)


async def _begun(desk: Desk) -> asyncio.Task[Any]:
    rolling = asyncio.ensure_future(desk.made.roll(drain=STAY))
    await until_drained(desk, rolling)
    return rolling


def test_an_attempt_that_ended_while_the_command_waited_is_followed_by_none(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Died):
        desk.within(desk.made.roll(process=Process("dead", Kill(at=2400)), drain=STAY))

    async def tags() -> dict[str, str]:
        return pool_tags(desk.made)

    async def looked(*seen: Any) -> tuple[dict[str, str], RolloutRecord | None]:
        return before, pool_record.decode(before[names.RECORD])

    before = desk.within(tags())
    desk.hostpool("abort", "--yes")
    assert desk.within(desk.made.roll(drain=STAY)).status == "stopped"
    monkeypatch.setattr("hostpool.commands.abort._under_way", looked)
    said = desk.hostpool("abort", "--undrain", "--yes")
    assert said.exit_code == 0 and "has ended the attempt" in said.output, said.output
    assert len(json.loads(desk.hostpool("history", "--json").stdout)["value"]) == 1


def test_without_undrain_the_next_run_brings_them_home(desk: Desk) -> None:
    with pytest.raises(Died):
        desk.within(desk.made.roll(process=Process("dead", Kill(at=2400)), drain=STAY))
    before = drained(desk)
    assert before and "the next pulumi up ends it" in desk.hostpool("abort", "--yes").output
    assert drained(desk) == before
    assert desk.within(desk.made.roll(drain=STAY)).status == "stopped"
    as_found(desk)


def test_an_abort_that_is_killed_is_ended_by_the_next_run(desk: Desk) -> None:
    with pytest.raises(Died):
        desk.within(desk.made.roll(process=Process("dead", Kill(at=2400)), drain=STAY))
    desk.hostpool("abort", "--yes")
    for write in (3, 2, 4):
        with pytest.raises(Died):
            desk.within(desk.made.roll(process=Process(f"dead {write}", Kill(write=write)), drain=STAY))
    assert desk.within(desk.made.roll(drain=STAY)).status == "stopped"
    as_found(desk)


def hostpool(azure: LiteralAzure, *arguments: str, answer: str = "") -> Any:
    return CliRunner().invoke(main, arguments, obj=azure.world(), input=answer)


def test_it_asks_first_and_says_who_ends_the_attempt() -> None:
    azure = in_the_middle()
    assert hostpool(azure, "abort", answer="n\n").exit_code == 1 and azure.written == []
    result = hostpool(azure, "abort", answer="y\n")
    assert "attempt 1 is aborted; runner-17 ends it" in result.output
    [(_, tags)] = azure.written
    assert set(tags) == {names.ABORT, names.PAUSE} and "ada@desk-7" in tags[names.ABORT]


def test_a_pause_that_somebody_asked_for_before_stays_theirs() -> None:
    azure = in_the_middle()
    azure.tags |= {names.PAUSE: "bob at noon", names.LEASE: Holder("nobody", 7, EPOCH - 1).encode()}
    assert "the next pulumi up ends it" in hostpool(azure, "abort", "--yes").output
    assert azure.tags[names.PAUSE] == "bob at noon"


def test_an_attempt_that_has_ended_cannot_be_aborted() -> None:
    azure = in_the_middle()
    ended = pool_record.decode(azure.tags[names.RECORD])
    assert ended is not None
    azure.tags[names.RECORD] = RolloutRecord(ended.r, 1, State.COMPLETE, 0).encode()
    result = hostpool(azure, "abort", "--yes")
    assert result.exit_code == 1 and "nothing to abort" in result.output and azure.written == []
