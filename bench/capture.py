"""`python -m bench.capture`: a capture with a boot test and two regions, on virtual time, seeds 1 to 5, against the sum
of its own steps and against the same steps by hand, one after the other. Prints a table, and one JSON line.

By hand nobody hesitates: each step begins as soon as a look every ten seconds shows that the one before has ended.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measure import middle
from bench.setting import SEEDS
from bench.summary import minutes
from capture import bodies, names, scripts
from capture.azure import CaptureAzure
from capture.capture import Captured
from capture.declaration import CaptureDeclaration, parse
from capture.look import Places
from capture.record import CaptureRecord, Phase, Power
from capture.steps import Goal, Resource, View
from rollout import guest
from rollout.arm import Disk, Vm, name_of
from rollout.clock import Clock
from simulation.golden_vm import GOLDEN, INPUTS, PASSWORD, GoldenVm, golden_vm
from simulation.in_process import in_process_cloud
from simulation.virtual_time import virtually

UPDATE, TEST = 600.0, 60.0
"""Seconds that the update script and that of the boot test take."""
DECLARED: dict[str, Any] = {
    "updates": [{"name": "office", "script": [f"Start-Sleep -Seconds {UPDATE:.0f}"]}],
    "boot_test": {"script": [f"Start-Sleep -Seconds {TEST:.0f}"]},
    "regions": [{"name": "westeurope"}, {"name": "northeurope"}],
}
LOOK = 10.0
SCENARIO: dict[str, Any] = {"latency": True}


@dataclass(frozen=True)
class Figures:
    """Of one seed, in seconds."""

    makespan: float
    steps: float
    """What all that was done takes by itself, each duration as the emulator drew it: no waiting, no look."""
    by_hand: float
    off: float
    """Of the makespan: how long the golden VM was off."""


def measured(seed: int) -> Figures:
    """Both ways, in worlds of the same seed, with machines of the same names: they meet the same durations."""
    ours, captured, began = virtually(_captured(seed))
    steps = sum(draw["seconds"] for draw in ours.emulator.world.sections["draws"] if draw["time"] >= began)
    taken = datetime.strptime(captured.snapshots[0], "golden-%Y%m%d-%H%M%S-before").replace(tzinfo=UTC)
    by_hand = virtually(_done_by_hand(seed, int(taken.timestamp())))
    return Figures(captured.seconds, steps + UPDATE + TEST, by_hand, _off(ours))


async def _captured(seed: int) -> tuple[GoldenVm, Captured, float]:
    made = await golden_vm(seed=seed, **SCENARIO)
    began = made.clock.now()
    return made, await made.capture(**DECLARED), began


def _off(made: GoldenVm) -> float:
    """From the first shut-down of the golden VM to its start, of the engine's own events."""
    told = [(event.time, event.text) for event in made.events]
    down = next(time for time, text in told if text == "shut the golden VM down")
    return next(time for time, text in told if text == "started the golden VM") - down


# -- by hand


async def _done_by_hand(seed: int, as_of: int) -> float:
    made = await golden_vm(seed=seed, **SCENARIO)
    began = made.clock.now()
    async with in_process_cloud(made.emulator, made.clock) as azure:
        await ByHand(azure, made.clock, parse({**INPUTS, **DECLARED})).work(as_of)
    return made.clock.now() - began


class ByHand:
    """The order of the manual way: back up, update, back up, off, clone, remove accounts, sysprep, capture, delete the
    clone; then what a version needs before it is offered: a machine of it that is looked at."""

    def __init__(self, azure: CaptureAzure, clock: Clock, declared: CaptureDeclaration) -> None:
        self._azure, self._clock, self._declared = azure, clock, declared
        self._goal = Goal(declared, "westeurope", 0)

    async def work(self, as_of: int) -> None:
        """`as_of`: the second that is part of the names."""
        azure, [update] = self._azure, self._declared.updates
        vm = await self._vm(GOLDEN)
        record = CaptureRecord(self._declared.id, as_of, 0, Phase.BACKUP, 0, Power.RUNNING)
        view, places = View(vm, record, self._clock.now()), Places(self._declared, vm, record)
        await azure.create_snapshot(places.before, bodies.snapshot(self._goal, view, "before"))
        await azure.run_script(vm.id, "update", update.script, {}, limit=update.limit)
        await azure.power_off_vm(vm.id)
        await azure.deallocate_vm(vm.id)
        await azure.create_snapshot(places.after, bodies.snapshot(self._goal, view, "after"))
        after = Resource(await self._there(azure.get_snapshot, places.after))
        view = replace(view, after=after)
        await self._clone(view, places)
        clone = await self._vm(places.clone)
        await self._sysprep(clone.id)
        await azure.deallocate_vm(clone.id)
        await azure.generalize_vm(clone.id)
        version = bodies.version(self._goal, view, clone.id)
        version["properties"]["publishingProfile"] = bodies.replicated(self._goal)
        await azure.create_image_version(self._declared.version_id, version)
        for delete, made in (
            (azure.delete_vm, places.clone),
            (azure.delete_disk, places.disk),
            (azure.delete_nic, places.nic),
        ):
            await delete(made)
        await azure.start_vm(vm.id)
        await self._test(view, places)
        profile = {"properties": {"publishingProfile": bodies.publishing(self._goal)}}
        await azure.update_image_version(self._declared.version_id, profile)

    async def _clone(self, view: View, places: Places) -> None:
        azure = self._azure
        assert view.after is not None
        original = Disk(await self._there(azure.get_disk, view.vm.os_disk_id))
        await azure.create_disk(places.disk, bodies.disk(self._goal, view, view.after.id, original))
        golden_nic = await self._there(azure.get_nic, view.vm.nic_ids[0])
        await azure.create_nic(places.nic, bodies.nic(self._goal, view, golden_nic))
        await azure.create_vm(places.clone, bodies.clone(self._goal, view, places.disk, places.nic))
        await self._until_agent(places.clone)

    async def _sysprep(self, clone_id: str) -> None:
        await self._azure.run_command(clone_id, scripts.REMOVE_ACCOUNTS)
        await self._azure.run_command(clone_id, scripts.BEGIN_SYSPREP)
        while scripts.guest_state(await self._azure.run_command(clone_id, scripts.STATE)).sysprep != "done":
            await self._clock.sleep(LOOK)

    async def _test(self, view: View, places: Places) -> None:
        azure, test = self._azure, self._declared.boot_test
        assert test is not None
        golden_nic = await self._there(azure.get_nic, view.vm.nic_ids[0])
        await azure.create_nic(places.test_nic, bodies.nic(self._goal, view, golden_nic))
        body = bodies.test_vm(self._goal, view, name_of(places.test_disk), places.test_nic, PASSWORD)
        await azure.create_vm(places.test_vm, body)
        await self._until_agent(places.test_vm)
        while not await guest.is_set_up(azure, await self._vm(places.test_vm)):
            await self._clock.sleep(LOOK)
        await azure.run_script(places.test_vm, names.TEST_COMMAND, test.script, {}, limit=test.limit)
        await azure.delete_vm(places.test_vm)
        await azure.delete_disk(places.test_disk)
        await azure.delete_nic(places.test_nic)

    async def _vm(self, vm_id: str) -> Vm:
        return Vm(await self._there(lambda each: self._azure.get_vm(each, instance_view=True), vm_id))

    async def _until_agent(self, vm_id: str) -> None:
        while not (await self._vm(vm_id)).agent_ready:
            await self._clock.sleep(LOOK)

    @staticmethod
    async def _there(get: Callable[[str], Awaitable[dict[str, Any] | None]], resource_id: str) -> dict[str, Any]:
        body = await get(resource_id)
        assert body is not None, resource_id
        return body


# -- the answer


def answer(found: dict[int, Figures]) -> dict[str, float]:
    """Medians over the seeds: ratios seed by seed."""
    each = found.values()
    return {
        "capture_makespan_s": round(middle(f.makespan for f in each)),
        "capture_over_sum_of_steps": round(middle(f.makespan / f.steps for f in each), 3),
        "capture_over_by_hand": round(middle(f.makespan / f.by_hand for f in each), 3),
    }


def table(found: dict[int, Figures]) -> Table:
    titles = ("seed", "capture", "sum of its steps", "by hand, in order", "golden VM off")
    made = Table(*titles, title="Captures (minutes)", title_justify="left", box=None)
    for seed, each in found.items():
        made.add_row(str(seed), *map(minutes, (each.makespan, each.steps, each.by_hand, each.off)))
    return made


def shown(console: Console) -> dict[str, float]:
    """Measure, and print the table; the answer."""
    found = {seed: measured(seed) for seed in SEEDS}
    console.print(table(found))
    return answer(found)


def main() -> int:
    figures = shown(Console(highlight=False, width=140))
    print(json.dumps({"capture": figures}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
