"""The engine on a host pool with people at work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench import measure
from bench.rolled import Rolled
from bench.setting import DRAIN
from simulation.emulated_pool import POOL, EmulatedPool, emulated_pool

NEW = "1.0.1"
NOON = 16 * 3600.0
"""Seconds from the scenario's beginning, 20:00, to the next noon."""
AZURE_WAITS = 45 * 60.0
"""About what Azure waits before it begins by itself: the engine, which does not, is started so much later, so that all
meet the same hour of the day."""
BAD = {"id": "bad", "effect": {"type": "guest", "host": "^vm-", "image": r"1\.0\.1$", "fault": "unhealthy"}}


async def with_people(folder: Path, seed: int, machines: int, users: int) -> EmulatedPool:
    """A pool with its gallery, in the evening."""
    return await emulated_pool(folder, hosts=machines, users=users, max_session_limit=10, seed=seed, latency=True)


async def rolled(folder: Path, seed: int, machines: int, *, users: int, at_once: int, bad: bool = False) -> Rolled:
    """Roll the pool once by the engine. Raises RuntimeError where it did not end as it should."""
    made = await with_people(folder, seed, machines, users)
    await made.clock.sleep(NOON + AZURE_WAITS)
    if bad:
        made.control("POST", "faults", {"seed": 1, "rules": [BAD]})
    before = len(made.control("GET", "requests", since="0")["requests"])
    declared = made.clock.now()
    canary = {"hosts": 1.0, "bake": "PT10M"}
    outcome = await made.roll(max_unavailable=float(at_once), canary=canary, drain=DRAIN)
    if outcome.status != ("stopped" if bad else "complete"):
        raise RuntimeError(outcome.summary)
    return _figures(made, before, declared, [f"vm-{number}" for number in range(machines)])


def _figures(made: EmulatedPool, before: int, declared: float, names: list[str]) -> Rolled:
    capacity = made.control("GET", "capacity", hostPool=POOL)
    requests = made.control("GET", "requests", since=str(before))["requests"]
    draws = made.control("GET", "draws")["draws"]
    begun = measure.first_write(requests)
    vms = {name: str(made.vm(name)["id"]) for name in names}
    since = [each for each in capacity["changes"] if measure.seconds_of(each["time"]) >= begun]
    served = measure.served_at(capacity["changes"], vms.values())
    outages = measure.outages(since, vms.values(), made.clock.now())
    samples: list[dict[str, Any]] = capacity["samples"]
    noticed = measure.disturbed(made.control("GET", "session-events", hostPool=POOL)["events"], begun)
    return Rolled(
        waited=begun - declared,
        makespan=max(served.values()) - begun,
        outages={vm: seconds for vm, seconds in outages.items() if seconds},
        drawn=measure.middle(sum(measure.unavoidable(draws, vm).values()) for vm in vms.values()),
        most_out=max(each["unavailable"] for each in samples),
        updated=sum(made.os_disk_image(name) == NEW for name in names),
        asked=noticed.messages,
        ended=noticed.forced,
        cut_off=noticed.cut_off,
    )
