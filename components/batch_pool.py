"""A Batch pool whose nodes Azure brings to newer images by itself, with Azure's rules checked in the preview."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_azure_native import batch, features

from os_upgrades import batch_pool_rules
from os_upgrades.batch_pool import FEATURE, PoolCase, parse_policy
from os_upgrades.batch_pool import BatchPool as View
from os_upgrades.findings import Finding, Severity

TYPE = "avd:index:BatchPool"
API_VERSION = "2024-07-01"
"""By which pulumi_azure_native 3 writes pools."""
FOR_EMPTY_POOLS = (
    "deploymentConfiguration",
    "interNodeCommunication",
    "networkConfiguration",
    "taskSchedulingPolicy",
    "taskSlotsPerNode",
    "upgradePolicy",
    "vmSize",
)
"""What Batch changes on an empty pool only: here a change of it replaces the pool, which the preview shows."""


class BatchPoolRefused(Exception):
    """The pool breaks a rule of Azure; the text names each with its property, value, source and remedy."""


@dataclass(frozen=True)
class BatchPoolArgs:
    account_name: pulumi.Input[str]
    resource_group_name: pulumi.Input[str]
    pool_name: str
    vm_size: str
    image: pulumi.Input[str]
    """A gallery image definition's id, or `publisher:offer:sku`; its latest version is followed."""
    node_agent_sku_id: str
    """Such as `batch.node.ubuntu 24.04` (az batch pool supported-images list)."""
    upgrade_policy: Mapping[str, Any] | None = None
    """As `upgrade_policy` of `BatchPoolUpgradePolicy` (docs/batch-pool-inputs.md): `mode`,
    `automatic_os_upgrade_policy`, `rolling_upgrade_policy`. Deferral to tasks is on with automatic OS upgrades."""
    nodes: int = 0
    """Dedicated nodes."""
    low_priority_nodes: int = 0
    zonal: bool = False
    """Whether nodes are placed by availability zone."""
    windows: bool = False
    """Whether the image is of Windows, whose own updates are turned off with automatic OS upgrades."""
    task_slots_per_node: int = 1
    subnet_id: pulumi.Input[str] | None = None
    start_task: str | None = None
    """Command line that each node runs before it takes tasks, also after its OS disk was exchanged."""
    metadata: Mapping[str, str] | None = None
    user_subscription: bool = False
    """Whether the account's allocation mode is UserSubscription: then deferral needs a feature of the subscription,
    which is looked up before the pool is made."""


class BatchPool(pulumi.ComponentResource):
    """A pool. Its upgrade policy, image, size of nodes and what else Batch changes on an empty pool only replace it
    when they change: the old pool goes with its nodes and what they run, then the new one comes, for jobs name a pool
    by its name. With `protect=True` in the options such a change is an error of the preview instead.

    Raises BatchPoolRefused, in a preview too, for what breaks a rule of Azure.
    """

    pool_id: pulumi.Output[str]
    pool_name: pulumi.Output[str]

    def __init__(self, name: str, args: BatchPoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(TYPE, name, {}, opts)
        properties = properties_of(args)
        for finding in _judged(args, properties):
            pulumi.log.warn(str(finding), resource=self)
        machine = properties["deploymentConfiguration"]["virtualMachineConfiguration"]
        image = pulumi.Output.from_input(args.image).apply(reference_of)
        network = {"networkConfiguration": {"subnetId": args.subnet_id}} if args.subnet_id is not None else {}
        pool = batch.Pool(
            name,
            account_name=args.account_name,
            resource_group_name=args.resource_group_name,
            pool_name=args.pool_name,
            vm_size=args.vm_size,
            deployment_configuration={"virtualMachineConfiguration": {**machine, "imageReference": image}},
            scale_settings=properties["scaleSettings"],
            task_slots_per_node=args.task_slots_per_node,
            upgrade_policy=_with_feature(args, properties),
            network_configuration=network.get("networkConfiguration"),
            start_task=properties.get("startTask"),
            metadata=[{"name": key, "value": value} for key, value in (args.metadata or {}).items()] or None,
            opts=pulumi.ResourceOptions(
                parent=self,
                replace_on_changes=list(FOR_EMPTY_POOLS),
                delete_before_replace=True,
            ),
        )
        self.pool_id = pool.id
        self.pool_name = pool.name
        self.register_outputs({"pool_id": self.pool_id, "pool_name": self.pool_name})


def reference_of(image: str) -> dict[str, str]:
    """`imageReference` of a definition's id, or of `publisher:offer:sku`."""
    if image.startswith("/"):
        return {"id": image}
    publisher, offer, sku = (*image.split(":"), "", "")[:3]
    return {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"}


def properties_of(args: BatchPoolArgs) -> dict[str, Any]:
    """The pool's properties as ARM takes them, with the image where it is known. Raises InvalidDeclaration for an
    upgrade policy that cannot be used."""
    machine: dict[str, Any] = {"nodeAgentSkuId": args.node_agent_sku_id}
    if isinstance(args.image, str):
        machine["imageReference"] = reference_of(args.image)
    if args.zonal:
        machine["nodePlacementConfiguration"] = {"policy": "Zonal"}
    targets = {"targetDedicatedNodes": args.nodes, "targetLowPriorityNodes": args.low_priority_nodes}
    found: dict[str, Any] = {
        "deploymentConfiguration": {"virtualMachineConfiguration": machine},
        "scaleSettings": {"fixedScale": targets},
    }
    if args.start_task is not None:
        found["startTask"] = {"commandLine": args.start_task, "waitForSuccess": True}
    if args.upgrade_policy is not None:
        policy = parse_policy(args.upgrade_policy)
        found["upgradePolicy"] = policy.body(batch=True)
        if args.windows and policy.automatic_os_upgrade:
            machine["windowsConfiguration"] = {"enableAutomaticUpdates": False}
    return found


def _judged(args: BatchPoolArgs, properties: Mapping[str, Any]) -> list[Finding]:
    """The warnings. What is known when Azure was asked only, such as the versions of the image, is not judged."""
    found = batch_pool_rules.check(_case(args, properties))
    if not isinstance(args.image, str):  # made in the same stack, so that its id is not known yet
        found = tuple(finding for finding in found if finding.rule != "image-in-gallery")
    _refuse(args, found)
    return [finding for finding in found if finding.severity is Severity.WARNING]


def _case(args: BatchPoolArgs, properties: Mapping[str, Any], feature: str | None = None) -> PoolCase:
    mode = "UserSubscription" if args.user_subscription else None
    view = View({"id": args.pool_name, "properties": dict(properties)})
    return PoolCase(view, "", API_VERSION, mode, feature)


def _refuse(args: BatchPoolArgs, found: Iterable[Finding]) -> None:
    errors = [str(finding) for finding in found if finding.severity is Severity.ERROR]
    if errors:
        raise BatchPoolRefused(f"pool {args.pool_name}: {'; '.join(errors)}")


def _with_feature(args: BatchPoolArgs, properties: Mapping[str, Any]) -> Any:
    """The upgrade policy, once it is known that the subscription has the feature that deferral needs."""
    if not args.user_subscription or not _case(args, properties).pool.defers:
        return properties.get("upgradePolicy")
    namespace, name = FEATURE
    found = features.get_subscription_feature_registration_output(feature_name=name, provider_namespace=namespace)
    return found.apply(lambda feature: with_feature(args, properties, str(feature.properties.state)))


def with_feature(args: BatchPoolArgs, properties: Mapping[str, Any], state: str) -> Any:
    """The upgrade policy of a pool in one's own subscription, where the feature is in this state. Raises
    BatchPoolRefused."""
    found = batch_pool_rules.check(_case(args, properties, state))
    _refuse(args, [finding for finding in found if finding.rule == "deferral-feature"])
    return properties.get("upgradePolicy")
