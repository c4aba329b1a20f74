"""The Pulumi CLI on the project's own program, with state and stack file of the demo's own."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
STACK = "emulator"


class PulumiFailed(RuntimeError):
    """A command of the CLI ended with an exit code other than 0."""


class Pulumi:
    """Runs `pulumi` in the project. The stack's file is a copy, so that no tracked file changes."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.config_file = folder / f"Pulumi.{STACK}.yaml"
        shutil.copy(PROJECT / "stacks" / f"Pulumi.{STACK}.yaml", self.config_file)
        state = folder / "state"
        state.mkdir(exist_ok=True)
        self.environment = {
            **environment,
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": "emulator",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "HOSTPOOL_LOG_FOLDER": str(folder / "log"),
        }

    def show(self, *arguments: str) -> None:
        """Run a command with its output on the terminal; raises PulumiFailed."""
        print(f"\n$ pulumi {' '.join(arguments)}", flush=True)
        if subprocess.run(self._command(*arguments), cwd=PROJECT, env=self.environment).returncode:
            raise PulumiFailed(f"pulumi {arguments[0]} failed")

    def quiet(self, *arguments: str) -> str:
        """Run a command and return what it printed; raises PulumiFailed with it."""
        done = subprocess.run(
            self._command(*arguments), cwd=PROJECT, env=self.environment, capture_output=True, text=True
        )
        if done.returncode:
            raise PulumiFailed(f"pulumi {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def set(self, key: str, value: str, *, path: bool = False) -> None:
        """`pulumi config set`."""
        self.quiet("config", "set", *(["--path"] if path else []), key, value)

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs."""
        return dict(json.loads(self.quiet("stack", "output", "--json")))

    def _command(self, *arguments: str) -> list[str]:
        command = ["pulumi", *arguments, "--stack", STACK, "--non-interactive"]
        if arguments[0] in ("up", "preview", "config", "refresh", "destroy"):
            command += ["--config-file", str(self.config_file)]
        if arguments[:2] == ("stack", "init"):
            command = ["pulumi", "stack", "init", STACK, "--non-interactive"]
        return command
