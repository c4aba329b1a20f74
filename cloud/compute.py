"""Microsoft.Compute: virtual machines, extensions, disks."""

from __future__ import annotations

from typing import Any

from azure.core import MatchConditions

from cloud.api_versions import DISKS, VIRTUAL_MACHINES
from cloud.connection import Connection, content
from cloud.ids import ResourceId, parse
from rollout.azure import Body
from rollout.errors import NotFound


class ComputeOperations:
    """The Compute part of `rollout.azure.Azure`."""

    connection: Connection

    # -- virtual machines

    async def list_vms(self, resource_group_id: str) -> list[Body]:
        collection = f"{resource_group_id}/providers/Microsoft.Compute/virtualMachines"
        return await self.connection.list(collection, VIRTUAL_MACHINES)

    async def get_vm(self, vm_id: str, *, instance_view: bool = False) -> Body | None:
        query = {"$expand": "instanceView"} if instance_view else {}
        return await self.connection.get(vm_id, VIRTUAL_MACHINES, **query)

    async def create_vm(self, vm_id: str, body: Body) -> None:
        vm = parse(vm_id)
        await self.connection.run(
            f"PUT virtualMachines/{vm.name}",
            self.connection.compute(vm.subscription).virtual_machines.begin_create_or_update,
            vm.group,
            vm.name,
            content(body),
            match_condition=MatchConditions.IfMissing,
        )

    async def update_vm(self, vm_id: str, patch: Body, *, etag: str) -> None:
        vm = parse(vm_id)
        condition = MatchConditions.IfPresent if etag == "*" else MatchConditions.IfNotModified
        await self.connection.run(
            f"PATCH virtualMachines/{vm.name} {' '.join(patch.get('properties', ()))}".rstrip(),
            self.connection.compute(vm.subscription).virtual_machines.begin_update,
            vm.group,
            vm.name,
            content(patch),
            etag=None if etag == "*" else etag,
            match_condition=condition,
        )

    async def delete_vm(self, vm_id: str) -> None:
        vm = parse(vm_id)
        machines = self.connection.compute(vm.subscription).virtual_machines
        await self._delete(f"DELETE virtualMachines/{vm.name}", machines.begin_delete, vm.group, vm.name)

    async def start_vm(self, vm_id: str) -> None:
        vm = parse(vm_id)
        machines = self.connection.compute(vm.subscription).virtual_machines
        await self.connection.run(f"POST virtualMachines/{vm.name}/start", machines.begin_start, vm.group, vm.name)

    async def power_off_vm(self, vm_id: str) -> None:
        vm = parse(vm_id)
        machines = self.connection.compute(vm.subscription).virtual_machines
        operation = f"POST virtualMachines/{vm.name}/powerOff"
        await self.connection.run(operation, machines.begin_power_off, vm.group, vm.name, skip_shutdown=False)

    async def deallocate_vm(self, vm_id: str) -> None:
        vm = parse(vm_id)
        machines = self.connection.compute(vm.subscription).virtual_machines
        operation = f"POST virtualMachines/{vm.name}/deallocate"
        await self.connection.run(operation, machines.begin_deallocate, vm.group, vm.name)

    async def restart_vm(self, vm_id: str) -> None:
        vm = parse(vm_id)
        machines = self.connection.compute(vm.subscription).virtual_machines
        await self.connection.run(f"POST virtualMachines/{vm.name}/restart", machines.begin_restart, vm.group, vm.name)

    async def generalize_vm(self, vm_id: str) -> None:
        vm = parse(vm_id)
        machines = self.connection.compute(vm.subscription).virtual_machines
        await self.connection.call(f"POST virtualMachines/{vm.name}/generalize", machines.generalize, vm.group, vm.name)

    # -- inside the guest

    async def put_extension(self, vm_id: str, name: str, body: Body) -> None:
        vm = parse(vm_id)
        await self.connection.run(
            f"PUT virtualMachines/{vm.name}/extensions/{name}",
            self.connection.compute(vm.subscription).virtual_machine_extensions.begin_create_or_update,
            vm.group,
            vm.name,
            name,
            content(body),
        )

    async def delete_extension(self, vm_id: str, name: str) -> None:
        vm = parse(vm_id)
        extensions = self.connection.compute(vm.subscription).virtual_machine_extensions
        operation = f"DELETE virtualMachines/{vm.name}/extensions/{name}"
        await self._delete(operation, extensions.begin_delete, vm.group, vm.name, name)

    # -- disks

    async def list_disks(self, resource_group_id: str) -> list[Body]:
        return await self.connection.list(f"{resource_group_id}/providers/Microsoft.Compute/disks", DISKS)

    async def get_disk(self, disk_id: str) -> Body | None:
        return await self.connection.get(disk_id, DISKS)

    async def create_disk(self, disk_id: str, body: Body) -> None:
        disk = parse(disk_id)
        await self.connection.run(
            f"PUT disks/{disk.name}",
            self.connection.compute(disk.subscription).disks.begin_create_or_update,
            disk.group,
            disk.name,
            content(body),
        )

    async def update_disk(self, disk_id: str, patch: Body) -> None:
        disk = parse(disk_id)
        await self.connection.run(
            f"PATCH disks/{disk.name}",
            self.connection.compute(disk.subscription).disks.begin_update,
            disk.group,
            disk.name,
            content(patch),
        )

    async def delete_disk(self, disk_id: str) -> None:
        disk: ResourceId = parse(disk_id)
        disks = self.connection.compute(disk.subscription).disks
        await self._delete(f"DELETE disks/{disk.name}", disks.begin_delete, disk.group, disk.name)

    async def _delete(self, operation: str, *arguments: Any) -> None:
        try:
            await self.connection.run(operation, *arguments)
        except NotFound:  # its group is gone; a missing resource alone is 204
            return
