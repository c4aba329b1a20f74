"""A Batch account with a pool, and an image in a gallery that gets newer versions."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from emulator.batch import accounts, view
from emulator.compute import galleries, gallery_images, gallery_versions
from emulator.wire import Response
from tests.emulator.arm_client import GROUP, LOCATION, Client

BATCH = f"{GROUP}/providers/Microsoft.Batch/batchAccounts"
ACCOUNT = f"{BATCH}/acc1"
POOL = f"{ACCOUNT}/pools/pool1"
GALLERY = f"{GROUP}/providers/Microsoft.Compute/galleries/g1"
IMAGE = f"{GALLERY}/images/linux"
DATA_PLANE = "2025-06-01"
HOURS = 3600.0


def properties(**changed: Any) -> dict[str, Any]:
    """A pool of two nodes that follows the gallery's image, deferring to tasks. `changed` replaces members."""
    whole: dict[str, Any] = {
        "vmSize": "Standard_D2s_v3",
        "deploymentConfiguration": {
            "virtualMachineConfiguration": {
                "imageReference": {"id": IMAGE},
                "nodeAgentSkuId": "batch.node.ubuntu 24.04",
            }
        },
        "scaleSettings": {"fixedScale": {"targetDedicatedNodes": 2}},
        "upgradePolicy": {
            "mode": "automatic",
            "automaticOSUpgradePolicy": {
                "enableAutomaticOSUpgrade": True,
                "useRollingUpgradePolicy": True,
                "osRollingUpgradeDeferral": True,
            },
            "rollingUpgradePolicy": {"maxBatchInstancePercent": 50, "maxUnhealthyInstancePercent": 50},
        },
    }
    return {**whole, **changed}


def automatic(**changed: Any) -> dict[str, Any]:
    """The upgrade policy of `properties`, with members of automaticOSUpgradePolicy replaced."""
    policy: dict[str, Any] = deepcopy(properties()["upgradePolicy"])
    policy["automaticOSUpgradePolicy"] |= changed
    return policy


def rolling(**given: Any) -> dict[str, Any]:
    """The upgrade policy of `properties` with another rollingUpgradePolicy."""
    return {**properties()["upgradePolicy"], "rollingUpgradePolicy": given}


def machine(**changed: Any) -> dict[str, Any]:
    """A deploymentConfiguration with members of its virtualMachineConfiguration replaced."""
    known = properties()["deploymentConfiguration"]["virtualMachineConfiguration"]
    return {"virtualMachineConfiguration": {**known, **changed}}


def with_account(mode: str = "BatchService", **settings: Any) -> Client:
    """A client of a world with the account and version 1.0.0 of the image."""
    azure = Client(**settings)
    accounts.make(azure.world, ACCOUNT, LOCATION, {"poolAllocationMode": mode})
    azure.world.put(GALLERY, {"type": galleries.TYPE, "id": GALLERY, "name": "g1", "location": LOCATION})
    definition = {"osType": "Linux", "osState": "Generalized", "hyperVGeneration": "V2"}
    known = {"type": gallery_images.TYPE, "id": IMAGE, "name": "linux", "location": LOCATION, "properties": definition}
    azure.world.put(IMAGE, known)
    publish(azure, "1.0.0")
    return azure


def publish(azure: Client, version: str, **profile: Any) -> None:
    """A version of the image, replicated."""
    version_id = f"{IMAGE}/versions/{version}"
    body = {
        "type": gallery_versions.TYPE,
        "id": version_id,
        "name": version,
        "location": LOCATION,
        "properties": {
            "provisioningState": "Succeeded",
            "publishingProfile": {"targetRegions": [{"name": "West Europe"}], **profile},
            "storageProfile": {"osDiskImage": {"sizeInGB": 30}},
        },
    }
    azure.world.put(version_id, body)


def with_pool(nodes: int = 2, mode: str = "BatchService", **changed: Any) -> Client:
    """A client of a world with a pool whose nodes serve."""
    azure = with_account(mode)
    scale = {"fixedScale": {"targetDedicatedNodes": nodes}}
    made = azure.put(POOL, {"properties": properties(scaleSettings=scale, **changed)})
    assert made.status == 200, made.body
    azure.wait(900)
    assert states(azure) == ["idle"] * nodes
    return azure


def data(
    azure: Client, method: str, path: str, body: Any = None, *, version: str = DATA_PLANE, **options: Any
) -> Response:
    """A call of the data plane."""
    return azure.call(method, f"/batch/acc1{path}", body, version=version, **options)


def nodes_of(azure: Client, version: str = DATA_PLANE) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = data(azure, "GET", "/pools/pool1/nodes", version=version).body["value"]
    return found


def states(azure: Client, version: str = DATA_PLANE) -> list[str]:
    return [node["state"] for node in nodes_of(azure, version)]


def versions(azure: Client) -> list[str]:
    return [node["virtualMachineInfo"]["imageReference"]["exactVersion"] for node in nodes_of(azure)]


def submit(azure: Client, *commands: str) -> None:
    """A job `j1` with tasks `t0`, `t1` ..., one a command."""
    if data(azure, "GET", "/jobs/j1").status == 404:
        assert data(azure, "POST", "/jobs", {"id": "j1", "poolInfo": {"poolId": "pool1"}}).status == 201
    known = len(data(azure, "GET", "/jobs/j1/tasks").body["value"])
    tasks = [{"id": f"t{known + number}", "commandLine": command} for number, command in enumerate(commands)]
    done = data(azure, "POST", "/jobs/j1/addtaskcollection", {"value": tasks})
    assert [each["status"] for each in done.body["value"]] == ["success"] * len(commands)


def tasks_of(azure: Client) -> dict[str, dict[str, Any]]:
    return {task["id"]: task for task in data(azure, "GET", "/jobs/j1/tasks").body["value"]}


def until(azure: Client, condition: Any, limit: float = 8 * HOURS, step: float = 20.0) -> None:
    """Let time pass until something is so."""
    for _ in range(int(limit / step)):
        if condition():
            return
        azure.wait(step)
    raise AssertionError(f"not within {limit:.0f} s: {seen(azure)['upgrades']}")


def seen(azure: Client) -> dict[str, Any]:
    """What the control API tells of the pool."""
    return view.describe(azure.world)[POOL]


def upgrade(azure: Client) -> dict[str, Any]:
    """The pool's last upgrade."""
    found: dict[str, Any] = seen(azure)["upgrades"][-1]
    return found


def ended(azure: Client) -> bool:
    known = seen(azure)["upgrades"]
    return bool(known) and known[-1]["ended"] is not None
