"""Expected errors: one line on standard error, exit code 2 for wrong use and 1 for failures, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from hostpool.main import main
from rollout.errors import Forbidden, Unreachable
from tests.hostpool.literal_azure import LiteralAzure, in_the_middle
from tests.hostpool.night import POOL_ID

COMMANDS = (
    ["status"],
    ["plan"],
    ["pause"],
    ["resume"],
    ["explain", "vm-1"],
    ["rebuild", "vm-1"],
    ["cleanup"],
    ["schedule"],
    ["tick"],
)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_without_a_pool_the_remedy_is_told(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments, obj=in_the_middle().world({}))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: no host pool given: add --host-pool ID or set HOSTPOOL_ID")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("place", ["before", "after", "environment"])
def test_an_id_that_is_none_is_named_with_its_shape(place: str) -> None:
    given = ["--host-pool", "hp1"]
    arguments = {"before": [*given, "status"], "after": ["status", *given], "environment": ["status"]}[place]
    world = in_the_middle().world({"HOSTPOOL_ID": "hp1"} if place == "environment" else {})
    result = CliRunner().invoke(main, arguments, obj=world)
    where = "HOSTPOOL_ID" if place == "environment" else "--host-pool"
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {where}: 'hp1' is not the id of a host pool; write /subscriptions/")


def test_the_option_goes_before_the_variable() -> None:
    world = in_the_middle().world({"HOSTPOOL_ID": "nonsense"})
    assert CliRunner().invoke(main, ["--host-pool", POOL_ID, "status"], obj=world).exit_code == 0
    assert CliRunner().invoke(main, ["status", "--host-pool", POOL_ID + "/"], obj=world).exit_code == 0


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_pool_that_does_not_exist(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments, obj=LiteralAzure(exists=False).world())
    assert result.exit_code == 2 and "does not exist" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "remedy"),
    [(["plan"], 2, "--stack NAME"), (["check"], 2, "--stack NAME"), (["rebuild", "vm-1", "--yes"], 1, "pulumi up")],
)
def test_what_needs_a_declaration_says_so_where_there_is_none(arguments: list[str], code: int, remedy: str) -> None:
    azure = LiteralAzure()
    azure.add("vm-1")
    result = CliRunner().invoke(main, arguments, obj=azure.world())
    assert result.exit_code == code and "no stored declaration" in result.stderr and remedy in result.stderr


@pytest.mark.parametrize(
    "error",
    [Unreachable(0, "", "no answer from management.azure.com", "GET x"), Forbidden(403, "AuthorizationFailed", "no")],
)
def test_an_answer_of_azure_that_is_no_success_is_one_line_and_exit_code_1(error: Exception) -> None:
    azure = in_the_middle()
    azure.failures = {1: error}
    result = CliRunner().invoke(main, ["status"], obj=azure.world())
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {error}\n")


def test_rebuilding_while_a_rollout_is_under_way_is_refused() -> None:
    azure = in_the_middle()
    result = CliRunner().invoke(main, ["rebuild", "vm-5", "--yes"], obj=azure.world())
    assert result.exit_code == 1 and "is under way (attempt 1, running)" in result.stderr
    assert azure.written == []


def test_a_report_without_logs_says_where_they_lie(tmp_path: Path) -> None:
    given = ["report", "--log-folder", str(tmp_path / "none")]
    result = CliRunner().invoke(main, given, obj=in_the_middle().world())
    assert result.exit_code == 2 and "they lie where pulumi up ran" in result.stderr
