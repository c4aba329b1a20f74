"""The emulator as one function: `Emulator.handle(request) -> Response`, no sockets, no threads, no real clock.

Order for an ARM call, as Azure Resource Manager's front door works: token, throttling, api-version, RBAC, locks, then
the resource provider. Fault rules strike between the two. Each ARM and data-plane call is written to the request log
(`requests_log.py`).
"""

from __future__ import annotations

import math

from emulator import (
    api_versions,
    clock,
    control,
    durations,
    faults,
    graph,
    guest_sysprep,
    guests,
    identity,
    marketplace,
    operations,
    requests_log,
    scale_set_control,
    service_fabric,
    throttle,
)
from emulator.authorization import check, locks
from emulator.authorization import routes as authorization_routes
from emulator.batch import routes as batch_routes
from emulator.compute import image_routes, scale_set_routes
from emulator.compute import routes as compute_routes
from emulator.desktopvirtualization import routes as desktopvirtualization_routes
from emulator.keyvault import data_plane
from emulator.keyvault import routes as keyvault_routes
from emulator.maintenance import routes as maintenance_routes
from emulator.monitor import ingestion
from emulator.monitor import routes as monitor_routes
from emulator.network import routes as network_routes
from emulator.resources import routes as resources_routes
from emulator.resources import subscriptions, tags
from emulator.routing import Route, Router, scope_of
from emulator.wire import ArmError, Body, Headers, Request, Response
from emulator.world import Handler, World

ROUTES: list[Route] = [
    *operations.ROUTES,
    *resources_routes.ROUTES,
    *authorization_routes.ROUTES,
    *network_routes.ROUTES,
    *compute_routes.ROUTES,
    *image_routes.ROUTES,
    *scale_set_routes.ROUTES,
    *desktopvirtualization_routes.ROUTES,
    *keyvault_routes.ROUTES,
    *batch_routes.ROUTES,
    *monitor_routes.ROUTES,
    *maintenance_routes.ROUTES,
    *service_fabric.ROUTES,
    *marketplace.ROUTES,
]
"""The ARM API."""

DATA_PLANES: list[Route] = [*data_plane.ROUTES, *graph.ROUTES, *ingestion.ROUTES, *batch_routes.DATA_PLANE]
"""Key Vault secrets, Microsoft Graph, logs ingestion, Batch: not ARM, so without its throttling, versions and locks."""

HANDLERS: dict[str, Handler] = {
    **operations.HANDLERS,
    **guests.HANDLERS,
    **guest_sysprep.HANDLERS,
    **compute_routes.HANDLERS,
    **resources_routes.HANDLERS,
    **network_routes.HANDLERS,
    **image_routes.HANDLERS,
    **scale_set_routes.HANDLERS,
    **scale_set_control.HANDLERS,
    **desktopvirtualization_routes.HANDLERS,
    **graph.HANDLERS,
    **batch_routes.HANDLERS,
}
"""What happens when time passes, by event kind."""

_ARM = Router(ROUTES)
_DATA_PLANES = Router(DATA_PLANES)


class Emulator:
    """The emulated cloud behind its HTTP surface.

    Each request first moves the world to where its clock stands (`clock.start`); a world without a running clock moves
    only by `world.advance` (tests, simulations).
    """

    def __init__(self, world: World) -> None:
        self.replace(world)

    def replace(self, world: World) -> None:
        """Go on with another world (reset, scenario, restored state)."""
        self.world = world
        world.handlers.update(HANDLERS)

    def advance(self, to: float) -> None:
        """Move the world on to a time, where no clock of its own does."""
        self.world.advance(to)

    def handle(self, request: Request) -> Response:
        """Answer one request. Never raises for what a client can send."""
        clock.catch_up(self.world)
        path = request.path.lower()
        if path.startswith("/emulator/"):
            return control.answer(self, request)
        response = identity.answer(self.world, request)
        if response is None:
            response = self._answer_logged(request)
        return self._finish(request, response)

    def _answer_logged(self, request: Request) -> Response:
        try:
            request.principal = request.principal or identity.authenticate(self.world, request)
            response = self._answer(request)
        except ArmError as error:
            response = error.response()
        requests_log.record(self.world, request, status=response.status, action=request.action, fault=request.fault)
        return response

    def _answer(self, request: Request) -> Response:
        world = self.world
        found = _DATA_PLANES.find(request.method, request.path)
        if found is not None:
            return self._with_faults(request, found, Headers())
        found = _ARM.find(request.method, request.path)
        if found is None:
            raise _unknown(request)
        route = found[0]
        scope = scope_of(route, request.path)
        headers = throttle.charge(world, request, route, scope)
        try:
            api_versions.require(request, route)
            subscriptions.require_own_tenant(world, request.path)
            if route.action is not None:
                request.action = route.action
                check.require(world, request.principal, route.action, scope)
            if request.method not in ("GET", "HEAD"):
                locks.require_unlocked(world, request.path, request.method)
            tags.require_valid(request)
            return self._with_faults(request, found, headers)
        except ArmError as error:
            error.headers = Headers({**headers, **error.headers})
            raise

    def _with_faults(self, request: Request, found: tuple[Route, dict[str, str]], headers: Headers) -> Response:
        """Call the route's function, with what a fault rule does to the answer (the design's list of effects)."""
        route, parameters = found
        fault = faults.before(self.world, request)
        effect: Body = {} if fault is None else fault.effect
        request.fault = None if fault is None else fault.id
        request.effect = effect or None
        kind = effect.get("type")
        if kind == "status":
            return _status_fault(effect, headers)
        if kind == "drop" and effect.get("when") == "before":
            return Response(0)
        try:
            if kind == "stale" and request.method == "GET":
                seconds = float(effect["seconds"])
                response = faults.stale(
                    self.world, request, seconds, lambda: route.answer(self.world, request, parameters)
                )
            else:
                response = route.answer(self.world, request, parameters)
        except ArmError as error:
            response = error.response()
        if kind == "drop":
            return Response(0)
        if kind == "delay":
            response.delay += float(effect.get("seconds", 0))
        response.headers = Headers({**headers, **response.headers})
        return response

    def _finish(self, request: Request, response: Response) -> Response:
        """Headers of every answer. Date is emulated time: leases and heartbeats are judged by it."""
        world = self.world
        headers = response.headers
        dict.__setitem__(headers, "Date", clock.http_date(world.now))
        dict.__setitem__(headers, "x-ms-request-id", world.guid())
        correlation = request.headers.find("x-ms-correlation-request-id")
        dict.__setitem__(headers, "x-ms-correlation-request-id", correlation or headers["x-ms-request-id"])
        speed = clock.clock_of(world).speed
        wait = headers.find("Retry-After")
        if speed > 1 and wait is not None:
            # Clients read Retry-After first and only in whole seconds, so compressed time needs the other header alone.
            del headers[next(name for name in headers if name.lower() == "retry-after")]
            headers["retry-after-ms"] = str(math.ceil(float(wait) * 1000 / speed))
        if world.setting("latency", False):
            response.delay += durations.draw(world, "request")
        return response


def _status_fault(effect: Body, headers: Headers) -> Response:
    status = int(effect["status"])
    headers = Headers(headers)
    if effect.get("retry_after") is not None:
        headers["Retry-After"] = str(effect["retry_after"])
    if not effect.get("code"):
        return Response(status, None, headers)  # the recorded 5xx have an empty body more often than not
    message = str(effect.get("message") or f"The emulator was told to answer {status} here.")
    return ArmError(status, str(effect["code"]), message, headers=headers).response()


def _unknown(request: Request) -> ArmError:
    known = sorted(set(_ARM.methods(request.path)))
    what = f"{request.method} {request.path}"
    if known:
        what += f" (it knows {', '.join(known)} there)"
    return ArmError(501, "NotImplemented", f"The emulator does not emulate {what}.")
