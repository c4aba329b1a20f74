"""`ScaleSetImageUpgrade` under the real Pulumi CLI, against an emulator over HTTPS: a story of one stack."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from emulator import clock
from emulator.server import Running, running
from emulator.wire import Request
from simulation.scale_set import DEFINITION, SET, EmulatedScaleSet, emulated_scale_set
from simulation.virtual_time import virtually
from tests.providers.emulated import requests_of, writes
from tests.support.emulator import as_deployer
from tests.support.pulumi_cli import Cli, cli

PROGRAM = """
import json
import pulumi
from providers.scale_set_image_upgrade import ScaleSetImageUpgrade

with open("inputs.json") as file:
    upgrade = ScaleSetImageUpgrade("web", json.load(file))
pulumi.export("summary", upgrade.summary)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    made: EmulatedScaleSet = virtually(emulated_scale_set(2, rolling={"maxUnhealthyInstancePercent": 50}))
    clock.start(made.emulator.world, 480.0)
    with running(made.emulator, tmp_path_factory.mktemp("emulator")) as served:
        yield served


@pytest.fixture(scope="module")
def pulumi(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    folder = tmp_path_factory.mktemp("program")
    (folder / "Pulumi.yaml").write_text("name: sets\nruntime: python\n")
    (folder / "__main__.py").write_text(PROGRAM)
    run = cli(
        folder, {**as_deployer(server), "HOSTPOOL_LOG_FOLDER": str(folder / "log")}, tmp_path_factory.mktemp("state")
    )
    run("stack", "init", "test")
    return run


def control(server: Running, method: str, path: str, body: Any = None) -> Any:
    answer = server.emulator.handle(Request(method, f"/emulator/{path}", body=body))
    assert answer.status == 200, answer.body
    return answer.body


def images(server: Running) -> list[str]:
    return [each["image"] for each in control(server, "GET", "scale-sets")["scaleSets"][SET]["instances"]]


def publish(server: Running, version: str) -> None:
    control(server, "POST", "image-versions", {"image": DEFINITION, "version": version})


def declare(pulumi: Cli, **inputs: Any) -> None:
    (pulumi.program / "inputs.json").write_text(json.dumps({"scale_set_id": SET, **inputs}))


def outputs(pulumi: Cli) -> dict[str, Any]:
    [item] = [item for item in pulumi.state() if item["type"].endswith("avd:ScaleSetImageUpgrade")]
    return dict(item["outputs"])


def interrupted(pulumi: Cli, server: Running) -> str:
    """`pulumi up` that gets a Ctrl-C while an instance is on its way; its output."""
    process = subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive"],
        cwd=pulumi.program,
        env=pulumi.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not control(server, "GET", "scale-sets")["scaleSets"][SET]["upgrades"][1:]:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=90)
    assert process.returncode != 0
    return " ".join(said.split())


def test_from_the_first_preview_to_a_bad_image(pulumi: Cli, server: Running) -> None:
    declare(pulumi, version="1.0.1")
    publish(server, "1.0.1")
    number = requests_of(server)[-1]["n"]
    shown = pulumi("preview", "--diff")
    assert '"1.0.0 -> 1.0.1"' in shown and "2 of 2 instances do not run 1.0.1, the latest; this run begins" in shown
    assert "Azure restores no OS disk" in shown and writes(server, number) == []
    shown = pulumi("up", "--yes", "--skip-preview")
    assert "attempt 1 begins: 2 instances to 1.0.1" in shown and re.search(
        r"web_\d done, out for \d+ min \(2 of 2\)", shown
    )
    made = outputs(pulumi)
    assert made["summary"] == "scale set web: 2 of 2 run 1.0.1" and images(server) == ["1.0.1"] * 2
    assert made["instances"] == {"1.0.1": ["web_0", "web_1"]} and made["plan"] == {}
    assert made["history"][0]["properties"]["runningStatus"]["code"] == "Completed"
    number = requests_of(server)[-1]["n"]
    publish(server, "1.0.2")
    declare(pulumi)
    said = interrupted(pulumi, server)
    assert "the upgrade to 1.0.2 goes on in Azure; the next pulumi up watches it again" in said
    assert "Traceback" not in said
    shown = pulumi("up", "--yes", "--skip-preview")
    assert images(server) == ["1.0.2"] * 2
    assert len(writes(server, number)) == 1

    control(server, "POST", "faults", {"rules": [
        {"effect": {"type": "guest", "image": "/versions/1[.]0[.]3$", "fault": "unhealthy"}}
    ]})  # fmt: skip
    publish(server, "1.0.3")
    shown = " ".join(pulumi("up", "--yes", "--skip-preview", exit_code=1).split())
    assert "error: scale set web: the upgrade to 1.0.3 was stopped at" in shown
    assert "To do: look at the failed instances below" in shown and "Traceback" not in shown
    assert sorted(images(server)) == ["1.0.2", "1.0.3"]
    pulumi("refresh", "--yes")
    assert "its application is unhealthy" in " ".join(outputs(pulumi)["failed"].values())
