"""The rights of an upgrade: the table names exactly what the engine's calls are checked for, and a missing one is known
before."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from os_upgrades.image_upgrade import UpgradeLeft
from os_upgrades.upgrade_actions import missing
from os_upgrades.upgrade_declaration import parse
from os_upgrades.upgrade_look import UpgradeAzure, look
from os_upgrades.upgrade_rights import APPROVE, CANCEL, IMAGE, PERMISSIONS_READ, SCALE_SET, START
from rollout.clock import Clock
from rollout.errors import Forbidden
from simulation.emulated_pool import GROUP
from simulation.process import Process
from simulation.scale_set import AUTOMATIC, SET, EmulatedScaleSet, emulated_scale_set
from simulation.virtual_time import virtually

UPDATER = "e0000000-0000-4000-8000-00000000000a"
INSTANCE_VIEW = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/instanceView/read"
ROLE = "00000000-0000-4000-8000-00000000beef"
DEFERRED = {**AUTOMATIC, "osRollingUpgradeDeferral": True}


def grant(made: EmulatedScaleSet, actions: tuple[str, ...]) -> None:
    """The updater has these actions at the group, and no other."""
    subscription = "/".join(GROUP.split("/")[:3])
    role = f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{ROLE}"
    permissions = [{"actions": list(actions), "notActions": []}]
    body = {"roleName": "upgrade", "type": "CustomRole", "permissions": permissions, "assignableScopes": [GROUP]}
    answer = made.ask("PUT", role, {"properties": body}, "2022-04-01")
    assert answer.status in (200, 201), answer.body
    assignment = f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/{ROLE}"
    given = {"roleDefinitionId": role, "principalId": UPDATER, "principalType": "ServicePrincipal"}
    answer = made.ask("PUT", assignment, {"properties": given}, "2022-04-01")
    assert answer.status in (200, 201), answer.body


def used(made: EmulatedScaleSet) -> set[str]:
    """The actions that the updater's calls were checked for."""
    calls = made.control("GET", "requests")["requests"]
    return {call["action"] for call in calls if call["principal"] == "e0000000-0000-4000-8000-000000000001"} - {
        None,
        "",
    }


def test_the_table_names_exactly_what_is_used() -> None:
    async def story() -> None:
        made = await emulated_scale_set()
        grant(made, (*SCALE_SET, *IMAGE))
        made.publish("1.0.1")
        halt = asyncio.Event()
        asyncio.get_running_loop().call_later(100.0, halt.set)
        with pytest.raises(UpgradeLeft):
            await made.upgrade(principal="updater", halt=halt, when_stopped="cancel")
        await made.clock.sleep(3600)
        deferral = {"upgradePolicy": {"automaticOSUpgradePolicy": DEFERRED}}
        assert made.ask("PATCH", SET, {"properties": deferral}).status == 200
        await made.clock.sleep(600)
        done = await made.upgrade(principal="updater", approve="all", start="now")
        assert done.status == "complete"
        # The emulator, as Azure may, does not ask for instanceView/read where instances are listed.
        listed = {*SCALE_SET, *IMAGE} - {INSTANCE_VIEW}
        assert listed <= used(made) <= {*SCALE_SET, *IMAGE}

    virtually(story())


@pytest.mark.parametrize(
    ("inputs", "lacking"),
    [
        ({}, START),
        ({"start": "never", "when_stopped": "cancel"}, CANCEL),
        ({"start": "never", "approve": "all"}, APPROVE),
    ],
)
def test_a_missing_action_is_named_before_anything_is_begun(inputs: dict[str, Any], lacking: str) -> None:
    async def story() -> None:
        made = await emulated_scale_set(automatic=DEFERRED if "approve" in inputs else None)
        others = tuple(action for action in (*SCALE_SET, *IMAGE) if action != lacking)
        grant(made, (*others, PERMISSIONS_READ))
        made.publish("1.0.1")

        async def asked(azure: UpgradeAzure, clock: Clock) -> str:
            declared = parse({"scale_set_id": SET, **inputs})
            return await missing(azure, declared, await look(azure, SET))

        said = await made.with_azure(asked, Process("asks"), "updater")
        assert said == f"scale_set_id: {SET!r}: the role lacks {lacking} there; add it to the updater's role"
        if lacking == START:
            with pytest.raises(Forbidden, match="osRollingUpgrade/action"):
                await made.upgrade(principal="updater")

    virtually(story())
