"""`python -m simulation`: play seeds, replay a case, show that each guard is missed when it is off."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from simulation.case import Case
from simulation.generate import drawn
from simulation.invariants import judged, problems
from simulation.mutants import MUTANTS
from simulation.play import played
from simulation.shrink import shrunk
from simulation.telling import Count, Told, told

ENOUGH = 1000
"""Seeds from which on everything must have occurred at least once."""
EVERY = 50
SHRINK = 3
"""Failures that are made smaller; more of them are mostly the same."""

console = Console(highlight=False, width=140)


@click.group()
def main() -> None:
    """Deterministic simulation of rollouts in trouble."""


@main.command()
@click.option("--first", default=1, help="the first seed")
@click.option("--count", default=ENOUGH, help="how many seeds")
@click.option("--workers", default=2, help="processes")
def seeds(first: int, count: int, workers: int) -> None:
    """Play seeds, judge each, count what occurred."""
    total, failed = Count(), []
    with ProcessPoolExecutor(workers) as pool:
        for number, result in enumerate(pool.map(_seed, range(first, first + count), chunksize=2), 1):
            total.add(result.count)
            if result.problems:
                failed.append(result)
                _show(result)
            if number % EVERY == 0:
                console.print(f"{number} of {count} seeds, {len(failed)} failed, {total.exchanges} calls")
    for result in failed[:SHRINK]:
        _shrink(result)
    console.print(_counts(total))
    zeros = total.zeros() if count >= ENOUGH else []
    if zeros:
        console.print(f"never occurred: {', '.join(zeros)}")
    print(f"{count} seeds: {count - len(failed)} passed, {len(failed)} failed, {len(zeros)} things never occurred")
    sys.exit(1 if failed or zeros else 0)


@main.command()
@click.argument("case")
@click.option("--log", type=click.Path(path_type=Path), help="write the event log there")
def replay(case: str, log: Path | None) -> None:
    """Play CASE again: a seed, or the JSON of a case."""
    one = drawn(int(case)) if case.isdigit() else Case.of_json(case)
    with played(one) as story:
        found = problems(judged(story))
        if log is not None:
            log.write_text(story.log())
        for ended in story.ended:
            console.print(f"{ended.process}: {ended.status}: {ended.text}")
        for problem in found:
            console.print(f"[red]{problem}[/]")
        print(f"{len(found)} problems; event log sha256 {story.digest()}")
    sys.exit(1 if found else 0)


@main.command()
@click.option("--seeds", "count", default=200, help="seeds in which each must be caught")
@click.option("--workers", default=2, help="processes")
@click.option("--only", help="one mutant")
def mutants(count: int, workers: int, only: str | None) -> None:
    """Switch off one guard at a time: each must be missed."""
    names = [only] if only else list(MUTANTS)
    caught = 0
    with ProcessPoolExecutor(workers) as pool:
        for name, (seed, problem) in zip(names, pool.map(partial(_hunt, count=count), names), strict=True):
            caught += seed > 0
            where = f"[green]caught by seed {seed}[/]: {problem}" if seed else f"[red]not caught by {count} seeds[/]"
            console.print(f"{name} ({MUTANTS[name].why}): {where}")
    print(f"{len(names)} mutants: {caught} caught, {len(names) - caught} not caught")
    sys.exit(0 if caught == len(names) else 1)


def _seed(seed: int) -> Told:
    return told(drawn(seed))


def _hunt(name: str, count: int) -> tuple[int, str]:
    """The first seed that misses the guard, and what it said; 0 for none. A seed that fails with the guard in place
    misses nothing."""
    for seed in range(1, count + 1):
        with MUTANTS[name].off():
            found = told(drawn(seed)).problems
        if found and not told(drawn(seed)).problems:
            return seed, found[0]
    return 0, ""


def _show(result: Told) -> None:
    console.print(
        f"[red]seed {result.case.seed} failed[/], repeat with: python -m simulation replay {result.case.seed}"
    )
    for problem in result.problems[:5]:
        console.print(f"  {problem}")


def _shrink(result: Told) -> None:
    """The smallest case that fails by the same invariants."""
    wanted = {problem.split(":")[0] for problem in result.problems}

    def fails(case: Case) -> bool:
        return bool(wanted & {problem.split(":")[0] for problem in told(case).problems})

    case = shrunk(result.case, fails)
    console.print(f"seed {result.case.seed}, made smaller, repeat with:")
    print(f"python -m simulation replay '{case.to_json()}'")


def _counts(total: Count) -> Table:
    table = Table("what", "how often each occurred", title="Occurrences", title_justify="left", box=None)
    for name in ("phases", "faults", "deeds", "crashes", "checks", "endings"):
        table.add_row(name, _listed(getattr(total, name).items()))
    return table


def _listed(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{what} {count}" for what, count in sorted(Counter(dict(counts)).items()))


if __name__ == "__main__":
    main()
