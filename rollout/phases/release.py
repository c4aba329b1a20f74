"""Release: out of the pool, stopped, and the disk exchanged in one conditional write."""

from __future__ import annotations

from rollout.declaration import Stop
from rollout.phases import build
from rollout.record import HostRecord, Phase
from rollout.steps import (
    Deallocate,
    DeleteSessionHost,
    Enter,
    Fail,
    Goal,
    HostView,
    Part,
    PowerOff,
    Step,
    Wait,
)

REFUSALS = 20
"""Refused deletions of a record without sessions, a quarter of a minute apart, after which the host is given up."""


def next_step(view: HostView, goal: Goal, record: HostRecord) -> Step:
    """RELEASE: a last look, delete the record, stop, build (where declared so), swap."""
    if view.attached == view.new_disk_name:
        # A write whose answer was lost: the disk is there, only the record lags.
        return Enter(record.to(Phase.REJOIN, view.now))
    if view.session_host is not None:
        if view.sessions is None:
            return Wait("last look at the sessions", 1.0)
        if view.sessions or goal.declaration.protection.of(view.vm):
            return Enter(record.to(Phase.DRAIN, view.now))
        if view.memory.refused_deletes >= REFUSALS:
            return Fail("AVD does not let its session-host record be deleted, though it lists no session")
        # A refusal means that somebody is back (specification only, unverified), so never by force here.
        return DeleteSessionHost(force=False)
    stop = stop_step(view, goal)
    if stop is not None:
        return stop
    building = build.disk_step(view, goal)
    if building is not None:
        return building
    if view.new_disk is None or not build.ready(view.new_disk):
        return Fail("the new disk is not ready to be attached")
    return swap(view, goal, record)


def stop_step(view: HostView, goal: Goal) -> Step | None:
    """The next step towards a stopped VM, or None when it is stopped as declared. The guest shuts down first."""
    if view.vm.busy:
        return Wait(f"VM is {view.vm.power or view.vm.provisioning_state.lower()}", 10.0, of=Part.VM)
    if view.vm.running:
        return PowerOff()
    stopped = view.vm.power == "stopped" and goal.declaration.stop is Stop.DEALLOCATE
    if stopped or (view.vm.stuck and not view.vm.off):
        return Deallocate()
    if not view.vm.off:
        return Wait(f"power state {view.vm.power or 'unknown'}", 10.0, of=Part.VM)
    return None


def swap(view: HostView, goal: Goal, record: HostRecord) -> Step:
    """The write that exchanges the disk; before it, one of its own where the size changes."""
    assert view.new_disk is not None
    size = goal.declaration.vm_size
    if size is not None and view.vm.size.lower() != size.lower():
        return Enter(record.to(record.p, record.s, z=record.z or view.vm.size), vm_size=size)
    return Enter(
        record.to(Phase.REJOIN, view.now),
        attach=view.new_disk.id,
        storage_account_type=view.new_disk.sku or None,
    )
