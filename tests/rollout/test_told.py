"""Every event that people are told of, from a run or a tick through apprise to a real webhook: what arrives, once, in
which words and of which type."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cloud.notifier import notifying
from rollout.clock import from_iso
from rollout.declaration import parse
from rollout.errors import PreCheckFailed
from rollout.lease import Lease
from rollout.outcome import Outcome
from rollout.rollout import run
from rollout.tick import tick
from simulation.in_process import in_process_cloud
from simulation.references import pause, resume
from simulation.virtual_time import virtually
from tests.support.pools import GROUP, INPUTS, POOL, Bench, bench
from tests.support.prechecked_emulated import lock, secret
from tests.support.web_sink import WebSink, web_sink

EMPTY = {"users": 0, "sessions_per_host": 0}
NIGHTS = {"recur_every": "Day", "start": "22:00", "duration": "PT6H", "time_zone": "UTC"}
SATURDAYS = {**NIGHTS, "recur_every": "Week Saturday"}
HOOK = {"url_secrets": ["https://localhost/keyvault/avd-kv/secrets/hook"], "title": "{what} {version}"}
OPENS = "2026-01-12T22:00:01Z"
HOUR = 3600.0


@pytest.fixture
def web() -> Iterator[WebSink]:
    with web_sink() as server:
        yield server


@dataclass
class People:
    """Whom a pool's `notify` names, and what they were told."""

    web: WebSink
    made: Bench
    folder: Path
    warnings: list[str] = field(default_factory=list)

    @property
    def told(self) -> list[str]:
        """`started 1.0.1 (info)`, in the order of arrival."""
        return [f"{each['title']} ({each['type']})" for each in self.web.notices()]

    async def up(self, **changes: Any) -> Outcome:
        """One `pulumi up`."""
        inputs = {**INPUTS, "notify": HOOK, **changes}
        declared, lease = parse(inputs), Lease(POOL, "ada@desk-7", self.made.clock)
        async with (
            in_process_cloud(self.made.emulator, self.made.clock, write_guard=lease.check) as azure,
            notifying(azure, declared, self.warnings.append) as tell,
        ):
            return await run(
                azure,
                declared,
                inputs,
                clock=self.made.clock,
                lease=lease,
                listener=tell,
                log_folder=self.folder,
            )

    async def ticks(self, until: str, every: float) -> None:
        """A `hostpool tick` now and again until a moment."""
        while self.made.clock.now() < from_iso(until):
            lease = Lease(POOL, "tick@runner", self.made.clock)
            async with in_process_cloud(self.made.emulator, self.made.clock, write_guard=lease.check) as azure:
                await tick(
                    azure,
                    POOL,
                    clock=self.made.clock,
                    lease=lease,
                    listener=lambda event: None,
                    notifying=lambda declared: notifying(azure, declared, self.warnings.append),
                    log_folder=self.folder,
                )
            await self.made.clock.sleep(every)


async def people(web: WebSink, folder: Path, hosts: int) -> People:
    made = await bench(folder, hosts=hosts, **EMPTY)
    secret("hook", f"json://127.0.0.1:{web.server_port}/hook")(made)
    return People(web, made, folder)


def test_a_rollout_is_told_from_its_schedule_to_its_end_and_back(web: WebSink, tmp_path: Path) -> None:
    async def story() -> None:
        those = await people(web, tmp_path, hosts=2)
        declared = {
            "window": NIGHTS,
            "max_unavailable": 1.0,
            "canary": {"hosts": 1, "bake": "PT10M"},
            "checkpoints": [{"percent": 50, "pause": "PT20M"}],
            "notify": {**HOOK, "reminders": ["PT1H"]},
        }
        assert (await those.up(**declared)).status == "scheduled"
        await those.up(**declared)  # it is scheduled already
        await those.ticks("2026-01-12T21:30:00Z", HOUR / 4)
        assert those.told == ["scheduled 1.0.1 (info)", "reminder 1.0.1 (info)"]
        await those.made.clock.sleep(from_iso(OPENS) - those.made.clock.now())
        web.sent.clear()
        going = asyncio.create_task(those.up(**declared))
        while not those.told or not those.told[-1].startswith("canary passed"):
            await those.made.clock.sleep(60)
        pause(those.made)
        assert (await going).status == "paused"
        assert those.told == [
            "started 1.0.1 (info)",
            "checkpoint 1.0.1 (info)",
            "canary passed 1.0.1 (success)",
            "paused 1.0.1 (warning)",
        ]
        assert web.messages()[-1][1] == "paused by an administrator; 1 of 2 hosts are done"
        resume(those.made)
        web.sent.clear()
        assert (await those.up(**declared)).status == "complete"
        assert those.told == ["resumed 1.0.1 (info)", "complete 1.0.1 (success)"]
        web.sent.clear()
        assert (await those.up(**{**declared, "version": "1.0.0", "canary": {"hosts": 0}})).status == "complete"
        assert (those.told[0], those.told[-1]) == ("revert started 1.0.0 (info)", "reverted 1.0.0 (success)")
        assert those.warnings == []

    virtually(story())


def test_pre_checks_that_fail_are_told_with_their_remedies_daily_until_they_are_mended(
    web: WebSink, tmp_path: Path
) -> None:
    async def story() -> None:
        those = await people(web, tmp_path, hosts=1)
        quiet = {"notify": {**HOOK, "quiet": True}, "canary": {"hosts": 0}}
        await those.up(**quiet, window=SATURDAYS)  # on Monday
        lock(GROUP, "CanNotDelete")(those.made)
        await those.ticks("2026-01-15T12:00:00Z", 6 * HOUR)
        assert those.told == ["pre-checks failed 1.0.1 (warning)"] * 2  # on Tuesday and on Wednesday evening
        assert all("az lock delete --ids" in text for _, text in web.messages())
        with pytest.raises(PreCheckFailed):
            await those.up(**quiet)
        assert those.told == ["pre-checks failed 1.0.1 (warning)"] * 3
        keep = f"{GROUP}/providers/Microsoft.Authorization/locks/keep"
        assert those.made.ask("DELETE", keep, None, "2020-05-01").status == 200
        await those.ticks("2026-01-18T03:00:00Z", 6 * HOUR)
        assert len(those.told) == 3  # and nobody needs to hear that it began and is complete
        assert those.made.os_disk_image("vm-0") == "1.0.1"

    virtually(story())


def test_hosts_that_fail_are_told_to_those_who_want_quiet_too(web: WebSink, tmp_path: Path) -> None:
    async def story() -> None:
        those = await people(web, tmp_path, hosts=2)
        broken = {"type": "guest", "host": "^vm-0$", "image": r"1\.0\.1$", "fault": "unhealthy"}
        lost = {"type": "guest", "host": "^vm-1$", "image": ".", "fault": "never_registers"}
        rules = [{"id": "broken", "effect": broken}, {"id": "lost", "effect": lost}]
        those.made.control("POST", "faults", {"seed": 1, "rules": rules})
        outcome = await those.up(
            notify={**HOOK, "quiet": True},
            canary={"hosts": 0},
            max_failed=2.0,
            max_unavailable=1.0,
            verify={"timeout": "PT25M"},
        )
        assert outcome.status == "complete_with_failures"
        assert those.told == [
            "host rolled back 1.0.1 (failure)",
            "host failed 1.0.1 (failure)",
            "complete with failures 1.0.1 (failure)",
        ]

    virtually(story())


def test_a_service_that_is_down_stops_no_work(web: WebSink, tmp_path: Path) -> None:
    async def story() -> None:
        those = await people(web, tmp_path, hosts=1)
        web.status = 500
        assert (await those.up(canary={"hosts": 0})).status == "complete"
        assert those.warnings == ["a notification could not be sent to at least one of the services"]
        assert len(web.sent) >= 2  # each was tried

    virtually(story())
