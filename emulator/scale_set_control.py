"""The control API's calls about scale sets: what their upgrades do, and what goes wrong with their applications."""

from __future__ import annotations

from typing import Any

from emulator.compute import (
    published_versions,
    scale_set_deferral,
    scale_set_health,
    scale_set_instances,
    scale_set_metrics,
    scale_set_notifications,
    scale_set_upgrade_status,
)
from emulator.wire import ArmError, Body
from emulator.world import Handler, Resource, World

SET = "Microsoft.Compute/virtualMachineScaleSets"
STATES = ("Healthy", "Unhealthy", "Unknown")


def describe(world: World) -> Body:
    """Each set by id: instances with image, health and model, and all rolling upgrades with what happened when."""
    return {scale_set.id: _describe(world, scale_set) for scale_set in world.under("/subscriptions", SET)}


def set_health(world: World, given: Any) -> Body:
    """`{"scaleSet", "instanceIds"?, "state", "seconds"?, "customMetrics"?}`: what the application of instances answers,
    from now on or for some seconds, as in an outage or maintenance; state null ends it. The state holds until the OS
    disk is replaced."""
    body = given if isinstance(given, dict) else {}
    scale_set, state = find(world, body), body.get("state")
    if state is not None and state not in STATES:
        raise ArmError(400, "InvalidParameter", f"state is one of {', '.join(STATES)}, or null.")
    instances = scale_set_instances.chosen(world, scale_set, body.get("instanceIds"))
    for instance in instances:
        if "customMetrics" in body:
            scale_set_metrics.say(instance, body["customMetrics"])
        if "state" in body:
            _say(world, instance, state)
        if body.get("seconds"):
            world.schedule(float(body["seconds"]), "scale_set_control.over", instance_id=instance.id, state=state)
    return {"instances": [each.body["instanceId"] for each in instances]}


def approve_events(world: World, given: Any) -> Body:
    """`{"scaleSet", "instanceIds"?}`: approve the scheduled events of instances, as something in them would."""
    body = given if isinstance(given, dict) else {}
    scale_set = find(world, body)
    told = scale_set_notifications.approve(scale_set_instances.chosen(world, scale_set, body.get("instanceIds")))
    world.handlers["scale_set_upgrades.wake"](world, set_id=scale_set.id)
    return {"approved": told}


def publish(world: World, given: Any) -> Body:
    """One entry as `published_versions.publish` takes it, or {"versions": [entry, ...]}."""
    body = given if isinstance(given, dict) else {}
    entries = body.get("versions") if isinstance(body.get("versions"), list) else [body]
    for entry in entries or []:
        published_versions.require_valid(world, entry if isinstance(entry, dict) else {})
    for entry in entries or []:
        published_versions.publish(world, entry)
    return {"published": len(entries or [])}


def find(world: World, body: Body) -> Resource:
    """The set that `scaleSet` names, by id or, where that is clear, by name. Raises 404."""
    wanted = str(body.get("scaleSet") or "").strip().lower().rstrip("/")
    known = list(world.under("/subscriptions", SET))
    found = [each for each in known if wanted in (each.id.lower(), str(each.body["name"]).lower())]
    if len(found) != 1:
        names = ", ".join(each.id for each in known)
        raise ArmError(404, "NotFound", f"scaleSet {wanted or '<id>'} is none of: {names}.")
    return found[0]


def _describe(world: World, scale_set: Resource) -> Body:
    source = scale_set_health.source_of(world, scale_set.body["properties"])
    due = scale_set.hidden.get("due")
    return {
        "instances": [
            {
                "instanceId": each.body["instanceId"],
                "image": scale_set_instances.image_of(each),
                "latestModelApplied": scale_set_instances.latest(scale_set, each),
                "healthy": scale_set_health.healthy(world, scale_set, each, source),
                "provisioningState": each.body["properties"]["provisioningState"],
                "extensions": {
                    name: {key: entry[key] for key in ("state", "began", "ended") if key in entry}
                    for name, entry in (each.hidden.get("extensions") or {}).items()
                },
            }
            for each in scale_set_instances.of(world, scale_set)
        ],
        "metadataTags": scale_set_deferral.tags(world, scale_set),
        "scheduledEvents": scale_set_notifications.events(world, scale_set),
        "automaticUpgradeDue": world.iso(due) if due is not None else None,
        "upgrades": scale_set_upgrade_status.describe(world, scale_set.id),
    }


def _say(world: World, instance: Resource, state: str | None) -> None:
    instance.hidden["app_said_before"] = instance.hidden.get("app_says") or "Healthy"
    instance.hidden["app_changed_at"] = world.now
    if state is None:
        instance.hidden.pop("app_says", None)
    else:
        instance.hidden["app_says"] = state


def _over(world: World, instance_id: str, state: str) -> None:
    """Event: an outage is over."""
    instance = world.get(instance_id)
    if instance is not None and instance.hidden.get("app_says") == state:
        _say(world, instance, None)


HANDLERS: dict[str, Handler] = {"scale_set_control.over": _over}
