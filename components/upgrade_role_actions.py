"""The actions of `ScaleSetImageUpgrade` and `BatchPoolImageUpgrade`, by what a scope holds. The tables, with the
reason of each action, are in `os_upgrades/upgrade_rights.py`.

They come beside those of `update_role_actions.py`; the versions of the image are read as there.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from os_upgrades import upgrade_rights

Actions = tuple[str, ...]


class UpgradePurpose(StrEnum):
    """What a scope holds, hence what is done there."""

    SCALE_SETS = "upgraded-scale-sets"
    BATCH_POOLS = "upgraded-batch-pools"


UPGRADE_ACTIONS: Mapping[UpgradePurpose, Actions] = {
    UpgradePurpose.SCALE_SETS: (upgrade_rights.PERMISSIONS_READ, *upgrade_rights.SCALE_SET),
    UpgradePurpose.BATCH_POOLS: upgrade_rights.BATCH_POOL,
}
