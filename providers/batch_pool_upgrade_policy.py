"""`BatchPoolUpgradePolicy`: how Azure brings the nodes of a Batch pool to newer images, as a Pulumi resource for pools
that exist. (Pools that are made here: `components/batch_pool.py`.)

Creating and updating are the same operation: the declared policy is written where the pool has another one, which Batch
takes on an empty pool only. Deleting gives back what was found. Another pool replaces the resource. The token and the
provider class's path are in the state of every stack for ever: neither may change, and the class has no state and no
arguments.

Imports are late, inside the methods: the program's process needs none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import Resource

from providers.adopting import AdoptingProvider, Setting
from providers.arguments import plain
from providers.batch_pool_args import (
    BatchAutomaticOSUpgradePolicyArgs,
    BatchPoolUpgradePolicyArgs,
    BatchRollingUpgradePolicyArgs,
    BatchUpgradePolicyArgs,
)

if TYPE_CHECKING:
    from providers.declared_inputs import DeclaredInputs

__all__ = [
    "BatchAutomaticOSUpgradePolicyArgs",
    "BatchPoolUpgradePolicy",
    "BatchPoolUpgradePolicyArgs",
    "BatchPoolUpgradePolicyProvider",
    "BatchRollingUpgradePolicyArgs",
    "BatchUpgradePolicyArgs",
]

TOKEN = "pulumi-python:dynamic/avd:BatchPoolUpgradePolicy"

OUTPUTS = ("status", "summary", "policy", "found", "rolling_upgrade", "warnings")
"""Names of the outputs that are no inputs; `plan` is added to the inputs."""


class BatchPoolUpgradePolicyProvider(AdoptingProvider):
    """What Pulumi calls, in a process of its own."""

    def properties(self) -> DeclaredInputs[Any]:
        from providers.batch_pool_inputs import PROPERTIES

        return PROPERTIES

    def setting(self) -> Setting:
        from providers import batch_pool_setting

        return batch_pool_setting


class BatchPoolUpgradePolicy(Resource, module="avd", name="BatchPoolUpgradePolicy"):
    """How Azure brings the nodes of an existing Batch pool to newer images."""

    pool_id: pulumi.Output[str]
    status: pulumi.Output[str]
    summary: pulumi.Output[str]
    """One line on what was changed."""
    policy: pulumi.Output[dict[str, Any]]
    """`upgradePolicy` of the pool, as Azure has it."""
    found: pulumi.Output[dict[str, Any]]
    """What it was before: what deleting the resource gives back."""
    rolling_upgrade: pulumi.Output[dict[str, Any]]
    """Where the nodes stand, in the shape of a scale set's `rollingUpgrades/latest`."""
    warnings: pulumi.Output[list[str]]
    """Rules that are broken without harm."""
    plan: pulumi.Output[dict[str, str]]

    def __init__(
        self,
        resource_name: str,
        args: BatchPoolUpgradePolicyArgs | Mapping[str, Any],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """
        :param resource_name: name of the resource in the stack.
        :param args: the declaration; `docs/batch-pool-inputs.md` has each input.
        :param opts: options of the resource.
        """
        given: dict[str, Any] = dict.fromkeys((*OUTPUTS, "plan"))
        given |= plain(args)
        # Awaited, not passed on as an Output: that would depend on the parent, which waits for its children.
        given["resource_urn"] = pulumi.create_urn(resource_name, TOKEN, opts.parent if opts else None).future()
        super().__init__(BatchPoolUpgradePolicyProvider(), resource_name, given, opts)
