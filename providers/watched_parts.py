"""The two kinds of watched upgrades, by the name under which their providers know them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from providers import batch_upgrading, image_upgrading, watched_inputs
from providers.declared_inputs import DeclaredInputs
from providers.failure import BatchPoolImageUpgradeFailed, Failed, ScaleSetImageUpgradeFailed
from providers.watched_look import Look


@dataclass(frozen=True)
class Parts:
    """Inputs, the look of a preview or a refresh, a run, and how it fails."""

    inputs: DeclaredInputs[Any]
    look: Callable[..., Coroutine[Any, Any, Look]]
    upgrade: Callable[..., Coroutine[Any, Any, dict[str, Any]]]
    failed: type[Failed]


PARTS: Mapping[str, Parts] = {
    "scale set": Parts(
        watched_inputs.SCALE_SET, image_upgrading.look, image_upgrading.upgrade, ScaleSetImageUpgradeFailed
    ),
    "Batch pool": Parts(
        watched_inputs.BATCH_POOL, batch_upgrading.look, batch_upgrading.upgrade, BatchPoolImageUpgradeFailed
    ),
}
