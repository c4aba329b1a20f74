"""A scale set that exists is taken over and given back, by the real SDK clients on the emulator: what is declared
holds, what was found comes back, and a process that is killed anywhere has lost nothing."""

from __future__ import annotations

from typing import Any

import pytest

from os_upgrades.adoption import FOUND, found_in
from rollout.errors import AzureError, Conflict, NotFound, PreconditionFailed
from simulation.process import Died, Kill, Process
from simulation.virtual_time import virtually
from tests.emulator.compute.sets import HEALTH, IMAGE, PROBE
from tests.os_upgrades.emulated import SET, Scene

EXTENSION = {"extension": {"protocol": "http", "port": 80, "request_path": "/health"}}
EVERYTHING: dict[str, Any] = {
    "upgrade_policy": {
        "mode": "Rolling",
        "automatic_os_upgrade_policy": {
            "enable_automatic_os_upgrade": True,
            "use_rolling_upgrade_policy": True,
            "disable_automatic_rollback": True,
            "os_rolling_upgrade_deferral": True,
        },
        "rolling_upgrade_policy": {
            "max_batch_instance_percent": 30,
            "max_unhealthy_instance_percent": 40,
            "max_unhealthy_upgraded_instance_percent": 10,
            "pause_time_between_batches": "PT90S",
            "prioritize_unhealthy_instances": True,
            "rollback_failed_instances_on_policy_breach": True,
        },
    },
    "health": EXTENSION,
    "os_image_notification": {"enable": True},
    "terminate_notification": {"enable": True, "not_before_timeout": "PT10M"},
    "lifecycle_hooks": [{"type": "UpgradeAutoOSScheduling", "wait_duration": "PT8H", "default_action": "Approve"}],
    "update_instances": True,
}
AUTOMATIC = {"mode": "Rolling", "automatic_os_upgrade_policy": {"enable_automatic_os_upgrade": True}}


def test_everything_that_can_be_declared_is_applied_once_and_given_back() -> None:
    async def story() -> None:
        made = await Scene().begin()
        before = made.declared
        done = await made.adopt(EVERYTHING, {})
        properties = made.scale_set.properties
        profile = properties["virtualMachineProfile"]
        assert properties["upgradePolicy"] == {
            "mode": "Rolling",
            "automaticOSUpgradePolicy": {
                "enableAutomaticOSUpgrade": True,
                "useRollingUpgradePolicy": True,
                "disableAutomaticRollback": True,
                "osRollingUpgradeDeferral": True,
            },
            "rollingUpgradePolicy": {
                "maxBatchInstancePercent": 30,
                "maxUnhealthyInstancePercent": 40,
                "maxUnhealthyUpgradedInstancePercent": 10,
                "pauseTimeBetweenBatches": "PT1M30S",
                "maxSurge": False,
                "prioritizeUnhealthyInstances": True,
                "rollbackFailedInstancesOnPolicyBreach": True,
            },
        }
        [extension] = profile["extensionProfile"]["extensions"]
        assert extension["properties"]["type"] == "ApplicationHealthLinux"
        assert extension["properties"]["typeHandlerVersion"] == "2.0"
        assert profile["scheduledEventsProfile"] == {
            "osImageNotificationProfile": {"enable": True, "notBeforeTimeout": "PT15M"},
            "terminateNotificationProfile": {"enable": True, "notBeforeTimeout": "PT10M"},
        }
        assert properties["lifecycleHooksProfile"]["lifecycleHooks"][0]["waitDuration"] == "PT8H"

        kinds = [each.split("/")[-1] for each in made.writes()]
        # Instances report their health before Azure may begin.
        assert kinds == ["PATCH tags", "extensions", "PATCH virtualmachinescalesets", *["manualupgrade"] * 5, kinds[2]]

        wrote = len(made.writes())
        again = await made.adopt(EVERYTHING, done.found)
        assert again.changes == {}
        assert len(made.writes()) == wrote
        assert again.found == done.found

        await made.release(again.found)
        after = made.declared
        assert _meant(after["properties"]) == _meant(before["properties"])
        assert (after["tags"], after["sku"]) == (before["tags"], before["sku"])
        assert made.scale_set.tags == before["tags"]

    virtually(story())


def _meant(properties: dict[str, Any]) -> dict[str, Any]:
    """Properties without what stands for the same: defaults that are shown once they were written."""

    def lean(value: Any) -> Any:
        if isinstance(value, dict):
            kept = {name: lean(item) for name, item in value.items()}
            return {name: item for name, item in kept.items() if item not in (False, [], {}, "PT15M", "PT5M", "PT0S")}
        return value

    found: dict[str, Any] = lean(properties)
    return found


def test_what_is_declared_no_more_is_given_back_and_what_changes_is_changed() -> None:
    async def story() -> None:
        made = await Scene().begin()
        first = await made.adopt(EVERYTHING, {})
        inputs: dict[str, Any] = {
            "upgrade_policy": {**AUTOMATIC, "rolling_upgrade_policy": {"max_batch_instance_percent": 10}},
            "health": EXTENSION,
        }
        second = await made.adopt(inputs, first.found)
        properties = made.scale_set.properties
        assert properties["upgradePolicy"]["rollingUpgradePolicy"]["maxBatchInstancePercent"] == 10
        assert properties["upgradePolicy"]["rollingUpgradePolicy"]["maxUnhealthyInstancePercent"] == 20
        assert properties["upgradePolicy"]["automaticOSUpgradePolicy"]["disableAutomaticRollback"] is False
        assert properties["lifecycleHooksProfile"]["lifecycleHooks"] == []
        events = properties["virtualMachineProfile"]["scheduledEventsProfile"]
        assert [each["enable"] for each in events.values()] == [False, False]
        assert set(second.found) < set(first.found)
        assert found_in(made.scale_set.tags, "a") == second.found
        assert second.found["upgradePolicy.mode"] == "Manual"

    virtually(story())


def test_somebody_elses_change_is_drift_and_is_set_right() -> None:
    async def story() -> None:
        made = await Scene().begin(extensions=[HEALTH])
        done = await made.adopt({"upgrade_policy": AUTOMATIC}, {})
        assert made.plan({"upgrade_policy": AUTOMATIC}, done.found) == {}
        made.patch({"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": False}}})
        made.patch({"upgradePolicy": {"rollingUpgradePolicy": {"maxBatchInstancePercent": 15}}})  # nobody declared it
        await made.clock.sleep(600)
        path = "upgradePolicy.automaticOSUpgradePolicy.enableAutomaticOSUpgrade"
        assert made.plan({"upgrade_policy": AUTOMATIC}, done.found) == {path: "false -> true"}
        await made.adopt({"upgrade_policy": AUTOMATIC}, done.found)
        assert made.scale_set.automatic_os_upgrade
        await made.release(done.found)
        assert not made.scale_set.automatic_os_upgrade
        assert made.scale_set.policy("rollingUpgradePolicy", "maxBatchInstancePercent") == 15

    virtually(story())


@pytest.mark.parametrize("probed", [True, False], ids=["a probe is there", "the extension is there"])
def test_one_source_of_health_takes_the_place_of_the_other_at_once(probed: bool) -> None:
    """While automatic upgrades are on Azure takes no model with both, and none with neither."""

    async def story() -> None:
        made = Scene()
        made.balancer()
        nic = {"name": "nic", "properties": {"primary": True, "ipConfigurations": [IP]}}
        network = {"networkInterfaceConfigurations": [nic], "healthProbe": {"id": PROBE}}
        extensions = None if probed else [HEALTH]
        profile = {"networkProfile": network} if probed else {}
        await made.begin(automatic={"enableAutomaticOSUpgrade": True}, extensions=extensions, profile=profile)
        before = made.declared
        inputs = {"health": EXTENSION if probed else {"probe_id": PROBE}}
        done = await made.adopt(inputs, {})
        assert made.plan(inputs, done.found) == {}
        done = await made.adopt(inputs, done.found)
        assert bool(made.scale_set.health_probe_id) is not probed
        assert (made.scale_set.health_extension is not None) is probed
        await made.release(done.found)
        assert bool(made.scale_set.health_probe_id) is probed
        assert (made.scale_set.health_extension is None) is probed
        assert _meant(made.declared["properties"]) == _meant(before["properties"])

    virtually(story())


SUBNET = f"{PROBE.split('/loadBalancers/')[0]}/virtualNetworks/vnet/subnets/web"
IP = {"name": "ip", "properties": {"subnet": {"id": SUBNET}}}


def test_the_image_is_followed_in_place_of_a_pinned_version() -> None:
    async def story() -> None:
        made = await Scene().begin(profile=_pinned())
        done = await made.adopt({"image": IMAGE}, {})
        assert made.scale_set.image_reference["id"] == IMAGE
        await made.release(done.found)
        assert made.scale_set.image_reference["id"] == f"{IMAGE}/versions/1.0.0"

    virtually(story())


def test_an_image_of_another_kind_takes_the_place_of_the_whole_reference() -> None:
    async def story() -> None:
        made = await Scene().begin(extensions=[HEALTH])
        done = await made.adopt({"image": "Canonical:ubuntu-24_04-lts:server"}, {})
        reference = made.scale_set.image_reference
        assert "id" not in reference and reference["sku"] == "server" and reference["version"] == "latest"
        await made.release(done.found)
        assert made.scale_set.image_reference == {"id": IMAGE}

    virtually(story())


def _pinned() -> dict[str, Any]:
    disk = {"createOption": "FromImage", "managedDisk": {"storageAccountType": "Premium_LRS"}}
    return {"storageProfile": {"imageReference": {"id": f"{IMAGE}/versions/1.0.0"}, "osDisk": disk}}


INPUTS: dict[str, Any] = {
    "upgrade_policy": AUTOMATIC,
    "health": EXTENSION,
    "lifecycle_hooks": EVERYTHING["lifecycle_hooks"],
    "update_instances": True,
}


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_process_that_is_killed_at_any_write_of_an_adoption_has_lost_nothing(side: Any) -> None:
    """Killed at its n-th write, for every n; the next process has no outputs of the first, as Pulumi has none."""

    async def story(write: int) -> bool:
        made = await Scene().begin(2)
        before = made.declared
        died = False
        try:
            await made.adopt(INPUTS, {}, Process(kill=Kill(write, side)))
        except Died:
            died = True
        done = await made.adopt(INPUTS, {})
        assert made.scale_set.automatic_os_upgrade
        assert done.found["upgradePolicy.mode"] == "Manual"
        await made.clock.sleep(900)  # what the killed process began may still run, and Azure then takes no other model
        await made.release(done.found)
        assert _meant(made.declared["properties"]) == _meant(before["properties"])
        assert made.scale_set.tags == {}
        return died

    writes = 0
    while virtually(story(writes + 1)):
        writes += 1
    assert writes == 6  # the tags, the extension, the hooks, two batches of one, the policy


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_process_that_is_killed_while_it_gives_back_is_carried_on(side: Any) -> None:
    async def story(write: int) -> bool:
        made = await Scene().begin(2)
        before = made.declared
        done = await made.adopt(INPUTS, {})
        died = False
        try:
            await made.release(done.found, Process(kill=Kill(write, side)))
        except Died:
            died = True
        await made.release(done.found)
        assert _meant(made.declared["properties"]) == _meant(before["properties"])
        assert made.scale_set.tags == {}
        return died

    writes = 0
    while virtually(story(writes + 1)):
        writes += 1
    assert writes == 3  # the PATCH, the extension, the tags


def test_tags_of_others_stay_and_lost_ones_of_ours_do_no_harm() -> None:
    async def story() -> None:
        made = await Scene().begin(extensions=[HEALTH])
        made.call("PATCH", SET, {"tags": {"team": "web"}})
        await made.clock.sleep(600)
        done = await made.adopt({"upgrade_policy": AUTOMATIC}, {})
        assert made.scale_set.tags["team"] == "web"
        assert any(name.startswith(FOUND) for name in made.scale_set.tags)
        made.call("PATCH", SET, {"tags": {"team": "web"}})
        await made.clock.sleep(600)
        await made.release(done.found)
        assert made.scale_set.tags == {"team": "web"}
        assert made.scale_set.policy("mode") == "Manual"

    virtually(story())


def test_two_resources_may_declare_different_settings_of_one_scale_set() -> None:
    async def story() -> None:
        made = await Scene().begin(extensions=[HEALTH])
        before = made.declared
        policy = await made.adopt({"upgrade_policy": AUTOMATIC}, {}, owner="policy")
        told = await made.adopt({"os_image_notification": {"enable": True}}, {}, owner="told")
        assert made.plan({"upgrade_policy": AUTOMATIC}, policy.found) == {}
        assert made.scale_set.policy("mode") == "Rolling"
        await made.release(policy.found, owner="policy")
        profile = made.scale_set.profile["scheduledEventsProfile"]
        assert profile["osImageNotificationProfile"]["enable"] and made.scale_set.policy("mode") == "Manual"
        await made.release(told.found, owner="told")
        assert _meant(made.declared["properties"]) == _meant(before["properties"])
        assert made.scale_set.tags == {}

    virtually(story())


def test_a_scale_set_that_is_not_there_is_an_error_to_adopt_and_none_to_give_back() -> None:
    async def story() -> None:
        made = Scene()
        with pytest.raises(NotFound):
            await made.adopt({"upgrade_policy": AUTOMATIC}, {})
        await made.release({"upgradePolicy.mode": "Manual"})

    virtually(story())


def test_what_azure_refuses_leaves_a_record_that_gives_back_nothing_wrong() -> None:
    async def story() -> None:
        made = await Scene().begin()
        before = made.declared
        with pytest.raises(AzureError, match="health"):
            await made.adopt({"upgrade_policy": AUTOMATIC}, {})
        assert made.declared == before
        await made.release({})
        assert made.declared == before
        assert made.scale_set.tags == {}

    virtually(story())


async def _rolling(**more: Any) -> Scene:
    """Five instances that Azure rolls, with an upgrade to 1.1.0 that has just begun."""
    automatic = {"enableAutomaticOSUpgrade": True}
    made = await Scene().begin(mode="Rolling", automatic=automatic, extensions=[HEALTH], **more)
    made.publish("1.1.0")
    answer = made.call("POST", f"{SET}/osRollingUpgrade", version="2024-07-01")
    assert answer.status == 202, answer.body
    await made.clock.sleep(60)
    assert made.upgrade_status() == "RollingForward"
    return made


def test_one_opts_out_in_the_middle_of_an_upgrade() -> None:
    off = {"mode": "Rolling", "automatic_os_upgrade_policy": {"enable_automatic_os_upgrade": False}}

    async def story() -> None:
        made = await _rolling()
        assert (await made.preview({"upgrade_policy": off})).warnings == ()
        done = await made.adopt({"upgrade_policy": off}, {})
        assert not made.scale_set.automatic_os_upgrade
        await made.release(done.found)
        assert made.scale_set.automatic_os_upgrade

    virtually(story())


def test_the_model_of_a_scale_set_that_is_being_upgraded_is_left_alone() -> None:
    async def story() -> None:
        made = await _rolling()
        inputs = {"os_image_notification": {"enable": True}}
        [warning] = (await made.preview(inputs)).warnings
        assert "is being upgraded now" in warning and "(rule upgrade-running, " in warning
        with pytest.raises(Conflict, match="OperationNotAllowed"):
            await made.adopt(inputs, {})
        await made.clock.sleep(4 * 3600)
        assert made.upgrade_status() != "RollingForward"
        assert (await made.preview(inputs)).warnings == ()
        await made.adopt(inputs, {})

    virtually(story())


def test_a_model_that_azure_rolls_at_once_is_changed_by_one_write() -> None:
    async def story() -> None:
        made = await Scene().begin(mode="Rolling", extensions=[HEALTH])
        await made.clock.sleep(600)
        tcp = {"extension": {"protocol": "tcp", "port": 80, "states": "binary"}}
        await made.adopt({"health": tcp, "os_image_notification": {"enable": True}}, {})
        model = [each for each in made.writes() if "virtualmachinescalesets" in each.lower() and "tags" not in each]
        assert len(model) == 1
        extension = made.scale_set.health_extension
        assert extension is not None and extension.settings["protocol"] == "tcp"

    virtually(story())


@pytest.mark.parametrize("times", [3, 4])
def test_whoever_else_writes_at_the_same_time_is_let_through(times: int) -> None:
    """The etag that was read does not match any more: looked at anew, a few times."""

    async def story() -> None:
        made = await Scene().begin(extensions=[HEALTH])
        effect = {"type": "status", "status": 412, "code": "PreconditionFailed"}
        path = "virtualMachineScaleSets/web\\\\?"
        made.fault({"id": "412", "method": "PATCH", "path": path, "nth": [*range(1, times + 1)], "effect": effect})
        if times == 4:
            with pytest.raises(PreconditionFailed):
                await made.adopt({"upgrade_policy": AUTOMATIC}, {})
            return
        await made.adopt({"upgrade_policy": AUTOMATIC}, {})
        assert made.scale_set.automatic_os_upgrade

    virtually(story())


def test_a_write_carries_the_etag_that_was_read() -> None:
    async def story() -> None:
        made = await Scene().begin(extensions=[HEALTH])
        async with made.cloud(Process(), "owner") as azure:
            seen = made.scale_set
            made.patch({"upgradePolicy": {"rollingUpgradePolicy": {"maxBatchInstancePercent": 15}}})
            with pytest.raises(PreconditionFailed):
                await azure.update_scale_set(
                    SET, {"properties": {"upgradePolicy": {"mode": "Rolling"}}}, etag=seen.etag
                )
            with pytest.raises(PreconditionFailed):
                await azure.replace_scale_set(SET, seen.body, etag=seen.etag)

    virtually(story())
