"""`ScaleSetUpgradePolicy` under the real Pulumi CLI, against an emulator over HTTPS: a story of one stack."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from emulator.server import Running
from emulator.wire import Request
from simulation.in_process import principal_named
from tests.providers.emulated import requests_of, served_pool, writes
from tests.support.emulator import as_deployer
from tests.support.pools import DEFINITION, GROUP
from tests.support.pulumi_cli import Cli, cli

PROGRAM = """
import json
import pulumi
from components import (
    OSImageMaintenance, OSImageMaintenanceArgs, ScaleSet, ScaleSetArgs, ScaleSetRef, ScaleSetUpgrades
)
from providers.scale_set_upgrade_policy import ScaleSetUpgradePolicy

with open("inputs.json") as file:
    given = json.load(file)
if "whole" in given:
    upgrades = ScaleSetUpgrades(**given["upgrades"])
    api = ScaleSet("api", ScaleSetArgs(**given["whole"], upgrades=upgrades))
    OSImageMaintenance("nights", OSImageMaintenanceArgs(
        given["whole"]["resource_group_name"], "nights", "westeurope", given["window"],
        {"api": ScaleSetRef(given["whole"]["resource_group_name"], api.scale_set_name)},
    ))
    ScaleSetUpgradePolicy("hooks", {"scale_set_id": api.scale_set_id, "lifecycle_hooks": given["hooks"]})
if "policy" in given:
    policy = ScaleSetUpgradePolicy("web", given["policy"])
    pulumi.export("summary", policy.summary)
"""
SET = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/web"
SUBNET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/avd-vnet/subnets/hosts"
POLICY = {
    "mode": "Manual",
    "automatic_os_upgrade_policy": {"enable_automatic_os_upgrade": True, "use_rolling_upgrade_policy": True},
    "rolling_upgrade_policy": {"max_batch_instance_percent": 50, "max_unhealthy_instance_percent": 50},
}
HEALTH = {"extension": {"protocol": "http", "port": 80, "request_path": "/health", "states": "binary"}}


def ask(server: Running, method: str, path: str, body: Any = None, version: str = "2026-04-01") -> Any:
    """One ARM request as the deployer."""
    principal = principal_named(server.emulator, "deployer")
    return server.emulator.handle(Request(method, path, {"api-version": version}, body=body, principal=principal))


def scale_set(server: Running) -> dict[str, Any]:
    found: dict[str, Any] = ask(server, "GET", SET).body
    return found


def make_scale_set(server: Running) -> None:
    """Two Windows instances of the gallery image, policy Manual, Windows Update on, no source of health."""
    nic = {
        "name": "nic",
        "properties": {
            "primary": True,
            "ipConfigurations": [{"name": "ip", "properties": {"subnet": {"id": SUBNET}}}],
        },
    }
    disk = {"createOption": "FromImage", "managedDisk": {"storageAccountType": "Premium_LRS"}}
    profile = {
        "osProfile": {"computerNamePrefix": "web", "adminUsername": "azureuser", "adminPassword": "Secret-Pass-1"},
        "storageProfile": {"imageReference": {"id": DEFINITION}, "osDisk": disk},
        "networkProfile": {"networkInterfaceConfigurations": [nic]},
    }
    properties = {"upgradePolicy": {"mode": "Manual"}, "virtualMachineProfile": profile}
    sku = {"name": "Standard_D2s_v5", "capacity": 2}
    answer = ask(server, "PUT", SET, {"location": "westeurope", "sku": sku, "properties": properties})
    assert answer.status == 201, answer.body
    deadline = time.monotonic() + 60
    while scale_set(server)["properties"]["provisioningState"] != "Succeeded":
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with served_pool(tmp_path_factory.mktemp("emulator"), hosts=1, users=0, throttling=False) as running:
        make_scale_set(running)
        yield running


@pytest.fixture(scope="module")
def pulumi(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    folder = tmp_path_factory.mktemp("program")
    (folder / "Pulumi.yaml").write_text("name: scalesets\nruntime: python\n")
    (folder / "__main__.py").write_text(PROGRAM)
    run = cli(folder, as_deployer(server), tmp_path_factory.mktemp("backend"))
    run("stack", "init", "test")
    return run


def declare(pulumi: Cli, **inputs: Any) -> None:
    given = {"scale_set_id": SET, "upgrade_policy": POLICY, **inputs}
    (pulumi.program / "inputs.json").write_text(json.dumps({"policy": given}))


def outputs(pulumi: Cli) -> dict[str, Any]:
    [item] = [item for item in pulumi.state() if item["type"].endswith("avd:ScaleSetUpgradePolicy")]
    return dict(item["outputs"])


def test_from_the_first_preview_to_destroy(pulumi: Cli, server: Running) -> None:
    before = scale_set(server)["properties"]

    declare(pulumi)
    number = requests_of(server)[-1]["n"]
    shown = pulumi("preview", exit_code=1)
    assert "health: None leaves nobody to say whether an upgraded instance is healthy" in shown
    assert "(rule health-source, learn.microsoft.com/azure/virtual-machine-scale-sets/" in shown
    assert "enableAutomaticUpdates: true has Windows Update change the disks" in shown
    assert "Traceback" not in shown

    declare(pulumi, health=HEALTH, windows_automatic_updates=False, update_instances=True)
    shown = pulumi("preview", "--diff")
    assert "2 of 2 to be brought to the latest model" in shown
    assert "true -> false" in shown and "none -> ApplicationHealthWindows 1.0" in shown
    assert writes(server, number) == []

    pulumi("up", "--yes", "--skip-preview")
    made = outputs(pulumi)
    assert made["summary"] == "scale set web: 6 settings changed, 2 of 2 instances have the latest model"
    assert made["instances"] == {"total": 2, "behind": []}
    assert made["found"]["extensions.HealthExtension"] is None
    assert scale_set(server)["properties"]["upgradePolicy"]["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"]

    changed = {"upgradePolicy": {"rollingUpgradePolicy": {"maxBatchInstancePercent": 30}}}
    assert ask(server, "PATCH", SET, {"properties": changed}).status == 200
    pulumi("refresh", "--yes")
    assert outputs(pulumi)["settings"]["upgradePolicy.rollingUpgradePolicy.maxBatchInstancePercent"] == 30
    pulumi("up", "--yes", "--skip-preview")
    assert scale_set(server)["properties"]["upgradePolicy"]["rollingUpgradePolicy"]["maxBatchInstancePercent"] == 50

    pulumi("destroy", "--yes", "--skip-preview")
    after = scale_set(server)
    assert (
        after["properties"]["upgradePolicy"]["rollingUpgradePolicy"] == before["upgradePolicy"]["rollingUpgradePolicy"]
    )
    assert not after["properties"]["upgradePolicy"]["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"]
    profile = after["properties"]["virtualMachineProfile"]
    assert profile["osProfile"]["windowsConfiguration"]["enableAutomaticUpdates"] is True
    assert profile["extensionProfile"]["extensions"] == []
    assert after["tags"] == {}


API = SET.replace("/web", "/api")
WHOLE = {
    "resource_group_name": GROUP.rpartition("/")[2],
    "scale_set_name": "api",
    "location": "westeurope",
    "vm_size": "Standard_D2s_v5",
    "capacity": 1,
    "windows": True,
    "image": DEFINITION,
    "subnet_id": SUBNET,
    "admin_username": "azureuser",
    "admin_password": "Secret-Pass-1",
    "data_disk_sizes_gb": [64],
}
ROLLED = {
    "mode": "Rolling",
    "automatic_os_upgrade_policy": {"enable_automatic_os_upgrade": True, "use_rolling_upgrade_policy": True},
    "rolling_upgrade_policy": {"max_batch_instance_percent": 100, "max_unhealthy_instance_percent": 100},
}
WINDOW = {"start": "2026-12-05 22:00", "recur_every": "Week Saturday", "time_zone": "W. Europe Standard Time"}
HOOKS = [{"type": "UpgradeAutoOSScheduling", "wait_duration": "PT8H"}]


def test_a_whole_scale_set_with_a_window_and_lifecycle_hooks(pulumi: Cli, server: Running) -> None:
    upgrades = {"upgrade_policy": ROLLED, "health_extension": HEALTH["extension"]}
    whole = {"whole": WHOLE, "upgrades": upgrades, "window": WINDOW, "hooks": HOOKS}
    (pulumi.program / "inputs.json").write_text(json.dumps(whole))
    pulumi("up", "--yes", "--skip-preview")
    properties = ask(server, "GET", API).body["properties"]
    assert properties["upgradePolicy"]["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"] is True
    assert properties["virtualMachineProfile"]["osProfile"]["windowsConfiguration"]["enableAutomaticUpdates"] is False
    assert properties["lifecycleHooksProfile"]["lifecycleHooks"] == [{**HOOK}]
    assigned = ask(server, "GET", f"{API}/providers/Microsoft.Maintenance/configurationAssignments", None, MAINTENANCE)
    assert [each["name"] for each in assigned.body["value"]] == ["nights-api"]
    number = requests_of(server)[-1]["n"]
    assert "unchanged" in pulumi("up", "--yes", "--skip-preview")
    assert writes(server, number) == []

    pulumi("destroy", "--yes", "--skip-preview")
    assert ask(server, "GET", API).status == 404


HOOK = {"type": "UpgradeAutoOSScheduling", "waitDuration": "PT8H"}
MAINTENANCE = "2023-10-01-preview"
