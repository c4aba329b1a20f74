"""`python -m bench.ablation [SEEDS]`: what each part of the schedule brings. Each is switched off alone, and all
of them at once, which is AVD's order. Prints tables, and writes one JSON line for each rollout.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import ablation_tables
from bench.one_rollout import AT_ONCE, in_a_process
from bench.setting import ABLATION, ABLATION_SEEDS, FOLDER, OFFICE

LINES = "rollouts.jsonl"


def ablated(folder: Path, seeds: int, console: Console) -> dict[str, Any]:
    """Roll the pool of each seed in each order and print the tables; the medians. Raises RuntimeError."""
    began = time.monotonic()
    console.rule(f"{OFFICE.hosts} hosts with users at work, {OFFICE.max_unavailable} out at most: {seeds} seeds")
    # AVD's order first: it takes longest, and the last one runs alone for a while.
    runs = [(side, seed) for seed in range(1, seeds + 1) for side in reversed(ABLATION)]
    rollouts: dict[tuple[str, int], dict[str, Any]] = {}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with ThreadPoolExecutor(AT_ONCE) as pool, (folder / LINES).open("w", buffering=1) as lines:
        done = pool.map(lambda run: in_a_process(run[0], run[1], folder / f"{run[0]}-{run[1]}"), runs)
        for (side, seed), found in zip(runs, done, strict=True):
            rollouts[side, seed] = found
            lines.write(json.dumps({"side": side, "seed": seed} | found) + "\n")
            if side == "all":
                console.print(f"seed {seed} of {seeds} in all orders, {time.monotonic() - began:.0f} s")
    tables = [ablation_tables.by_seed(rollouts, figure) for figure in ablation_tables.FIGURES]
    for table in (*tables, ablation_tables.medians(rollouts)):
        console.print()
        console.print(table)
    console.print(f"\n{time.monotonic() - began:.0f} s; all figures in {LINES}, beside the event logs")
    return ablation_tables.figures(rollouts)


def main(arguments: list[str]) -> int:
    console = Console(highlight=False, width=140)
    seeds = int(arguments[0]) if arguments else ABLATION_SEEDS
    print(json.dumps({"ablation": ablated(FOLDER / "ablation", seeds, console)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
