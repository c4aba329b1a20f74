"""Capacity samples: the contract's definitions, one sample per change."""

from __future__ import annotations

from typing import Any

from emulator import capacity, guests
from tests.emulator.avd.pool import POOL, Pool


def _last(pool: Pool) -> dict[str, Any]:
    sample = dict(capacity.of_pool(pool.world, POOL).samples[-1])
    sample.pop("time")
    return sample


def test_first_sample_counts_as_found() -> None:
    pool = Pool(hosts=10, off=2, draining=1, needs_assistance=1, users=0)
    assert len(capacity.of_pool(pool.world, POOL).samples) == 1
    assert _last(pool) == {
        "hosts": 10,
        "serving": 6,
        "draining": 1,
        "off": 2,
        "unavailable": 1,
        "sessions": 0,
        "session_capacity": 96,
    }


def test_one_sample_per_change_with_its_own_time() -> None:
    pool = Pool(hosts=3, users=0)
    before = len(capacity.of_pool(pool.world, POOL).samples)
    pool.wait(10)
    pool.call("PATCH", pool.host(0), {"properties": {"allowNewSession": False}})
    pool.call("PATCH", pool.host(0), {"properties": {"allowNewSession": False}})
    samples = capacity.of_pool(pool.world, POOL).samples
    assert len(samples) == before + 1
    assert samples[-1]["time"] == pool.world.iso()
    assert (samples[-1]["serving"], samples[-1]["draining"]) == (2, 1)


def test_host_in_work_is_unavailable_from_release_until_it_serves_again() -> None:
    pool = Pool(hosts=3, users=0)
    pool.call("PATCH", pool.host(0), {"properties": {"allowNewSession": False}})
    pool.call("DELETE", pool.host(0))
    assert (_last(pool)["hosts"], _last(pool)["unavailable"]) == (3, 1)
    pool.stop(0)
    assert (_last(pool)["off"], _last(pool)["unavailable"]) == (0, 1)


def test_drained_host_that_is_deallocated_is_not_off_but_an_undrained_one_is() -> None:
    pool = Pool(hosts=3, users=0)
    pool.call("PATCH", pool.host(0), {"properties": {"allowNewSession": False}})
    pool.stop(0)
    pool.stop(1)
    assert (_last(pool)["off"], _last(pool)["unavailable"]) == (1, 1)


def test_host_that_was_off_counts_as_off_again_afterwards() -> None:
    pool = Pool(hosts=2, off=1, users=0)
    pool.start(1)
    assert (_last(pool)["off"], _last(pool)["unavailable"]) == (0, 1)
    pool.wait(600)
    assert _last(pool)["serving"] == 2
    pool.stop(1)
    assert (_last(pool)["off"], _last(pool)["unavailable"]) == (1, 0)


def test_deleted_vm_leaves_the_pool() -> None:
    pool = Pool(hosts=2, users=0)
    vm = pool.vm(1)
    guests.forget(pool.world, vm)
    pool.world.delete(vm.id)
    assert (_last(pool)["hosts"], _last(pool)["serving"]) == (1, 1)


def test_sessions_and_limit_are_followed() -> None:
    pool = Pool(hosts=2, sessions_per_host=3)
    assert (_last(pool)["sessions"], _last(pool)["session_capacity"]) == (6, 32)
    pool.call("PATCH", POOL, {"properties": {"maxSessionLimit": 4}})
    assert _last(pool)["session_capacity"] == 8
    pool.stop(0)
    assert _last(pool)["sessions"] == 3


def test_changes_name_the_machine() -> None:
    pool = Pool(hosts=2, users=0)
    pool.call("PATCH", pool.host(1), {"properties": {"allowNewSession": False}})
    change = capacity.of_pool(pool.world, POOL).changes[-1]
    assert change == {"time": pool.world.iso(), "virtualMachine": pool.vm(1).id, "state": "draining"}
