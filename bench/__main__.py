"""`python -m bench`: the fixed scenario, seeds 1 to 5, both sides, and the preview of 500 hosts.

Prints tables, and as the last line of stdout one JSON object. Each rollout is a process of its own, two at a time.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import summary
from bench.preview import measured
from bench.setting import HOSTS, PREVIEW_HOSTS, SEEDS, SIDES
from demo.pulumi_cli import PROJECT

FOLDER = PROJECT / ".cache" / "bench"
AT_ONCE = 2
"""Rollouts at a time: each keeps one core busy."""


def main() -> int:
    console = Console(highlight=False, width=140)
    began = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    console.rule(f"preview of a pool of {PREVIEW_HOSTS} hosts, real CLI")
    preview = measured(FOLDER / "preview", console.print)
    console.rule(f"rollouts of {HOSTS} hosts on virtual time: {len(SEEDS)} seeds, {len(SIDES)} sides")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        # The longest first, so that the last one does not run alone.
        runs = [(side, seed) for side in reversed(SIDES) for seed in SEEDS]
        done = pool.map(lambda run: _rollout(console, *run), runs)
        rollouts = dict(zip(runs, done, strict=True))
    for table in (
        summary.by_run(rollouts),
        summary.of_outage(rollouts),
        summary.over_bound(rollouts),
    ):
        console.print()
        console.print(table)
    found = summary.figures(rollouts, preview)
    console.print()
    console.print(summary.verdict(found))
    console.print(f"\n{time.monotonic() - began:.0f} s; event logs in {FOLDER.relative_to(PROJECT)}")
    print(json.dumps(found), flush=True)
    return 0


def _rollout(console: Console, side: str, seed: int) -> dict[str, Any]:
    """One rollout in a process of its own, so that its peak memory is its own. Raises RuntimeError."""
    folder: Path = FOLDER / f"{side}-{seed}"
    command = [sys.executable, "-m", "bench.one_rollout", side, str(seed), str(folder)]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    if ended.returncode:
        raise RuntimeError(f"{side}, seed {seed}:\n{ended.stdout[-2000:]}{ended.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    console.print(f"{SIDES[side].title}, seed {seed}: {summary.minutes(found['makespan'])} minutes")
    return found


if __name__ == "__main__":
    sys.exit(main())
