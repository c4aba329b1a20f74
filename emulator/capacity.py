"""What each host pool can serve at each moment: one sample per change.

A VM belongs to a pool from its first registration until it is deleted, and is in one state:
  serving      its record is Available and takes new sessions
  draining     reachable, but takes no new sessions, whether or not sessions are left
  off          deallocated as it was found and not in work (its record is still there)
  unavailable  anything else
`touch` is called whenever a VM's power, its record or its sessions have changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from emulator import guests
from emulator.desktopvirtualization.broker import Broker, broker_of, brokers, record_of
from emulator.wire import Body
from emulator.world import Resource, World

SECTION = "capacity"
STATES = ("serving", "draining", "off", "unavailable")
REACHABLE = ("Available", "NeedsAssistance")


@dataclass(slots=True)
class PoolCapacity:
    """`found_off`: VMs that were deallocated while they took users, or were off when the scenario began."""

    states: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    found_off: dict[str, bool] = field(default_factory=dict)
    samples: list[Body] = field(default_factory=list)
    changes: list[Body] = field(default_factory=list)


def of_pool(world: World, pool_id: str) -> PoolCapacity:
    """The record of a host pool, made at first use."""
    table: dict[str, PoolCapacity] = world.sections.setdefault(SECTION, {})
    return table.setdefault(pool_id.lower(), PoolCapacity())


def join(world: World, pool_id: str, vm_id: str) -> None:
    """A VM has registered with a pool: from now on it counts."""
    of_pool(world, pool_id).states.setdefault(vm_id.lower(), "")
    touch(world, vm_id)


def adopt(world: World, pool_id: str, vms: dict[str, bool]) -> None:
    """The VMs that a pool has from the start (id -> whether it is off), with one sample for all of them."""
    pool, broker = of_pool(world, pool_id), broker_of(world, pool_id)
    for vm_id, off in vms.items():
        key = vm_id.lower()
        if off:
            pool.found_off[key] = True
        vm = world.get(vm_id)
        if vm is not None:
            state = pool.states[key] = _state(world, broker, pool, vm)
            pool.counts[state] += 1
            pool.changes.append({"time": world.iso(), "virtualMachine": vm.id, "state": state})
            if state == "serving":
                broker.open[broker.record_of[key]] = None


def touch(world: World, vm_id: str) -> None:
    """A VM has changed: take its state anew, and a sample if that changed anything."""
    key = vm_id.lower()
    for pool_id, pool in world.sections.get(SECTION, {}).items():
        if key in pool.states:
            _take(world, pool_id, pool, key)


def leave(world: World, vm_id: str) -> None:
    """A VM is deleted: it is no longer one of a pool's."""
    key = vm_id.lower()
    for pool_id, pool in world.sections.get(SECTION, {}).items():
        if key in pool.states:
            _take(world, pool_id, pool, key, deleted=True)


def pool_changed(world: World, pool_id: str) -> None:
    """Sessions came or went, or the session limit changed: take a sample if that changed anything."""
    _sample(world, broker_of(world, pool_id), of_pool(world, pool_id))


def found_off(world: World, vm_id: str) -> None:
    """A VM is deallocated by its owner or a scaling plan, not for work on it: it counts as off."""
    for pool in world.sections.get(SECTION, {}).values():
        if vm_id.lower() in pool.states:
            pool.found_off[vm_id.lower()] = True


def _take(world: World, pool_id: str, pool: PoolCapacity, vm_id: str, *, deleted: bool = False) -> None:
    broker = brokers(world).get(pool_id)
    before = pool.states[vm_id]
    vm = world.get(vm_id)
    if deleted or vm is None or broker is None:
        pool.states.pop(vm_id)
        pool.found_off.pop(vm_id, None)
        after = "deleted"
    else:
        after = pool.states[vm_id] = _state(world, broker, pool, vm)
    if after != before:
        if before:
            pool.counts[before] -= 1
        if after in pool.counts:
            pool.counts[after] += 1
        pool.changes.append({"time": world.iso(), "virtualMachine": vm.id if vm else vm_id, "state": after})
    if broker is not None:
        record_id = broker.record_of.get(vm_id)
        if record_id is not None:
            if after == "serving":
                broker.open[record_id] = None
            else:
                broker.open.pop(record_id, None)
        _sample(world, broker, pool)


def _state(world: World, broker: Broker, pool: PoolCapacity, vm: Resource) -> str:
    found = record_of(world, vm.id)
    record = found[1] if found is not None and found[0] is broker else None
    if record is None:
        return "unavailable"
    properties = record.body["properties"]
    if record.hidden.get("running") and properties["status"] in REACHABLE:
        if not properties["allowNewSession"]:
            return "draining"
        return "serving" if properties["status"] == "Available" else "unavailable"
    if pool.found_off.get(vm.id.lower()) and guests.machine_of(world, vm).power == "deallocated":
        return "off"
    return "unavailable"


def _sample(world: World, broker: Broker, pool: PoolCapacity) -> None:
    resource = world.get(broker.id)
    limit = resource.body["properties"]["maxSessionLimit"] if resource is not None else 0
    sample = {
        "hosts": len(pool.states),
        **pool.counts,
        "sessions": broker.live,
        "session_capacity": pool.counts["serving"] * limit,
    }
    last = pool.samples[-1] if pool.samples else {}
    if any(last.get(name) != value for name, value in sample.items()):
        pool.samples.append({"time": world.iso(), **sample})
