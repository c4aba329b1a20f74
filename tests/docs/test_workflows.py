"""The workflows that run `hostpool tick`: what they say is what the command and the project know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
        if "script" in step:
            yield AZURE, step["script"]


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
    [step] = [step for step in job["steps"] if "hostpool tick" in step.get("script", "")]
    assert settings_from(step["env"]).method == "secret" and POOL_VARIABLE in step["env"]
    [pool] = found["parameters"][0]["default"]
    assert HOST_POOL_ID.fullmatch(pool)


def test_nothing_in_them_is_of_one_company() -> None:
    for name in (GITHUB, AZURE):
        text = (FOLDER / name).read_text(encoding="utf-8")
        assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", text)
