"""Least privilege: with exactly the role's actions scale sets are taken over and given back, each is used, and one that
is missing is foretold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from components import ScaleSetUpgradeRole, ScaleSetUpgradeRoleArgs
from components.scale_set_role_actions import SCALE_SET_ACTIONS, ScaleSetPurpose
from components.update_role_plan import roles
from emulator.keyvault import vaults
from os_upgrades.actions import ACTIONS, OWN_READS, Holds, needed
from os_upgrades.scale_set import ScaleSet
from os_upgrades.settings import PROBE as PROBE_PATH
from simulation.virtual_time import virtually
from tests.emulator.arm_client import GROUP, GUEST, SCOPE
from tests.emulator.compute.sets import BALANCER, IMAGE, PROBE, SET, script
from tests.os_upgrades.emulated import Scene, declaration
from tests.support.pulumi_mocks import Recorder, run_program

EVERY = frozenset(action for actions in SCALE_SET_ACTIONS.values() for action in actions)
JOINS = frozenset(
    {
        "Microsoft.Network/loadBalancers/inboundNatPools/join/action",
        "Microsoft.Network/networkSecurityGroups/join/action",
        "Microsoft.Network/applicationGateways/backendAddressPools/join/action",
        "Microsoft.Network/applicationSecurityGroups/joinIpConfiguration/action",
    }
)
UNSEEN = JOINS | {"Microsoft.Compute/virtualMachineScaleSets/virtualMachines/instanceView/read"}
"""The emulator's scale sets join subnets and back-end pools only; that Azure checks the last for `$expand` is
unverified."""
RICH = {"extension": {"protocol": "http", "port": 80, "request_path": "/health", "grace_period": 60}}
NUMBERS = {"max_batch_instance_percent": 50, "max_unhealthy_instance_percent": 50, "max_surge": True}
BY_HAND: dict[str, Any] = {
    "upgrade_policy": {
        "mode": "Manual",
        "automatic_os_upgrade_policy": {"enable_automatic_os_upgrade": True},
        "rolling_upgrade_policy": NUMBERS,
    },
    "image": IMAGE,
    "update_instances": True,
}
EXTENSION = {**BY_HAND, "health": RICH}
PROBED = {**BY_HAND, "health": {"probe_id": PROBE}}
POOL = f"{BALANCER}/backendAddressPools/web"


async def scene() -> Scene:
    """A set behind a load balancer, of a pinned version, with an extension that takes its settings from a vault."""
    made = Scene()
    made.balancer()
    vault = vaults.add(made.world, GROUP, "web-kv", {"settings": "x"})
    made.world.get(BALANCER).body["properties"]["backendAddressPools"] = [{"name": "web", "id": POOL, "properties": {}}]  # type: ignore[union-attr]
    await made.begin(2, profile=_profile(f"{IMAGE}/versions/1.0.0"))
    secret = {"secretUrl": "https://web-kv.vault.azure.net/secrets/settings", "sourceVault": {"id": vault.id}}
    one = script("script")
    one["properties"]["protectedSettingsFromKeyVault"] = secret
    model = made.world.resources[SET.lower()].body["properties"]["virtualMachineProfile"]
    model["extensionProfile"] = {"extensions": [one]}
    return made


def _profile(image: str) -> dict[str, Any]:
    subnet = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/vnet/subnets/web"
    address = {"subnet": {"id": subnet}, "loadBalancerBackendAddressPools": [{"id": POOL}]}
    nic = {"name": "nic", "properties": {"primary": True, "ipConfigurations": [{"name": "ip", "properties": address}]}}
    disk = {"createOption": "FromImage", "managedDisk": {"storageAccountType": "Premium_LRS"}}
    storage = {"imageReference": {"id": image}, "osDisk": disk}
    return {"networkProfile": {"networkInterfaceConfigurations": [nic]}, "storageProfile": storage}


def grant(made: Scene, actions: Iterable[str]) -> None:
    """A custom role with these actions for `guest`, at the subscription."""
    role = f"{SCOPE}/providers/Microsoft.Authorization/roleDefinitions/88888888-0000-4000-8000-000000000001"
    permission = {"actions": sorted(actions), "notActions": [], "dataActions": [], "notDataActions": []}
    definition = {"roleName": "scale sets", "type": "CustomRole", "permissions": [permission]}
    put(made, role, {**definition, "assignableScopes": [SCOPE]})
    assignment = {"roleDefinitionId": role, "principalId": GUEST.object_id, "principalType": "ServicePrincipal"}
    put(made, f"{SCOPE}/providers/Microsoft.Authorization/roleAssignments/{role[-36:]}", assignment)


def put(made: Scene, path: str, properties: dict[str, Any]) -> None:
    answer = made.put(path, {"properties": properties}, version="2022-04-01")
    assert answer.status in (200, 201), answer.body


def used(made: Scene) -> set[str]:
    found: set[str] = set()
    requests = made.call("GET", "/emulator/requests", version="").body["requests"]
    for request in (each for each in requests if each["principal"] == GUEST.client_id):
        assert request["status"] != 403, request
        found |= {request["action"], *(each.split(" on ")[0] for each in request.get("linked", ()))}
    return {action for action in found if action}


def test_the_role_is_what_the_engine_says_that_it_uses() -> None:
    assert {str(each) for each in Holds} == {str(each) for each in ScaleSetPurpose}
    for purpose in ScaleSetPurpose:
        holds = Holds(str(purpose))
        assert set(SCALE_SET_ACTIONS[purpose]) == {*ACTIONS[holds], *OWN_READS[holds]}, purpose


def test_with_exactly_these_rights_a_scale_set_is_taken_over_and_given_back_and_each_is_used() -> None:
    async def story() -> set[str]:
        made = await scene()
        grant(made, EVERY)
        seen = await made.preview(EXTENSION, principal="guest")
        assert (seen.lacks, seen.unread, seen.errors) == ((), (), ())
        done = await made.adopt(EXTENSION, {}, principal="guest")
        await made.bring(principal="guest")
        assert (await made.preview(PROBED, principal="guest")).lacks == ()
        done = await made.adopt(PROBED, done.found, principal="guest")
        done = await made.adopt(EXTENSION, done.found, principal="guest")
        await made.release(done.found, principal="guest")
        node_type = {"publisher": "Microsoft.Azure.ServiceFabric", "type": "ServiceFabricLinuxNode", "settings": {}}
        model = made.world.resources[SET.lower()].body["properties"]["virtualMachineProfile"]
        model["extensionProfile"] = {"extensions": [{"name": "fabric", "properties": node_type}]}
        await made.preview(EXTENSION, principal="guest")
        return used(made)

    assert virtually(story()) == EVERY - UNSEEN


LOOKS = frozenset({"Microsoft.Compute/virtualMachineScaleSets/read", "Microsoft.Authorization/permissions/read"})
"""Without the first nothing is known; without the second it is not known what is lacking."""
READS = frozenset(action for actions in OWN_READS.values() for action in actions)
LATER = frozenset({"Microsoft.Compute/virtualMachineScaleSets/extensions/delete"})
"""Used when the scale set is given back."""


def test_a_missing_right_is_foretold_by_its_name_and_scope() -> None:
    async def story() -> dict[str, list[str]]:
        made = await scene()
        told: dict[str, list[str]] = {action: [] for action in EVERY - LOOKS - READS - LATER - UNSEEN}
        for inputs in (EXTENSION, PROBED):
            for action, lines in told.items():
                grant(made, EVERY - {action})
                lines += (await made.preview(inputs, principal="guest")).lacks
            await made.adopt(EXTENSION, {})
        return told

    for action, lines in virtually(story()).items():
        assert lines, action
        assert all(f"the role lacks {action} at /subscriptions/" in line for line in lines), lines
        assert all(line.endswith("; add it to the updater's role there") for line in lines), lines


def test_a_model_that_is_written_whole_joins_all_that_it_names() -> None:
    address = {
        "loadBalancerInboundNatPools": [{"id": f"{BALANCER}/inboundNatPools/ssh"}],
        "applicationGatewayBackendAddressPools": [{"id": "/gateway/pool"}],
        "applicationSecurityGroups": [{"id": "/asg"}],
    }
    nic = {
        "properties": {
            "networkSecurityGroup": {"id": "/nsg"},
            "ipConfigurations": [{"name": "ip", "properties": address}],
        }
    }
    probed = {"networkInterfaceConfigurations": [nic], "healthProbe": {"id": PROBE}}
    model = ScaleSet({"id": SET, "properties": {"virtualMachineProfile": {"networkProfile": probed}}})
    wanted = dict(needed(declaration({"health": RICH}), model, {PROBE_PATH: None}))
    assert {wanted[scope] for scope in ("/nsg", "/gateway/pool", "/asg", f"{BALANCER}/inboundNatPools/ssh")} == JOINS


def test_each_purpose_is_assigned_where_its_resources_are() -> None:
    args = ScaleSetUpgradeRoleArgs(
        principal_id="p",
        scale_set_ids=[SET],
        image_ids=[IMAGE.replace("/rg1/", "/images/")],
        network_ids=[BALANCER.replace("/rg1/", "/network/")],
    )
    found = run_program(lambda: ScaleSetUpgradeRole("role", args), Recorder())
    scopes = {each["scope"] for each in found.of("authorization:RoleAssignment")}
    assert {scope.rpartition("/")[2] for scope in scopes} == {"rg1", "images", "network", SCOPE.rpartition("/")[2]}
    by_name = {each["roleName"]: each["permissions"][0]["actions"] for each in found.of("authorization:RoleDefinition")}
    assert "Microsoft.Compute/virtualMachineScaleSets/write" in by_name["Scale set OS upgrades (scale-sets)"]
    assert by_name["Scale set OS upgrades (scale-set-catalog)"] == sorted(SCALE_SET_ACTIONS[ScaleSetPurpose.CATALOG])
    assert len(roles({ScaleSetPurpose.SCALE_SETS: [SET]}, catalog=False)) == 1
    with pytest.raises(ValueError, match=r"scale_set_ids: \[\] is empty"):
        ScaleSetUpgradeRoleArgs(principal_id="p", scale_set_ids=[])
