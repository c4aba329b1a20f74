"""The command as people start it: a process with an environment, against the emulator's server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping

import pytest

from emulator.server import Running
from tests.support.emulator import as_deployer, served
from tests.support.pools import POOL

LOGS = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with served(tmp_path_factory.mktemp("emulator"), hosts=3, users=3, latency=False) as running:
        yield running


def hostpool(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("ARM_", "HOSTPOOL_", "AZURE_")) and k not in PROXIES
    }
    return subprocess.run(
        [sys.executable, "-c", "from hostpool.main import main; main()", *arguments],
        env={**kept, "HOSTPOOL_ID": POOL, "HOSTPOOL_LOG_FOLDER": LOGS.name, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_status_by_the_variables_that_the_emulator_prints(server: Running) -> None:
    result = hostpool(as_deployer(server), "status", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    assert [row["host"] for row in json.loads(result.stdout)["hosts"]] == ["vm-0", "vm-1", "vm-2"]


def test_pause_and_resume_reach_the_tags_of_the_pool(server: Running) -> None:
    assert "paused" in hostpool(as_deployer(server), "pause").stdout
    assert json.loads(hostpool(as_deployer(server), "status", "--json").stdout)["paused_by"]
    assert "the pause is lifted" in hostpool(as_deployer(server), "resume").stdout


def test_wrong_credentials_are_one_line_without_the_secret(server: Running) -> None:
    result = hostpool({**as_deployer(server), "ARM_CLIENT_SECRET": "not-the-secret"}, "status")
    assert result.returncode in (1, 2) and result.stdout == ""
    assert result.stderr.startswith("Error: ") and len(result.stderr.splitlines()) == 1
    assert "not-the-secret" not in result.stderr and "Traceback" not in result.stderr


def test_an_emulator_that_is_not_there_is_one_line(server: Running) -> None:
    environment = {**as_deployer(server), "ARM_METADATA_HOSTNAME": "localhost:9"}
    result = hostpool(environment, "status")
    assert result.returncode in (1, 2) and "Traceback" not in result.stderr
    assert "ARM_METADATA_HOSTNAME" in result.stderr or "localhost:9" in result.stderr
