"""`--stack`: check, plan and rehearse by what a stack declares, before any run."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.hostpool.test_emulated import Desk, desk
from tests.support.pools import DEFINITION, GROUP, INPUTS, POOL

__all__ = ["desk"]


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """The values of the stack `night` of a program, in whose folder we are; it brings the emulated pool to 1.0.1."""
    folder = tmp_path / "program" / "deeper"
    folder.mkdir(parents=True)
    rollout = {name: value for name, value in INPUTS.items() if name not in ("host_pool_id", "image", "version")}
    values: dict[str, object] = {
        "location": "westeurope",
        "host_pool_id": POOL,
        "image": DEFINITION,
        "image_version": "1.0.1",
        "key_vault_id": f"{GROUP}/providers/Microsoft.KeyVault/vaults/avd-kv",
        "rollout": rollout,
    }
    write(folder.parent, values)
    monkeypatch.chdir(folder)
    return values


def write(folder: Path, values: dict[str, object]) -> None:
    (folder / "Pulumi.yaml").write_text("name: avd\nruntime: python\nstackConfigDir: stacks\n")
    (folder / "stacks").mkdir(exist_ok=True)
    config = {f"avd:{name}": value for name, value in values.items()}
    (folder / "stacks" / "Pulumi.night.yaml").write_text(yaml.safe_dump({"config": config}))


def test_before_any_run_a_stack_is_checked_and_planned_and_nothing_is_written(
    desk: Desk, stack: dict[str, object]
) -> None:
    before = desk.writes()
    for command in (["check"], ["plan"], ["rehearse"]):
        asked = desk.hostpool(*command)
        assert asked.exit_code == 2 and "in the folder of the Pulumi program: --stack NAME" in asked.stderr
    checked = desk.hostpool("check", "--stack", "night")
    assert checked.exit_code == 0, checked.output
    assert checked.stdout.startswith("hp1 to 1.0.1: 2 of 2 hosts need work; an update could start"), checked.stdout
    planned = desk.hostpool("plan", "-s", "night")
    assert planned.exit_code == 0 and "vm-0" in planned.stdout and "1.0.0 -> 1.0.1" in planned.stdout
    assert desk.writes() == before


def test_a_stack_is_rehearsed_and_its_named_secrets_are_found(desk: Desk, stack: dict[str, object]) -> None:
    rollout = stack["rollout"]
    assert isinstance(rollout, dict)
    names = {"username_secret": "local-admin-name", "password_secret": "local-admin-password"}
    write(Path.cwd().parent, {**stack, "rollout": {**rollout, "local_admin": names}})
    done = desk.hostpool("rehearse", "--stack", "night")
    assert done.exit_code == 0 and "1.0.1 for vm-0: built, booted and checked" in done.output, done.output


def test_what_a_stack_declares_goes_before_what_ran_last(desk: Desk, stack: dict[str, object]) -> None:
    assert desk.within(desk.made.roll()).status == "complete"
    assert desk.hostpool("plan").stdout.startswith("hp1 to 1.0.1: complete")
    write(Path.cwd().parent, {**stack, "image_version": "1.0.0"})
    assert "hp1 to 1.0.0: 2 of 2 hosts need work" in desk.hostpool("plan", "--stack", "night").stdout


def test_another_pool_than_the_one_that_was_named_is_refused(desk: Desk, stack: dict[str, object]) -> None:
    other = POOL.replace("hp1", "hp2")
    write(Path.cwd().parent, {**stack, "host_pool_id": other})
    refused = desk.hostpool("check", "--stack", "night")
    assert refused.exit_code == 2 and f"stack night declares the pool {other}, not {POOL}" in refused.stderr


def test_a_stack_that_is_not_there_is_told_with_those_that_are(desk: Desk, stack: dict[str, object]) -> None:
    refused = desk.hostpool("check", "--stack", "nacht")
    assert refused.exit_code == 2 and "no stack nacht" in refused.stderr and "there are night" in refused.stderr
