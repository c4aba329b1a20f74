"""The records of a scale set's rolling upgrades and how they are shown: rollingUpgrades/latest and osUpgradeHistory.

Shapes: recording compute-vmss-rolling-upgrade-api, spec examples, and the printed answers in Service Fabric's guide of
OS image upgrades (Faulted with details RollingUpgradeInstanceUnhealthyError).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from emulator.compute import scale_set_models, scale_set_upgrade_errors
from emulator.compute.shapes import clone
from emulator.resources import existence
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Resource, World

SECTION = "scale_set_upgrades"
TYPE = "Microsoft.Compute/virtualMachineScaleSets/rollingUpgrades"
SHOWN = 5
"""OS upgrades that the history shows, of the last two months."""
TWO_MONTHS = 60 * 86400.0


@dataclass
class Upgrade:
    """One rolling upgrade. `kind` is os, model or extensions; ids are those of instances."""

    set_id: str
    number: int
    kind: str
    started_by: str
    started: float
    policy: Body
    restores: bool
    """Whether an instance that does not get healthy gets its OS disk back."""
    target: Body = field(default_factory=dict)
    """targetImageReference of an OS upgrade."""
    operation: str | None = None
    """The operation that began it and ends with it."""
    stage: str = "starting"
    """starting, choosing, gates, batch, pausing, rolling back, ended."""
    turn: int = 0
    """Outdates the events of an earlier stage."""
    batches: int = 0
    waiting: list[str] = field(default_factory=list)
    batch: list[str] = field(default_factory=list)
    in_progress: dict[str, float | None] = field(default_factory=dict)
    """Instance of the batch -> until when its health is waited for; None while it is being provisioned."""
    surges: dict[str, str] = field(default_factory=dict)
    """Instance -> the new one that replaces it (maxSurge)."""
    restoring: list[str] = field(default_factory=list)
    succeeded: list[str] = field(default_factory=list)
    """Those that needed nothing among them; `upgraded` are the others."""
    upgraded: list[str] = field(default_factory=list)
    failed: dict[str, Body] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    """Instances that a lifecycle hook rejected, or whose application asked to be left out."""
    phases: dict[str, int] = field(default_factory=dict)
    """The place in order that applications asked for when the upgrade began."""
    rolled_back: list[str] = field(default_factory=list)
    not_rolled_back: dict[str, Body] = field(default_factory=dict)
    approved: list[str] = field(default_factory=list)
    """Instances that may be upgraded where that is deferred until they are approved."""
    code: str = "RollingForward"
    last_action: str = "Start"
    last_action_at: float = 0.0
    ended: float | None = None
    error: Body | None = None
    log: list[Body] = field(default_factory=list)
    """What happened when, for the control API."""

    @property
    def running(self) -> bool:
        return self.ended is None


def all_of(world: World, set_id: str) -> list[Upgrade]:
    """The upgrades of a set, oldest first."""
    table: dict[str, list[Upgrade]] = world.sections.setdefault(SECTION, {})
    return table.setdefault(set_id.lower(), [])


def forget(world: World, set_id: str) -> None:
    """A set is gone, or a new one has its name."""
    world.sections.get(SECTION, {}).pop(set_id.lower(), None)


def running(world: World, set_id: str) -> Upgrade | None:
    """The upgrade that is under way, if any."""
    known = all_of(world, set_id)
    return known[-1] if known and known[-1].running else None


def get_latest(world: World, request: Request, path: dict[str, str]) -> Response:
    """The last upgrade, of whatever kind. 404 where there was none (words unverified)."""
    scale_set = existence.find(world, _above(request.path))
    known = all_of(world, scale_set.id)
    if not known:
        raise ArmError(
            404,
            "NotFound",
            f"The Virtual Machine Scale Set '{scale_set.body['name']}' has no rolling upgrade.",
        )
    upgrade = known[-1]
    properties: Body = {
        "policy": scale_set_models.policy_as_of(upgrade.policy, request.api_version),
        "runningStatus": {
            "lastAction": upgrade.last_action,
            "lastActionTime": _time(world, upgrade.last_action_at),
            "code": upgrade.code,
            "startTime": _time(world, upgrade.started),
        },
        "progress": progress(upgrade),
    }
    if upgrade.error is not None:
        properties["error"] = clone(upgrade.error)
    return Response(200, {"type": TYPE, "location": scale_set.body["location"], "properties": properties})


def get_history(world: World, request: Request, path: dict[str, str]) -> Response:
    """The last five OS upgrades within two months, newest first (the order is unverified)."""
    scale_set = existence.find(world, _above(request.path))
    known = [
        upgrade
        for upgrade in all_of(world, scale_set.id)
        if upgrade.kind == "os" and upgrade.started > world.now - TWO_MONTHS
    ]
    return Response(200, {"value": [_entry(world, scale_set, each) for each in reversed(known[-SHOWN:])]})


def progress(upgrade: Upgrade) -> Body:
    """The four counters. An instance that was rolled back counts as failed, one that is being so as in progress."""
    return {
        "successfulInstanceCount": len(upgrade.succeeded),
        "failedInstanceCount": sum(each not in upgrade.in_progress for each in upgrade.failed),
        "inProgressInstanceCount": len(upgrade.in_progress),
        "pendingInstanceCount": len(upgrade.waiting),
    }


def _entry(world: World, scale_set: Resource, upgrade: Upgrade) -> Body:
    status: Body = {"code": upgrade.code, "startTime": _time(world, upgrade.started)}
    if upgrade.ended is not None:
        status["endTime"] = _time(world, upgrade.ended)
    rollback: Body = {
        "successfullyRolledbackInstanceCount": len(upgrade.rolled_back),
        "failedRolledbackInstanceCount": len(upgrade.not_rolled_back),
    }
    if upgrade.not_rolled_back:
        first = next(iter(upgrade.not_rolled_back))
        rollback["rollbackError"] = scale_set_upgrade_errors.of_instance(
            scale_set.body["name"], first, upgrade.not_rolled_back[first]
        )
    properties: Body = {"runningStatus": status, "progress": progress(upgrade)}
    if upgrade.error is not None:
        properties["error"] = clone(upgrade.error)
    properties |= {
        "startedBy": upgrade.started_by,
        "targetImageReference": clone(upgrade.target),
        "rollbackInfo": rollback,
    }
    return {"properties": properties, "type": TYPE, "location": scale_set.body["location"]}


def describe(world: World, set_id: str) -> list[Body]:
    """The upgrades of a set for the control API: what `latest` shows, and each batch."""
    return [
        {
            "number": each.number,
            "kind": each.kind,
            "startedBy": each.started_by,
            "code": each.code,
            "stage": each.stage,
            "startTime": world.iso(each.started),
            "endTime": world.iso(each.ended) if each.ended is not None else None,
            "progress": progress(each),
            "log": clone(each.log),
        }
        for each in all_of(world, set_id)
    ]


def _above(path: str) -> str:
    """`.../virtualMachineScaleSets/x` of a path below it."""
    return "/".join(path.rstrip("/").split("/")[:9])


def _time(world: World, at: float) -> str:
    return world.iso(at).replace("Z", "+00:00")
