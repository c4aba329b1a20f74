"""The command against the emulator, on the wire of the real SDK clients, around real runs of the engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import looptime
import pytest
from click.testing import CliRunner, Result

from cloud.policies import WriteGuard
from hostpool.main import main
from hostpool.session import World
from rollout import names
from rollout.azure import Azure
from rollout.clock import Clock
from rollout.lease import Holder
from rollout.pool_record import declaration_tags
from simulation.in_process import in_process_cloud
from simulation.rights.scenarios import SCENARIOS
from simulation.rights.verdict import Laboratory
from simulation.virtual_time import EPOCH
from tests.support.pools import GROUP, INPUTS, POOL, Bench, bench
from tools.rights import declared


@dataclass
class Desk:
    """A person at a desk beside an emulated pool: one event loop on virtual time for the engine and all commands."""

    made: Bench
    within: Callable[[Coroutine[Any, Any, Any]], Any]
    principal: str = "deployer"

    def hostpool(self, *arguments: str) -> Result:
        @asynccontextmanager
        async def opened(
            environment: Mapping[str, str], subscription_id: str, clock: Clock, guard: WriteGuard
        ) -> AsyncIterator[Azure]:
            made = self.made
            async with in_process_cloud(made.emulator, clock, write_guard=guard, principal=self.principal) as azure:
                yield azure

        given = {"HOSTPOOL_ID": POOL, "HOSTPOOL_LOG_FOLDER": str(self.made.folder)}
        world = World(given, opened, lambda _: self.made.clock, "ada@desk-7", self.within)
        return CliRunner().invoke(main, arguments, obj=world)

    def json(self, *arguments: str) -> Any:
        result = self.hostpool(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def state(self) -> Any:
        async def read() -> Any:
            return self.made.control("GET", "state")

        return self.within(read())

    def disks(self) -> set[str]:
        """Names of all disks."""
        return {key.rsplit("/", 1)[-1] for key in self.state()["resources"] if "/microsoft.compute/disks/" in key}

    def writes(self) -> int:
        async def read() -> int:
            log = self.made.control("GET", "requests", since="0")["requests"]
            return sum(r["method"] != "GET" for r in log)

        return int(self.within(read()))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Two hosts on 1.0.0, without users; nothing has run yet."""
    loop = looptime.new_event_loop()
    try:
        made = loop.run_until_complete(bench(tmp_path, hosts=2, users=0))
        yield Desk(made, loop.run_until_complete)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        asyncio.set_event_loop(None)


def test_looking_needs_no_rollout_and_writes_nothing(desk: Desk) -> None:
    before = desk.writes()
    found = desk.json("status")
    assert (found["state"], found["serving"], len(found["hosts"])) == ("none", 2, 2)
    assert {row["image"] for row in found["hosts"]} == {"1.0.0"}
    assert desk.hostpool("explain", "vm-1").exit_code == 0
    assert "no rollout of this pool has ended yet" in desk.hostpool("history").stdout
    assert desk.hostpool("plan").exit_code == 2
    assert desk.writes() == before


def test_a_pause_holds_the_rollout_until_resume(desk: Desk) -> None:
    assert desk.hostpool("pause").exit_code == 0
    paused = desk.within(desk.made.roll(max_unavailable=1))
    assert paused.status == "paused"
    found = desk.json("status")
    assert found["state"] == "paused" and found["paused_by"].startswith("ada@desk-7 at ")
    when, _, last = found["last"].partition(" ")
    assert when.endswith("Z") and last.startswith("paused, run by tester@machine: 0 of 2 updated; paused by ada@desk-7")
    assert f"UTC {last[:60]}" in desk.hostpool("status").stdout
    assert list(desk.json("plan")["plan"])[:2] == ["vm-0", "vm-1"]
    assert "it goes on where it stopped with the next pulumi up" in desk.hostpool("resume").stdout
    (audit,) = desk.made.folder.glob("*.audit.jsonl")
    rows = [json.loads(line) for line in audit.read_text().splitlines()]
    assert [(row["Event"], row["Who"], row["HostPool"]) for row in rows] == [
        ("pause_requested", "ada@desk-7", "hp1"),
        ("pause_lifted", "ada@desk-7", "hp1"),
    ]
    assert desk.within(desk.made.roll(max_unavailable=1)).status == "complete"


def test_after_a_rollout_status_plan_explain_and_report_agree(desk: Desk) -> None:
    assert desk.within(desk.made.roll()).status == "complete"
    found = desk.json("status")
    assert found["line"] == "complete, 2 of 2 hosts done" and found["owner"] == "" and found["kept_disks"] == 2
    assert [(row["phase"], row["image"], row["new_sessions"]) for row in found["hosts"]] == [
        ("done", "1.0.1", True)
    ] * 2
    assert desk.json("plan")["plan"] == {}
    assert desk.json("explain", "vm-0.contoso.com")["last_action"].startswith("removed extension")
    made = desk.json("report")
    assert made["status"] == "complete" and made["totals"]["by_result"]["done"] == 2
    assert [span["phase"] for span in made["hosts"][0]["spans"]] == ["build", "drain", "release", "rejoin", "serve"]
    assert made["now"]["line"] == found["line"]
    # The engine wrote the same report beside its log.
    (beside,) = desk.made.folder.glob("*.json")
    assert json.loads(beside.read_text()) == {name: part for name, part in made.items() if name != "now"}
    page = desk.hostpool("report")
    assert page.exit_code == 0 and "2 of 2 hosts serve on 1.0.1" in Path(page.stdout.strip()).read_text()


def test_history_tells_how_the_last_rollouts_ended(desk: Desk) -> None:
    desk.within(desk.made.roll(owner="ada@desk-7", time_zone="Europe/Amsterdam"))
    [last] = desk.json("history")["value"]
    assert (last["status"], last["owner"]) == ("complete", "ada@desk-7")
    assert last["properties"]["progress"]["successfulInstanceCount"] == 2
    shown = desk.hostpool("history").stdout
    assert "1.0.1" in shown and "complete" in shown and "2 of 2" in shown
    assert "1: 1.0.1 on 2026-01-12 21:20 Europe/Amsterdam (20:20 UTC)" in shown
    page = Path(desk.hostpool("report").stdout.strip()).read_text()
    assert "2026-01-12 21:20 Europe/Amsterdam (20:20 UTC) to" in page


def test_the_plan_tells_what_would_stop_the_update(desk: Desk) -> None:
    lock = f"{GROUP}/providers/Microsoft.Authorization/locks/keep"

    async def declare(level: str | None) -> None:
        async with in_process_cloud(desk.made.emulator, desk.made.clock) as azure:
            await azure.merge_tags(POOL, declaration_tags(INPUTS))
        if level:
            answer = desk.made.ask("PUT", lock, {"properties": {"level": level}}, "2020-05-01")
            assert answer.status == 201, answer.body

    desk.within(declare(None))
    free = desk.hostpool("plan", "--check")
    assert (free.exit_code, "error:" in free.stdout) == (0, False), free.stdout
    desk.within(declare("CanNotDelete"))
    assert desk.hostpool("plan").exit_code == 0
    held = desk.hostpool("plan", "--check", "--json")
    errors = [f for f in json.loads(held.stdout)["findings"] if f["severity"] == "error"]
    assert held.exit_code == 1 and any("lock" in f["id"] for f in errors)


def test_a_rebuild_gives_one_host_a_fresh_disk_and_cleanup_removes_the_kept_ones(desk: Desk) -> None:
    assert desk.within(desk.made.roll()).status == "complete"
    before = {row["host"]: row for row in desk.json("status")["hosts"]}

    def os_disk(name: str) -> str:
        facts: str = desk.json("explain", name)["facts"]["OS disk"]
        return facts

    zero, one = os_disk("vm-0"), os_disk("vm-1")
    result = desk.hostpool("rebuild", "vm-0", "--yes")
    assert result.exit_code == 0, result.output
    assert os_disk("vm-0") != zero and os_disk("vm-0").endswith("image 1.0.1") and os_disk("vm-1") == one
    assert {row["host"]: row for row in desk.json("status")["hosts"]} == before
    assert desk.json("plan")["plan"] == {}
    assert desk.hostpool("cleanup").stdout == "hp1: no kept disks past their date\n"
    assert desk.hostpool("cleanup", "--all-kept", "--yes").stdout.endswith("hp1: 3 disks deleted\n")
    assert len([name for name in desk.disks() if "osdisk" in name]) == 2


NIGHTS = {"recur_every": "Day", "start": "22:00", "duration": "PT6H", "time_zone": "UTC"}


def test_a_schedule_is_shown_moved_skipped_and_cancelled(desk: Desk) -> None:
    assert desk.hostpool("schedule").stdout == "hp1: nothing is scheduled\n"
    assert desk.json("schedule")["scheduled"] is None
    assert desk.hostpool("schedule", "skip").exit_code == 1
    desk.within(desk.made.roll(window=NIGHTS))
    assert desk.hostpool("schedule").stdout == (
        "hp1: 1.0.1 begins Mon 2026-01-12 22:00 UTC, scheduled by tester@machine\n"
    )
    assert "1.0.1 is scheduled for Mon 2026-01-12 22:00 UTC by tester@machine" in desk.hostpool("status").stdout
    moved = desk.hostpool("schedule", "move", "2026-01-13 20:00")
    assert moved.exit_code == 0 and "was moved by ada@desk-7: it begins Tue 2026-01-13 20:00 UTC" in moved.stdout
    assert desk.json("schedule")["scheduled"] == {
        "version": "1.0.1",
        "at": "2026-01-13T20:00:00Z",
        "by": "ada@desk-7",
        "moved": True,
    }
    assert "it begins Wed 2026-01-14 22:00 UTC" in desk.hostpool("schedule", "skip").stdout
    wrong = desk.hostpool("schedule", "move", "tomorrow")
    assert wrong.exit_code == 2 and "write one such as" in wrong.stderr
    assert "was cancelled by ada@desk-7" in desk.hostpool("schedule", "cancel").stdout
    assert desk.json("schedule")["scheduled"] is None


def test_a_tick_says_what_it_did_and_what_comes_next(desk: Desk) -> None:
    assert desk.hostpool("tick").stdout == "hp1: no rollout has run on this pool, and none is scheduled\n"
    desk.within(desk.made.roll(window=NIGHTS))
    before = desk.writes()
    assert desk.json("tick")["next"] == "1.0.1 begins Mon 2026-01-12 22:00 UTC, decided by tester@machine"
    assert desk.writes() == before
    desk.within(asyncio.sleep(3 * 3600))
    found = desk.json("tick")
    assert (found["run"]["status"], found["trouble"], found["alarm"]) == ("complete", [], False)
    assert found["next"] == "nothing is scheduled"
    assert desk.json("history")["value"][0]["owner"] == "hostpool tick ada@desk-7"


def test_what_needs_somebody_is_exit_code_1_and_an_alarm_3(desk: Desk) -> None:
    desk.within(desk.made.roll(window=NIGHTS, ready_by="Tue 06:00", min_serving=1.0, max_unavailable=1.0))
    lock = f"{GROUP}/providers/Microsoft.Authorization/locks/keep"

    async def locked(method: str) -> None:
        desk.made.ask(method, lock, {"properties": {"level": "CanNotDelete"}}, "2020-05-01")

    desk.within(locked("PUT"))
    desk.within(asyncio.sleep(3 * 3600))
    result = desk.hostpool("tick")
    assert result.exit_code == 1 and "needs somebody: " in result.stdout and "lock" in result.stdout
    desk.within(locked("DELETE"))
    assert desk.hostpool("tick").exit_code == 0

    async def drained() -> None:
        for host in ("vm-0", "vm-1"):
            path = f"{POOL}/sessionHosts/{host}.contoso.com"
            desk.made.ask("PATCH", path, {"properties": {"allowNewSession": False}}, "2024-04-03")

    desk.within(drained())
    desk.within(asyncio.sleep(6.5 * 3600))
    result = desk.hostpool("tick")
    assert result.exit_code == 3 and "NOT READY: by Tue 2026-01-13 06:00 UTC 0 of 2 hosts serve" in result.stdout


def test_a_rebuild_meanwhile_says_what_is_scheduled_and_leaves_it(desk: Desk) -> None:
    desk.within(desk.made.roll())
    desk.within(desk.made.roll(version="1.0.0", window=NIGHTS))
    result = desk.hostpool("rebuild", "vm-0", "--yes")
    assert result.exit_code == 0 and "1.0.0 is scheduled for Mon 2026-01-12 22:00 UTC" in result.stderr
    assert {row["image"] for row in desk.json("status")["hosts"]} == {"1.0.1"}
    assert desk.json("schedule")["scheduled"]["version"] == "1.0.0"


def test_a_refusal_of_azure_names_the_action(desk: Desk) -> None:
    rule = {"id": "no", "method": "GET", "path": "/sessionHosts", "effect": {"type": "status", "status": 403,
            "code": "AuthorizationFailed"}}  # fmt: skip

    async def refuse() -> None:
        desk.made.control("POST", "faults", {"rules": [rule]})

    desk.within(refuse())
    result = desk.hostpool("status")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: GET ") and "AuthorizationFailed" in result.stderr


def test_the_command_needs_no_other_rights_than_the_update(desk: Desk, tmp_path: Path) -> None:
    """The rights of `docs/rights.md`, with the pool's parts in groups of their own."""
    laboratory = Laboratory(declared(), tmp_path)
    updater = Desk(desk.within(laboratory.pool("rollout", laboratory.grants)), desk.within, "updater")
    updater.within(SCENARIOS["rollout"].run(updater.made))
    for command in (
        "status",
        "explain vm-0",
        "plan --check",
        "pause",
        "resume",
        "cleanup --all-kept -y",
        "rebuild vm-0 -y",
        "tick",
    ):
        result = updater.hostpool(*command.split())
        assert result.exit_code == 0, f"{command}: {result.output}"


def test_check_asks_for_a_declaration_first(desk: Desk) -> None:
    asked = desk.hostpool("check")
    assert asked.exit_code == 2 and "--stack NAME" in asked.stderr


def test_check_and_plan_look_at_what_is_scheduled(desk: Desk) -> None:
    assert desk.within(desk.made.roll()).status == "complete"
    later = {"recur_every": "Week Saturday", "start": "22:00", "duration": "PT6H", "time_zone": "UTC"}
    assert desk.within(desk.made.roll(version="1.0.0", window=later)).status == "scheduled"
    assert desk.hostpool("check").stdout.startswith("hp1 to 1.0.0: ")
    assert "1.0.0" in desk.hostpool("plan").stdout


def test_check_tells_whether_an_update_could_start_and_writes_nothing(desk: Desk) -> None:
    assert desk.within(desk.made.roll()).status == "complete"
    before = desk.writes()
    done = desk.hostpool("check")
    assert done.exit_code == 0 and done.stdout == (
        "hp1 to 1.0.1: complete, 2 of 2 hosts run 1.0.1; an update could start: nothing found\n"
    )
    desk.within(outdate(desk.made, "vm-0"))
    warned = desk.hostpool("check", "--version", "1.0.0")
    assert warned.exit_code == 0, warned.output
    first, finding, *text = warned.stdout.splitlines()
    assert first.startswith("hp1 to 1.0.0: ") and first.endswith("an update could start: 1 warning")
    assert finding.split() == ["warning", "agent-update-failed", "vm-0"]
    assert any(line.startswith("    -> look at its event log") for line in text)
    assert max(map(len, warned.stdout.splitlines())) <= 110
    assert desk.writes() == before


@pytest.mark.parametrize("tag", [names.LEASE, names.PAUSE])
def test_check_says_that_nothing_could_start_now(tag: str, desk: Desk) -> None:
    value = {names.LEASE: Holder("anna@pc", 9, EPOCH + 9e6).encode(), names.PAUSE: "anna"}[tag]
    stored = declaration_tags({**INPUTS, "image": desk.made.definition}) | {tag: value}
    desk.within(merge(desk.made, stored))
    told = desk.hostpool("check", "--json")
    found = json.loads(told.stdout)
    assert told.exit_code == 1 and found["could_start"] is False
    assert [(f["severity"], "anna" in f["problem"]) for f in found["findings"]] == [("error", True)]
    assert (found["pool"], found["version"]) == ("hp1", "1.0.1")


def test_what_the_pre_checks_warned_of_is_in_the_report(desk: Desk) -> None:
    desk.within(outdate(desk.made, "vm-1"))
    assert desk.within(desk.made.roll()).status == "complete"
    [finding] = desk.json("report")["findings"]
    assert (finding["id"], finding["severity"], finding["subject"]) == ("agent-update-failed", "warning", "vm-1")
    page = Path(desk.hostpool("report").stdout.strip()).read_text()
    assert "agent-update-failed" in page and "source WVD-Agent-Updater" in page


async def outdate(made: Bench, name: str) -> None:
    """The agent of a host could not update itself."""
    record = made.emulator.world.get(f"{POOL}/sessionHosts/{name}.contoso.com")
    assert record is not None
    record.body["properties"]["updateState"] = "Failed"


async def merge(made: Bench, tags: dict[str, str]) -> None:
    path = f"{POOL}/providers/Microsoft.Resources/tags/default"
    made.ask("PATCH", path, {"operation": "Merge", "properties": {"tags": tags}}, "2021-04-01")
