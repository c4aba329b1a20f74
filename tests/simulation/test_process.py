"""Killed and paused processes, and the state that a pool is left in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from simulation.end_state import differences, end_state
from simulation.process import Died, Kill, Pause, Process
from simulation.virtual_time import virtually
from simulation.wire_log import kind_of_write
from tests.support.pools import bench


@pytest.mark.parametrize(("side", "landed"), [("before", 6), ("after", 7)])
def test_a_process_that_is_killed_at_a_write_sends_nothing_more(tmp_path: Path, side: str, landed: int) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0)
        process = Process("first@runner", Kill(write=7, side="before" if side == "before" else "after"))
        with pytest.raises(Died):
            await made.roll(process=process)
        await made.clock.sleep(3600)
        assert process.died_at.endswith(side)
        assert len([each for each in made.wire.exchanges if each.write]) == landed
        assert made.wire.exchanges[-1].write is (side == "after")

    virtually(story())


def test_a_process_is_killed_at_a_write_of_a_kind(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        process = Process("first@runner", Kill(write=2, side="after", kind="PATCH disks"))
        with pytest.raises(Died):
            await made.roll(process=process)
        kinds = [kind_of_write(each) for each in made.wire.exchanges if each.write]
        assert process.died_at == "PATCH disks after"
        assert kinds[-1] == "PATCH disks" and kinds.count("PATCH disks") == 2

    virtually(story())


def test_a_process_that_is_killed_at_a_moment_dies_there(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0)
        began = made.clock.now()
        with pytest.raises(Died):
            await made.roll(process=Process("first@runner", Kill(at=400.0)))
        assert made.clock.now() == pytest.approx(began + 400.0)
        assert max(each.at for each in made.wire.exchanges) <= began + 400.0

    virtually(story())


def test_a_paused_process_sends_nothing_until_it_wakes(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        began = made.clock.now()
        work = asyncio.create_task(made.roll(process=Process("first@runner", pause=Pause(300.0, 240.0, sending=True))))
        await asyncio.wait({work})
        assert work.result().status == "complete"
        assert not [each for each in made.wire.exchanges if each.write and began + 300 < each.at < began + 539]

    virtually(story())


def test_the_same_state_does_not_differ_and_each_change_is_named(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        state = made.control("GET", "state")
        before = end_state(state)
        assert differences(before, end_state(made.control("GET", "state"))) == []
        group = "/subscriptions/11111111-1111-1111-1111-111111111111/resourcegroups/avd"
        record = f"{group}/providers/microsoft.desktopvirtualization/hostpools/hp1/sessionhosts/vm-1.contoso.com"
        state["resources"][record]["properties"]["allowNewSession"] = False
        vm = state["resources"][f"{group}/providers/microsoft.compute/virtualmachines/vm-0"]
        vm["tags"] = {**vm["tags"], "avd-rollout": "v=1", "mine": "yes"}
        found = differences(before, end_state(state))
        assert [line.split(":")[0] for line in found] == ["vm-0 tags", "vm-0 leftovers", "vm-1 allow_new_session"]

    virtually(story())
