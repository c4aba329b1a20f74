"""`python -m bench [SEEDS]`: the fixed scenario, seeds 1 to 5, both sides; the preview of 500 hosts; captures of a
golden VM; the engine beside Azure's orchestrators; the ablation with SEEDS seeds.

Prints tables, one JSON line each with the medians of captures, of orchestrators and of the ablation, and as the last
line of stdout one JSON object.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rich.console import Console

from bench import ablation, capture, orchestrators, summary
from bench.one_rollout import AT_ONCE, in_a_process
from bench.preview import measured
from bench.setting import ABLATION_SEEDS, FOLDER, FULL, PREVIEW_HOSTS, SEEDS, SIDES
from demo.pulumi_cli import PROJECT


def main(arguments: list[str]) -> int:
    console = Console(highlight=False, width=140)
    began = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    console.rule(f"preview of a pool of {PREVIEW_HOSTS} hosts, real CLI")
    preview = measured(FOLDER / "preview", console.print)
    console.rule(f"rollouts of {FULL.hosts} hosts on virtual time: {len(SEEDS)} seeds, {len(SIDES)} sides")
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
    console.rule("captures of a golden VM on virtual time")
    captures = capture.shown(console)
    console.rule("the engine beside Azure's orchestrators on virtual time")
    beside = orchestrators.shown(console)
    console.print()
    medians = ablation.ablated(FOLDER / "ablation", int(arguments[0]) if arguments else ABLATION_SEEDS, console)
    console.rule("the answer")
    console.print(summary.verdict(found))
    console.print(f"\n{time.monotonic() - began:.0f} s; event logs in {FOLDER.relative_to(PROJECT)}")
    print(json.dumps({"capture": captures}))
    print(json.dumps({"orchestrators": beside}))
    print(json.dumps({"ablation": medians}))
    print(json.dumps(found), flush=True)
    return 0


def _rollout(console: Console, side: str, seed: int) -> dict[str, Any]:
    found = in_a_process(side, seed, FOLDER / f"{side}-{seed}")
    console.print(f"{SIDES[side].title}, seed {seed}: {summary.minutes(found['makespan'])} minutes")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
