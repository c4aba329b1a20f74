"""The rights of `BatchPoolUpgradePolicy` are exactly those that it uses."""

from __future__ import annotations

import pytest

from cloud.batch_pools import BatchPools
from components.batch_role_actions import BATCH_ACTIONS
from os_upgrades import batch_adoption
from os_upgrades.batch_pool import BatchPoolDeclaration, parse
from rollout.errors import Forbidden
from simulation.in_process import in_process_cloud
from simulation.virtual_time import LoopClock
from tests.emulator.arm_client import GUEST, SCOPE, Client
from tests.emulator.batch import site

pytestmark = pytest.mark.looptime
ROLE = f"{SCOPE}/providers/Microsoft.Authorization/roleDefinitions/77777777-0000-4000-8000-000000000001"
ACTIONS = [action for actions in BATCH_ACTIONS.values() for action in actions]


def declared() -> BatchPoolDeclaration:
    policy = {"mode": "automatic", "automatic_os_upgrade_policy": {"enable_automatic_os_upgrade": True}}
    return parse({"pool_id": site.POOL, "upgrade_policy": policy, "register_feature": True})


def prepared(actions: list[str]) -> Client:
    """A pool in an account of one's own subscription, and a principal that may do this and no more."""
    azure = site.with_pool(nodes=0, mode="UserSubscription", upgradePolicy={"mode": "manual"})
    permission = {"actions": actions, "notActions": [], "dataActions": [], "notDataActions": []}
    role = {"roleName": "batch", "type": "CustomRole", "permissions": [permission], "assignableScopes": [SCOPE]}
    assert azure.put(ROLE, {"properties": role}).status == 201
    assignment = {"roleDefinitionId": ROLE, "principalId": GUEST.object_id, "principalType": "ServicePrincipal"}
    made = azure.put(ROLE.replace("roleDefinitions", "roleAssignments"), {"properties": assignment})
    assert made.status == 201
    return azure


async def everything(azure: Client) -> None:
    """All that the resource does: look, register, write, watch, give back."""
    async with in_process_cloud(azure.emulator, LoopClock(), principal="guest") as cloud:
        batch = BatchPools(cloud)
        done = await batch_adoption.adopt(batch, declared(), None, LoopClock())
        assert not done.unread
        await batch.list_batch_nodes(done.endpoint, "pool1")
        await batch_adoption.release(batch, declared(), None)


async def test_they_are_enough_and_each_is_used() -> None:
    azure = prepared(ACTIONS)
    await everything(azure)
    log = azure.call("GET", "/emulator/requests").body["requests"]
    used = {each["action"] for each in log if each["principal"] == GUEST.client_id and each["action"]}
    assert used == set(ACTIONS)


@pytest.mark.parametrize("action", ACTIONS)
async def test_without_one_it_is_refused_or_told(action: str) -> None:
    azure = prepared([each for each in ACTIONS if each != action])
    reads_of_rules = (action.endswith("versions/read"), action.endswith("features/read"))
    if any(reads_of_rules):
        async with in_process_cloud(azure.emulator, LoopClock(), principal="guest") as cloud:
            seen = await batch_adoption.look(BatchPools(cloud), declared(), None)
            assert [action in each for each in seen.unread] == [True]
        return
    with pytest.raises(Forbidden, match=action):
        await everything(azure)
