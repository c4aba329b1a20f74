"""Instances are brought to the latest model in batches, no further than health allows, on the emulator."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from os_upgrades.latest_model import InstancesFailed
from rollout.errors import Stopped
from simulation.process import Died, Kill, Process
from simulation.virtual_time import virtually
from tests.emulator.compute.sets import HEALTH
from tests.os_upgrades.emulated import Scene

RICH = {"extension": {"protocol": "http", "port": 80, "request_path": "/health", "grace_period": 60}}
NUMBERS = {"max_batch_instance_percent": 40, "max_unhealthy_instance_percent": 40}
INPUTS: dict[str, Any] = {"upgrade_policy": {"mode": "Manual", "rolling_upgrade_policy": NUMBERS}, "health": RICH}


async def changed(**options: Any) -> Scene:
    """A set of five whose model has changed since its instances were made."""
    made = await Scene().begin(extensions=[HEALTH], **options)
    await made.adopt(INPUTS, {})
    return made


def behind(made: Scene) -> list[str]:
    made.scale_set  # noqa: B018  time goes on
    return [each["instanceId"] for each in made.instances() if not each["properties"]["latestModelApplied"]]


def test_all_instances_get_the_latest_model_in_batches_and_no_second_time() -> None:
    async def story() -> None:
        made = await changed()
        assert len(behind(made)) == 5
        brought = await made.bring()
        assert behind(made) == []
        assert (len(brought.updated), brought.total) == (5, 5)
        posts = [each for each in made.writes() if "manualupgrade" in each.lower()]
        assert len(posts) == 3  # 40 % of five are two
        assert made.told[0].endswith("to the latest model (0 of 5)")
        assert (await made.bring()).updated == ()
        assert len([each for each in made.writes() if "manualupgrade" in each.lower()]) == 3

    virtually(story())


def ill(made: Scene, *instances: int) -> None:
    """What the application of these instances says from now on."""
    for number in instances:
        made.instance(number).hidden["app_says"] = "Unhealthy"


def test_a_batch_that_does_not_become_healthy_is_the_last() -> None:
    async def story() -> None:
        made = await changed()
        ill(made, 0, 1)
        with pytest.raises(
            InstancesFailed, match=r"instances 0, 1 did not become healthy in 10 min on the latest model"
        ):
            await made.bring()
        assert behind(made) == ["2", "3", "4"]

    virtually(story())


def test_no_batch_begins_with_more_unhealthy_instances_than_declared() -> None:
    async def story() -> None:
        made = await Scene().begin(extensions=[HEALTH])
        await made.adopt({"upgrade_policy": {"mode": "Manual"}, "health": RICH}, {})
        ill(made, 3, 4)
        await made.clock.sleep(120)
        with pytest.raises(
            InstancesFailed, match=r"40 % of the instances are unhealthy \(3, 4\), more than max_unhealthy"
        ):
            await made.bring()
        assert len(behind(made)) == 5

    virtually(story())


def test_told_to_stop_it_ends_between_batches() -> None:
    async def story() -> None:
        made = await changed()
        stop = asyncio.Event()
        stop.set()
        with pytest.raises(Stopped, match="5 of 5 instances do not have the latest model yet"):
            await made.bring(stop=stop)
        assert len(behind(made)) == 5

    virtually(story())


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_process_that_is_killed_is_carried_on(side: Any) -> None:
    async def story() -> None:
        made = await changed()
        with pytest.raises(Died):
            await made.bring(Process(kill=Kill(2, side)))
        await made.bring()
        assert behind(made) == []

    virtually(story())
