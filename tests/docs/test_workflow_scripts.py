"""The scripts of the workflows, run by bash with stand-ins for `gh` and `curl`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support import pull_request_service as service

SCRIPTS = Path(__file__).parents[2] / "workflows"
pytestmark = pytest.mark.skipif(shutil.which("jq") is None, reason="the runners of both services have jq")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the service keeps its comments, and the stand-ins first on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("gh", "curl"):
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" "{service.__file__}" {name} "$@"\n')
        (folder / name).chmod(0o755)
    store_file = tmp_path / "store.json"
    store_file.write_text(json.dumps({"comments": {"1": "somebody's own words"}, "calls": []}))
    variables = {
        "STORE": str(store_file),
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_REPOSITORY": "contoso/avd",
        "SYSTEM_ACCESSTOKEN": "job-token",
        "SYSTEM_COLLECTIONURI": "https://dev.azure.com/contoso/",
        "SYSTEM_TEAMPROJECTID": "project",
        "BUILD_REPOSITORY_ID": "repository",
        "SYSTEM_PULLREQUEST_PULLREQUESTID": "42",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return store_file


def kept(store: Path) -> dict[str, Any]:
    return dict(json.loads(store.read_text()))


def script(name: str, *arguments: str, cwd: Path | None = None) -> str:
    done = subprocess.run([str(SCRIPTS / name), *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(("name", "more"), [("comment-github.sh", ["42"]), ("comment-azure.sh", [])])
def test_each_stack_has_one_comment_which_is_kept_up_to_date(
    store: Path, tmp_path: Path, name: str, more: list[str]
) -> None:
    comment = tmp_path / "comment.md"
    for text in ("prod\nfirst", "test\nfirst", 'prod\nsecond "quoted" | $text'):
        comment.write_text(f"<!-- hostpool comment: avd/{text}")
        script(name, str(comment), *more)
    bodies = list(kept(store)["comments"].values())
    assert [body.removeprefix("<!-- hostpool comment: avd/") for body in bodies] == [
        "somebody's own words",
        'prod\nsecond "quoted" | $text',
        "test\nfirst",
    ]
    assert any("contoso" in word for call in kept(store)["calls"] for word in call)


@pytest.mark.parametrize(
    ("variables", "first", "asked"),
    [
        (
            {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://runner.example/token?v=2", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t"},
            "github-1",
            "https://runner.example/token?v=2&audience=api://AzureADTokenExchange",
        ),
        (
            {
                "SYSTEM_OIDCREQUESTURI": "https://dev.azure.com/oidctoken",
                "ARM_OIDC_AZURE_SERVICE_CONNECTION_ID": "con-1",
            },
            "azure-1",
            "https://dev.azure.com/oidctoken?api-version=7.1&serviceConnectionId=con-1",
        ),
    ],
    ids=["github", "azure"],
)
def test_the_assertion_is_kept_fresh(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], first: str, asked: str
) -> None:
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL", raising=False)
    for name, value in {**variables, "EVERY": "0.2"}.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "assertion"
    keeper = subprocess.Popen([str(SCRIPTS / "keep-assertion.sh"), str(file)], stdout=subprocess.DEVNULL)
    try:
        seen: dict[str, None] = {}
        while len(seen) < 3:
            assert keeper.poll() is None
            if file.exists():
                seen[file.read_text().strip()] = None
            time.sleep(0.02)
    finally:
        keeper.terminate()
        keeper.wait()
    assert next(iter(seen)) == first
    assert file.stat().st_mode & 0o077 == 0, "nobody else reads it"
    call = kept(store)["calls"][0]
    assert asked in call and ("POST" in call) is (first == "azure-1")


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


AFFECTED = (
    (["stacks/Pulumi.prod.yaml"], ["prod"]),
    (["stacks/Pulumi.prod.yaml", "docs/x.md", "tests/test_x.py"], ["prod"]),
    (["README.md", "workflows/x.yml"], []),
    (["stacks/Pulumi.emulator.yaml"], []),
    (["rollout/plan.py"], ["dev", "prod", "test"]),
    (["requirements.lock", "stacks/Pulumi.dev.yaml"], ["dev", "prod", "test"]),
    (["stacks/Pulumi.new.yaml"], ["new"]),
)


def test_the_stacks_that_a_change_touches(tmp_path: Path) -> None:
    (tmp_path / "stacks").mkdir()
    for stack in ("dev", "test", "prod", "emulator"):
        (tmp_path / "stacks" / f"Pulumi.{stack}.yaml").write_text("config: {}\n")
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "before")
    for number, (changed, affected) in enumerate(AFFECTED):
        git(tmp_path, "checkout", "--quiet", "-B", f"change-{number}", "main")
        for name in changed:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("changed\n")
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "--quiet", "--message", "after")
        assert json.loads(script("affected-stacks.sh", "main", cwd=tmp_path)) == affected, changed
    git(tmp_path, "rm", "--quiet", "stacks/Pulumi.dev.yaml")
    git(tmp_path, "commit", "--quiet", "--message", "gone")
    assert json.loads(script("affected-stacks.sh", "main", cwd=tmp_path)) == ["new"], "a stack that is gone has none"


def test_the_login_of_azure_pipelines_is_for_each_part_of_a_run(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step ends although the assertion is kept on."""
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL", raising=False)
    task = {
        "servicePrincipalId": "client",
        "tenantId": "tenant",
        "idToken": "first",
        "SUBSCRIPTION_ID": "sub",
        "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "con-1",
        "AGENT_TEMPDIRECTORY": str(tmp_path),
        "SYSTEM_OIDCREQUESTURI": "https://dev.azure.com/oidctoken",
    }
    for name, value in task.items():
        monkeypatch.setenv(name, value)
    step = ["bash", "-c", "set -euo pipefail; . workflows/azure-login.sh; exec env"]
    with subprocess.Popen(step, cwd=SCRIPTS.parent, stdout=subprocess.PIPE, text=True, start_new_session=True) as run:
        output, _ = run.communicate(timeout=60)
        os.killpg(run.pid, signal.SIGTERM)
    assert run.returncode == 0
    known = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    assert (known["ARM_CLIENT_ID"], known["ARM_OIDC_TOKEN"], known["AZURE_TENANT_ID"]) == ("client", "first", "tenant")
    assert Path(known["AZURE_FEDERATED_TOKEN_FILE"]).read_text().strip() == "azure-1"
