"""Scaling plans: the resource, what an enabled plan does to hosts once a minute, and Start VM on Connect.

Autoscale for pooled host pools, simplified. The phase comes from the schedule's times, read as UTC. A drained host that
runs is given new sessions again (azure-docs#86769: drain mode is undone). Hosts are started until the minimum
percentage runs and the capacity threshold is kept; in ramp-down and off-peak, running hosts without sessions are
stopped while more than the minimum runs. VMs with the exclusion tag are left alone but still count (azure-docs#94542).
Users are never logged off by the plan here.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from emulator import capacity, guests
from emulator.compute import power
from emulator.desktopvirtualization import errors, host_pools, paging, session_hosts
from emulator.desktopvirtualization.broker import Broker, brokers
from emulator.durations import draw
from emulator.wire import Body, Request, Response
from emulator.world import Handler, Resource, World

TYPE = "Microsoft.DesktopVirtualization/scalingPlans"
PERIOD = 60.0
_PHASES = ("rampUp", "peak", "rampDown", "offPeak")
_DEFAULTS: Body = {
    "description": None,
    "friendlyName": None,
    "timeZone": None,
    "hostPoolType": "Pooled",
    "exclusionTag": None,
    "schedules": [],
    "hostPoolReferences": [],
}


def plan_path(parameters: dict[str, str]) -> str:
    """The ARM id of a path's scaling plan."""
    return (
        f"/subscriptions/{parameters['subscription']}/resourceGroups/{parameters['group']}"
        f"/providers/Microsoft.DesktopVirtualization/scalingPlans/{parameters['plan']}"
    )


def plan_of(world: World, parameters: dict[str, str]) -> Resource:
    """The scaling plan of a path. Raises 404."""
    plan = world.get(plan_path(parameters))
    if plan is None:
        raise errors.error(world, 404, "ScalingPlan does not exist")
    return plan


def make(world: World, plan_id: str, location: str, properties: Body, tags: dict[str, str] | None, by: str) -> Resource:
    """Store a scaling plan (used by PUT and by scenarios); from now on it acts where it is enabled."""
    body: Body = {
        "name": plan_id.rsplit("/", 1)[-1],
        "id": plan_id,
        "type": TYPE,
        "location": location,
        "tags": tags,
        "systemData": host_pools.system_data(world, by, None),
        "properties": {**_DEFAULTS, **properties, "objectId": world.guid()},
    }
    plan = world.put(plan_id, body)
    if not plan.hidden.get("acting"):
        plan.hidden["acting"] = True
        world.schedule(PERIOD, "avd.scale", plan=plan_id)
    return plan


def put(world: World, request: Request, parameters: dict[str, str]) -> Response:
    given = request.body if isinstance(request.body, dict) else {}
    properties = dict(given.get("properties") or {})
    if not given.get("location") or not properties.get("timeZone"):
        raise errors.bad_request(world, "location and timeZone are required")
    _check(world, properties)
    path = plan_path(parameters)
    known = world.get(path)
    location = str(given["location"]).lower().replace(" ", "")
    if known is None:
        plan = make(world, path, location, properties, given.get("tags"), host_pools.caller(request))
        return Response(201, plan.body)
    world.put(
        path,
        {
            **known.body,
            "tags": given.get("tags"),
            "systemData": host_pools.system_data(world, host_pools.caller(request), known.body["systemData"]),
            "properties": {**_DEFAULTS, **properties, "objectId": known.body["properties"]["objectId"]},
        },
    )
    return Response(200, known.body)


def patch(world: World, request: Request, parameters: dict[str, str]) -> Response:
    plan = plan_of(world, parameters)
    given = request.body if isinstance(request.body, dict) else {}
    properties = dict(given.get("properties") or {})
    _check(world, properties)
    body = {
        **plan.body,
        "systemData": host_pools.system_data(world, host_pools.caller(request), plan.body["systemData"]),
        "properties": {**plan.body["properties"], **properties},
    }
    if "tags" in given:
        body["tags"] = given["tags"]
    world.put(plan.id, body)
    return Response(200, body)


def get(world: World, request: Request, parameters: dict[str, str]) -> Response:
    return Response(200, plan_of(world, parameters).body)


def delete(world: World, request: Request, parameters: dict[str, str]) -> Response:
    """200, or 204 for a missing one."""
    known = world.get(plan_path(parameters))
    if known is None:
        return Response(204)
    world.delete(known.id)
    return Response(200)


def list_all(world: World, request: Request, parameters: dict[str, str]) -> Response:
    """Plans of a resource group or of the subscription."""
    prefix = f"/subscriptions/{parameters['subscription']}"
    if "group" in parameters:
        prefix += f"/resourceGroups/{parameters['group']}"
    return paging.page(request, [plan.body for plan in world.under(prefix, TYPE)])


def list_by_pool(world: World, request: Request, parameters: dict[str, str]) -> Response:
    """Plans that a host pool is assigned to, whether enabled or not."""
    pool = host_pools.pool_of(world, parameters)
    plans = world.under(f"/subscriptions/{parameters['subscription']}", TYPE)
    return paging.page(request, [plan.body for plan in plans if pool.id.lower() in _references(plan)])


def _check(world: World, properties: Body) -> None:
    for name in ("schedules", "hostPoolReferences"):
        if not isinstance(properties.get(name, []), list | None):
            raise errors.bad_request(world, f"{name} must be a list")


def _references(plan: Resource) -> dict[str, bool]:
    """Lower-case host pool ids of a plan -> enabled."""
    references: list[Any] = plan.body["properties"].get("hostPoolReferences") or []
    return {str(each.get("hostPoolArmPath", "")).lower(): bool(each.get("scalingPlanEnabled")) for each in references}


# -- what an enabled plan does


def scale(world: World, plan: str) -> None:
    """Event, once a minute as long as the plan exists."""
    resource = world.get(plan)
    if resource is None:
        return
    world.schedule(PERIOD, "avd.scale", plan=plan)
    for pool_id, enabled in _references(resource).items():
        broker = brokers(world).get(pool_id)
        if enabled and broker is not None:
            _scale_pool(world, resource, broker)


def phase_of(schedules: list[Body], now: float) -> tuple[str, Body] | None:
    """The phase at a time and the schedule it is of; None where no schedule has that day."""
    moment = datetime.fromtimestamp(now, UTC)
    minutes = moment.hour * 60 + moment.minute
    for schedule in schedules:
        if moment.strftime("%A") in (schedule.get("daysOfWeek") or []):
            begun = [
                (at["hour"] * 60 + at["minute"], phase)
                for phase in _PHASES
                if isinstance(at := schedule.get(f"{phase}StartTime"), dict)
            ]
            past = [pair for pair in begun if pair[0] <= minutes]
            if begun:
                return max(past)[1] if past else max(begun)[1], schedule
    return None


def _scale_pool(world: World, plan: Resource, broker: Broker) -> None:
    found = phase_of(plan.body["properties"].get("schedules") or [], world.now)
    tag = str(plan.body["properties"].get("exclusionTag") or "").lower()
    hosts: list[tuple[Resource, Resource]] = []
    for record in [record for record in map(world.get, broker.hosts) if record is not None]:
        vm = world.get(record.body["properties"]["resourceId"])
        if vm is not None:
            hosts.append((record, vm))
    own = [(record, vm) for record, vm in hosts if not tag or tag not in {k.lower() for k in vm.body.get("tags") or {}}]
    for record, vm in own:
        if record.hidden["running"] and not record.body["properties"]["allowNewSession"]:
            record.body["properties"]["allowNewSession"] = True
            capacity.touch(world, vm.id)
    if found is None:
        return
    phase, schedule = found
    up = [(record, vm) for record, vm in hosts if _power(world, vm) == "running"]
    rising = phase in ("rampUp", "peak")
    minimum = math.ceil(
        len(hosts) * int(schedule.get("rampUpMinimumHostsPct" if rising else "rampDownMinimumHostsPct") or 0) / 100
    )
    threshold = int(schedule.get("rampUpCapacityThresholdPct" if rising else "rampDownCapacityThresholdPct") or 100)
    pool = world.get(broker.id)
    limit = pool.body["properties"]["maxSessionLimit"] if pool is not None else 999999
    full = broker.live * 100 > threshold * limit * max(1, len(up))
    if len(up) < minimum or full:
        down = [vm for _, vm in own if _power(world, vm) == "deallocated"]
        for vm in down[: max(1, minimum - len(up))]:
            _start(world, vm)
    elif not rising:
        spare = len(up) - max(1, minimum)
        idle = [
            (record, vm)
            for record, vm in own
            if record.hidden["running"] and not session_hosts.sessions_of(world, record)
        ]
        for _, vm in idle[: max(0, spare)]:
            capacity.found_off(world, vm.id)
            guests.power_off(world, vm, deallocate=True)
            power.reserve_disks(world, vm, reserved=True)


def start_on_connect(world: World, pool: str) -> None:
    """Event: a user found no host. With startVMOnConnect the broker starts one that is off and takes sessions."""
    resource, broker = world.get(pool), brokers(world).get(pool.lower())
    if resource is None or broker is None or not resource.body["properties"]["startVMOnConnect"]:
        return
    for record in [record for record in map(world.get, broker.hosts) if record is not None]:
        vm = world.get(record.body["properties"]["resourceId"])
        if vm is not None and record.body["properties"]["allowNewSession"] and _power(world, vm) == "deallocated":
            _start(world, vm)
            return


def _start(world: World, vm: Resource) -> None:
    guests.machine_of(world, vm).power = "starting"
    world.schedule(draw(world, "vm start", vm.id), "avd.started", vm=vm.id)


def started(world: World, vm: str) -> None:
    """Event: a start by a plan or by the broker is through."""
    resource = world.get(vm)
    if resource is not None and _power(world, resource) == "starting":
        guests.power_on(world, resource)
        power.reserve_disks(world, resource, reserved=False)


def _power(world: World, vm: Resource) -> str:
    return guests.machine_of(world, vm).power


HANDLERS: dict[str, Handler] = {
    "avd.scale": scale,
    "avd.start_on_connect": start_on_connect,
    "avd.started": started,
}
