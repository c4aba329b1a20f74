"""Log Analytics workspaces and their custom tables, as far as a data collection rule refers to them.

Tables are written at once: Azure answers 202 and takes some seconds (unverified how many).
"""

from __future__ import annotations

from emulator import ids
from emulator.resources import existence, subscriptions, tags
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Resource, World

TYPE = "Microsoft.OperationalInsights/workspaces"
TABLE = f"{TYPE}/tables"
RESERVED = {"_resourceid", "id", "_subscriptionid", "tenantid", "type", "uniqueid", "title"}
"""Names that no column may have (learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview)."""


def create(world: World, request: Request, path: dict[str, str]) -> Response:
    workspace_id = _id(path)
    existence.require_group(world, workspace_id)
    known, sent = world.get(workspace_id), request.body if isinstance(request.body, dict) else {}
    if not sent.get("location"):
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    body: Body = {
        "id": known.id if known else workspace_id,
        "name": path["workspace"],
        "type": TYPE,
        "location": subscriptions.normal_location(str(sent["location"])),
        "tags": tags.validate(sent.get("tags")),
        "properties": {
            "sku": {"name": "PerGB2018"},
            "retentionInDays": 30,
            **(sent.get("properties") or {}),
            "customerId": known.body["properties"]["customerId"] if known else world.guid(),
            "provisioningState": "Succeeded",
        },
    }
    return Response(200 if known else 201, world.put(body["id"], body).body)


def put_table(world: World, request: Request, path: dict[str, str]) -> Response:
    """PUT of a custom table: its name ends in `_CL`, and it has a column `TimeGenerated`
    (learn.microsoft.com/azure/azure-monitor/logs/create-custom-table)."""
    table_id = f"{_id(path)}/tables/{path['table']}"
    existence.require_parent(world, table_id)
    sent = request.body if isinstance(request.body, dict) else {}
    properties = dict(sent.get("properties") or {})
    columns = (properties.get("schema") or {}).get("columns") or []
    names = [str(column.get("name")) for column in columns]
    wrong = [name for name in names if name.lower() in RESERVED or len(name) > 45]
    if not path["table"].endswith("_CL") or "TimeGenerated" not in names or wrong:
        raise ArmError(400, "InvalidParameter", f"The table '{path['table']}' is not valid: {wrong}")  # own wording
    body: Body = {
        "id": table_id,
        "name": path["table"],
        "type": TABLE,
        "properties": {"plan": "Analytics", **properties, "provisioningState": "Succeeded"},
    }
    return Response(200, world.put(table_id, body).body)


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    return Response(200, existence.find(world, request.path.rstrip("/")).body)


def columns_of(world: World, workspace_id: str, table: str) -> dict[str, str] | None:
    """Column -> type of a table; None where there is no such table."""
    found: Resource | None = world.get(f"{ids.normal(workspace_id)}/tables/{table}")
    if found is None:
        return None
    return {column["name"]: column["type"] for column in found.body["properties"]["schema"]["columns"]}


def _id(path: dict[str, str]) -> str:
    return f"/subscriptions/{path['subscription']}/resourceGroups/{path['group']}/providers/{TYPE}/{path['workspace']}"
