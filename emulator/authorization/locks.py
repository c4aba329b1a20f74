"""Management locks (CanNotDelete, ReadOnly) and what they forbid: 409 ScopeLocked, whatever role the caller has."""

from __future__ import annotations

from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from emulator import ids
from emulator.authorization import check
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import World

LOCK = "Microsoft.Authorization/locks"
_LEVELS = {"cannotdelete": "CanNotDelete", "readonly": "ReadOnly", "notspecified": "NotSpecified"}


@dataclass(slots=True)
class _Known:
    section: Body
    revision: int
    locks: list[tuple[str, str]] = field(default_factory=list)
    """(scope in lower case, level)."""


_remembered: WeakKeyDictionary[World, _Known] = WeakKeyDictionary()


def require_unlocked(world: World, path: str, method: str) -> None:
    """Raise 409 ScopeLocked when a lock on the path's scope, or above it, forbids this method.

    CanNotDelete forbids DELETE; ReadOnly forbids every method but GET and HEAD: also POST, so a VM below it can not be
    started or deallocated (learn.microsoft.com/azure/azure-resource-manager/management/lock-resources). DELETE of
    what has a locked resource below it is refused too. Locks themselves can be written and removed.
    """
    method = method.upper()
    if method in ("GET", "HEAD", "OPTIONS"):
        return
    known = _known(world)
    if not known.locks:
        return
    scope = ids.normal(path)
    if "/providers/microsoft.authorization/locks/" in scope.lower() + "/":
        return
    locked = [
        at
        for at, level in known.locks
        if (ids.within(at, scope) and (level == "ReadOnly" or (level == "CanNotDelete" and method == "DELETE")))
        or (method == "DELETE" and level != "NotSpecified" and ids.within(scope, at))
    ]
    if not locked:
        return
    operation = "delete" if method == "DELETE" else "write"
    target = scope.rsplit("/", 1)[0] if method == "POST" else scope
    # Wording: github.com/Azure/azure-sdk-for-java/issues/2560 (write, from a POST: the action's name is not in the
    # scope) and github.com/Azure/apiops/issues/606 (delete).
    raise ArmError(
        409,
        "ScopeLocked",
        f"The scope '{target}' cannot perform {operation} operation because following scope(s) are locked: "
        f"'{','.join(sorted(set(locked)))}'. Please remove the lock and try again.",
        headers=check.GATEWAY,
    )


def _known(world: World) -> _Known:
    part = check.section(world)
    known = _remembered.get(world)
    if known is None or known.section is not part or known.revision != part["revision"]:
        known = _remembered[world] = _Known(part, part["revision"])
        known.locks = [
            (_scope(r.id), r.body["properties"]["level"])
            for r in world.resources.values()
            if r.body.get("type") == LOCK
        ]
    return known


def _scope(lock_id: str) -> str:
    return lock_id[: lock_id.lower().rindex("/providers/microsoft.authorization/locks/")]


def create(world: World, request: Request, path: dict[str, str]) -> Response:
    """201 for a new lock, 200 for a change (recording auth-locks-lifecycle)."""
    properties = request.body.get("properties") if isinstance(request.body, dict) else None
    level = _LEVELS.get(str((properties or {}).get("level", "")).lower())
    if not isinstance(properties, dict) or level is None:
        # Wording not verified.
        raise ArmError(
            400,
            "LockLevelInvalid",
            "The lock level is invalid. The supported values are 'NotSpecified, CanNotDelete, ReadOnly'.",
        )
    resource_id = _lock_id(path)
    is_new = world.get(resource_id) is None
    kept = {key: properties[key] for key in ("notes", "owners") if properties.get(key) is not None}
    body: Body = {
        "properties": {"level": level, **kept},
        "id": resource_id,
        "type": LOCK,
        "name": path["name"],
    }
    world.put(resource_id, body)
    check.forget(world)
    return Response(201 if is_new else 200, body)


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    found = world.get(_lock_id(path))
    if found is None:
        raise ArmError(404, "LockNotFound", f"The lock '{path['name']}' could not be found.")
    return Response(200, found.body)


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    found = world.get(_lock_id(path))
    if found is None:
        return Response(204)
    world.delete(found.id)
    check.forget(world)
    return Response(200)


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    """Locks at, above and below the scope; `$filter=atScope()` leaves out those below."""
    scope = ids.normal(path["scope"])
    at_scope = "atscope()" in request.query.get("$filter", "").lower()
    found = [
        r.body
        for r in world.resources.values()
        if r.body.get("type") == LOCK
        and (ids.within(_scope(r.id), scope) or (not at_scope and ids.within(scope, _scope(r.id))))
    ]
    return Response(200, {"value": found})


def _lock_id(path: dict[str, str]) -> str:
    return f"{ids.normal(path['scope'])}/providers/Microsoft.Authorization/locks/{path['name']}"
