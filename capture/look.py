"""One look at all of a capture: the golden VM, then what its record says may be there."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from capture import names
from capture.azure import CaptureAzure
from capture.declaration import CaptureDeclaration
from capture.errors import StepFailed
from capture.record import CaptureRecord, Phase, decode
from capture.steps import Goal, MadeDisk, Memory, Resource, View
from rollout.arm import Vm, group_of, name_of
from rollout.azure import Body
from rollout.errors import Forbidden


class Places:
    """Ids of what one try makes. The clone's come from the golden VM's tag where that names it, since another
    declaration may have made it elsewhere."""

    def __init__(self, declared: CaptureDeclaration, vm: Vm, record: CaptureRecord) -> None:
        key = names.key(record.c, record.b)
        tagged = vm.tags.get(names.CLONE, "")
        group = group_of(tagged) if tagged else declared.clone_resource_group_id or group_of(vm.id)
        compute = "providers/Microsoft.Compute"
        self.clone = f"{group}/{compute}/virtualMachines/{names.clone(key)}"
        self.disk = f"{group}/{compute}/disks/{names.clone_disk(key)}"
        self.nic = f"{group}/providers/Microsoft.Network/networkInterfaces/{names.clone_nic(key)}"
        self.test_vm = f"{group}/{compute}/virtualMachines/{names.test_vm(key)}"
        self.test_disk = f"{group}/{compute}/disks/{names.test_disk(key)}"
        self.test_nic = f"{group}/providers/Microsoft.Network/networkInterfaces/{names.test_nic(key)}"
        self.before = f"{group_of(vm.id)}/{compute}/snapshots/{names.snapshot(vm.name, record.b, 'before')}"
        self.after = f"{group_of(vm.id)}/{compute}/snapshots/{names.snapshot(vm.name, record.b, 'after')}"
        self.restored = f"{group_of(vm.os_disk_id)}/{compute}/disks/{names.restored_disk(vm.name, key)}"


async def look(azure: CaptureAzure, goal: Goal, memory: Memory) -> View:
    """The capture as it is now. Raises StepFailed where the golden VM does not exist any more."""
    declared = goal.declaration
    body = await azure.get_vm(declared.source_vm_id, instance_view=True)
    if body is None:
        raise StepFailed(
            f"the golden VM {name_of(declared.source_vm_id)} does not exist any more; remove what is named avdcap-..."
        )
    vm = Vm(body)
    record = decode(vm.tags.get(names.RECORD))
    version = await azure.get_image_version(_version_id(vm, record, goal))
    view = View(vm, record, azure.azure_time(), memory, version=_resource(version))
    if record is None:
        return view
    places = Places(declared, vm, record)
    if record.p in (Phase.TEST, Phase.CLEAN):
        test_vm, test_disk, test_nic = await asyncio.gather(
            azure.get_vm(places.test_vm, instance_view=True),
            azure.get_disk(places.test_disk),
            azure.get_nic(places.test_nic),
        )
        machine = Vm(test_vm) if test_vm is not None else None
        view = replace(view, test_vm=machine, test_disk=_disk(test_disk), test_nic=test_nic)
    if record.p is Phase.CLEAN and record.u:
        view = replace(view, scripts=await _scripts(azure, vm))
    match record.p:
        case Phase.BACKUP:
            return replace(view, before=_resource(await azure.get_snapshot(places.before)))
        case Phase.STOP:
            return replace(view, after=_resource(await azure.get_snapshot(places.after)))
        case Phase.CLONE | Phase.PREPARE | Phase.PUBLISH | Phase.CLEAN:
            clone, disk, nic, after = await asyncio.gather(
                azure.get_vm(places.clone, instance_view=True),
                azure.get_disk(places.disk),
                azure.get_nic(places.nic),
                azure.get_snapshot(places.after),
            )
            clone_vm = Vm(clone) if clone is not None else None
            return replace(view, clone=clone_vm, disk=_disk(disk), nic=nic, after=_resource(after))
        case Phase.RESTORE:
            before, restored = await asyncio.gather(azure.get_snapshot(places.before), azure.get_disk(places.restored))
            return replace(view, before=_resource(before), restored=_disk(restored))
        case _:
            return view


def _version_id(vm: Vm, record: CaptureRecord | None, goal: Goal) -> str:
    """The version that the record's capture makes: another declaration's where the golden VM's tag names that."""
    tagged = vm.tags.get(names.VERSION, "")
    foreign = record is not None and record.c != goal.id and tagged.startswith("/")
    return tagged if foreign else goal.declaration.version_id


def _resource(body: Body | None) -> Resource | None:
    return Resource(body) if body is not None else None


def _disk(body: Body | None) -> MadeDisk | None:
    return MadeDisk(body) if body is not None else None


async def _scripts(azure: CaptureAzure, vm: Vm) -> tuple[str, ...]:
    """What is left of scripts on the golden VM, as far as that may be read."""
    try:
        return tuple(name for name in await azure.list_run_commands(vm.id) if name.startswith(names.OURS))
    except Forbidden:
        return ()
