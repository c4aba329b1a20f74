"""Secrets of a vault: versions, attributes, and soft deletion. Kept in the vault resource's `hidden["secrets"]`."""

from __future__ import annotations

from typing import Any

from emulator import ids
from emulator.wire import ArmError, Body
from emulator.world import Resource, World

RECOVERABLE_DAYS = 90
MAX_VALUE = 25 * 1024


def all_of(vault: Resource) -> dict[str, Body]:
    """Name in lower case -> {name, versions: [oldest first], deleted: time or None}."""
    table: dict[str, Body] = vault.hidden.setdefault("secrets", {})
    return table


def put(
    world: World,
    vault: Resource,
    name: str,
    value: str,
    *,
    tags: dict[str, str] | None = None,
    content_type: str | None = None,
    attributes: Body | None = None,
) -> Body:
    """Add a version. Raises 409 while a deleted secret has the name, 400 for a value that is too long."""
    if len(value.encode()) > MAX_VALUE:
        raise ArmError(
            400, "BadParameter", "The value of the secret is too long: the maximum length is 25 kilobytes."
        )  # unverified wording
    secret = all_of(vault).setdefault(name.lower(), {"name": name, "versions": [], "deleted": None})
    if secret["deleted"] is not None:
        raise ArmError(
            409,
            "Conflict",
            f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this "
            "state, the secret can only be recovered or purged.",
        )
    version: Body = {
        "version": f"{world.random.getrandbits(128):032x}",
        "value": value,
        "tags": dict(tags or {}),
        "contentType": content_type,
        "attributes": {
            "enabled": bool((attributes or {}).get("enabled", True)),
            **{key: attributes[key] for key in ("nbf", "exp") if attributes and attributes.get(key) is not None},
            "created": int(world.now),
            "updated": int(world.now),
        },
    }
    secret["versions"].append(version)
    return version


def find(vault: Resource, name: str, version: str | None = None) -> tuple[Body, Body]:
    """(secret, version), the newest version without one named. Raises 404 SecretNotFound."""
    secret = all_of(vault).get(name.lower())
    if secret is None or secret["deleted"] is not None:
        raise missing(name)
    versions: list[Body] = secret["versions"]
    if not version:
        return secret, versions[-1]
    for each in versions:
        if each["version"] == version.lower():
            return secret, each
    raise missing(f"{name}/{version}")


def missing(name: str) -> ArmError:
    """Wording as clients of the public cloud quote it."""
    return ArmError(
        404,
        "SecretNotFound",
        f"A secret with (name/id) {name} was not found in this key vault. If you recently deleted this secret you may "
        "be able to recover it using the correct recovery command. For help resolving this issue, please see "
        "https://go.microsoft.com/fwlink/?linkid=2125182",
    )


def bundle(base_url: str, secret: Body, version: Body, *, value: bool = True, with_version: bool = True) -> Body:
    """A secret as the data plane shows it. Ids carry no path prefix, as SDKs take them apart by position."""
    attributes: Body = {
        **version["attributes"],
        "recoveryLevel": "Recoverable+Purgeable",
        "recoverableDays": RECOVERABLE_DAYS,
    }
    tail = f"/{version['version']}" if with_version else ""
    shown: Body = {
        "id": f"{base_url}/secrets/{secret['name']}{tail}",
        "attributes": attributes,
        "tags": version["tags"],
    }
    if value:
        shown["value"] = version["value"]
    if version["contentType"]:
        shown["contentType"] = version["contentType"]
    return shown


def deleted_bundle(world: World, base_url: str, secret: Body, *, value: bool = False) -> Body:
    deleted = float(secret["deleted"] or world.now)
    return {
        **bundle(base_url, secret, secret["versions"][-1], value=value),
        "recoveryId": f"{base_url}/deletedsecrets/{secret['name']}",
        "deletedDate": int(deleted),
        "scheduledPurgeDate": int(deleted + RECOVERABLE_DAYS * 86400),
    }


def permits(vault: Resource, object_id: str, permission: str) -> bool:
    """Whether an access policy of a vault without RBAC gives the principal a secret permission (`get`, `list` ...)."""
    policies: list[Any] = vault.body["properties"].get("accessPolicies") or []
    return any(
        str(policy.get("objectId", "")).lower() == object_id.lower()
        and {str(p).lower() for p in (policy.get("permissions") or {}).get("secrets") or []} & {permission, "all"}
        for policy in policies
    )


def scope_of(vault: Resource, name: str) -> str:
    return f"{ids.normal(vault.id)}/secrets/{name}" if name else vault.id
