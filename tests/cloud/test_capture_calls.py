"""Every call of `capture.azure.CaptureAzure` by the real SDK clients on the emulator, in process on virtual time."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator

import pytest

from capture.azure import CaptureAzure
from cloud.azure_cloud import AzureCloud
from emulator import scenario
from emulator.app import Emulator
from rollout.errors import Conflict, LeaseLost, OperationFailed
from simulation.in_process import in_process_cloud
from simulation.virtual_time import LoopClock

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/avd"
COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
VM = f"{COMPUTE}/virtualMachines/vm-0"
SNAPSHOT = f"{COMPUTE}/snapshots/before"
DEFINITION = f"{COMPUTE}/galleries/avd/images/win11"

pytestmark = pytest.mark.looptime


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(scenario.build("pooled", {"hosts": 1, "users": 0}))


@pytest.fixture
async def cloud(emulator: Emulator) -> AsyncIterator[AzureCloud]:
    async with in_process_cloud(emulator, LoopClock()) as opened:
        yield opened


def test_it_is_what_the_capture_asks_for() -> None:
    for name, asked in inspect.getmembers(CaptureAzure, inspect.isfunction):
        if not name.startswith("_"):
            ours = inspect.signature(getattr(AzureCloud, name))
            assert list(ours.parameters) == list(inspect.signature(asked).parameters), name


async def os_disk(cloud: AzureCloud) -> str:
    vm = await cloud.get_vm(VM)
    assert vm is not None
    return str(vm["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"])


async def snapshot(cloud: AzureCloud) -> None:
    creation = {"createOption": "Copy", "sourceResourceId": await os_disk(cloud)}
    body = {"location": "westeurope", "tags": {"a": "1"}, "properties": {"creationData": creation, "incremental": True}}
    await cloud.create_snapshot(SNAPSHOT, body)


async def test_a_snapshot_becomes_a_disk(cloud: AzureCloud) -> None:
    assert await cloud.get_snapshot(SNAPSHOT) is None
    await snapshot(cloud)
    await cloud.update_snapshot(SNAPSHOT, {"tags": {"a": "2"}})
    found = await cloud.get_snapshot(SNAPSHOT)
    assert found is not None and (found["tags"], found["properties"]["provisioningState"]) == ({"a": "2"}, "Succeeded")
    disk_id = f"{COMPUTE}/disks/clone"
    creation = {"createOption": "Copy", "sourceResourceId": SNAPSHOT}
    await cloud.create_disk(disk_id, {"location": "westeurope", "properties": {"creationData": creation}})
    disk = await cloud.get_disk(disk_id)
    assert disk is not None and disk["properties"]["diskSizeGB"] == 127
    assert [each["name"] for each in await cloud.list_snapshots(GROUP)] == ["before"]
    await cloud.delete_snapshot(SNAPSHOT)
    await cloud.delete_snapshot(SNAPSHOT)
    assert await cloud.list_snapshots(GROUP) == []


async def test_a_version_is_made_changed_and_deleted(cloud: AzureCloud, emulator: Emulator) -> None:
    await snapshot(cloud)
    gallery = cloud.connection.compute(GROUP.split("/")[2])
    await (await gallery.galleries.begin_create_or_update("avd", "avd", {"location": "westeurope"})).result()
    definition = {
        "location": "westeurope",
        "properties": {
            "osType": "Windows", "osState": "Specialized", "hyperVGeneration": "V2",
            "identifier": {"publisher": "contoso", "offer": "avd", "sku": "win11"},
        },
    }  # fmt: skip
    await (await gallery.gallery_images.begin_create_or_update("avd", "avd", "win11", definition)).result()
    version = f"{DEFINITION}/versions/1.0.0"
    properties = {
        "publishingProfile": {"targetRegions": [{"name": "westeurope"}, {"name": "northeurope"}]},
        "storageProfile": {"osDiskImage": {"source": {"id": SNAPSHOT}}},
    }
    await cloud.create_image_version(version, {"location": "westeurope", "properties": properties})
    made = await cloud.get_image_version(version)
    assert made is not None and made["properties"]["replicationStatus"]["aggregatedState"] == "Completed"
    await cloud.update_image_version(version, {"properties": {"publishingProfile": {"excludeFromLatest": True}}})
    changed = await cloud.get_image_version(version)
    assert changed is not None and changed["properties"]["publishingProfile"]["excludeFromLatest"]
    assert len(changed["properties"]["publishingProfile"]["targetRegions"]) == 2
    await cloud.delete_image_version(version)
    await cloud.delete_image_version(version)
    assert await cloud.get_image_version(version) is None


async def test_generalize_needs_a_vm_that_is_off_and_is_for_ever(cloud: AzureCloud) -> None:
    with pytest.raises(Conflict):
        await cloud.generalize_vm(VM)
    await cloud.restart_vm(VM)
    await cloud.deallocate_vm(VM)
    await cloud.generalize_vm(VM)
    with pytest.raises(Conflict, match="generalized"):
        await cloud.start_vm(VM)


async def test_what_a_script_said_is_kept_also_where_it_failed(cloud: AzureCloud) -> None:
    view = await cloud.run_script(VM, "avd-update", ("Write-Output 'one'", "Write-Error 'two'", "exit 3"), {})
    assert (view["executionState"], view["exitCode"], view["output"], view["error"]) == ("Failed", 3, "one", "two")
    assert await cloud.list_run_commands(VM) == []


async def test_a_script_ends_at_its_limit(cloud: AzureCloud) -> None:
    clock = LoopClock()
    began = clock.now()
    view = await cloud.run_script(VM, "avd-update", ("Start-Sleep -Seconds 5000",), {}, limit=600)
    assert view["executionState"] == "TimedOut"
    assert 600 <= clock.now() - began < 700
    with pytest.raises(OperationFailed, match="TimedOut"):
        await cloud.run_protected_command(VM, "avd-x", ("Start-Sleep -Seconds 6000",), {})


async def test_no_write_without_a_lease(emulator: Emulator) -> None:
    def refuse() -> None:
        raise LeaseLost("over")

    async with in_process_cloud(emulator, LoopClock(), write_guard=refuse) as cloud:
        for write in (
            cloud.create_snapshot(SNAPSHOT, {}),
            cloud.delete_snapshot(SNAPSHOT),
            cloud.create_disk(f"{COMPUTE}/disks/clone", {}),
            cloud.generalize_vm(VM),
            cloud.restart_vm(VM),
            cloud.create_image_version(f"{DEFINITION}/versions/1.0.0", {}),
            cloud.update_image_version(f"{DEFINITION}/versions/1.0.0", {}),
            cloud.delete_image_version(f"{DEFINITION}/versions/1.0.0"),
        ):
            with pytest.raises(LeaseLost):
                await write
