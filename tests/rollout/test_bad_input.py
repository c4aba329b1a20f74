"""Whatever is wrong is told before the first host is touched, in the preview where it can be known, in words that name
property or place, value and remedy; and nothing is changed. On the emulator, with the SDK clients, in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from providers import preview
from providers.preview import Look
from rollout import names
from rollout.declaration import Declaration, parse
from rollout.errors import RolloutError
from rollout.lease import Holder
from rollout.prechecks.actions import ACTIONS, OWN_READS
from simulation.in_process import in_process_cloud, principal_named
from simulation.virtual_time import virtually
from tests.support.pools import DEFINITION, GROUP, INPUTS, POOL, SUBSCRIPTION, Bench, bench

Prepare = Callable[[Bench], Awaitable[None]]
AUTHORIZATION_API = "2022-04-01"
GALLERY_API = "2024-03-03"
KEY_VAULT_SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
_BY_ITSELF = ("lastHeartBeat", "lastUpdateTime", "statusTimestamp", "sessionHostHealthCheckResults", "instanceView")


@dataclass(frozen=True)
class Refused:
    """What a user is told of one mistake."""

    preview: Look
    start: str
    """The error of the run."""


async def _nothing(made: Bench) -> None:
    return None


@dataclass(frozen=True)
class Mistake:
    """A pool or a declaration that cannot be used, and what is told of it."""

    told: tuple[str, ...]
    """Parts of the message: property or place, value, remedy."""
    prop: str = ""
    """The input that Pulumi shows the message beside; empty where none is at fault."""
    scenario: Mapping[str, Any] = field(default_factory=dict)
    declares: Mapping[str, Any] = field(default_factory=dict)
    prepare: Prepare = _nothing


# -- what is made wrong


async def _version_elsewhere(made: Bench) -> None:
    """1.0.2 is in the gallery, but not in the hosts' region any more."""
    await _version(made, DEFINITION, "1.0.2")
    profile = _stored(made, f"{DEFINITION}/versions/1.0.2")["properties"]["publishingProfile"]
    profile["targetRegions"] = [{"name": "North Europe", "regionalReplicaCount": 1}]


async def _version_on_its_way(made: Bench) -> None:
    """1.0.2 is begun, and its replica is not there yet."""
    await _version(made, DEFINITION, "1.0.2", wait=60)


def _definition(name: str, *, generation: str = "V2", features: bool = True) -> Prepare:
    """An image definition of its own with the version 1.0.1."""

    async def prepare(made: Bench) -> None:
        definition = f"{DEFINITION.rpartition('/')[0]}/{name}"
        properties = {
            "osType": "Windows",
            "osState": "Generalized",
            "hyperVGeneration": "V2",
            "identifier": {"publisher": "contoso", "offer": "avd", "sku": name},
            "features": [{"name": "SecurityType", "value": "TrustedLaunchSupported"}] if features else [],
        }
        _put(made, definition, {"location": "westeurope", "properties": properties}, GALLERY_API)
        await made.clock.sleep(10)
        await _version(made, definition, "1.0.1")
        _stored(made, definition)["properties"]["hyperVGeneration"] = generation

    return prepare


async def _version(made: Bench, definition: str, number: str, *, wait: float = 3600) -> None:
    """A version made from the scenario's managed image, and so many seconds for it."""
    properties = {
        "publishingProfile": {"targetRegions": [{"name": "westeurope"}]},
        "storageProfile": {"source": {"id": f"{GROUP}/providers/Microsoft.Compute/images/win11-1.0.1"}},
    }
    body = {"location": "westeurope", "properties": properties}
    _put(made, f"{definition}/versions/{number}", body, GALLERY_API)
    await made.clock.sleep(wait)


async def _larger_image(made: Bench) -> None:
    """1.0.1 has a disk of 256 GB; those of the hosts have 127."""
    _stored(made, f"{DEFINITION}/versions/1.0.1")["properties"]["storageProfile"]["osDiskImage"]["sizeInGB"] = 256


def _stored(made: Bench, resource_id: str) -> dict[str, Any]:
    """A resource as the emulator keeps it, to be changed as no call of ARM would do."""
    made.emulator.world.advance(made.clock.now())
    resource = made.emulator.world.get(resource_id)
    assert resource is not None
    return resource.body


async def _hold_the_lease(made: Bench) -> None:
    """Somebody else holds the lease, and renews it."""
    while True:
        holder = Holder("pipeline@runner-7", 4, made.clock.now() + 600)
        _stored(made, POOL)["tags"][names.LEASE] = holder.encode()
        await made.clock.sleep(60)


def _put(made: Bench, resource_id: str, body: dict[str, Any], api_version: str) -> None:
    answer = made.ask("PUT", resource_id, body, api_version)
    assert answer.status in (200, 201, 202), answer.body


def _role(*, without: tuple[str, ...] = (), scopes: tuple[str, ...] = (GROUP,)) -> Prepare:
    """The updater's custom role, less some actions, assigned at some scopes; and its right to read secrets."""

    async def prepare(made: Bench) -> None:
        updater = principal_named(made.emulator, "updater").object_id
        used = {action for actions in (*ACTIONS.values(), *OWN_READS.values()) for action in actions}
        granted = sorted(action for action in used if action not in without)
        definition = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{_guid(1)}"
        permissions = [{"actions": granted, "notActions": [], "dataActions": [], "notDataActions": []}]
        properties = {
            "roleName": "updater",
            "type": "CustomRole",
            "assignableScopes": [SUBSCRIPTION],
            "permissions": permissions,
        }
        _put(made, definition, {"properties": properties}, AUTHORIZATION_API)
        roles = [(scope, definition) for scope in scopes]
        vault = f"{GROUP}/providers/Microsoft.KeyVault/vaults/avd-kv"
        builtin = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{KEY_VAULT_SECRETS_USER}"
        for number, (scope, role) in enumerate([*roles, (vault, builtin)], 2):
            assignment = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{_guid(number)}"
            wanted = {"roleDefinitionId": role, "principalId": updater, "principalType": "ServicePrincipal"}
            _put(made, assignment, {"properties": wanted}, AUTHORIZATION_API)
        await made.clock.sleep(900)  # an assignment takes some minutes to be heeded

    return prepare


def _guid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


# -- what is told


def in_process(monkeypatch: pytest.MonkeyPatch, made: Bench, principal: str) -> None:
    """Previews look at the bench's emulator."""

    @asynccontextmanager
    async def connected(declaration: Declaration) -> AsyncIterator[Any]:
        async with in_process_cloud(made.emulator, made.clock, principal=principal) as cloud:
            yield cloud

    monkeypatch.setattr(preview, "_azure", connected)


async def refusal(made: Bench, monkeypatch: pytest.MonkeyPatch, *, principal: str, **declares: Any) -> Refused:
    """What preview and run tell, once it is certain that neither changed anything."""
    in_process(monkeypatch, made, principal)
    inputs = {name: value for name, value in {**INPUTS, **declares}.items() if value is not None}
    before, number = _lasting(made.control("GET", "state")["resources"]), _last_request(made)
    seen = await preview.look(parse(inputs), complete=True)
    with pytest.raises(RolloutError) as raised:
        await made.roll(principal=principal, **declares)
    after = _lasting(made.control("GET", "state")["resources"])
    assert {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)} <= {POOL.lower()}
    pool, pool_before = after[POOL.lower()], before[POOL.lower()]
    assert {**pool, "tags": _not_ours(pool)} == {**pool_before, "tags": _not_ours(pool_before)}
    requests = made.control("GET", "requests", since=str(number))["requests"]
    assert [f"{r['method']} {r['path']}" for r in requests if r["method"] != "GET"] == []
    return Refused(seen, str(raised.value))


def _not_ours(body: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in (body.get("tags") or {}).items() if name != names.LEASE}


def _last_request(made: Bench) -> int:
    log = made.control("GET", "requests", since="0")["requests"]
    return int(log[-1]["n"])


def _lasting(value: Any) -> Any:
    """A body without what changes by itself."""
    if isinstance(value, dict):
        return {key: _lasting(item) for key, item in value.items() if key not in _BY_ITSELF}
    return [_lasting(item) for item in value] if isinstance(value, list) else value


OTHER_GROUP = f"{SUBSCRIPTION}/resourceGroups/avd-hosts-2"

MISTAKES: dict[str, Mistake] = {
    "personal pool": Mistake(
        (f"host_pool_id: '{POOL}'", "hostPoolType is Personal", "declare a pooled host pool"),
        "host_pool_id",
        scenario={"personal": True, "users": None},
    ),
    "empty pool": Mistake(
        (f"host_pool_id: '{POOL}'", "no session hosts", "add hosts to it first"),
        "host_pool_id",
        scenario={"empty": True},
    ),
    "automated pool": Mistake(
        (f"host_pool_id: '{POOL}'", "managementType is Automated", "managementType Standard"),
        "host_pool_id",
        scenario={"automated": True},
    ),
    "autoscale without exclusion tag": Mistake(
        ("exclusion_tag: None", "scaling plan sp1", "--exclusion-tag avd-no-autoscale"),
        "exclusion_tag",
        scenario={"scaling_plan": True, "exclusion_tag": ""},
    ),
    "no such version": Mistake(
        ("version: '9.9.9'", "does not exist in win11", "use one of 1.0.1, 1.0.0"),
        "version",
        declares={"version": "9.9.9"},
    ),
    "no such image": Mistake(
        ("image: '", "images/win12'", "does not exist", "az sig image-definition list"),
        "image",
        declares={"image": f"{DEFINITION[:-2]}12"},
    ),
    "image in another region": Mistake(
        ("version: '1.0.2'", "is in northeurope, and hosts are in westeurope", "publishingProfile.targetRegions"),
        "version",
        declares={"version": "1.0.2"},
        prepare=_version_elsewhere,
    ),
    "image not replicated yet": Mistake(
        ("version: '1.0.2'", "its replication to westeurope is ", "wait until it is Completed"),
        "version",
        declares={"version": "1.0.2"},
        prepare=_version_on_its_way,
    ),
    "image of generation 1": Mistake(
        ("version: '1.0.1' is V1", "vm-0, vm-1", "generation V2 VM", "use an image of generation V2"),
        declares={"image": f"{DEFINITION.rpartition('/')[0]}/gen1"},
        prepare=_definition("gen1", generation="V1", features=False),
    ),
    "image without Trusted Launch": Mistake(
        ("vm-0, vm-1", "securityType is TrustedLaunch", "supports Standard", "SecurityType=TrustedLaunchSupported"),
        declares={"image": f"{DEFINITION.rpartition('/')[0]}/plain"},
        prepare=_definition("plain", features=False),
    ),
    "image with a larger disk": Mistake(
        ("version: '1.0.1'", "256 GB", "vm-0, vm-1", "127 GB", "declare grow_os_disk: true"),
        prepare=_larger_image,
    ),
    "floor that never holds": Mistake(
        ("min_serving: '100%'", "2 of 2 hosts must serve", "declare at most 1"),
        "min_serving",
        declares={"min_serving": "100%", "max_unavailable": 1.0},
    ),
    "lock on a VM": Mistake(
        ("virtualMachines/vm-0", "lock keep (CanNotDelete)", "az lock delete --ids"),
        scenario={"locks": 1},
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_preview_and_run_and_changes_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mistake = MISTAKES[name]

    async def story() -> None:
        options = {"hosts": 2, "users": 0, **mistake.scenario}
        made = await bench(tmp_path, **{k: v for k, v in options.items() if v is not None})
        await mistake.prepare(made)
        told = await refusal(made, monkeypatch, principal="deployer", **mistake.declares)
        shown = " ".join(problem.reason for problem in told.preview.failures)
        assert [part for part in mistake.told if part not in shown] == [], shown
        assert [part for part in mistake.told if part not in told.start] == [], told.start
        assert mistake.prop in {problem.prop for problem in told.preview.failures}

    virtually(story())


@pytest.mark.parametrize(
    ("without", "scopes", "host_groups", "told"),
    [
        (
            ("Microsoft.Compute/virtualMachines/start/action",),
            (GROUP,),
            1,
            (GROUP, "the role lacks Microsoft.Compute/virtualMachines/start/action", "add it to the role"),
        ),
        (
            ("Microsoft.Compute/disks/write", "Microsoft.Compute/virtualMachines/delete"),
            (GROUP,),
            1,
            ("Microsoft.Compute/disks/write", "Microsoft.Compute/virtualMachines/delete", "add them to the role"),
        ),
        (
            (),
            (GROUP,),
            2,
            ("vm-1.contoso.com", "resource group avd-hosts-2, which the role does not cover", f"--scope {OTHER_GROUP}"),
        ),
    ],
)
def test_rights_that_the_updater_lacks_are_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    without: tuple[str, ...],
    scopes: tuple[str, ...],
    host_groups: int,
    told: tuple[str, ...],
) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0, host_groups=host_groups)
        await _role(without=without, scopes=scopes)(made)
        refused = await refusal(made, monkeypatch, principal="updater")
        shown = " ".join(problem.reason for problem in refused.preview.failures)
        assert [part for part in told if part not in shown] == [], shown
        assert [part for part in told if part not in refused.start] == [], refused.start

    virtually(story())


def test_the_role_with_all_actions_rolls_hosts_of_two_groups(tmp_path: Path) -> None:
    """The counterpart: the refusals above are due to what is missing."""

    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0, host_groups=2)
        await _role(scopes=(GROUP, OTHER_GROUP))(made)
        outcome = await made.roll(principal="updater")
        assert outcome.status == "complete", outcome.summary

    virtually(story())


def test_another_rollout_is_a_warning_in_the_preview_and_refused_by_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        other = asyncio.create_task(_hold_the_lease(made))
        await made.clock.sleep(1)
        told = await refusal(made, monkeypatch, principal="deployer")
        other.cancel()
        assert told.preview.failures == ()
        [warned] = [line for line in told.preview.warnings if "pipeline@runner-7" in line]
        assert "another rollout holds the lease" in warned and "pause" in warned
        assert "host_pool_id: pool hp1 is being updated by pipeline@runner-7" in told.start
        assert "wait for it, or ask it to stop" in told.start

    virtually(story())
