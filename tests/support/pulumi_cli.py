"""The real Pulumi CLI on a program and a backend in a folder of the test."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi_toolchain

ROOT = Path(__file__).parents[2]
STAND_IN = ROOT / "emulator" / "native" / "bin"


class CommandFailed(AssertionError):
    """A command ended with another exit code than expected; the message is its output."""


@dataclass(frozen=True)
class Cli:
    """`program` is the folder with Pulumi.yaml; `environment` points at an emulator."""

    program: Path
    environment: Mapping[str, str]

    def __call__(self, *arguments: str, exit_code: int = 0) -> str:
        """Run `pulumi <arguments>` and give its output, standard error included. Raises CommandFailed."""
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.program,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != exit_code:
            raise CommandFailed(f"exit code {done.returncode} of {arguments}:\n{done.stdout}\n{done.stderr}")
        return done.stdout + done.stderr

    def state(self) -> list[dict[str, Any]]:
        """Resources of the stack's state."""
        exported = self("stack", "export")
        resources = json.loads(exported[: exported.rindex("}") + 1])["deployment"].get("resources", [])
        return list(resources)


def cli(program: Path, emulator: Mapping[str, str], backend: Path) -> Cli:
    """The CLI with the stand-in for azure-native on PATH, and a local backend of its own."""
    environment = pulumi_toolchain.environment(pulumi_toolchain.ensure(os.environ), os.environ)
    environment = {
        key: value for key, value in environment.items() if not key.startswith(("ARM_", "AZURE_", "HOSTPOOL_"))
    }
    backend.mkdir(parents=True, exist_ok=True)
    return Cli(
        program,
        {
            **environment,
            **emulator,
            "PATH": f"{STAND_IN}{os.pathsep}{environment['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PULUMI_BACKEND_URL": f"file://{backend}",
            "PULUMI_HOME": str(backend / "home"),
        },
    )
