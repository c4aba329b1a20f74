"""May this principal do this? The check that every request passes, and the permissions behind it.

A role assignment gives a principal the permissions of a role definition at a scope and below it. What a principal may
do is computed once and remembered until a role definition or an assignment changes (`forget`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from emulator import ids
from emulator.authorization import roles
from emulator.wire import ArmError, Body, Principal, Request
from emulator.world import World

ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
DEFINITION = "Microsoft.Authorization/roleDefinitions"
GATEWAY = {"x-ms-failure-cause": "gateway"}


@dataclass(frozen=True, slots=True)
class Permission:
    """One element of a role definition's `permissions`, its wildcards compiled."""

    body: Body
    actions: re.Pattern[str]
    not_actions: re.Pattern[str]
    data_actions: re.Pattern[str]
    not_data_actions: re.Pattern[str]

    def allows(self, action: str, *, data: bool) -> bool:
        wanted, unwanted = (self.data_actions, self.not_data_actions) if data else (self.actions, self.not_actions)
        return wanted.fullmatch(action) is not None and unwanted.fullmatch(action) is None


@dataclass(slots=True)
class _Effective:
    """What is remembered about a world, and the mark by which it is known to be still true."""

    section: Body
    revision: int
    grants: dict[str, list[tuple[str, Permission]]] = field(default_factory=dict)
    decisions: dict[tuple[str, str, str, bool], bool] = field(default_factory=dict)


_remembered: WeakKeyDictionary[World, _Effective] = WeakKeyDictionary()
_MAX_DECISIONS = 100_000


def section(world: World) -> Body:
    """State of this part: `revision` counts writes of roles, assignments and locks."""
    part: Body = world.sections.setdefault("authorization", {"revision": 0})
    return part


def forget(world: World) -> None:
    """To be called after each write of a role definition, a role assignment or a lock."""
    section(world)["revision"] += 1


def require(world: World, principal: Principal | None, action: str, scope: str, *, data: bool = False) -> None:
    """Raise 403 AuthorizationFailed unless the principal may perform `action` on `scope`."""
    if allowed(world, principal, action, scope, data=data):
        return
    client, object_id = (principal.client_id, principal.object_id) if principal else ("anonymous", "")
    # Wording and header: recording error-403-authorizationfailed-read.
    raise ArmError(
        403,
        "AuthorizationFailed",
        f"The client '{client}' with object id '{object_id}' does not have authorization to perform action '{action}' "
        f"over scope '{ids.normal(scope)}' or the scope is invalid. If access was recently granted, please refresh "
        "your credentials.",
        headers=GATEWAY,
    )


def require_too(world: World, request: Request, action: str, scope: str) -> None:
    """Raise 403 AuthorizationFailed unless the caller may also perform `action`, and note it on the request."""
    request.linked.append(f"{action} on {ids.normal(scope)}")
    require(world, request.principal, action, scope)


def linked(
    world: World,
    request: Request,
    links: Iterable[tuple[str, str]],
    *,
    performing: tuple[str, str] | None = None,
) -> None:
    """Raise 403 LinkedAuthorizationFailed unless the caller may perform each (action, scope) of `links`; they are noted
    on the request.

    Links are what a request body refers to: a subnet that a NIC joins, a disk that a VM attaches. `performing` is the
    (action, scope) of the request itself, which the message names.
    """
    links, principal = list(links), request.principal
    request.linked += [f"{action} on {ids.normal(scope)}" for action, scope in links]
    refused = [(action, scope) for action, scope in links if not allowed(world, principal, action, scope)]
    if not refused:
        return
    client, object_id = (principal.client_id, principal.object_id) if principal else ("anonymous", "")
    action, scope = performing or ("write", "")
    # Code and header: recording error-403-linkedauthorizationfailed, whose text is the cross-tenant one. This text is
    # the one of a single tenant, as public reports quote it (not recorded).
    raise ArmError(
        403,
        "LinkedAuthorizationFailed",
        f"The client '{client}' with object id '{object_id}' has permission to perform action '{action}' on scope "
        f"'{scope}'; however, it does not have permission to perform action(s) "
        f"'{','.join(each for each, _ in refused)}' on the linked scope(s) "
        f"'{','.join(ids.normal(each) for _, each in refused)}' (respectively) or the linked scope(s) are invalid.",
        headers=GATEWAY,
    )


def allowed(world: World, principal: Principal | None, action: str, scope: str, *, data: bool = False) -> bool:
    """Whether the principal may perform `action` (a data action if `data`) on `scope`."""
    if principal is None:
        return False
    known = _effective(world)
    key = (principal.object_id, action.lower(), ids.normal(scope).lower(), data)
    decision = known.decisions.get(key)
    if decision is None:
        decision = any(
            ids.within(granted, key[2]) and permission.allows(key[1], data=data)
            for granted, permission in known.grants.get(principal.object_id.lower(), ())
        )
        if len(known.decisions) >= _MAX_DECISIONS:
            known.decisions.clear()
        known.decisions[key] = decision
    return decision


def any_access(world: World, principal: Principal | None, scope: str) -> bool:
    """Whether the principal has some role at, above or below `scope`: what decides which subscriptions it can see."""
    if principal is None:
        return False
    return any(
        ids.within(granted, scope) or ids.within(scope, granted)
        for granted, _ in _effective(world).grants.get(principal.object_id.lower(), ())
    )


def permissions_at(world: World, principal: Principal | None, scope: str) -> list[Body]:
    """The permission objects that the principal has at `scope`, inherited ones included."""
    if principal is None:
        return []
    grants = _effective(world).grants.get(principal.object_id.lower(), ())
    return [permission.body for granted, permission in grants if ids.within(granted, scope)]


def _effective(world: World) -> _Effective:
    part = section(world)
    known = _remembered.get(world)
    if known is None or known.section is not part or known.revision != part["revision"]:
        known = _remembered[world] = _Effective(part, part["revision"])
        for assignment in list(world.resources.values()):
            if assignment.body.get("type") != ASSIGNMENT:
                continue
            properties = assignment.body["properties"]
            definition = find_definition(world, properties["roleDefinitionId"])
            if definition is not None:
                grants = known.grants.setdefault(properties["principalId"].lower(), [])
                grants += [
                    (ids.normal(properties["scope"]).lower(), _compile(permission))
                    for permission in definition["properties"]["permissions"]
                ]
    return known


def find_definition(world: World, definition_id: str) -> Body | None:
    """A role definition by its id. Its GUID decides: the same role is named with and without a subscription."""
    guid = ids.name(definition_id).lower()
    if guid in roles.BUILT_IN:
        return roles.BUILT_IN[guid]
    for resource in world.resources.values():
        if resource.body.get("type") == DEFINITION and resource.body["name"].lower() == guid:
            return resource.body
    return None


def _compile(permission: Body) -> Permission:
    return Permission(
        permission,
        *(_pattern(permission.get(kind) or ()) for kind in ("actions", "notActions", "dataActions", "notDataActions")),
    )


def _pattern(actions: Sequence[str]) -> re.Pattern[str]:
    """One expression for a list of actions with `*`. An empty list matches nothing."""
    choices = "|".join(re.escape(action).replace(r"\*", ".*") for action in actions)
    return re.compile(f"(?:{choices})" if actions else r"(?!)", re.IGNORECASE)
