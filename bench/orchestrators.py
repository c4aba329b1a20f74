"""`python -m bench.orchestrators [SEEDS]`: the engine on a host pool beside Azure's own orchestrators on a scale set
and on a Batch pool, as the emulator has them: as many machines, as many of them at a time, on virtual time, the same
seeds. Prints two tables, of a good image and of a bad one, and one JSON line.

What differs, because the things do: what a machine is out for (column `drawn`), and what it is at work on. A scale set
has no notion of sessions; what happens to those on its instances is counted all the same (`roll_scale_set.py`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import roll_batch_pool, roll_host_pool, roll_scale_set
from bench.measure import middle, percentile
from bench.one_rollout import AT_ONCE
from bench.rolled import Rolled
from bench.setting import FOLDER
from simulation.virtual_time import virtually

SEEDS = 3
MACHINES = 10
PERCENT = 20
"""Of the machines, out at a time at most."""
USERS_EACH = 6
"""People who work, for each machine."""
TITLES = {
    "engine": "host pool, the engine",
    "engine_empty": "  nobody at work",
    "scale_set": "scale set, automatic",
    "scale_set_deferral": "  deferral",
    "batch": "Batch pool, automatic",
    "batch_deferral": "  deferral",
}
BAD = ("engine", "scale_set", "batch")
"""Ways that meet a bad image, too."""
DISTURBED = {"asked": "asked", "logged off": "ended", "cut off": "cut_off"}
"""Column -> what it shows, of `Rolled`."""
Found = Mapping[str, list[Rolled]]
"""Way -> one upgrade for each seed."""


def ways(machines: int, folder: Path) -> dict[str, Callable[..., Coroutine[Any, Any, Rolled]]]:
    """Each takes a seed, and whether the image is bad. Event logs go to `folder`."""
    users, at_once = USERS_EACH * machines, machines * PERCENT // 100
    engine = partial(roll_host_pool.rolled, folder, machines=machines, at_once=at_once)
    scale_set = partial(roll_scale_set.rolled, folder, machines=machines, users=users, percent=PERCENT)
    batch = partial(roll_batch_pool.rolled, folder, machines=machines, percent=PERCENT)
    return {
        "engine": partial(engine, users=users),
        "engine_empty": partial(engine, users=0),
        "scale_set": scale_set,
        "scale_set_deferral": partial(scale_set, deferral=True),
        "batch": batch,
        "batch_deferral": partial(batch, deferral=True),
    }


def measured(way: str, seed: int, machines: int, folder: Path, bad: bool = False) -> Rolled:
    """One upgrade. Raises RuntimeError where it did not do what it should, or took more machines at a time."""
    found = virtually(ways(machines, folder)[way](seed=seed, bad=bad))
    if found.updated != (0 if bad else machines):
        raise RuntimeError(f"{way}, seed {seed}: {found.updated} of {machines} machines are on the new image")
    if found.most_out > machines * PERCENT // 100:
        raise RuntimeError(f"{way}, seed {seed}: {found.most_out} machines were out at once")
    return found


# -- the answer


def spread(values: Iterable[float]) -> str:
    """The median, with the least and the most."""
    there = sorted(values)
    return f"{middle(there):.4g} ({there[0]:.4g}-{there[-1]:.4g})"


def minutes(values: Iterable[float]) -> str:
    return spread(round(value / 60, 1) for value in values)


def of_good(found: Found) -> Table:
    table = Table(
        *("way", "begins", "makespan", "outage p50", "p95", "drawn", "out", *DISTURBED),
        title="A good image: minutes, out at once at most, and how many; medians over the seeds (least-most)",
        title_justify="left",
        box=None,
    )
    for way, runs in found.items():
        table.add_row(
            TITLES[way],
            f"{middle(run.waited for run in runs) / 60:.1f}",
            minutes(run.makespan for run in runs),
            *(minutes(percentile(run.outages.values(), percent) for run in runs) for percent in (50, 95)),
            f"{middle(run.drawn for run in runs) / 60:.1f}",
            str(max(run.most_out for run in runs)),
            *(spread(getattr(run, name) for run in runs) for name in DISTURBED.values()),
        )
    return table


def of_bad(found: Found) -> Table:
    table = Table(
        *("way", "machines taken out", "all serve again after", "outage of one", *DISTURBED),
        title="A bad image, whose machines come up and are not healthy",
        title_justify="left",
        box=None,
    )
    for way, runs in found.items():
        table.add_row(
            TITLES[way],
            spread(len(run.outages) for run in runs),
            minutes(run.makespan for run in runs),
            minutes(percentile(run.outages.values(), 50) for run in runs),
            *(spread(getattr(run, name) for run in runs) for name in DISTURBED.values()),
        )
    return table


def answer(good: Found, bad: Found) -> dict[str, dict[str, float]]:
    """Medians over the seeds, by way; times in seconds."""
    shown = {
        way: {
            "makespan_s": round(middle(run.makespan for run in runs)),
            "outage_p50_s": round(middle(percentile(run.outages.values(), 50) for run in runs)),
            "outage_p95_s": round(middle(percentile(run.outages.values(), 95) for run in runs)),
            **{name: middle(getattr(run, name) for run in runs) for name in DISTURBED.values()},
        }
        for way, runs in good.items()
    }
    for way, runs in bad.items():
        shown[way]["bad_image_taken_out"] = middle(len(run.outages) for run in runs)
        shown[way]["bad_image_outage_s"] = round(middle(percentile(run.outages.values(), 50) for run in runs))
    return shown


def shown(console: Console, seeds: int = SEEDS, machines: int = MACHINES) -> dict[str, dict[str, float]]:
    """Measure, and print the tables; the answer."""
    folder = FOLDER / "orchestrators"
    folder.mkdir(parents=True, exist_ok=True)
    runs = [
        (way, seed, machines, folder, is_bad)
        for is_bad, named in ((False, TITLES), (True, BAD))
        for way in named
        for seed in range(1, seeds + 1)
    ]
    good: dict[str, list[Rolled]] = {}
    bad: dict[str, list[Rolled]] = {}
    with ProcessPoolExecutor(AT_ONCE) as pool:
        for (way, *_, is_bad), run in zip(runs, pool.map(measured, *zip(*runs, strict=True)), strict=True):
            (bad if is_bad else good).setdefault(way, []).append(run)
    console.print(of_good(good))
    console.print()
    console.print(of_bad(bad))
    return answer(good, bad)


def main(arguments: list[str]) -> int:
    console = Console(highlight=False, width=140)
    found = shown(console, int(arguments[0]) if arguments else SEEDS)
    print(json.dumps({"orchestrators": found}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
