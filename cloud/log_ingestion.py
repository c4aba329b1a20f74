"""Azure Monitor's Logs Ingestion API: rows for a Log Analytics table, by way of a data collection rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cloud.connection import Connection
from cloud.errors import translated
from cloud.policies import RetryPolicy

if TYPE_CHECKING:  # imported when first used: few declare it, and a preview sends nothing
    from azure.monitor.ingestion.aio import LogsIngestionClient


class LogIngestionOperations:
    """The Azure Monitor part of `rollout.azure.Azure`."""

    connection: Connection
    _ingestion: dict[str, LogsIngestionClient]

    async def upload_logs(self, endpoint: str, rule_id: str, stream: str, rows: Sequence[Mapping[str, Any]]) -> None:
        with translated(f"POST {len(rows)} row(s) to {stream} of {rule_id}"):
            await self._client(endpoint).upload(rule_id, stream, [dict(row) for row in rows])

    def _client(self, endpoint: str) -> LogsIngestionClient:
        known = self._ingestion.get(endpoint)
        if known is None:
            from azure.monitor.ingestion.aio import LogsIngestionClient

            connection = self.connection
            known = self._ingestion[endpoint] = LogsIngestionClient(
                endpoint,
                connection.credential,
                credential_scopes=[connection.endpoints.monitor_scope],
                transport=connection.transport,
                retry_policy=RetryPolicy(connection.clock, connection.chance),
            )
        return known
