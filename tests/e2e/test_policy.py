"""The policy pack under the real CLI: what it refuses is an error of the preview; and the comment of one it allows."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.pulumi_cli import PROJECT
from hostpool.preview_comment import comment, read
from tests.e2e.emulated_stack import GROUP, STACK_FILE, Act, EmulatedStack, emulated_stack

PACK = PROJECT / "policy"
RULES = ("canary", "max-unavailable", "window", "pinned-version", "image-replicas")


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pack as an executable, with what its requirements.txt names.

    The official CLI starts the folder itself, by PulumiPolicy.yaml; the language host that is built here is older than
    that, and takes a file that it can run."""
    folder = tmp_path_factory.mktemp("pack")
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    quietly = {"check": True, "capture_output": True}
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], **quietly)
    python = str(folder / "venv" / "bin" / "python")
    wanted = ["--require-hashes", "-r", str(PACK / "requirements.txt")]
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *wanted], **quietly)
    script = folder / "guard"
    script.write_text(f'#!/bin/sh\ncd "{PACK}"\nexec "{python}" -u -m pulumi.policy "$1" .\n')
    script.chmod(0o755)
    return script


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedStack]:
    with emulated_stack(tmp_path_factory.mktemp("policy")) as made:
        yield made


def preview(stack: EmulatedStack, pack: Path, *options: str) -> Act:
    """With the rules of production for the emulator's stack."""
    config = stack.folder / "pack.json"
    config.write_text(json.dumps({rule: {"stacks": ["emulator"]} for rule in RULES}))
    return stack.run("preview", *options, "--policy-pack", str(pack), "--policy-pack-config", str(config))


def edit(stack: EmulatedStack, rollout: dict[str, Any], **keys: Any) -> None:
    """The stack's file with other keys, and other inputs of the rollout, in one go."""
    file = stack.pulumi.program / STACK_FILE
    config = yaml.safe_load(file.read_text())
    prefix = "avd-hostpool-image-update:"
    config["config"] |= {f"{prefix}{key}": value for key, value in keys.items()}
    config["config"][f"{prefix}rollout"] |= rollout
    file.write_text(yaml.safe_dump(config))


def test_a_stack_without_guard_rails_is_refused_and_one_with_them_is_not(stack: EmulatedStack, pack: Path) -> None:
    edit(stack, {"canary": {"hosts": 0}}, image_version="latest")
    refused = preview(stack, pack)
    assert refused.exit_code != 0
    for told in (
        "nobody goes first",
        "max_unavailable is 2",
        "there is no window",
        "version is latest",
        "has 1 replica, fewer than 2",
    ):
        assert told in refused.output, refused.output

    groups = f"{GROUP}/providers/Microsoft.Compute/images"
    versions = [
        {
            "version": version,
            "source": {"managed_image_id": f"{groups}/win11-{version}"},
            "regions": [{"name": "westeurope", "replicas": 2}],
        }
        for version in ("1.0.0", "1.0.1")
    ]
    window = {"recur_every": "Week Saturday", "start": "22:00", "duration": "PT6H", "time_zone": "UTC"}
    guarded = {"canary": {"hosts": 1}, "max_unavailable": "20%", "window": window}
    edit(stack, guarded, image_version="1.0.0", image_versions=versions)
    allowed = preview(stack, pack, "--json")
    assert allowed.exit_code == 0, allowed.output
    made = comment(read(allowed.output))
    assert "### `emulator`: which hosts change is not known yet" in made and "| hp1 | not known yet |" in made
    assert "create azure-native:compute:GalleryImageVersion images-win11-1.0.1" in made
    assert refused.all_writes == allowed.all_writes == []
