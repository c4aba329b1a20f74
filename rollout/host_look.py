"""How a host is looked at: what its phase needs is read, and no more than may have changed.

Each part of a look is a call of its own, and thousands of hosts share Azure's reads. So what was read a moment ago is
read again only if our own write touched it; while one part is waited for, nothing else is read; and what is decided
upon older parts is decided anew upon fresh ones before anything is written.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rollout import names, presence
from rollout.arm import Disk, SessionHost, UserSession, Vm, group_of
from rollout.azure import Azure, Body
from rollout.declaration import Build
from rollout.errors import LeaseLost
from rollout.extensions import Class, of_class
from rollout.observation import Host
from rollout.record import ENDED, HostRecord, Phase, decode
from rollout.steps import (
    CheckBuild,
    CheckContainers,
    CheckGuest,
    CollectEvidence,
    CreateTemporaryNic,
    CreateTemporaryVm,
    DeallocateTemporaryVm,
    DeleteDisk,
    DeleteSessionHost,
    DeleteTemporaryNic,
    DeleteTemporaryVm,
    Enter,
    Goal,
    HostView,
    InstallAgent,
    LogOffUsers,
    MarkDisk,
    Memory,
    NoteHealthy,
    Part,
    Register,
    RemoveLastScript,
    RemoveRunCommands,
    Repair,
    RunPostUpdate,
    SendMessage,
    SetAllowNewSession,
    Step,
)
from rollout.temporary_vm import build_group
from rollout.values import MINUTE

BUSY_PATIENCE = 95 * MINUTE
"""Seconds an operation on a VM is waited for: Azure ends an extension after 90 minutes, all else sooner. What runs on
then is taken for dead, and the next operation preempts it."""
FRESH = MINUTE
"""Seconds for which a part counts as seen a moment ago, as the pool's list does, upon which hosts are admitted."""
AT_REST = 10 * MINUTE
"""The same for the VM of a host whose disk is being built, since what ends that phase is a write on condition that the
VM is as it was read; and for the sessions of a draining host, while the pool's list counts as many."""
ALWAYS, NEVER = float("inf"), float("-inf")
"""Ages of what is seen once, and of what is read anew whenever it was seen."""

_DISKS = frozenset({Part.OLD_DISK, Part.NEW_DISK})
_OURS = frozenset({Part.TEMPORARY_VM, Part.TEMPORARY_NIC})
"""Where there is none, only our own step makes one."""
_TOUCHED: dict[type[Step], frozenset[Part]] = {
    Enter: frozenset({Part.VM, *_DISKS}),
    CreateTemporaryNic: frozenset({Part.TEMPORARY_NIC}),
    CreateTemporaryVm: frozenset({Part.TEMPORARY_VM, Part.NEW_DISK}),
    CheckBuild: frozenset({Part.TEMPORARY_VM}),
    DeallocateTemporaryVm: frozenset({Part.TEMPORARY_VM, Part.NEW_DISK}),
    DeleteTemporaryVm: frozenset({Part.TEMPORARY_VM, Part.TEMPORARY_NIC, Part.NEW_DISK}),
    DeleteTemporaryNic: frozenset({Part.TEMPORARY_NIC}),
    MarkDisk: _DISKS,
    DeleteDisk: _DISKS,
    SetAllowNewSession: frozenset({Part.SESSION_HOST}),
    SendMessage: frozenset(),
    LogOffUsers: frozenset({Part.SESSIONS}),
    CheckContainers: frozenset(),
    RunPostUpdate: frozenset(),
    RemoveLastScript: frozenset(),
    RemoveRunCommands: frozenset(),
    DeleteSessionHost: frozenset({Part.SESSION_HOST, Part.SESSIONS}),
    InstallAgent: frozenset({Part.VM, Part.SESSION_HOST}),
    Register: frozenset({Part.VM, Part.SESSION_HOST}),
    Repair: frozenset({Part.VM, Part.SESSION_HOST}),
    CheckGuest: frozenset({Part.SESSION_HOST}),
    NoteHealthy: frozenset({Part.SESSION_HOST}),
    CollectEvidence: frozenset(),
}
"""What a step may have changed of what was read; those that are not named may have changed the VM."""


@dataclass(frozen=True)
class _Seen:
    value: Any
    at: float


class HostLook:
    """Looks at one host, again and again. `disk_ids` are ids by lower-case name, as observed: a disk may lie in another
    group than its VM. `session_host_id` gives the id of the VM's session-host record by the VM's tags. `listed` gives
    the record as the pool's list has it, and Azure's time of that list."""

    def __init__(
        self,
        azure: Azure,
        host: Host,
        revert: Disk | None,
        disk_ids: Mapping[str, str],
        session_host_id: Callable[[Vm], str],
        listed: Callable[[Host], tuple[SessionHost, float] | None],
    ) -> None:
        self._azure, self._host, self._revert = azure, host, revert
        self._disk_ids, self._session_host_id, self._listed = disk_ids, session_host_id, listed
        self.session_host = host.session_host
        """The session-host record of the last look."""
        self._seen: dict[Part, _Seen] = {}
        self._touched_at = 0.0
        """When we last wrote to the session-host record: a list from before says nothing of it."""
        self._waiting_for: Part | None = None

    def wait_for(self, part: Part) -> None:
        """The next look reads this part alone; the one after it looks at everything again."""
        self._waiting_for = part

    def touched(self, step: Step) -> None:
        """A step was performed: what it may have changed is read anew."""
        for part in _TOUCHED.get(type(step), (Part.VM,)):
            self._seen.pop(part, None)
        if isinstance(step, SetAllowNewSession):
            self._touched_at = self._azure.azure_time()

    def forget(self) -> None:
        """Nothing that was seen counts any more."""
        self._seen.clear()
        self._waiting_for = None

    def rest(self) -> None:
        """The work on the host has ended: what was seen is let go."""
        self.forget()
        self.session_host = self.session_host.lean() if self.session_host is not None else None

    async def view(self, goal: Goal, memory: Memory) -> HostView | None:
        """The host as far as its phase needs it, with what is remembered of it brought up to date; None when the VM is
        gone."""
        ordered = memory.may_drain or memory.give_back is not None or memory.closed is not None
        waiting_for, self._waiting_for = self._waiting_for, None
        vm = await self._vm(waiting_for, AT_REST if self._phase_seen(goal) is Phase.BUILD and not ordered else FRESH)
        if vm is None or vm.vm_id.lower() != self._host.vm.vm_id.lower():
            return None  # gone, or another VM of that name
        record = decode(vm.tags.get(names.RECORD))
        if record is not None and record.f > goal.fence:
            raise LeaseLost(f"{self._host.name} was claimed by a newer run; this one stops. See hostpool status.")
        phase = _our_phase(record, goal)
        session_host, sessions = self.session_host, None
        if phase is not Phase.BUILD or memory.closed is not None:
            session_host = await self._session_host(vm, phase, memory, waiting_for)
            if record is not None and _asks_for_sessions(record, phase):
                sessions = await self._sessions_of(session_host, phase, memory, waiting_for) if session_host else ()
        self.session_host = session_host
        now = self._azure.azure_time()
        # An empty host is empty since the first look that saw it so.
        if phase is Phase.DRAIN and sessions is not None:
            memory = replace(memory, empty_since=None if sessions else memory.empty_since or now)
            if sessions:
                memory = replace(memory, containers_detached=False, containers_since=None)
        if phase in (Phase.DRAIN, Phase.UNDO) and sessions is not None:
            memory = presence.noted(memory, sessions, now)
        memory = _with_guest(memory, vm, phase, now)
        if memory.busy_since is not None and now > memory.busy_since + BUSY_PATIENCE:
            vm = replace(vm, stuck=True)
        resumed = self._host.record is not None
        view = HostView(vm, record, now, memory, session_host, sessions, resumed=resumed)
        if record is None or phase is None:
            kept = self._revert
            return replace(view, new_disk=kept, new_disk_name=kept.name if kept is not None else "")
        return await self._disks(view, goal, record, phase, waiting_for)

    # -- what was seen

    async def _read(self, part: Part, read: Callable[[], Awaitable[Any]], waiting_for: Part | None, age: float) -> Any:
        """The part as it was seen no longer than `age` seconds ago, else as it is. While one part is waited for, that
        one is read, and the others only if nobody knows them."""
        now, seen = self._azure.azure_time(), self._seen.get(part)
        if seen is not None and seen.value is None and part in _OURS:
            age = ALWAYS
        if waiting_for is not None:
            age = NEVER if part is waiting_for else ALWAYS
        if seen is not None and now - seen.at <= age:
            return seen.value
        value = await read()
        self._seen[part] = _Seen(value, now)
        return value

    def _phase_seen(self, goal: Goal) -> Phase | None:
        seen = self._seen.get(Part.VM)
        return _our_phase(decode(seen.value.tags.get(names.RECORD)), goal) if seen and seen.value else None

    async def _vm(self, waiting_for: Part | None, age: float) -> Vm | None:
        async def read() -> Vm | None:
            body = await self._azure.get_vm(self._host.vm.id, instance_view=True)
            return Vm(body) if body is not None else None

        vm: Vm | None = await self._read(Part.VM, read, waiting_for, age)
        return vm

    async def _session_host(
        self, vm: Vm, phase: Phase | None, memory: Memory, waiting_for: Part | None
    ) -> SessionHost | None:
        """The host's record, by a call of its own; but while it serves, the pool's list says what is to be known."""
        serves = phase in (Phase.BUILD, Phase.SERVE, Phase.UNDO_SERVE)
        serves = serves or (phase is Phase.DRAIN and not memory.may_release)
        listed = self._listed(self._host) if serves else None
        if listed is not None and listed[1] > self._touched_at and self._azure.azure_time() - listed[1] <= FRESH:
            return listed[0]

        async def read() -> SessionHost | None:
            known = self.session_host.id if self.session_host is not None else self._session_host_id(vm)
            if not known and self._host.session_host is not None:
                known = self._host.session_host.id
            body = await self._azure.get_session_host(known) if known else None
            return SessionHost(body) if body is not None else None

        found: SessionHost | None = await self._read(Part.SESSION_HOST, read, waiting_for, FRESH)
        return found

    async def _sessions_of(
        self, host: SessionHost, phase: Phase | None, memory: Memory, waiting_for: Part | None
    ) -> tuple[UserSession, ...] | None:
        """The host's sessions in every state, by a list of them: the count in its record lags, and does not count all
        states. Whatever takes the host out of service is decided upon a list made then and there."""

        async def read() -> tuple[UserSession, ...]:
            return tuple(UserSession(body) for body in await self._azure.list_user_sessions(host.id))

        seen, age = self._seen.get(Part.SESSIONS), NEVER
        if phase is Phase.DRAIN and not memory.may_release and seen is not None and seen.value:
            age = AT_REST if host.sessions == len(seen.value) else FRESH
        found: tuple[UserSession, ...] = await self._read(Part.SESSIONS, read, waiting_for, age)
        return found

    async def _disks(
        self, view: HostView, goal: Goal, record: HostRecord, phase: Phase, waiting_for: Part | None
    ) -> HostView:
        vm, memory = view.vm, view.memory
        key = names.build_key(vm.vm_id, goal.image.id, record.a)
        group = build_group(goal, vm)
        new_name = record.k or names.new_disk(vm.name, key)
        old_name = record.d
        if phase in (Phase.REJOIN, Phase.SERVE) and vm.os_disk_name not in (new_name, old_name):
            new_name = vm.os_disk_name  # an earlier rollout's swap is being finished
        building = phase in (Phase.BUILD, Phase.RELEASE, Phase.UNDO_SERVE, Phase.LEAVE) and not record.k
        wants_new = phase in (Phase.BUILD, Phase.RELEASE, Phase.UNDO_SERVE, Phase.LEAVE) or (
            (phase is Phase.SERVE and bool(record.k)) or (phase is Phase.UNDO_REJOIN and bool(record.q))
        )
        wants_old = phase in (Phase.BUILD, Phase.DRAIN, Phase.UNDO, Phase.UNDO_SERVE, Phase.LEAVE)
        if goal.declaration.build is Build.AFTER_DEALLOCATE:
            wants_old = wants_old or phase is Phase.RELEASE
            if phase is Phase.BUILD:
                building = wants_new = bool(record.k)

        async def read(part: Part, wanted: bool, how: Callable[[], Awaitable[Any]], age: float = FRESH) -> Any:
            return await self._read(part, how, waiting_for, age) if wanted else None

        temporary: Vm | None = await read(Part.TEMPORARY_VM, building, lambda: self.temporary_vm(group, key))
        # While the temporary VM runs, its NIC is there and its disk is not ready. Of the old disk only our own writes
        # change what matters.
        nic_id = f"{group}/providers/Microsoft.Network/networkInterfaces/{names.temporary_nic(key)}"
        old_group = group_of(vm.os_disk_id or vm.id)
        ready = wants_new and (temporary is None or temporary.off)
        new: Disk | None = await read(Part.NEW_DISK, ready, lambda: self.disk(new_name, group))
        old: Disk | None = await read(
            Part.OLD_DISK, wants_old and bool(old_name), lambda: self.disk(old_name, old_group), ALWAYS
        )
        nic: Body | None = await read(
            Part.TEMPORARY_NIC, building and temporary is None, lambda: self._azure.get_nic(nic_id)
        )
        if temporary is None or memory.build_since is None:
            memory = replace(memory, build_since=view.now if temporary is not None else None)
        elif view.now > memory.build_since + BUSY_PATIENCE:
            temporary = replace(temporary, stuck=True)
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

    async def temporary_vm(self, group: str, key: str) -> Vm | None:
        vm_id = f"{group}/providers/Microsoft.Compute/virtualMachines/{names.temporary_vm(key)}"
        body = await self._azure.get_vm(vm_id, instance_view=True)
        return Vm(body) if body is not None else None


def _our_phase(record: HostRecord | None, goal: Goal) -> Phase | None:
    """The phase of a host that this run works on, else None."""
    if record is None or record.p in ENDED or (record.r, record.f) != (goal.rollout, goal.fence):
        return None
    return record.p


def _asks_for_sessions(record: HostRecord, phase: Phase | None) -> bool:
    """Whether what comes next for the host depends on its users."""
    if phase in (Phase.SERVE, Phase.UNDO_SERVE, Phase.LEAVE):
        return record.found_off
    return phase in (Phase.DRAIN, Phase.RELEASE, Phase.UNDO)


def _with_guest(memory: Memory, vm: Vm, phase: Phase | None, now: float) -> Memory:
    """Since when the VM runs in this phase, is busy, and its agent is silent."""
    starting = phase in (Phase.REJOIN, Phase.UNDO_REJOIN)
    return replace(
        memory,
        busy_since=(memory.busy_since or now) if vm.changing else None,
        up_since=(memory.up_since or now) if starting and vm.running else memory.up_since,
        unready_since=(memory.unready_since or now) if not vm.off and not vm.agent_ready else None,
    )
