"""Log Analytics: the template of the audit log's table, and what the ingestion endpoint takes and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emulator.authorization import assignments, roles
from emulator.monitor import ingestion
from rollout.audit import row, schema
from rollout.log_analytics import DEFAULT_STREAM, TABLE
from tests.emulator.arm_client import BASE, GROUP, GUEST, LOCATION, OWNER, Client, code
from tests.support.arm_template import deploy

TEMPLATE = json.loads((Path(__file__).parents[3] / "docs" / "log_analytics.json").read_text(encoding="utf-8"))
WORKSPACE = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/logs"
RULE = f"{GROUP}/providers/Microsoft.Insights/dataCollectionRules/avd-image-update"
POOL = f"{GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/hp1"


@pytest.fixture
def deployed(azure: Client) -> tuple[Client, str]:
    """The template, with `guest` as the updater; and the rule's immutable id."""
    made = azure.put(f"{WORKSPACE}?api-version=2023-09-01", {"location": LOCATION}, version="")
    assert made.status == 201

    def put(resource_id: str, version: str, body: Any) -> Any:
        answer = azure.put(f"{resource_id}?api-version={version}", body, version="")
        assert answer.status in (200, 201), answer.body
        return answer.body

    given = {"workspaceName": "logs", "updaterPrincipalId": GUEST.object_id, "location": LOCATION}
    outputs = deploy(TEMPLATE, GROUP, put, **given)
    assert outputs["endpoint"] == BASE
    return azure, outputs["rule_id"]


def send(azure: Client, rule_id: str, rows: Any, *, stream: str = DEFAULT_STREAM, who: Any = GUEST) -> Any:
    path = f"/dataCollectionRules/{rule_id}/streams/{stream}?api-version=2023-01-01"
    return azure.call("POST", path, rows, version="", who=who)


def test_the_template_makes_a_table_with_the_columns_of_a_row(deployed: tuple[Client, str]) -> None:
    azure, _ = deployed
    table = azure.get(f"{WORKSPACE}/tables/{TABLE}?api-version=2023-09-01", version="").body
    columns = {column["name"]: column["type"] for column in table["properties"]["schema"]["columns"]}
    assert columns == {"TimeGenerated": "datetime", **schema()}
    assert table["properties"]["retentionInDays"] == 365


def test_a_row_arrives_with_the_time_at_which_it_happened(deployed: tuple[Client, str]) -> None:
    azure, rule_id = deployed
    made = row(azure.world.now - 60.5, "pause_requested", host_pool_id=POOL, who="ada").columns()
    assert send(azure, rule_id, [{**made, "Unknown": "dropped"}]).status == 204
    assert ingestion.rows_of(azure.world, TABLE) == [{**made, "TimeGenerated": made["Time"]}]
    assert azure.call("GET", f"/emulator/logs?table={TABLE}", version="").body["rows"][0]["Who"] == "ada"


def test_the_same_row_twice_is_two_rows(deployed: tuple[Client, str]) -> None:
    azure, rule_id = deployed
    made = row(azure.world.now, "pause_requested", host_pool_id=POOL, who="ada").columns()
    for _ in range(2):
        send(azure, rule_id, [made])
    assert len(ingestion.rows_of(azure.world, TABLE)) == 2


def test_a_row_that_is_late_by_days_keeps_its_time_in_a_column_of_its_own(deployed: tuple[Client, str]) -> None:
    azure, rule_id = deployed
    made = row(azure.world.now - 3 * 86400, "pause_requested", host_pool_id=POOL, who="ada").columns()
    send(azure, rule_id, [made])
    [kept] = ingestion.rows_of(azure.world, TABLE)
    assert kept["Time"] == made["Time"] and kept["TimeGenerated"] == azure.world.iso()


def test_who_has_no_role_on_the_rule_is_refused(deployed: tuple[Client, str]) -> None:
    azure, rule_id = deployed
    refused = send(azure, rule_id, [{}], who=OWNER)  # Owner has no data actions
    assert (refused.status, code(refused)) == (403, "OperationFailed")
    assignments.grant(azure.world, OWNER.object_id, roles.MONITORING_METRICS_PUBLISHER, RULE)
    assert send(azure, rule_id, [{}], who=OWNER).status == 204


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"rule_id": "dcr-00000000000000000000000000000000"}, 404, "NotFound"),
        ({"stream": "Custom-Other"}, 400, "InvalidStream"),
        ({"rows": {"Event": "x"}}, 400, "InvalidJson"),
        ({"rows": [{"Why": "x" * 1024}] * 1100}, 413, "ContentLengthLimitExceeded"),
    ],
)
def test_what_is_refused(deployed: tuple[Client, str], change: dict[str, Any], status: int, error: str) -> None:
    azure, rule_id = deployed
    refused = send(
        azure, change.get("rule_id", rule_id), change.get("rows", [{}]), stream=change.get("stream", DEFAULT_STREAM)
    )
    assert (refused.status, code(refused)) == (status, error)
    assert ingestion.rows_of(azure.world, TABLE) == []


def test_a_rule_keeps_its_immutable_id_and_fits_its_table(deployed: tuple[Client, str]) -> None:
    azure, rule_id = deployed
    url = f"{RULE}?api-version=2023-03-11"
    known = azure.get(url, version="").body
    assert azure.put(url, known, version="").body["properties"]["immutableId"] == rule_id
    flow = known["properties"]["dataFlows"][0]
    for change, status, error in (
        ({"outputStream": "Custom-Other_CL"}, 400, "InvalidOutputTable"),
        ({"transformKql": "source"}, 200, ""),
        ({"transformKql": "source | extend Attempt = Who"}, 400, "InvalidTransformOutput"),
        ({"transformKql": "source | where Event == 'x'"}, 501, "NotImplemented"),
    ):
        properties = {**known["properties"], "dataFlows": [{**flow, **change}]}
        answer = azure.put(url, {**known, "properties": properties}, version="")
        assert answer.status == status
        assert not error or code(answer) == error
    assert azure.delete(url, version="").status == 200
    assert send(azure, rule_id, [{}]).status == 404


@pytest.mark.parametrize("table", ["AvdImageUpdate", "Reserved_CL", "NoTime_CL"])
def test_a_table_that_azure_would_not_take_is_refused(deployed: tuple[Client, str], table: str) -> None:
    azure, _ = deployed
    columns = [{"name": "TimeGenerated", "type": "datetime"}, {"name": "Type", "type": "string"}]
    columns = {"Reserved_CL": columns, "NoTime_CL": columns[1:]}.get(table, columns[:1])
    body = {"properties": {"schema": {"name": table, "columns": columns}}}
    assert azure.put(f"{WORKSPACE}/tables/{table}?api-version=2023-09-01", body, version="").status == 400
