"""Session-host records: what the broker shows of a host, draining, removal."""

from __future__ import annotations

import math
from typing import Any

from emulator import capacity
from emulator.desktopvirtualization import errors, host_pools, paging
from emulator.desktopvirtualization.broker import Broker, broker_of, brokers, pool_id_of
from emulator.wire import Body, Request, Response
from emulator.world import Resource, World

TYPE = "Microsoft.DesktopVirtualization/hostpools/sessionhosts"
BEAT = 60.0
"""Seconds between two heartbeats of a running agent (inferred: portal and logs show about one a minute)."""
COUNTS_SINCE = "2025-03-01-preview"
"""activeSessions, disconnectedSessions, pendingSessions, sessionHostConfiguration (avd-sessionhost-get-and-list)."""
_WRITABLE = ("allowNewSession", "assignedUser", "friendlyName")


def make(
    world: World, broker: Broker, name: str, vm: Resource, *, status: str, computer: str, running: bool
) -> Resource:
    """A new record: it takes new sessions at once. `running`: the agent has a heartbeat."""
    pool_segments = broker.id.strip("/").split("/")
    subscription, group, pool = pool_segments[1], pool_segments[3], pool_segments[-1]
    body: Body = {
        "name": f"{pool}/{name}",
        # Type segments of ids are lower-case (avd-sessionhost-get-and-list).
        "id": (
            f"/subscriptions/{subscription}/resourcegroups/{group}"
            f"/providers/Microsoft.DesktopVirtualization/hostpools/{pool}/sessionhosts/{name}"
        ),
        "type": TYPE,
        "properties": {
            "objectId": world.guid(),
            "friendlyName": None,
            "lastHeartBeat": world.iso(),
            "statusTimestamp": world.iso(),
            "lastUpdateTime": world.iso(),
            "sessions": 0,
            "agentVersion": "1.0.11814.0",
            "allowNewSession": True,
            "assignedUser": None,
            "status": status,
            "osVersion": "10.0.26100.4652",
            "sxSStackVersion": "rdp-sxs250616010",
            "updateState": "Succeeded",
            "updateErrorMessage": "",
            "sessionHostHealthCheckResults": [],
            "resourceId": vm.id,
            "virtualMachineId": vm.body["properties"].get("vmId"),
        },
        "systemData": {
            "createdBy": None,
            "createdByType": None,
            "createdAt": world.iso(),
            "lastModifiedBy": None,
            "lastModifiedByType": None,
            "lastModifiedAt": world.iso(),
        },
    }
    record = world.put(f"{broker.id}/sessionHosts/{name}", body, {})
    key = record.id.lower()
    broker.hosts[key] = {}
    broker.numbers.setdefault(key, 0)
    broker.record_of[vm.id.lower()] = key
    record.hidden = {
        "computer": computer,
        "disk": vm.body["properties"]["storageProfile"]["osDisk"].get("managedDisk", {}).get("id"),
        "running": running,
        "since": world.now,
        "turn": 0,
    }
    return record


def render(world: World, record: Resource, version: str = "") -> Body:
    """The record as GET returns it at this moment. The heartbeat is not an event: it is worked out when asked for."""
    properties = {**record.body["properties"], "lastHeartBeat": world.iso(last_heartbeat(world, record))}
    if version >= COUNTS_SINCE:
        sessions = sessions_of(world, record)
        counts = {
            "activeSessions": sum(session.state == "Active" for session in sessions.values()),
            "disconnectedSessions": sum(session.state == "Disconnected" for session in sessions.values()),
            "pendingSessions": sum(session.state == "Pending" for session in sessions.values()),
            "sessionHostConfiguration": None,
        }
        properties = {**counts, **properties}
    return {**record.body, "properties": properties}


def last_heartbeat(world: World, record: Resource) -> float:
    """Seconds: the last full beat since the agent came up, or the one before it went down."""
    since = record.hidden["since"]
    if not record.hidden["running"]:
        return float(since)
    return float(since + math.floor((world.now - since) / BEAT) * BEAT)


def sessions_of(world: World, record: Resource) -> dict[int, Any]:
    """The sessions the broker lists for a host, by number."""
    return broker_of(world, pool_id_of(record.id)).hosts.get(record.id.lower(), {})


def set_status(world: World, record: Resource, status: str) -> None:
    """Change the status; the broker's capacity follows."""
    properties = record.body["properties"]
    if properties["status"] != status:
        properties["status"] = status
        properties["statusTimestamp"] = world.iso()
    capacity.touch(world, properties["resourceId"])


def record_of_path(world: World, parameters: dict[str, str]) -> Resource:
    """The record of a path. Raises 404 for pool and host."""
    pool = host_pools.pool_of(world, parameters)
    record = world.get(f"{pool.id}/sessionHosts/{parameters['host']}")
    if record is None:
        raise errors.host_missing(world)
    return record


def get(world: World, request: Request, parameters: dict[str, str]) -> Response:
    return Response(200, render(world, record_of_path(world, parameters), request.api_version))


def list_all(world: World, request: Request, parameters: dict[str, str]) -> Response:
    """All hosts of a pool; `vmPath` picks the record of one VM (newer api-versions)."""
    pool = host_pools.pool_of(world, parameters)
    records = [record for record in map(world.get, broker_of(world, pool.id).hosts) if record is not None]
    wanted = request.query.get("vmpath", "").lower()
    if wanted:
        records = [record for record in records if record.body["properties"]["resourceId"].lower() == wanted]
    return paging.page(request, [render(world, record, request.api_version) for record in records])


def patch(world: World, request: Request, parameters: dict[str, str]) -> Response:
    """allowNewSession, assignedUser and friendlyName. Draining changes nothing else: sessions stay (recording)."""
    record = record_of_path(world, parameters)
    given = request.body.get("properties") if isinstance(request.body, dict) else None
    changes = {name: value for name, value in (given or {}).items() if name in _WRITABLE}
    if "allowNewSession" in changes and not isinstance(changes["allowNewSession"], bool):
        raise errors.bad_request(world, "allowNewSession must be a boolean")
    record.body["properties"].update(changes)
    by = host_pools.caller(request)
    record.body["systemData"] = {
        **record.body["systemData"],
        "lastModifiedBy": by,
        "lastModifiedByType": "Application",
        "lastModifiedAt": world.iso(),
    }
    record.etag += 1
    capacity.touch(world, record.body["properties"]["resourceId"])
    return Response(200, render(world, record, request.api_version))


def delete(world: World, request: Request, parameters: dict[str, str]) -> Response:
    """200 with the object, 204 for a missing one (recordings).

    Without force it is refused while there are sessions: from the specification's text of `force` ("even when
    userSession exists") only, no recording; status and wording are inferred. With force the users stay logged on to
    the VM, but nobody finds them any more.
    """
    pool = host_pools.pool_of(world, parameters)
    record = world.get(f"{pool.id}/sessionHosts/{parameters['host']}")
    if record is None:
        return Response(204)
    if sessions_of(world, record) and request.query.get("force", "").lower() != "true":
        raise errors.error(world, 409, "SessionHost has user sessions and cannot be deleted without force")
    shown = render(world, record, request.api_version)
    remove(world, record)
    return Response(200, shown)


def remove(world: World, record: Resource) -> None:
    """Take a record out of the pool; the VM goes on counting as one of the pool's."""
    broker = broker_of(world, pool_id_of(record.id))
    vm_id = record.body["properties"]["resourceId"]
    sessions = broker.hosts.pop(record.id.lower(), {})
    live = [session for session in sessions.values() if not session.lost]
    if live:
        broker.detached.setdefault(vm_id.lower(), []).extend(live)
    broker.record_of.pop(vm_id.lower(), None)
    broker.open.pop(record.id.lower(), None)
    world.delete(record.id)
    capacity.touch(world, vm_id)


def all_records(world: World) -> list[Resource]:
    """Every session-host record."""
    return [
        record for broker in brokers(world).values() for record in map(world.get, broker.hosts) if record is not None
    ]
