"""Where the audit log's rows are sent besides the file, as declared in `log_analytics`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollout.errors import InvalidDeclaration

TABLE = "AvdImageUpdate_CL"
DEFAULT_STREAM = "Custom-AvdImageUpdate"
"""Table and stream in docs/log_analytics.json."""

RULE = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Insights/dataCollectionRules/[^/]+"


@dataclass(frozen=True)
class LogAnalytics:
    """A data collection rule of Azure Monitor."""

    endpoint: str
    """Its logs ingestion endpoint, or that of a data collection endpoint; no slash at the end."""
    rule_id: str
    """Its immutable id."""
    stream: str = DEFAULT_STREAM
    resource_id: str = ""
    """Its ARM id, for the pre-check of the right to send; may be empty."""


def log_analytics(given: Mapping[str, Any]) -> LogAnalytics:
    """The plain input `log_analytics`. Raises InvalidDeclaration."""
    endpoint, rule_id = str(given["endpoint"]).rstrip("/"), str(given["rule_id"])
    stream, resource_id = str(given.get("stream") or DEFAULT_STREAM), str(given.get("resource_id") or "")
    # A path is what an emulator or a proxy may have; user, query and fragment belong to no endpoint.
    if not re.fullmatch(r"https://[^/?#@\s]+(?:/[^?#@\s]*)?", endpoint):
        raise InvalidDeclaration(
            "log_analytics.endpoint",
            str(given["endpoint"]),
            "is no address of an ingestion endpoint",
            "write properties.endpoints.logsIngestion of the data collection rule, such as "
            "https://avd-a1b2.westeurope-1.ingest.monitor.azure.com",
        )
    if not re.fullmatch(r"dcr-[0-9a-f]{32}", rule_id):
        raise InvalidDeclaration(
            "log_analytics.rule_id",
            rule_id,
            "is not the immutable id of a data collection rule",
            "write its properties.immutableId, such as dcr-0123456789abcdef0123456789abcdef",
        )
    if not re.fullmatch(r"Custom-[A-Za-z]\w*", stream, re.ASCII):
        raise InvalidDeclaration(
            "log_analytics.stream",
            stream,
            "is not the name of a stream for a custom table",
            f"write the name under streamDeclarations of the rule, such as {DEFAULT_STREAM}",
        )
    if resource_id and not re.fullmatch(RULE, resource_id, re.IGNORECASE):
        raise InvalidDeclaration(
            "log_analytics.resource_id",
            resource_id,
            "is not the ARM id of a data collection rule",
            "write its id, such as /subscriptions/<guid>/resourceGroups/monitoring/providers/Microsoft.Insights/"
            "dataCollectionRules/avd-image-update",
        )
    return LogAnalytics(endpoint, rule_id, stream, resource_id)
