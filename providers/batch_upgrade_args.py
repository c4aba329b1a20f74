"""The arguments of `BatchPoolImageUpgrade`, typed. Made from batch_upgrade_schema.json by `python -m providers.docs`.

Defaults are those of the schema: None, like an argument that is left out, stands for them.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi


@dataclass(kw_only=True)
class BatchPoolImageUpgradeArgs:
    """The nodes of a Batch pool on the latest version of its image: Azure brings them there by the pool's upgrade
    policy, and a run watches it to its end.
    """

    pool_id: pulumi.Input[str]
    """Id of the pool. Its image must be of version latest, and its policy have automatic OS upgrades. Another one is
    another resource. Source: Azure Batch Management REST API, Pool - Get.
    """

    image: pulumi.Input[str] | None = None
    """The image that the pool must name: the id of a gallery image definition, or publisher:offer:sku. Another one is
    refused, so that what shall follow one image does. Without it any image will do. Source: The product's own choice.
    """

    version: pulumi.Input[str] | None = None
    """What the nodes shall run: latest, or the number that latest must stand for in the pool's region, else the run
    fails before it waits. Azure rolls out nothing but the latest version. Default: "latest". Source: Azure
    documentation, Batch pools with automatic OS upgrade.
    """

    begin_within: pulumi.Input[str | float] | None = None
    """How long Azure has to begin; then the run fails. Nodes that run tasks are waited for as long as limit lets it,
    where the policy defers their upgrade. Default: "PT4H". Source: Azure documentation, Batch pools with automatic OS
    upgrade.
    """

    limit: pulumi.Input[str | float] | None = None
    """How long a run watches; then it fails, and Azure goes on. The next run watches again. Where begin_within is
    longer than half of the default, twice that. Default: "PT12H". Source: The product's own choice.
    """
