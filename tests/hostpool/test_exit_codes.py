"""Exit codes of every subcommand, by the table in docs/operations.md: 0 done, 1 not possible or not fine, 2 asked
wrongly, 3 of tick alone (test_emulated.py)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from hostpool.main import main
from rollout import names, pool_record
from rollout.errors import Unreachable
from rollout.pool_record import RolloutRecord, State
from simulation.virtual_time import EPOCH
from tests.hostpool.literal_azure import INPUTS, LiteralAzure, in_the_middle
from tests.hostpool.night import ROLLOUT, VERSION_ID

BAKED = RolloutRecord(ROLLOUT, 3, State.PAUSED, 0, n=8, b=1)
OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def at_work() -> LiteralAzure:
    return in_the_middle()


def gone() -> LiteralAzure:
    return LiteralAzure(exists=False)


def fresh() -> LiteralAzure:
    """No rollout has run on it."""
    azure = LiteralAzure()
    azure.add("vm-1")
    return azure


def silent() -> LiteralAzure:
    azure = in_the_middle()
    azure.failures = {1: Unreachable(0, "", "no answer from management.azure.com", "GET x")}
    return azure


def baked(record: RolloutRecord = BAKED) -> LiteralAzure:
    azure = in_the_middle()
    azure.tags[names.RECORD] = record.encode()
    return azure


def passed() -> LiteralAzure:
    return baked(replace(BAKED, c=1))


def over() -> LiteralAzure:
    azure = LiteralAzure()
    azure.tags = {
        names.RECORD: RolloutRecord(ROLLOUT, 1, State.COMPLETE, 0).encode(),
        names.TARGET: VERSION_ID,
        **pool_record.declaration_tags(INPUTS),
    }
    azure.add("vm-1", image=VERSION_ID)
    azure.keep_disk("vm-1", until=EPOCH - 1)
    return azure


@pytest.mark.parametrize(
    ("pool", "asked", "code"),
    [
        (at_work, "status", 0),
        (fresh, "status", 0),
        (silent, "status", 1),
        (gone, "status", 2),
        (at_work, "status --hosts", 2),
        (at_work, "explain vm-1", 0),
        (silent, "explain vm-1", 1),
        (at_work, "explain vm-77", 2),
        (fresh, "plan", 2),
        (fresh, "plan --stack nobodys", 2),
        (silent, "plan", 1),
        (fresh, "check", 2),
        (silent, "check", 1),
        (fresh, "rehearse", 2),
        (at_work, "rehearse", 1),
        (at_work, "pause", 0),
        (gone, "pause", 2),
        (over, "resume", 0),
        (baked, "approve", 0),
        (over, "approve", 1),
        (passed, "approve", 1),
        (baked, "approve --ticket a;b", 2),
        (at_work, "abort --yes", 0),
        (over, "abort --yes", 1),
        (over, "abort", 1),
        (gone, "abort --yes", 2),
        (fresh, "rebuild vm-1 --yes", 1),
        (at_work, "rebuild vm-5 --yes", 1),
        (over, "rebuild vm-77 --yes", 2),
        (over, "rebuild", 2),
        (over, "cleanup --dry-run", 0),
        (at_work, "cleanup --all-kept --yes", 0),
        (silent, "cleanup", 1),
        (over, "history", 0),
        (gone, "history", 2),
        (over, "schedule", 0),
        (over, "schedule skip", 1),
        (over, "schedule cancel", 1),
        (over, "schedule move 2026-01-13T20:00:00Z", 1),
        (over, "schedule shift", 2),
        (over, "report --log-folder none", 2),
        (fresh, "tick", 0),
        (gone, "tick", 2),
    ],
)
def test_the_table(pool: Callable[[], LiteralAzure], asked: str, code: int, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, asked.split(), obj=pool().world())
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), "no traceback"


def test_each_subcommand_is_in_the_table_of_the_documentation() -> None:
    section = OPERATIONS.read_text().partition("## Exit codes")[2].partition("\n## ")[0]
    told = {name for line in section.splitlines() if line.startswith("| `") for name in re.findall(r"`(\w+)", line)}
    assert set(main.commands) <= told
