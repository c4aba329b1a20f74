"""Management locks in the way: they stop writes or deletes whatever the role allows."""

from __future__ import annotations

from collections.abc import Iterator

from rollout.arm import dig, group_of, name_of
from rollout.azure import Body
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, error

_PROVIDER = "/providers/microsoft.authorization/locks/"


def locked_scope(lock: Body) -> str:
    """The id of what is locked."""
    lock_id = str(lock["id"])
    return lock_id[: lock_id.lower().rindex(_PROVIDER)]


def check(facts: Facts) -> Iterator[Finding]:
    """ReadOnly forbids every write, actions such as start included; CanNotDelete forbids deletes, those of session-host
    records, extensions, temporary machines and old disks here. Locks are inherited by all that is below their scope
    (learn.microsoft.com/azure/azure-resource-manager/management/lock-resources)."""
    written, deleted = _touched(facts)
    for lock in facts.locks:
        scope, level = locked_scope(lock), str(dig(lock, "properties", "level"))
        touched = {"readonly": written, "cannotdelete": deleted}.get(level.lower(), {})
        hit = next((what for id, what in touched.items() if _covers(scope.lower(), id)), None)
        if hit is not None:
            verb = "write" if level.lower() == "readonly" else "delete"
            yield error(
                "lock",
                scope,
                f"lock {name_of(str(lock['id']))} ({level}) forbids to {verb} {hit}",
                f"remove it while the pool is updated (az lock delete --ids {lock['id']}), or lock each resource that "
                "matters instead of the group",
            )


def _covers(scope: str, id: str) -> bool:
    return id == scope or id.startswith(scope.rstrip("/") + "/")


def _touched(facts: Facts) -> tuple[dict[str, str], dict[str, str]]:
    """Lower-case ids of what is written and what is deleted (with their children), each with a word for it."""
    pool, declaration = facts.pool, facts.declaration
    written = {pool.id.lower(): f"host pool {pool.name}"}
    deleted = {f"{pool.id}/sessionHosts/x".lower(): f"session-host records of pool {pool.name}"}
    for host in facts.hosts:
        written[host.vm.id.lower()] = f"VM {host.name}"
        deleted[f"{host.vm.id}/extensions/x".lower()] = f"extensions of VM {host.name}"
        for nic in host.vm.nic_ids:
            written[nic.lower()] = f"the network interface of {host.name}"
        if host.os_disk is not None:
            written[host.os_disk.id.lower()] = deleted[host.os_disk.id.lower()] = f"the OS disk of {host.name}"
    for host in facts.built:
        group = declaration.build_resource_group_id or group_of(host.vm.id)
        temporary = f"{group}/providers/Microsoft.Compute/virtualMachines/avdtmp-x".lower()
        written[temporary] = deleted[temporary] = f"temporary machines in {name_of(group)}"
    return written, deleted
