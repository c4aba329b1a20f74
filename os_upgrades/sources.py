"""Where the rules about Azure's rolling upgrades are written; messages name one of these."""

from __future__ import annotations

_LEARN = "learn.microsoft.com/azure"
_SCALE_SETS = f"{_LEARN}/virtual-machine-scale-sets/virtual-machine-scale-sets"

AUTOMATIC_UPGRADE = f"{_SCALE_SETS}-automatic-upgrade"
ROLLING_UPGRADES = f"{_SCALE_SETS}-configure-rolling-upgrades"
MAX_SURGE = f"{_SCALE_SETS}-maxsurge"
HEALTH_EXTENSION = f"{_SCALE_SETS}-health-extension"
TERMINATE_NOTIFICATION = f"{_SCALE_SETS}-terminate-notification"
UPGRADE_POLICY = f"{_SCALE_SETS}-upgrade-policy"
MAINTENANCE = f"{_LEARN}/virtual-machines/maintenance-configurations"
BATCH = f"{_LEARN}/batch/batch-upgrade-policy"
COMPUTE_API = "learn.microsoft.com/rest/api/compute/virtual-machine-scale-sets/create-or-update"
BATCH_API = "learn.microsoft.com/rest/api/batchmanagement/pool/create"
BATCH_DATA_PLANE = "learn.microsoft.com/rest/api/batchservice/pools/update-pool"
EXTENSION_SEQUENCING = f"{_SCALE_SETS}-extension-sequencing"
LIFECYCLE_HOOKS = "learn.microsoft.com/powershell/module/az.compute/new-azvmsslifecyclehookconfig"
UNDER_WAY = "github.com/hashicorp/terraform-provider-azurerm/issues/7002"
SMALL_SETS = "github.com/opencb/opencga/issues/987"


def address(source: str) -> str:
    """What a browser takes."""
    return f"https://{source}"
