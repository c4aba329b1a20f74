"""Long-running operations: the headers that start one, the status that is polled, and how it ends.

`start` is called by a handler when it accepts work; what the work does happens in an event handler (`done`) at the
end. An operation ends Succeeded, Failed (the handler, or a fault rule) or Canceled (a newer write to the same virtual
machine preempted it). Patterns per kind are those of the recordings: who sends Azure-AsyncOperation, who sends
Location, on which answers Retry-After stands.

A done handler is called as f(world, operation=<id>, error=None | {"code", "message"}, **payload). With an error it only
settles provisioning states; without, it applies the effect and may call `fail`, `output` or `extend`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from emulator import clock
from emulator.routing import Route
from emulator.wire import ArmError, Body, Headers, Request, Response
from emulator.world import Handler, World


@dataclass(frozen=True)
class Kind:
    """How one sort of operation looks on the wire.

    family: the path segment under `locations/<loc>/`. first and then: Retry-After in seconds on the answer that starts
    it and on the first status GET only (later ones carry none). every: Retry-After on each status GET.
    """

    family: str = "operations"
    namespace: str = "Microsoft.Compute"
    async_operation: bool = True
    location: bool = False
    results: str = ""
    """Where Location points when it is another collection than the status (`operationResults` of Network)."""
    first: int | None = None
    then: int | None = None
    every: int | None = None
    times: bool = True
    """Whether the status body has startTime, endTime and name (Compute) or the bare status (Network)."""
    below: str = ""
    """The collection of the top-level resource that the status lies below, where it is not a location."""
    finished: int = 200
    """Status of the GET of Location once the operation has succeeded."""


# Retry-After: .NET recordings of 2019 (VM PUT, DELETE, deallocate 10, then 70, 30, 36; disks 2, then 10), poll gaps of
# the azure-cli recordings 2021-2024 for the rest (start 10, data-disk VM PUT 2, image versions 60).
KINDS: dict[str, Kind] = {
    "vm create": Kind(first=10, then=70),
    "vm update": Kind(first=2, then=2),
    "vm delete": Kind(location=True, first=10, then=30),
    "vm deallocate": Kind(location=True, first=10, then=36),
    "vm action": Kind(location=True, first=10, then=10),
    # Retry-After of scale sets: recordings compute-vmss-*, 10 on the 201 of 2019, none on later answers.
    "scale set create": Kind(first=10),
    "scale set update": Kind(),
    "scale set action": Kind(location=True),
    "extension put": Kind(first=10, then=10),
    "extension delete": Kind(location=True, first=10, then=10),
    "run command put": Kind(first=10, then=10),
    "run command delete": Kind(location=True, first=10, then=10),
    "disk put": Kind(family="DiskOperations", location=True, first=2, then=10),
    "disk delete": Kind(family="DiskOperations", location=True, first=2, then=10),
    "image put": Kind(first=5, then=10),
    "image delete": Kind(location=True, first=5, then=10),
    "gallery put": Kind(family="capsOperations", first=2, then=10),
    "gallery delete": Kind(family="capsOperations", location=True, first=2, then=10),
    "image version put": Kind(family="capsOperations", first=60, then=60),
    "image version delete": Kind(family="capsOperations", location=True, first=60, then=60),
    "network put": Kind(namespace="Microsoft.Network", first=3, then=10, times=False),
    "network delete": Kind(
        namespace="Microsoft.Network",
        location=True,
        results="operationResults",
        first=10,
        every=10,
        times=False,
        finished=204,
    ),
    # The paths: recording batch-account-and-dataplane-pool. Retry-After is in the REST documentation, its value is not.
    "batch account put": Kind(
        namespace="Microsoft.Batch",
        family="operationResults",
        below="batchAccounts",
        async_operation=False,
        location=True,
        first=15,
        every=15,
    ),
    "batch account delete": Kind(
        namespace="Microsoft.Batch",
        family="operationResults",
        below="batchAccounts",
        async_operation=False,
        location=True,
        first=15,
        every=15,
    ),
    "batch pool delete": Kind(
        namespace="Microsoft.Batch",
        family="poolOperationResults",
        below="batchAccounts",
        async_operation=False,
        location=True,
        first=15,
        every=15,
    ),
    "resource group delete": Kind(
        namespace="", family="operationresults", async_operation=False, location=True, first=15, every=15, times=False
    ),
    "registry put": Kind(namespace="Microsoft.DesktopVirtualization", family="operationStatuses", first=5, every=5),
}


FORGOTTEN_AFTER = 3600.0
"""Seconds after its end at which an operation's status is gone (that it goes is certain, when is unverified)."""


TOP = 8
"""Slashes in the id of a resource right under its provider, such as a VM."""


@dataclass
class Operation:
    """One operation. `ends` is its turn in the schedule: an end that was put off has an outdated one."""

    id: str
    kind: str
    resource_id: str
    started: float
    done: str
    payload: Body
    ended: float | None = None
    status: str = "InProgress"
    error: Body | None = None
    result: Any = None
    ends: int = 0
    polled: int = 0
    signature: str = ""
    effect: Body | None = None
    extended: bool = False
    location: str = ""


def all_of(world: World) -> dict[str, Operation]:
    """The world's operations by id."""
    table: dict[str, Operation] = world.sections.setdefault("operations", {})
    return table


def start(
    world: World, request: Request, *, kind: str, resource_id: str, seconds: float | None, done: str, **payload: Any
) -> Headers:
    """Begin an operation that ends `seconds` from now with the event `done`; returns the headers of the answer.

    seconds None: it runs until `finish`. A fault rule of type `operation` that struck the request decides the end.
    """
    operation = Operation(world.guid(), kind, resource_id, world.now, done, payload, signature=_signature(world))
    operation.effect = request.effect if (request.effect or {}).get("type") == "operation" else None
    resource = world.get(resource_id) or world.get(resource_id.rsplit("/", 2)[0])  # a child has no place of its own
    operation.location = str((resource.body if resource else {}).get("location") or "westeurope")
    all_of(world)[operation.id] = operation
    _running(world).setdefault(resource_id.lower(), []).append(operation.id)
    _by_top(world).setdefault(_top(resource_id), {})[resource_id.lower()] = None
    if seconds is not None:
        _end_in(world, operation, seconds)
    headers = urls(world, request, operation)
    pattern = KINDS[kind]
    if pattern.first is not None:
        headers["Retry-After"] = str(pattern.first)
    elif clock.clock_of(world).speed > 1:
        headers["Retry-After"] = "10"  # as in answer_status: no client shall sleep its default in real seconds
    return headers


def latest(world: World, resource_id: str) -> Operation | None:
    """The operation on a resource that is still running, if any."""
    running = _running(world).get(resource_id.lower(), [])
    return all_of(world)[running[-1]] if running else None


def running_under(world: World, resource_id: str) -> list[Operation]:
    """The running operations on a resource and on its children, oldest first."""
    own = resource_id.lower()
    beside = _running_of(world, own) if own.count("/") >= TOP else _running(world)
    found = [i for key, ids in beside.items() if key == own or key.startswith(own + "/") for i in ids]
    return sorted((all_of(world)[i] for i in found), key=lambda o: o.started)


def preempt(world: World, resource_id: str) -> None:
    """Cancel what runs on a virtual machine and its extensions: a more recent operation takes over.

    Wording as in issue reports (Canceled / OperationPreempted). A hanging operation ends this way too.
    """
    error = {
        "code": "OperationPreempted",
        "message": "Operation execution has been preempted by a more recent operation.",
    }
    for operation in running_under(world, resource_id):
        _conclude(world, operation, error, "Canceled")


def finish(world: World, operation_id: str, error: Body | None = None) -> None:
    """End a running operation now; without effect on one that has ended."""
    operation = all_of(world).get(operation_id)
    if operation is not None and operation.status == "InProgress":
        _due(world, operation_id, operation.ends, error)


def cancel(world: World, operation_id: str, error: Body) -> None:
    """End a running operation as Canceled; without effect on one that has ended."""
    operation = all_of(world).get(operation_id)
    if operation is not None and operation.status == "InProgress":
        _conclude(world, operation, error, "Canceled")


def fail(world: World, operation_id: str, code: str, message: str, details: list[Body] | None = None) -> None:
    """Called by a done handler: the operation ends Failed with this error."""
    operation = all_of(world)[operation_id]
    operation.error = {"code": code, "message": message, **({"details": details} if details else {})}


def output(world: World, operation_id: str, body: Any) -> None:
    """Called by a done handler: `properties.output` of the status, and the body of the GET of Location."""
    all_of(world)[operation_id].result = body


def extend(world: World, operation_id: str, seconds: float | None) -> None:
    """Called by a done handler: the operation goes on, for some seconds or (None) until `finish`."""
    operation = all_of(world)[operation_id]
    operation.extended = True
    operation.ends += 1
    if seconds is not None:
        _end_in(world, operation, seconds)


def urls(world: World, request: Request, operation: Operation) -> Headers:
    """Azure-AsyncOperation and Location of an operation. Since 2023 they are signed: to be called verbatim."""
    pattern = KINDS[operation.kind]
    segments = operation.resource_id.strip("/").split("/")
    subscription = segments[1] if len(segments) > 1 else ""
    provider = f"/providers/{pattern.namespace}/locations/{operation.location}" if pattern.namespace else ""
    base = f"{request.base_url}/subscriptions/{subscription}{provider}"
    if pattern.below:
        base = request.base_url + "/".join(operation.resource_id.split("/")[: TOP + 1])
    version = f"api-version={request.api_version}"
    signed = f"t={int(operation.started)}&c=emulated&s={operation.signature}&h={operation.id[:8]}"
    headers = Headers()
    if pattern.async_operation:
        headers["Azure-AsyncOperation"] = f"{base}/{pattern.family}/{operation.id}?p={operation.id}&{version}&{signed}"
    if pattern.location:
        family = pattern.results or pattern.family
        monitor = "" if pattern.results else "monitor=true&"
        headers["Location"] = f"{base}/{family}/{operation.id}?p={operation.id}&{monitor}{version}&{signed}"
    return headers


def answer_status(world: World, request: Request, parameters: dict[str, str]) -> Response:
    """GET of Azure-AsyncOperation or of Location. HTTP is 200 also for Failed and Canceled."""
    operation = all_of(world).get(parameters["operation"].lower())
    if operation is None:
        raise ArmError(404, "NotFound", "The entity was not found in this Azure location.")
    if request.query.get("s") != operation.signature:
        # That the signature is checked is inferred from its presence; the wording is ours.
        raise ArmError(400, "InvalidParameter", "The operation URL must be used as it was given.", target="s")
    pattern = KINDS[operation.kind]
    operation.polled += 1
    running = operation.status == "InProgress"
    headers = Headers()
    wait = pattern.every or (pattern.then if operation.polled == 1 else None)
    if running and wait is not None:
        headers["Retry-After"] = str(wait)
    if running and clock.clock_of(world).speed > 1 and wait is None:
        headers["Retry-After"] = "10"  # turned into retry-after-ms by app.py: no client shall sleep 30 real seconds
    by_location = (
        not pattern.async_operation
        or request.query.get("monitor", "").lower() == "true"
        or (bool(pattern.results) and f"/{pattern.results}/".lower() in request.path.lower())
    )
    if by_location:
        if running:
            headers.update(urls(world, request, operation))
            return Response(202, None, headers)
        if operation.error is not None:
            raise ArmError(409, operation.error["code"], operation.error["message"])
        if pattern.results:
            headers.update(urls(world, request, operation))  # recording network-nic-lifecycle: also on the 204
        return Response(pattern.finished, operation.result, headers)
    return Response(200, _status_body(world, operation, pattern), headers)


def _status_body(world: World, operation: Operation, pattern: Kind) -> Body:
    if not pattern.times:
        bare: Body = {"status": operation.status}
        if operation.error is not None:
            bare["error"] = operation.error
        return bare
    body: Body = {"startTime": _offset(world, operation.started)}
    if operation.ended is not None:
        body["endTime"] = _offset(world, operation.ended)
    body["status"] = operation.status
    if operation.error is not None:
        body["error"] = operation.error
    if operation.result is not None:
        body["properties"] = {"output": operation.result}
    body["name"] = operation.id
    return body


def _offset(world: World, at: float) -> str:
    return world.iso(at).replace("Z", "+00:00")


def _signature(world: World) -> str:
    return f"{world.random.getrandbits(128):032x}"


def _running(world: World) -> dict[str, list[str]]:
    table: dict[str, list[str]] = world.sections.setdefault("operations_running", {})
    return table


def _by_top(world: World) -> dict[str, dict[str, None]]:
    """What operations run on, by the VM (or other resource right under its provider) it belongs to: of a thousand that
    run at once, those of one VM are asked for at each write."""
    table: dict[str, dict[str, None]] = world.sections.setdefault("operations_by_top", {})
    return table


def _top(resource_id: str) -> str:
    return "/".join(resource_id.lower().split("/")[: TOP + 1])


def _running_of(world: World, resource_id: str) -> dict[str, list[str]]:
    running = _running(world)
    return {key: running[key] for key in _by_top(world).get(_top(resource_id), ()) if key in running}


def _end_in(world: World, operation: Operation, seconds: float) -> None:
    operation.ends += 1
    world.schedule(seconds, "operations.due", operation=operation.id, turn=operation.ends)


def _due(world: World, operation: str, turn: int, error: Body | None = None) -> None:
    """Event: the would-be end of an operation."""
    record = all_of(world)[operation]
    if record.status != "InProgress" or record.ends != turn:
        return
    effect = record.effect
    if effect is not None and error is None:
        if effect.get("outcome") == "hang":
            return  # stays InProgress until a newer write preempts it
        code = str(effect.get("code") or "InternalExecutionError")
        message = str(effect.get("message") or "An internal execution error occurred. Please retry later.")
        error = {"code": code, "message": message}
    _conclude(world, record, error, "Failed")


def _conclude(world: World, operation: Operation, error: Body | None, status_on_error: str) -> None:
    world.handlers[operation.done](world, operation=operation.id, error=error, **operation.payload)
    if error is None and operation.extended:
        operation.extended = False
        return
    operation.error = error or operation.error
    operation.status = status_on_error if operation.error is not None else "Succeeded"
    operation.ended = world.now
    _forget(world, operation)
    running = _running(world).get(operation.resource_id.lower(), [])
    if operation.id in running:
        running.remove(operation.id)
    if not running:
        _running(world).pop(operation.resource_id.lower(), None)
        beside = _by_top(world).get(_top(operation.resource_id), {})
        beside.pop(operation.resource_id.lower(), None)
        if not beside:
            _by_top(world).pop(_top(operation.resource_id), None)


def _forget(world: World, ended: Operation) -> None:
    """Note that an operation has ended, and forget those that did long ago."""
    queue: deque[str] = world.sections.setdefault("ended_operations", deque())
    queue.append(ended.id)
    table = all_of(world)
    while queue:
        oldest = table.get(queue[0])
        if oldest is not None and (oldest.ended or 0.0) > world.now - FORGOTTEN_AFTER:
            return
        table.pop(queue.popleft(), None)


def done_nothing(world: World, *, operation: str, error: Body | None) -> None:
    """A done handler for work whose effect was applied when it was accepted."""


def _templates() -> list[str]:
    found = set()
    for kind in KINDS.values():
        provider = f"providers/{kind.namespace}/locations/{{location}}/" if kind.namespace else ""
        if kind.below:
            provider = f"resourceGroups/{{group}}/providers/{kind.namespace}/{kind.below}/{{resource}}/"
        found |= {
            f"/subscriptions/{{subscription}}/{provider}{f}/{{operation}}" for f in (kind.family, kind.results) if f
        }
    return sorted(found)


ROUTES = [Route("GET", template, answer_status, None) for template in _templates()]

HANDLERS: dict[str, Handler] = {
    "operations.due": _due,
    "operations.done_nothing": done_nothing,
}
