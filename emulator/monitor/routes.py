"""Microsoft.Insights (data collection rules) and Microsoft.OperationalInsights in ARM."""

from __future__ import annotations

from emulator.monitor import data_collection_rules, workspaces
from emulator.routing import Route

_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/"
_RULE, _RULES = _GROUP + "Microsoft.Insights/dataCollectionRules/{rule}", "Microsoft.Insights/dataCollectionRules"
_WORKSPACE = _GROUP + "Microsoft.OperationalInsights/workspaces/{workspace}"
_WORKSPACES = "Microsoft.OperationalInsights/workspaces"
_TABLE = _WORKSPACE + "/tables/{table}"

ROUTES: list[Route] = [
    Route("PUT", _RULE, data_collection_rules.create, f"{_RULES}/write"),
    Route("GET", _RULE, data_collection_rules.get, f"{_RULES}/read"),
    Route("DELETE", _RULE, data_collection_rules.delete, f"{_RULES}/delete"),
    Route("PUT", _WORKSPACE, workspaces.create, f"{_WORKSPACES}/write"),
    Route("GET", _WORKSPACE, workspaces.get, f"{_WORKSPACES}/read"),
    Route("PUT", _TABLE, workspaces.put_table, f"{_WORKSPACES}/tables/write"),
    Route("GET", _TABLE, workspaces.get, f"{_WORKSPACES}/tables/read"),
]
