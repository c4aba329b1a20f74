"""One night with several large pools: all rolled at once by one process, under the limits of one principal."""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from bench import measure
from bench.kept import Changes, Draws, Requests, Samples, SessionEvents
from cloud.throttling import Throttle
from emulator import capacity, scenario
from emulator.app import Emulator
from emulator.desktopvirtualization import broker
from emulator.wire import Request, Response
from rollout import names
from rollout.declaration import parse
from rollout.lease import Lease
from rollout.rollout import Outcome, run
from simulation.emulated_pool import DEFINITION, GROUP, INPUTS, EmulatedPool
from simulation.in_process import in_process_cloud
from simulation.virtual_time import LoopClock

POOLS = 5
MAX_UNAVAILABLE = 0.1
USERS_PER_HOST = 2
"""Half of them are logged on at eight in the evening, when it begins: one session for each host. Through the night they
go and few come, by the emulator's daily curve. That is what is left on pools that are updated at night, and it makes
the API the bottleneck and not the drains."""
BAKE = 600.0
INPUT: dict[str, Any] = {
    **INPUTS,
    "max_unavailable": "10%",
    "max_rollouts_per_subscription": float(POOLS),
    "canary": {"hosts": 1.0, "bake": "PT10M"},
    "drain": {"deadline": "PT60M", "log_off": "force", "grace": "PT5M", "allow_data_loss": True},
}


class TimedEmulator(Emulator):
    """The emulator, with its CPU on an account of its own."""

    cpu = 0.0
    retry_after = 0.0
    """Seconds that answers 429 asked to wait, all together."""

    def handle(self, request: Request) -> Response:
        began = time.process_time()
        response = super().handle(request)
        if response.body is not None and not isinstance(response.body, str):
            response.body = json.dumps(response.body).encode()
        self.cpu += time.process_time() - began
        if response.status == 429:
            self.retry_after += float(response.headers.find("Retry-After") or 0)
        return response

    def advance(self, to: float) -> None:
        """Move the world on."""
        began = time.process_time()
        self.world.advance(to)
        self.cpu += time.process_time() - began


async def night(hosts: int, folder: Path, seed: int = 1) -> dict[str, Any]:
    """Roll POOLS pools with together `hosts` hosts; what it took. Raises RuntimeError where a host does not serve on
    the new image at the end, or too many were unavailable at once."""
    options = {"hosts": hosts, "pools": POOLS, "users": USERS_PER_HOST * hosts, "seed": seed}
    emulator = TimedEmulator(scenario.build("pooled", options))
    made = EmulatedPool(emulator, LoopClock(), folder)
    await made.make_gallery("1.0.0", "1.0.1")
    pools = [f"{GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/hp{n + 1}" for n in range(POOLS)]
    record = Record(emulator, pools, folder)
    throttle = Throttle(made.clock)
    await _import_sdks(made, throttle)
    gc.collect()
    gc.freeze()
    emulator.cpu, began = 0.0, time.process_time()
    outcomes = await asyncio.gather(*(_roll(made, pool, throttle) for pool in pools))
    spent = time.process_time() - began
    record.requests.close()
    for outcome in outcomes:
        if outcome.status != "complete":
            raise RuntimeError(outcome.summary)
    record.verify(made, hosts)
    return {
        **record.figures(made, hosts),
        "cpu_seconds": spent - emulator.cpu,
        "emulator_cpu_s": emulator.cpu,
        "throttled_seconds": emulator.retry_after,
        "paced_seconds": throttle.paced,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


async def _roll(made: EmulatedPool, pool: str, throttle: Throttle) -> Outcome:
    lease = Lease(pool, f"bench@{pool.rsplit('/', 1)[-1]}", made.clock)
    inputs = {**INPUT, "host_pool_id": pool}
    async with in_process_cloud(made.emulator, made.clock, write_guard=lease.check, throttle=throttle) as azure:
        return await run(
            azure,
            parse(inputs),
            inputs,
            clock=made.clock,
            lease=lease,
            listener=lambda event: None,
            log_folder=made.folder,
        )


async def _import_sdks(made: EmulatedPool, throttle: Throttle) -> None:
    """The SDK clients are imported at their first use; that is no cost of a host."""
    async with in_process_cloud(made.emulator, made.clock, throttle=throttle) as azure:
        for client in ("compute", "network", "avd", "authorization", "resources"):
            getattr(azure.connection, client)("11111111-1111-1111-1111-111111111111")


def _slots(hosts: int) -> int:
    """Hosts of a pool that may be unavailable at once."""
    return max(1, int(hosts / POOLS * MAX_UNAVAILABLE))


class Record:
    """What is kept of the emulator's record of a night."""

    def __init__(self, emulator: Emulator, pools: Iterable[str], folder: Path) -> None:
        sections = emulator.world.sections
        self._pools = [pool.lower() for pool in pools]
        self.requests = sections["requests"] = Requests(folder / "requests.jsonl")
        self.draws = sections["draws"] = Draws()
        self.samples, self.changes, self.events = {}, {}, SessionEvents()
        for pool in self._pools:
            kept = capacity.of_pool(emulator.world, pool)
            samples, changes = Samples(), Changes()
            for sample in kept.samples:
                samples.append(sample)
            for change in kept.changes:
                changes.append(change)
            kept.samples, kept.changes = samples, changes
            self.samples[pool], self.changes[pool] = samples, changes
            sections.setdefault(broker.EVENTS, {})[pool] = self.events

    def verify(self, made: EmulatedPool, hosts: int) -> None:
        """All hosts serve on the new image, and max_unavailable was kept in each pool. Raises RuntimeError."""
        world = made.emulator.world
        for pool in self._pools:
            serving = self.changes[pool].served_at
            if len(serving) != hosts // POOLS:
                raise RuntimeError(f"{pool}: {len(serving)} of {hosts // POOLS} hosts serve")
            for vm in serving:
                body = world.resources[vm].body
                disk = world.resources[body["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"].lower()]
                image = disk.body["properties"]["creationData"]["galleryImageReference"]["id"]
                if not image.endswith("/1.0.1"):
                    raise RuntimeError(f"{vm} runs {image}")
            most, allowed = self.samples[pool].most_unavailable, _slots(hosts)
            if most > allowed:
                raise RuntimeError(f"{pool}: {most} hosts were unavailable at once, {allowed} may be")

    def figures(self, made: EmulatedPool, hosts: int) -> dict[str, Any]:
        """Makespan, its lower bound with the terms of it, calls for each host, and what users went through."""
        requests, slots = self.requests, _slots(hosts)
        calls = measure.Calls(
            requests.reads, requests.writes, requests.deletes, requests.compute_updates, requests.refused
        )
        bounds = [self._bound(made, pool, slots, calls) for pool in self._pools]
        ended = max(max(self.changes[pool].served_at.values()) for pool in self._pools)
        outages = {vm: seconds for pool in self._pools for vm, seconds in self.changes[pool].outage.items()}
        bound = max(bounds, key=lambda each: each.seconds)
        assert requests.begun is not None
        makespan = ended - requests.begun
        return {
            "hosts": hosts,
            "makespan": makespan,
            "bound": bound.seconds,
            "bound_canary": bound.canary,
            "bound_hosts": bound.others,
            "bound_writes": (calls.writes - 200) / 10,
            "bound_deletes": (calls.deletes - 200) / 10,
            "bound_compute": (calls.compute_updates - 1500) / 500 * 60,
            "reads_time": (calls.reads - 250) / 25,
            "makespan_over_lower_bound": makespan / bound.seconds,
            "arm_reads_per_host": calls.reads / hosts,
            "arm_writes_per_host": calls.writes / hosts,
            "arm_deletes_per_host": calls.deletes / hosts,
            "refused": calls.refused,
            "outage_p50": median(outages.values()),
            "unavoidable_p50": median(self.draws.outage[vm] for vm in outages),
            "most_unavailable": max(samples.most_unavailable for samples in self.samples.values()),
            "may_be_unavailable": slots,
            "users": dict(self.events.kinds),
        }

    def _bound(self, made: EmulatedPool, pool: str, slots: int, calls: measure.Calls) -> measure.Bound:
        served = self.changes[pool].served_at
        canary = min(served, key=lambda vm: served[vm])
        vm = made.emulator.world.resources[canary]
        key = names.build_key(vm.body["properties"]["vmId"], f"{DEFINITION}/versions/1.0.1", 1)
        build = self.draws.build[f"{canary.rsplit('/', 1)[0]}/{names.temporary_vm(key)}".lower()]
        if not build:
            raise RuntimeError(f"the build of the canary {canary} left no draws")
        outage = {vm: self.draws.outage[vm] for vm in served}
        return measure.bound(outage, canary, build, BAKE, slots, calls)
