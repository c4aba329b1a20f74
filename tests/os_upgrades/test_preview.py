"""A preview reads the scale set and what it depends on from the emulator: what would be done, and what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.keyvault import vaults
from rollout.errors import Conflict
from simulation.virtual_time import virtually
from tests.emulator.arm_client import GROUP
from tests.emulator.compute.sets import BALANCER, HEALTH, IMAGE, PROBE, script
from tests.os_upgrades.emulated import Scene

EXTENSION = {"extension": {"protocol": "http", "port": 80, "request_path": "/health"}}
AUTOMATIC = {"mode": "Rolling", "automatic_os_upgrade_policy": {"enable_automatic_os_upgrade": True}}
GOOD: dict[str, Any] = {"upgrade_policy": AUTOMATIC, "health": EXTENSION, "update_instances": True}


def test_a_good_declaration_has_a_plan_and_nothing_else() -> None:
    async def story() -> None:
        made = await Scene().begin()
        seen = await made.preview(GOOD)
        assert (seen.errors, seen.warnings, seen.lacks) == ((), (), ())
        assert seen.plan == {
            "upgradePolicy.mode": "Manual -> Rolling",
            "upgradePolicy.automaticOSUpgradePolicy.enableAutomaticOSUpgrade": "false -> true",
            "extensions.HealthExtension": "none -> ApplicationHealthLinux 2.0 (protocol http, port 80, requestPath "
            "/health, intervalInSeconds 5, numberOfProbes 1)",
            "instances": "5 of 5 to be brought to the latest model",
        }
        seen = await made.preview({**GOOD, "update_instances": False})
        assert seen.errors == () and "(rule health-first, " in seen.warnings[0]
        assert made.writes() == []

    virtually(story())


def test_versions_of_the_gallery_are_judged_by_region_and_exclusion() -> None:
    async def story() -> None:
        made = await Scene().begin(extensions=[HEALTH])
        made.publish("1.1.0", regions=("northeurope",))
        seen = await made.preview({"upgrade_policy": AUTOMATIC})
        assert seen.errors == ()
        [warning] = seen.warnings
        assert "'1.1.0' is the newest version of web and is not replicated to westeurope" in warning
        made.publish("1.0.0", exclude=True)
        [error] = (await made.preview({"upgrade_policy": AUTOMATIC})).errors
        assert error.rule == "image-in-region"

    virtually(story())


def test_the_probe_is_looked_up_in_its_load_balancer() -> None:
    async def story() -> None:
        made = Scene()
        made.balancer()
        await made.begin()
        good = {"upgrade_policy": AUTOMATIC, "health": {"probe_id": PROBE}}
        assert (await made.preview(good)).errors == ()
        [error] = (await made.preview({**good, "health": {"probe_id": f"{BALANCER}/probes/other"}})).errors
        assert error.rule == "probe-exists" and "name one of health" in error.remedy

    virtually(story())


def test_a_secret_that_is_gone_is_an_error_and_one_that_may_not_be_read_a_warning() -> None:
    async def story() -> None:
        made = Scene()
        vault = vaults.add(made.world, GROUP, "web-kv", {"settings": "x"})
        uri = "https://web-kv.vault.azure.net/secrets/{}"
        for name in ("settings", "gone"):
            from_vault = {"secretUrl": uri.format(name), "sourceVault": {"id": vault.id}}
            one = script("script")
            one["properties"]["protectedSettingsFromKeyVault"] = from_vault
            if name == "settings":
                await made.begin(extensions=[HEALTH])
            extensions = {"extensionProfile": {"extensions": [HEALTH, one]}}
            made.world.resources[made.scale_set.id.lower()].body["properties"]["virtualMachineProfile"] |= extensions
            errors = (await made.preview({"upgrade_policy": AUTOMATIC})).errors
            assert [each.rule for each in errors] == ([] if name == "settings" else ["secret-expired"])

    virtually(story())


def test_max_surge_is_judged_by_quota_and_addresses() -> None:
    async def story() -> None:
        surge = {**AUTOMATIC, "rolling_upgrade_policy": {"max_surge": True}}
        policy = surge["automatic_os_upgrade_policy"] | {"use_rolling_upgrade_policy": True}
        inputs = {"upgrade_policy": {**surge, "automatic_os_upgrade_policy": policy}}
        made = await Scene().begin(extensions=[HEALTH])
        assert (await made.preview(inputs)).warnings == ()
        made.world.sections["settings"]["quota"] = {"standardDSv5Family": 11}
        [warning] = (await made.preview(inputs)).warnings
        assert "max_surge: true needs 2 cores of standardDSv5Family for a batch of 1, and 1 are free" in warning

    virtually(story())


def test_what_may_not_be_read_is_told_and_not_judged() -> None:
    async def story() -> None:
        made = await Scene().begin(extensions=[HEALTH])
        rule = {"id": "no", "method": "GET", "path": "/galleries/", "effect": {"type": "status", "status": 403}}
        made.fault(rule)
        seen = await made.preview({"upgrade_policy": AUTOMATIC})
        assert seen.errors == ()
        assert seen.warnings[0].startswith("not checked, because it could not be read: the versions of the image: ")

    virtually(story())


def test_an_image_of_another_kind_replaces_the_whole_reference() -> None:
    async def story() -> None:
        made = await Scene().begin(extensions=[HEALTH])
        seen = await made.preview({"image": "Canonical:0001-com-ubuntu-server-jammy:22_04-LTS-Gen2"})
        assert seen.plan["virtualMachineProfile.storageProfile.imageReference"] == (
            f"{IMAGE} -> Canonical:0001-com-ubuntu-server-jammy:22_04-LTS-Gen2:latest"
        )

    virtually(story())


def test_the_durability_of_a_node_type_is_compared_with_its_clusters() -> None:
    async def story() -> None:
        made = Scene()
        name = f"{GROUP}/providers/Microsoft.ServiceFabric/clusters/fabric"
        node_types = [{"name": "web", "durabilityLevel": "Gold"}]
        body = {"location": "westeurope", "properties": {"nodeTypes": node_types}}
        cluster = made.put(name, body, version="2021-06-01").body
        settings = {"nodeTypeRef": "web", "clusterEndpoint": cluster["properties"]["clusterEndpoint"]}
        kind = {"publisher": "Microsoft.Azure.ServiceFabric", "type": "ServiceFabricLinuxNode"}
        properties = {**kind, "typeHandlerVersion": "1.1", "settings": {**settings, "durabilityLevel": "Silver"}}
        await made.begin(extensions=[{"name": "fabric", "properties": properties}])
        policy = {"mode": "Manual", "automatic_os_upgrade_policy": {"enable_automatic_os_upgrade": True}}
        [error] = (await made.preview({"upgrade_policy": policy})).errors
        assert (error.rule, error.value) == ("service-fabric-same-durability", "Silver")
        with pytest.raises(Conflict, match="Durability Mismatch Detected for NodeType web"):
            await made.adopt({"upgrade_policy": policy}, {})  # Azure finds the same
        node_types[0]["durabilityLevel"] = "Silver"
        made.put(name, body, version="2021-06-01")
        assert (await made.preview({"upgrade_policy": policy})).errors == ()
        await made.adopt({"upgrade_policy": policy}, {})

    virtually(story())
