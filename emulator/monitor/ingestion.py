"""The Logs Ingestion API: POST of rows to a stream of a data collection rule.

Rows are in their table at once (minutes in Azure) and stay in the world; `GET /emulator/logs?table=` shows them. As in
Azure nothing is ever deduplicated. learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview.
"""

from __future__ import annotations

import json
from datetime import datetime

from emulator.authorization import check
from emulator.monitor import data_collection_rules, workspaces
from emulator.routing import Route
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import World

SECTION = "logs"
WRITE = "Microsoft.Insights/Telemetry/Write"
"""The data action of Monitoring Metrics Publisher that ingestion needs."""
LARGEST = 1024 * 1024
PAST, FUTURE = 2 * 86400.0, 86400.0
"""Seconds by which TimeGenerated may be off (learn.microsoft.com/azure/azure-monitor/logs/log-standard-columns)."""


def upload(world: World, request: Request, path: dict[str, str]) -> Response:
    """204. Columns that stream or table do not have are dropped."""
    request.action = WRITE
    rule = data_collection_rules.by_immutable_id(world, path["rule"])
    if rule is None:
        # As clients of the public cloud quote it.
        message = f"Data collection rule with immutable Id '{path['rule']}' not found."
        raise ArmError(404, "NotFound", message)
    if not check.allowed(world, request.principal, WRITE, rule.id, data=True):
        # Wording: TROUBLESHOOTING.md of azure-monitor-ingestion.
        raise ArmError(
            403,
            "OperationFailed",
            "The authentication token provided does not have access to ingest data for the data collection rule with "
            f"immutable Id '{path['rule']}'.",
        )
    flow = data_collection_rules.flow_of(rule, path["stream"])
    if flow is None:
        raise ArmError(400, "InvalidStream", f"Stream '{path['stream']}' was not found.")  # unverified wording
    rows = request.body
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ArmError(400, "InvalidJson", "The request body is not an array of objects.")  # unverified wording
    size = len(json.dumps(rows))
    if size > LARGEST:
        message = f"Maximum allowed content length: {LARGEST} bytes (1 MB). Provided content length: {size} bytes."
        raise ArmError(413, "ContentLengthLimitExceeded", message)  # unverified wording
    workspace, table = data_collection_rules.destination(rule, flow)
    columns = workspaces.columns_of(world, workspace, table) or {}
    taken = data_collection_rules.declared(rule, path["stream"])
    kept = world.sections.setdefault(SECTION, {}).setdefault(table, [])
    for row in rows:
        made = data_collection_rules.transformed(flow, {k: v for k, v in row.items() if k in taken})
        made["TimeGenerated"] = _generated(world, made.get("TimeGenerated"))
        kept.append({name: value for name, value in made.items() if name in columns and value is not None})
    return Response(204)


def _generated(world: World, said: object) -> str:
    """What the row says, unless it is too old, too far ahead, or no time."""
    try:
        at = datetime.fromisoformat(str(said).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return world.iso()
    return str(said) if world.now - PAST <= at <= world.now + FUTURE else world.iso()


def rows_of(world: World, table: str) -> list[Body]:
    """The rows of a table, in order of arrival."""
    rows: list[Body] = world.sections.get(SECTION, {}).get(table, [])
    return rows


# The data action is checked by the function: no action of ARM's stands here.
ROUTES: list[Route] = [Route("POST", "/dataCollectionRules/{rule}/streams/{stream}", upload, None)]
