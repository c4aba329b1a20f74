"""What `HostPoolImageUpdate` adds to a preview: the real CLI on the project's program, with it and with a no-op.

The emulator answers without latency, so that the figure is this program's own: its reads are few, since it reads by
lists, and each takes what Azure takes on top.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.measure import middle
from bench.no_op import PROGRAM
from bench.setting import PREVIEW_HOSTS, PREVIEW_RUNS
from demo.emulated_azure import EmulatedAzure, environment, running
from demo.pulumi_cli import Pulumi, PulumiFailed
from demo.story import NATIVE_STAND_IN

PREPARING_SPEED = 600.0
"""Emulated seconds in a real second while the gallery's versions are made; previews are measured at 1."""


@dataclass(frozen=True)
class Preview:
    """Real seconds of each run."""

    declared: tuple[float, ...]
    no_op: tuple[float, ...]

    @property
    def overhead(self) -> float:
        return middle(self.declared) - middle(self.no_op)


def measured(
    folder: Path, said: Callable[[str], object], *, hosts: int = PREVIEW_HOSTS, runs: int = PREVIEW_RUNS
) -> Preview:
    """Prepare a pool at 1.0.0, declare 1.0.1 and preview it, in turn with both programs. Raises PulumiFailed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    state, log = str(folder / "emulator.state"), folder / "emulator.log"
    with running(folder, speed=PREPARING_SPEED, hosts=hosts, log=log, latency=False, state=state) as azure:
        said(f"preparing {hosts} hosts on 1.0.0, and the gallery")
        both = _prepared(folder, azure)
    with running(folder, speed=1.0, hosts=hosts, log=log, latency=False, state=state) as azure:
        for pulumi in both:
            pulumi.environment |= azure.variables  # another port
            pulumi.quiet("preview")  # compiles what is new
        took: tuple[list[float], list[float]] = ([], [])
        for number in range(runs):
            for pulumi, times in zip(both, took, strict=True):
                began = time.perf_counter()
                shown = pulumi.quiet("preview")
                times.append(time.perf_counter() - began)
                # A preview that Azure refuses (10 lists of session hosts in 5 minutes) is none, however long it took.
                if "image-update update" not in shown or "could not be asked" in shown:
                    raise PulumiFailed(f"the preview shows no plan of the update:\n{shown}")
            said(f"preview {number + 1} of {runs}: {took[0][-1]:.2f} s, without the update {took[1][-1]:.2f} s")
    return Preview(tuple(took[0]), tuple(took[1]))


def _prepared(folder: Path, azure: EmulatedAzure) -> tuple[Pulumi, Pulumi]:
    """One `up` at 1.0.0 by the project's program, and one by the other on a copy of its state. Both then declare
    1.0.1."""
    variables = environment(azure, NATIVE_STAND_IN)
    declared = _cli(folder / "declared", variables)
    declared.quiet("stack", "init")
    declared.quiet("up", "--yes", "--skip-preview")
    no_op = _cli(folder / "no-op", variables)
    for part in ("program", "state"):
        shutil.copytree(folder / "declared" / part, folder / "no-op" / part, dirs_exist_ok=True)
    (no_op.program / "__main__.py").rename(no_op.program / "project.py")
    (no_op.program / "__main__.py").write_text(PROGRAM)
    no_op.quiet("up", "--yes", "--skip-preview")
    for pulumi in (declared, no_op):
        pulumi.set("image_version", "1.0.1")
    return declared, no_op


def _cli(folder: Path, variables: dict[str, str]) -> Pulumi:
    folder.mkdir()
    return Pulumi(folder, variables)
