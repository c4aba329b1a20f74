"""A scale set that rolls OS upgrades, as components over azure-native: what is declared, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pulumi
import pytest
from pulumi_azure_native import compute

from components import (
    OSImageMaintenance,
    OSImageMaintenanceArgs,
    ScaleSet,
    ScaleSetArgs,
    ScaleSetRef,
    ScaleSetUpgrades,
    policy_parts,
)
from os_upgrades.policy import parse
from rollout.errors import InvalidDeclaration

NETWORK = "/subscriptions/1/resourceGroups/web/providers/Microsoft.Network"
IMAGE = "/subscriptions/1/resourceGroups/web/providers/Microsoft.Compute/galleries/images/images/web"
POLICY: dict[str, Any] = {
    "mode": "Rolling",
    "automatic_os_upgrade_policy": {"enable_automatic_os_upgrade": True, "use_rolling_upgrade_policy": True},
    "rolling_upgrade_policy": {"max_batch_instance_percent": 10, "pause_time_between_batches": "PT90S"},
}
HTTP = {"protocol": "http", "port": 80, "request_path": "/health"}
UPGRADES = ScaleSetUpgrades(
    POLICY,
    health_extension=HTTP,
    os_image_notification={"enable": True},
    terminate_notification={"enable": True, "not_before_timeout": "PT10M"},
)
ARGS = ScaleSetArgs(
    resource_group_name="web",
    scale_set_name="web-scale-set",
    location="westeurope",
    vm_size="Standard_D2s_v5",
    capacity=10,
    windows=True,
    image=IMAGE,
    subnet_id=f"{NETWORK}/virtualNetworks/web/subnets/web",
    admin_username="azureuser",
    admin_password="Secret-Pass-1",
    upgrades=UPGRADES,
    data_disk_sizes_gb=(64,),
    zones=("1", "2"),
)


def made(declare: Any, args: ScaleSetArgs) -> dict[str, Any]:
    [found] = declare(lambda: ScaleSet("web", args)).of("compute:VirtualMachineScaleSet")
    return dict(found)


def test_a_whole_windows_scale_set_has_policy_health_notifications_and_no_windows_update(declare: Any) -> None:
    found = made(declare, ARGS)
    assert found["upgradePolicy"] == parse(POLICY).body()
    profile = found["virtualMachineProfile"]
    [extension] = profile["extensionProfile"]["extensions"]
    assert extension["type"] == "ApplicationHealthWindows" and extension["typeHandlerVersion"] == "2.0"
    assert extension["settings"]["requestPath"] == "/health"
    assert profile["osProfile"]["windowsConfiguration"] == {"enableAutomaticUpdates": False}
    assert profile["storageProfile"]["imageReference"] == {"id": IMAGE}
    assert profile["scheduledEventsProfile"] == {
        "osImageNotificationProfile": {"enable": True, "notBeforeTimeout": "PT15M"},
        "terminateNotificationProfile": {"enable": True, "notBeforeTimeout": "PT10M"},
    }
    assert (found["sku"], found["zones"]) == ({"name": "Standard_D2s_v5", "capacity": 10}, ["1", "2"])
    assert profile["osProfile"]["computerNamePrefix"] == "web-scale"


def test_a_linux_scale_set_of_a_marketplace_image_behind_a_probe(declare: Any) -> None:
    def program() -> None:
        probe = pulumi.Output.from_input(f"{NETWORK}/probes/health")
        args = replace(
            ARGS,
            windows=False,
            image="Canonical:0001-com-ubuntu-server-jammy:22_04-LTS-Gen2",
            admin_password=None,
            ssh_public_key="ssh-ed25519 AAAA",
            upgrades=ScaleSetUpgrades(POLICY, health_probe_id=probe),
        )
        ScaleSet("web", args)

    [found] = declare(program).of("compute:VirtualMachineScaleSet")
    profile = found["virtualMachineProfile"]
    assert profile["networkProfile"]["healthProbe"] == {"id": f"{NETWORK}/probes/health"}
    assert "extensionProfile" not in profile and "windowsConfiguration" not in profile["osProfile"]
    assert profile["osProfile"]["linuxConfiguration"]["ssh"]["publicKeys"][0] == {
        "keyData": "ssh-ed25519 AAAA",
        "path": "/home/azureuser/.ssh/authorized_keys",
    }
    assert profile["storageProfile"]["imageReference"]["version"] == "latest"


def test_an_image_that_is_not_known_yet_is_taken_as_one_of_a_gallery(declare: Any) -> None:
    program = lambda: ScaleSet("web", replace(ARGS, image=pulumi.Output.from_input(IMAGE)))  # noqa: E731
    [found] = declare(program).of("compute:VirtualMachineScaleSet")
    assert found["virtualMachineProfile"]["storageProfile"]["imageReference"] == {"id": IMAGE}


def test_parts_can_be_merged_into_a_scale_set_of_ones_own(declare: Any) -> None:
    def program() -> None:
        parts = policy_parts(UPGRADES, windows=True)
        compute.VirtualMachineScaleSet(
            "own",
            resource_group_name="web",
            upgrade_policy=parts.upgrade_policy,
            virtual_machine_profile=compute.VirtualMachineScaleSetVMProfileArgs(
                extension_profile=compute.VirtualMachineScaleSetExtensionProfileArgs(
                    extensions=[parts.health_extension]
                ),
                scheduled_events_profile=parts.scheduled_events_profile,
                os_profile=compute.VirtualMachineScaleSetOSProfileArgs(
                    windows_configuration=parts.windows_configuration
                ),
            ),
        )

    [found] = declare(program).of("compute:VirtualMachineScaleSet")
    assert found["upgradePolicy"] == parse(POLICY).body()
    assert found["virtualMachineProfile"]["osProfile"]["windowsConfiguration"] == {"enableAutomaticUpdates": False}


def test_windows_update_is_left_alone_where_azure_does_not_roll_by_itself() -> None:
    assert policy_parts(ScaleSetUpgrades({"mode": "Manual"}), windows=True).windows_configuration is None
    assert policy_parts(UPGRADES, windows=False).windows_configuration is None


FLEXIBLE = replace(ARGS, orchestration_mode="Flexible")
SURGE = {**POLICY, "rolling_upgrade_policy": {"max_surge": True}}


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (replace(ARGS, upgrades=ScaleSetUpgrades(POLICY)), "health: None leaves nobody to say .*rule health-source"),
        (
            replace(FLEXIBLE, upgrades=ScaleSetUpgrades(SURGE, health_extension=HTTP)),
            "max_surge: true does not go with automatic OS upgrades.*rule surge-flexible",
        ),
        (
            replace(FLEXIBLE, upgrades=ScaleSetUpgrades(POLICY, health_probe_id=f"{NETWORK}/loadBalancers/a/probes/b")),
            "rule flexible-health",
        ),
        (
            replace(
                ARGS,
                extensions=[compute.VirtualMachineScaleSetExtensionArgs(name="a", provision_after_extensions=["b"])],
            ),
            r"\[a\].provisionAfterExtensions: 'b' is no extension.*rule extension-order",
        ),
    ],
)
def test_what_azure_would_refuse_is_refused_before_anything_is_made(args: ScaleSetArgs, text: str) -> None:
    with pytest.raises(pulumi.RunError, match=text):
        ScaleSet("web", args)


def test_what_azure_would_take_all_the_same_is_a_warning(declare: Any, mocker: Any) -> None:
    warned = mocker.patch("pulumi.log.warn")
    made(declare, replace(ARGS, capacity=2))
    [call] = warned.call_args_list
    assert "(rule small-scale-set, " in call.args[0]


def test_what_is_declared_wrongly_is_refused_where_it_is_written() -> None:
    with pytest.raises(InvalidDeclaration, match=r"health: 'extension, probe_id' names both sources"):
        ScaleSetUpgrades(POLICY, health_extension=HTTP, health_probe_id="x")
    with pytest.raises(InvalidDeclaration, match=r"max_batch_instance_percent: 3 is no whole number from 5 to 100"):
        ScaleSetUpgrades({"mode": "Rolling", "rolling_upgrade_policy": {"max_batch_instance_percent": 3}})
    with pytest.raises(InvalidDeclaration, match=r"os_image_notification.not_before_timeout: 'PT5M' is not PT15M"):
        ScaleSetUpgrades(POLICY, os_image_notification={"enable": True, "not_before_timeout": "PT5M"})
    with pytest.raises(ValueError, match="admin_password: None is missing, and Windows needs it"):
        replace(ARGS, admin_password=None)
    with pytest.raises(ValueError, match="orchestration_mode: 'Uniformed' is not known"):
        replace(ARGS, orchestration_mode="Uniformed")


WINDOW = {"start": "2026-12-05 22:00", "recur_every": "Week Saturday,Sunday", "time_zone": "W. Europe Standard Time"}


def test_a_maintenance_window_is_made_and_assigned_to_each_scale_set(declare: Any) -> None:
    args = OSImageMaintenanceArgs("web", "os-images", "westeurope", WINDOW, {"a": ScaleSetRef("web", "a")})
    found = declare(lambda: OSImageMaintenance("window", args))
    [configuration] = found.of("maintenance:MaintenanceConfiguration")
    assert configuration["maintenanceScope"] == "OSImage"
    assert (configuration["duration"], configuration["recurEvery"]) == ("05:00", "Week Saturday,Sunday")
    [assignment] = found.of("maintenance:ConfigurationAssignment")
    assert assignment["resourceName"] == "a" and assignment["resourceType"] == "virtualMachineScaleSets"
    assert assignment["maintenanceConfigurationId"] == "id of window"


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"duration": "PT4H59M"}, r"window.duration: 'PT4H59M' is out of range: PT5H to PT24H .*; write PT5H or more"),
        ({"duration": "04:59"}, "window.duration: '04:59' is out of range"),
        ({"recur_every": "8Days"}, "window.recur_every: '8Days' recurs after more than a week"),
        ({"recur_every": "2Weeks Monday"}, "window.recur_every: '2Weeks Monday' recurs after more than a week"),
        ({"recur_every": "Month day1"}, "window.recur_every: 'Month day1' recurs after more than a week"),
        ({"recur_every": "Week Caturday"}, "has 'Caturday', which is no day of the week"),
        ({"recur_every": "often"}, "window.recur_every: 'often' is no recurrence"),
        ({"time_zone": "Europe/Berlin"}, "is an IANA name, and .*; write W. Europe Standard Time"),
        ({"time_zone": "Moon"}, "window.time_zone: 'Moon' is no time zone"),
        ({"start": "2026-02-30 22:00"}, "window.start: '2026-02-30 22:00' is no date and time, or one that does not"),
        ({"start": None}, "window.start: None is missing"),
    ],
)
def test_a_window_that_azure_would_not_take_is_refused(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidDeclaration, match=text):
        OSImageMaintenanceArgs("web", "os-images", "westeurope", {**WINDOW, **wrong}, {})


@pytest.mark.parametrize("near", [{"duration": "05:00"}, {"recur_every": "7Days"}, {"recur_every": "Week"}])
def test_a_window_that_it_just_takes_is_taken(near: dict[str, Any]) -> None:
    taken = OSImageMaintenanceArgs("web", "os-images", "westeurope", {**WINDOW, **near}, {})
    assert taken.window.items() >= near.items()
