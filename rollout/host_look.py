"""How a host is looked at: what its phase needs is read, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

from rollout import names
from rollout.arm import Disk, SessionHost, UserSession, Vm, group_of
from rollout.azure import Azure
from rollout.declaration import Build
from rollout.errors import LeaseLost
from rollout.extensions import Class, of_class
from rollout.observation import Host
from rollout.record import ENDED, HostRecord, Phase, decode
from rollout.steps import Goal, HostView, Memory
from rollout.temporary_vm import build_group


class HostLook:
    """Looks at one host, again and again. `disk_ids` are ids by lower-case name, as observed: a disk may lie in another
    group than its VM. `session_host_id` gives the id of the VM's session-host record by the VM's tags."""

    def __init__(
        self,
        azure: Azure,
        host: Host,
        revert: Disk | None,
        disk_ids: Mapping[str, str],
        session_host_id: Callable[[Vm], str],
    ) -> None:
        self._azure, self._host, self._revert = azure, host, revert
        self._disk_ids, self._session_host_id = disk_ids, session_host_id
        self.session_host = host.session_host
        """The session-host record of the last look."""
        self._sessions: tuple[UserSession, ...] | None = None
        self._old_disk: Disk | None = None
        self._vm: Vm | None = None

    def reuse_vm(self, vm: Vm | None) -> None:
        """The next look need not read the VM: it is not what is waited for."""
        self._vm = vm

    def forget(self, *, disk: bool) -> None:
        """Something was written: sessions, and with `disk` the old disk, are read anew."""
        self._sessions = None
        if disk:
            self._old_disk = None

    async def view(self, goal: Goal, memory: Memory) -> HostView | None:
        """The host as far as its phase needs it, with what is remembered of it brought up to date; None when the VM is
        gone."""
        azure = self._azure
        vm, self._vm = self._vm, None
        if vm is None:
            body = await azure.get_vm(self._host.vm.id, instance_view=True)
            if body is None:
                return None
            vm = Vm(body)
        if vm.vm_id.lower() != self._host.vm.vm_id.lower():
            return None  # another VM of that name
        record = decode(vm.tags.get(names.RECORD))
        if record is not None and record.f > goal.fence:
            raise LeaseLost(f"{self._host.name} was claimed by a newer run; this one stops. See hostpool status.")
        ours = record is not None and (record.r, record.f) == (goal.rollout, goal.fence) and record.p not in ENDED
        phase = record.p if record is not None and ours else None
        session_host = await self._session_host(vm) if phase is not Phase.BUILD else self.session_host
        self.session_host = session_host
        sessions = await self._sessions_of(session_host, phase) if session_host is not None else ()
        now = azure.azure_time()
        # An empty host is empty since the first look that saw it so.
        if phase is Phase.DRAIN and sessions is not None:
            if sessions:
                memory = replace(memory, empty_since=None)
            else:
                memory = replace(memory, empty_since=memory.empty_since or now)
        memory = _with_guest(memory, vm, phase, now)
        view = HostView(vm, record, now, memory, session_host, sessions)
        if record is None or not ours:
            kept = self._revert
            return replace(view, new_disk=kept, new_disk_name=kept.name if kept is not None else "")
        return await self._disks(view, goal, record, phase)

    async def _disks(self, view: HostView, goal: Goal, record: HostRecord, phase: Phase | None) -> HostView:
        azure, vm, memory = self._azure, view.vm, view.memory
        key = names.build_key(vm.vm_id, goal.image.id, record.a)
        group = build_group(goal, vm)
        new_name = record.k or names.new_disk(vm.name, key)
        old_name = record.d
        if phase in (Phase.REJOIN, Phase.SERVE) and vm.os_disk_name not in (new_name, old_name):
            new_name = vm.os_disk_name  # an earlier rollout's swap is being finished
        building = phase in (Phase.BUILD, Phase.RELEASE, Phase.UNDO_SERVE, Phase.LEAVE) and not record.k
        wants_new = phase in (Phase.BUILD, Phase.RELEASE, Phase.UNDO_SERVE, Phase.LEAVE) or (
            phase is Phase.SERVE and bool(record.k)
        )
        wants_old = phase in (Phase.BUILD, Phase.DRAIN, Phase.UNDO, Phase.UNDO_SERVE, Phase.LEAVE, Phase.RELEASE)
        if phase is Phase.BUILD and goal.declaration.build is Build.AFTER_DEALLOCATE:
            building = wants_new = bool(record.k)
        temporary = await self.temporary_vm(group, key) if building else None
        # While the temporary VM runs, its NIC is there and its disk is not ready.
        nic_id = f"{group}/providers/Microsoft.Network/networkInterfaces/{names.temporary_nic(key)}"
        new, old, nic = await asyncio.gather(
            self.disk(new_name, group) if wants_new and (temporary is None or temporary.off) else _nothing(),
            self._the_old_disk(old_name, group_of(vm.os_disk_id or vm.id)) if wants_old and old_name else _nothing(),
            azure.get_nic(nic_id) if building and temporary is None else _nothing(),
        )
        if temporary is None or memory.build_since is None:
            memory = replace(memory, build_since=view.now if temporary is not None else None)
        return replace(
            view,
            memory=memory,
            new_disk=new,
            new_disk_name=new_name,
            old_disk=old,
            temporary_vm=temporary,
            temporary_nic=nic,
            build_key=key,
            removable=of_class(vm.extensions, Class.REMOVE),
            removable_after_drain=of_class(vm.extensions, Class.REMOVE_AFTER_DRAIN),
        )

    async def disk(self, name: str, group: str) -> Disk | None:
        known = self._disk_ids.get(name.lower())
        body = await self._azure.get_disk(known or f"{group}/providers/Microsoft.Compute/disks/{name}")
        return Disk(body) if body is not None else None

    async def _the_old_disk(self, name: str, group: str) -> Disk | None:
        """The disk as found; only our own writes change what matters of it, so it is read once in a phase."""
        if self._old_disk is None or self._old_disk.name.lower() != name.lower():
            self._old_disk = await self.disk(name, group)
        return self._old_disk

    async def temporary_vm(self, group: str, key: str) -> Vm | None:
        vm_id = f"{group}/providers/Microsoft.Compute/virtualMachines/{names.temporary_vm(key)}"
        body = await self._azure.get_vm(vm_id, instance_view=True)
        return Vm(body) if body is not None else None

    async def _session_host(self, vm: Vm) -> SessionHost | None:
        known = self.session_host.id if self.session_host is not None else self._session_host_id(vm)
        if not known and self._host.session_host is not None:
            known = self._host.session_host.id
        body = await self._azure.get_session_host(known) if known else None
        return SessionHost(body) if body is not None else None

    async def _sessions_of(self, host: SessionHost, phase: Phase | None) -> tuple[UserSession, ...] | None:
        """The host's sessions in every state. While it drains, the count in its record tells when a list is due: it
        lags, and does not count all states, so zero is always confirmed by a list."""
        if phase in (None, Phase.BUILD, Phase.REJOIN, Phase.UNDO_REJOIN):
            return None
        known = self._sessions
        if phase is Phase.DRAIN and known and host.sessions == len(known) and host.sessions:
            return known
        listed = await self._azure.list_user_sessions(host.id)
        self._sessions = tuple(UserSession(body) for body in listed)
        return self._sessions


def _with_guest(memory: Memory, vm: Vm, phase: Phase | None, now: float) -> Memory:
    """Since when the VM runs in this phase, is busy, and its agent is silent."""
    starting = phase in (Phase.REJOIN, Phase.UNDO_REJOIN)
    return replace(
        memory,
        busy_since=(memory.busy_since or now) if vm.changing else None,
        up_since=(memory.up_since or now) if starting and vm.running else memory.up_since,
        unready_since=(memory.unready_since or now) if vm.running and not vm.agent_ready else None,
    )


async def _nothing() -> None:
    return None
