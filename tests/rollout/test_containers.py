"""Profile containers: a host is not stopped before they are detached, where that is asked for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from emulator import guests
from rollout.phases import next_step
from rollout.phases.drain import CONTAINER_PATIENCE
from rollout.record import Phase
from rollout.steps import Admission, Await, CheckContainers, GiveBack, Memory, Step, Wait
from simulation.virtual_time import virtually
from tests.rollout.literals import OLD, disk, goal, record, view, vm
from tests.support.observed import NOW
from tests.support.pools import Bench, bench

CHECKED: dict[str, Any] = {"check_containers": True}


def step(machine: Any = None, *, declared: bool = True, empty_for: float = 100.0, **memory: Any) -> Step:
    remembered = replace(Memory(script_removed=True, empty_since=NOW - empty_for), **memory)
    old = disk(OLD, "old", attached=True, until=NOW + 3 * 86400)
    at = view(record(Phase.DRAIN), machine, old_disk=old, memory=remembered)
    return next_step(at, goal(drain=CHECKED if declared else {}))


def test_an_empty_host_is_asked_before_it_asks_for_its_slot() -> None:
    assert step() == CheckContainers()
    assert step(containers_detached=True) == Await(Admission.RELEASE)
    assert step(declared=False) == Await(Admission.RELEASE)
    assert isinstance(step(empty_for=10.0), Wait)
    assert step(vm("deallocated")) == Await(Admission.RELEASE)


def test_containers_that_stay_attached_keep_the_host_as_it_is() -> None:
    assert step(containers_since=NOW - CONTAINER_PATIENCE) == CheckContainers()
    left = step(containers_since=NOW - CONTAINER_PATIENCE - 1)
    assert isinstance(left, GiveBack) and "profile containers" in left.reason


def test_a_silent_vm_agent_is_waited_for_and_then_the_host_is_left_out() -> None:
    assert isinstance(step(vm(agent=False)), Wait)
    assert isinstance(step(vm(agent=False), unready_since=NOW - 1801), GiveBack)


# -- whole rollouts


def attach(made: Bench, *labels: str) -> None:
    made.emulator.world.advance(made.clock.now())
    guests.content_of(made.emulator.world, f"{made.hosts}/providers/Microsoft.Compute/virtualMachines/vm-0")[
        "containers"
    ] = list(labels)


def test_the_host_goes_once_its_containers_are_detached(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        attach(made, "Profile-ann", "O365-ann")
        work = asyncio.ensure_future(made.roll(include=["vm-0"], drain=CHECKED))
        while not any("Attached" in s["script"] for s in made.emulator.world.sections.get("guest_scripts", ())):
            await made.clock.sleep(30)
        await made.clock.sleep(300)
        assert not work.done() and made.os_disk_image("vm-0") == "1.0.0"
        attach(made)
        outcome = await work
        assert outcome.status == "complete" and made.os_disk_image("vm-0") == "1.0.1"

    virtually(story())


def test_a_host_whose_containers_hang_is_left_out_and_serves_on(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        attach(made, "Profile-ann")
        outcome = await made.roll(include=["vm-0"], drain=CHECKED)
        assert outcome.hosts["left_out"] == ["vm-0"] and "profile containers" in dict(outcome.failures)["vm-0"]
        assert made.os_disk_image("vm-0") == "1.0.0"

    virtually(story())
