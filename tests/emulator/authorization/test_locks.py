"""Management locks: recording auth-locks-lifecycle; ScopeLocked as Azure/azure-sdk-for-java#2560 quotes it."""

from __future__ import annotations

import pytest

from emulator.authorization import locks
from emulator.wire import ArmError
from tests.emulator.arm_client import COMPUTE, GROUP, NETWORK, SCOPE, Client, code, message

VM = f"{COMPUTE}/virtualMachines/vm-0"


def lock_path(scope: str, name: str = "keep") -> str:
    return f"{scope}/providers/Microsoft.Authorization/locks/{name}"


def locked(azure: Client, scope: str, level: str) -> None:
    assert azure.put(lock_path(scope), {"properties": {"level": level}}).status == 201


def test_a_lock_is_201_then_200_and_goes_with_200_and_no_body(azure: Client) -> None:
    network = f"{NETWORK}/virtualNetworks/v1"
    first = azure.put(lock_path(network), {"properties": {"level": "ReadOnly"}})
    assert first.status == 201
    assert first.body == {
        "properties": {"level": "ReadOnly"},
        "id": lock_path(network),
        "type": "Microsoft.Authorization/locks",
        "name": "keep",
    }
    changed = azure.put(lock_path(network), {"properties": {"level": "CanNotDelete", "notes": "why"}})
    assert (changed.status, changed.body["properties"]) == (200, {"level": "CanNotDelete", "notes": "why"})
    gone = azure.delete(lock_path(network))
    assert (gone.status, gone.body) == (200, None)
    assert code(azure.get(lock_path(network))) == "LockNotFound"


@pytest.mark.parametrize("scope", [SCOPE, GROUP, VM])
def test_can_not_delete_forbids_only_delete_at_every_scope(azure: Client, scope: str) -> None:
    locked(azure, scope, "CanNotDelete")
    locks.require_unlocked(azure.world, VM, "PATCH")
    locks.require_unlocked(azure.world, f"{VM}/deallocate", "POST")
    with pytest.raises(ArmError) as caught:
        locks.require_unlocked(azure.world, VM, "DELETE")
    assert (caught.value.status, caught.value.code) == (409, "ScopeLocked")
    assert caught.value.headers.find("x-ms-failure-cause") == "gateway"
    assert caught.value.message == (
        f"The scope '{VM}' cannot perform delete operation because following scope(s) are locked: '{scope}'. "
        "Please remove the lock and try again."
    )


@pytest.mark.parametrize("action", ["start", "deallocate", "runCommand"])
def test_read_only_forbids_post_too(azure: Client, action: str) -> None:
    locked(azure, GROUP, "ReadOnly")
    with pytest.raises(ArmError) as caught:
        locks.require_unlocked(azure.world, f"{VM}/{action}", "POST")
    assert caught.value.message.startswith(f"The scope '{VM}' cannot perform write operation")
    locks.require_unlocked(azure.world, VM, "GET")


def test_a_lock_below_keeps_the_group(azure: Client) -> None:
    locked(azure, VM, "CanNotDelete")
    refused = azure.delete(GROUP)
    assert (refused.status, code(refused)) == (409, "ScopeLocked")
    assert f"'{VM}'" in message(refused)
    azure.delete(lock_path(VM))
    assert azure.delete(GROUP).status == 202


def test_a_neighbour_is_free_and_locks_can_be_removed(azure: Client) -> None:
    locked(azure, VM, "ReadOnly")
    locks.require_unlocked(azure.world, VM + "1", "DELETE")
    assert azure.delete(lock_path(VM)).status == 200
    locks.require_unlocked(azure.world, VM, "DELETE")


def test_locks_at_above_and_below_are_listed(azure: Client) -> None:
    locked(azure, SCOPE, "CanNotDelete")
    locked(azure, VM, "ReadOnly")
    path = f"{GROUP}/providers/Microsoft.Authorization/locks"
    assert len(azure.get(path).body["value"]) == 2
    assert len(azure.get(f"{path}?$filter=atScope()").body["value"]) == 1
