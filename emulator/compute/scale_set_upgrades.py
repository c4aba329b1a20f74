"""Rolling upgrades of a scale set: of its OS image, its model or its extensions, batch after batch on emulated time.

learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-automatic-upgrade, step by step:
1. nothing begins while more than maxUnhealthyInstancePercent of the instances are unhealthy;
2. a batch is chosen (scale_set_batches.py) and waits for what must let it pass (scale_set_gates.py);
3. its instances get a new OS disk, and run custom data and extensions (scale_set_imaging.py);
4. each has five minutes to get healthy, else its old OS disk is put back, unless that is switched off or a user
   began the upgrade (a manual start cannot restore);
5. the upgrade stops if too many of the upgraded instances are unhealthy, and, before the next batch, if too many of all
   are. A running batch is always finished.

An OS upgrade goes by the rolling upgrade policy whatever the upgrade mode (learn.microsoft.com/azure/
virtual-machine-scale-sets/virtual-machine-scale-sets-configure-rolling-upgrades), and whatever useRollingUpgradePolicy
says: the REST specification has it that without this flag Azure's own 20 % are taken, which that page does not know.

Inferred: the five minutes begin when the instance is provisioned; who opts out in the middle gets the running batch
finished and the upgrade Cancelled.
"""

from __future__ import annotations

from typing import Any

from emulator import durations, iso_durations, operations
from emulator.compute import (
    scale_set_batches,
    scale_set_deferral,
    scale_set_disks,
    scale_set_gates,
    scale_set_guests,
    scale_set_health,
    scale_set_imaging,
    scale_set_instances,
    scale_set_metrics,
    scale_set_models,
    scale_set_surge,
    scale_set_upgrade_status,
)
from emulator.compute import scale_set_upgrade_errors as errors
from emulator.compute.scale_set_upgrade_status import Upgrade
from emulator.wire import Body
from emulator.world import Handler, Resource, World

HEALTH_WAIT = 300.0
"""Seconds that an upgraded instance has to get healthy."""
LOOK = 5.0
"""Seconds between two looks at the health of a batch."""
BUSY_WAIT = 60.0
"""Seconds until the next look where all that wait are in other work (unverified)."""
DONE = "scale_set_upgrades.provisioned"


# -- beginning and ending


def start(world: World, scale_set: Resource, kind: str, started_by: str, *, operation: str | None = None) -> Upgrade:
    """Begin a rolling upgrade. Raises what resolving the image raises, 404 in particular."""
    properties = scale_set.body["properties"]
    known = scale_set_upgrade_status.all_of(world, scale_set.id)
    automatic = scale_set_models.automatic_of(properties)
    upgrade = Upgrade(
        scale_set.id,
        len(known) + 1,
        kind,
        started_by,
        world.now,
        scale_set_models.policy_of(properties),
        restores=kind == "os" and started_by == "Platform" and not automatic["disableAutomaticRollback"],
        operation=operation,
        last_action_at=world.now,
    )
    instances = scale_set_instances.of(world, scale_set)
    if kind == "os":
        source = scale_set_disks.source_of(world, scale_set)
        upgrade.target = scale_set_disks.target_of(scale_set, source.exact_version)
        outdated = [each for each in instances if scale_set_instances.image_of(each) != source.exact_version]
    elif kind == "extensions":
        outdated = [each for each in instances if scale_set_models.extensions_of(properties)]
    else:
        outdated = [each for each in instances if needs_model(scale_set, each)]
    rich = scale_set_health.source_of(world, properties).rich
    upgrade.skipped = [each.id for each in outdated if rich and scale_set_metrics.skips(each)]
    upgrade.waiting = [each.id for each in outdated if each.id not in upgrade.skipped]
    upgrade.phases = {each.id: scale_set_metrics.phase(each) for each in outdated if rich}
    upgrade.succeeded = [each.id for each in instances if each not in outdated]
    known.append(upgrade)
    scale_set.hidden["rolling"] = upgrade.number
    properties["provisioningState"] = "Updating"
    row = "rolling upgrade batch" if upgrade.waiting else "rolling upgrade nothing to do"
    _later(world, upgrade, durations.draw(world, row, scale_set.id), "begin")
    return upgrade


def needs_model(scale_set: Resource, instance: Resource) -> bool:
    """Whether an instance is not on the latest model, or failed."""
    failed = instance.body["properties"]["provisioningState"] == "Failed"
    return failed or not scale_set_instances.latest(scale_set, instance)


def cancel(world: World, scale_set: Resource) -> None:
    """Let the running batch end and nothing follow it. Without a running upgrade nothing happens."""
    upgrade = scale_set_upgrade_status.running(world, scale_set.id)
    if upgrade is None:
        return
    upgrade.last_action, upgrade.last_action_at = "Cancel", world.now
    if upgrade.stage != "batch":
        _end(world, scale_set, upgrade, "Cancelled")


def go_on(world: World, scale_set: Resource) -> None:
    """Something that a batch waits for has changed."""
    upgrade = scale_set_upgrade_status.running(world, scale_set.id)
    if upgrade is not None and upgrade.stage == "gates":
        _pass_gates(world, scale_set, upgrade)
    elif upgrade is not None and upgrade.stage == "choosing":
        _next_batch(world, scale_set, upgrade)


def _end(world: World, scale_set: Resource, upgrade: Upgrade, code: str, error: Body | None = None) -> None:
    upgrade.turn += 1
    scale_set_gates.end(world, upgrade)
    upgrade.stage, upgrade.code, upgrade.ended = "ended", code, world.now
    upgrade.error = error or upgrade.error
    upgrade.batch, upgrade.in_progress = [], {}
    _log(world, upgrade, code, error=error["code"] if error else None)
    scale_set_deferral.end(world, scale_set)
    scale_set.hidden.pop("rolling", None)
    scale_set.body["properties"]["provisioningState"] = "Succeeded"
    scale_set.etag += 1
    for instance in scale_set_instances.of(world, scale_set):
        scale_set_disks.drop_previous(world, instance)
    if upgrade.operation is not None and code == "Cancelled":
        message = "The rolling upgrade was cancelled."  # words unverified
        operations.cancel(world, upgrade.operation, {"code": "OperationCanceled", "message": message})
    elif upgrade.operation is not None:
        operations.finish(world, upgrade.operation, error)


# -- batches


def _begin(world: World, scale_set: Resource, upgrade: Upgrade) -> None:
    """The health of the whole set, before anything is touched."""
    unhealthy = scale_set_instances.unhealthy_of(world, scale_set)
    limit = int(upgrade.policy["maxUnhealthyInstancePercent"])
    whole = len(scale_set_instances.of(world, scale_set))
    if upgrade.waiting and scale_set_batches.exceeds(len(unhealthy), whole, limit):
        details = [errors.of_instance(scale_set.body["name"], each) for each in unhealthy]
        error = errors.before(len(unhealthy), whole, limit, details)
        _end(world, scale_set, upgrade, "Faulted", error)
        return
    _next_batch(world, scale_set, upgrade)


def _next_batch(world: World, scale_set: Resource, upgrade: Upgrade) -> None:
    if upgrade.last_action == "Cancel" or _opted_out(scale_set, upgrade):
        _end(world, scale_set, upgrade, "Cancelled")
        return
    upgrade.waiting = [each for each in upgrade.waiting if world.get(each) is not None]
    if not upgrade.waiting:
        _end(world, scale_set, upgrade, "Completed")
        return
    unhealthy = scale_set_instances.unhealthy_of(world, scale_set)
    whole, limit = len(scale_set_instances.of(world, scale_set)), int(upgrade.policy["maxUnhealthyInstancePercent"])
    if upgrade.batches and scale_set_batches.exceeds(len(unhealthy), whole, limit):
        details = [errors.of_instance(scale_set.body["name"], each) for each in unhealthy]
        _fault(world, scale_set, upgrade, errors.between(len(unhealthy), whole, limit, details))
        return
    _choose(world, scale_set, upgrade, unhealthy)
    if not upgrade.batch:
        upgrade.stage = "choosing"
        _later(world, upgrade, BUSY_WAIT, "next")
        return
    upgrade.stage = "gates"
    _pass_gates(world, scale_set, upgrade)


def _choose(world: World, scale_set: Resource, upgrade: Upgrade, unhealthy: list[str]) -> None:
    """The instances of the next batch, of those that wait, may be upgraded and are in no other work."""
    properties = scale_set.body["properties"]
    fabric = scale_set_health.source_of(world, properties).kind == "service fabric"
    allowed = scale_set_deferral.allowed(world, scale_set, upgrade)
    found = [instance for each in allowed if (instance := world.get(each)) is not None]
    candidates = [
        scale_set_batches.Candidate(
            each.id,
            each.hidden["number"],
            (each.body.get("zones") or [""])[0],
            each.hidden["update_domain"],
            each.hidden["fault_domain"],
            each.id not in unhealthy,
            upgrade.phases.get(each.id, scale_set_batches.LAST_PHASE),
        )
        for each in found
        if not scale_set_guests.busy(each)
    ]
    total = len(scale_set_instances.of(world, scale_set))
    upgrade.batch = scale_set_batches.next_batch(
        candidates, total, len(unhealthy), upgrade.policy, by_update_domain=fabric
    )


def _pass_gates(world: World, scale_set: Resource, upgrade: Upgrade) -> None:
    """The batch begins once nothing holds it; what is refused leaves it."""
    if upgrade.last_action == "Cancel" or _opted_out(scale_set, upgrade):
        _end(world, scale_set, upgrade, "Cancelled")
        return
    wait = scale_set_gates.before_batch(world, scale_set, upgrade)
    if wait is not None:
        _later(world, upgrade, wait, "gates")
        return
    for each in upgrade.skipped:
        if each in upgrade.waiting:
            upgrade.waiting.remove(each)
    upgrade.batch = [each for each in upgrade.batch if each in upgrade.waiting and world.get(each) is not None]
    if not upgrade.batch:
        _next_batch(world, scale_set, upgrade)
        return
    _run_batch(world, scale_set, upgrade)


def _run_batch(world: World, scale_set: Resource, upgrade: Upgrade) -> None:
    upgrade.turn += 1
    upgrade.stage = "batch"
    upgrade.batches += 1
    _log(world, upgrade, "batch", instances=[_number(each) for each in upgrade.batch])
    for each in upgrade.batch:
        upgrade.waiting.remove(each)
        upgrade.in_progress[each] = None
    for each in upgrade.batch:
        instance = world.get(each)
        if instance is None:
            del upgrade.in_progress[each]
            continue
        if upgrade.kind != "extensions" and scale_set_surge.wanted(world, scale_set, upgrade):
            new = scale_set_surge.begin(world, scale_set, DONE, upgrade=upgrade.number, of=each)
            upgrade.surges[each] = new.id
            continue
        _bring(world, scale_set, upgrade, instance)
    if not upgrade.in_progress:
        _later(world, upgrade, 0.0, "next")


def _bring(world: World, scale_set: Resource, upgrade: Upgrade, instance: Resource) -> None:
    """Do to one instance what the upgrade is for."""
    payload: dict[str, Any] = {"upgrade": upgrade.number, "of": instance.id}
    if upgrade.kind == "extensions":
        turn = scale_set_guests.begin(world, instance, DONE, **payload)
        scale_set_guests.run_extensions(world, instance, turn)
    elif upgrade.kind == "model":
        scale_set_imaging.bring_to_model(world, scale_set, instance, DONE, **payload)
    else:
        source = scale_set_disks.source_of(world, scale_set, version=upgrade.target.get("version"))
        keep = upgrade.restores or (
            upgrade.started_by == "Platform" and bool(upgrade.policy["rollbackFailedInstancesOnPolicyBreach"])
        )
        scale_set_imaging.replace(world, scale_set, instance, source, DONE, keep=keep, **payload)


def _provisioned(world: World, instance_id: str, error: Body | None, upgrade: int, of: str) -> None:
    """An instance of the batch has been provisioned, or a new one in its place."""
    found = _running(world, instance_id.rsplit("/", 2)[0], upgrade)
    if found is None or of not in found[1].in_progress:
        return
    scale_set, record = found
    if error is not None:
        _failed(world, scale_set, record, of, error)
        return
    record.in_progress[of] = world.now + HEALTH_WAIT
    _look(world, scale_set, record)


def _look(world: World, scale_set: Resource, upgrade: Upgrade) -> None:
    """Judge the instances whose health is waited for; look again while there are any."""
    source = scale_set_health.source_of(world, scale_set.body["properties"])
    for each, until in list(upgrade.in_progress.items()):
        if until is None or each in upgrade.restoring:
            continue
        instance = world.get(upgrade.surges.get(each, each))
        if instance is None:
            _failed(world, scale_set, upgrade, each, None)
        elif scale_set_health.healthy(world, scale_set, instance, source):
            _succeeded(world, scale_set, upgrade, each, instance)
        elif world.now >= until:
            _failed(world, scale_set, upgrade, each, None)
    if upgrade.stage == "batch" and any(until is not None for until in upgrade.in_progress.values()):
        _later(world, upgrade, LOOK, "look")


def _succeeded(world: World, scale_set: Resource, upgrade: Upgrade, instance_id: str, now: Resource) -> None:
    del upgrade.in_progress[instance_id]
    if instance_id in upgrade.surges:
        upgrade.surges.pop(instance_id)
        scale_set_surge.retire(world, scale_set, instance_id)
    scale_set_disks.drop_previous(world, now)
    upgrade.succeeded.append(now.id)
    upgrade.upgraded.append(now.id)
    _log(world, upgrade, "healthy", instances=[_number(now.id)])
    _after(world, scale_set, upgrade)


def _failed(world: World, scale_set: Resource, upgrade: Upgrade, instance_id: str, error: Body | None) -> None:
    """An upgraded instance is not healthy: its old disk is put back where that may be."""
    upgrade.failed[instance_id] = errors.of_instance(scale_set.body["name"], instance_id, error)
    _log(world, upgrade, "failed", instances=[_number(instance_id)], error=upgrade.failed[instance_id]["code"])
    surged = upgrade.surges.pop(instance_id, None)
    instance = world.get(instance_id)
    if surged is not None:
        scale_set_surge.abandon(world, surged)
    elif upgrade.restores and instance is not None and scale_set_imaging.can_restore(world, instance):
        upgrade.restoring.append(instance_id)
        scale_set_imaging.restore(world, instance, "scale_set_upgrades.restored", upgrade=upgrade.number)
        return
    del upgrade.in_progress[instance_id]
    _after(world, scale_set, upgrade)


def _restored(world: World, instance_id: str, error: Body | None, upgrade: int) -> None:
    """The old OS disk of an instance is back, and the instance provisioned or not."""
    found = _running(world, instance_id.rsplit("/", 2)[0], upgrade)
    if found is None or instance_id not in found[1].restoring:
        return
    scale_set, record = found
    record.restoring.remove(instance_id)
    record.in_progress.pop(instance_id, None)
    if error is None:
        record.rolled_back.append(instance_id)
    else:
        record.not_rolled_back[instance_id] = error
    _log(world, record, "restored", instances=[_number(instance_id)], error=error["code"] if error else None)
    if record.stage == "rolling back":
        if not record.restoring:
            _end(world, scale_set, record, "Faulted", record.error)
    else:
        _after(world, scale_set, record)


def _after(world: World, scale_set: Resource, upgrade: Upgrade) -> None:
    """The end of a batch: how many of the upgraded instances are unhealthy?"""
    if upgrade.in_progress or upgrade.stage != "batch":
        return
    unhealthy = set(scale_set_instances.unhealthy_of(world, scale_set))
    bad = [*upgrade.failed, *(each for each in upgrade.upgraded if each in unhealthy)]
    whole, limit = (
        len(upgrade.failed) + len(upgrade.upgraded),
        int(upgrade.policy["maxUnhealthyUpgradedInstancePercent"]),
    )
    if scale_set_batches.exceeds(len(bad), whole, limit):
        name = scale_set.body["name"]
        details = [upgrade.failed.get(each) or errors.of_instance(name, each) for each in bad]
        _fault(world, scale_set, upgrade, errors.after(len(bad), whole, limit, details))
        return
    upgrade.stage, upgrade.error = "pausing", errors.going_on(upgrade.failed)
    pause = iso_durations.seconds(str(upgrade.policy["pauseTimeBetweenBatches"])) or 0.0
    if upgrade.waiting:
        pause += durations.draw(world, "rolling upgrade batch", scale_set.id)
    _later(world, upgrade, pause if upgrade.waiting else 0.0, "next")


def _fault(world: World, scale_set: Resource, upgrade: Upgrade, error: Body) -> None:
    """The upgrade stops; failed instances go back first where the policy says so."""
    back = [
        instance
        for each in upgrade.failed
        if upgrade.policy["rollbackFailedInstancesOnPolicyBreach"]
        and (instance := world.get(each)) is not None
        and scale_set_imaging.can_restore(world, instance)
    ]
    if not back:
        _end(world, scale_set, upgrade, "Faulted", error)
        return
    upgrade.stage, upgrade.code, upgrade.error = "rolling back", "RollingBack", error
    _log(world, upgrade, "RollingBack", error=error["code"])
    upgrade.restoring = [each.id for each in back]
    for instance in back:
        scale_set_imaging.restore(world, instance, "scale_set_upgrades.restored", upgrade=upgrade.number)


# -- parts


def _opted_out(scale_set: Resource, upgrade: Upgrade) -> bool:
    automatic = scale_set_models.automatic_of(scale_set.body["properties"])
    return upgrade.started_by == "Platform" and not automatic["enableAutomaticOSUpgrade"]


def _number(instance_id: str) -> str:
    return instance_id.rsplit("/", 1)[-1]


def _log(world: World, upgrade: Upgrade, what: str, **more: Any) -> None:
    upgrade.log.append({"time": world.iso(), "event": what, **{k: v for k, v in more.items() if v is not None}})


def _later(world: World, upgrade: Upgrade, seconds: float, what: str) -> None:
    upgrade.turn += 1
    world.schedule(
        seconds,
        "scale_set_upgrades.step",
        set_id=upgrade.set_id,
        upgrade=upgrade.number,
        turn=upgrade.turn,
        what=what,
    )


def _running(world: World, set_id: str, number: int) -> tuple[Resource, Upgrade] | None:
    scale_set, upgrade = world.get(set_id), scale_set_upgrade_status.running(world, set_id)
    if scale_set is None or upgrade is None or upgrade.number != number:
        return None
    return scale_set, upgrade


# -- events


def _step(world: World, set_id: str, upgrade: int, turn: int, what: str) -> None:
    """Event: the next step of an upgrade."""
    found = _running(world, set_id, upgrade)
    if found is None or found[1].turn != turn:
        return
    steps = {"begin": _begin, "next": _next_batch, "gates": _pass_gates, "look": _look}
    steps[what](world, *found)


def _roll_model(world: World, set_id: str, operation: str) -> None:
    """A write of a set with upgrade mode Rolling brings its instances to the model batch by batch."""
    scale_set = world.get(set_id)
    if scale_set is not None:
        start(world, scale_set, "model", "User", operation=operation)


def _wake(world: World, set_id: str) -> None:
    """Something that an upgrade or its beginning waits for has changed."""
    scale_set = world.get(set_id)
    if scale_set is not None:
        go_on(world, scale_set)
        world.handlers["scale_set_triggers.look_now"](world, set_id=set_id)


HANDLERS: dict[str, Handler] = {
    "scale_set_upgrades.wake": _wake,
    "scale_set_upgrades.step": _step,
    "scale_set_upgrades.roll_model": _roll_model,
    DONE: _provisioned,
    "scale_set_upgrades.restored": _restored,
}
