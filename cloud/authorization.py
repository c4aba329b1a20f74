"""Microsoft.Authorization: what the caller may do, and management locks."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Any

from cloud.api_versions import LOCKS, PERMISSIONS
from cloud.connection import Connection
from cloud.errors import translated
from cloud.ids import parse, short
from rollout.azure import Body


class AuthorizationOperations:
    """The Authorization part of `rollout.azure.Azure`."""

    connection: Connection

    async def list_permissions(self, scope: str) -> list[Body]:
        parts = parse(scope)
        permissions = self.connection.authorization(parts.subscription).permissions
        with translated(f"GET permissions of {short(scope)}"):
            if not parts.group:
                # The SDK knows groups and resources only; a subscription answers as well.
                return await self.connection.list(
                    f"{scope.rstrip('/')}/providers/Microsoft.Authorization/permissions", PERMISSIONS
                )
            if not parts.names:
                return await _bodies(permissions.list_for_resource_group(parts.group))
            parent = "/".join(f"{t}/{n}" for t, n in zip(parts.types[:-1], parts.names[:-1], strict=True))
            return await _bodies(
                permissions.list_for_resource(parts.group, parts.namespace, parent, parts.types[-1], parts.name)
            )

    async def list_locks(self, scope: str) -> list[Body]:
        # Not by the SDK, whose models put `level` and `notes` beside `name`, where REST has them in `properties`.
        return await self.connection.list(f"{scope.rstrip('/')}/providers/Microsoft.Authorization/locks", LOCKS)


async def _bodies(pages: AsyncIterable[Any]) -> list[Body]:
    return [model.serialize(keep_readonly=True) async for model in pages]
