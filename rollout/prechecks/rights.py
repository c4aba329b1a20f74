"""Does the credential have every action that the rollout will use, at every scope it will use it at?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from rollout.arm import group_of, name_of
from rollout.azure import Body
from rollout.prechecks.actions import (
    GROUPS_READ,
    LOCKS_READ,
    PERMISSIONS_READ,
    SKUS_READ,
    SUBNETS_READ,
    USAGES_READ,
    Holds,
    needed,
)
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, error, some, warning


def allows(permissions: Iterable[Body], action: str, *, data: bool = False) -> bool:
    """Whether one of the permissions grants an action, or a data action: `*` stands for any text, case does not count,
    and what `notActions` takes away counts within its own permission only
    (learn.microsoft.com/azure/role-based-access-control/role-definitions)."""
    given, taken = ("dataActions", "notDataActions") if data else ("actions", "notActions")
    return any(
        _matches(permission.get(given) or (), action) and not _matches(permission.get(taken) or (), action)
        for permission in permissions
    )


def _matches(patterns: Sequence[str], action: str) -> bool:
    return any(_pattern(pattern).fullmatch(action) for pattern in patterns)


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in text.split("*")), re.IGNORECASE)


def check(facts: Facts) -> Iterator[Finding]:
    """One finding per scope that lacks actions, naming them all."""
    for scope in facts.scopes:
        permissions = facts.permissions.get(scope.id)
        if permissions is None:
            yield warning(
                "rights-unknown",
                scope.id,
                "which rights there are cannot be read",
                f"give the role {PERMISSIONS_READ} there, to know of a missing action before",
            )
            continue
        missing = [action for action in needed(scope.holds, facts.declaration) if not allows(permissions, action)]
        if missing:
            yield error(
                "missing-action",
                scope.id,
                f"the role lacks {', '.join(missing)}",
                f"add {'it' if len(missing) == 1 else 'them'} to the role, or assign the role there "
                f"(az role assignment create --role <role> --assignee <client id> --scope {scope.id})",
            )
        if scope.holds is Holds.SUBNET and not allows(permissions, SUBNETS_READ):
            yield warning(
                "addresses-unknown",
                scope.id,
                f"the role lacks {SUBNETS_READ}, so free addresses are not counted",
                "add it to the role",
            )
        if scope.id == facts.declaration.build_resource_group_id and not allows(permissions, GROUPS_READ):
            yield warning(
                "build-group-unknown",
                scope.id,
                f"the role lacks {GROUPS_READ}, so whether the group exists is not known",
                "add it to the role",
            )
    for group in facts.locks_unread:
        yield warning(
            "locks-unknown",
            group,
            f"the role lacks {LOCKS_READ}, so locks are found only when they stop the rollout",
            "add it to the role",
        )
    if facts.skus is None or facts.usages is None:
        unread = [action for action, seen in ((SKUS_READ, facts.skus), (USAGES_READ, facts.usages)) if seen is None]
        yield warning(
            "quota-unknown",
            f"/subscriptions/{facts.pool.id.split('/')[2]}",
            f"the role lacks {', '.join(unread)}, so sizes and quota are not checked",
            "add them to the role at the subscription",
        )


def out_of_scope(facts: Facts) -> Iterator[Finding]:
    """Session hosts whose VMs are in a resource group that the credential may not even list."""
    pool = facts.pool
    for group, refused in pool.unreadable.items():
        hosts = [s.name for s in pool.out_of_reach if group_of(s.vm_resource_id or "").lower() == group.lower()]
        if hosts:
            yield error(
                "host-out-of-scope",
                some(hosts),
                f"the VMs are in resource group {name_of(group)}, which the role does not cover ({refused})",
                "assign the role there (az role assignment create --role <role> --assignee <client id> "
                f"--scope {group})",
            )
