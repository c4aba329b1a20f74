"""The upgrade policy of a scale set, and that of a Batch pool, which is the same without max_surge and with its mode in
lower case.

Names are those of Azure's properties in snake case. A flag that is not said stays as Azure has it (false on a new scale
set); the numbers of a rolling upgrade policy have Azure's own defaults.

Sources: learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-configure-rolling-upgrades,
.../virtual-machine-scale-sets-automatic-upgrade, learn.microsoft.com/azure/batch/batch-upgrade-policy and
learn.microsoft.com/azure/templates/microsoft.compute/virtualmachinescalesets for the ranges. That scale sets refuse a
batch that is larger than max_unhealthy_instance_percent, as Batch pools do, is inferred.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from os_upgrades import sources
from os_upgrades.values import flag, iso, members, refuse, whole_between, without_none
from rollout.errors import InvalidDeclaration
from rollout.values import duration

DEFAULT_PERCENT = 20
LEAST_PERCENT: Mapping[str, int] = {
    "max_batch_instance_percent": 5,
    "max_unhealthy_instance_percent": 5,
    "max_unhealthy_upgraded_instance_percent": 0,
}
"""The smallest percentage that may be declared; the largest is 100."""


class Mode(StrEnum):
    """What happens to instances when the scale set's model changes."""

    AUTOMATIC = "Automatic"
    """All at once, in any order."""
    ROLLING = "Rolling"
    """In batches, by the rolling upgrade policy."""
    MANUAL = "Manual"
    """Nothing, until somebody brings them to the latest model."""


@dataclass(frozen=True)
class AutomaticOSUpgradePolicy:
    """Whether and how Azure rolls new image versions out by itself. None: as Azure has it, false on a new scale set."""

    enable_automatic_os_upgrade: bool | None = None
    disable_automatic_rollback: bool | None = None
    """True: an instance that does not become healthy within 5 minutes keeps its new OS disk."""
    use_rolling_upgrade_policy: bool | None = None
    """True: by the numbers of the rolling upgrade policy, not by Azure's own of 20 %."""
    os_rolling_upgrade_deferral: bool | None = None
    """True: each instance waits until its upgrade is approved; in a Batch pool, until it runs no task."""

    def body(self) -> dict[str, Any]:
        """As ARM has it, without what was not said."""
        return without_none(
            {
                "enableAutomaticOSUpgrade": self.enable_automatic_os_upgrade,
                "disableAutomaticRollback": self.disable_automatic_rollback,
                "useRollingUpgradePolicy": self.use_rolling_upgrade_policy,
                "osRollingUpgradeDeferral": self.os_rolling_upgrade_deferral,
            }
        )


@dataclass(frozen=True)
class RollingUpgradePolicy:
    """How many instances at a time, and when to stop. Percentages are of all instances, but for the upgraded ones."""

    max_batch_instance_percent: int = DEFAULT_PERCENT
    max_unhealthy_instance_percent: int = DEFAULT_PERCENT
    """Unhealthy for whatever reason; looked at before each batch."""
    max_unhealthy_upgraded_instance_percent: int = DEFAULT_PERCENT
    """Of those upgraded; looked at after each batch."""
    pause_time_between_batches: float = 0.0
    """Seconds."""
    enable_cross_zone_upgrade: bool | None = None
    prioritize_unhealthy_instances: bool | None = None
    rollback_failed_instances_on_policy_breach: bool | None = None
    max_surge: bool | None = None
    """True: new instances are made and old ones deleted. Not in Batch."""

    def body(self) -> dict[str, Any]:
        """As ARM has it, without the flags that were not said."""
        return without_none(
            {
                "maxBatchInstancePercent": self.max_batch_instance_percent,
                "maxUnhealthyInstancePercent": self.max_unhealthy_instance_percent,
                "maxUnhealthyUpgradedInstancePercent": self.max_unhealthy_upgraded_instance_percent,
                "pauseTimeBetweenBatches": iso(self.pause_time_between_batches),
                "enableCrossZoneUpgrade": self.enable_cross_zone_upgrade,
                "prioritizeUnhealthyInstances": self.prioritize_unhealthy_instances,
                "rollbackFailedInstancesOnPolicyBreach": self.rollback_failed_instances_on_policy_breach,
                "maxSurge": self.max_surge,
            }
        )


@dataclass(frozen=True)
class UpgradePolicy:
    """An upgrade policy. What is None was not said."""

    mode: Mode
    automatic_os_upgrade_policy: AutomaticOSUpgradePolicy | None = None
    rolling_upgrade_policy: RollingUpgradePolicy | None = None

    @property
    def automatic_os_upgrade(self) -> bool:
        """Whether Azure rolls new image versions out by itself, whatever the mode."""
        automatic = self.automatic_os_upgrade_policy
        return automatic is not None and automatic.enable_automatic_os_upgrade is True

    def body(self, *, batch: bool = False) -> dict[str, Any]:
        """`properties.upgradePolicy` of a scale set or, with `batch`, of a Batch pool."""
        automatic, rolling = self.automatic_os_upgrade_policy, self.rolling_upgrade_policy
        return without_none(
            {
                "mode": self.mode.lower() if batch else str(self.mode),
                "automaticOSUpgradePolicy": automatic.body() if automatic is not None else None,
                "rollingUpgradePolicy": rolling.body() if rolling is not None else None,
            }
        )


def parse(given: Any, prop: str = "upgrade_policy", *, batch: bool = False) -> UpgradePolicy:
    """The policy of plain inputs, of a Batch pool with `batch`. Raises InvalidDeclaration."""
    found = members(prop, given, (field.name for field in fields(UpgradePolicy)))
    mode = _mode(f"{prop}.mode", found.get("mode"))
    automatic, rolling = found.get("automatic_os_upgrade_policy"), found.get("rolling_upgrade_policy")
    policy = UpgradePolicy(
        mode,
        _automatic(f"{prop}.automatic_os_upgrade_policy", automatic) if automatic is not None else None,
        _rolling(f"{prop}.rolling_upgrade_policy", rolling, batch) if rolling is not None else None,
    )
    _check_together(prop, policy, batch)
    return policy


def _mode(prop: str, value: Any) -> Mode:
    """In any case: Azure writes `Automatic` for scale sets and `automatic` for Batch pools."""
    try:
        return Mode(str(value).capitalize())
    except ValueError:
        remedy = f"use one of {', '.join(Mode)}"
        problem = "is missing" if value is None else "is not known"
        raise InvalidDeclaration(prop, value, problem, remedy) from None


def _automatic(prop: str, given: Any) -> AutomaticOSUpgradePolicy:
    names = [field.name for field in fields(AutomaticOSUpgradePolicy)]
    found = members(prop, given, names)
    return AutomaticOSUpgradePolicy(**{name: flag(f"{prop}.{name}", found.get(name)) for name in names})


def _rolling(prop: str, given: Any, batch: bool) -> RollingUpgradePolicy:
    found = members(prop, given, (field.name for field in fields(RollingUpgradePolicy)))
    source = sources.BATCH_API if batch else sources.ROLLING_UPGRADES
    if batch and "max_surge" in found:
        raise refuse(f"{prop}.max_surge", found["max_surge"], "is not known to Batch pools", source, "leave it out")

    def percent(name: str) -> int:
        least, value = LEAST_PERCENT[name], found.get(name, DEFAULT_PERCENT)
        return whole_between(f"{prop}.{name}", value, least, 100, source, DEFAULT_PERCENT)

    def said(name: str) -> bool | None:
        return flag(f"{prop}.{name}", found.get(name))

    pause = f"{prop}.pause_time_between_batches"
    return RollingUpgradePolicy(
        max_batch_instance_percent=percent("max_batch_instance_percent"),
        max_unhealthy_instance_percent=percent("max_unhealthy_instance_percent"),
        max_unhealthy_upgraded_instance_percent=percent("max_unhealthy_upgraded_instance_percent"),
        pause_time_between_batches=duration(pause, found.get("pause_time_between_batches", "PT0S")),
        enable_cross_zone_upgrade=said("enable_cross_zone_upgrade"),
        prioritize_unhealthy_instances=said("prioritize_unhealthy_instances"),
        rollback_failed_instances_on_policy_breach=said("rollback_failed_instances_on_policy_breach"),
        max_surge=said("max_surge"),
    )


def _check_together(prop: str, policy: UpgradePolicy, batch: bool) -> None:
    """What makes no sense beside each other."""
    automatic, rolling = policy.automatic_os_upgrade_policy, policy.rolling_upgrade_policy
    if rolling is not None and rolling.max_batch_instance_percent > rolling.max_unhealthy_instance_percent:
        raise refuse(
            f"{prop}.rolling_upgrade_policy.max_batch_instance_percent",
            rolling.max_batch_instance_percent,
            f"is more than max_unhealthy_instance_percent, {rolling.max_unhealthy_instance_percent}: instances that "
            "are being upgraded are unhealthy",
            sources.BATCH_API if batch else sources.ROLLING_UPGRADES,
            f"write {rolling.max_unhealthy_instance_percent} or less, or raise max_unhealthy_instance_percent",
        )
    if automatic is None or automatic.enable_automatic_os_upgrade is not None:
        return  # false beside the others is how somebody opts out for a while
    for name in ("use_rolling_upgrade_policy", "os_rolling_upgrade_deferral", "disable_automatic_rollback"):
        if getattr(automatic, name):
            raise refuse(
                f"{prop}.automatic_os_upgrade_policy.{name}",
                True,
                "means nothing without enable_automatic_os_upgrade",
                sources.BATCH if batch else sources.AUTOMATIC_UPGRADE,
                "write enable_automatic_os_upgrade: true beside it, or leave it out",
            )
