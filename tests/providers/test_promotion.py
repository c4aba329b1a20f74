"""A pool that gets the version of another one, by the provider's own methods on the emulator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import providers.runtime
from emulator.server import Running
from providers.host_pool_image_update import HostPoolImageUpdateProvider
from providers.runtime import Runtime
from rollout import names
from tests.providers.emulated import pool_inputs, requests_of, served_pool, writes
from tests.providers.test_against_emulator import ask, checked, reasons, use
from tests.support.pools import POOL

TEST, PROD = POOL, POOL.replace("hp1", "hp2")
NEVER_RUN = "no rollout has run in test yet, so that its version is not known"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two pools with a host each."""
    with served_pool(tmp_path_factory.mktemp("emulator"), hosts=2, pools=2, users=0) as running:
        yield running


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch, server: Running, tmp_path: Path) -> Iterator[HostPoolImageUpdateProvider]:
    use(monkeypatch, server, tmp_path)
    runtime = Runtime(None)
    monkeypatch.setattr(providers.runtime, "_runtime", runtime)
    yield HostPoolImageUpdateProvider()
    runtime.close()


def prod(server: Running, soak: str = "P2D", **changes: Any) -> dict[str, Any]:
    promote_from = {"host_pool_id": TEST, "stack": "test", "soak": soak}
    return pool_inputs(server, **{"host_pool_id": PROD, "version": "promoted", "promote_from": promote_from, **changes})


def test_a_pool_that_has_no_version_to_stay_with_is_left_alone(
    provider: HostPoolImageUpdateProvider, server: Running
) -> None:
    """Its hosts run another image than the one declared, and none is ready."""
    declared = prod(server, image="MicrosoftWindowsDesktop:office-365:win11-24h2-avd-m365")
    number = requests_of(server)[-1]["n"]
    seen = checked(provider, declared)
    assert (seen["plan"], seen["state"], seen["image_version_id"]) == ({}, f"left alone: {NEVER_RUN}", "")
    done = provider.create(seen)
    assert (done.outs["status"], done.outs["waits_for"]) == ("queued", NEVER_RUN)
    assert done.outs["hosts"] == {"pending": ["vm-1"]}
    assert provider.diff(done.id, done.outs, checked(provider, declared)).changes is False
    assert writes(server, number) == []


def test_a_version_comes_once_the_other_pool_has_run_it_long_enough(
    provider: HostPoolImageUpdateProvider, server: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    number = requests_of(server)[-1]["n"]
    seen = checked(provider, prod(server))
    assert (seen["plan"], seen["state"]) == ({}, f"complete, 1 of 1 hosts run 1.0.0; {NEVER_RUN}")
    assert f"info: not promoted: {NEVER_RUN}" in capfd.readouterr().err
    assert writes(server, number) == []

    test = checked(provider, pool_inputs(server, host_pool_id=TEST))
    assert provider.create(test).outs["status"] == "complete"
    seen = checked(provider, prod(server))
    assert seen["plan"] == {} and re.search(r"; 1\.0\.1 is in test since \d+ min, 48 h to go$", seen["state"])
    done = provider.create(seen)
    assert (done.outs["status"], done.outs["image_version_id"][-5:]) == ("complete", "1.0.0")
    assert provider.diff(done.id, {**done.outs, "__provider": ""}, checked(provider, prod(server))).changes is False

    overridden = checked(provider, prod(server, version="1.0.1"))
    ready = checked(provider, prod(server, soak="PT0S"))
    assert ready["plan"] == overridden["plan"] and ready["plan"]["vm-1"] == "1.0.0 -> 1.0.1 (canary)"
    # Whatever the other pool does between preview and run, it is what the preview showed.
    state = ask(server, "GET", TEST)["tags"][names.RECORD]
    outs = provider.update(done.id, done.outs, ready).outs
    assert (outs["status"], outs["images"]) == ("complete", {"1.0.1": ["vm-1"]})
    assert ask(server, "GET", TEST)["tags"][names.RECORD] == state, "the other pool is only read"
    assert ask(server, "GET", PROD)["tags"][names.TARGET].endswith("/versions/1.0.1")


def test_a_pool_that_cannot_be_read_is_one_clear_error(provider: HostPoolImageUpdateProvider, server: Running) -> None:
    gone = {"host_pool_id": POOL.replace("hp1", "hp9")}
    found = reasons(provider, prod(server, promote_from=gone))
    assert list(found) == ["promote_from.host_pool_id"]
    assert "give the updater the role Reader on that host pool" in found["promote_from.host_pool_id"]
