"""The end of a resource group's deletion."""

from __future__ import annotations

from emulator import guests
from emulator.authorization import check
from emulator.network import network_interfaces
from emulator.wire import Body
from emulator.world import World


def group_deleted(world: World, *, operation: str, error: Body | None, group: str) -> None:
    """Event: everything in the group is gone, or (with an error) the group is as it was."""
    known = world.get(group)
    if known is None:
        return
    if error is not None:
        world.put(group, {**known.body, "properties": {"provisioningState": "Succeeded"}})
        return
    for kind in ("Microsoft.Compute/virtualMachines", guests.INSTANCE_TYPE):
        for vm in list(world.under(group, kind)):
            guests.forget(world, vm)
    for resource in list(world.under(group, network_interfaces.TYPE)):
        network_interfaces.remove(world, resource.id)
    for resource in list(world.under(group)):
        world.delete(resource.id)
    world.delete(group)
    check.forget(world)
