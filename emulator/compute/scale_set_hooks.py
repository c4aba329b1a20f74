"""Lifecycle hooks of automatic OS upgrades: events that somebody approves or rejects before the platform goes on.

From API version 2025-11-01 on: `UpgradeAutoOSScheduling` before an upgrade begins, about the set, and
`UpgradeAutoOSRollingBatchStarting` before each batch, about each of its instances. Shapes: models of
azure-mgmt-compute 39. At waitUntil the default action is taken (Approve). How far waitUntil can be put off is
unverified: here for as long again as twice the hook's waitDuration.
"""

from __future__ import annotations

from typing import Any

from emulator import clock, ids, iso_durations
from emulator.compute import scale_set_upgrade_status
from emulator.compute.shapes import body_of, clone, invalid
from emulator.resources import existence
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Resource, World

SECTION = "scale_set_lifecycle_events"
TYPE = "Microsoft.Compute/virtualMachineScaleSets/lifecycleHookEvents"
SINCE = "2025-11-01"
SCHEDULING, BATCH = "UpgradeAutoOSScheduling", "UpgradeAutoOSRollingBatchStarting"
DEFAULT_WAIT = 1800.0
"""Seconds of a hook without waitDuration (unverified)."""


# -- calls


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    _require_version(request)
    scale_set = existence.find(world, request.path.rpartition("/")[0])
    return Response(200, {"value": [_view(scale_set, each) for each in _all(world, scale_set.id)]})


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    _require_version(request)
    scale_set, event = _find(world, request, path)
    return Response(200, _view(scale_set, event))


def update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PATCH: `targetResources[].actionState` Approved or Rejected, or a later `waitUntil`."""
    _require_version(request)
    scale_set, event = _find(world, request, path)
    if event["state"] != "Active":
        raise ArmError(409, "OperationNotAllowed", f"The lifecycle hook event '{path['event']}' is completed.")
    given: Body = body_of(request).get("properties") or {}
    if given.get("waitUntil") is not None:
        _put_off(event, str(given["waitUntil"]))
    for target in given.get("targetResources") or []:
        _answer(event, str((target.get("resource") or {}).get("id") or ""), str(target.get("actionState") or ""))
    if all(each["actionState"] != "Waiting" for each in event["targetResources"]):
        event["state"] = "Completed"
    world.handlers["scale_set_upgrades.wake"](world, set_id=scale_set.id)
    return Response(200, _view(scale_set, event))


# -- what the orchestrator asks


def ask(world: World, scale_set: Resource, kind: str, key: str, targets: list[str]) -> tuple[float | None, list[str]]:
    """Ask about targets (ids) once for a key: (seconds to wait for answers or None, targets that were rejected).
    Without such a hook nobody is asked."""
    hook = _hook(scale_set, kind)
    if hook is None:
        return None, []
    event = next((each for each in _all(world, scale_set.id) if each["key"] == key), None)
    if event is None:
        event = _new(world, scale_set, hook, kind, key, targets)
    if event["state"] == "Active" and world.now >= event["until"]:
        for target in event["targetResources"]:
            if target["actionState"] == "Waiting":
                target["actionState"] = "Rejected" if event["defaultAction"] == "Reject" else "Approved"
        event["state"] = "Completed"
    if event["state"] == "Active":
        return float(event["until"]) - world.now, []
    return None, [each["resource"]["id"] for each in event["targetResources"] if each["actionState"] == "Rejected"]


def forget(world: World, set_id: str, prefix: str = "") -> None:
    """Open events whose key begins so are over: what they ask about is not going to happen."""
    for event in _all(world, set_id):
        if event["key"].startswith(prefix) and event["state"] == "Active":
            event["state"] = "Completed"


def batch_key(upgrade: scale_set_upgrade_status.Upgrade) -> str:
    """What a batch is asked about once: another choice of instances is another question."""
    chosen = ",".join(each.rsplit("/", 1)[-1] for each in upgrade.batch)
    return f"upgrade {upgrade.number} batch {upgrade.batches + 1} of {chosen}"


# -- parts


def _new(world: World, scale_set: Resource, hook: Body, kind: str, key: str, targets: list[str]) -> Body:
    wait = iso_durations.seconds(str(hook.get("waitDuration") or "")) or DEFAULT_WAIT
    event: Body = {
        "name": world.guid(),
        "key": key,
        "type": kind,
        "created": world.now,
        "until": world.now + wait,
        "at_most": world.now + 3 * wait,
        "defaultAction": hook.get("defaultAction") or "Approve",
        "targetResources": [{"resource": {"id": each}, "actionState": "Waiting"} for each in targets],
        "state": "Active",
        "iso": {name: world.iso(world.now + offset) for name, offset in (("timeCreated", 0.0), ("max", 3 * wait))},
        "until_iso": world.iso(world.now + wait),
    }
    _all(world, scale_set.id).append(event)
    return event


def _hook(scale_set: Resource, kind: str) -> Body | None:
    hooks = (scale_set.body["properties"].get("lifecycleHooksProfile") or {}).get("lifecycleHooks") or []
    return next((each for each in hooks if each["type"] == kind), None)


def _all(world: World, set_id: str) -> list[Body]:
    table: dict[str, list[Body]] = world.sections.setdefault(SECTION, {})
    return table.setdefault(set_id.lower(), [])


def _find(world: World, request: Request, path: dict[str, str]) -> tuple[Resource, Body]:
    scale_set = existence.find(world, request.path.rsplit("/", 2)[0])
    event = next((each for each in _all(world, scale_set.id) if each["name"] == path["event"].lower()), None)
    if event is None:
        raise ArmError(404, "NotFound", f"The lifecycle hook event '{path['event']}' was not found.")
    return scale_set, event


def _view(scale_set: Resource, event: Body) -> Body:
    properties: Body = {
        "type": event["type"],
        "waitUntil": event["until_iso"],
        "maxWaitUntil": event["iso"]["max"],
        "timeCreated": event["iso"]["timeCreated"],
        "defaultAction": event["defaultAction"],
        "targetResources": clone(event["targetResources"]),
        "state": event["state"],
    }
    if event["type"] == SCHEDULING:
        properties["additionalContext"] = {"priority": "Normal"}
    return {
        "id": f"{scale_set.id}/lifecycleHookEvents/{event['name']}",
        "name": event["name"],
        "type": TYPE,
        "properties": properties,
    }


def _put_off(event: Body, text: str) -> None:
    try:
        until = clock.parse(text)
    except ValueError:
        raise invalid(f"The value '{text}' of parameter 'waitUntil' is invalid.", "waitUntil") from None
    if until > event["at_most"]:
        raise invalid(f"The value '{text}' of parameter 'waitUntil' is later than maxWaitUntil.", "waitUntil")
    event["until"], event["until_iso"] = until, text


def _answer(event: Body, target: str, state: str) -> None:
    if state not in ("Approved", "Rejected"):
        raise invalid(f"The value '{state}' of parameter 'actionState' is invalid.", "actionState")
    found: list[Any] = [each for each in event["targetResources"] if ids.same(each["resource"]["id"], target)]
    if not found:
        raise invalid(f"The resource '{target}' is not a target of the lifecycle hook event.", "targetResources")
    found[0]["actionState"] = state


def _require_version(request: Request) -> None:
    if request.api_version < SINCE:
        raise ArmError(
            400,
            "InvalidResourceType",
            "The resource type 'virtualMachineScaleSets/lifecycleHookEvents' could not be found in the namespace "
            f"'Microsoft.Compute' for api version '{request.api_version}'. The supported api-versions are '{SINCE}'.",
        )
