"""Observing a pool: who is a host, who is not, and what it costs."""

from __future__ import annotations

import pytest

from rollout import names
from rollout.errors import Forbidden, InvalidDeclaration
from rollout.observation import group_tags, natural, observe
from rollout.record import HostRecord, Phase
from tests.support.fake_azure import FakeAzure
from tests.support.observed import (
    GROUP,
    NOW,
    POOL,
    SUBSCRIPTION,
    Body,
    declaration,
    disk_body,
    disk_id,
    kept_disk,
    session_host_body,
    version,
    vm_body,
    vm_id,
)

OTHER = f"{SUBSCRIPTION}/resourceGroups/hosts"
IN_WORK = {
    names.RECORD: HostRecord("abc", 1, 1, Phase.REJOIN, int(NOW)).encode(),
    names.POOL: "hp1",
}


def pool_body(**tags: str) -> Body:
    return {"id": POOL, "location": "northeurope", "tags": tags or None, "properties": {"vmTemplate": None}}


def azure(*hosts: str, group: str = GROUP, **fields: object) -> FakeAzure:
    return FakeAzure(
        host_pool=pool_body(),
        session_hosts=[session_host_body(name, group) for name in hosts],
        vms=[vm_body(name, group) for name in hosts],
        disks=[disk_body(f"{name}-os", group, managedBy=vm_id(name, group)) for name in hosts],
        **fields,  # type: ignore[arg-type]
    )


async def test_hosts_come_in_natural_order_with_disk_and_record() -> None:
    fake = azure("vm-10", "vm-2")
    pool = await observe(fake.as_azure(), declaration(), at=NOW)
    assert [host.name for host in pool.hosts] == ["vm-2", "vm-10"]
    assert [host.session_host.name for host in pool.hosts if host.session_host] == [
        "vm-2.contoso.com",
        "vm-10.contoso.com",
    ]
    assert [host.image for host in pool.hosts] == [version("1.0.0")] * 2
    assert (pool.name, pool.location, pool.groups, pool.ghosts) == ("hp1", "westeurope", (GROUP,), ())


async def test_a_pool_of_hundreds_costs_as_many_calls_as_one_of_two() -> None:
    few, many = azure("vm-0", "vm-1"), azure(*(f"vm-{n}" for n in range(300)))
    for fake in (few, many):
        await observe(fake.as_azure(), declaration(), at=NOW)
    assert sorted(many.calls) == sorted(few.calls) == [
        "get_host_pool", f"list_disks {GROUP}", "list_scaling_plans", "list_session_hosts", f"list_vms {GROUP}"
    ]  # fmt: skip


async def test_ids_are_compared_without_case() -> None:
    fake = azure("vm-0")
    fake.session_hosts[0]["properties"]["resourceId"] = (
        vm_id("VM-0").upper().replace("/SUBSCRIPTIONS", "/subscriptions")
    )
    fake.vms[0]["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"] = disk_id("VM-0-OS").replace(
        "avd", "AVD"
    )
    pool = await observe(fake.as_azure(), declaration(), at=NOW)
    assert [(host.name, host.image) for host in pool.hosts] == [("vm-0", version("1.0.0"))]
    assert pool.hosts[0].session_host is not None


async def test_the_tag_of_the_attached_disk_outweighs_its_source_and_the_vm_is_never_asked() -> None:
    fake = azure("vm-0", "vm-1")
    fake.disks[0]["tags"] = {names.DISK_IMAGE: version("1.0.1")}
    fake.disks[1]["properties"]["creationData"] = {"createOption": "Import"}
    fake.vms[1]["properties"]["storageProfile"]["imageReference"] = {"id": version("1.0.0")}
    pool = await observe(fake.as_azure(), declaration(), at=NOW)
    assert [host.image for host in pool.hosts] == [version("1.0.1"), None]


async def test_a_record_without_a_vm_of_its_own_is_a_ghost() -> None:
    fake = azure("vm-0")
    fake.session_hosts += [
        session_host_body("gone"),
        session_host_body("never", resourceId=None),
        session_host_body("arc", resourceId=f"{GROUP}/providers/Microsoft.HybridCompute/machines/arc"),
        session_host_body("vm-0", domain="", lastHeartBeat="2020-01-01T00:00:00Z"),
        session_host_body("vm-0", domain=".old", virtualMachineId="guid-of-a-former-vm"),
    ]
    pool = await observe(fake.as_azure(), declaration(), at=NOW)
    assert [host.session_host.name for host in pool.hosts if host.session_host] == ["vm-0.contoso.com"]
    assert [ghost.name for ghost in pool.ghosts] == [
        "arc.contoso.com",
        "gone.contoso.com",
        "never.contoso.com",
        "vm-0",
        "vm-0.old",
    ]


async def test_a_host_whose_record_is_deleted_is_known_by_its_tags() -> None:
    fake = azure("vm-0", "vm-1")
    del fake.session_hosts[1]
    fake.vms[1]["tags"] = IN_WORK
    fake.vms += [vm_body("vm-2", tags={**IN_WORK, names.POOL: "hp2"}), vm_body("unrelated")]
    pool = await observe(fake.as_azure(), declaration(), at=NOW)
    assert [(host.name, host.session_host is None) for host in pool.hosts] == [("vm-0", False), ("vm-1", True)]
    assert pool.hosts[1].record is not None and pool.hosts[1].record.p is Phase.REJOIN


async def test_the_last_record_of_a_group_may_be_deleted_and_the_group_is_still_looked_at() -> None:
    fake = azure("vm-0", group=OTHER)
    whole = await observe(fake.as_azure(), declaration(), at=NOW)
    tags = group_tags(whole)
    assert list(tags.values()) == [OTHER]
    fake.host_pool, fake.session_hosts = pool_body(**tags), []
    fake.vms[0]["tags"] = IN_WORK
    pool = await observe(fake.as_azure(), declaration(), at=NOW)
    assert [host.name for host in pool.hosts] == ["vm-0"]


async def test_the_pools_own_group_needs_no_tag() -> None:
    pool = await observe(azure("vm-0").as_azure(), declaration(), at=NOW)
    assert group_tags(pool) == {}


async def test_a_disk_in_a_group_of_its_own_is_found() -> None:
    fake = azure("vm-0")
    fake.vms[0]["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"] = disk_id("vm-0-os", OTHER)
    fake.disks = [disk_body("vm-0-os", OTHER, runs="1.0.1")]
    pool = await observe(fake.as_azure(), declaration(), at=NOW)
    assert pool.hosts[0].image == version("1.0.1")
    assert f"list_vms {OTHER}" not in fake.calls


async def test_kept_disks_are_detached_disks_of_the_vm_newest_first() -> None:
    fake = azure("vm-0", "vm-1")
    older = kept_disk("older", "vm-0", "0.9.0", properties={"timeCreated": "2026-01-01T00:00:00.1234567+00:00"}).body
    newer = kept_disk("newer", "vm-0", "0.9.1", properties={"timeCreated": "2026-01-02T00:00:00+00:00"}).body
    taken = {**kept_disk("taken", "vm-0", "0.9.2").body, "managedBy": vm_id("vm-9")}
    fake.disks += [older, newer, taken, disk_body("untagged")]
    pool = await observe(fake.as_azure(), declaration(), at=NOW)
    assert [disk.name for disk in pool.hosts[0].kept] == ["newer", "older"]
    assert pool.hosts[1].kept == ()


async def test_temporary_machines_are_no_hosts_and_only_ours_are_shown() -> None:
    fake = azure("vm-0")
    ours = {names.DISK_HOST: "vm-0", names.DISK_HOST_ID: "GUID-OF-VM-0"}
    fake.vms += [
        vm_body("avdtmp-1", tags=ours),
        vm_body("avdtmp-2", tags={names.DISK_HOST: "vm-7", names.DISK_HOST_ID: "gone", names.POOL: "HP1"}),
        vm_body("avdtmp-3", tags={names.DISK_HOST: "vm-8", names.DISK_HOST_ID: "of-another-pool", names.POOL: "hp2"}),
    ]
    pool = await observe(fake.as_azure(), declaration(), at=NOW)
    assert [host.name for host in pool.hosts] == ["vm-0"]
    assert [vm.name for vm in pool.temporary_vms] == ["avdtmp-1", "avdtmp-2"]


async def test_the_build_group_is_looked_at_too() -> None:
    fake = azure("vm-0")
    fake.disks.append(kept_disk("built", "vm-0", "1.0.1", state="ready").body | {"id": disk_id("built", OTHER)})
    pool = await observe(fake.as_azure(), declaration(build_resource_group_id=OTHER), at=NOW)
    assert [disk.name for disk in pool.hosts[0].kept] == ["built"]


async def test_a_group_that_may_not_be_listed_is_told_and_its_hosts_are_no_ghosts() -> None:
    fake = azure("vm-0", refuse={f"list_vms {OTHER}"})
    fake.session_hosts.append(session_host_body("far", OTHER))
    pool = await observe(fake.as_azure(), declaration(), at=NOW)
    assert pool.unreadable == {OTHER: "Microsoft.Compute/virtualMachines/read"}
    assert [s.name for s in pool.out_of_reach] == ["far.contoso.com"]
    assert ([host.name for host in pool.hosts], pool.ghosts) == (["vm-0"], ())


async def test_a_pool_that_does_not_exist_is_named_with_its_property() -> None:
    with pytest.raises(InvalidDeclaration, match="host_pool_id") as raised:
        await observe(FakeAzure().as_azure(), declaration(), at=NOW)
    assert raised.value.value == POOL


async def test_refused_credentials_are_not_taken_for_an_empty_pool() -> None:
    with pytest.raises(Forbidden):
        await observe(azure("vm-0", refuse={"list_session_hosts"}).as_azure(), declaration(), at=NOW)


def test_digits_are_ordered_as_numbers() -> None:
    assert sorted(["vm-10", "VM-9", "vm-1a", "10", "vm"], key=natural) == ["10", "vm", "vm-1a", "VM-9", "vm-10"]
