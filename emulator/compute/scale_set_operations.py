"""Operations on a scale set that end when the last of several instances has: creation, scaling, updates, actions.

`start` gives the operation's headers and its id; each instance's work names `scale_sets.instance_done` with that id as
what follows, and the operation ends with the first error there was.
"""

from __future__ import annotations

from collections.abc import Iterable

from emulator import operations
from emulator.wire import ArmError, Body, Headers, Request
from emulator.world import Handler, Resource, World

DONE = "scale_sets.instance_done"


def require_idle(world: World, scale_set: Resource) -> None:
    """Raise 409 Conflict while the set is being written or upgraded (recording error-409-vmss-conflict-concurrent)."""
    if scale_set.body["properties"].get("provisioningState") in ("Creating", "Updating", "Deleting"):
        raise conflict()


def conflict() -> ArmError:
    return ArmError(
        409,
        "Conflict",
        "The request failed due to conflict with a concurrent request. To resolve it, please refer to "
        "https://aka.ms/activitylog to get more details on the conflicting requests.",
    )


def start(
    world: World, request: Request, scale_set: Resource, kind: str, *, seconds: float | None, writes: bool
) -> tuple[Headers, str]:
    """Begin an operation on a set: (headers, id). seconds None: it ends with its instances or by `operations.finish`.
    With `writes` the set's provisioningState follows it."""
    headers = operations.start(
        world,
        request,
        kind=kind,
        resource_id=scale_set.id,
        seconds=seconds,
        done="scale_sets.settled",
        set_id=scale_set.id,
        writes=writes,
    )
    started = operations.latest(world, scale_set.id)
    assert started is not None
    return headers, started.id


def wait_for(world: World, scale_set: Resource, operation: str, instances: Iterable[str]) -> None:
    """The operation ends when each of these instances has; with none of them at once."""
    waiting = list(instances)
    scale_set.hidden.setdefault("waiting", {})[operation] = {"instances": waiting, "error": None}
    if not waiting:
        _conclude(world, scale_set, operation)


def _instance_done(world: World, instance_id: str, error: Body | None, operation: str) -> None:
    """The work on an instance has ended."""
    scale_set = world.get(instance_id.rsplit("/", 2)[0])
    group = scale_set.hidden.get("waiting", {}).get(operation) if scale_set else None
    if scale_set is None or group is None:
        return
    if instance_id in group["instances"]:
        group["instances"].remove(instance_id)
    group["error"] = group["error"] or error
    if not group["instances"]:
        _conclude(world, scale_set, operation)


def _conclude(world: World, scale_set: Resource, operation: str) -> None:
    group = scale_set.hidden["waiting"].pop(operation)
    operations.finish(world, operation, group["error"])


def _settled(world: World, *, operation: str, error: Body | None, set_id: str, writes: bool) -> None:
    """The end of an operation on a set."""
    scale_set = world.get(set_id)
    if scale_set is None or not writes:
        return
    if not scale_set.hidden.get("rolling"):
        scale_set.body["properties"]["provisioningState"] = "Failed" if error else "Succeeded"
    scale_set.hidden["failure"] = error
    scale_set.hidden["provisioned_at"] = world.iso().replace("Z", "+00:00")
    scale_set.etag += 1


HANDLERS: dict[str, Handler] = {DONE: _instance_done, "scale_sets.settled": _settled}
