"""The nodes of a pool: how they come, boot, serve and go, on emulated time.

creating -> starting -> (waitingforstarttask) -> idle <-> running; upgradingos while the OS disk is exchanged; unusable
where the image does not come up (learn.microsoft.com/azure/batch/nodes-and-pools, states of BatchNodeState).
"""

from __future__ import annotations

import re

from emulator import durations, faults
from emulator.batch import fleet as fleets
from emulator.batch import images, tasks
from emulator.batch.fleet import Fleet, Node, set_state, step_in
from emulator.wire import ArmError, Body
from emulator.world import Handler, World

UPGRADING_OS_SINCE = "2023-11-01"
"""First api-version that shows `upgradingos`; before it the node is `rebooting` (the documentation of 2023; that of
2024 says 2024-02-01)."""
BROKEN = ("never_boots", "never_provisions", "unhealthy")
"""Guest faults by which a node's image does not come up."""
_EXIT = re.compile(r"\bexit\s+(?:/b\s+)?(\d+)", re.IGNORECASE)


def resize(world: World, fleet: Fleet) -> None:
    """Begin to bring the pool to its targets."""
    fleet.resizing, fleet.resized, fleet.resize_errors = True, world.now, []
    _allocate(world, fleet)
    _release(world, fleet)
    world.schedule(durations.draw(world, "batch resize", fleet.pool_id), "batch.settle", pool_id=fleet.pool_id)


def stop_resize(world: World, fleet: Fleet) -> None:
    """Nodes that are not there yet are given up."""
    for node in [n for n in fleet.nodes.values() if n.state == "creating"]:
        del fleet.nodes[node.id]
        told = "Desired number of dedicated nodes could not be allocated due to a stop resize operation"
        fleet.resize_errors = [{"code": "ResizeStopped", "message": told}]
    settle(world, pool_id=fleet.pool_id)


def targets_of(properties: Body) -> tuple[int, int]:
    """Target numbers of dedicated and low-priority nodes."""
    fixed = (properties.get("scaleSettings") or {}).get("fixedScale") or {}
    return int(fixed.get("targetDedicatedNodes") or 0), int(fixed.get("targetLowPriorityNodes") or 0)


def current_of(fleet: Fleet) -> tuple[int, int]:
    """Nodes that the pool has now, dedicated and low-priority; those that are created do not count yet."""
    here = [node.dedicated for node in fleet.nodes.values() if node.state != "creating"]
    return sum(here), len(here) - sum(here)


def is_empty(world: World, fleet: Fleet) -> bool:
    """Whether settings may be changed that can be changed on an empty pool only."""
    return not fleet.nodes and not fleet.resizing and targets_of(fleets.properties(world, fleet)) == (0, 0)


def broken_by(world: World, node: Node) -> str:
    """The fault that keeps the node's image from coming up, or nothing."""
    effects = faults.guest(world, node.id, node.image_id)
    return next((str(effect["fault"]) for effect in effects if effect["fault"] in BROKEN), "")


def break_down(world: World, node: Node, fault: str) -> None:
    """The node's image does not come up."""
    node.healthy = False
    told = "The node agent of the virtual machine did not report ready"
    node.errors = [{"code": "NodeNotReady", "message": f"{told} ({fault})"}]  # wording unverified
    set_state(world, node, "unusable")


def come_up(world: World, fleet: Fleet, node: Node) -> None:
    """The node agent reports: run the start task, or serve."""
    node.healthy, node.errors, node.booted = True, [], world.now
    start_task = fleets.properties(world, fleet).get("startTask") or {}
    if start_task.get("commandLine") and start_task.get("waitForSuccess", True) and node.state != "waitingforstarttask":
        set_state(world, node, "waitingforstarttask")
        step_in(world, fleet, node, durations.draw(world, "batch start task", f"{fleet.pool_id}/{node.id}"))
        return
    serve(world, fleet, node)


def serve(world: World, fleet: Fleet, node: Node) -> None:
    """Take tasks, or stay out with a start task that failed."""
    failed = _EXIT.search(str((fleets.properties(world, fleet).get("startTask") or {}).get("commandLine") or ""))
    if failed and int(failed[1]) and (fleets.properties(world, fleet)["startTask"]).get("waitForSuccess", True):
        set_state(world, node, "starttaskfailed")
        return
    set_state(world, node, "idle")
    tasks.assign(world, fleet)


def leave(world: World, fleet: Fleet, node: Node) -> None:
    """Take the node out of the pool; its tasks are put back into the queue."""
    tasks.put_back(world, fleet, node)
    set_state(world, node, "leavingpool")
    step_in(world, fleet, node, durations.draw(world, "batch node leave", f"{fleet.pool_id}/{node.id}"))


def shown_state(node: Node, defers: bool, api_version: str) -> str:
    """The state as an api-version names it. `upgradingos` is shown of pools that defer; that others show `rebooting`
    is inferred from the documentation, which names the former only."""
    if node.state == "upgradingos" and (api_version[:10] < UPGRADING_OS_SINCE or not defers):
        return "rebooting"
    return node.state


# -- parts


def _allocate(world: World, fleet: Fleet) -> None:
    properties = fleets.properties(world, fleet)
    machine = (properties.get("deploymentConfiguration") or {}).get("virtualMachineConfiguration") or {}
    zonal = str((machine.get("nodePlacementConfiguration") or {}).get("policy", "Regional")).lower() == "zonal"
    try:
        image = images.resolve(world, images.reference_of(properties), fleets.location(world, fleet.pool_id))
    except ArmError as error:
        fleet.resize_errors = [{"code": "AllocationFailed", "message": error.message}]
        return
    for dedicated, target in zip((True, False), targets_of(properties), strict=True):
        had = sum(n.dedicated is dedicated and n.state != "leavingpool" for n in fleet.nodes.values())
        for _ in range(target - had):
            node_id = f"tvmps_{world.random.getrandbits(256):064x}_{'d' if dedicated else 'p'}"
            zone = str(len(fleet.nodes) % 3 + 1) if zonal else ""
            node = Node(node_id, "creating", world.now, world.now, zone, image.version, image.id, dedicated=dedicated)
            fleet.nodes[node_id] = node
            step_in(world, fleet, node, durations.draw(world, "batch node create", f"{fleet.pool_id}/{node_id}"))


def _release(world: World, fleet: Fleet) -> None:
    """Let go of nodes that are too many: those first that run nothing."""
    for dedicated, target in zip((True, False), targets_of(fleets.properties(world, fleet)), strict=True):
        here = [n for n in fleet.nodes.values() if n.dedicated is dedicated and n.state != "leavingpool"]
        here.sort(key=lambda n: len(n.tasks))
        for node in here[: max(0, len(here) - target)]:
            leave(world, fleet, node)


def settle(world: World, *, pool_id: str) -> None:
    """Event: the resize may have ended."""
    fleet = fleets.of_pool(world, pool_id)
    if any(node.state in ("creating", "leavingpool") for node in fleet.nodes.values()):
        return
    if fleet.resizing:
        fleet.resizing, fleet.resized = False, world.now


HANDLERS: dict[str, Handler] = {"batch.settle": settle}
