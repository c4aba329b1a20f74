"""The end of a resource group's deletion."""

from __future__ import annotations

from emulator.authorization import check
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
    for resource in list(world.under(group)):
        world.delete(resource.id)
    world.delete(group)
    check.forget(world)
