"""Batch's own endpoint: pools, nodes, jobs and tasks on emulated time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.batch import site
from tests.emulator.batch.site import data

RECORDED: dict[str, Any] = {
    "id": "xplatCreatedPool",
    "vmSize": "STANDARD_D2S_V3",
    "virtualMachineConfiguration": {
        "imageReference": {
            "publisher": "microsoftwindowsserver",
            "offer": "windowsserver",
            "sku": "2019-datacenter",
            "version": "latest",
        },
        "nodeAgentSKUId": "batch.node.windows amd64",
        "nodePlacementConfiguration": {"policy": "regional"},
    },
    "targetDedicatedNodes": 0,
    "startTask": {"commandLine": "cmd /c echo test", "maxTaskRetryCount": 0, "waitForSuccess": True},
}
"""Recording batch-account-and-dataplane-pool, without what is not looked at, and with an image of the catalog."""


KEYS = (
    "odata.metadata id url eTag lastModified creationTime state stateTransitionTime allocationState "
    "allocationStateTransitionTime vmSize resizeTimeout currentDedicatedNodes targetDedicatedNodes "
    "currentLowPriorityNodes targetLowPriorityNodes enableAutoScale enableInterNodeCommunication startTask "
    "certificateReferences taskSlotsPerNode taskSchedulingPolicy virtualMachineConfiguration"
)


def test_a_pool_as_recorded() -> None:
    azure = site.with_account()
    made = data(azure, "POST", "/pools", RECORDED, version="2024-02-01.19.0")
    assert (made.status, made.body) == (201, None)
    assert made.headers["Location"] == "https://localhost:8443/batch/acc1/pools/xplatCreatedPool"
    azure.wait(60)
    shown = data(azure, "GET", "/pools/xplatCreatedPool", version="2024-02-01.19.0").body
    assert set(shown) == set(KEYS.split()), "as recorded"
    assert shown["state"] == "active" and shown["allocationState"] == "steady"
    assert shown["vmSize"] == "standard_d2s_v3" and shown["taskSchedulingPolicy"] == {"nodeFillType": "Spread"}
    assert shown["virtualMachineConfiguration"]["nodeAgentSKUId"] == "batch.node.windows amd64"
    assert data(azure, "POST", "/pools", RECORDED).body["code"] == "PoolExists"
    assert data(azure, "GET", "/pools/none").body["code"] == "PoolNotFound"


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ({"publisher": "a", "offer": "b", "sku": "c"}, "imageReference"),
        (
            {"virtualMachineImageId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/images/i"},
            "virtualMachineImageId",
        ),
    ],
)
def test_images_that_are_refused_as_recorded(reference: dict[str, str], name: str) -> None:
    body = {**RECORDED, "virtualMachineConfiguration": {"imageReference": reference, "nodeAgentSKUId": "x"}}
    refused = data(site.with_account(), "POST", "/pools", body)
    values = {each["key"]: each["value"] for each in refused.body["values"]}
    assert (refused.status, refused.body["code"], values["PropertyName"]) == (400, "InvalidPropertyValue", name)
    assert refused.body["message"]["lang"] == "en-US"


def test_the_policy_s_rules_hold_here_too() -> None:
    azure = site.with_pool(nodes=1)
    wrong = {"upgradePolicy": {"mode": "auto"}}
    assert data(azure, "PATCH", "/pools/pool1", wrong).body["code"] == "PropertyCannotBeUpdated"
    data(azure, "POST", "/pools/pool1/resize", {"targetDedicatedNodes": 0})
    azure.wait(300)
    refused = data(azure, "PATCH", "/pools/pool1", wrong).body
    assert {each["key"]: each["value"] for each in refused["values"]}["PropertyName"] == "mode"
    assert data(azure, "PATCH", "/pools/pool1", {"upgradePolicy": {"mode": "manual"}}).status == 200


def test_a_node_comes_up_in_steps_and_leaves() -> None:
    azure = site.with_account()
    azure.put(site.POOL, {"properties": {**site.properties(), "startTask": {"commandLine": "true"}}})
    met = []
    for _ in range(120):
        azure.wait(5)
        met += [state for state in site.states(azure)[:1] if state not in met]
    assert met == ["creating", "starting", "waitingforstarttask", "idle"]
    counts = data(azure, "GET", "/nodecounts").body["value"][0]["dedicated"]
    assert (counts["idle"], counts["total"]) == (2, 2)
    data(azure, "POST", "/pools/pool1/resize", {"targetDedicatedNodes": 1})
    assert sorted(site.states(azure)) == ["idle", "leavingpool"]
    azure.wait(120)
    assert site.states(azure) == ["idle"]


def test_a_start_task_that_fails_keeps_the_node_out() -> None:
    azure = site.with_account()
    azure.put(site.POOL, {"properties": {**site.properties(), "startTask": {"commandLine": "/bin/sh -c 'exit 3'"}}})
    azure.wait(900)
    assert site.states(azure) == ["starttaskfailed"] * 2
    azure.put(f"{site.ACCOUNT}/pools/p2", {"properties": {**site.properties(), "startTask": {"commandLine": "exit 0"}}})
    azure.wait(900)
    assert data(azure, "GET", "/pools/p2/nodes").body["value"][0]["state"] == "idle"


def test_tasks_run_as_long_as_their_command_line_says() -> None:
    azure = site.with_pool()
    site.submit(azure, "/bin/sh -c 'sleep 100'", "cmd /c timeout /t 200 & exit 3", "sleep 100")
    tasks = site.tasks_of(azure)
    assert [task["state"] for task in tasks.values()] == ["running", "running", "active"]
    assert len({task["nodeInfo"]["nodeId"] for task in tasks.values() if "nodeInfo" in task}) == 2, "spread"
    assert site.states(azure) == ["running", "running"]
    azure.wait(101)
    assert [task["state"] for task in site.tasks_of(azure).values()] == ["completed", "running", "running"]
    azure.wait(100)
    ended = site.tasks_of(azure)
    assert [task["executionInfo"]["exitCode"] for task in ended.values()] == [0, 3, 0]
    assert ended["t1"]["executionInfo"]["result"] == "failure"
    assert [(node["totalTasksRun"], node["totalTasksSucceeded"]) for node in site.nodes_of(azure)] == [(2, 2), (1, 0)]


def test_what_runs_on_a_node_that_leaves_runs_again() -> None:
    azure = site.with_pool(nodes=1)
    site.submit(azure, "sleep 1000")
    data(azure, "POST", "/pools/pool1/resize", {"targetDedicatedNodes": 0})
    task = site.tasks_of(azure)["t0"]
    assert (task["state"], task["executionInfo"]["requeueCount"]) == ("active", 1)
    azure.wait(120)
    data(azure, "POST", "/pools/pool1/resize", {"targetDedicatedNodes": 1})
    site.until(azure, lambda: site.tasks_of(azure)["t0"]["state"] == "completed")


def test_lists_come_in_pages_and_can_be_filtered() -> None:
    azure = site.with_pool(nodes=3)
    page = azure.call("GET", "/batch/acc1/pools/pool1/nodes?maxresults=2&$select=id,state", version=site.DATA_PLANE)
    assert [sorted(node) for node in page.body["value"]] == [["id", "state"]] * 2
    rest = azure.call("GET", page.body["odata.nextLink"], version="")
    assert len(rest.body["value"]) == 1 and "odata.nextLink" not in rest.body
    site.submit(azure, "sleep 100")
    busy = azure.call("GET", "/batch/acc1/pools/pool1/nodes?$filter=state eq 'running'", version=site.DATA_PLANE)
    assert len(busy.body["value"]) == 1


@pytest.mark.parametrize(
    ("version", "error"), [("", "MissingRequiredQueryParameter"), ("new", "InvalidQueryParameterValue")]
)
def test_an_api_version_is_needed(version: str, error: str) -> None:
    assert data(site.with_account(), "GET", "/pools", version=version).body["code"] == error


def test_a_job_that_is_deleted_ends_its_tasks() -> None:
    azure = site.with_pool(nodes=1)
    site.submit(azure, "sleep 1000")
    assert site.states(azure) == ["running"]
    assert data(azure, "DELETE", "/jobs/j1").status == 202
    assert site.states(azure) == ["idle"]
    azure.wait(2000)
    assert data(azure, "GET", "/jobs/j1").status == 404
