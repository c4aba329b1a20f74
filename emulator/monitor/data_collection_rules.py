"""Data collection rules for direct ingestion: a declared stream, a transformation, and the table that it goes to.

Of transformations those are known that pass rows on and add columns: `source`, `source | extend A = B, C = D`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from emulator import ids
from emulator.monitor import workspaces
from emulator.resources import existence, subscriptions, tags
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Resource, World

TYPE = "Microsoft.Insights/dataCollectionRules"
_EXTEND = re.compile(r"source(?:\s*\|\s*extend\s+(\w+\s*=\s*\w+(?:\s*,\s*\w+\s*=\s*\w+)*))?\s*")


def create(world: World, request: Request, path: dict[str, str]) -> Response:
    """PUT: 201 for a new rule, 200 for a known one, which keeps its immutable id."""
    rule_id = _id(path)
    existence.require_group(world, rule_id)
    known, sent = world.get(rule_id), request.body if isinstance(request.body, dict) else {}
    if not sent.get("location"):
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    properties = copy.deepcopy(dict(sent.get("properties") or {}))
    for flow in properties.get("dataFlows") or []:
        _require_flow(world, properties, flow)
    immutable = known.body["properties"]["immutableId"] if known else f"dcr-{world.random.getrandbits(128):032x}"
    body: Body = {
        "id": known.id if known else rule_id,
        "name": path["rule"],
        "type": TYPE,
        "location": subscriptions.normal_location(str(sent["location"])),
        "tags": tags.validate(sent.get("tags")),
        **({"kind": sent["kind"]} if sent.get("kind") else {}),
        "properties": {**properties, "immutableId": immutable, "provisioningState": "Succeeded"},
    }
    return Response(200 if known else 201, _shown(request, world.put(body["id"], body)))


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    return Response(200, _shown(request, existence.find(world, _id(path))))


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    known = world.get(_id(path))
    if known is None:
        return Response(204)
    world.delete(known.id)
    return Response(200)


def by_immutable_id(world: World, immutable_id: str) -> Resource | None:
    return next(
        (r for r in world.under("/subscriptions", TYPE) if r.body["properties"]["immutableId"] == immutable_id.lower()),
        None,
    )


def flow_of(rule: Resource, stream: str) -> Body | None:
    """The data flow that takes a declared stream."""
    properties = rule.body["properties"]
    if stream not in (properties.get("streamDeclarations") or {}):
        return None
    return next((flow for flow in properties.get("dataFlows") or [] if stream in flow["streams"]), None)


def declared(rule: Resource, stream: str) -> set[str]:
    """The columns that the stream takes; others are dropped."""
    return {column["name"] for column in rule.body["properties"]["streamDeclarations"][stream]["columns"]}


def transformed(flow: Mapping[str, Any], row: Mapping[str, Any]) -> Body:
    """The row as the flow's transformation makes it."""
    made = dict(row)
    for column, source in _extended(str(flow.get("transformKql") or "source")).items():
        made[column] = row.get(source)
    return made


def destination(rule: Resource, flow: Mapping[str, Any]) -> tuple[str, str]:
    """(workspace id, table)."""
    return _destination(rule.body["properties"], flow)


def _destination(properties: Mapping[str, Any], flow: Mapping[str, Any]) -> tuple[str, str]:
    named = {each["name"]: each["workspaceResourceId"] for each in properties["destinations"]["logAnalytics"]}
    return named[flow["destinations"][0]], str(flow["outputStream"]).removeprefix("Custom-")


def _require_flow(world: World, properties: Body, flow: Body) -> None:
    """400 InvalidPayload, in words of our own, for what cannot work; 501 for a transformation that is not known."""
    missing = [name for name in flow.get("streams") or () if name not in (properties.get("streamDeclarations") or {})]
    if missing:
        raise ArmError(400, "InvalidPayload", f"Data collection rule is invalid: no stream {missing}.")
    workspace, table = _destination(properties, flow)
    columns = workspaces.columns_of(world, workspace, table)
    if columns is None:
        raise ArmError(400, "InvalidOutputTable", f"Table for output stream '{flow['outputStream']}' is not available.")
    declared_columns = properties["streamDeclarations"][flow["streams"][0]]["columns"]
    result = {c["name"]: c["type"] for c in declared_columns}
    result |= {name: result.get(source, "") for name, source in _extended(flow.get("transformKql") or "source").items()}
    differing = [name for name, kind in result.items() if columns.get(name) != kind]
    if differing:
        raise ArmError(
            400,
            "InvalidTransformOutput",
            f"Types of transform output columns do not match the ones defined by the output stream: {differing}",
        )


def _extended(kql: str) -> dict[str, str]:
    match = _EXTEND.fullmatch(kql.strip())
    if match is None:
        raise ArmError(501, "NotImplemented", f"The emulator does not know the transformation {kql!r}.")
    pairs = (part.split("=") for part in (match[1] or "").split(",") if part)
    return {name.strip(): source.strip() for name, source in pairs}


def _shown(request: Request, rule: Resource) -> Body:
    """A rule of kind Direct has an endpoint of its own: here the address at which the client reached the emulator."""
    body = copy.deepcopy(rule.body)
    if str(body.get("kind", "")).lower() == "direct":
        body["properties"]["endpoints"] = {"logsIngestion": request.base_url}
    return body


def _id(path: dict[str, str]) -> str:
    return ids.normal(
        f"/subscriptions/{path['subscription']}/resourceGroups/{path['group']}/providers/{TYPE}/{path['rule']}"
    )
