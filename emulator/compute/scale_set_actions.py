"""What a POST does to instances of a scale set: start, restart, powerOff, deallocate, reimage, manualupgrade, delete.

All are 202 with Azure-AsyncOperation and Location, on the set with `instanceIds` in the body (without them all, where
Azure allows it) or on one instance. Durations are those of the recordings of each action on a set.
"""

from __future__ import annotations

from emulator import durations, guests
from emulator.compute import (
    scale_set_disks,
    scale_set_guests,
    scale_set_imaging,
    scale_set_instances,
    scale_set_operations,
)
from emulator.compute.shapes import required
from emulator.resources import existence
from emulator.wire import ArmError, Headers, Request, Response
from emulator.world import Handler, Resource, World

_ROWS = {
    "start": "scale set start",
    "restart": "scale set restart",
    "powerOff": "scale set power off",
    "deallocate": "scale set deallocate",
    "delete": "scale set instance delete",
}


def start(world: World, request: Request, path: dict[str, str]) -> Response:
    return _act(world, request, path, "start")


def restart(world: World, request: Request, path: dict[str, str]) -> Response:
    return _act(world, request, path, "restart")


def power_off(world: World, request: Request, path: dict[str, str]) -> Response:
    return _act(world, request, path, "powerOff")


def deallocate(world: World, request: Request, path: dict[str, str]) -> Response:
    return _act(world, request, path, "deallocate")


def delete_instances(world: World, request: Request, path: dict[str, str]) -> Response:
    """POST delete of the set, DELETE of an instance: the capacity shrinks with them."""
    return _act(world, request, path, "delete")


def reimage(world: World, request: Request, path: dict[str, str]) -> Response:
    """A new OS disk of the model's image, `latest` resolved now (learn.microsoft.com/azure/virtual-machine-scale-sets/
    virtual-machine-scale-sets-upgrade-policy: reimage brings what the model says of the OS disk). Data disks stay."""
    scale_set, instances = _targets(world, request, path)
    source = scale_set_disks.source_of(world, scale_set)
    headers, operation = _begin(world, request, scale_set, instances)
    for instance in instances:
        scale_set_imaging.replace(
            world, scale_set, instance, source, scale_set_operations.DONE, keep=False, operation=operation
        )
    return Response(202, None, headers)


def manual_upgrade(world: World, request: Request, path: dict[str, str]) -> Response:
    """Bring instances to the latest model. A Flexible set does not know it (recording
    error-409-vmss-operation-not-allowed; that the set there was Flexible is inferred)."""
    scale_set = existence.find(world, request.path.rpartition("/")[0])
    if scale_set.body["properties"]["orchestrationMode"] == "Flexible":
        raise ArmError(
            409,
            "OperationNotAllowed",
            "Operation 'VirtualMachineScaleSets.ManualUpgrade.POST' is not allowed on Virtual Machine Scale Set "
            f"'{scale_set.body['name']}'.",
        )
    if not (request.body or {}).get("instanceIds"):
        raise required("instanceIds")
    scale_set_operations.require_idle(world, scale_set)
    scale_set, instances = _targets(world, request, path)
    outdated = [
        each
        for each in instances
        if not scale_set_instances.latest(scale_set, each) or each.body["properties"]["provisioningState"] == "Failed"
    ]
    headers, operation = _begin(world, request, scale_set, outdated)
    for instance in outdated:
        scale_set_imaging.bring_to_model(world, scale_set, instance, scale_set_operations.DONE, operation=operation)
    return Response(202, None, headers)


# -- parts


def _targets(world: World, request: Request, path: dict[str, str]) -> tuple[Resource, list[Resource]]:
    """The set and the instances that a POST is about. Raises 409 Conflict while one of them is being worked on."""
    parent = request.path.rpartition("/")[0] if request.method == "POST" else request.path
    if "instance" in path:
        instances = [existence.find(world, parent)]
        scale_set = scale_set_guests.scale_set_of(world, instances[0])
    else:
        scale_set = existence.find(world, parent)
        instances = scale_set_instances.chosen(world, scale_set, (request.body or {}).get("instanceIds"))
    if any(scale_set_guests.busy(each) for each in instances):
        raise scale_set_operations.conflict()
    return scale_set, instances


def _begin(world: World, request: Request, scale_set: Resource, instances: list[Resource]) -> tuple[Headers, str]:
    headers, operation = scale_set_operations.start(
        world, request, scale_set, "scale set action", seconds=None, writes=False
    )
    scale_set_operations.wait_for(world, scale_set, operation, [each.id for each in instances])
    return headers, operation


def _act(world: World, request: Request, path: dict[str, str], verb: str) -> Response:
    if verb == "delete" and "instance" not in path and not (request.body or {}).get("instanceIds"):
        raise required("instanceIds")
    scale_set, instances = _targets(world, request, path)
    headers, operation = _begin(world, request, scale_set, instances)
    for instance in instances:
        turn = scale_set_guests.begin(world, instance, scale_set_operations.DONE, operation=operation)
        if verb == "delete":
            instance.body["properties"]["provisioningState"] = "Deleting"
        seconds = durations.draw(world, _ROWS[verb], instance.id)
        world.schedule(seconds, "scale_set_actions.acted", instance_id=instance.id, turn=turn, verb=verb)
    return Response(202, None, headers)


def _acted(world: World, instance_id: str, turn: int, verb: str) -> None:
    """Event: the action takes effect."""
    instance = scale_set_guests.current(world, instance_id, turn)
    if instance is None:
        return
    scale_set, power = scale_set_guests.scale_set_of(world, instance), guests.machine_of(world, instance).power
    if verb == "start" and power != "running":
        guests.power_on(world, instance)
    elif verb == "restart" and power == "running":
        guests.reboot(world, instance)
    elif verb == "powerOff" and power == "running":
        guests.power_off(world, instance, deallocate=False)
    elif verb == "deallocate" and power != "deallocated":
        guests.power_off(world, instance, deallocate=True)
    if verb in ("powerOff", "deallocate"):
        instance.hidden.pop("app_ready_at", None)
    if verb == "delete":
        scale_set.body["sku"]["capacity"] -= 1
    scale_set_guests.end(world, instance, None)
    if verb == "delete":
        scale_set_instances.remove(world, instance)


HANDLERS: dict[str, Handler] = {"scale_set_actions.acted": _acted}
