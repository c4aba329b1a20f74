"""What the demos have in common: a story told by commands of Pulumi's CLI on the emulator, whose exit code is the
verdict."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from demo.emulated_azure import EmulatedAzure, environment
from demo.pulumi_cli import PROJECT, Pulumi

NATIVE_STAND_IN = PROJECT / "emulator" / "native" / "bin"
console = Console(highlight=False)


class NotAsTold(Exception):
    """Something ended otherwise than the story has it."""


def play(name: str, about: str | None, speed: float, tell: Callable[[Path, float], bool]) -> int:
    """Run a demo (`scale-set`) in a folder of its own; returns the exit code. `speed` is the default of its option:
    emulated seconds in a real second. `tell` says whether all was well, or raises NotAsTold."""
    parser = argparse.ArgumentParser(prog=f"python -m demo.{name.replace('-', '_')}", description=about)
    parser.add_argument("--speed", type=float, default=speed, help="emulated seconds in a real second")
    given = parser.parse_args()
    folder = PROJECT / ".cache" / f"demo-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.monotonic()
    try:
        passed = tell(folder, given.speed)
    except NotAsTold as error:
        console.print("[bold red]not as told:[/]", end=" ")
        console.print(str(error), markup=False)
        return 1
    console.print(f"\n{time.monotonic() - began:.0f} s; emulator log and Pulumi state in {folder.relative_to(PROJECT)}")
    return 0 if passed else 1


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What a command of the CLI has said, in one line without colours: it breaks lines at 80 characters."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr).split())


def expect(done: subprocess.CompletedProcess[str], what: str, *, fails: bool, says: str) -> str:
    """What it has said. Raises NotAsTold where it ended otherwise, or did not say that."""
    told = said(done)
    if bool(done.returncode) is not fails or says not in told:
        raise NotAsTold(f"pulumi {what}: exit code {done.returncode}, {says!r}\n{told}")
    return told


def stack(folder: Path, azure: EmulatedAzure, name: str, source: Path, config: Mapping[str, Any]) -> Pulumi:
    """A new stack of the small program in `source`, whose project has the name of its configuration's keys."""
    variables = environment(azure, NATIVE_STAND_IN)
    pulumi = Pulumi(folder, variables, name, source=source, files=("Pulumi.yaml", "__main__.py"))
    (pulumi.program / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": dict(config)}))
    pulumi.quiet("stack", "init")
    return pulumi


def verdict(found: Sequence[tuple[str, bool]]) -> bool:
    """Show what was found out; whether all of it is well."""
    console.rule("what the emulator says")
    table = Table("check", "verdict", box=None)
    for title, yes in found:
        table.add_row(title, "[green]yes[/]" if yes else "[red]NO[/]")
    console.print(table)
    return all(yes for _, yes in found)
