"""The benchmark's answer: seven figures, each a median, and tables that show what they are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from bench.measure import middle
from bench.preview import Preview

Figures = Mapping[str, Any]

GOALS = {
    "makespan_ratio": 0.40,
    "host_outage_p50_ratio": 0.70,
    "makespan_over_lower_bound": 1.10,
    "preview_overhead_s": 1.0,
}
"""At most. What has no goal is here to be compared with the last time."""


def figures(rollouts: Mapping[tuple[str, int], Figures], preview: Preview) -> dict[str, float]:
    """The answer, from the rollouts by side and seed: ratios seed by seed, then medians over the seeds."""
    seeds = sorted({seed for _, seed in rollouts})
    ours = [rollouts["sliding", seed] for seed in seeds]
    other = [rollouts["barrier", seed] for seed in seeds]
    found = {
        "makespan_ratio": middle(a["makespan"] / b["makespan"] for a, b in zip(ours, other, strict=True)),
        "host_outage_p50_ratio": middle(a["outage_p50"] / b["outage_p50"] for a, b in zip(ours, other, strict=True)),
        "makespan_over_lower_bound": middle(each["makespan"] / each["bound"] for each in ours),
        "arm_writes_per_host": middle(each["writes_per_host"] for each in ours),
        "arm_reads_per_host": middle(each["reads_per_host"] for each in ours),
        "peak_rss_mb": middle(each["peak_rss_mb"] for each in ours),
        "preview_overhead_s": preview.overhead,
    }
    return {name: round(value, 4 if "ratio" in name or "bound" in name else 2) for name, value in found.items()}


def verdict(found: Mapping[str, float]) -> Table:
    """The figures beside their goals."""
    table = Table("figure", "value", "goal", "", title="Medians over the seeds", title_justify="left", box=None)
    for name, value in found.items():
        goal = GOALS.get(name)
        met = "" if goal is None else "[green]met[/]" if value <= goal else "[red]missed[/]"
        table.add_row(name, f"{value:g}", "" if goal is None else f"<= {goal:g}", met)
    return table


def by_run(rollouts: Mapping[tuple[str, int], Figures]) -> Table:
    """One row for each rollout; times in minutes."""
    table = Table(
        *("side", "seed", "makespan", "bound", "over bound", "outage p50", "max", "T_u p50", "out at once"),
        *("writes", "deletes", "reads", "429", "MB"),
        title="Rollouts (minutes; calls per host)",
        title_justify="left",
        box=None,
    )
    for (side, seed), run in sorted(rollouts.items(), key=lambda item: (item[0][0] != "sliding", item[0][1])):
        hosts = run["hosts"]
        table.add_row(
            *(side, str(seed), minutes(run["makespan"]), minutes(run["bound"])),
            *(f"{run['makespan'] / run['bound']:.3f}", minutes(run["outage_p50"]), minutes(run["outage_max"])),
            *(minutes(run["unavoidable_p50"]), str(run["most_unavailable"]), f"{run['writes_per_host']:.1f}"),
            *(f"{run['calls']['deletes'] / hosts:.1f}", f"{run['reads_per_host']:.0f}"),
            *(str(run["calls"]["refused"]), f"{run['peak_rss_mb']:.0f}"),
        )
    return table


def over_bound(rollouts: Mapping[tuple[str, int], Figures], side: str = "sliding") -> Table:
    """Where the time above the lower bound goes: slot seconds by max_unavailable, so that they add up to minutes."""
    table = Table(
        *("seed", "over bound", "canary", "slots longer than T_u", "slots empty", "of these at the end"),
        title="Time above the bound (minutes)",
        title_justify="left",
        box=None,
    )
    for (name, seed), run in sorted(rollouts.items()):
        if name == side:
            lost: Sequence[float] = [run["lost"][part] for part in ("canary", "longer", "empty", "empty_at_end")]
            table.add_row(str(seed), minutes(run["makespan"] - run["bound"]), *map(minutes, lost))
    return table


def of_outage(rollouts: Mapping[tuple[str, int], Figures]) -> Table:
    """What the median host was drawn for each part of T_u, and what its outage was."""
    table = Table("side", "outage p50", title="Seconds out of service, medians", title_justify="left", box=None)
    sides = {side: [run for (name, _), run in rollouts.items() if name == side] for side, _ in rollouts}
    parts = next(iter(rollouts.values()))["unavoidable_parts"]
    for part in parts:
        table.add_column(f"drawn: {part}")
    for side, runs in sides.items():
        drawn = [middle(run["unavoidable_parts"][part] for run in runs) for part in parts]
        table.add_row(side, f"{middle(run['outage_p50'] for run in runs):.0f}", *(f"{value:.0f}" for value in drawn))
    return table


def minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}"
