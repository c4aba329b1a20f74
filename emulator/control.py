"""The control API beside ARM, under `/emulator/`: look at the emulated cloud, break it, put it up anew.

JSON, no token. All times are emulated time. The request log is of ARM and the data planes only: calls to this API are
not in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from emulator import capacity, clock, faults, guests, identity, requests_log, scale_set_control, scenario
from emulator.batch import accounts as batch_accounts
from emulator.batch import pools as batch_pools
from emulator.batch import view as batch_view
from emulator.batch.fleet import ACCOUNT, POOL
from emulator.compute import scale_set_instances, virtual_machines
from emulator.desktopvirtualization import broker, session_hosts
from emulator.keyvault import vaults
from emulator.monitor import ingestion
from emulator.wire import ArmError, Body, Headers, Request, Response
from emulator.world import World

if TYPE_CHECKING:
    from emulator.app import Emulator

SERVER = "server"
"""Section of what the server tells: {"bundle": path of the CA bundle}."""
KEPT = (clock.SECTION, identity.SECTION, SERVER)
"""Sections that outlive a reset: the clock runs on, tokens stay valid."""


def answer(emulator: Emulator, request: Request) -> Response:
    """The response to a call under `/emulator/`."""
    name = request.path.lower().removeprefix("/emulator/").strip("/")
    call = _CALLS.get((request.method, name))
    try:
        if call is None:
            known = ", ".join(f"{method} {path}" for method, path in _CALLS)
            raise ArmError(404, "NotFound", f"{request.method} {request.path} is none of: {known}.")
        response = Response(200, call(emulator, request))
    except ArmError as error:
        response = error.response()
    response.headers = Headers({"Date": clock.http_date(emulator.world.now)})
    return response


def environment(world: World, base_url: str) -> dict[str, str]:
    """The variables to export so that clients use this emulator."""
    variables = identity.environment(world, base_url)
    variables["HOSTPOOL_CLOCK"] = clock.clock_of(world).variable()
    bundle = world.sections.get(SERVER, {}).get("bundle")
    if bundle:
        variables |= {"SSL_CERT_FILE": bundle, "REQUESTS_CA_BUNDLE": bundle}
    return variables


def build(emulator: Emulator, name: str, options: Body) -> None:
    """Put up a scenario in place of the world. Raises ArmError 400 InvalidScenario.

    Without `start` the clock runs on; with it, emulated time begins anew there (the environment changes with it).
    """
    old = emulator.world
    moved = "start" in options
    try:
        world = scenario.build(name, {"start": old.iso(), **options})
    except scenario.ScenarioError as error:
        raise ArmError(400, "InvalidScenario", str(error)) from None
    for section in KEPT:
        if section in old.sections:
            world.sections[section] = old.sections[section]
    speed = clock.clock_of(old).speed
    if clock.SECTION in old.sections:
        world.sections.setdefault("settings", {})["speed"] = speed or 1.0
        if moved:
            clock.start(world, speed)
    emulator.replace(world)


# -- the calls


def _state(emulator: Emulator, request: Request) -> Body:
    world = emulator.world
    resources = {key: resource.body for key, resource in world.resources.items()}
    for record in session_hosts.all_records(world):
        resources[record.id.lower()] = session_hosts.render(world, record)
    for guest in guests.all_of(world):
        vm = world.resources[guest.vm_id.lower()]
        shown = scale_set_instances if vm.body["type"] == guests.INSTANCE_TYPE else virtual_machines
        resources[vm.id.lower()] = shown.view(world, vm)
    for account in world.under("/subscriptions", ACCOUNT):
        resources[account.id.lower()] = batch_accounts.show(account, request.base_url)
    for pool in world.under("/subscriptions", POOL):
        resources[pool.id.lower()] = batch_pools.show(world, pool)
    for vault in world.under("/subscriptions", vaults.TYPE):
        resources[vault.id.lower()] = vaults.show(request, vault)
    return {"now": world.iso(), "resources": resources, "guests": guests.describe(world)}


def _requests(emulator: Emulator, request: Request) -> Body:
    since = request.query.get("since", "0")
    if not since.isdigit():
        raise ArmError(400, "InvalidParameter", "since is the number of a request.")
    return {"requests": requests_log.since(emulator.world, int(since))}


def _capacity(emulator: Emulator, request: Request) -> Body:
    """`samples` is the contract; `changes` says which VM changed to which state when."""
    world, pool_id = emulator.world, _pool_id(emulator.world, request)
    return {"samples": capacity.of_pool(world, pool_id).samples, "changes": capacity.of_pool(world, pool_id).changes}


def _session_events(emulator: Emulator, request: Request) -> Body:
    return {"events": broker.events_of(emulator.world, _pool_id(emulator.world, request))}


def _draws(emulator: Emulator, request: Request) -> Body:
    world = emulator.world
    draws: list[Body] = world.sections.get("draws", [])
    return {"draws": [{**draw, "time": world.iso(draw["time"])} for draw in draws]}


def _logs(emulator: Emulator, request: Request) -> Body:
    return {"rows": ingestion.rows_of(emulator.world, request.query.get("table", ""))}


def _batch(emulator: Emulator, request: Request) -> Body:
    return {"pools": batch_view.describe(emulator.world)}


def _post_faults(emulator: Emulator, request: Request) -> Body:
    faults.replace(emulator.world, request.body)
    return _get_faults(emulator, request)


def _get_faults(emulator: Emulator, request: Request) -> Body:
    known: faults.Faults | None = emulator.world.sections.get(faults.SECTION)
    rules = known.rules if known is not None else []
    return {"rules": [{"id": rule.id, "matches": rule.matches, "acted": rule.acted} for rule in rules]}


def _delete_faults(emulator: Emulator, request: Request) -> Body:
    faults.clear(emulator.world)
    return {"rules": []}


def _reset(emulator: Emulator, request: Request) -> Body:
    """The scenario as it was put up; logs and faults are gone."""
    made = emulator.world.sections.get(scenario.SECTION, {"name": "empty", "options": {}})
    options = {name: value for name, value in made["options"].items() if name != "start"}
    build(emulator, made["name"], options)
    return {"scenario": made["name"], "now": emulator.world.iso()}


def _scenario(emulator: Emulator, request: Request) -> Body:
    given: Any = request.body
    if not isinstance(given, dict) or not isinstance(given.get("name"), str):
        raise ArmError(
            400, "InvalidScenario", 'The body is {"name": "pooled", ...}; GET /emulator/scenarios lists names.'
        )
    build(emulator, given["name"], {name: value for name, value in given.items() if name != "name"})
    return {"scenario": given["name"], "now": emulator.world.iso(), **scenario.summary(emulator.world)}


def _scenarios(emulator: Emulator, request: Request) -> Body:
    return {"scenarios": scenario.describe()}


def _environment(emulator: Emulator, request: Request) -> Body:
    return dict(environment(emulator.world, request.base_url))


def _advance(emulator: Emulator, request: Request) -> Body:
    """Move a virtual clock."""
    world = emulator.world
    if not clock.clock_of(world).virtual:
        raise ArmError(409, "ClockRuns", "Only a virtual clock (--speed 0) can be advanced; this one runs by itself.")
    seconds = request.body.get("seconds") if isinstance(request.body, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
        raise ArmError(400, "InvalidParameter", 'The body is {"seconds": n} with n from 0 on.')
    world.advance(world.now + seconds)
    return {"now": world.iso()}


def _scale_sets(emulator: Emulator, request: Request) -> Body:
    return {"scaleSets": scale_set_control.describe(emulator.world)}


def _instance_health(emulator: Emulator, request: Request) -> Body:
    return scale_set_control.set_health(emulator.world, request.body)


def _scheduled_events(emulator: Emulator, request: Request) -> Body:
    return scale_set_control.approve_events(emulator.world, request.body)


def _image_versions(emulator: Emulator, request: Request) -> Body:
    return scale_set_control.publish(emulator.world, request.body)


def _pool_id(world: World, request: Request) -> str:
    """The host pool that `?hostPool=` names, by ARM id or, where that is clear, by name alone."""
    given = {name.lower(): value for name, value in request.query.items()}
    wanted = given.get("hostpool", "").strip().lower().rstrip("/")
    known = [pool.id for pool in broker.brokers(world).values()]
    found = [pool_id for pool_id in known if wanted in (pool_id.lower(), pool_id.lower().rsplit("/", 1)[-1])]
    if len(found) != 1:
        raise ArmError(404, "NotFound", f"hostPool={wanted or '<id>'} is none of: {json.dumps(known)}.")
    return found[0]


_CALLS: dict[tuple[str, str], Callable[[Emulator, Request], Body]] = {
    ("GET", "state"): _state,
    ("GET", "requests"): _requests,
    ("GET", "capacity"): _capacity,
    ("GET", "session-events"): _session_events,
    ("GET", "draws"): _draws,
    ("GET", "logs"): _logs,
    ("GET", "batch"): _batch,
    ("GET", "faults"): _get_faults,
    ("POST", "faults"): _post_faults,
    ("DELETE", "faults"): _delete_faults,
    ("POST", "reset"): _reset,
    ("POST", "scenario"): _scenario,
    ("GET", "scenarios"): _scenarios,
    ("GET", "environment"): _environment,
    ("POST", "advance"): _advance,
    ("GET", "scale-sets"): _scale_sets,
    ("POST", "instance-health"): _instance_health,
    ("POST", "scheduled-events"): _scheduled_events,
    ("POST", "image-versions"): _image_versions,
}
