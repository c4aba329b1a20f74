"""`python -m bench.one_rollout SIDE SEED FOLDER`: one rollout in a process of its own; prints its figures as JSON.

In a process of its own, so that its peak memory is its own, and that two run at a time.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import measure
from bench.setting import ABLATION, BAKE, NIGHTS, SESSIONS, SIDES, Side
from demo.pulumi_cli import PROJECT
from rollout import load, names
from simulation.emulated_pool import DEFINITION, GROUP, POOL, EmulatedPool, emulated_pool
from simulation.virtual_time import virtually

AT_ONCE = 2
"""Rollouts at a time: each keeps one core busy."""

VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm-"


def in_a_process(side: str, seed: int, folder: Path) -> dict[str, Any]:
    """The figures of one rollout, made by `main`. Raises RuntimeError."""
    command = [sys.executable, "-m", "bench.one_rollout", side, str(seed), str(folder)]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    if ended.returncode:
        raise RuntimeError(
            f"{side}, seed {seed} ended with {ended.returncode}:\n{ended.stdout[-2000:]}{ended.stderr[-4000:]}"
        )
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


async def rolled(side: Side, seed: int, folder: Path) -> dict[str, Any]:
    """Roll the pool once; the figures. Raises RuntimeError where it did not come to its end as it should."""
    made = await emulated_pool(folder, hosts=side.pool.hosts, seed=seed, latency=True, **side.pool.scenario)
    await made.clock.sleep(side.pool.before)
    if side.pool.history:
        _remember(made)
    before = len(made.control("GET", "requests", since="0")["requests"])
    outcome = await made.roll(order=side.order, **side.inputs)
    if outcome.status != "complete":
        raise RuntimeError(outcome.summary)
    return figures(made, before, side.pool.hosts, side.pool.max_unavailable)


def _remember(made: EmulatedPool) -> None:
    """Note on the pool that the day to come will be as the last was: each day is a working day."""
    changes = [
        (measure.seconds_of(s["time"]), s["sessions"])
        for s in made.control("GET", "capacity", hostPool=POOL)["samples"]
    ]
    found, now = load.Load(), made.clock.now()
    for hour in range(24):
        start = (now // 3600 - 24 + hour) * 3600
        before = [sessions for at, sessions in changes if at <= start][-1:]
        during = [sessions for at, sessions in changes if start < at < start + 3600]
        found = found.seen(start + 24 * 3600, max(before + during))
    body = {"operation": "Merge", "properties": {"tags": load.tags(found)}}
    made.ask("PATCH", f"{POOL}/providers/Microsoft.Resources/tags/default", body, "2021-04-01")


def figures(made: EmulatedPool, before: int, hosts: int, max_unavailable: int) -> dict[str, Any]:
    """What the emulator says of a rollout whose requests are those after number `before`."""
    requests = made.control("GET", "requests", since=str(before))["requests"]
    events = made.control("GET", "session-events", hostPool=POOL)["events"]
    capacity = made.control("GET", "capacity", hostPool=POOL)
    draws = made.control("GET", "draws")["draws"]
    vms = [f"{VM}{number}" for number in range(hosts)]
    for number in range(hosts):
        if made.os_disk_image(f"vm-{number}") != "1.0.1":
            raise RuntimeError(f"vm-{number} does not run the new image")
    most_out = max(sample["unavailable"] for sample in capacity["samples"])
    if most_out > max_unavailable:
        raise RuntimeError(f"{most_out} hosts were unavailable at once")
    begun, served = measure.first_write(requests), measure.served_at(capacity["changes"], vms)
    canary = min(served, key=lambda vm: served[vm])
    ended = max(served.values())
    made_calls = measure.calls(requests)
    parts = {vm.lower(): measure.unavoidable(draws, vm) for vm in vms}
    build = measure.drawn(draws, _temporary_vm(made, canary), measure.BUILD_DRAWS)
    if not build:
        raise RuntimeError(f"the build of the canary {canary} left no draws")
    outage = measure.outages(capacity["changes"], vms, ended)
    total = {vm: sum(part.values()) for vm, part in parts.items()}
    bound = measure.bound(total, canary, build, BAKE, max_unavailable, made_calls)
    spans = measure.slots(capacity["changes"], vms)
    lost = measure.lost(spans, total, canary, begun, served[canary] + BAKE, max_unavailable, bound)
    return {
        "hosts": hosts,
        "makespan": ended - begun,
        "bound": bound.seconds,
        "bound_parts": asdict(bound),
        "lost": asdict(lost),
        "outage_p50": measure.middle(outage.values()),
        "outage_p95": measure.percentile(outage.values(), 95),
        "outage_max": max(outage.values()),
        **asdict(measure.ended_for_users(events, begun)),
        "drained": measure.drained(capacity["changes"], vms) / hosts,
        "disturbed": asdict(measure.disturbed(events, begun)),
        "unavoidable_p50": measure.middle(total.values()),
        "unavoidable_parts": {
            name: measure.middle(part[name] for part in parts.values()) for name in measure.OUTAGE_DRAWS
        },
        "canary_served": served[canary] - begun,
        "most_unavailable": most_out,
        "calls": asdict(made_calls),
        "writes_per_host": made_calls.writes / hosts,
        "reads_per_host": made_calls.reads / hosts,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _temporary_vm(made: EmulatedPool, vm: str) -> str:
    """The id of the temporary VM that a host's disk was built in: the first attempt's, since every run is the first."""
    guid = made.vm(vm.rsplit("/", 1)[-1])["properties"]["vmId"]
    key = names.build_key(guid, f"{DEFINITION}/versions/1.0.1", 1)
    return f"{GROUP}/providers/Microsoft.Compute/virtualMachines/{names.temporary_vm(key)}"


def main(arguments: list[str]) -> int:
    side, seed, folder = (SIDES | ABLATION | SESSIONS | NIGHTS)[arguments[0]], int(arguments[1]), Path(arguments[2])
    print(json.dumps(virtually(rolled(side, seed, folder))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
