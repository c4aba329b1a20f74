"""The ablation's tables: a row for each seed, a column for each side, and what the seeds have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from bench.measure import middle, percentile
from bench.setting import ABLATION

Rollouts = Mapping[tuple[str, int], Mapping[str, Any]]
ALL_ON = "all"


@dataclass(frozen=True)
class Figure:
    """One figure of a rollout, as the tables show it."""

    title: str
    unit: float = 1.0
    """Seconds in a unit; of a count, 1."""
    digits: int = 0
    ratio: bool = False
    """Compared with all on by a ratio; counts, which may be 0, by their difference."""

    def text(self, value: float) -> str:
        return f"{value / self.unit:.{self.digits}f}"

    def against(self, value: float, all_on: float) -> float:
        return value / all_on if self.ratio else value - all_on

    def comparison(self, value: float) -> str:
        return f"x{value:.2f}" if self.ratio else f"{value:+g}"


FIGURES = {
    "makespan": Figure("makespan, minutes", 60.0, 1, ratio=True),
    "outage_p50": Figure("outage p50, minutes", 60.0, 1, ratio=True),
    "outage_p95": Figure("outage p95, minutes", 60.0, 1, ratio=True),
    "cut_off": Figure("sessions cut off"),
    "forced": Figure("sessions forced"),
}


@dataclass(frozen=True)
class Over:
    """A side's figure over the seeds."""

    median: float
    lower: float
    upper: float
    """Quartiles: half of the seeds lie between `lower` and `upper`."""
    against: float
    """Median over the seeds of the comparison with all on at that seed."""


def over(rollouts: Rollouts, side: str, name: str) -> Over:
    seeds = _seeds(rollouts)
    values = [float(rollouts[side, seed][name]) for seed in seeds]
    pairs = zip(values, (float(rollouts[ALL_ON, seed][name]) for seed in seeds), strict=True)
    against = middle(FIGURES[name].against(value, all_on) for value, all_on in pairs)
    return Over(middle(values), percentile(values, 25), percentile(values, 75), against)


def by_seed(rollouts: Rollouts, name: str) -> Table:
    """One figure: seeds as rows, sides as columns."""
    figure = FIGURES[name]
    table = Table("seed", title=figure.title, title_justify="left", box=None)
    for side in ABLATION.values():
        table.add_column(side.title, justify="right")
    for seed in _seeds(rollouts):
        table.add_row(str(seed), *(figure.text(rollouts[side, seed][name]) for side in ABLATION))
    found = [over(rollouts, side, name) for side in ABLATION]
    table.add_section()
    table.add_row("median", *(figure.text(each.median) for each in found))
    table.add_row("quartiles", *(_quartiles(figure, each) for each in found))
    table.add_row("to all on", *(figure.comparison(each.against) for each in found))
    return table


def medians(rollouts: Rollouts) -> Table:
    """All figures at a glance: sides as rows."""
    title = (
        f"Medians over {len(_seeds(rollouts))} seeds (quartiles), and to all on at the same seed the median ratio x, "
        "of counts the median difference"
    )
    table = Table("side", title=title, title_justify="left", box=None)
    for figure in FIGURES.values():
        table.add_column(figure.title, justify="right")
    for name, side in ABLATION.items():
        table.add_row(side.title, *(_cell(figure, over(rollouts, name, key)) for key, figure in FIGURES.items()))
    return table


def figures(rollouts: Rollouts) -> dict[str, dict[str, float]]:
    """Side -> figure -> its median, and as `<figure>_to_all` the comparison with all on; times in seconds."""
    return {
        side: {
            key: round(value, 3)
            for name in FIGURES
            for found in [over(rollouts, side, name)]
            for key, value in ((name, found.median), (f"{name}_to_all", found.against))
        }
        for side in ABLATION
    }


def _cell(figure: Figure, found: Over) -> str:
    return f"{figure.text(found.median)} ({_quartiles(figure, found)}) {figure.comparison(found.against)}"


def _quartiles(figure: Figure, found: Over) -> str:
    return f"{figure.text(found.lower)}-{figure.text(found.upper)}"


def _seeds(rollouts: Rollouts) -> Sequence[int]:
    return sorted({seed for _, seed in rollouts})
