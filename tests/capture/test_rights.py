"""Least privilege: with exactly the role's actions captures work, each is used, and a missing one is foretold."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from capture import prechecks, retention
from capture.actions import ACTIONS, OWN_READS, Holds
from capture.declaration import parse
from capture.errors import CaptureFailed
from components.capture_role_actions import CAPTURE_ACTIONS, CapturePurpose
from components.update_role_actions import ACTIONS as UPDATE_ACTIONS
from components.update_role_actions import DATA_ACTIONS, Purpose
from emulator.app import Emulator
from emulator.world import World
from simulation.emulated_pool import GROUP, SUBSCRIPTION
from simulation.golden_vm import GOLDEN, INPUTS, GoldenVm, golden_vm
from simulation.in_process import in_process_cloud, principal_named
from simulation.virtual_time import EPOCH, virtually

CLONES = f"{GROUP}-clones"
SUBNET = f"{GROUP}-network/providers/Microsoft.Network/virtualNetworks/avd-vnet/subnets/build"
SECRET = "https://localhost/keyvault/avd-kv/secrets/local-admin-name"
SCOPES: dict[CapturePurpose | Purpose, str] = {
    CapturePurpose.GOLDEN: GROUP,
    CapturePurpose.CLONE: CLONES,
    CapturePurpose.VERSIONS: f"{GROUP}-images",
    Purpose.NETWORK: f"{GROUP}-network",
    Purpose.SECRETS: f"{GROUP}/providers/Microsoft.KeyVault/vaults/avd-kv",
}
GRANTED: dict[str, tuple[str, ...]] = {
    **{str(purpose): actions for purpose, actions in CAPTURE_ACTIONS.items() if purpose != CapturePurpose.RETENTION},
    str(Purpose.NETWORK): tuple(a for a in UPDATE_ACTIONS[Purpose.NETWORK] if "SecurityGroups" not in a),
}
UPDATE = {"name": "office", "script": ["exit 0"], "restart": True, "secrets": {"Name": SECRET}}
DECLARED: dict[str, Any] = {
    "clone": {"resource_group_id": CLONES, "subnet_id": SUBNET},
    "updates": [UPDATE],
    "boot_test": {"script": ["exit 0"]},
}


def grant(
    made: GoldenVm, granted: Mapping[str, tuple[str, ...]], scopes: Mapping[CapturePurpose | Purpose, str] | None = None
) -> None:
    updater = principal_named(made.emulator, "updater")
    for number, (purpose, scope) in enumerate((scopes or SCOPES).items()):
        role = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/88888888-0000-4000-8000-{number:012}"
        permission = {
            "actions": list(granted.get(str(purpose), ())),
            "dataActions": list(DATA_ACTIONS.get(purpose, ())) if isinstance(purpose, Purpose) else [],
        }
        definition = {"roleName": f"capture ({purpose})", "type": "CustomRole", "permissions": [permission]}
        put(made, role, {**definition, "assignableScopes": [scope]})
        assignment = {"roleDefinitionId": role, "principalId": updater.object_id, "principalType": "ServicePrincipal"}
        put(made, f"{scope}/providers/Microsoft.Authorization/roleAssignments/{role[-36:]}", assignment)


def put(made: GoldenVm, path: str, properties: dict[str, Any]) -> None:
    answer = made.ask("PUT", path, {"properties": properties}, "2022-04-01")
    assert answer.status in (200, 201), answer.body


async def apart() -> GoldenVm:
    """Golden VM, clone, network and images in groups of their own."""
    made = await golden_vm(apart=True)
    made.ask("PUT", CLONES, {"location": "westeurope"}, "2021-04-01")
    return made


def checked(made: GoldenVm) -> Iterator[tuple[str, str]]:
    """(purpose, action) of each right that was checked for the updater."""
    client = principal_named(made.emulator, "updater").client_id
    for request in made.control("GET", "requests")["requests"]:
        if request["principal"] == client:
            linked = [tuple(each.split(" on ")) for each in request.get("linked", ())]
            for action, path in [(request["action"], request["path"]), *linked]:
                fitting = [(len(s), p) for p, s in SCOPES.items() if f"{path}/".lower().startswith(f"{s}/".lower())]
                if action and fitting:
                    yield str(max(fitting)[1]), action


def test_the_role_is_what_the_engine_says_that_it_uses() -> None:
    same = {Holds.GOLDEN: "golden", Holds.CLONE: "clone", Holds.VERSIONS: "versions", Holds.SUBNET: "network"}
    for holds, purpose in same.items():
        assert set(GRANTED[purpose]) == {*ACTIONS[holds], *OWN_READS[holds]}, purpose


def test_with_exactly_these_rights_captures_work_and_each_is_used() -> None:
    async def story() -> set[tuple[str, str]]:
        made = await apart()
        grant(made, GRANTED)
        await made.capture(principal="updater", **DECLARED)
        with pytest.raises(CaptureFailed, match="exit code 1"):
            failing = {**UPDATE, "name": "broken", "script": ["exit 1"]}
            await made.capture(principal="updater", **{**DECLARED, "version": "1.0.3", "updates": [failing]})
        # Windows waits for a restart on the clone, and a snapshot and a version fail.
        effect = {"type": "operation", "outcome": "fail", "code": "InternalError"}
        world = made.emulator.world
        rules = [
            {"id": "snapshot", "method": "PUT", "path": "/snapshots/", "nth": [1], "effect": effect},
            {"id": "version", "method": "PUT", "path": "/versions/1.0.4", "nth": [1], "effect": effect},
        ]
        made.control("POST", "faults", {"seed": 1, "rules": rules})
        guest = world.get(GOLDEN)
        assert guest is not None
        disk = world.get(guest.body["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"])
        assert disk is not None
        disk.hidden["content"]["pending_reboot"] = 3
        with pytest.raises(CaptureFailed):
            await made.capture(principal="updater", **{**DECLARED, "version": "1.0.4"})
        refused = [r for r in made.control("GET", "requests")["requests"] if r["status"] == 403]
        assert refused == []
        return set(checked(made))

    used = virtually(story())
    granted = {(purpose, action) for purpose, actions in GRANTED.items() for action in actions}
    assert granted - used == set()
    assert {(p, a) for p, a in used - granted if p != "secrets"} == set()


def test_without_a_right_of_retention_nothing_goes_and_that_is_said() -> None:
    declared = parse({**INPUTS, "image": INPUTS["image"].replace(GROUP, f"{GROUP}-images"), "retention": {}})

    async def unknown(actions: tuple[str, ...]) -> str:
        made = await apart()
        seen = {**GRANTED, "retention": actions}
        grant(made, seen, {**SCOPES, CapturePurpose.RETENTION: SUBSCRIPTION})
        async with in_process_cloud(made.emulator, made.clock, principal="updater") as azure:
            return (await retention.look(azure, declared)).unknown

    actions = CAPTURE_ACTIONS[CapturePurpose.RETENTION]
    assert virtually(unknown(actions)) == ""
    for action in actions[1:]:  # the first one is how that is known
        told = virtually(unknown(tuple(each for each in actions if each != action)))
        assert f"the updater's role lacks {action} at " in told, (action, told)


def test_a_missing_right_is_foretold_by_its_scope_and_name() -> None:
    async def prepared() -> bytes:
        return pickle.dumps((await apart()).emulator.world.export())

    async def missing(saved: bytes, purpose: str, action: str) -> str:
        made = GoldenVm(Emulator(World.of_export(pickle.loads(saved))))
        await made.clock.sleep(made.emulator.world.now - EPOCH)
        grant(made, {**GRANTED, purpose: tuple(a for a in GRANTED[purpose] if a != action)})
        declared = parse({**INPUTS, "image": INPUTS["image"].replace(GROUP, f"{GROUP}-images"), **DECLARED})
        async with in_process_cloud(made.emulator, made.clock, principal="updater") as azure:
            found = prechecks.check(declared, await prechecks.read(azure, declared))
            return " | ".join(str(finding) for finding in found)

    saved, foretold = virtually(prepared()), 0
    reads = {action for actions in OWN_READS.values() for action in actions}
    looked = {
        "virtualMachines/read",
        "instanceView/read",
        "images/read",
        "versions/read",
        "disks/read",
        "networkInterfaces/read",
    }
    for purpose, actions in GRANTED.items():
        for action in actions:
            if action in reads or any(action.endswith(f"/{each}") for each in looked):
                continue  # the look itself is refused then, or knows less
            told = virtually(missing(saved, purpose, action))
            assert f"the role lacks {action} at " in told and told.count("lacks") == 1, (purpose, action, told)
            foretold += 1
    assert foretold > 20
