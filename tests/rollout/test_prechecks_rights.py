"""Pre-checks of the role."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.prechecks.actions import ACTIONS, GROUPS_READ, LOCKS_READ, OWN_READS, SUBNETS_READ, Holds, needed
from rollout.prechecks.rights import allows
from tests.support.fake_azure import FakeAzure
from tests.support.observed import DEFINITION, GROUP, POOL, SUBNET, SUBSCRIPTION, declaration, host, kept_disk, pool
from tests.support.prechecked import ids, only

BUILD = f"{SUBSCRIPTION}/resourceGroups/build"
GALLERY = DEFINITION.rsplit("/images/", 1)[0]
actions = st.sampled_from(sorted({action for found in ACTIONS.values() for action in found}))


def permission(*given: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"actions": list(given), "notActions": list(without)}


def without(action: str, holds: Holds) -> list[dict[str, Any]]:
    return [permission(*(a for a in (*ACTIONS[holds], *OWN_READS[holds]) if a != action))]


@pytest.mark.parametrize(
    ("permissions", "allowed"),
    [
        ([], False),
        ([permission("*")], True),
        ([permission("*/read")], True),
        ([permission("microsoft.compute/*/READ")], True),
        ([permission("Microsoft.Compute/disks/read")], True),
        ([permission("Microsoft.Compute/disks/write")], False),
        ([permission("Microsoft.Compute/disk/read")], False),
        ([permission("*", without=("Microsoft.Compute/disks/*",))], False),
        ([permission("*", without=("Microsoft.Compute/*",)), permission("Microsoft.Compute/disks/read")], True),
        ([permission("Microsoft.Compute.disks/read")], False),
    ],
)
def test_wildcards_and_not_actions(permissions: list[dict[str, Any]], allowed: bool) -> None:
    assert allows(permissions, "Microsoft.Compute/disks/read") is allowed


@given(actions)
def test_what_not_actions_take_counts_within_their_own_permission(action: str) -> None:
    assert not allows([permission("*", without=(action.upper(),))], action)
    assert allows([permission("*", without=(action,)), permission(action)], action)


@given(actions)
def test_a_prefix_is_no_right(action: str) -> None:
    assert not allows([permission(action[:-1]), permission(f"{action}x")], action)


@pytest.mark.parametrize(
    ("scope", "holds", "action"),
    [
        (POOL, Holds.POOL, "Microsoft.DesktopVirtualization/hostpools/sessionhosts/delete"),
        (GROUP, Holds.HOSTS, "Microsoft.Compute/virtualMachines/start/action"),
        (SUBNET, Holds.SUBNET, "Microsoft.Network/virtualNetworks/subnets/join/action"),
        (BUILD, Holds.BUILD, "Microsoft.Compute/virtualMachines/delete"),
        (GALLERY, Holds.GALLERY, "Microsoft.Compute/galleries/images/versions/read"),
    ],
)
async def test_a_missing_action_is_named_with_its_scope(scope: str, holds: Holds, action: str) -> None:
    fake = FakeAzure(permissions={scope: without(action, holds)}, groups={GROUP, BUILD})
    found = await only(pool([host("vm-0"), host("vm-1")]), fake, build_resource_group_id=BUILD)
    assert (found.id, found.severity, found.subject) == ("missing-action", "error", scope)
    assert found.problem == f"the role lacks {action}" and f"--scope {scope}" in found.remedy


async def test_os_disks_in_a_group_of_their_own_need_rights_there() -> None:
    apart = f"{SUBSCRIPTION}/resourceGroups/disks"
    delete = "Microsoft.Compute/disks/delete"
    hosts = pool([host("vm-0", disk={"id": f"{apart}/providers/Microsoft.Compute/disks/vm-0-os"}), host("vm-1")])
    found = await only(hosts, FakeAzure(permissions={apart: without(delete, Holds.DISKS)}))
    assert (found.id, found.subject, found.problem) == ("missing-action", apart, f"the role lacks {delete}")
    assert await ids(hosts, FakeAzure(permissions={apart: [permission(*ACTIONS[Holds.DISKS])]})) == []


async def test_the_hosts_group_needs_no_right_to_delete_machines_where_they_are_built_elsewhere() -> None:
    fake = FakeAzure(permissions={GROUP: [permission(*ACTIONS[Holds.HOSTS], LOCKS_READ)]}, groups={GROUP, BUILD})
    hosts = pool([host("vm-0"), host("vm-1")])
    assert await ids(hosts, fake, build_resource_group_id=BUILD) == []
    found = await only(hosts, fake)
    assert "Microsoft.Compute/virtualMachines/delete" in found.problem


async def test_a_revert_builds_nothing_and_needs_no_right_to() -> None:
    fake = FakeAzure(permissions={GROUP: [permission(*ACTIONS[Holds.HOSTS], LOCKS_READ)]})
    hosts = [host(f"vm-{n}", kept=[kept_disk("old", f"vm-{n}", "1.0.1")]) for n in range(2)]
    assert await ids(pool(hosts), fake, local_admin=None) == []
    assert not any("subnet" in call or "get_nic" in call for call in fake.calls)


def test_logging_off_is_a_right_only_where_it_is_declared() -> None:
    log_off = "Microsoft.DesktopVirtualization/hostpools/sessionhosts/usersessions/delete"
    assert log_off not in needed(Holds.POOL, declaration())
    assert log_off in needed(Holds.POOL, declaration(drain={"log_off": "force"}))


async def test_rights_that_cannot_be_read_are_a_warning() -> None:
    assert await ids(pool([host("vm-0"), host("vm-1")]), FakeAzure(refuse={f"list_permissions {POOL}"})) == [
        "(rights-unknown)"
    ]


async def test_missing_reads_of_the_pre_checks_are_warnings() -> None:
    fake = FakeAzure(
        permissions={SUBNET: without(SUBNETS_READ, Holds.SUBNET), BUILD: without(GROUPS_READ, Holds.BUILD)},
        refuse={"list_skus", "list_usages", "list_locks", f"get_resource_group {BUILD}", f"get_subnet {SUBNET}"},
    )
    assert await ids(pool([host("vm-0"), host("vm-1")]), fake, build_resource_group_id=BUILD) == [
        "(build-group-unknown)",
        "(addresses-unknown)",
        "(locks-unknown)",
        "(quota-unknown)",
    ]


async def test_locks_of_the_pools_own_group_that_may_not_be_read_are_told() -> None:
    far = f"{SUBSCRIPTION}/resourceGroups/far"
    hosts = [host("vm-0", vm={"id": f"{far}/providers/Microsoft.Compute/virtualMachines/vm-0"}), host("vm-1")]
    found = await only(pool(hosts), FakeAzure(refuse={f"list_locks {GROUP}"}))
    assert (found.id, found.subject) == ("locks-unknown", GROUP)


async def test_the_security_group_of_the_hosts_interface_is_joined_too() -> None:
    group = f"{GROUP}/providers/Microsoft.Network/networkSecurityGroups/hosts"
    join = "Microsoft.Network/networkSecurityGroups/join/action"
    fake = FakeAzure(permissions={group: without(join, Holds.SECURITY_GROUP)}, nic_security_group=group)
    hosts = pool([host("vm-0"), host("vm-1")])
    found = await only(hosts, fake)
    assert (found.id, found.subject, found.problem) == ("missing-action", group, f"the role lacks {join}")
    assert await ids(hosts, fake, build_subnet_id=f"{SUBNET}-build") == []
