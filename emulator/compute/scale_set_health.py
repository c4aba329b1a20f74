"""Whether an instance of a scale set is healthy: what its health source says.

A set has one source: the Application Health extension (version 1 binary, version 2 with rich states), a load balancer
probe, or none; then an instance is healthy that runs and whose extensions are all provisioned. Rules and numbers:
learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-health-extension. The application is
part of the guest (`scale_set_guests.py`): it answers from `app_ready_at` on, with what `app_says` makes it say.
"""

from __future__ import annotations

from dataclasses import dataclass

from emulator import guests
from emulator.compute import scale_set_models
from emulator.network.load_balancers import probe_of
from emulator.wire import Body
from emulator.world import Resource, World

PUBLISHER = "microsoft.managedservices"
KINDS = ("applicationhealthwindows", "applicationhealthlinux")
HEALTHY, UNHEALTHY, UNKNOWN, INITIALIZING = "Healthy", "Unhealthy", "Unknown", "Initializing"


@dataclass(frozen=True)
class Source:
    """`kind`: extension, probe, service fabric or none. Seconds between probes, equal answers that make a state, the
    grace period of rich states; whether answers are HTTP (else a TCP handshake)."""

    kind: str
    rich: bool = False
    interval: float = 5.0
    probes: int = 1
    grace: float = 5.0
    http: bool = True


def is_health_extension(extension: Body) -> bool:
    properties = extension.get("properties") or {}
    return str(properties.get("publisher")).lower() == PUBLISHER and str(properties.get("type")).lower() in KINDS


def is_service_fabric(extension: Body) -> bool:
    properties = extension.get("properties") or {}
    kinds = ("servicefabricnode", "servicefabriclinuxnode")
    return str(properties.get("publisher")).lower() == "microsoft.azure.servicefabric" and (
        str(properties.get("type")).lower() in kinds
    )


def source_of(world: World, properties: Body) -> Source:
    """The health source of a set's properties."""
    extensions = scale_set_models.extensions_of(properties)
    if any(is_service_fabric(extension) for extension in extensions):
        return Source("service fabric")
    extension = next((each for each in extensions if is_health_extension(each)), None)
    if extension is not None:
        settings = extension["properties"].get("settings") or {}
        interval, probes = float(settings.get("intervalInSeconds") or 5), int(settings.get("numberOfProbes") or 1)
        return Source(
            "extension",
            rich=not str(extension["properties"].get("typeHandlerVersion")).startswith("1."),
            interval=interval,
            probes=probes,
            grace=float(settings.get("gracePeriod") or interval * probes),
            http=str(settings.get("protocol")).lower() != "tcp",
        )
    network = properties["virtualMachineProfile"].get("networkProfile") or {}
    probe_id = (network.get("healthProbe") or {}).get("id")
    if probe_id is None:
        return Source("none")
    probe = (probe_of(world, probe_id) or {}).get("properties") or {}
    return Source(
        "probe",
        interval=float(probe.get("intervalInSeconds") or 15),
        probes=int(probe.get("numberOfProbes") or 2),
        http=str(probe.get("protocol")).lower() != "tcp",
    )


def state_of(world: World, source: Source, instance: Resource) -> str | None:
    """What the source says of an instance now; None where it says nothing (no source, or not reporting yet)."""
    if source.kind in ("none", "service fabric"):
        return None
    machine = guests.machine_of(world, instance)
    if source.kind == "probe":
        return HEALTHY if machine.booted and _answering(world, source, instance) else UNHEALTHY
    began = instance.hidden.get("health_extension_at")
    if not machine.agent_ready or began is None:
        return None
    said = _said(world, instance)
    if not source.rich:
        return HEALTHY if said == HEALTHY and _answering(world, source, instance) else UNHEALTHY
    known_at = max(began, instance.hidden.get("app_changed_at") or 0.0) + source.interval * source.probes
    if said is not None and world.now >= known_at:
        return said if source.http or said != UNKNOWN else UNHEALTHY
    if world.now < began + source.grace:
        return INITIALIZING
    if said is not None and instance.hidden.get("app_said_before"):
        return str(instance.hidden["app_said_before"])
    return UNKNOWN if source.http else UNHEALTHY


def healthy(world: World, scale_set: Resource, instance: Resource, source: Source | None = None) -> bool:
    """Whether an instance counts as healthy for an upgrade. Initializing and Unknown do not. An instance of an older
    model that was never given the health extension is judged without it (inferred)."""
    source = source or source_of(world, scale_set.body["properties"])
    machine = guests.machine_of(world, instance)
    if machine.power != "running" or not machine.booted or instance.body["properties"]["provisioningState"] == "Failed":
        return False
    if source.kind in ("none", "service fabric") or (source.kind == "extension" and not _given(scale_set, instance)):
        states = [each["state"] for each in (instance.hidden.get("extensions") or {}).values()]
        return all(state == "Succeeded" for state in states)
    return state_of(world, source, instance) == HEALTHY


def view(world: World, scale_set: Resource, instance: Resource) -> Body | None:
    """`vmHealth` of the instance view. Codes: github issues and scripts quote HealthState/healthy and /unhealthy; those
    of the other two states are inferred."""
    state = state_of(world, source_of(world, scale_set.body["properties"]), instance)
    if state is None:
        return None
    level = "Info" if state in (HEALTHY, INITIALIZING) else "Warning"
    status: Body = {
        "code": f"HealthState/{state.lower()}",
        "level": level,
        "displayStatus": f"The VM is reporting itself as {state.lower()} or is known to be {state.lower()}"
        if state in (HEALTHY, UNHEALTHY)
        else f"The health of the VM is {state.lower()}",
        "time": world.iso(),
    }
    return {"status": status}


def _given(scale_set: Resource, instance: Resource) -> bool:
    """Whether the instance has, or is about to get, the health extension of the set's model."""
    extensions = scale_set_models.extensions_of(scale_set.body["properties"])
    names = {each["name"] for each in extensions if is_health_extension(each)}
    return bool(names & (instance.hidden.get("extensions") or {}).keys()) or "work" in instance.hidden


def _answering(world: World, source: Source, instance: Resource) -> bool:
    """Whether the application has answered well for as many probes as it takes."""
    if _said(world, instance) != HEALTHY:
        return False
    since = max(instance.hidden.get("app_ready_at") or 0.0, instance.hidden.get("app_changed_at") or 0.0)
    return world.now >= since + source.interval * source.probes


def _said(world: World, instance: Resource) -> str | None:
    """What the application answers at this moment; None while it does not run."""
    ready = instance.hidden.get("app_ready_at")
    if ready is None or world.now < ready or not guests.machine_of(world, instance).booted:
        return None
    if guests.has_fault(world, instance, "unhealthy"):
        return UNHEALTHY
    return str(instance.hidden.get("app_says") or HEALTHY)
