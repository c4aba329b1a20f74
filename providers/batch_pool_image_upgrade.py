"""`BatchPoolImageUpgrade`: the nodes of a Batch pool on the latest version of its image, as a Pulumi resource.

Azure alone brings nodes to a newer image; creating and updating watch it to its end, or wait for it to begin. Where all
nodes run the latest version nothing is done. Deleting changes nothing. The token and the provider class's path are in
the state of every stack for ever: neither may change, and the class has no state and no arguments. What it does is in
`watched_upgrade.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import Resource

from providers import watched_upgrade
from providers.arguments import plain
from providers.batch_upgrade_args import BatchPoolImageUpgradeArgs
from providers.watched_upgrade import WatchedUpgradeProvider

__all__ = ["BatchPoolImageUpgrade", "BatchPoolImageUpgradeArgs", "BatchPoolImageUpgradeProvider"]

TOKEN = "pulumi-python:dynamic/avd:BatchPoolImageUpgrade"

OUTPUTS = (*watched_upgrade.OUTPUTS, "nodes")
"""Names of the outputs that are no inputs; `plan` and `state` are added to the inputs."""


class BatchPoolImageUpgradeProvider(WatchedUpgradeProvider):
    """What Pulumi calls; its path is in the state."""

    what: ClassVar[str] = "Batch pool"


class BatchPoolImageUpgrade(Resource, module="avd", name="BatchPoolImageUpgrade"):
    """The nodes of a Batch pool on the latest version of its image."""

    pool_id: pulumi.Output[str]
    status: pulumi.Output[str]
    """`complete`."""
    summary: pulumi.Output[str]
    """One line on how the run ended."""
    waits_for: pulumi.Output[str]
    """Always empty: as of the other kinds."""
    image_version_id: pulumi.Output[str]
    """Id of the version that the nodes were brought to."""
    nodes: pulumi.Output[dict[str, list[str]]]
    """Ids of the nodes by the version they run."""
    failed: pulumi.Output[dict[str, str]]
    """Nodes with which something is wrong, and what."""
    upgrade: pulumi.Output[dict[str, Any]]
    """Where the nodes stand, in the shape of a scale set's `rollingUpgrades/latest`."""
    history: pulumi.Output[list[dict[str, Any]]]
    """Always empty: Azure keeps none of Batch pools."""
    report: pulumi.Output[str]
    """Path of the run's event log."""
    plan: pulumi.Output[dict[str, str]]
    """Nodes that need the upgrade, and from what to what."""
    state: pulumi.Output[str]
    """One line on where the pool stands."""

    def __init__(
        self,
        resource_name: str,
        args: BatchPoolImageUpgradeArgs | Mapping[str, Any],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """
        :param resource_name: name of the resource in the stack.
        :param args: the declaration; `docs/batch-pool-upgrade-inputs.md` has each input.
        :param opts: options of the resource.
        """
        given: dict[str, Any] = dict.fromkeys((*OUTPUTS, "plan", "state"))
        given |= plain(args)
        # Awaited, not passed on as an Output: that would depend on the parent, which waits for its children.
        given["resource_urn"] = pulumi.create_urn(resource_name, TOKEN, opts.parent if opts else None).future()
        super().__init__(BatchPoolImageUpgradeProvider(), resource_name, given, opts)
