"""The guests of a scale set's instances: provisioning of an OS disk, custom data, extensions in their order, the
application.

Whoever has work done on an instance (`begin`) names an event that is to follow when it has ended: then the guest has
booted and run what it had to, or failed. The rest of the machine is `guests.py`, fault rules of type `guest` included:
`never_boots`, `never_provisions`, `boots_slowly`, `extension_fails`, `unhealthy`, by host name and image.

Inferred: every provisioning runs all extensions of the model, also that of an OS disk that is put back.
"""

from __future__ import annotations

import re
from typing import Any

from emulator import durations, guests
from emulator.compute import extension_handlers, scale_set_credentials, scale_set_health, scale_set_models
from emulator.wire import Body
from emulator.world import Handler, Resource, World

TYPE = guests.INSTANCE_TYPE


def scale_set_of(world: World, instance: Resource) -> Resource:
    """The set an instance belongs to."""
    found = world.get(instance.id.rsplit("/", 2)[0])
    assert found is not None
    return found


def busy(instance: Resource) -> bool:
    """Whether something is being done to the instance."""
    return "work" in instance.hidden


def begin(world: World, instance: Resource, then: str, **payload: Any) -> int:
    """Work on an instance begins: it is Updating (or Creating) until `end`, after which the event `then` is handled
    with instance_id, error and the payload. Returns the number of this work, which its events carry."""
    turn = int(instance.hidden.get("turn", 0)) + 1
    instance.hidden.update(turn=turn, work={"then": then, "payload": payload, "stage": ""})
    if instance.body["properties"]["provisioningState"] != "Creating":
        instance.body["properties"]["provisioningState"] = "Updating"
    return turn


def end(world: World, instance: Resource, error: Body | None) -> None:
    """The work has ended, well or not."""
    work = instance.hidden.pop("work")
    instance.body["properties"]["provisioningState"] = "Failed" if error else "Succeeded"
    instance.hidden["failure"] = error
    instance.hidden["provisioned_at"] = world.iso().replace("Z", "+00:00")
    world.handlers[work["then"]](world, instance_id=instance.id, error=error, **work["payload"])


def provision(world: World, instance: Resource, turn: int, *, first: bool) -> None:
    """Boot the OS disk that is attached: with its setup where the disk is new (`first`), else as it is. What follows on
    the agent's first report: custom data on a new disk, then all extensions."""
    instance.hidden["work"]["stage"] = "boot"
    instance.hidden["extensions"] = {}
    for name in ("health_extension_at", "app_ready_at", "app_says", "app_said_before"):
        instance.hidden.pop(name, None)
    windows = instance.body["properties"]["storageProfile"]["osDisk"]["osType"] == "Windows"
    if not first:
        guests.power_on(world, instance)
        world.schedule(guests.PROVISIONING_TIMEOUT, "scale_set_guests.overdue", instance_id=instance.id, turn=turn)
        return
    reports = guests.begin_provisioning(world, instance)
    slow = guests.fault(world, instance, "boots_slowly")
    seconds = durations.draw(world, f"vm create {'windows' if windows else 'linux'} image", instance.id)
    seconds += float(slow.get("seconds", 600)) if slow else 0.0
    if reports and seconds < guests.PROVISIONING_TIMEOUT:
        world.schedule(seconds, "scale_set_guests.set_up", instance_id=instance.id, turn=turn)
    else:
        world.schedule(guests.PROVISIONING_TIMEOUT, "scale_set_guests.overdue", instance_id=instance.id, turn=turn)


def run_extensions(world: World, instance: Resource, turn: int, names: list[str] | None = None) -> None:
    """Run extensions of the model (all, or those named) in the order of provisionAfterExtensions; then the work
    ends."""
    instance.hidden["work"]["stage"] = "extensions"
    known: Body = instance.hidden.setdefault("extensions", {})
    wanted = [each["name"] for each in scale_set_models.extensions_of(scale_set_of(world, instance).body["properties"])]
    for name in list(known):
        if name not in wanted:
            del known[name]
    for name in wanted:
        if names is None or name in names or name not in known:
            known[name] = {"state": "Waiting"}
    _go_on(world, instance, turn)


def adopt(world: World, instance: Resource) -> None:
    """Make an instance that was put into the world ready-made run and be healthy, as if it had for long."""
    scale_set = scale_set_of(world, instance)
    guests.content_of(world, instance.id).update(
        generalized=False,
        provisioned=True,
        computer_name=guests.computer_name_of(instance),
        custom_data=scale_set.hidden["secrets"].get("customData"),
    )
    guests.adopt(world, instance.id)
    instance.body["properties"]["provisioningState"] = "Succeeded"
    extensions = scale_set_models.extensions_of(scale_set.body["properties"])
    done = {"state": "Succeeded", "began": world.iso(), "ended": world.iso(), "message": "Enable succeeded."}
    instance.hidden.update(
        extensions={each["name"]: dict(done) for each in extensions},
        provisioned_at=world.iso().replace("Z", "+00:00"),
        app_ready_at=world.now - 86400,
    )
    if any(scale_set_health.is_health_extension(each) for each in extensions):
        instance.hidden["health_extension_at"] = world.now - 86400


# -- extensions


def _go_on(world: World, instance: Resource, turn: int) -> None:
    """Start each extension whose predecessors have succeeded; with nothing left to run the work ends."""
    known: Body = instance.hidden["extensions"]
    model = scale_set_models.extensions_of(scale_set_of(world, instance).body["properties"])
    for extension in model:
        entry = known.get(extension["name"])
        before = extension["properties"].get("provisionAfterExtensions") or []
        states = [known[each]["state"] for each in before if each in known]
        if entry is None or entry["state"] != "Waiting" or any(state != "Succeeded" for state in states):
            continue
        entry.update(state="Running", began=world.iso())
        seconds = extension_handlers.seconds(world, instance, _resource(world, instance, extension))
        world.schedule(
            seconds, "scale_set_guests.extension_ran", instance_id=instance.id, turn=turn, name=extension["name"]
        )
    if any(entry["state"] == "Running" for entry in known.values()):
        return
    failed = next((entry for entry in known.values() if entry["state"] == "Failed"), None)
    _start_application(world, instance)
    end(world, instance, failed["error"] if failed else None)


def _extension_ran(world: World, instance_id: str, turn: int, name: str) -> None:
    """Event: a handler has finished."""
    instance = current(world, instance_id, turn)
    if instance is None or name not in instance.hidden.get("extensions", {}):
        return
    scale_set = scale_set_of(world, instance)
    extension = next(
        (e for e in scale_set_models.extensions_of(scale_set.body["properties"]) if e["name"] == name), None
    )
    if extension is None:
        return
    resource = _resource(world, instance, extension)
    problem = scale_set_credentials.expired(world, resource) or _broken(world, instance, extension)
    if problem is None:
        result = extension_handlers.run(world, instance, resource)
        problem = None if result.ok else result.message
    entry = instance.hidden["extensions"][name]
    entry.update(state="Failed" if problem else "Succeeded", ended=world.iso(), message=problem or "Enable succeeded.")
    if problem:
        entry["error"] = _failure(instance, extension, problem)
    elif scale_set_health.is_health_extension(extension):
        instance.hidden["health_extension_at"] = world.now
    content = guests.content_of(world, instance.id)
    content["extensions_ran"].append(f"{name.lower()}#{world.iso()}")
    _go_on(world, instance, turn)


def _broken(world: World, instance: Resource, extension: Body) -> str | None:
    """The fault `extension_fails` of this boot; `extension` in the rule narrows it to names that fit."""
    effect = guests.fault(world, instance, "extension_fails")
    if effect is None or re.search(effect.get("extension") or "", extension["name"], re.IGNORECASE) is None:
        return None
    if scale_set_health.is_health_extension(extension) and not effect.get("extension"):
        return None
    return "Command execution finished, but failed because it returned a non-zero exit code of: '1'."


def _resource(world: World, instance: Resource, extension: Body) -> Resource:
    """An extension of the model as a resource of the instance, as the handlers take it."""
    scale_set = scale_set_of(world, instance)
    protected = (scale_set.hidden["secrets"].get("protectedSettings") or {}).get(extension["name"])
    return Resource(
        f"{instance.id}/extensions/{extension['name']}",
        {"name": extension["name"], "properties": extension["properties"]},
        hidden={"protectedSettings": protected},
    )


def _failure(instance: Resource, extension: Body, message: str) -> Body:
    """Words as for a virtual machine (recording compute-vm-extension-failed-concurrent-vm-update)."""
    return {
        "code": "VMExtensionProvisioningError",
        "message": f"VM '{instance.body['name']}' has reported a failure when processing extension "
        f"'{extension['name']}' (publisher '{extension['properties'].get('publisher')}' and type "
        f"'{extension['properties'].get('type')}'). Error message: '{message}'. More information on troubleshooting is "
        "available at https://aka.ms/vmextensionwindowstroubleshoot. ",
    }


# -- boots


def _set_up(world: World, instance_id: str, turn: int) -> None:
    """Event: the setup of a new OS disk has ended."""
    instance = current(world, instance_id, turn)
    if instance is not None:
        profile = scale_set_of(world, instance).body["properties"]["virtualMachineProfile"].get("osProfile") or {}
        guests.provisioned(world, instance, profile)


def _ready(world: World, vm_id: str, boot: int) -> None:
    """The VM agent of a boot reports."""
    instance = world.get(vm_id)
    if instance is None or guests.machine_of(world, instance).boot != boot:
        return
    if not busy(instance):
        _start_application(world, instance)
        return
    turn = int(instance.hidden["turn"])
    data = scale_set_of(world, instance).hidden["secrets"].get("customData")
    content = guests.content_of(world, instance.id)
    if instance.hidden["work"]["stage"] == "boot" and data is not None and content.get("custom_data") is None:
        instance.hidden["work"]["stage"] = "custom data"
        seconds = durations.draw(world, "custom data", instance.id)
        world.schedule(seconds, "scale_set_guests.custom_data_ran", instance_id=instance.id, turn=turn)
    elif instance.hidden["work"]["stage"] == "boot":
        run_extensions(world, instance, turn)


def _custom_data_ran(world: World, instance_id: str, turn: int) -> None:
    """Event: the custom data of the model has run on this disk; a disk runs it once."""
    instance = current(world, instance_id, turn)
    if instance is not None:
        data = scale_set_of(world, instance).hidden["secrets"].get("customData")
        guests.content_of(world, instance.id)["custom_data"] = data
        run_extensions(world, instance, turn)


def _overdue(world: World, instance_id: str, turn: int) -> None:
    """Event: the guest has not reported in the time it has for that."""
    instance = current(world, instance_id, turn)
    if instance is None or instance.hidden["work"]["stage"] != "boot":
        return
    end(
        world,
        instance,
        {
            "code": "OSProvisioningTimedOut",
            "message": f"OS Provisioning for VM '{instance.body['name']}' did not finish in the allotted time. The VM "
            "may "
            "still finish provisioning successfully. Please check provisioning state later.",
        },
    )


def _start_application(world: World, instance: Resource) -> None:
    """The application comes up some seconds after the guest has what it needs."""
    instance.hidden["app_ready_at"] = world.now + durations.draw(world, "application start", instance.id)


def current(world: World, instance_id: str, turn: int) -> Resource | None:
    """The instance, if the work that an event belongs to is still going on."""
    instance = world.get(instance_id)
    if instance is None or not busy(instance) or instance.hidden.get("turn") != turn:
        return None
    return instance


HANDLERS: dict[str, Handler] = {
    "scale_set_guests.set_up": _set_up,
    "scale_set_guests.ready": _ready,
    "scale_set_guests.custom_data_ran": _custom_data_ran,
    "scale_set_guests.extension_ran": _extension_ran,
    "scale_set_guests.overdue": _overdue,
}
