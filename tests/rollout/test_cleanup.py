"""What may be deleted, and above all what may not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from rollout import names
from rollout.arm import Disk, Vm
from rollout.azure import Azure
from rollout.cleanup import expired, orphans, remove_disks, remove_orphans
from rollout.errors import Conflict
from rollout.pool_record import RolloutRecord, State
from rollout.record import HostRecord, Phase
from simulation.virtual_time import LoopClock, virtually
from tests.support.observed import NOW, Body, host, kept_disk, pool, vm_body, vm_id

RUNNING = RolloutRecord("3f2a9c11", 1, State.RUNNING, int(NOW))
PAST = NOW - 1


def record(phase: Phase, **changes: Any) -> HostRecord:
    return replace(HostRecord("3f2a9c11", 1, 7, phase, int(NOW), d="vm-0-os"), **changes)


def temporary(of: str = "vm-0", **tags: str) -> Vm:
    return Vm(vm_body("avdtmp-1", tags={names.DISK_HOST: of, names.DISK_HOST_ID: f"guid-of-{of}", **tags}))


def built_disk(name: str, of: str, rollout: str, state: str = "ready") -> Disk:
    made = kept_disk(name, of, "1.0.1", state=state)
    made.body["tags"][names.DISK_ROLLOUT] = rollout
    return made


def names_of(disks: tuple[Disk, ...]) -> list[str]:
    return [disk.name for disk in disks]


def test_a_kept_disk_goes_when_its_date_has_passed() -> None:
    old, fresh = kept_disk("old", "vm-0", "0.9.0", until=PAST), kept_disk("fresh", "vm-0", "0.9.1", until=NOW + 1)
    there = pool([host("vm-0", kept=[old, fresh])])
    assert names_of(expired(there, NOW)) == ["old"]
    assert names_of(expired(there, NOW, all_kept=True)) == ["old", "fresh"]


def test_a_disk_without_a_date_is_kept() -> None:
    undated = kept_disk("undated", "vm-0", "0.9.0")
    del undated.body["tags"][names.DISK_KEEP_UNTIL]
    assert expired(pool([host("vm-0", kept=[undated])]), NOW) == ()


@pytest.mark.parametrize("phase", [p for p in Phase if p not in (Phase.ROLLED_BACK, Phase.FAILED)])
def test_nothing_of_a_host_in_work_goes(phase: Phase) -> None:
    disks = [kept_disk("old", "vm-0", "0.9.0", until=PAST), kept_disk("new", "vm-0", "1.0.1", state="building")]
    there = pool([host("vm-0", kept=disks, found=record(phase))], temporary_vms=(temporary(),))
    assert expired(there, NOW, all_kept=True) == ()
    assert orphans(there) == ((), ())


def test_the_way_back_of_a_failed_host_stays_whatever_its_date() -> None:
    way_back = kept_disk("vm-0-original", "vm-0", "1.0.0", until=PAST)
    failed = host("vm-0", kept=[way_back], found=record(Phase.FAILED, d="vm-0-original"))
    assert expired(pool([failed]), NOW, all_kept=True) == ()


def test_a_disk_that_a_host_runs_on_stays_though_azure_says_it_is_unattached() -> None:
    running = kept_disk("VM-0-OS", "vm-0", "1.0.0", until=PAST)
    assert expired(pool([host("vm-0", kept=[running])]), NOW) == ()
    managed = kept_disk("other", "vm-0", "1.0.0", until=PAST, managedBy=vm_id("vm-9"))
    assert expired(pool([host("vm-0", kept=[managed])]), NOW) == ()


def test_what_a_crash_left_of_a_host_at_rest_goes() -> None:
    disks = [kept_disk(state, "vm-0", "1.0.1", state=state) for state in ("building", "ready", "failed", "old")]
    there = pool([host("vm-0", kept=disks)], temporary_vms=(temporary(),))
    vms, found = orphans(there)
    assert [vm.name for vm in vms] == ["avdtmp-1"]
    assert names_of(found) == ["building", "ready", "failed"]


def test_a_paused_attempt_keeps_its_ready_disks_and_only_its() -> None:
    mine = built_disk("mine", "vm-0", "3f2a9c11")
    other = built_disk("other", "vm-0", "another")
    half = built_disk("half", "vm-0", "3f2a9c11", "building")
    there = pool([host("vm-0", kept=[mine, other, half])])
    assert names_of(orphans(there, keep_ready_of="3f2a9c11")[1]) == ["other", "half"]


def test_what_was_built_for_a_host_that_was_deleted_meanwhile_goes() -> None:
    built = built_disk("built", "gone", "3f2a9c11")
    its_old = built_disk("its-old", "gone", "3f2a9c11", "old")
    foreign = built_disk("foreign", "far", "another")
    vms = (temporary("gone", **{names.DISK_ROLLOUT: "3f2a9c11"}), temporary("far", **{names.DISK_ROLLOUT: "another"}))
    there = pool([host("vm-0")], disks=(built, its_old, foreign), temporary_vms=vms, record=RUNNING)
    found, disks = orphans(there)
    assert (len(found), names_of(disks)) == (1, ["built"])
    assert orphans(pool([host("vm-0")], disks=(built,), temporary_vms=vms)) == ((), ())


def test_the_disk_of_an_orphaned_temporary_vm_goes_with_it() -> None:
    for state in ("building", "ready"):
        attached = built_disk("attached", "vm-0", "3f2a9c11", state)
        attached.body["managedBy"] = vm_id("avdtmp-1").upper()
        there = pool([host("vm-0")], disks=(attached,), temporary_vms=(temporary(),))
        assert names_of(orphans(there)[1]) == ["attached"]
        kept = names_of(orphans(there, keep_ready_of="3f2a9c11")[1])
        assert kept == ([] if state == "ready" else ["attached"])


@dataclass
class Deleting:
    """Azure that remembers what was deleted."""

    disks: dict[str, Body] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)

    async def get_disk(self, disk_id: str) -> Body | None:
        return self.disks.get(disk_id)

    async def delete_disk(self, disk_id: str) -> None:
        self.deleted.append(disk_id.rsplit("/", 1)[-1])

    async def delete_vm(self, vm_id: str) -> None:
        self.deleted.append(vm_id.rsplit("/", 1)[-1])

    async def delete_nic(self, nic_id: str) -> None:
        self.deleted.append(nic_id.rsplit("/", 1)[-1])


async def test_each_disk_is_looked_at_once_more_before_it_goes() -> None:
    free, taken, bare, gone = (kept_disk(name, "vm-0", "0.9.0") for name in ("free", "taken", "bare", "gone"))
    now: dict[str, Body] = {
        free.id: free.body,
        taken.id: {**taken.body, "managedBy": vm_id("vm-3")},
        bare.id: {**bare.body, "tags": {}},
    }
    azure = Deleting(now)
    assert await remove_disks(cast(Azure, azure), [free, taken, bare, gone]) == 1
    assert azure.deleted == ["free"]


async def test_a_temporary_vm_goes_before_its_nic_and_both_before_disks() -> None:
    disk = kept_disk("half", "vm-0", "1.0.1", state="building")
    azure = Deleting({disk.id: disk.body})
    assert await remove_orphans(cast(Azure, azure), LoopClock(), [temporary()], [disk]) == 3
    assert azure.deleted == ["avdtmp-1", "avdtmp-1-nic", "half"]


def test_a_nic_that_is_still_reserved_is_tried_again() -> None:
    class Reserved(Deleting):
        refused = 0

        async def delete_nic(self, nic_id: str) -> None:
            if self.refused < 6:
                self.refused += 1
                raise Conflict(400, "NicReservedForAnotherVm", "for 180 seconds")
            await super().delete_nic(nic_id)

    azure = Reserved({})
    assert virtually(remove_orphans(cast(Azure, azure), LoopClock(), [temporary()], [])) == 2
    assert azure.deleted == ["avdtmp-1", "avdtmp-1-nic"]
