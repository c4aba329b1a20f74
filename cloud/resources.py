"""Microsoft.Resources: tags and resource groups."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from cloud.api_versions import RESOURCES
from cloud.connection import Connection, content
from cloud.ids import parse, short
from rollout.azure import Body
from rollout.errors import NotFound


class ResourceOperations:
    """The Resources part of `rollout.azure.Azure`."""

    connection: Connection

    async def get_tags(self, scope: str) -> dict[str, str]:
        tags = self.connection.resources(parse(scope).subscription).tags
        return _tags(await self.connection.call(f"GET tags of {short(scope)}", tags.get_at_scope, scope.strip("/")))

    async def merge_tags(self, scope: str, tags: Mapping[str, str]) -> dict[str, str]:
        return await self._patch_tags(scope, "Merge", tags)

    async def delete_tags(self, scope: str, tags: Mapping[str, str]) -> None:
        await self._patch_tags(scope, "Delete", tags)

    async def _patch_tags(self, scope: str, operation: str, tags: Mapping[str, str]) -> dict[str, str]:
        client = self.connection.resources(parse(scope).subscription).tags
        body = content({"operation": operation, "properties": {"tags": dict(tags)}})
        name = f"PATCH tags of {short(scope)}"
        return _tags(await self.connection.run(name, client.begin_update_at_scope, scope.strip("/"), body))

    async def list_resources(self, scope: str, kind: str) -> list[Body]:
        wanted = quote(f"resourceType eq '{kind}'", safe="")
        return await self.connection.list(f"{scope.rstrip('/')}/resources", RESOURCES, **{"$filter": wanted})

    async def get_resource_group(self, resource_group_id: str) -> Body | None:
        group = parse(resource_group_id)
        groups = self.connection.resources(group.subscription).resource_groups
        try:
            body: Body = await self.connection.call(f"GET resourceGroups/{group.group}", groups.get, group.group)
            return body
        except NotFound:
            return None


def _tags(body: Body | None) -> dict[str, str]:
    return dict(((body or {}).get("properties") or {}).get("tags") or {})
