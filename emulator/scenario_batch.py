"""The Batch account of a scenario: a gallery image, and a pool that somebody has run for months, with tasks."""

from __future__ import annotations

from emulator.batch import accounts, nodes, tasks, upgrades
from emulator.batch import fleet as fleets
from emulator.batch.fleet import POOL, Node
from emulator.batch.tasks import Job, Task
from emulator.compute import galleries, gallery_images, gallery_versions
from emulator.scenario_hosts import LOCATION
from emulator.wire import Body
from emulator.world import Resource, World

ACCOUNT, POOL_NAME, JOB = "render", "encode", "night"
GALLERY, IMAGE = "nodes", "linux"
AGENT = "batch.node.ubuntu 24.04"
POLICY: Body = {"mode": "manual"}


def add(world: World, scope: str, *, version: str, hosts: int, jobs: int, mode: str) -> Resource:
    """Account `render` with pool `encode`: `hosts` nodes on a version of image `linux`, with `jobs` tasks of two hours
    in job `night`, and an upgrade policy by which nothing is upgraded."""
    definition = _image(world, scope, version)
    account = accounts.make(world, f"{scope}/providers/Microsoft.Batch/batchAccounts/{ACCOUNT}", LOCATION, _mode(mode))
    pool_id = f"{account.id}/pools/{POOL_NAME}"
    machine = {"imageReference": {"id": definition}, "nodeAgentSkuId": AGENT}
    properties: Body = {
        "provisioningState": "Succeeded",
        "creationTime": world.iso(),
        "provisioningStateTransitionTime": world.iso(),
        "lastModified": world.iso(),
        "vmSize": "Standard_D2s_v5",
        "interNodeCommunication": "Disabled",
        "taskSlotsPerNode": 1,
        "taskSchedulingPolicy": {"nodeFillType": "Spread"},
        "deploymentConfiguration": {"virtualMachineConfiguration": machine},
        "scaleSettings": {"fixedScale": {"targetDedicatedNodes": hosts, "targetLowPriorityNodes": 0}},
        "upgradePolicy": dict(POLICY),
    }
    pool = world.put(pool_id, {"id": pool_id, "name": POOL_NAME, "type": POOL, "tags": {}, "properties": properties})
    fleet = fleets.of_pool(world, pool_id)
    for _ in range(hosts):
        node_id = f"tvmps_{world.random.getrandbits(256):064x}_d"
        image_id = f"{definition}/versions/{version}"
        node = Node(node_id, "starting", world.now, world.now, "", version, image_id)
        fleet.nodes[node_id] = node
        nodes.come_up(world, fleet, node)
    job = Job(JOB, account.id, {"id": JOB, "poolInfo": {"poolId": POOL_NAME}}, world.now)
    for number in range(jobs):
        task = {"id": f"t{number}", "commandLine": "/bin/sh -c 'sleep 7200'"}
        job.tasks[f"t{number}"] = Task(f"t{number}", JOB, task, world.now, since=world.now)
    tasks.jobs_of(world, account.id)[JOB] = job
    tasks.assign(world, fleet)
    upgrades.policy_changed(world, fleet)
    return pool


def _mode(mode: str) -> Body:
    return {"poolAllocationMode": mode}


def _image(world: World, scope: str, version: str) -> str:
    """The definition's id; it has one version."""
    gallery = f"{scope}/providers/Microsoft.Compute/galleries/{GALLERY}"
    definition = f"{gallery}/images/{IMAGE}"
    common: Body = {"location": LOCATION, "tags": {}}
    world.put(
        gallery,
        {
            **common,
            "id": gallery,
            "name": GALLERY,
            "type": galleries.TYPE,
            "properties": {"provisioningState": "Succeeded", "identifier": {}},
        },
    )
    identifier = {"publisher": "contoso", "offer": "nodes", "sku": IMAGE}
    defined = {"osType": "Linux", "osState": "Generalized", "hyperVGeneration": "V2", "identifier": identifier}
    world.put(
        definition,
        {
            **common,
            "id": definition,
            "name": IMAGE,
            "type": gallery_images.TYPE,
            "properties": {**defined, "provisioningState": "Succeeded"},
        },
    )
    region = {"name": "West Europe", "regionalReplicaCount": 1, "storageAccountType": "Standard_LRS"}
    version_id = f"{definition}/versions/{version}"
    world.put(
        version_id,
        {
            **common,
            "id": version_id,
            "name": version,
            "type": gallery_versions.TYPE,
            "properties": {
                "provisioningState": "Succeeded",
                "publishingProfile": {
                    "targetRegions": [region],
                    "replicaCount": 1,
                    "excludeFromLatest": False,
                    "publishedDate": world.iso(),
                    "storageAccountType": "Standard_LRS",
                },
                "storageProfile": {"osDiskImage": {"sizeInGB": 30}},
            },
        },
    )
    return definition
