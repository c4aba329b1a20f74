"""`python -m bench.sessions [SEEDS]`: what users notice of a rollout, by the order in which hosts go and the moment at
which it begins. Prints tables, and as the last line of stdout one JSON object.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measure import middle
from bench.one_rollout import AT_ONCE, in_a_process
from bench.setting import FOLDER, NIGHTS, SESSION_SEEDS, SESSIONS, Side

BASES = {
    **dict.fromkeys(("fixed", "aware", "few", "soft", "quietest"), "fixed"),
    **dict.fromkeys(("depth-fixed", "depth-aware", "depth-soft", "depth-quietest"), "depth-fixed"),
    **dict.fromkeys(NIGHTS, "night"),
}
"""What a side is compared with."""
FIGURES = ("disturbed", "messages", "moved", "twice", "forced", "cut_off")
SIDES: Mapping[str, Side] = SESSIONS | NIGHTS
Rollouts = Mapping[tuple[str, int], Mapping[str, Any]]


def figure(run: Mapping[str, Any], name: str) -> float:
    """Of one rollout. Disturbed: told, moved and forced sessions together; times in minutes."""
    if name in ("makespan", "drained"):
        return float(run[name]) / 60
    counts = run["disturbed"]
    return float(
        sum(counts[kind] for kind in ("messages", "moved", "forced", "cut_off"))
        if name == "disturbed"
        else counts[name]
    )


def ratio(rollouts: Rollouts, side: str, name: str) -> float:
    """To what it is compared with, seed by seed: the median."""
    seeds = sorted({seed for found, seed in rollouts if found == side})
    base = BASES[side]
    pairs = ((figure(rollouts[side, seed], name), figure(rollouts[base, seed], name)) for seed in seeds)
    return middle(ours / theirs if theirs else 1.0 for ours, theirs in pairs)


def table(rollouts: Rollouts) -> Table:
    """Medians over the seeds, and the ratio of the disturbed sessions."""
    title = "Sessions, medians over the seeds; ratio to the first of the same pool, seed by seed"
    shown = Table(
        "side", "disturbed", "ratio", *FIGURES[1:], "makespan, min", "drained a host, min", title=title, box=None
    )
    for side, described in SIDES.items():
        runs = [run for (name, _), run in sorted(rollouts.items()) if name == side]
        values = {name: middle(figure(run, name) for run in runs) for name in (*FIGURES, "makespan", "drained")}
        cells = [f"{values[name]:g}" for name in FIGURES[1:]]
        times = [f"{values[name]:.1f}" for name in ("makespan", "drained")]
        change = f"x{ratio(rollouts, side, 'disturbed'):.2f}"
        shown.add_row(described.title, f"{values['disturbed']:g}", change, *cells, *times)
    return shown


def main(arguments: list[str]) -> int:
    console = Console(highlight=False, width=160)
    folder = FOLDER / "sessions"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    runs = [
        (side, seed) for seed in range(1, (int(arguments[0]) if arguments else SESSION_SEEDS) + 1) for side in SIDES
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = pool.map(lambda run: in_a_process(run[0], run[1], folder / f"{run[0]}-{run[1]}"), runs)
        rollouts: dict[tuple[str, int], dict[str, Any]] = {}
        for run, found in zip(runs, done, strict=True):
            rollouts[run] = found
            console.print(f"{SIDES[run[0]].title}, seed {run[1]}: {figure(found, 'disturbed'):g} disturbed")
    console.print(table(rollouts))
    found = {side: {"disturbed_ratio": round(ratio(rollouts, side, "disturbed"), 3)} for side in SIDES}
    print(json.dumps({"sessions": found}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
