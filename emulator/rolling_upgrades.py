"""How Azure rolls an OS upgrade: which instances form the next batch, and when it stops. Pure functions, for scale sets
and Batch pools alike ("roughly the same work flow", learn.microsoft.com/azure/batch/batch-upgrade-policy).

learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-automatic-upgrade: no more than so many
percent unhealthy before it starts and before each batch; a batch is so many percent of all, at least one; stop when
too many of the upgraded ones are unhealthy. Codes of errors are those of Microsoft's troubleshooting documents.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DEFAULT_PERCENT = 20
"""Of all three percentages (REST documentation, RollingUpgradePolicy)."""
HEALTH_WAIT = 300.0
"""Seconds that an upgraded instance has to become healthy before its former OS disk is restored."""

BEFORE_START = "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade"
BETWEEN_BATCHES = "MaxUnhealthyInstancePercentExceededInRollingUpgrade"
AFTER_BATCH = "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"
WITH_FAILED = "RollingUpgradeInProgressWithFailedUpgradedVMs"

_PAUSE = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


@dataclass(frozen=True, slots=True)
class Numbers:
    """A rolling upgrade policy. Percentages of all instances, pause in seconds."""

    max_batch: int = DEFAULT_PERCENT
    max_unhealthy: int = DEFAULT_PERCENT
    max_unhealthy_upgraded: int = DEFAULT_PERCENT
    pause: float = 0.0
    cross_zone: bool = False
    unhealthy_first: bool = False
    roll_back_on_breach: bool = False


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance as the orchestrator sees it. `done`: needs no upgrade any more, because it runs the version or was
    tried; `ready`: can be taken now (a node that runs tasks cannot, where the upgrade is deferred)."""

    id: str
    healthy: bool
    done: bool
    zone: str = ""
    update_domain: int | None = None
    ready: bool = True


def numbers_of(policy: Mapping[str, Any] | None) -> Numbers:
    """The numbers of a `rollingUpgradePolicy` body; what it leaves out is the default."""
    given = {name: value for name, value in (policy or {}).items() if value is not None}
    return Numbers(
        max_batch=int(given.get("maxBatchInstancePercent", DEFAULT_PERCENT)),
        max_unhealthy=int(given.get("maxUnhealthyInstancePercent", DEFAULT_PERCENT)),
        max_unhealthy_upgraded=int(given.get("maxUnhealthyUpgradedInstancePercent", DEFAULT_PERCENT)),
        pause=seconds_of(str(given.get("pauseTimeBetweenBatches", "PT0S"))) or 0.0,
        cross_zone=bool(given.get("enableCrossZoneUpgrade", False)),
        unhealthy_first=bool(given.get("prioritizeUnhealthyInstances", False)),
        roll_back_on_breach=bool(given.get("rollbackFailedInstancesOnPolicyBreach", False)),
    )


def seconds_of(duration: str) -> float | None:
    """Seconds of an ISO 8601 duration of days and smaller units, None for what is none."""
    match = _PAUSE.fullmatch(duration.strip().upper())
    if match is None or not any(match.groups()):
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + seconds


def too_many(part: int, whole: int, percent: int) -> bool:
    """Whether `part` of `whole` is more than so many percent."""
    return part * 100 > percent * whole


def next_batch(instances: Sequence[Instance], numbers: Numbers) -> list[str]:
    """Ids of the next batch: empty when none is left that can be taken now, or when the limit leaves no room.

    At most `max_batch` percent of all, at least one; fewer where others are unhealthy, since what is being upgraded
    counts as unhealthy too. One zone at a time unless `cross_zone`, one update domain at a time where there are any.
    """
    waiting = [instance for instance in instances if not instance.done and instance.ready]
    if numbers.unhealthy_first and any(not instance.healthy for instance in waiting):
        waiting = [instance for instance in waiting if not instance.healthy]
    if not waiting:
        return []
    first = waiting[0]
    if not numbers.cross_zone:
        zones = {instance.zone for instance in waiting}
        first = next(instance for instance in waiting if instance.zone == min(zones))
        waiting = [instance for instance in waiting if instance.zone == first.zone]
    if first.update_domain is not None:
        domain = min(instance.update_domain or 0 for instance in waiting)
        waiting = [instance for instance in waiting if instance.update_domain == domain]
    size = max(1, math.floor(len(instances) * numbers.max_batch / 100))
    fit = min(size, _room(instances, waiting, numbers))
    return [instance.id for instance in waiting[:fit]]


def _room(instances: Sequence[Instance], taken: Sequence[Instance], numbers: Numbers) -> int:
    """How many of `taken`, in their order, fit under the limit of unhealthy instances beside those that are already."""
    unhealthy = sum(not instance.healthy for instance in instances)
    fit = 0
    for instance in taken:
        unhealthy += instance.healthy  # one that is unhealthy anyhow takes no room
        if too_many(unhealthy, len(instances), numbers.max_unhealthy):
            break
        fit += 1
    return fit


def breach_before(instances: Sequence[Instance], numbers: Numbers, *, first: bool) -> str | None:
    """The code of the error for which no batch may start, or None. `first`: nothing was upgraded yet.

    A set so small that a single instance is more than the limit breaches always (with 2 instances and the default of 20
    percent: Azure/AzureTRE#1590, opencb/opencga#987). An instance that is not ready is waited for, which is no breach.
    """
    unhealthy = sum(not instance.healthy for instance in instances)
    waiting = [instance for instance in instances if not instance.done and instance.ready]
    stuck = bool(waiting) and not next_batch(instances, numbers)
    if stuck or too_many(unhealthy, len(instances), numbers.max_unhealthy):
        return BEFORE_START if first else BETWEEN_BATCHES
    return None


def breach_after(failed: int, upgraded: int, numbers: Numbers) -> str | None:
    """The code of the error after a batch: `failed` of the `upgraded` did not become healthy. None to go on."""
    return AFTER_BATCH if too_many(failed, upgraded, numbers.max_unhealthy_upgraded) else None


def message_of(code: str, numbers: Numbers) -> str:
    """What Azure says of a code (wording after Microsoft's troubleshooting documents; parts of it unverified)."""
    told: dict[str, str] = {
        BEFORE_START: (
            f"The rolling upgrade cannot begin: more than {numbers.max_unhealthy}% of the instances are unhealthy, or "
            "would be while one batch is upgraded (maxUnhealthyInstancePercent)."
        ),
        BETWEEN_BATCHES: (
            f"The rolling upgrade was stopped: more than {numbers.max_unhealthy}% of the instances are unhealthy, or "
            "would be while the next batch is upgraded (maxUnhealthyInstancePercent)."
        ),
        AFTER_BATCH: (
            f"The rolling upgrade was stopped: more than {numbers.max_unhealthy_upgraded}% of the upgraded instances "
            "are unhealthy (maxUnhealthyUpgradedInstancePercent)."
        ),
        WITH_FAILED: "The rolling upgrade has ended, but some instances could not be upgraded.",
    }
    return told.get(code, code)
