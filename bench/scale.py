"""`python -m bench.scale [--hosts N]`: 10,000 hosts in five pools, one subscription, one region, one principal.

Prints a table, and as the last line of stdout one JSON object. A night with 100 hosts, in a process of its own, says
what a host costs where there are few.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.scale_run import POOLS, night
from demo.pulumi_cli import PROJECT
from simulation.virtual_time import virtually

FOLDER = PROJECT / ".cache" / "bench-scale"
HOSTS, FEW = 10_000, 100
GOALS = {"cpu_seconds": 300.0, "peak_rss_mb": 600.0, "throttled_seconds": 0.0, "cpu_per_host_growth": 1.2}
"""At most. What has no goal is here to be compared with the last time."""
FIGURES = (
    "makespan_over_lower_bound",
    "cpu_seconds",
    "emulator_cpu_s",
    "peak_rss_mb",
    "arm_reads_per_host",
    "arm_writes_per_host",
    "throttled_seconds",
    "paced_seconds",
    "cpu_per_host_growth",
)


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--hosts", type=int, default=HOSTS, help=f"hosts in {POOLS} pools, a multiple of {POOLS}")
    parser.add_argument("--one", action="store_true", help="print the figures of one night as JSON, no more")
    arguments = parser.parse_args(given)
    if arguments.one:
        print(json.dumps(_night(arguments.hosts)))
        return 0
    console, began = Console(highlight=False, width=120), time.monotonic()
    console.rule(f"{arguments.hosts} hosts in {POOLS} pools, at most 10 % unavailable, on virtual time")
    shutil.rmtree(FOLDER, ignore_errors=True)
    few = _apart(FEW)
    found = _night(arguments.hosts)
    growth = (found["cpu_seconds"] / found["hosts"]) / (few["cpu_seconds"] / few["hosts"])
    answer = {name: round({**found, "cpu_per_host_growth": growth}[name], 3) for name in FIGURES}
    console.print(_details(found, few))
    console.print()
    console.print(_verdict(answer))
    console.print(f"\n{time.monotonic() - began:.0f} s; request and event logs in {FOLDER.relative_to(PROJECT)}")
    print(json.dumps(answer), flush=True)
    return 0


def _night(hosts: int) -> dict[str, Any]:
    folder = FOLDER / str(hosts)
    folder.mkdir(parents=True, exist_ok=True)
    return virtually(night(hosts, folder))


def _apart(hosts: int) -> dict[str, Any]:
    """A night in a process of its own, so that neither its memory nor its imports count here."""
    command = [sys.executable, "-m", "bench.scale", "--one", "--hosts", str(hosts)]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    if ended.returncode:
        raise RuntimeError(f"{hosts} hosts:\n{ended.stdout[-2000:]}{ended.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def _details(found: dict[str, Any], few: dict[str, Any]) -> Table:
    """What the figures are made of, beside those of few hosts. The lower bound is the canary's build, T_u and bake, and
    then the greatest of the terms below it; reads are no part of it, since more or fewer of them do the same work."""
    table = Table("", f"{found['hosts']} hosts", f"{few['hosts']} hosts", box=None, title_justify="left")
    rows = (
        ("makespan, hours", "makespan", 3600),
        ("lower bound, hours", "bound", 3600),
        ("  canary: build, T_u, bake", "bound_canary", 3600),
        ("  the other hosts' T_u by slots", "bound_hosts", 3600),
        ("  writes: 200 at once, 10 a second", "bound_writes", 3600),
        ("  deletes: 200 at once, 10 a second", "bound_deletes", 3600),
        ("  Compute updates: 1,500 at once, 500 a minute", "bound_compute", 3600),
        ("reads at 25 a second, hours", "reads_time", 3600),
        ("outage p50, minutes", "outage_p50", 60),
        ("T_u p50, minutes", "unavoidable_p50", 60),
        ("most hosts of a pool unavailable at once", "most_unavailable", 1),
        ("  allowed", "may_be_unavailable", 1),
        ("reads for each host", "arm_reads_per_host", 1),
        ("writes for each host", "arm_writes_per_host", 1),
        ("deletes for each host", "arm_deletes_per_host", 1),
        ("answers 429", "refused", 1),
        ("CPU of engine and SDK for each host, ms", "cpu_seconds", None),
        ("CPU of the emulator for each host, ms", "emulator_cpu_s", None),
    )
    for title, name, unit in rows:
        values = [run[name] / (unit if unit is not None else run["hosts"] / 1000) for run in (found, few)]
        table.add_row(title, *(f"{value:.2f}" if isinstance(value, float) else str(value) for value in values))
    for what in sorted({*found["users"], *few["users"]}):
        table.add_row(f"users: {what}", str(found["users"].get(what, 0)), str(few["users"].get(what, 0)))
    return table


def _verdict(answer: dict[str, float]) -> Table:
    """The figures beside their goals."""
    table = Table("figure", "value", "goal", "", box=None)
    for name, value in answer.items():
        goal = GOALS.get(name)
        met = "" if goal is None else "[green]met[/]" if value <= goal else "[red]missed[/]"
        table.add_row(name, f"{value:g}", "" if goal is None else f"<= {goal:g}", met)
    return table


if __name__ == "__main__":
    sys.exit(main())
