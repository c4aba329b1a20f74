"""The arguments of `ScaleSetImageUpgrade`, typed. Made from image_upgrade_schema.json by `python -m providers.docs`.

Defaults are those of the schema: None, like an argument that is left out, stands for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi


@dataclass(kw_only=True)
class ScaleSetImageUpgradeArgs:
    """The instances of a scale set on the latest version of its image: by Azure's own rolling upgrade, which is begun
    where Azure does not begin it by itself, joined where it runs, and watched to its end.
    """

    scale_set_id: pulumi.Input[str]
    """Id of the scale set. Its model must name an image without a version, or latest. Another one is another resource.
    Source: Azure Compute REST API, Virtual Machine Scale Sets - Get.
    """

    image: pulumi.Input[str] | None = None
    """The image that the scale set's model must name: the id of a gallery image definition, or publisher:offer:sku.
    Another one is refused, so that what shall follow one image does. Without it any image will do. Source: The
    product's own choice.
    """

    version: pulumi.Input[str] | None = None
    """What the instances shall run: latest, or the number that latest must stand for in the scale set's region, else
    nothing is begun. Azure rolls out nothing but the latest version. Default: "latest". Source: Azure Compute REST API,
    Virtual Machine Scale Set Rolling Upgrades - Start OS Upgrade.
    """

    start: pulumi.Input[str] | None = None
    """Who begins the upgrade: auto leaves it to Azure where the scale set has automatic OS upgrades, and begins it
    elsewhere; now begins it at once; never only watches. Of an upgrade that is begun by hand Azure restores no OS disk
    of an instance that does not become healthy. One of auto, now, never. Default: "auto". Source: Azure documentation,
    automatic OS image upgrades: manually trigger OS image upgrades.
    """

    approve: pulumi.Input[str | Sequence[pulumi.Input[str]]] | None = None
    """Instances whose upgrade may go on where the policy defers it (os_rolling_upgrade_deferral): all, none, or ids of
    instances. A run that waits for nothing but other approvals ends as waiting, and does not fail; hostpool upgrade
    approve gives them. Default: "none". Source: Azure Compute REST API, Virtual Machine Scale Sets - Approve Rolling
    Upgrade.
    """

    begin_within: pulumi.Input[str | float] | None = None
    """How long Azure has to begin by itself; then the run fails. Azure takes 30 to 60 minutes after a version is there,
    up to 3 hours for the first one, and longer with a maintenance configuration. Default: "PT4H". Source: Azure
    documentation, automatic OS image upgrades.
    """

    limit: pulumi.Input[str | float] | None = None
    """How long a run watches; then it fails, and when_stopped says what becomes of the upgrade. The next run joins it.
    Where begin_within is longer than half of the default, twice that. Default: "PT12H". Source: The product's own
    choice.
    """

    when_stopped: pulumi.Input[str] | None = None
    """What becomes of an upgrade under way when the run is stopped (Ctrl-C, a cancelled CI job) or its limit is over:
    leave lets it go on in Azure; cancel ends it after the batch in work. A run that is killed leaves it. One of leave,
    cancel. Default: "leave". Source: Azure Compute REST API, Virtual Machine Scale Set Rolling Upgrades - Cancel.
    """

    fail_when_incomplete: pulumi.Input[bool] | None = None
    """Whether pulumi up fails where the upgrade has ended and Azure has left instances out, such as protected ones.
    Default: true. Source: The product's own choice.
    """
