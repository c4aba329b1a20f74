"""Azure's orchestrator on a Batch pool whose nodes always have tasks to run."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from bench import measure
from bench.roll_host_pool import NEW, NOON
from bench.rolled import LOOK, Rolled, Watch
from emulator import scenario
from emulator.app import Emulator
from emulator.wire import Body, Response
from simulation.emulated_pool import GROUP, EmulatedPool
from simulation.virtual_time import LoopClock

ACCOUNT = f"{GROUP}/providers/Microsoft.Batch/batchAccounts/render"
POOL = f"{ACCOUNT}/pools/bench"
IMAGE = f"{GROUP}/providers/Microsoft.Compute/galleries/nodes/images/linux"
ARM_API, DATA_API = "2024-07-01", "2025-06-01"
TASK_MINUTES = (10, 60)
"""Of each task, drawn evenly."""
HOURS_OF_TASKS = 6
LIMIT = 12 * 3600.0
SERVES = ("idle", "running")


def policy(percent: int, deferral: bool) -> Body:
    numbers = ("maxBatchInstancePercent", "maxUnhealthyInstancePercent", "maxUnhealthyUpgradedInstancePercent")
    return {
        "mode": "automatic",
        "automaticOSUpgradePolicy": {
            "enableAutomaticOSUpgrade": True,
            "useRollingUpgradePolicy": True,
            "osRollingUpgradeDeferral": deferral,
        },
        "rollingUpgradePolicy": dict.fromkeys(numbers, percent),
    }


async def rolled(
    folder: Path, seed: int, machines: int, *, percent: int, deferral: bool = False, bad: bool = False
) -> Rolled:
    """One automatic OS upgrade, `percent` of the nodes at a time. Raises RuntimeError where it did not end."""
    emulator = Emulator(scenario.build("batch", {"hosts": 0, "seed": seed}))
    made = EmulatedPool(emulator, LoopClock(), folder)
    machine = {"imageReference": {"id": IMAGE}, "nodeAgentSkuId": "batch.node.ubuntu 24.04"}
    properties = {
        "vmSize": "Standard_D2s_v3",
        "deploymentConfiguration": {"virtualMachineConfiguration": machine},
        "scaleSettings": {"fixedScale": {"targetDedicatedNodes": machines}},
        "upgradePolicy": policy(percent, deferral),
    }
    _done(made.ask("PUT", POOL, {"properties": properties}, ARM_API))
    await made.clock.sleep(NOON)
    _submit(made, seed, machines)
    if bad:
        effect = {"type": "guest", "image": rf"/{NEW}$", "fault": "unhealthy"}
        made.control("POST", "faults", {"seed": 1, "rules": [{"id": "bad", "effect": effect}]})
    published = made.clock.now()
    made.control("POST", "image-versions", {"image": IMAGE, "version": NEW})
    watch = Watch()
    while not _ended(made) or watch.out:
        if made.clock.now() > published + LIMIT:
            raise RuntimeError(f"not within {LIMIT:.0f} s: {_pool(made)['upgrades']}")
        await made.clock.sleep(LOOK)
        nodes = _pool(made)["nodes"]
        watch.look({node for node, each in nodes.items() if each["state"] not in SERVES}, made.clock.now())
    return _figures(made, watch, published)


def _submit(made: EmulatedPool, seed: int, machines: int) -> None:
    """More tasks than the nodes can run until the upgrade has ended."""
    chance = random.Random(f"tasks {seed}")
    low, high = TASK_MINUTES
    count = machines * HOURS_OF_TASKS * 60 // ((low + high) // 2)
    tasks = [
        {"id": f"t{number}", "commandLine": f"/bin/sh -c 'sleep {60 * chance.uniform(low, high):.0f}'"}
        for number in range(count)
    ]
    _done(made.ask("POST", "/batch/render/jobs", {"id": "j1", "poolInfo": {"poolId": "bench"}}, DATA_API))
    for first in range(0, count, 100):
        body = {"value": tasks[first : first + 100]}
        _done(made.ask("POST", "/batch/render/jobs/j1/addtaskcollection", body, DATA_API))


def _done(answer: Response) -> None:
    if answer.status not in (200, 201):
        raise RuntimeError(str(answer.body))


def _pool(made: EmulatedPool) -> dict[str, Any]:
    found: dict[str, Any] = made.control("GET", "batch")["pools"][POOL]
    return found


def _ended(made: EmulatedPool) -> bool:
    return any(each["ended"] for each in _pool(made)["upgrades"])


def _figures(made: EmulatedPool, watch: Watch, published: float) -> Rolled:
    pool = _pool(made)
    [upgrade] = pool["upgrades"]
    begun = measure.seconds_of(upgrade["started"])
    draws = [each for each in made.control("GET", "draws")["draws"] if measure.seconds_of(each["time"]) >= begun]
    return Rolled(
        waited=begun - published,
        makespan=made.clock.now() - begun,
        outages=watch.seconds,
        drawn=measure.middle(measure.drawn(draws, f"{POOL}/{n}", ("batch node upgrade",)) for n in watch.seconds),
        most_out=watch.most,
        updated=sum(each["version"] == NEW for each in pool["nodes"].values()),
        cut_off=sum(each["requeued"] for each in pool["tasks"].values()),
    )
