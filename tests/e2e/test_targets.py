"""The program under the real CLI with a scale set as the only thing that follows the image: from preview to report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import yaml

from demo.emulated_azure import EmulatedAzure, environment, running
from demo.pulumi_cli import Pulumi
from demo.scale_set import IMAGE, SET
from demo.story import NATIVE_STAND_IN, said

PREFIX = "avd-hostpool-image-update"


def stack(folder: Path, azure: EmulatedAzure) -> Pulumi:
    pulumi = Pulumi(folder, environment(azure, NATIVE_STAND_IN), "sets", files=("Pulumi.yaml", "__main__.py"))
    config = {
        "location": "westeurope",
        "image": IMAGE,
        "image_version": "1.0.1",
        "update_role": {"principal_id": azure.variables["HOSTPOOL_PRINCIPAL_ID"]},
        "targets": [{"scale_set_id": SET}],
    }
    (pulumi.program / "stacks").mkdir()
    values = {f"{PREFIX}:{key}": value for key, value in config.items()}
    (pulumi.program / "stacks" / "Pulumi.sets.yaml").write_text(yaml.safe_dump({"config": values}))
    pulumi.quiet("stack", "init")
    return pulumi


def told(pulumi: Pulumi, *arguments: str, exit_code: int = 0) -> str:
    done = pulumi.run(*arguments)
    text = said(done)
    assert done.returncode == exit_code, text
    return text


def test_a_scale_set_follows_the_image_by_the_programs_own_role(tmp_path: Path) -> None:
    options: dict[str, str | bool] = {"instances": "3", "latency": False}
    with running(
        tmp_path, speed=600.0, hosts=1, log=tmp_path / "emulator.log", scenario="scale-set", **options
    ) as azure:
        pulumi = stack(tmp_path, azure)
        refused = told(pulumi, "up", "--yes", "--skip-preview", exit_code=1)
        assert "version: '1.0.1' is not what latest stands for in westeurope, 1.0.0" in refused
        azure.post("image-versions", {"image": IMAGE, "version": "1.0.1"})
        assert '"1.0.0 -> 1.0.1"' in told(pulumi, "preview", "--diff")
        assert "attempt 1 begins: 3 instances to 1.0.1" in told(pulumi, "up", "--yes", "--skip-preview")
        assert pulumi.outputs()["targets"] == {"web": "scale set web: 3 of 3 run 1.0.1"}
        command = [
            sys.executable,
            "-c",
            "from hostpool.main import main; main()",
            "report",
            "--stack",
            "sets",
            "--json",
        ]
        done = subprocess.run(command, cwd=pulumi.program, env=pulumi.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        [target] = json.loads(done.stdout)["targets"]
        assert target["status"] == target["now"]["state"] == "complete" and target["totals"]["by_result"]["done"] == 3
        calls = [c for c in azure.requests_since(0) if c["principal"] == azure.variables["HOSTPOOL_CLIENT_ID"]]
        assert calls and all(call["status"] != 403 for call in calls)
