"""A scale set with load balancer and maintenance window under the real Pulumi CLI: made, upgraded by the emulated
platform behind the program's back, found unchanged by a refresh all the same, and destroyed."""

from __future__ import annotations

from pathlib import Path
from threading import Event

from emulator.compute import scale_set_instances
from emulator.world import World
from tests.support.emulator import as_deployer, served
from tests.support.pulumi_cli import cli

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/avd"
PROGRAM = f"""
import pulumi
from pulumi_azure_native import network
from components import *

probe = network.ProbeArgs(name="health", protocol="Tcp", port=80, interval_in_seconds=5, number_of_probes=2)
balancer = network.LoadBalancer(
    "balancer",
    resource_group_name="avd",
    load_balancer_name="app-lb",
    location="westeurope",
    sku=network.LoadBalancerSkuArgs(name="Standard"),
    probes=[probe],
)
upgrades = ScaleSetUpgrades(
    upgrade_policy={{"mode": "Manual", "automatic_os_upgrade_policy": {{"enable_automatic_os_upgrade": True}}}},
    health_probe_id=balancer.probes[0].id,
)
app = ScaleSet(
    "app",
    ScaleSetArgs(
        "avd",
        "app",
        "westeurope",
        "Standard_D2s_v5",
        4,
        windows=False,
        image="{GROUP}/providers/Microsoft.Compute/galleries/images/images/web",
        subnet_id="{GROUP}/providers/Microsoft.Network/virtualNetworks/web-vnet/subnets/web",
        admin_username="azureuser",
        admin_password=pulumi.Config().require_secret("password"),
        upgrades=upgrades,
        data_disk_sizes_gb=[64],
    ),
)
window = {{"start": "2026-01-01 00:00", "recur_every": "Day", "time_zone": "UTC", "duration": "PT23H"}}
OSImageMaintenance(
    "always",
    OSImageMaintenanceArgs("avd", "always", "westeurope", window, {{"app": ScaleSetRef("avd", app.scale_set_name)}}),
)
pulumi.export("id", app.scale_set_id)
"""
SET = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/app"


def _images(world: World) -> list[str | None]:
    return [scale_set_instances.image_of(each) for each in world.under(SET, scale_set_instances.TYPE)]


def test_a_scale_set_lives_under_pulumi_and_upgrades_itself(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.mkdir()
    (program / "Pulumi.yaml").write_text("name: sets\nruntime: python\n")
    (program / "__main__.py").write_text(PROGRAM)
    with served(tmp_path / "emulator", name="scale-set", speed=3000.0, instances=1, versions="1.0.1@2000") as server:
        pulumi = cli(program, as_deployer(server), tmp_path / "backend")
        pulumi("stack", "init", "test")
        pulumi("config", "set", "--secret", "password", "Secret-Pass-1")
        pulumi("up", "--yes", "--skip-preview")
        world = server.server.emulator.world
        for _ in range(300):
            if set(_images(world)) == {"1.0.1"}:
                break
            Event().wait(0.1)
        assert _images(world) == ["1.0.1"] * 4
        pulumi("preview", "--refresh", "--expect-no-changes")
        pulumi("destroy", "--yes", "--skip-preview")
        assert world.get(SET) is None
