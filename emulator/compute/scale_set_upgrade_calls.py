"""The calls that begin, cancel and approve rolling upgrades. All are 202 with Azure-AsyncOperation and Location.

The operation of a start goes on until the upgrade has ended and fails with its error (Service Fabric's guide of OS
image upgrades prints such a failure); that of a cancel ends at once (recording compute-vmss-rolling-upgrade-api).
"""

from __future__ import annotations

from emulator import durations, operations
from emulator.compute import (
    scale_set_deferral,
    scale_set_guests,
    scale_set_instances,
    scale_set_operations,
    scale_set_upgrade_status,
    scale_set_upgrades,
)
from emulator.compute.shapes import not_allowed
from emulator.resources import existence
from emulator.wire import Request, Response
from emulator.world import Resource, World


def start_os_upgrade(world: World, request: Request, path: dict[str, str]) -> Response:
    """POST osRollingUpgrade: to the newest version of the model's image. No restore if it goes wrong."""
    scale_set = existence.find(world, request.path.rpartition("/")[0])
    if not follows_latest(scale_set):
        # Wording: Service Fabric's guide of OS image upgrades
        raise not_allowed(
            "The OS Rolling Upgrade API cannot be used on a Virtual Machine Scale Set unless the Virtual Machine "
            "Scale Set "
            "has some unprotected instances which have imageReference.version set to latest."
        )
    return _start(world, request, scale_set, "os")


def start_extension_upgrade(world: World, request: Request, path: dict[str, str]) -> Response:
    """POST extensionRollingUpgrade: all extensions run again, batch by batch."""
    return _start(world, request, existence.find(world, request.path.rpartition("/")[0]), "extensions")


def cancel(world: World, request: Request, path: dict[str, str]) -> Response:
    """POST rollingUpgrades/cancel: the running batch ends, no other follows. One that has ended already is no error
    (recorded); where there never was one: words of azure-powershell's tests, status inferred."""
    scale_set = existence.find(world, request.path.rsplit("/", 2)[0])
    if not scale_set_upgrade_status.all_of(world, scale_set.id):
        raise not_allowed("There is no ongoing Rolling Upgrade to cancel.")
    scale_set_upgrades.cancel(world, scale_set)
    return _short(world, request, scale_set)


def approve(world: World, request: Request, path: dict[str, str]) -> Response:
    """POST approveRollingUpgrade, on the set or on an instance."""
    target = existence.find(world, request.path.rpartition("/")[0])
    if "instance" in path:
        scale_set, instances = scale_set_guests.scale_set_of(world, target), [target]
    else:
        given = (request.body or {}).get("instanceIds")
        scale_set, instances = target, scale_set_instances.chosen(world, target, given)
    scale_set_deferral.approve(world, scale_set, instances)
    scale_set_upgrades.go_on(world, scale_set)
    return _short(world, request, scale_set)


def follows_latest(scale_set: Resource) -> bool:
    """Whether the model names an image without a fixed version."""
    reference = scale_set.body["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"]
    image_id = str(reference.get("id") or "").lower()
    if image_id:
        return "/galleries/" in image_id and ("/versions/" not in image_id or image_id.endswith("/versions/latest"))
    return str(reference.get("version")).lower() == "latest"


def _start(world: World, request: Request, scale_set: Resource, kind: str) -> Response:
    if scale_set_upgrade_status.running(world, scale_set.id) is not None:
        # Code as operators quote it; words unverified.
        raise not_allowed(
            f"Operation is not allowed on Virtual Machine Scale Set '{scale_set.body['name']}' since another rolling "
            "upgrade is in progress."
        )
    scale_set_operations.require_idle(world, scale_set)
    headers, operation = scale_set_operations.start(
        world, request, scale_set, "scale set action", seconds=None, writes=False
    )
    scale_set_upgrades.start(world, scale_set, kind, "User", operation=operation)
    return Response(202, None, headers)


def _short(world: World, request: Request, scale_set: Resource) -> Response:
    headers = operations.start(
        world,
        request,
        kind="scale set action",
        resource_id=scale_set.id,
        seconds=durations.draw(world, "rolling upgrade cancel", scale_set.id),
        done="operations.done_nothing",
    )
    return Response(202, None, headers)
