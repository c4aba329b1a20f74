"""Rows of the audit log to Log Analytics: the real client over HTTPS against the emulator's ingestion endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from cloud.azure_cloud import open_cloud
from cloud.clock import RealClock
from cloud.policies import read_only
from emulator.monitor import ingestion
from emulator.server import Running
from emulator.wire import Request
from rollout.audit import Row, row
from rollout.azure import Azure
from rollout.errors import Unreachable
from rollout.events import Event, Kind
from rollout.log_analytics import TABLE, LogAnalytics, log_analytics
from sinks import log_analytics as sink
from sinks.audit_log import AuditFile
from sinks.log_analytics import LogAnalyticsSink
from tests.support.emulator import served
from tests.support.log_analytics import deploy_table
from tests.support.pools import POOL, SUBSCRIPTION

SOMETHING = Event(0.0, Kind.PAUSED)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with served(tmp_path_factory.mktemp("emulator"), hosts=1, users=0, latency=False) as running:
        yield running


def in_server(server: Running, call: Any) -> Any:
    async def run() -> Any:
        return call()

    return asyncio.run_coroutine_threadsafe(run(), server.loop).result()


@pytest.fixture
def declared(server: Running) -> Iterator[LogAnalytics]:
    given = in_server(server, lambda: deploy_table(server.emulator, server.url))
    yield log_analytics(given)
    in_server(server, lambda: server.emulator.handle(Request("DELETE", "/emulator/faults")))
    in_server(server, lambda: ingestion.rows_of(server.emulator.world, TABLE).clear())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink, "SETTLE", 0.01)
    monkeypatch.setattr(sink, "AGAIN_AFTER", 0.05)


def arrived(server: Running) -> list[str]:
    return [str(each["Why"]) for each in kept(server)]


def kept(server: Running) -> list[dict[str, Any]]:
    return list(in_server(server, lambda: list(ingestion.rows_of(server.emulator.world, TABLE))))


def note(file: AuditFile, server: Running, why: str) -> Row:
    made = row(server.emulator.world.now, "rollout_paused", host_pool_id=POOL, who="ada", why=why)
    file.append(made)
    return made


def environment(server: Running) -> dict[str, str]:
    """As the updater, who has no other right than that of the template."""
    return dict(server.server.environment())


async def test_rows_arrive_in_order_and_once(server: Running, declared: LogAnalytics, tmp_path: Path) -> None:
    file, warnings = AuditFile(tmp_path, "hp1"), list[str]()
    async with open_cloud(environment(server), SUBSCRIPTION, RealClock(), read_only) as cloud:
        note(file, server, "long ago, before there was a table")
        for run in ("first", "second"):
            async with LogAnalyticsSink(cloud, declared, file, warnings.append) as listener:
                for number in range(3):
                    note(file, server, f"{run} {number}")
                    listener(SOMETHING)
                    await asyncio.sleep(0.05)
    assert warnings == []
    assert arrived(server) == [f"{run} {number}" for run in ("first", "second") for number in range(3)]
    [sent] = {each["path"] for each in _requests(server) if each["action"] == ingestion.WRITE}
    assert sent == f"/dataCollectionRules/{declared.rule_id}/streams/{declared.stream}"


async def test_many_rows_go_in_several_requests(
    server: Running, declared: LogAnalytics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink, "AT_ONCE", 4)
    file = AuditFile(tmp_path, "hp1")
    before = len([each for each in _requests(server) if each["action"] == ingestion.WRITE])
    async with (
        open_cloud(environment(server), SUBSCRIPTION, RealClock(), read_only) as cloud,
        LogAnalyticsSink(cloud, declared, file, pytest.fail),
    ):
        for number in range(10):
            note(file, server, str(number))
    assert arrived(server) == [str(number) for number in range(10)]
    assert len([each for each in _requests(server) if each["action"] == ingestion.WRITE]) - before == 3


async def test_what_one_run_could_not_send_the_next_one_does(
    server: Running, declared: LogAnalytics, tmp_path: Path
) -> None:
    file, warnings = AuditFile(tmp_path, "hp1"), list[str]()
    refused = {"type": "status", "status": 403, "code": "OperationFailed"}
    rules = {"seed": 1, "rules": [{"id": "no", "path": "/dataCollectionRules/", "effect": refused}]}
    in_server(server, lambda: server.emulator.handle(Request("POST", "/emulator/faults", body=rules)))
    async with open_cloud(environment(server), SUBSCRIPTION, RealClock(), read_only) as cloud:
        async with LogAnalyticsSink(cloud, declared, file, warnings.append) as listener:
            note(file, server, "lost?")
            listener(SOMETHING)
            await asyncio.sleep(0.3)
            note(file, server, "lost as well?")
            listener(SOMETHING)
        assert arrived(server) == []
        assert warnings == [
            f"log_analytics: rows were not sent: {server.url} answered 403 OperationFailed; give the updater the role "
            "Monitoring Metrics Publisher on the data collection rule"
        ]
        in_server(server, lambda: server.emulator.handle(Request("DELETE", "/emulator/faults")))
        async with LogAnalyticsSink(cloud, declared, file, pytest.fail):
            note(file, server, "new")
    assert arrived(server) == ["lost?", "lost as well?", "new"]


async def test_a_lost_answer_makes_two_rows_of_one_event(
    server: Running, declared: LogAnalytics, tmp_path: Path
) -> None:
    file = AuditFile(tmp_path, "hp1")
    lost = {"type": "drop", "when": "after"}
    rules = {"seed": 1, "rules": [{"id": "lost", "path": "/dataCollectionRules/", "nth": [1], "effect": lost}]}
    in_server(server, lambda: server.emulator.handle(Request("POST", "/emulator/faults", body=rules)))
    async with (
        open_cloud(environment(server), SUBSCRIPTION, RealClock(), read_only) as cloud,
        LogAnalyticsSink(cloud, declared, file, pytest.fail),
    ):
        made = note(file, server, "twice")
    assert [each["EventId"] for each in kept(server)] == [made.event_id] * 2


class Nowhere:
    """An endpoint that takes rows only when told to, and never quickly."""

    def __init__(self) -> None:
        self.tries = 0
        self.hangs = False
        self.error: Exception | None = Unreachable(0, "NoAnswer", "no answer", "POST")
        self.rows: list[str] = []
        self.third, self.taken = asyncio.Event(), asyncio.Event()

    async def upload_logs(self, endpoint: str, rule_id: str, stream: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self.tries += 1
        if self.tries == 3:
            self.third.set()
        if self.hangs:
            await asyncio.sleep(1e6)
        if self.error is not None:
            raise self.error
        self.rows += [str(each["Why"]) for each in rows]
        self.taken.set()


DECLARED = LogAnalytics("https://nowhere", "dcr-00000000000000000000000000000000")


async def test_it_is_tried_again_while_the_run_goes_on(server: Running, tmp_path: Path) -> None:
    file, azure, warnings = AuditFile(tmp_path, "hp1"), Nowhere(), list[str]()
    async with LogAnalyticsSink(cast(Azure, azure), DECLARED, file, warnings.append) as listener:
        note(file, server, "a")
        listener(SOMETHING)
        async with asyncio.timeout(60):  # else it would wait for ever where nothing is tried again
            await azure.third.wait()
            azure.error = None
            await azure.taken.wait()
    assert azure.rows == ["a"]
    assert warnings == ["log_analytics: rows were not sent: https://nowhere answered 0 NoAnswer"]


async def test_an_endpoint_that_hangs_or_breaks_keeps_nobody(
    server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink, "PATIENCE", 0.1)
    file, azure, warnings = AuditFile(tmp_path, "hp1"), Nowhere(), list[str]()
    azure.hangs = True
    async with LogAnalyticsSink(cast(Azure, azure), DECLARED, file, warnings.append):
        note(file, server, "a")
    assert len(warnings) == 1 and "the next run sends them" in warnings[0]
    azure.hangs, azure.error = False, RuntimeError("s3cret in some library's message")
    async with LogAnalyticsSink(cast(Azure, azure), DECLARED, file, warnings.append):
        pass
    assert warnings[1:] == ["log_analytics: rows were not sent: RuntimeError"]
    azure.error = None
    async with LogAnalyticsSink(cast(Azure, azure), DECLARED, file, warnings.append):
        pass
    assert azure.rows == ["a"]


def _requests(server: Running) -> list[dict[str, Any]]:
    asked = Request("GET", "/emulator/requests", {"since": "0"})
    return list(in_server(server, lambda: server.emulator.handle(asked).body["requests"]))
