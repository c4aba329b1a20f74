"""Work on a golden VM by hand: a backup before it is opened, and others as one goes. The capture itself is the same."""

from __future__ import annotations

from capture import names
from capture.azure import CaptureAzure
from capture.errors import CaptureFailed
from rollout.arm import Vm, group_of, name_of
from rollout.images import tag_value

BY_HAND = "by-hand"
"""Of the tag that says which declaration made something: none did."""


async def opened(azure: CaptureAzure, vm_id: str) -> str:
    """Back the golden VM up as it is, then start it; returns the snapshot's name. Raises CaptureFailed while it is
    being captured."""
    vm = await _golden(azure, vm_id)
    name = await _snapshot(azure, vm)
    if not vm.running:
        await azure.start_vm(vm.id)
    return name


async def checkpoint(azure: CaptureAzure, vm_id: str) -> str:
    """Back it up as it is; returns the snapshot's name. Of a machine that runs it is as after a power cut."""
    return await _snapshot(azure, await _golden(azure, vm_id))


async def _golden(azure: CaptureAzure, vm_id: str) -> Vm:
    body = await azure.get_vm(vm_id, instance_view=True)
    if body is None:
        raise CaptureFailed(f"golden VM {name_of(vm_id)} does not exist, or may not be read; check the id")
    vm = Vm(body)
    if names.RECORD in vm.tags:
        version = name_of(vm.tags.get(names.VERSION, "")) or "a version"
        raise CaptureFailed(f"golden VM {vm.name} is being captured as {version}; wait for it, or run pulumi up again")
    return vm


async def _snapshot(azure: CaptureAzure, vm: Vm) -> str:
    name = names.snapshot(vm.name, int(azure.azure_time()), "checkpoint")
    body = {
        "location": vm.location,
        "tags": {names.ID: BY_HAND, names.GOLDEN: tag_value(vm.id), names.BACKUP: "checkpoint"},
        "properties": {
            "creationData": {"createOption": "Copy", "sourceResourceId": vm.os_disk_id},
            "incremental": True,
        },
    }
    await azure.create_snapshot(f"{group_of(vm.id)}/providers/Microsoft.Compute/snapshots/{name}", body)
    return name
