"""What a long night leaves in the emulator's memory: no operations and buckets of hours ago."""

from __future__ import annotations

from emulator import operations, scenario, throttle
from emulator.app import Emulator
from emulator.wire import Principal, Request

VM = (
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/avd/providers/Microsoft.Compute/virtualMachines"
)


def emulator(hosts: int) -> Emulator:
    return Emulator(scenario.build("pooled", {"hosts": hosts, "users": 0, "latency": False}))


def asked(made: Emulator, method: str, path: str) -> int:
    known = next(iter(made.world.sections["principals"].values()))
    principal = Principal(known["object_id"], known["client_id"], known["name"])
    return made.handle(Request(method, path, {"api-version": "2024-11-01"}, principal=principal)).status


def test_operations_that_ended_long_ago_are_forgotten_and_those_that_run_are_not() -> None:
    made = emulator(3)
    assert asked(made, "POST", f"{VM}/vm-0/restart") == 202
    [first] = operations.all_of(made.world)
    made.world.advance(made.world.now + operations.FORGOTTEN_AFTER - 300)
    assert asked(made, "POST", f"{VM}/vm-1/restart") == 202
    assert first in operations.all_of(made.world)  # a client that was away for a while still finds its end
    made.world.advance(made.world.now + operations.FORGOTTEN_AFTER)
    assert asked(made, "POST", f"{VM}/vm-2/restart") == 202
    made.world.advance(made.world.now + 600)
    assert len(operations.all_of(made.world)) == 1


def test_buckets_that_are_full_again_are_not_kept_for_each_vm() -> None:
    world = emulator(3).world
    for number in range(5000):
        throttle._take(world, f"crp|LowCostGetResource|vm-{number}", throttle.Bucket(36, 0.2))
        if number % 500 == 499:
            world.advance(world.now + throttle.LONGEST_REFILL + 1)
    assert len(throttle._buckets(world)) < 1600
