"""Spans of a rollout to a collector: rollout, hosts, phases; and nothing where none is named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from rollout.events import Event, Kind
from sinks import traces
from sinks.traces import Traces, is_wanted, otlp_provider
from tests.support.web_sink import WebSink, web_sink

POOL = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DesktopVirtualization/hostPools/hp1"
STARTED: dict[str, Any] = {
    "rollout": "r1", "attempt": 2, "version": "1.0.1", "image": "/images/1.0.1", "hosts": ["vm-0", "vm-1"],
    "owner": "ada@desk-7 1",
}  # fmt: skip
T = 1_768_248_000.0


def at(after: float, kind: Kind, host: str = "", text: str = "", **data: Any) -> Event:
    return Event(T + after, kind, host, text, data)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebSink]:
    with web_sink() as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
        yield server


async def told(*events: Event) -> list[str]:
    """The warnings of a run with these events."""
    warnings: list[str] = []
    async with Traces(POOL, lambda trace_id: otlp_provider(trace_id, warnings.append)) as listener:
        for event in events:
            listener(event)
    return warnings


NIGHT = (
    at(0, Kind.STARTED, **STARTED),
    at(1, Kind.PHASE, "vm-0", phase="build"),
    at(2, Kind.ACTION, "vm-0", "created the temporary VM", seconds=0.5),
    at(60, Kind.PHASE, "vm-0", phase="drain", **{"from": "build"}),
    at(61, Kind.PHASE, "vm-1", phase="build"),
    at(90, Kind.PHASE, "vm-0", phase="done", **{"from": "drain"}),
    at(90, Kind.HOST_DONE, "vm-0", outage=20.0),
    at(95, Kind.CANARY, result="passed", hosts=["vm-0"]),
    at(100, Kind.HOST_FAILED, "vm-1", "no boot", result="restoring", evidence={}),
    at(120, Kind.HOST_FAILED, "vm-1", "no boot", result="rolled_back"),
    at(130, Kind.ENDED, text="1 of 2 failed", status="complete_with_failures"),
)


async def test_a_rollout_is_a_tree_of_spans(collector: WebSink) -> None:
    assert await told(*NIGHT) == []
    spans = collector.spans()
    by_name = {(each["name"], each["attributes"].get("avd.host", "")): each for each in spans}
    assert set(by_name) == {
        ("rollout", ""), ("host", "vm-0"), ("build", "vm-0"), ("drain", "vm-0"), ("host", "vm-1"), ("build", "vm-1"),
    }  # fmt: skip
    rollout, first, second = by_name["rollout", ""], by_name["host", "vm-0"], by_name["host", "vm-1"]
    assert rollout["parent"] == "" and {first["parent"], second["parent"]} == {rollout["id"]}
    assert by_name["drain", "vm-0"]["parent"] == first["id"]
    assert len({each["trace"] for each in spans}) == 1
    assert {each["service"] for each in spans} == {"avd-hostpool-image-update"}
    assert [(round(s["start"] - T), round(s["end"] - T)) for s in (rollout, first, by_name["build", "vm-0"])] == [
        (0, 130), (1, 90), (1, 60),
    ]  # fmt: skip
    assert by_name["build", "vm-0"]["events"] == ["created the temporary VM"]
    assert rollout["attributes"] == {
        "avd.host_pool.id": POOL,
        "avd.host_pool.name": "hp1",
        "avd.rollout.id": "r1",
        "avd.rollout.attempt": 2,
        "avd.rollout.resumed": False,
        "avd.rollout.hosts": 2,
        "avd.rollout.status": "complete_with_failures",
        "avd.image.id": "/images/1.0.1",
        "avd.image.version": "1.0.1",
        "avd.owner": "ada@desk-7 1",
    }
    assert (rollout["error"], rollout["events"]) == ("1 of 2 failed", ["canary"])
    assert first["error"] == "" and first["attributes"]["avd.host.outage"] == 20.0
    assert second["error"] == "no boot" and second["attributes"]["avd.host.result"] == "rolled_back"


async def test_all_runs_of_an_attempt_are_one_trace(collector: WebSink) -> None:
    await told(*NIGHT[:4])
    assert {
        each["attributes"].get("avd.rollout.status") for each in collector.spans() if each["name"] == "rollout"
    } == {"interrupted"}
    await told(at(900, Kind.STARTED, **STARTED, resumed=True), *NIGHT[-1:])
    await told(at(2000, Kind.STARTED, **{**STARTED, "attempt": 3}), *NIGHT[-1:])
    rollouts = [each for each in collector.spans() if each["name"] == "rollout"]
    assert [each["attributes"]["avd.rollout.attempt"] for each in rollouts] == [2, 2, 3]
    assert rollouts[0]["trace"] == rollouts[1]["trace"] != rollouts[2]["trace"]
    assert len({each["id"] for each in rollouts}) == 3


async def test_the_standard_variables_are_heeded(collector: WebSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "avd")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cret")
    await told(*NIGHT[:1])
    [span] = collector.spans()
    assert span["service"] == "avd"
    assert {name.lower(): value for name, value in collector.sent[0].headers.items()}["api-key"] == "s3cret"


async def test_a_collector_that_refuses_is_told_once_and_keeps_nobody(
    collector: WebSink, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    collector.status = 400
    assert await told(*NIGHT) == ["spans could not be sent to the endpoint in OTEL_EXPORTER_OTLP_*"]
    monkeypatch.setattr(traces, "PATIENCE", 0.2)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")  # nobody listens: it is tried for long
    await told(*NIGHT)
    shown = capfd.readouterr()
    assert shown.out + shown.err == ""


async def test_a_run_with_nothing_to_do_opens_nothing() -> None:
    opened: list[int] = []

    async with Traces(POOL, opened.append) as listener:  # type: ignore[arg-type]
        listener(at(0, Kind.CHECKED, findings=[]))
        listener(at(1, Kind.PHASE, "vm-0", phase="build"))
    assert opened == []


@pytest.mark.parametrize(
    ("environment", "wanted", "warned"),
    [
        ({}, False, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True, False),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, False, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, False, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, False, True),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
            },
            True,
            False,
        ),
        ({"PULUMI_OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "TRACEPARENT": "00-1-1-01"}, False, False),
    ],
)
def test_what_the_environment_asks_for(environment: dict[str, str], wanted: bool, warned: bool) -> None:
    warnings: list[str] = []
    assert is_wanted(environment, warnings.append) is wanted
    assert bool(warnings) is warned


@pytest.mark.parametrize(
    ("modules", "late"),
    [
        # Pulumi itself imports the SDK.
        (
            "providers.preview, providers.rolling",
            ("opentelemetry.exporter.otlp.proto.http", "azure.monitor", "apprise"),
        ),
        ("hostpool.main, hostpool.commands.rebuild, sinks.listeners", ("opentelemetry", "azure.monitor", "apprise")),
    ],
)
def test_nothing_is_imported_that_nobody_asked_for(modules: str, late: tuple[str, ...]) -> None:
    """A preview, and a run that tells nobody, must not pay for what others declare."""
    program = f"import sys, {modules}; print([name for name in sys.modules if name.startswith({late!r})])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
