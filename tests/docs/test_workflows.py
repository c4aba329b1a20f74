"""The workflows: what they say is what the command and the project know."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import actionlint
import click
import pytest
import yaml

from cloud.credential import settings_from
from hostpool.main import main
from hostpool.session import POOL_VARIABLE
from rollout.declaration import HOST_POOL_ID

FOLDER = Path(__file__).parents[2] / "workflows"
GITHUB, AZURE = "hostpool-tick.github.yml", "hostpool-tick.azure-pipelines.yml"


def loaded(name: str) -> dict[Any, Any]:
    found = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def github() -> tuple[dict[Any, Any], dict[str, Any]]:
    found = loaded(GITHUB)
    [job] = found["jobs"].values()
    return found, job


def azure() -> tuple[dict[Any, Any], dict[str, Any]]:
    found = loaded(AZURE)
    [each] = found["jobs"]
    [(loop, [job])] = each.items()
    assert loop == "${{ each pool in parameters.pools }}"
    return found, job


def minutes(cron: str) -> list[int]:
    minute, *rest = cron.split()
    assert rest == ["*"] * 4
    return list(range(0, 60, int(minute[2:]))) if minute.startswith("*/") else [int(each) for each in minute.split(",")]


def test_both_tick_every_fifteen_minutes() -> None:
    [on_github] = github()[0][True]["schedule"]  # `on` is a truth value to YAML 1.1
    [on_azure] = azure()[0]["schedules"]
    for cron in (on_github["cron"], on_azure["cron"]):
        each = minutes(cron)
        assert {(after - before) % 60 for before, after in zip(each, [*each[1:], each[0]], strict=True)} == {15}
    assert on_azure["always"] is True


def test_a_tick_that_runs_a_rollout_is_neither_cancelled_nor_joined_by_others() -> None:
    concurrency = github()[1]["concurrency"]
    assert concurrency["cancel-in-progress"] is False and "matrix.pool" in concurrency["group"]
    assert azure()[0]["schedules"][0]["batch"] is True
    assert github()[1]["timeout-minutes"] == azure()[1]["timeoutInMinutes"] < 360


def commands() -> Iterator[tuple[str, str]]:
    for step in github()[1]["steps"]:
        if "run" in step:
            yield GITHUB, step["run"]
    for step in azure()[1]["steps"]:
        for line in str(step.get("script") or step.get("inputs", {}).get("inlineScript") or "").splitlines():
            yield AZURE, line


@pytest.mark.parametrize("name", [GITHUB, AZURE])
def test_the_command_is_one_that_hostpool_knows_and_gets_the_signals(name: str) -> None:
    [line] = [command for file, command in commands() if file == name and "hostpool tick" in command]
    assert line.startswith("exec ")  # a cancelled job signals the step's first process
    _, program, subcommand, *options = line.split()
    known = main.get_command(click.Context(main), subcommand)
    assert program == "hostpool" and known is not None
    assert set(options) <= {option for parameter in known.params for option in parameter.opts}


@pytest.mark.parametrize("name", [GITHUB, AZURE])
def test_what_is_installed_is_the_lock_and_the_project(name: str) -> None:
    installs = [command for file, command in commands() if file == name and command.startswith("pip install")]
    assert [("requirements.lock" in line, line.endswith(" .")) for line in installs] == [(True, False), (False, True)]
    assert (FOLDER.parent / "requirements.lock").exists()


def test_the_environment_logs_in_and_names_a_pool() -> None:
    _, job = github()
    variables = job["env"]
    runner = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://x", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "y"}
    assert settings_from({**variables, **runner}).method == "oidc" and POOL_VARIABLE in variables
    assert github()[0]["permissions"]["id-token"] == "write"
    [pool] = job["strategy"]["matrix"]["pool"]
    assert HOST_POOL_ID.fullmatch(pool)
    found, job = azure()
    [step] = [step for step in job["steps"] if step.get("task") == "AzureCLI@2"]
    exported = re.findall(r"\b((?:HOSTPOOL|ARM)_\w+)=", step["inputs"]["inlineScript"])
    variables = {**step["env"], **dict.fromkeys(exported, "given"), "SYSTEM_OIDCREQUESTURI": "https://x"}
    assert settings_from(variables).method == "oidc" and POOL_VARIABLE in step["env"]
    [pool] = found["parameters"][0]["default"]
    assert HOST_POOL_ID.fullmatch(pool)


def test_nothing_in_them_is_of_one_company() -> None:
    for file in FOLDER.iterdir():
        assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", file.read_text(encoding="utf-8")), file.name


# -- pull requests

PULUMI = ("preview", "up", "drift")
STEPS = {"uses", "run", "script", "bash", "task", "checkout", "publish"}
"""Keys of a step of the one service or the other."""


def steps_of(name: str) -> list[dict[str, Any]]:
    """The steps of a workflow's jobs; those of a template of Azure Pipelines in its place."""

    def found(node: Any) -> Iterator[dict[str, Any]]:
        for item in node if isinstance(node, list) else node.values() if isinstance(node, dict) else ():
            if isinstance(item, dict) and item.keys() & STEPS:
                yield item
            elif isinstance(item, dict) and "template" in item:
                yield from steps_of(item["template"])
            else:
                yield from found(item)

    return list(found(loaded(name)))


def texts_of(name: str) -> str:
    """What the steps of a workflow run."""
    steps = steps_of(name)
    return "\n".join(
        str(step.get(key) or step.get("inputs", {}).get("inlineScript") or "")
        for step in steps
        for key in ("run", "script", "bash")
    )


BOTH = [f"pulumi-{what}.{service}.yml" for what in PULUMI for service in ("github", "azure-pipelines")]


@pytest.mark.parametrize("name", BOTH)
def test_what_they_call_is_there(name: str) -> None:
    text = texts_of(name)
    scripts = set(re.findall(r"workflows/([\w-]+\.sh)", text))
    assert scripts and all((FOLDER / script).exists() for script in scripts)
    for subcommand, options in re.findall(r"hostpool ([a-z]+)([^|>\n]*)", text):
        command = main.get_command(click.Context(main), subcommand)
        assert command is not None, subcommand
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z]+", options)) <= known
    assert "pip install --quiet --require-hashes -r requirements.lock" in text


@pytest.mark.parametrize("service", ["github", "azure-pipelines"])
def test_each_runs_pulumi_as_its_name_says(service: str) -> None:
    preview, up, drift = (texts_of(f"pulumi-{what}.{service}.yml") for what in PULUMI)
    assert 'pulumi preview --json --stack "$STACK" > preview.json' in preview
    assert 'hostpool comment preview.json --stack "$STACK"' in preview and "--policy-pack policy" in preview
    # A cancelled job signals the step's first process.
    assert re.search(r"^\s*exec pulumi up --yes .*--policy-pack policy", up, re.MULTILINE)
    assert "pulumi preview --refresh --expect-no-changes" in drift
    assert not any("pulumi up" in text for text in (preview, drift))


def test_the_logins_of_github_ask_for_assertions_of_their_own() -> None:
    runner = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://x", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "y"}
    for what in PULUMI:
        found = loaded(f"pulumi-{what}.github.yml")
        environment = {key: str(value) for key, value in found["jobs"][what]["env"].items()}
        settings = settings_from({**environment, **runner})
        assert (settings.method, settings.prefix, settings.oidc_token) == ("oidc", "HOSTPOOL_", "")
        assert settings.tenant_id and found["permissions"]["id-token"] == "write"


def test_the_login_of_azure_pipelines_asks_for_assertions_of_the_updaters_connection() -> None:
    [task] = [step for step in steps_of("pulumi-steps.azure-pipelines.yml") if step.get("task") == "AzureCLI@2"]
    names = re.findall(r"task\.setvariable variable=(\w+)\]", task["inputs"]["inlineScript"])
    login = re.findall(r"(ARM_\w+)=", (FOLDER / "azure-login.sh").read_text(encoding="utf-8"))
    runner = {"SYSTEM_OIDCREQUESTURI": "https://x", "SYSTEM_ACCESSTOKEN": "y"}
    settings = settings_from({**dict.fromkeys([*names, *login], "given"), "ARM_USE_OIDC": "true", **runner})
    assert (settings.method, settings.prefix, settings.service_connection) == ("oidc", "HOSTPOOL_", "given")
    for what in PULUMI:
        tasks = [step for step in steps_of(f"pulumi-{what}.azure-pipelines.yml") if step.get("task") == "AzureCLI@2"]
        assert all("SYSTEM_ACCESSTOKEN" in step["env"] for step in tasks if "azure-login" in str(step["inputs"]))


def test_one_run_of_a_stack_at_a_time_and_none_is_cancelled() -> None:
    job = loaded("pulumi-up.github.yml")["jobs"]["up"]
    assert job["concurrency"] == {"group": "pulumi-up-${{ matrix.stack }}", "cancel-in-progress": False}
    [(_, [stage])] = loaded("pulumi-up.azure-pipelines.yml")["stages"][1].items()
    assert stage["lockBehavior"] == "sequential"
    assert job["timeout-minutes"] == stage["jobs"][0]["timeoutInMinutes"] < 360


def test_actionlint_finds_nothing() -> None:
    """Where it is there: `make workflows` builds it."""
    linter = actionlint.found(os.environ)
    if linter is None:
        pytest.skip("no actionlint here: make workflows builds it")
    files = sorted(str(file) for file in FOLDER.glob("*.github.yml"))
    done = subprocess.run([str(linter), "-shellcheck=", "-pyflakes=", *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
