"""The resource under the real Pulumi CLI: what only the engine decides, such as hooks and what follows a refusal."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from emulator.server import Running
from tests.providers.emulated import pool_inputs, requests_of, served_pool, writes
from tests.support.emulator import as_deployer
from tests.support.pulumi_cli import Cli, cli

PROGRAM = """
import json
import pulumi
from providers.host_pool_image_update import HostPoolImageUpdate

class Desktop(pulumi.ComponentResource):
    def __init__(self):
        super().__init__("test:index:Desktop", "desktop")
        with open("inputs.json") as file:
            self.update = HostPoolImageUpdate("image-update", json.load(file), pulumi.ResourceOptions(parent=self))
        self.register_outputs({})

pulumi.export("status", Desktop().update.status)
"""
WINDOW = {"recur_every": "Day", "start": "12:00", "duration": "PT2H", "time_zone": "Europe/Amsterdam"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Users who stay: no host can be emptied, and `wait` logs nobody off."""
    with served_pool(
        tmp_path_factory.mktemp("emulator"), hosts=2, sessions_per_host=1, ignore_probability=1.0, throttling=False
    ) as running:
        yield running


@pytest.fixture(scope="module")
def pulumi(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    folder = tmp_path_factory.mktemp("program")
    (folder / "Pulumi.yaml").write_text("name: avd\nruntime: python\n")
    (folder / "__main__.py").write_text(PROGRAM)
    run = cli(folder, as_deployer(server), tmp_path_factory.mktemp("backend"))
    run("stack", "init", "test")
    return run


def declare(pulumi: Cli, server: Running, **changes: object) -> None:
    drain = {"deadline": "PT5M", "log_off": "wait"}
    inputs = pool_inputs(server, drain=drain, headroom=0, canary={"hosts": 0}, **changes)
    (pulumi.program / "inputs.json").write_text(json.dumps(inputs))


def test_bad_input_is_refused_by_the_preview(pulumi: Cli, server: Running) -> None:
    declare(pulumi, server, window={**WINDOW, "time_zone": "Mars"})
    shown = pulumi("preview", exit_code=1)
    assert 'is no time zone; write an IANA name such as "Europe/Amsterdam"' in shown
    assert "Traceback" not in shown


def test_outside_its_window_an_update_is_scheduled_and_only_that_is_written(pulumi: Cli, server: Running) -> None:
    declare(pulumi, server, window=WINDOW)
    shown = pulumi("preview", "--diff")
    assert "2 of 2 hosts need work; begins " in shown and "12:00 Europe/Amsterdam (11:00 UTC), about" in shown
    number = requests_of(server)[-1]["n"]
    pulumi("up", "--yes", "--skip-preview")  # which does not fail
    assert {path.rsplit("/providers/", 1)[-1] for path in writes(server, number)} == {
        "Microsoft.Resources/tags/default"
    }
    number = requests_of(server)[-1]["n"]
    pulumi("up", "--yes", "--skip-preview")
    assert writes(server, number) == []
    [update] = [item for item in pulumi.state() if item["type"].endswith("avd:HostPoolImageUpdate")]
    assert update["outputs"]["status"] == "scheduled" and update["outputs"]["goes_on"].endswith("T11:00:00Z")
    assert "1 to update" in pulumi("preview")


def test_an_update_that_left_hosts_fails_with_its_state_saved_and_is_gone_on_with(pulumi: Cli, server: Running) -> None:
    declare(pulumi, server)
    shown = pulumi("up", "--yes", "--skip-preview", exit_code=1)
    assert "hosts failed; first: vm-" in shown or "left out" in shown
    [update] = [item for item in pulumi.state() if item["type"].endswith("avd:HostPoolImageUpdate")]
    assert update["outputs"]["status"] == "complete_with_failures"
    assert {state: sorted(hosts) for state, hosts in update["outputs"]["hosts"].items()} == {
        "left_out": ["vm-0", "vm-1"]
    }
    assert update["outputs"]["resource_urn"] == update["urn"]
    assert "test:index:Desktop$pulumi-python:dynamic/avd:HostPoolImageUpdate" in update["urn"]

    number = requests_of(server)[-1]["n"]
    shown = pulumi("preview", "--diff")
    assert "1.0.0 -> 1.0.1" in shown and "1 to update" in shown
    assert writes(server, number) == []

    # Whoever wants exit code 0 for it says so.
    declare(pulumi, server, fail_when_incomplete=False)
    pulumi("up", "--yes", "--skip-preview")
    assert "complete_with_failures" in pulumi("stack", "output", "status")
