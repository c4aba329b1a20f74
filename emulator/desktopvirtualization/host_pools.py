"""Host pools and their registration token."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

from emulator import capacity, clock
from emulator.desktopvirtualization import errors, paging
from emulator.desktopvirtualization.broker import broker_of, brokers
from emulator.wire import Body, Headers, Request, Response
from emulator.world import Resource, World

TYPE = "Microsoft.DesktopVirtualization/hostpools"
AUTOMATED_SINCE = "2024-04-08-preview"
"""managementType is not part of earlier api-versions; clients that must know it ask with a later one."""
TOKEN_IN_ANSWER_SINCE = "2025-10-10"
"""PUT answers carried the new token under 2025-10-10 and null under 2021-07-12 (recordings); between is unverified."""
HOUR, DAY = 3600.0, 86400.0

_RDP = (
    "drivestoredirect:s:*;audiomode:i:0;videoplaybackmode:i:1;redirectclipboard:i:1;redirectprinters:i:1;"
    "devicestoredirect:s:*;redirectcomports:i:1;redirectsmartcards:i:1;usbdevicestoredirect:s:*;"
    "enablecredsspsupport:i:1;redirectwebauthn:i:1;use multimon:i:1;"
)
_DEFAULTS: Body = {
    "friendlyName": None,
    "description": None,
    "hostPoolType": "Pooled",
    "personalDesktopAssignmentType": None,
    "applicationGroupReferences": [],
    "appAttachPackageReferences": [],
    "customRdpProperty": _RDP,
    "maxSessionLimit": 999999,
    "loadBalancerType": "BreadthFirst",
    "validationEnvironment": False,
    "ring": None,
    "registrationInfo": None,
    "vmTemplate": None,
    "preferredAppGroupType": "Desktop",
    "migrationRequest": None,
    "cloudPcResource": False,
    "startVMOnConnect": False,
    "ssoadfsAuthority": None,
    "ssoClientId": None,
    "ssoClientSecretKeyVaultPath": None,
    "ssoSecretType": None,
    "publicNetworkAccess": "Enabled",
    "agentUpdate": None,
    "managementType": "Standard",
}
_READ_ONLY = (
    "objectId",
    "applicationGroupReferences",
    "appAttachPackageReferences",
    "cloudPcResource",
    "migrationRequest",
)
_REQUIRED = ("hostPoolType", "loadBalancerType", "preferredAppGroupType")


def pool_of(world: World, parameters: dict[str, str]) -> Resource:
    """The host pool of a path. Raises 404."""
    pool = world.get(pool_path(parameters))
    if pool is None:
        raise errors.pool_missing(world)
    return pool


def pool_path(parameters: dict[str, str]) -> str:
    """The ARM id of a path's host pool."""
    return (
        f"/subscriptions/{parameters['subscription']}/resourceGroups/{parameters['group']}"
        f"/providers/Microsoft.DesktopVirtualization/hostPools/{parameters['pool']}"
    )


def make(world: World, pool_id: str, location: str, properties: Body, tags: dict[str, str] | None, by: str) -> Resource:
    """Store a host pool with complete properties (used by PUT and by scenarios)."""
    segments = pool_id.strip("/").split("/")
    body: Body = {
        "identity": None,
        "name": segments[-1],
        # The type segments of ids come back in lower case (recordings).
        "id": (
            f"/subscriptions/{segments[1]}/resourcegroups/{segments[3]}"
            f"/providers/Microsoft.DesktopVirtualization/hostpools/{segments[-1]}"
        ),
        "type": TYPE,
        "location": location,
        "tags": tags,
        "kind": None,
        "systemData": system_data(world, by, None),
        "properties": {**copy.deepcopy(_DEFAULTS), **properties, "registrationInfo": None, "objectId": world.guid()},
    }
    broker_of(world, pool_id)
    return world.put(pool_id, body)


def system_data(world: World, by: str, known: Body | None) -> Body:
    """systemData of a resource after a change by `by`."""
    created = known or {"createdBy": by, "createdByType": "Application", "createdAt": world.iso()}
    return {
        **created,
        "lastModifiedBy": by,
        "lastModifiedByType": "Application",
        "lastModifiedAt": world.iso(),
    }


def caller(request: Request) -> str:
    """Who is named in systemData."""
    return request.principal.client_id if request.principal else "unknown"


def render(pool: Resource, request: Request, registration: Body | None = None) -> Body:
    """The pool as an answer shows it; the registration token is never in a GET."""
    body: Body = {**pool.body, "properties": {**pool.body["properties"], "registrationInfo": registration}}
    if request.api_version < AUTOMATED_SINCE:
        body["properties"].pop("managementType", None)
    return body


def put(world: World, request: Request, parameters: dict[str, str]) -> Response:
    """201 with a relative Location (not an operation) for a new pool, 200 for a known one.

    Recording avd-hostpool-lifecycle-2024.
    """
    given = request.body if isinstance(request.body, dict) else {}
    properties: Body = dict(given.get("properties") or {})
    missing = [name for name in _REQUIRED if not properties.get(name)]
    if missing or not given.get("location"):
        raise errors.bad_request(world, f"{', '.join(missing) or 'location'} is required")
    wanted = properties.pop("registrationInfo", None)
    for name in _READ_ONLY:
        properties.pop(name, None)
    if str(properties["hostPoolType"]).lower() == "shared":
        properties["hostPoolType"] = "Pooled"  # "Shared" is stored as "Pooled" (recording)
    properties = {name: value for name, value in properties.items() if value is not None}
    _check(world, properties)
    path = pool_path(parameters)
    known = world.get(path)
    location = str(given["location"]).lower().replace(" ", "")
    if known is None:
        registration = _register(world, path, wanted, request)
        pool = make(world, path, location, properties, given.get("tags"), caller(request))
        return Response(201, render(pool, request, registration), Headers({"Location": pool.body["id"]}))
    old = known.body["properties"]
    if properties["hostPoolType"] != old["hostPoolType"]:
        raise errors.bad_request(world, "HostPoolType cannot be changed")
    registration = _register(world, path, wanted, request)
    kept = {name: old[name] for name in (*_READ_ONLY, "managementType")}
    body = {
        **known.body,
        "tags": given.get("tags"),
        "systemData": system_data(world, caller(request), known.body["systemData"]),
        "properties": {**copy.deepcopy(_DEFAULTS), **kept, **properties},
    }
    pool = world.put(path, body)
    capacity.pool_changed(world, path)
    return Response(200, render(pool, request, registration))


def patch(world: World, request: Request, parameters: dict[str, str]) -> Response:
    """PATCH: given properties replace; tags replace as a whole."""
    pool = pool_of(world, parameters)
    given = request.body if isinstance(request.body, dict) else {}
    properties: Body = dict(given.get("properties") or {})
    wanted = properties.pop("registrationInfo", None)
    for name in (*_READ_ONLY, "hostPoolType", "managementType"):
        properties.pop(name, None)
    _check(world, properties)
    registration = _register(world, pool.id, wanted, request)
    body = {
        **pool.body,
        "systemData": system_data(world, caller(request), pool.body["systemData"]),
        "properties": {**pool.body["properties"], **properties},
    }
    if "tags" in given:
        body["tags"] = given["tags"]
    pool = world.put(pool.id, body)
    capacity.pool_changed(world, pool.id)
    return Response(200, render(pool, request, registration))


def get(world: World, request: Request, parameters: dict[str, str]) -> Response:
    return Response(200, render(pool_of(world, parameters), request))


def list_all(world: World, request: Request, parameters: dict[str, str]) -> Response:
    """Pools of a resource group, or of the subscription."""
    prefix = f"/subscriptions/{parameters['subscription']}"
    if "group" in parameters:
        prefix += f"/resourceGroups/{parameters['group']}"
    found = [broker.id for key, broker in brokers(world).items() if key.startswith(prefix.lower() + "/")]
    pools = [pool for pool in map(world.get, found) if pool is not None]
    return paging.page(request, [render(pool, request) for pool in pools])


def delete(world: World, request: Request, parameters: dict[str, str]) -> Response:
    """200 with the object; 204 for a missing one; refused while session hosts are registered, unless force=true."""
    pool = world.get(pool_path(parameters))
    if pool is None:
        return Response(204)
    broker = broker_of(world, pool.id)
    if broker.hosts and request.query.get("force", "").lower() != "true":
        raise errors.bad_request(world, "HostPool has session hosts and cannot be deleted")  # wording unverified
    for record_id in list(broker.hosts):
        world.delete(record_id)
    brokers(world).pop(pool.id.lower(), None)
    world.delete(pool.id)
    return Response(200, render(pool, request))


def retrieve_token(world: World, request: Request, parameters: dict[str, str]) -> Response:
    """POST retrieveRegistrationToken: the token if there is a valid one, else null."""
    broker = broker_of(world, _standard(world, parameters).id)
    valid = broker.token is not None and broker.expires > world.now
    return Response(
        200,
        {
            "expirationTime": world.iso(broker.expires) if broker.token is not None else None,
            "token": broker.token if valid else None,
            "resetToken": False,
            "registrationTokenOperation": "None",
        },
    )


def list_tokens(world: World, request: Request, parameters: dict[str, str]) -> Response:
    """POST listRegistrationTokens: a list of at most one."""
    broker = broker_of(world, _standard(world, parameters).id)
    valid = broker.token is not None and broker.expires > world.now
    value = [{"expirationTime": world.iso(broker.expires), "token": broker.token}] if valid else []
    return Response(200, {"value": value, "nextLink": None})


def mint(world: World, pool_id: str, expires: float) -> str:
    """A new registration token: the former one is no longer accepted (one per pool; that it ends is inferred)."""
    broker = broker_of(world, pool_id)
    claims = {"RegistrationId": world.guid(), "BrokerUri": "https://rdbroker.invalid/", "exp": int(expires)}
    parts = [{"alg": "RS256", "typ": "JWT"}, claims]
    head = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    broker.token, broker.expires = f"{head}.{world.random.getrandbits(256):064x}", expires
    return broker.token


def _register(world: World, pool_id: str, wanted: Any, request: Request) -> Body | None:
    """Apply registrationInfo of a write; returns what the answer shows of it."""
    if not isinstance(wanted, dict):
        return None
    operation = str(wanted.get("registrationTokenOperation") or "None")
    if operation == "Delete":
        broker = broker_of(world, pool_id)
        broker.token, broker.expires = None, 0.0
        return None
    if operation != "Update":
        return None
    try:
        expires = clock.parse(str(wanted.get("expirationTime")))
    except ValueError:
        raise errors.bad_request(world, "ExpirationTime value is not a date") from None
    # Wording of the rule: Azure/AVDSessionHostReplacer issue 38. A little slack: clients ask for exactly 30 days.
    if not world.now + HOUR - 60 <= expires <= world.now + 30 * DAY + 60:
        raise errors.bad_request(world, "ExpirationTime value must be between one hour and 30 days from now")
    token = mint(world, pool_id, expires)
    shown = token if request.api_version >= TOKEN_IN_ANSWER_SINCE else None
    return {"expirationTime": world.iso(expires), "token": shown, "registrationTokenOperation": "Update"}


def _standard(world: World, parameters: dict[str, str]) -> Resource:
    """The pool, unless it is Automated: those do not give out tokens (session-host-update documentation)."""
    pool = pool_of(world, parameters)
    if pool.body["properties"].get("managementType") == "Automated":
        raise errors.bad_request(world, "Registration tokens are not available for Automated host pools")
    return pool


def _check(world: World, properties: Body) -> None:
    allowed = {
        "hostPoolType": ("Pooled", "Personal", "BYODesktop"),
        "loadBalancerType": ("BreadthFirst", "DepthFirst", "Persistent", "MultiplePersistent"),
        "managementType": ("Standard", "Automated"),
    }
    for name, values in allowed.items():
        if properties.get(name) is not None and properties[name] not in values:
            raise errors.bad_request(world, f"{name} must be one of {', '.join(values)}")
    limit = properties.get("maxSessionLimit")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= 999999):
        raise errors.bad_request(world, "maxSessionLimit must be between 1 and 999999")
    template = properties.get("vmTemplate")
    if template is not None and not isinstance(template, str):
        raise errors.bad_request(world, "vmTemplate must be a string")
