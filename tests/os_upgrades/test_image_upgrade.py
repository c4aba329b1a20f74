"""Upgrades of an emulated scale set to the latest image, by the real SDK clients in process on virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from emulator.wire import Request
from os_upgrades.image_upgrade import NO_RESTORE, UpgradeFailed, UpgradeLeft
from rollout.errors import InvalidDeclaration
from rollout.events import Kind
from simulation.process import Died, Kill, Process
from simulation.scale_set import AUTOMATIC, DEFINITION, SET, EmulatedScaleSet, emulated_scale_set
from simulation.virtual_time import virtually

START = "POST osRollingUpgrade"
DEFERRED = {**AUTOMATIC, "osRollingUpgradeDeferral": True}
HOUR = 3600.0


def told(made: EmulatedScaleSet, kind: Kind) -> list[str]:
    return [event.text or event.host for event in made.said(kind)]


def test_it_is_begun_where_azure_does_not_and_watched_to_its_end_once_only() -> None:
    async def story() -> None:
        made = await emulated_scale_set()
        made.publish("1.0.1")
        done = await made.upgrade()
        assert (done.status, done.summary) == ("complete", "scale set web: 5 of 5 run 1.0.1")
        assert made.images() == ["1.0.1"] * 5
        assert told(made, Kind.WARNING) == [NO_RESTORE]
        assert [event.host for event in made.said(Kind.HOST_DONE)] == [f"web_{n}" for n in range(5)]
        assert all(event.data["outage"] > 0 for event in made.said(Kind.HOST_DONE))
        assert min(event.data["serving"] for event in made.said(Kind.CAPACITY)) == 4
        ended = made.said(Kind.ENDED)[-1].data
        assert (ended["status"], ended["counts"]["updated"], ended["counts"]["left"]) == ("complete", 5, 0)
        upgrade = done.upgrade
        assert upgrade is not None and (upgrade.code, upgrade.started_by, upgrade.version) == (
            "Completed",
            "User",
            "1.0.1",
        )
        assert upgrade.counts.successful == 5 and upgrade.ended is not None
        count = len(made.events)
        assert (await made.upgrade(start="now")).status == "complete"
        assert made.writes() == [START] and len(made.events) == count

    virtually(story())


def test_what_azure_begins_by_itself_is_waited_for_and_watched() -> None:
    async def story() -> None:
        made = await emulated_scale_set(automatic=AUTOMATIC)
        await made.clock.sleep(4 * HOUR)
        made.publish("1.0.1")
        done = await made.upgrade()
        assert (done.status, made.images(), made.writes()) == ("complete", ["1.0.1"] * 5, [])
        assert done.upgrade is not None and done.upgrade.started_by == "Platform"
        assert len(told(made, Kind.QUEUED)) == 1 and told(made, Kind.WARNING) == []
        [started] = made.said(Kind.STARTED)
        assert 30 * 60 <= made.said(Kind.PHASE)[0].time - started.time <= 61 * 60

    virtually(story())


def test_a_bad_image_is_restored_by_azure_and_the_failure_says_why_and_what_to_do() -> None:
    async def story() -> None:
        made = await emulated_scale_set(10, automatic=AUTOMATIC)
        await made.clock.sleep(4 * HOUR)
        made.bad("1.0.1")
        made.publish("1.0.1")
        with pytest.raises(UpgradeFailed) as failed:
            await made.upgrade()
        text = str(failed.value)
        assert "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade: more of the upgraded" in text
        assert "To do: look at the failed instances below" in text and "look at its application" in text
        assert "0 upgraded, 2 failed, 2 restored" in text and "web_0: RollingUpgradeInstanceUnhealthyError" in text
        assert "\n" not in text
        results = {event.host: event.data["result"] for event in made.said(Kind.HOST_FAILED)}
        assert results == {"web_0": "rolled-back", "web_5": "rolled-back"} and made.images() == ["1.0.0"] * 10
        counts = made.said(Kind.ENDED)[-1].data["counts"]
        assert counts == {"hosts": 10, "updated": 0, "rolled_back": 2, "failed": 0, "left": 8}
        with pytest.raises(UpgradeFailed, match="It was the last that Azure has begun"):
            await made.upgrade()  # Azure does not try this version again, so that nobody waits for hours
        assert made.writes() == []

    virtually(story())


def test_a_bad_image_begun_by_hand_is_not_restored_and_can_be_begun_again_once_it_is_mended() -> None:
    async def story() -> None:
        made = await emulated_scale_set(automatic=AUTOMATIC)
        made.bad("1.0.1")
        made.publish("1.0.1")
        with pytest.raises(UpgradeFailed, match=r"1 failed\. Failed instances: web_0: .*its application is unhealthy"):
            await made.upgrade(start="now")
        assert made.images() == ["1.0.1", *["1.0.0"] * 4]
        assert [event.data["result"] for event in made.said(Kind.HOST_FAILED)] == ["failed"]
        made.control("POST", "faults", {"rules": []})
        made.control("POST", "instance-health", {"scaleSet": SET, "state": "Healthy"})
        assert (await made.upgrade(start="now")).status == "complete"
        assert made.writes() == [START, START]

    virtually(story())


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_run_that_is_killed_is_carried_on_by_the_next(side: Any) -> None:
    async def story() -> None:
        made = await emulated_scale_set()
        made.publish("1.0.1")
        with pytest.raises(Died):
            await made.upgrade(process=Process("first", Kill(write=1, side=side)))
        done = await made.upgrade(owner="second")
        assert done.status == "complete" and len(made.upgrades()) == 1
        assert [event.data["resumed"] for event in made.said(Kind.STARTED)][1:] == [side == "after"]

    virtually(story())


def test_a_run_that_is_killed_while_it_watches_is_carried_on_by_the_next() -> None:
    async def story() -> None:
        made = await emulated_scale_set()
        made.publish("1.0.1")
        with pytest.raises(Died):
            await made.upgrade(process=Process("first", Kill(at=200.0)))
        assert 0 < made.images().count("1.0.1") < 5
        done = await made.upgrade(owner="second", start="now")
        assert done.status == "complete" and made.writes() == [START]
        rollouts = {event.data["rollout"] for event in made.said(Kind.STARTED)}
        assert len(rollouts) == 1 and made.said(Kind.STARTED)[-1].data["resumed"]

    virtually(story())


def test_an_upgrade_that_somebody_else_has_begun_meanwhile_is_joined() -> None:
    async def story() -> None:
        made = await emulated_scale_set()
        made.publish("1.0.1")

        def somebody_is_quicker(request: Request) -> bool:
            assert made.ask("POST", f"{SET}/osRollingUpgrade").status == 202
            made.wire.heralds.clear()
            return False

        made.wire.heralds.append(somebody_is_quicker)
        done = await made.upgrade()
        assert done.status == "complete" and len(made.upgrades()) == 1
        assert [each.status for each in made.wire.exchanges if each.write] == [409]

    virtually(story())


def test_a_start_waits_while_the_scale_set_is_being_written() -> None:
    async def story() -> None:
        made = await emulated_scale_set()
        made.publish("1.0.1")
        assert made.ask("PATCH", SET, {"sku": {"name": "Standard_D2s_v5", "capacity": 6}}).status == 200
        assert (await made.upgrade()).status == "complete"
        assert set(made.images()) == {"1.0.1"} and len(made.upgrades()) == 1
        assert "something else is being written to the scale set" in told(made, Kind.WAITING)

    virtually(story())


@pytest.mark.parametrize(("when_stopped", "code"), [("leave", "Completed"), ("cancel", "Cancelled")])
def test_who_is_told_to_stop_leaves_the_upgrade_or_cancels_it_as_declared(when_stopped: str, code: str) -> None:
    async def story() -> None:
        made = await emulated_scale_set()
        made.publish("1.0.1")
        halt = asyncio.Event()
        asyncio.get_running_loop().call_later(150.0, halt.set)
        says = (
            "goes on in Azure; the next pulumi up" if when_stopped == "leave" else "was cancelled, as declared; 3 of 5"
        )
        with pytest.raises(UpgradeLeft, match=says):
            await made.upgrade(halt=halt, when_stopped=when_stopped)
        await made.clock.sleep(2 * HOUR)
        assert made.upgrades()[-1]["code"] == code
        assert (await made.upgrade()).status == "complete" and set(made.images()) == {"1.0.1"}
        assert made.writes() == ([START] if when_stopped == "leave" else [START, "POST rollingUpgrades/cancel", START])

    virtually(story())


def test_a_run_watches_no_longer_than_its_limit() -> None:
    async def story() -> None:
        made = await emulated_scale_set()
        made.publish("1.0.1")
        with pytest.raises(UpgradeLeft, match=r"not ended in 0\.05 h, the declared limit: .*goes on in Azure"):
            await made.upgrade(limit="PT3M", begin_within="PT3M")
        assert made.said(Kind.ENDED)[-1].data["status"] == "running"
        assert (await made.upgrade()).status == "complete" and made.writes() == [START]

    virtually(story())


def test_a_deferred_upgrade_waits_for_its_approvals_and_says_so() -> None:
    async def story() -> None:
        made = await emulated_scale_set(automatic=DEFERRED)
        await made.clock.sleep(4 * HOUR)
        made.publish("1.0.1")
        waiting = await made.upgrade()
        assert waiting.status == "waiting" and "web_0, web_1, web_2, web_3, web_4" in waiting.waits_for
        assert made.images() == ["1.0.0"] * 5 and made.writes() == []
        some = await made.upgrade(approve=["1", "3"])
        assert some.status == "waiting" and made.images() == ["1.0.0", "1.0.1", "1.0.0", "1.0.1", "1.0.0"]
        assert some.waits_for.startswith("approval of the upgrade of web_0, web_2, web_4")
        assert (await made.upgrade(approve="all")).status == "complete" and set(made.images()) == {"1.0.1"}
        assert set(made.writes()) == {"POST approveRollingUpgrade"} and len(made.upgrades()) == 1

    virtually(story())


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_run_that_is_killed_at_an_approval_is_carried_on_by_the_next(side: Any) -> None:
    async def story() -> None:
        made = await emulated_scale_set(3, automatic=DEFERRED)
        await made.clock.sleep(4 * HOUR)
        made.publish("1.0.1")
        with pytest.raises(Died):
            await made.upgrade(process=Process("first", Kill(write=1, side=side)), approve="all")
        assert (await made.upgrade(approve="all")).status == "complete"
        assert set(made.images()) == {"1.0.1"} and len(made.upgrades()) == 1

    virtually(story())


def test_a_version_that_appears_meanwhile_is_for_another_upgrade() -> None:
    async def story() -> None:
        made = await emulated_scale_set()
        made.publish("1.0.1")
        made.publish("1.0.2", after=120.0)
        done = await made.upgrade()
        assert done.summary == "scale set web: 5 of 5 run 1.0.1" and made.images() == ["1.0.1"] * 5
        assert (await made.upgrade()).summary == "scale set web: 5 of 5 run 1.0.2"

    virtually(story())


def test_reads_that_fail_for_a_while_do_not_end_the_watch() -> None:
    async def story() -> None:
        made = await emulated_scale_set()
        made.publish("1.0.1")
        effect = {"type": "status", "status": 500, "code": "InternalServerError"}
        rule = {
            "id": "ill",
            "method": "GET",
            "path": "rollingUpgrades/latest",
            "nth": list(range(4, 20)),
            "effect": effect,
        }
        made.control("POST", "faults", {"rules": [rule]})
        assert (await made.upgrade()).status == "complete"
        assert any(text.startswith("Azure to answer") for text in told(made, Kind.WAITING))

    virtually(story())


def test_azure_has_only_so_long_to_begin() -> None:
    async def story() -> None:
        made = await emulated_scale_set(automatic=AUTOMATIC)
        made.publish("1.0.1")
        with pytest.raises(UpgradeFailed, match=r"has not begun to roll out 1\.0\.1 in 0\.1 h; .*or write start: now"):
            await made.upgrade(begin_within="PT6M")

    virtually(story())


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"version": "1.0.2"}, r"version: '1\.0\.2' is not what latest stands for in westeurope, 1\.0\.1: .*; publish"),
        ({"start": "never"}, r"start: 'never' waits for an upgrade that nobody begins: .*; write start: auto"),
        ({"approve": ["7"]}, r"approve: \['7'\] names no instance 7; there are 0, 1, 2, 3, 4"),
        ({"scale_set_id": f"{SET}x"}, r"scale_set_id: .*webx' does not exist, or may not be seen; correct the id"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_begun(inputs: dict[str, Any], says: str) -> None:
    async def story() -> None:
        made = await emulated_scale_set()
        made.publish("1.0.1")
        with pytest.raises(InvalidDeclaration, match=says):
            await made.upgrade(**inputs)
        assert (made.writes(), made.events) == ([], [])

    virtually(story())


def test_a_model_that_pins_a_version_is_refused() -> None:
    async def story() -> None:
        made = await emulated_scale_set()
        image = {"storageProfile": {"imageReference": {"id": f"{DEFINITION}/versions/1.0.0"}}}
        made.ask("PATCH", SET, {"properties": {"virtualMachineProfile": image}})
        with pytest.raises(
            InvalidDeclaration, match=r"names version 1\.0\.0 in imageReference\.id, .*ScaleSetUpgradePolicy"
        ):
            await made.upgrade()

    virtually(story())


def test_versions_and_health_of_each_instance_are_seen() -> None:
    async def story() -> None:
        made = await emulated_scale_set(3)
        made.publish("1.0.1")
        made.control("POST", "instance-health", {"scaleSet": SET, "instanceIds": ["1"], "state": "Unhealthy"})
        await made.clock.sleep(60)
        seen = await made.look()
        assert seen.latest == "1.0.1" and seen.versions == {"1.0.0": ["web_0", "web_1", "web_2"]}
        assert [(member.health, member.why) for member in seen.members] == [
            ("healthy", ""),
            ("unhealthy", "its application is unhealthy"),
            ("healthy", ""),
        ]
        with pytest.raises(UpgradeFailed, match=r"ExceededBeforeRollingUpgrade: more instances were unhealthy than"):
            await made.upgrade()
        assert made.images() == ["1.0.0"] * 3 and made.writes() == [START]

    virtually(story())
