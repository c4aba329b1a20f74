"""Microsoft Graph: the Entra devices that machines of a name have left behind."""

from __future__ import annotations

from functools import cached_property

from azure.core import AsyncPipelineClient
from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest

from cloud.connection import Connection
from cloud.errors import from_answer, translated


class GraphOperations:
    """The directory part of `rollout.azure.Azure`. Needs the application permission Device.ReadWrite.All."""

    connection: Connection

    @cached_property
    def _graph(self) -> AsyncPipelineClient[HttpRequest, AsyncHttpResponse]:
        connection = self.connection
        token = AsyncBearerTokenCredentialPolicy(connection.credential, connection.endpoints.graph_scope)
        return AsyncPipelineClient(connection.endpoints.graph, pipeline=connection.new_pipeline(token))

    async def delete_directory_devices(self, display_name: str) -> int:
        operation = f"devices named {display_name}"
        devices = f"{self.connection.endpoints.graph}/v1.0/devices"
        quoted = display_name.replace("'", "''")
        with translated(operation):
            found = await self._send(
                HttpRequest(
                    "GET", devices, params={"$filter": f"displayName eq '{quoted}'", "$select": "id,displayName"}
                ),
                operation,
            )
            ids = [str(device["id"]) for device in found.json().get("value") or []]
            for device_id in ids:
                await self._send(HttpRequest("DELETE", f"{devices}/{device_id}"), operation, gone_is_fine=True)
        return len(ids)

    async def _send(self, request: HttpRequest, operation: str, *, gone_is_fine: bool = False) -> AsyncHttpResponse:
        response = await self._graph.send_request(request)
        if response.status_code >= 400 and not (gone_is_fine and response.status_code == 404):
            raise from_answer(response.status_code, response.text(), f"{request.method} {operation}")
        return response
