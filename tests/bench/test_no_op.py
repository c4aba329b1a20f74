"""The program with which a preview is compared: the project's own, but for the update."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path

import yaml

import providers.host_pool_image_update as declared
from bench.no_op import PROGRAM, NoOpProvider
from tests.support.pulumi_mocks import Recorder, run_program

ROOT = Path(__file__).parents[2]
PROJECT = "avd-hostpool-image-update"
VAULT = {"properties": {"vaultUri": "https://localhost:1/keyvault/avd-kv", "sku": {}, "tenantId": "t"}}
DYNAMIC = "pulumi-python:dynamic"


def declared_by(program: Path) -> Recorder:
    recorder = Recorder(functions={"azure-native:keyvault:getVault": VAULT})
    return run_program(lambda: runpy.run_path(str(program)) and None, recorder, PROJECT, "emulator")


def test_the_same_program_without_the_update(monkeypatch, tmp_path):
    values = yaml.safe_load((ROOT / "stacks" / "Pulumi.emulator.yaml").read_text())["config"]
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(texts))
    monkeypatch.setattr(declared, "HostPoolImageUpdate", declared.HostPoolImageUpdate)  # put back after the test
    ours = declared_by(ROOT / "__main__.py")
    shutil.copy(ROOT / "__main__.py", tmp_path / "project.py")
    (tmp_path / "__main__.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    other = declared_by(tmp_path / "__main__.py")

    def others(made: Recorder) -> list[tuple[str, str]]:
        return sorted((a.typ, a.name) for a in made.declared if not a.typ.startswith(DYNAMIC))

    assert others(ours) == others(other) != []
    [update] = [dict(a.inputs) for a in ours.declared if a.typ.startswith(DYNAMIC)]
    [no_op] = [dict(a.inputs) for a in other.declared if a.typ.startswith(DYNAMIC)]
    given = {key for key, value in update.items() if value is not None} - {"__provider", "resource_urn"}
    assert {key: no_op.get(key) for key in given} == {key: update[key] for key in given}


def test_the_no_op_takes_what_it_is_given():
    assert NoOpProvider().create({"a": 1}).outs == {"a": 1}
    assert NoOpProvider().update("id", {"a": 1}, {"a": 2}).outs == {"a": 2}
    assert NoOpProvider().diff("id", {}, {}).changes is None
