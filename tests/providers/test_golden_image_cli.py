"""`GoldenImageVersion` under the real Pulumi CLI, against an emulator over HTTPS: a story of one stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from emulator.server import Running
from tests.providers.emulated import requests_of, served_pool, writes
from tests.support.emulator import as_deployer
from tests.support.pools import DEFINITION, GROUP
from tests.support.pulumi_cli import Cli, cli

PROGRAM = """
import json
import pulumi
from providers.golden_image_version import GoldenImageVersion

with open("inputs.json") as file:
    version = GoldenImageVersion("win11", json.load(file))
pulumi.export("version", version.resolved_version)
pulumi.export("log", version.update_log)
"""
GOLDEN = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/golden"
OFFICE = {"name": "office", "script": ["Write-Output 'Office 16.0'"]}
BROKEN = {"name": "broken", "script": ["Write-Error 'no licence'", "exit 3"]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with served_pool(tmp_path_factory.mktemp("emulator"), hosts=1, users=0, golden=True, throttling=False) as running:
        yield running


@pytest.fixture(scope="module")
def pulumi(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    folder = tmp_path_factory.mktemp("program")
    (folder / "Pulumi.yaml").write_text("name: images\nruntime: python\n")
    (folder / "__main__.py").write_text(PROGRAM)
    run = cli(folder, as_deployer(server), tmp_path_factory.mktemp("backend"))
    run("stack", "init", "test")
    return run


def declare(pulumi: Cli, **inputs: Any) -> None:
    given = {"source_vm_id": GOLDEN, "image": DEFINITION, "version": "1.0.*", **inputs}
    (pulumi.program / "inputs.json").write_text(json.dumps(given))


def versions(server: Running) -> list[str]:
    """Numbers of the versions in the gallery."""
    start = f"{DEFINITION}/versions/".lower()
    return sorted(key.removeprefix(start) for key in server.emulator.world.resources if key.startswith(start))


def outputs(pulumi: Cli) -> dict[str, Any]:
    [item] = [item for item in pulumi.state() if item["type"].endswith("avd:GoldenImageVersion")]
    return dict(item["outputs"])


def test_from_the_first_preview_to_destroy(pulumi: Cli, server: Running) -> None:
    declare(pulumi, regions=[{"name": "northeurope"}])
    shown = pulumi("preview", exit_code=1)
    assert "regions: ['northeurope'] lacks westeurope" in shown and "Traceback" not in shown

    declare(pulumi, updates=[BROKEN])
    shown = pulumi("up", "--yes", "--skip-preview", exit_code=1)
    assert "image win11 1.0.2: update broken ended with exit code 3; --- stderr; no licence; the golden VM as" in shown
    assert "Traceback" not in shown
    assert versions(server) == ["1.0.0", "1.0.1"]

    declare(pulumi, updates=[OFFICE])
    number = requests_of(server)[-1]["n"]
    shown = pulumi("preview", "--diff")
    assert "capture 1.0.2 from golden, after office, replicate to westeurope" in shown
    assert writes(server, number) == []
    pulumi("up", "--yes", "--skip-preview")
    assert versions(server) == ["1.0.0", "1.0.1", "1.0.2"]
    made = outputs(pulumi)
    assert made["resolved_version"] == "1.0.2" and made["replication"] == {"westeurope": "Completed"}
    assert [(ran["name"], ran["exit_code"], ran["output"]) for ran in made["update_log"]] == [
        ("office", 0, "Office 16.0")
    ]

    number = requests_of(server)[-1]["n"]
    assert "2 unchanged" in pulumi("up", "--yes", "--skip-preview")
    assert writes(server, number) == []

    declare(pulumi, updates=[{**OFFICE, "script": ["Write-Output 'Office 17.0'"]}])
    shown = pulumi("preview", "--diff")
    assert "replace" in shown and "capture 1.0.3 from golden" in shown

    number = requests_of(server)[-1]["n"]
    pulumi("destroy", "--yes", "--skip-preview")
    assert writes(server, number) == [] and "1.0.2" in versions(server)
    assert not [key for key in server.emulator.world.resources if "avdcap-" in key]
