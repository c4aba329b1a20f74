"""A Batch pool whose nodes Azure brings to newer images: a view of it, what is declared of it, and what the rules look
at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from os_upgrades import policy
from os_upgrades.image_rules import ImageFacts
from os_upgrades.policy import AutomaticOSUpgradePolicy, UpgradePolicy
from os_upgrades.values import flag
from rollout.arm import ArmResource, dig, subscription_of
from rollout.azure import Body
from rollout.images import LATEST, normal_location
from rollout.values import resource_id

POOL = "/resourceGroups/*/providers/Microsoft.Batch/batchAccounts/*/pools/*"
EXAMPLE_ID = (
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/batch-rg"
    "/providers/Microsoft.Batch/batchAccounts/render/pools/frames"
)
IMAGE = "deploymentConfiguration.virtualMachineConfiguration.imageReference"
FEATURE = ("Microsoft.Compute", "RollingUpgradeDeferral")
"""Namespace and name of the feature that osRollingUpgradeDeferral needs in accounts of one's own subscription."""
REGISTERED = "Registered"


class BatchPool(ArmResource):
    """A pool, as ARM's GET answers it."""

    @property
    def etag(self) -> str:
        return str(self.body.get("etag") or "*")

    @property
    def account_id(self) -> str:
        return self.id.rsplit("/", 2)[0]

    @property
    def machine(self) -> Body:
        """`virtualMachineConfiguration`."""
        found: Body = dig(self.properties, "deploymentConfiguration", "virtualMachineConfiguration") or {}
        return found

    @property
    def upgrade_policy(self) -> Body:
        """`upgradePolicy`; empty where the pool has none."""
        found: Body = self.properties.get("upgradePolicy") or {}
        return found

    def said(self, part: str, name: str) -> Any:
        """A member of a part of the upgrade policy, such as `rollingUpgradePolicy`."""
        return dig(self.upgrade_policy, part, name)

    @property
    def automatic_os_upgrade(self) -> bool:
        return self.said("automaticOSUpgradePolicy", "enableAutomaticOSUpgrade") is True

    @property
    def defers(self) -> bool:
        """Whether a node that runs tasks is upgraded only when it is idle."""
        return self.said("automaticOSUpgradePolicy", "osRollingUpgradeDeferral") is True

    @property
    def zonal(self) -> bool:
        return str(dig(self.machine, "nodePlacementConfiguration", "policy") or "Regional").lower() == "zonal"

    @property
    def nodes(self) -> int:
        """Nodes that are there or on their way."""
        now = sum(int(self.properties.get(n) or 0) for n in ("currentDedicatedNodes", "currentLowPriorityNodes"))
        fixed = dig(self.properties, "scaleSettings", "fixedScale") or {}
        wanted = sum(int(fixed.get(n) or 0) for n in ("targetDedicatedNodes", "targetLowPriorityNodes"))
        return max(now, wanted)

    @property
    def steady(self) -> bool:
        """No resize is under way."""
        return str(self.properties.get("allocationState") or "Steady").lower() == "steady"

    def with_policy(self, body: Body) -> BatchPool:
        """The same pool with another upgrade policy."""
        return BatchPool({**self.body, "properties": {**self.properties, "upgradePolicy": body}})


@dataclass(frozen=True)
class BatchPoolDeclaration:
    """What is declared of a pool that exists."""

    pool_id: str
    upgrade_policy: UpgradePolicy
    register_feature: bool = False
    """Registers the feature of FEATURE where it is needed and is not."""
    leave_on_delete: bool = False
    """The policy stays when the declaration goes; otherwise what was found comes back."""

    @property
    def account_id(self) -> str:
        return self.pool_id.rsplit("/", 2)[0]

    @property
    def subscription(self) -> str:
        return subscription_of(self.pool_id)


def parse(given: Mapping[str, Any]) -> BatchPoolDeclaration:
    """The declaration of plain inputs. Raises InvalidDeclaration."""
    return BatchPoolDeclaration(
        resource_id("pool_id", str(given["pool_id"]), "Batch pool", POOL, EXAMPLE_ID).strip().rstrip("/"),
        parse_policy(given["upgrade_policy"]),
        flag("register_feature", given.get("register_feature")) or False,
        flag("leave_on_delete", given.get("leave_on_delete")) or False,
    )


def parse_policy(given: Any) -> UpgradePolicy:
    """The upgrade policy of a pool. Deferral is on with automatic OS upgrades unless it is said to be off: without it
    Azure interrupts what nodes run (learn.microsoft.com/azure/batch/batch-upgrade-policy advises it strongly). Raises
    InvalidDeclaration."""
    found = policy.parse(given, batch=True)
    automatic = found.automatic_os_upgrade_policy
    if not found.automatic_os_upgrade or automatic is None or automatic.os_rolling_upgrade_deferral is not None:
        return found
    return replace(found, automatic_os_upgrade_policy=_deferring(automatic))


def _deferring(automatic: AutomaticOSUpgradePolicy) -> AutomaticOSUpgradePolicy:
    return replace(automatic, os_rolling_upgrade_deferral=True)


@dataclass(frozen=True)
class PoolCase:
    """What the rules judge. None stands for what was not, or could not be, read: what needs it is not judged."""

    pool: BatchPool
    """With the declaration applied."""
    location: str
    """Region of the account."""
    api_version: str
    """By which the pool is written."""
    allocation_mode: str | None = None
    """`BatchService` or `UserSubscription`."""
    feature: str | None = None
    """State of FEATURE in the subscription."""
    register_feature: bool = False
    image_versions: Sequence[Body] | None = None
    now: float | None = None
    """Epoch seconds."""
    changes: Mapping[str, str] = field(default_factory=dict)
    """What of the policy differs from what is there; empty for a pool that is yet to be made."""

    @property
    def automatic_os_upgrade(self) -> bool:
        return self.pool.automatic_os_upgrade

    @property
    def image(self) -> ImageFacts:
        reference = dict(self.pool.machine.get("imageReference") or {})
        if reference.get("publisher"):
            reference.setdefault("version", LATEST)  # Batch's own default, unlike scale sets
        return ImageFacts(reference, normal_location(self.location), IMAGE, self.image_versions)
