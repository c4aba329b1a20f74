"""What the resources take that keys of the configuration go on to."""

from __future__ import annotations

from program.resource_inputs import Inputs
from providers.args import HostPoolImageUpdateArgs
from providers.batch_upgrade_args import BatchPoolImageUpgradeArgs
from providers.golden_image_args import GoldenImageVersionArgs
from providers.image_upgrade_args import ScaleSetImageUpgradeArgs


def resources() -> dict[str, Inputs]:
    """By the names of the resources."""
    return {
        "HostPoolImageUpdate": Inputs.of(HostPoolImageUpdateArgs),
        "GoldenImageVersion": Inputs.of(GoldenImageVersionArgs),
        "ScaleSetImageUpgrade": Inputs.of(ScaleSetImageUpgradeArgs),
        "BatchPoolImageUpgrade": Inputs.of(BatchPoolImageUpgradeArgs),
    }
