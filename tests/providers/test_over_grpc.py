"""The real provider process over gRPC: what the engine sends and gets, and what happens when the engine is gone."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.output import UNKNOWN, Unknown

from emulator.server import Running
from emulator.wire import Request
from rollout import names
from rollout.decisions import Decision
from rollout.lease import decode
from rollout.pool_record import State
from rollout.pool_record import decode as decode_rollout
from simulation.in_process import principal_named
from tests.providers.dynamic_process import URN, Provider, pickled, provider_process
from tests.providers.emulated import environment, pool_inputs, served_pool
from tests.support.pools import POOL


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with served_pool(tmp_path / "emulator", hosts=3, users=3) as running:
        yield running


@pytest.fixture
def provider(server: Running, tmp_path: Path) -> Iterator[Provider]:
    folder = tmp_path / "project"
    folder.mkdir()
    with provider_process(environment(server), folder) as process:
        yield process


def props(server: Running, **changes: Any) -> dict[str, Any]:
    """Inputs as the program's process sends them."""
    return {**pool_inputs(server, **changes), "__provider": pickled(), "resource_urn": URN}


def tags(server: Running) -> dict[str, str]:
    principal = principal_named(server.emulator, "deployer")
    answer = server.emulator.handle(Request("GET", POOL, {"api-version": "2024-04-03"}, principal=principal))
    return dict(answer.body.get("tags") or {})


def merge_tags(server: Running, given: dict[str, str]) -> None:
    principal, path = principal_named(server.emulator, "deployer"), f"{POOL}/providers/Microsoft.Resources/tags/default"
    body = {"operation": "Merge", "properties": {"tags": given}}
    request = Request("PATCH", path, {"api-version": "2021-04-01"}, body=body, principal=principal)
    assert server.emulator.handle(request).status == 200


def test_the_life_of_a_resource(provider: Provider, server: Running, tmp_path: Path) -> None:
    """Check, create with a live line, no difference afterwards, read, and a delete that leaves the hosts alone."""
    news, failures = provider.check(props(server, max_unavailable=2))
    assert failures == []
    assert news["plan"]["vm-1"].startswith("1.0.0 -> 1.0.1")
    assert news["max_unavailable"] == 2.0

    key, outs = provider.create(news)
    assert key == POOL.lower()
    assert outs["status"] == "complete"
    assert sorted(outs["hosts"]["updated"]) == ["vm-0", "vm-1", "vm-2"]
    assert (tmp_path / "project" / outs["report"]).is_file()
    assert outs["report"].startswith(".hostpool/")

    live = [m for m in provider.engine.messages if m.ephemeral]
    kept = [m.message for m in provider.engine.messages if not m.ephemeral]
    assert {m.urn for m in provider.engine.messages} == {URN}
    assert live[0].message.startswith("1.0.1: 0/3 done")
    assert live[-1].message.startswith("1.0.1: 3/3 done")
    # Whether somebody is still signed in when it is looked at, and so warned of, depends on the machine.
    assert "attempt 1 begins: 3 hosts to 1.0.1" in kept[:2]
    assert len([text for text in kept if text.endswith(("(1 of 3)", "(2 of 3)", "(3 of 3)"))]) == 3

    again, failures = provider.check(props(server, max_unavailable=2), news)
    assert failures == []
    assert provider.diff(outs, again).changes == provider.diff(outs, again).DIFF_NONE
    changed = provider.diff(outs, again | {"version": "1.0.0"})
    assert (changed.changes, list(changed.replaces)) == (changed.DIFF_SOME, [])
    other = provider.diff(outs, again | {"host_pool_id": POOL.replace("hp1", "hp2")})
    assert list(other.replaces) == ["host_pool_id"]

    read_key, read = provider.read(outs)
    assert (read_key, read) == ("id", outs)
    provider.delete(outs)
    assert provider.read(outs)[1] == outs


def test_unknown_values_and_failures_over_the_wire(provider: Provider, server: Running) -> None:
    news, failures = provider.check(props(server) | {"image": UNKNOWN})
    assert failures == []
    assert isinstance(news["image"], Unknown)
    assert isinstance(news["image_version_id"], Unknown)
    assert news["plan"] == "unknown"

    _, failures = provider.check(props(server, max_unavailable="150%"))
    assert [failure.property for failure in failures] == ["max_unavailable"]


def test_an_error_is_its_sentence_and_nothing_else(server: Running, tmp_path: Path) -> None:
    wrong = environment(server, ARM_CLIENT_SECRET="not-the-secret")
    with provider_process(wrong, tmp_path) as provider:
        news, failures = provider.check(props(server))
        assert failures == []
        provider.engine.wait_for("Azure could not be asked")
        with pytest.raises(grpc.RpcError) as failed:
            provider.create(news)
    [text] = str(failed.value.details()).splitlines()
    assert text.startswith("pool hp1: ") and "AADSTS7000215" in text
    assert "not-the-secret" not in text


def test_aborting_ends_the_run_with_one_sentence(provider: Provider, server: Running) -> None:
    pending = begun(provider, server)
    left = decode_rollout(tags(server)[names.RECORD])
    assert left is not None
    merge_tags(server, {names.ABORT: Decision(left.r, left.a, "ada@desk-7", left.s).encode()})
    with pytest.raises(grpc.RpcError) as failed:
        pending.result()
    assert re.fullmatch(r"pool hp1: aborted by ada@desk-7, \d of 3 hosts run 1\.0\.1", str(failed.value.details())), (
        failed.value.details()
    )


def test_a_killed_cli_ends_the_run_at_a_safe_point(provider: Provider, server: Running) -> None:
    """The engine goes away in the middle: the process records where it is, gives its lease back, and ends itself."""
    pending = begun(provider, server)
    provider.server.stop(None).wait()

    assert provider.process.wait(120) == 0
    with pytest.raises(grpc.RpcError):
        pending.result()
    assert stopped_at_a_safe_point(server)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_at_a_safe_point_and_a_second_one_is_no_worse(
    server: Running, tmp_path: Path, number: signal.Signals
) -> None:
    with provider_process(environment(server), tmp_path) as provider:
        pending = begun(provider, server)
        provider.process.send_signal(number)
        provider.process.send_signal(number)
        assert "stopped at a safe point; run pulumi up again" in last_line(pending)
        assert provider.process.wait(120) == 0
    assert stopped_at_a_safe_point(server)


def test_a_signal_ends_an_idle_process_at_once(provider: Provider, server: Running) -> None:
    provider.check(props(server))
    provider.process.send_signal(signal.SIGINT)
    assert provider.process.wait(60) == 0


def test_pulumis_cancel_stops_the_run_and_the_process_can_go_on_with_it(provider: Provider, server: Running) -> None:
    pending = begun(provider, server)
    provider.stub.Cancel(empty_pb2.Empty())
    assert "stopped at a safe point; run pulumi up again" in last_line(pending)
    assert stopped_at_a_safe_point(server)
    provider.stub.Cancel(empty_pb2.Empty())  # with nothing at work: Pulumi says so whenever it closes a provider
    again = begun(provider, server, "attempt 1 goes on")
    provider.stub.Cancel(empty_pb2.Empty())
    assert "stopped at a safe point; run pulumi up again" in last_line(again)


def begun(provider: Provider, server: Running, said: str = "attempt 1 begins") -> Any:
    """A create under way: a canary that bakes for a day, so that it does not end by itself meanwhile."""
    news, _ = provider.check(props(server, canary={"hosts": 1, "bake": "P1D"}))
    pending = provider.creating(news)
    provider.engine.wait_for(said)
    return pending


def last_line(pending: Any) -> str:
    """Of the error that a call ended with."""
    with pytest.raises(grpc.RpcError) as failed:
        pending.result()
    return str(failed.value.details()).strip().splitlines()[-1]


def stopped_at_a_safe_point(server: Running) -> bool:
    """The lease is given back, and the rollout's record says that it is not over."""
    left = tags(server)
    lease, rollout = decode(left[names.LEASE]), decode_rollout(left[names.RECORD])
    return lease is not None and lease.owner == "nobody" and rollout is not None and rollout.st is State.RUNNING
