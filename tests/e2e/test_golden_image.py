"""The story of a stack that captures its image from a golden VM: captured, unchanged, captured again for a changed
script, and the host pool of the same stack rolled to it. Each fixture is one command of the CLI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.e2e.emulated_stack import (
    GALLERY_IMAGE,
    GROUP,
    STACK_FILE,
    Act,
    EmulatedStack,
    State,
    emulated_stack,
    lasting,
    versions,
)

GOLDEN = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/golden"
RETENTION = {"versions": 1, "age": "PT0S", "backups": "PT0S"}
"""Only the newest version stays, unless it is in use."""

LONG = "PT90M"
"""Limits that a machine under load does not miss, on which an emulated hour is 15 seconds."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedStack]:
    with emulated_stack(tmp_path_factory.mktemp("golden"), hosts=1, golden=True) as made:
        yield made


def declare(stack: EmulatedStack, image_version: str, script: str) -> None:
    """A golden image whose script writes a line, and the version that the pool shall run: none for the captured one."""
    golden: dict[str, Any] = {"source_vm_id": GOLDEN, "version": "1.0.*", "retention": RETENTION}
    golden |= {"updates": [{"name": "office", "script": [f"Write-Output '{script}'"]}]}
    golden["boot_test"] = {"limit": LONG}
    file = stack.pulumi.program / STACK_FILE
    given = yaml.safe_load(file.read_text())
    project = next(iter(given["config"])).partition(":")[0]
    given["config"][f"{project}:rollout"]["verify"]["timeout"] = LONG
    given["config"] |= {f"{project}:golden_image": golden, f"{project}:image_version": image_version}
    file.write_text(yaml.safe_dump(given))


def gallery(state: State) -> list[str]:
    start = f"{GALLERY_IMAGE}/versions/".lower()
    return sorted(key.removeprefix(start) for key in state["resources"] if key.startswith(start))


@pytest.fixture(scope="module")
def captured(stack: EmulatedStack) -> Act:
    """The pool stays on 1.0.0, as it is."""
    declare(stack, "1.0.0", "Office 16")
    return stack.run("up", "--yes", "--skip-preview")


@pytest.fixture(scope="module")
def repeated(stack: EmulatedStack, captured: Act) -> Act:
    return stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")


@pytest.fixture(scope="module")
def previewed(stack: EmulatedStack, repeated: Act) -> Act:
    """A changed script, and the pool shall run what comes of it."""
    declare(stack, "", "Office 17")
    return stack.run("preview", "--diff")


@pytest.fixture(scope="module")
def rolled(stack: EmulatedStack, previewed: Act) -> Act:
    return stack.run("up", "--yes", "--skip-preview")


def test_the_first_up_captures_the_next_free_version_and_leaves_the_pool_alone(captured: Act) -> None:
    assert captured.exit_code == 0, captured.output
    assert gallery(captured.after) == ["1.0.0", "1.0.1", "1.0.2"]
    assert captured.after["resources"][f"{GALLERY_IMAGE}/versions/1.0.2".lower()]["tags"]["avd-boot-test"] == "passed"
    assert captured.refused == [], "the stack's own role is enough"
    assert versions(captured.after)["vm-0"] == "1.0.0"
    before, after = ({**lasting(state)[GOLDEN.lower()], "etag": ""} for state in (captured.before, captured.after))
    assert after == before


def test_the_second_up_captures_nothing(repeated: Act) -> None:
    assert repeated.exit_code == 0, repeated.output
    assert repeated.all_writes == []


def test_the_preview_shows_what_will_be_captured_and_what_retention_deletes(previewed: Act) -> None:
    assert previewed.exit_code == 0, previewed.output
    assert "capture 1.0.3 from golden, after office, replicate to westeurope; delete versions 1.0.2" in previewed.output
    assert "delete backups golden-" in previewed.output
    assert previewed.all_writes == []


def test_a_changed_script_captures_and_the_pool_rolls_to_it(stack: EmulatedStack, rolled: Act) -> None:
    assert rolled.exit_code == 0, rolled.output[-3000:]
    assert gallery(rolled.after) == ["1.0.0", "1.0.1", "1.0.3"]
    assert versions(rolled.after)["vm-0"] == "1.0.3"
    outputs = json.loads(stack.pulumi.quiet("stack", "output", "--json"))
    assert outputs["captured_version"] == "1.0.3"
    backups = [key for key in rolled.after["resources"] if "/snapshots/" in key]
    assert len(backups) == 2, "those of the first capture are gone"
    assert not [key for key in rolled.after["resources"] if "avdcap-" in key]
