"""The emulator as a process of its own, and its control API."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

START_PATIENCE = 120.0
"""Real seconds until the emulator must be ready: a pool of thousands of hosts takes a while to make."""


@dataclass(frozen=True)
class EmulatedAzure:
    """A running emulator: the variables that point clients at it, and its control API."""

    variables: dict[str, str]

    @property
    def url(self) -> str:
        host = self.variables["ARM_METADATA_HOSTNAME"]
        return host if host.startswith("https://") else f"https://{host}"

    def get(self, path: str, **query: str) -> Any:
        """`GET /emulator/<path>`."""
        answer = requests.get(
            f"{self.url}/emulator/{path}", params=query, verify=self.variables["SSL_CERT_FILE"], timeout=60
        )
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: Any) -> Any:
        """`POST /emulator/<path>`."""
        answer = requests.post(
            f"{self.url}/emulator/{path}", json=body, verify=self.variables["SSL_CERT_FILE"], timeout=60
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def requests_since(self, number: int) -> list[dict[str, Any]]:
        """The request log after entry `number`."""
        return list(self.get("requests", since=str(number))["requests"])


@contextmanager
def running(
    folder: Path, *, speed: float, hosts: int, log: Path, scenario: str = "pooled", **options: str | bool
) -> Iterator[EmulatedAzure]:
    """Start the emulator with a pool of `hosts`, and end it when the block ends. `options` are those of its command."""
    environment_file = folder / "environment"
    environment_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "emulator", "--speed", f"{speed:g}", "--scenario", scenario]
    command += ["--hosts", str(hosts), "--directory", str(folder), "--environment-file", str(environment_file)]
    for name, value in options.items():
        flag = name.replace("_", "-")
        command += [f"--{flag}", value] if isinstance(value, str) else [f"--{flag}" if value else f"--no-{flag}"]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        _wait_for(environment_file, process, log)
        yield EmulatedAzure(read_environment(environment_file))
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def read_environment(path: Path) -> dict[str, str]:
    """The variables of lines `export NAME=value`."""
    variables = {}
    for line in path.read_text().splitlines():
        words = shlex.split(line, comments=True)
        if words and words[-1].partition("=")[1]:
            name, _, value = words[-1].partition("=")
            variables[name] = value
    return variables


def _wait_for(path: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_PATIENCE
    while not path.exists():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the emulator did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)


def environment(azure: EmulatedAzure, *extra_path: Path) -> dict[str, str]:
    """The process environment for clients of the emulator, with folders first on PATH."""
    variables = {**os.environ, **azure.variables}
    variables["PATH"] = os.pathsep.join([*(str(p) for p in extra_path), variables["PATH"]])
    return variables
