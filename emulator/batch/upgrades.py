"""The orchestrator of a pool's OS upgrades: a scale set's work flow, and nodes that finish their tasks first.

A new version of the image is noticed by looking at it now and then; the upgrade begins 30 to 60 minutes later, the
first one of a pool up to 3 hours after automatic upgrades were turned on (learn.microsoft.com/azure/
virtual-machine-scale-sets/virtual-machine-scale-sets-automatic-upgrade, of scale sets). With osRollingUpgradeDeferral
a node that runs tasks is passed over until it is idle.
"""

from __future__ import annotations

from emulator import durations
from emulator.batch import fleet as fleets
from emulator.batch import images, nodes, tasks
from emulator.batch.fleet import READY, Fleet, Node, Upgrade, set_state, step_in
from emulator.batch.rules import seconds_of
from emulator.compute import scale_set_upgrade_errors as errors
from emulator.compute.scale_set_batches import Candidate, exceeds, next_batch
from emulator.compute.scale_set_models import ROLLING_DEFAULTS
from emulator.wire import ArmError, Body
from emulator.world import Handler, World

LOOK_EVERY = 300.0
"""Seconds between looks for a new version (how Azure learns of one is not documented)."""
HEALTH_WAIT = 300.0
"""Seconds that an upgraded node has to become healthy before its former OS disk is restored."""
COMING_UP = ("creating", "starting", "waitingforstarttask")
BUSY_AGAIN = 60.0
"""Seconds until nodes that are not ready are looked at again, should none of them report the end of its tasks: a node
that was just made has none."""


def policy_changed(world: World, fleet: Fleet) -> None:
    """To be called when a pool was made or its policy written."""
    on = bool(fleets.os_upgrade(fleets.properties(world, fleet)).get("enableAutomaticOSUpgrade"))
    fleet.looks += 1
    if not on:
        fleet.enabled, fleet.noticed = None, None
        return
    if fleet.enabled is None:
        fleet.enabled = world.now
    world.schedule(LOOK_EVERY, "batch.look", pool_id=fleet.pool_id, look=fleet.looks)


def went_on(world: World, fleet: Fleet, node: Node) -> None:
    """The next step of a node whose OS disk is exchanged or restored."""
    if node.state == "waitingforstarttask":
        _serves(world, fleet, node)
    elif node.restoring:
        _restored(world, fleet, node)
    elif node.state == "unusable":
        _not_healthy_in_time(world, fleet, node)
    else:
        _booted(world, fleet, node)


def gone(world: World, fleet: Fleet, node_id: str) -> None:
    """A node has left the pool: nobody waits for it."""
    upgrade = fleet.upgrade
    if upgrade is not None and node_id in upgrade.batch:
        _left_batch(world, fleet, upgrade, node_id)


# -- when it begins


def _look(world: World, *, pool_id: str, look: int) -> None:
    """Event: see whether the image has a newer version, and begin when it is time."""
    fleet = fleets.of_pool(world, pool_id)
    if look != fleet.looks or world.get(pool_id) is None:
        return
    wait = LOOK_EVERY
    if fleet.upgrade is None:
        wait = _notice(world, fleet)
    fleet.looks += 1
    world.schedule(max(1.0, min(LOOK_EVERY, wait)), "batch.look", pool_id=pool_id, look=fleet.looks)


def _notice(world: World, fleet: Fleet) -> float:
    """Begin an upgrade that is due; returns the seconds until one is."""
    reference = images.reference_of(fleets.properties(world, fleet))
    try:
        image = images.resolve(world, reference, fleets.location(world, fleet.pool_id))
    except ArmError:  # all versions are gone: nothing to go to
        return LOOK_EVERY
    tried = fleet.upgrades[-1].target if fleet.upgrades else ""
    if image.version == tried or not any(_older(node.version, image.version) for node in fleet.nodes.values()):
        return LOOK_EVERY
    if fleet.noticed is None or fleet.noticed[0] != image.version:
        fleet.noticed = (image.version, world.now + _delay(world, fleet))
    due = fleet.noticed[1]
    if world.now >= due:
        fleet.noticed = None
        begin(world, fleet, image)
    return due - world.now


def _older(one: str, other: str) -> bool:
    """Nothing is rolled back to an older version because a newer one was withdrawn (inferred)."""
    return [int(part) for part in one.split(".")] < [int(part) for part in other.split(".")]


def _delay(world: World, fleet: Fleet) -> float:
    if fleet.upgrades:
        return durations.draw(world, "automatic upgrade later", fleet.pool_id)
    since = fleet.enabled if fleet.enabled is not None else world.now
    first = since + durations.draw(world, "automatic upgrade first", fleet.pool_id) - world.now
    return first if first > 0 else durations.draw(world, "automatic upgrade later", fleet.pool_id)


def begin(world: World, fleet: Fleet, image: images.Image) -> None:
    """Begin to roll the pool to a version."""
    upgrade = Upgrade(image.version, image.id, world.now)
    fleet.upgrades.append(upgrade)
    fleets.note(world, fleet, "started", version=image.version)
    _next(world, fleet, upgrade, first=True)


# -- batches


def _policy(world: World, fleet: Fleet) -> Body:
    """The pool's own rolling upgrade policy where it says to use it, else Azure's default one."""
    properties = fleets.properties(world, fleet)
    used = fleets.os_upgrade(properties).get("useRollingUpgradePolicy")
    given = fleets.upgrade_policy(properties).get("rollingUpgradePolicy") if used else None
    return ROLLING_DEFAULTS | (given or {})


def _left(fleet: Fleet, upgrade: Upgrade) -> list[Node]:
    """The nodes that are still to be upgraded, in the order of their creation."""
    return [
        node
        for node in fleet.nodes.values()
        if node.state != "leavingpool" and node.version != upgrade.target and node.id not in upgrade.failed
    ]


def _unhealthy(fleet: Fleet) -> list[str]:
    return [node.id for node in fleet.nodes.values() if not node.healthy]


def _next(world: World, fleet: Fleet, upgrade: Upgrade, *, first: bool = False) -> None:
    """Take the next batch, wait for nodes that are busy, or end."""
    policy, unhealthy, whole = _policy(world, fleet), _unhealthy(fleet), len(fleet.nodes)
    left, limit = _left(fleet, upgrade), int(policy["maxUnhealthyInstancePercent"])
    if left and exceeds(len(unhealthy), whole, limit):
        breach = errors.before if first else errors.between
        details = [errors.of_instance(_name(fleet), each) for each in unhealthy]
        _stop(world, fleet, upgrade, breach(len(unhealthy), whole, limit, details))
        return
    defers = fleets.defers(fleets.properties(world, fleet))
    ready = [node for node in left if node.state not in COMING_UP and not (defers and node.tasks)]
    for node in left:
        if node not in ready and node.id not in upgrade.deferred:
            upgrade.deferred.append(node.id)
            fleets.note(world, fleet, "deferred", node.id)
    places = {node_id: number for number, node_id in enumerate(fleet.nodes)}
    # A pool's nodes are spread over update and fault domains in ways that Batch does not show.
    waiting = [Candidate(node.id, places[node.id], node.zone, 0, 0, node.healthy) for node in ready]
    batch = next_batch(waiting, whole, len(unhealthy), policy, by_update_domain=False)
    if batch:
        upgrade.batch = batch
        upgrade.batches.append(list(batch))
        for node_id in batch:
            _exchange(world, fleet, fleet.nodes[node_id], upgrade)
        tasks.assign(world, fleet)  # what was interrupted may find another node
    elif left:
        _again_in(world, fleet, upgrade, BUSY_AGAIN)
    else:
        _end(world, fleet, upgrade)


def _name(fleet: Fleet) -> str:
    return fleet.pool_id.rpartition("/")[2]


def _again_in(world: World, fleet: Fleet, upgrade: Upgrade, seconds: float) -> None:
    upgrade.turn += 1
    world.schedule(seconds, "batch.upgrade", pool_id=fleet.pool_id, turn=upgrade.turn)


def _resume(world: World, *, pool_id: str, turn: int) -> None:
    """Event: the pause between batches is over, or nodes may have become ready."""
    fleet = fleets.of_pool(world, pool_id)
    upgrade = fleet.upgrade
    if upgrade is not None and upgrade.turn == turn and not upgrade.batch:
        upgrade.pausing = False
        _next(world, fleet, upgrade)


def _idle(world: World, *, pool_id: str) -> None:
    """Event: a node has finished its tasks. An upgrade that waits for nodes goes on with it; else it takes new ones."""
    fleet = fleets.of_pool(world, pool_id)
    upgrade = fleet.upgrade
    if upgrade is not None and not upgrade.batch and not upgrade.pausing:
        _next(world, fleet, upgrade)
    tasks.assign(world, fleet)


def _left_batch(world: World, fleet: Fleet, upgrade: Upgrade, node_id: str) -> None:
    upgrade.batch.remove(node_id)
    if upgrade.batch:
        return
    policy, failed = _policy(world, fleet), upgrade.failed
    limit, tried = int(policy["maxUnhealthyUpgradedInstancePercent"]), len(failed) + len(upgrade.successful)
    pause = seconds_of(str(policy["pauseTimeBetweenBatches"])) or 0.0
    if exceeds(len(failed), tried, limit):
        details = [errors.of_instance(_name(fleet), each) for each in failed]
        _stop(world, fleet, upgrade, errors.after(len(failed), tried, limit, details))
    elif pause and _left(fleet, upgrade):
        upgrade.pausing = True
        _again_in(world, fleet, upgrade, pause)
    else:
        _next(world, fleet, upgrade)


def _end(world: World, fleet: Fleet, upgrade: Upgrade) -> None:
    upgrade.status, upgrade.ended = "Completed", world.now
    upgrade.error = errors.going_on({each: errors.of_instance(_name(fleet), each) for each in upgrade.failed})
    fleets.note(world, fleet, "completed", version=upgrade.target)


def _stop(world: World, fleet: Fleet, upgrade: Upgrade, error: Body) -> None:
    upgrade.error = error
    fleets.note(world, fleet, "stopped", version=upgrade.target, code=error["code"])
    broken = [fleet.nodes[n] for n in upgrade.failed if n in fleet.nodes and not fleet.nodes[n].healthy]
    if _policy(world, fleet)["rollbackFailedInstancesOnPolicyBreach"] and broken:
        upgrade.status = "RollingBack"
        upgrade.batch = [node.id for node in broken]
        for node in broken:
            _restore(world, fleet, node)
        return
    upgrade.status, upgrade.ended = "Faulted", world.now


# -- one node


def _exchange(world: World, fleet: Fleet, node: Node, upgrade: Upgrade) -> None:
    """Give the node an OS disk of the new version; tasks that run, where the upgrade is not deferred, begin anew."""
    interrupted = tasks.put_back(world, fleet, node)
    fleets.note(world, fleet, "upgrading", node.id, version=upgrade.target, interrupted=interrupted)
    node.former, node.version, node.image_id = (node.version, node.image_id), upgrade.target, upgrade.image_id
    set_state(world, node, "upgradingos")
    step_in(world, fleet, node, durations.draw(world, "batch node upgrade", f"{fleet.pool_id}/{node.id}"))


def _booted(world: World, fleet: Fleet, node: Node) -> None:
    fault = nodes.broken_by(world, node)
    if fault:
        nodes.break_down(world, node, fault)
        step_in(world, fleet, node, HEALTH_WAIT)
        return
    nodes.come_up(world, fleet, node)
    if node.state != "waitingforstarttask":
        _settled(world, fleet, node)


def _serves(world: World, fleet: Fleet, node: Node) -> None:
    nodes.serve(world, fleet, node)
    _settled(world, fleet, node)


def _settled(world: World, fleet: Fleet, node: Node) -> None:
    """The node is through, on the new version or on its former one."""
    upgrade = fleet.upgrade
    restored, node.former, node.restoring = node.restoring, None, False
    if upgrade is None or node.id not in upgrade.batch:
        return
    if upgrade.status == "RollingBack":
        upgrade.batch.remove(node.id)
        if not upgrade.batch:
            upgrade.status, upgrade.ended = "Faulted", world.now
        return
    if not restored:
        upgrade.successful.append(node.id)
        fleets.note(world, fleet, "upgraded", node.id, version=node.version)
    _left_batch(world, fleet, upgrade, node.id)


def _not_healthy_in_time(world: World, fleet: Fleet, node: Node) -> None:
    upgrade = fleet.upgrade
    if upgrade is not None:
        upgrade.failed.append(node.id)
        fleets.note(world, fleet, "failed", node.id, version=node.version)
    if fleets.os_upgrade(fleets.properties(world, fleet)).get("disableAutomaticRollback"):
        if upgrade is not None and node.id in upgrade.batch:
            _left_batch(world, fleet, upgrade, node.id)
        return
    _restore(world, fleet, node)


def _restore(world: World, fleet: Fleet, node: Node) -> None:
    """Attach the former OS disk again."""
    node.restoring = True
    set_state(world, node, "upgradingos")
    step_in(world, fleet, node, durations.draw(world, "batch node upgrade", f"{fleet.pool_id}/{node.id}"))


def _restored(world: World, fleet: Fleet, node: Node) -> None:
    if node.former is not None:
        node.version, node.image_id = node.former
    upgrade = fleet.upgrade
    if upgrade is not None:
        upgrade.restored.append(node.id)
    fleets.note(world, fleet, "restored", node.id, version=node.version)
    nodes.come_up(world, fleet, node)
    if node.state in READY or node.state == "starttaskfailed":
        _settled(world, fleet, node)


HANDLERS: dict[str, Handler] = {"batch.look": _look, "batch.upgrade": _resume, "batch.idle": _idle}
