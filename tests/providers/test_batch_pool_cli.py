"""`BatchPoolUpgradePolicy` and the component under the real Pulumi CLI, against an emulator over HTTPS: one story."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from emulator.server import Running
from emulator.wire import Request
from simulation.in_process import principal_named
from tests.providers.emulated import requests_of, writes
from tests.support.emulator import as_deployer, served
from tests.support.pulumi_cli import Cli, cli

PROGRAM = """
import json
import pulumi
from components import BatchPool, BatchPoolArgs
from providers.batch_pool_upgrade_policy import BatchPoolUpgradePolicy

with open("inputs.json") as file:
    given = json.load(file)
policy = BatchPoolUpgradePolicy("encode", given["existing"])
if given["made"]:
    BatchPool("frames", BatchPoolArgs(**given["made"]))
"""
GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/avd"
ACCOUNT = f"{GROUP}/providers/Microsoft.Batch/batchAccounts/render"
ENCODE = f"{ACCOUNT}/pools/encode"
POLICY: dict[str, Any] = {
    "mode": "automatic",
    "automatic_os_upgrade_policy": {"enable_automatic_os_upgrade": True, "use_rolling_upgrade_policy": True},
    "rolling_upgrade_policy": {"max_batch_instance_percent": 50, "max_unhealthy_instance_percent": 50},
}
MADE = {
    "account_name": "render",
    "resource_group_name": "avd",
    "pool_name": "frames",
    "vm_size": "Standard_D2s_v5",
    "image": f"{GROUP}/providers/Microsoft.Compute/galleries/nodes/images/linux",
    "node_agent_sku_id": "batch.node.ubuntu 24.04",
    "upgrade_policy": POLICY,
}


def ask(server: Running, method: str, path: str, body: Any = None) -> Any:
    """One request as the deployer."""
    principal = principal_named(server.emulator, "deployer")
    return server.emulator.handle(Request(method, path, {"api-version": "2024-07-01"}, body=body, principal=principal))


def policy_of(server: Running, pool: str = "encode") -> Any:
    return ask(server, "GET", f"{ACCOUNT}/pools/{pool}").body["properties"].get("upgradePolicy")


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def resize(server: Running, nodes: int) -> None:
    answer = ask(server, "POST", "/batch/render/pools/encode/resize", {"targetDedicatedNodes": nodes})
    assert answer.status == 202
    wait(lambda: ask(server, "GET", ENCODE).body["properties"]["allocationState"] == "Steady")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    options = {"hosts": 2, "latency": False, "throttling": False}
    with served(tmp_path_factory.mktemp("emulator"), name="batch", speed=600.0, **options) as running:
        yield running


@pytest.fixture(scope="module")
def pulumi(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    folder = tmp_path_factory.mktemp("program")
    (folder / "Pulumi.yaml").write_text("name: pools\nruntime: python\n")
    (folder / "__main__.py").write_text(PROGRAM)
    run = cli(folder, as_deployer(server), tmp_path_factory.mktemp("backend"))
    run("stack", "init", "test")
    return run


def declare(pulumi: Cli, made: dict[str, Any] | None = None, **inputs: Any) -> None:
    existing = {"pool_id": ENCODE, "upgrade_policy": POLICY, **inputs}
    (pulumi.program / "inputs.json").write_text(json.dumps({"existing": existing, "made": made}))


def outputs(pulumi: Cli) -> dict[str, Any]:
    [item] = [item for item in pulumi.state() if item["type"].endswith("avd:BatchPoolUpgradePolicy")]
    return dict(item["outputs"])


def test_from_the_first_preview_to_destroy(pulumi: Cli, server: Running) -> None:
    number = requests_of(server)[-1]["n"] if requests_of(server) else 0
    declare(pulumi)
    shown = pulumi("preview", exit_code=1)
    assert "cannot be changed while the pool has 2 node(s): Batch takes it on an empty pool only" in shown
    assert "az batch pool resize --pool-id encode --target-dedicated-nodes 0" in shown
    assert "Traceback" not in shown and writes(server, number) == []

    resize(server, 0)
    number = requests_of(server)[-1]["n"]
    shown = pulumi("up", "--yes", "--skip-preview", "--diff")
    assert "upgradePolicy.mode: manual -> automatic" in shown
    assert writes(server, number) == [f"PATCH {ENCODE}"]
    assert outputs(pulumi)["found"] == {"mode": "manual"}
    assert policy_of(server)["automaticOSUpgradePolicy"]["osRollingUpgradeDeferral"] is True

    resize(server, 2)
    number = requests_of(server)[-1]["n"]
    declare(pulumi, made=MADE)
    shown = pulumi("up", "--yes", "--refresh", "--skip-preview")
    assert "+ 2 created" in shown and "2 unchanged" in shown
    assert writes(server, number) == [f"PUT {ACCOUNT}/pools/frames"]
    assert policy_of(server, "frames") == policy_of(server)
    progress = outputs(pulumi)["rolling_upgrade"]
    assert progress["latest"] == "1.0.0" and progress["versions"] == {"1.0.0": 2.0}

    shown = pulumi("destroy", "--yes", "--skip-preview", exit_code=1)
    assert "has 2 node(s), so that its upgrade policy cannot be given back" in shown
    resize(server, 0)
    pulumi("destroy", "--yes", "--skip-preview")
    assert policy_of(server) == {"mode": "manual"}
    assert ask(server, "GET", f"{ACCOUNT}/pools/frames").status == 404
