"""The Pulumi CLI on the project's own program, in a folder with stack file and state of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
STACK = "emulator"
PROGRAM = ("Pulumi.yaml", "__main__.py", f"stacks/Pulumi.{STACK}.yaml")
"""What is copied: `stack init` and `config set` write into the stack's file. The packages are those of the project."""


class PulumiFailed(RuntimeError):
    """A command of the CLI ended with an exit code other than 0."""


class Pulumi:
    """Runs `pulumi` on a copy of the program, so that no tracked file changes."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        stack: str = STACK,
        *,
        source: Path = PROJECT,
        files: Sequence[str] = PROGRAM,
    ) -> None:
        self.stack = stack
        self.program = folder / "program"
        for name in files:
            (self.program / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, self.program / name)
        state = folder / "state"
        state.mkdir(exist_ok=True)
        self.environment = {
            **environment,
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": "emulator",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), environment.get("PYTHONPATH")])),
            "HOSTPOOL_LOG_FOLDER": str(folder / "log"),
        }

    def show(self, *arguments: str) -> None:
        """Run a command with its output on the terminal; raises PulumiFailed."""
        print(f"\n$ pulumi {' '.join(arguments)}", flush=True)
        if subprocess.run(self._command(*arguments), cwd=self.program, env=self.environment).returncode:
            raise PulumiFailed(f"pulumi {arguments[0]} failed")

    def quiet(self, *arguments: str) -> str:
        """Run a command and return what it printed; raises PulumiFailed with it."""
        done = self.run(*arguments)
        if done.returncode:
            raise PulumiFailed(f"pulumi {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, whatever that is."""
        return subprocess.run(
            self._command(*arguments), cwd=self.program, env=self.environment, capture_output=True, text=True
        )

    def _command(self, *arguments: str) -> list[str]:
        return command(*arguments, stack=self.stack)

    def set(self, key: str, value: str, *, path: bool = False) -> None:
        """`pulumi config set`."""
        self.quiet("config", "set", *(["--path"] if path else []), key, value)

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs."""
        return dict(json.loads(self.quiet("stack", "output", "--json")))


def command(*arguments: str, stack: str = STACK) -> list[str]:
    """The command line, for one stack and without questions."""
    if arguments[:2] == ("stack", "init"):
        return ["pulumi", "stack", "init", stack, "--non-interactive"]
    return ["pulumi", *arguments, "--stack", stack, "--non-interactive"]
