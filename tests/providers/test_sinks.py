"""A whole update with every sink declared, over HTTPS: audit log, Log Analytics, webhook, collector, from one run."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.monitor import ingestion
from emulator.server import Running
from emulator.wire import Request
from providers.host_pool_image_update import HostPoolImageUpdateProvider
from rollout.log_analytics import TABLE
from simulation.in_process import principal_named
from tests.providers.emulated import environment, pool_inputs, served_pool
from tests.support.log_analytics import deploy_table
from tests.support.pools import GROUP, POOL
from tests.support.web_sink import WebSink, web_sink

HOOK_PASSWORD, COLLECTOR_KEY = "M4rked-Hook-Passw0rd", "m4rked-collector-key"
SECRETS = ("J0in-the-domain!", "L0cal-Admin-Passw0rd!", "deployer-secret", HOOK_PASSWORD, COLLECTOR_KEY)
ENDED = ("user_logged_off", "session_ended")
HOOK = f"{GROUP}/providers/Microsoft.KeyVault/vaults/avd-kv/secrets/hook"


@pytest.fixture(scope="module")
def web() -> Iterator[WebSink]:
    with web_sink() as server:
        yield server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with served_pool(
        tmp_path_factory.mktemp("emulator"), hosts=2, sessions_per_host=1, ignore_probability=1.0
    ) as running:
        yield running


def in_server(server: Running, call: Any) -> Any:
    async def run() -> Any:
        return call()

    return asyncio.run_coroutine_threadsafe(run(), server.loop).result()


@pytest.fixture(scope="module")
def updated(server: Running, web: WebSink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of logs, after the pool was updated by somebody who declares it all."""
    folder = tmp_path_factory.mktemp("logs")
    hook = f"json://ada:{HOOK_PASSWORD}@127.0.0.1:{web.server_port}/hook"

    def prepare() -> dict[str, str]:
        deployer = principal_named(server.emulator, "deployer")
        query, body = {"api-version": "2023-07-01"}, {"properties": {"value": hook}}
        asked = Request("PUT", HOOK, query, body=body, principal=deployer, base_url=server.url)
        assert server.emulator.handle(asked).status == 201
        return deploy_table(server.emulator, server.url, sender="deployer")

    table = in_server(server, prepare)
    variables = environment(
        server,
        HOSTPOOL_LOG_FOLDER=str(folder),
        HOSTPOOL_CHANGE_TICKET="CHG0042",
        OTEL_EXPORTER_OTLP_ENDPOINT=web.url,
        OTEL_EXPORTER_OTLP_HEADERS=f"api-key={COLLECTOR_KEY}",
    )
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        inputs = pool_inputs(
            server,
            max_unavailable=1.0,
            canary={"bake": "PT1M"},
            drain={"deadline": "PT10M", "grace": "PT2M", "log_off": "force", "allow_data_loss": True},
            log_analytics=table,
            notify={"url_secrets": [f"{server.url}/keyvault/avd-kv/secrets/hook"]},
        )
        provider = HostPoolImageUpdateProvider()
        checked = provider.check({}, inputs)
        assert not checked.failures
        assert provider.create(checked.inputs).outs["status"] == "complete"
    yield folder


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "hp1.audit.jsonl").read_text().splitlines()]


def test_the_audit_log_has_the_whole_story(updated: Path, server: Running) -> None:
    found = rows(updated)
    events = [each["Event"] for each in found]
    assert (events[0], events[-1]) == ("rollout_started", "rollout_ended")
    assert events.count("host_updated") == 2 and events.count("canary_passed") == 1
    assert {each["ChangeTicket"] for each in found} == {"CHG0042"} and {each["Attempt"] for each in found} == {1}
    assert {each["HostPoolId"] for each in found} == {POOL}
    hosts = [each for each in found if each["Event"] == "host_updated"]
    assert {(each["Host"], each["FromVersion"], each["ToVersion"]) for each in hosts} == {
        ("vm-0", "1.0.0", "1.0.1"), ("vm-1", "1.0.0", "1.0.1"),
    }  # fmt: skip
    assert all(each["OutageSeconds"] > 60 for each in hosts)
    end = found[-1]
    assert (end["Status"], end["Hosts"], end["Updated"], end["Failed"]) == ("complete", 2, 2, 0)
    assert end["DurationSeconds"] > 600


def test_who_was_logged_off_is_who_the_emulator_saw(updated: Path, server: Running) -> None:
    asked = Request("GET", "/emulator/session-events", {"hostpool": "hp1"})
    seen = in_server(server, lambda: server.emulator.handle(asked).body["events"])
    forced = sorted((each["user"], each["host"]) for each in seen if each["event"] == "forced_logoff")
    told = [(each["User"], each["Host"]) for each in rows(updated) if each["Event"] in ENDED]
    assert forced and sorted(told) == sorted((user, host.partition(".")[0]) for user, host in forced)


def test_log_analytics_has_each_row_once_and_in_order(updated: Path, server: Running) -> None:
    kept = in_server(server, lambda: list(ingestion.rows_of(server.emulator.world, TABLE)))
    assert [{k: v for k, v in row.items() if k != "TimeGenerated"} for row in kept] == rows(updated)
    assert all(row["TimeGenerated"] == row["Time"] for row in kept)


def test_the_webhook_is_told_few_things(updated: Path, web: WebSink) -> None:
    titles = [title for title, _ in web.messages()]
    assert titles == ["AVD pool hp1: started", "AVD pool hp1: canary passed", "AVD pool hp1: complete"]


def test_the_collector_has_spans_of_the_rollout_and_its_hosts(updated: Path, web: WebSink) -> None:
    spans = web.spans()
    assert len({span["trace"] for span in spans}) == 1
    hosts = {span["attributes"]["avd.host"]: span for span in spans if span["name"] == "host"}
    assert set(hosts) == {"vm-0", "vm-1"}
    phases = [span["name"] for span in spans if span["parent"] == hosts["vm-0"]["id"]]
    assert {"build", "drain", "release", "rejoin", "serve"} <= set(phases)
    [rollout] = [span for span in spans if span["name"] == "rollout"]
    assert rollout["attributes"]["avd.rollout.status"] == "complete" and rollout["error"] == ""


def test_i8_no_secret_is_in_what_the_sinks_were_given(updated: Path, server: Running, web: WebSink) -> None:
    kept = in_server(server, lambda: list(ingestion.rows_of(server.emulator.world, TABLE)))
    told = {
        "files": "\n".join(path.read_text() for path in updated.rglob("*") if path.is_file()),
        "rows": json.dumps(kept),
        "bodies": "\n".join(each.body.decode(errors="replace") for each in web.sent),
        "request log": json.dumps(in_server(server, lambda: server.emulator.world.sections["requests"])),
    }
    assert [(where, secret) for where, text in told.items() for secret in SECRETS if secret in text] == []
    assert all(told.values()) and "hp1.audit.jsonl" in {path.name for path in updated.iterdir()}
    # The secrets were on their way, where they belong.
    headers = [value for each in web.sent for value in each.headers.values()]
    assert COLLECTOR_KEY in headers and any(value.startswith("Basic ") for value in headers)
