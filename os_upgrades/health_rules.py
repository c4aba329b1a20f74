"""Rules for the one source of health that a scale set has."""

from __future__ import annotations

from collections.abc import Iterator

from os_upgrades import service_fabric_rules
from os_upgrades.findings import Broken
from os_upgrades.scale_set import ScaleSet
from os_upgrades.surroundings import Case
from rollout.arm import dig, name_of
from rollout.azure import Body

PROBE = "virtualMachineProfile.networkProfile.healthProbe.id"
EXTENSIONS = "virtualMachineProfile.extensionProfile.extensions"
SLOWEST_PROBE = 120
"""Seconds."""


def _rolls(scale_set: ScaleSet) -> bool:
    return scale_set.automatic_os_upgrade or scale_set.policy("mode") == "Rolling"


def has_a_source(case: Case) -> Iterator[Broken]:
    """Power state and extensions alone are not enough, but for Service Fabric, whose cluster knows."""
    scale_set = case.scale_set
    if not _rolls(scale_set) or scale_set.health_extension is not None or scale_set.health_probe_id:
        return
    fabric = scale_set.service_fabric
    if fabric is not None and str(fabric.settings.get("durabilityLevel") or "").lower() in service_fabric_rules.DURABLE:
        return
    yield Broken(
        "health",
        None,
        "leaves nobody to say whether an upgraded instance is healthy: the scale set has neither the Application "
        "Health extension nor a load balancer probe",
        'declare one, such as health: {"extension": {"protocol": "http", "port": 80, "request_path": "/health"}}',
    )


def instances_report_before_they_are_rolled(case: Case) -> Iterator[Broken]:
    """Azure's page suggests Manual until health is reported; what becomes of an upgrade that begins before, it does not
    say."""
    before, after = case.before, case.scale_set
    if before is None or case.updates_instances or not before.by_hand or not after.capacity:
        return
    new = after.health_extension is not None and before.health_extension is None
    if new and after.policy("mode") == "Rolling":
        yield Broken(
            "upgrade_policy.mode",
            "Rolling",
            "begins before any instance reports its health: the extension is new, and instances of mode Manual get it "
            "when they are brought to the latest model",
            "write update_instances: true, or stay with Manual until they report it",
        )


def has_one_source_only(case: Case) -> Iterator[Broken]:
    extension, probe = case.scale_set.health_extension, case.scale_set.health_probe_id
    if extension is not None and probe:
        yield Broken(
            PROBE,
            probe,
            f"is a second source of health beside the extension {extension.name}",
            "take one of the two away: declare health with the one that stays",
        )


def flexible_has_the_extension(case: Case) -> Iterator[Broken]:
    scale_set = case.scale_set
    if scale_set.flexible and _rolls(scale_set) and scale_set.health_probe_id and scale_set.health_extension is None:
        yield Broken(
            PROBE,
            scale_set.health_probe_id,
            "is a load balancer probe, and scale sets of orchestration mode Flexible need the extension",
            'declare health: {"extension": {"protocol": "http", "port": 80, "request_path": "/health"}}',
        )


def probe_exists(case: Case) -> Iterator[Broken]:
    probe = case.scale_set.health_probe_id
    balancer = _balancer_id(probe).lower()
    if not probe or balancer not in case.surroundings.load_balancers:
        return
    body = case.surroundings.load_balancers[balancer]
    if body is None or _probe(body, probe) is None:
        there = [str(each.get("name")) for each in dig(body, "properties", "probes") or ()]
        remedy = f"name one of {', '.join(there)}" if there else "make the load balancer's probe first"
        yield Broken(PROBE, probe, "does not exist", remedy)


def probe_is_of_a_standard_load_balancer(case: Case) -> Iterator[Broken]:
    probe = case.scale_set.health_probe_id
    body = case.surroundings.load_balancers.get(_balancer_id(probe).lower())
    if not probe or body is None or not case.scale_set.several_placement_groups or not _rolls(case.scale_set):
        return
    sku = str(dig(body, "sku", "name") or "Basic")
    if sku.lower() == "basic":
        yield Broken(
            PROBE,
            probe,
            f"is of load balancer {name_of(_balancer_id(probe))}, which is {sku}, and the scale set may have several "
            "placement groups (singlePlacementGroup is false)",
            "use a probe of a Standard load balancer, or the Application Health extension",
        )


def probe_is_fast(case: Case) -> Iterator[Broken]:
    probe = case.scale_set.health_probe_id
    body = case.surroundings.load_balancers.get(_balancer_id(probe).lower())
    found = _probe(body, probe) if probe and body is not None else None
    interval = dig(found, "properties", "intervalInSeconds")
    if found is not None and interval is not None and interval >= SLOWEST_PROBE and _rolls(case.scale_set):
        yield Broken(
            f"{PROBE} ({name_of(probe)}).intervalInSeconds",
            interval,
            "is two minutes or more, and Azure waits 5 minutes for an upgraded instance to become healthy",
            "probe every 5 to 60 seconds",
        )


def _balancer_id(probe_id: str) -> str:
    """`.../loadBalancers/<name>` of `.../loadBalancers/<name>/probes/<probe>`."""
    return "/".join(probe_id.split("/")[:-2])


def balancer_ids(scale_set: ScaleSet) -> tuple[str, ...]:
    """The load balancers that must be read to judge the probe."""
    return (_balancer_id(scale_set.health_probe_id),) if scale_set.health_probe_id else ()


def _probe(balancer: Body, probe_id: str) -> Body | None:
    wanted = name_of(probe_id).lower()
    listed = dig(balancer, "properties", "probes") or ()
    return next((dict(each) for each in listed if str(each.get("name")).lower() == wanted), None)
