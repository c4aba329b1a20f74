"""Where the nodes of a pool stand."""

from __future__ import annotations

from typing import Any

import pytest

from os_upgrades.batch_progress import nodes_of, progress


def node(name: str, state: str = "idle", version: str = "1.0.0", tasks: int = 0, **more: Any) -> dict[str, Any]:
    image = {"virtualMachineInfo": {"imageReference": {"exactVersion": version}}}
    return {"id": name, "state": state, "runningTasksCount": tasks, **image, **more}


@pytest.mark.parametrize(
    ("nodes", "code", "counts"),
    [
        ([], "Completed", (0, 0, 0, 0)),
        ([node("a", version="1.0.1")], "Completed", (1, 0, 0, 0)),
        ([node("a"), node("b", version="1.0.1")], "Pending", (1, 0, 0, 1)),
        ([node("a"), node("b", "upgradingos", "1.0.1")], "RollingForward", (0, 0, 1, 1)),
        ([node("a"), node("b", "rebooting", "1.0.1")], "RollingForward", (0, 0, 1, 1)),
        ([node("a"), node("b", "unusable", "1.0.1")], "Faulted", (0, 1, 0, 1)),
        ([node("a", version="1.0.1"), node("b", "leavingpool")], "Completed", (1, 0, 0, 0)),
    ],
)
def test_status_and_counts(nodes: list[dict[str, Any]], code: str, counts: tuple[int, ...]) -> None:
    seen = progress(nodes_of(nodes), "1.0.1")
    assert seen.body["runningStatus"] == {"code": code}
    assert tuple(seen.body["progress"].values()) == counts


def test_nodes_that_run_tasks_are_named_with_their_tasks() -> None:
    nodes = [node("a", "running", tasks=2), node("b", "running", "1.0.1", tasks=1), node("c")]
    seen = progress(nodes_of(nodes), "1.0.1")
    assert seen.body["waitsFor"] == {"a": 2}
    assert seen.body["versions"] == {"1.0.0": 2, "1.0.1": 1}
    assert str(seen) == "1.0.1: 1 of 3 node(s), 1 waited for while they run tasks"


def test_what_is_wrong_with_a_node_is_told() -> None:
    broken = node("a", "unusable", errors=[{"code": "NodeNotReady", "message": "no heartbeat"}])
    assert progress(nodes_of([broken]), "1.0.1").body["errors"] == {"a": "no heartbeat"}


def test_without_a_version_to_go_to_nothing_is_done() -> None:
    assert progress(nodes_of([node("a", version="")]), "").body["versions"] == {"unknown": 1}
