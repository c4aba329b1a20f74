"""Pre-checks of management locks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.fake_azure import FakeAzure
from tests.support.observed import GROUP, POOL, SUBSCRIPTION, disk_id, host, pool, vm_id
from tests.support.prechecked import ids, only

HOSTS = [host("vm-0"), host("vm-1")]
NIC = f"{GROUP}/providers/Microsoft.Network/networkInterfaces/vm-0-nic"
BUILD = f"{SUBSCRIPTION}/resourceGroups/build"


def lock(scope: str, level: str) -> dict[str, Any]:
    return {"id": f"{scope}/providers/Microsoft.Authorization/locks/keep", "properties": {"level": level}}


@pytest.mark.parametrize(
    ("scope", "level", "forbids"),
    [
        (GROUP, "ReadOnly", "write"),
        (GROUP.upper().replace("/SUBSCRIPTIONS", "/subscriptions"), "ReadOnly", "write"),
        (SUBSCRIPTION, "ReadOnly", "write"),
        (vm_id("vm-0"), "ReadOnly", "write VM vm-0"),
        (NIC, "ReadOnly", "write the network interface of vm-0"),
        (disk_id("vm-0-os"), "ReadOnly", "write the OS disk of vm-0"),
        (POOL, "ReadOnly", "write host pool hp1"),
        (GROUP, "CanNotDelete", "delete"),
        (vm_id("vm-0"), "CanNotDelete", "delete extensions of VM vm-0"),
        (disk_id("vm-0-os"), "CanNotDelete", "delete the OS disk of vm-0"),
        (POOL, "CanNotDelete", "delete session-host records of pool hp1"),
    ],
)
async def test_a_lock_in_the_way_is_named(scope: str, level: str, forbids: str) -> None:
    found = await only(pool(HOSTS), FakeAzure(locks=[lock(scope, level)]))
    assert (found.id, found.severity, found.subject) == ("lock", "error", scope)
    assert f"lock keep ({level}) forbids to {forbids}" in found.problem and "az lock delete" in found.remedy


@pytest.mark.parametrize(
    ("scope", "level"),
    [
        (NIC, "CanNotDelete"),
        (vm_id("vm-7"), "ReadOnly"),
        (vm_id("vm-00"), "ReadOnly"),
        (vm_id("vm"), "ReadOnly"),
        (f"{GROUP}/providers/Microsoft.Compute/galleries/avd", "ReadOnly"),
        (f"{GROUP}-2", "ReadOnly"),
        (GROUP, "NotSpecified"),
    ],
)
async def test_a_lock_on_what_is_not_touched_is_no_matter(scope: str, level: str) -> None:
    assert await ids(pool(HOSTS), FakeAzure(locks=[lock(scope, level)])) == []


async def test_the_build_group_is_looked_at_once() -> None:
    fake = FakeAzure(locks=[lock(BUILD, "CanNotDelete")], groups={GROUP, BUILD})
    found = await only(pool(HOSTS), fake, build_resource_group_id=BUILD)
    assert "temporary machines in build" in found.problem
    assert [call for call in fake.calls if call.startswith("list_locks")] == [
        f"list_locks {GROUP}",
        f"list_locks {BUILD}",
    ]
