"""Microsoft Graph: the Entra devices that machines of a name have left behind."""

from __future__ import annotations

from functools import cached_property

from azure.core import AsyncPipelineClient
from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest

from cloud.connection import Connection
from cloud.errors import from_answer, translated
from rollout.errors import Forbidden


class GraphOperations:
    """The directory part of `rollout.azure.Azure`. Needs the application permission Device.ReadWrite.All."""

    connection: Connection

    @cached_property
    def _graph(self) -> AsyncPipelineClient[HttpRequest, AsyncHttpResponse]:
        connection = self.connection
        token = AsyncBearerTokenCredentialPolicy(connection.credential, connection.endpoints.graph_scope)
        return AsyncPipelineClient(connection.endpoints.graph, pipeline=connection.new_pipeline(token))

    async def count_directory_devices(self, display_name: str) -> int:
        return len(await self._ids(display_name))

    async def delete_directory_devices(self, display_name: str) -> int:
        operation = _named(display_name)
        ids = await self._ids(display_name)
        with translated(operation):
            for device_id in ids:
                await self._send(HttpRequest("DELETE", f"{self._devices}/{device_id}"), operation, gone_is_fine=True)
        return len(ids)

    @property
    def _devices(self) -> str:
        return f"{self.connection.endpoints.graph}/v1.0/devices"

    async def _ids(self, display_name: str) -> list[str]:
        operation, quoted = _named(display_name), display_name.replace("'", "''")
        query = {"$filter": f"displayName eq '{quoted}'", "$select": "id,displayName"}
        with translated(operation):
            found = await self._send(HttpRequest("GET", self._devices, params=query), operation)
        return [str(device["id"]) for device in found.json().get("value") or []]

    async def _send(self, request: HttpRequest, operation: str, *, gone_is_fine: bool = False) -> AsyncHttpResponse:
        response = await self._graph.send_request(request)
        if response.status_code >= 400 and not (gone_is_fine and response.status_code == 404):
            error = from_answer(response.status_code, response.text(), f"{request.method} {operation}")
            if isinstance(error, Forbidden):
                needed = "grant the updater the application permission Device.ReadWrite.All of Microsoft Graph"
                raise Forbidden(error.status, error.code, f"{needed}: {error.message}", error.operation)
            raise error
        return response


def _named(display_name: str) -> str:
    return f"devices named {display_name}"
