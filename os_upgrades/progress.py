"""Where a rolling OS upgrade stands, in the shape in which Azure tells it of scale sets.

`rollingUpgrades/latest` has policy, runningStatus, progress and error; an entry of `osUpgradeHistory` also startedBy,
targetImageReference and rollbackInfo (recording compute-vmss-rolling-upgrade-api; Azure Compute REST API, examples
VirtualMachineScaleSetRollingUpgrade_GetLatest and VirtualMachineScaleSet_GetOSUpgradeHistory). What rolls a host pool
or a Batch pool is told in the same shape, so that whoever reads one can read the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from os_upgrades.values import without_none
from rollout.arm import dig, name_of
from rollout.azure import Body
from rollout.clock import from_iso, iso

ROLLING_FORWARD, CANCELLED, COMPLETED, FAULTED = "RollingForward", "Cancelled", "Completed", "Faulted"
"""Azure's codes of a running status (Azure Compute REST API, RollingUpgradeStatusCode)."""
ENDED = (CANCELLED, COMPLETED, FAULTED)
SAME_START = 2.0
"""Seconds by which the start may differ of one upgrade that is told in two places."""


@dataclass(frozen=True)
class Counts:
    """Instances by how far they are."""

    successful: int = 0
    failed: int = 0
    in_progress: int = 0
    pending: int = 0

    @property
    def total(self) -> int:
        return self.successful + self.failed + self.in_progress + self.pending

    def body(self) -> Body:
        return {
            "successfulInstanceCount": self.successful,
            "failedInstanceCount": self.failed,
            "inProgressInstanceCount": self.in_progress,
            "pendingInstanceCount": self.pending,
        }


@dataclass(frozen=True)
class Detail:
    """What happened to one instance."""

    target: str
    """`web/virtualMachines/3` (an answer quoted by github.com/Azure/Service-Fabric-Troubleshooting-Guides)."""
    code: str
    message: str

    @property
    def instance_id(self) -> str:
        """`3` of `web/virtualMachines/3` or of `web_3`."""
        last = name_of(self.target)
        return last.rpartition("_")[2] if last.rpartition("_")[2].isdigit() else last


@dataclass(frozen=True)
class Problem:
    """The error of an upgrade, or of a restore."""

    code: str
    message: str
    details: tuple[Detail, ...] = ()

    def body(self) -> Body:
        details = [{"code": each.code, "target": each.target, "message": each.message} for each in self.details]
        return {"code": self.code, "message": self.message, "details": details}


@dataclass(frozen=True)
class Upgrade:
    """One rolling upgrade. Times are epoch seconds; what Azure does not say is empty or None."""

    code: str
    began: float | None = None
    ended: float | None = None
    last_action: str = ""
    """`Start` or `Cancel`."""
    counts: Counts = Counts()
    started_by: str = ""
    """`User`, `Platform` or `Unknown`."""
    target: Body = field(default_factory=dict, hash=False)
    """Image reference that the instances were brought to."""
    restored: int = 0
    """Instances that have their former OS disk again."""
    not_restored: int = 0
    restore_problem: Problem | None = None
    problem: Problem | None = None

    @property
    def running(self) -> bool:
        return bool(self.code) and self.code not in ENDED

    @property
    def version(self) -> str:
        """The version of the target, or empty where Azure does not say."""
        return version_of(self.target)

    def same(self, other: Upgrade | None) -> bool:
        """Whether the two are one upgrade: one scale set has one at a time, so that its start names it."""
        if other is None or self.began is None or other.began is None:
            return False
        return abs(self.began - other.began) <= SAME_START

    def body(self) -> Body:
        """As an entry of `osUpgradeHistory`."""
        return {
            "properties": without_none(
                {
                    "runningStatus": without_none(
                        {
                            "code": self.code,
                            "startTime": iso(self.began) if self.began is not None else None,
                            "completedTime": iso(self.ended) if self.ended is not None else None,
                            "lastAction": self.last_action or None,
                        }
                    ),
                    "progress": self.counts.body(),
                    "startedBy": self.started_by or "Unknown",
                    "targetImageReference": dict(self.target),
                    "rollbackInfo": without_none(
                        {
                            "successfullyRolledbackInstanceCount": self.restored,
                            "failedRolledbackInstanceCount": self.not_restored,
                            "rollbackError": self.restore_problem.body() if self.restore_problem else None,
                        }
                    ),
                    "error": self.problem.body() if self.problem else None,
                }
            )
        }


def read(body: Mapping[str, Any] | None) -> Upgrade | None:
    """What `rollingUpgrades/latest`, or an entry of `osUpgradeHistory`, says; None for None."""
    found = dig(body, "properties")
    if not isinstance(found, Mapping):
        return None
    status, rollback = found.get("runningStatus") or {}, found.get("rollbackInfo") or {}
    return Upgrade(
        code=str(status.get("code") or ""),
        began=_time(status.get("startTime")),
        # The documentation calls it completedTime, the specification endTime.
        ended=_time(status.get("completedTime") or status.get("endTime")),
        last_action=str(status.get("lastAction") or ""),
        counts=_counts(found.get("progress") or {}),
        started_by=str(found.get("startedBy") or ""),
        target=dict(found.get("targetImageReference") or {}),
        restored=int(rollback.get("successfullyRolledbackInstanceCount") or 0),
        not_restored=int(rollback.get("failedRolledbackInstanceCount") or 0),
        restore_problem=_problem(rollback.get("rollbackError")),
        problem=_problem(found.get("error")),
    )


def read_history(bodies: Iterable[Mapping[str, Any]]) -> tuple[Upgrade, ...]:
    """The entries of `osUpgradeHistory`, the newest first."""
    found = [upgrade for body in bodies if (upgrade := read(body)) is not None]
    return tuple(sorted(found, key=lambda upgrade: upgrade.began or 0.0, reverse=True))


def joined(latest: Upgrade | None, history: Iterable[Upgrade]) -> Upgrade | None:
    """The latest upgrade with what only the history says of it. One of the model alone is in no history."""
    if latest is None:
        return None
    told = next((entry for entry in history if entry.same(latest)), None)
    if told is None:
        return latest
    return replace(
        latest,
        ended=latest.ended or told.ended,
        started_by=latest.started_by or told.started_by,
        target=latest.target or told.target,
        restored=latest.restored or told.restored,
        not_restored=latest.not_restored or told.not_restored,
        restore_problem=latest.restore_problem or told.restore_problem,
        problem=latest.problem or told.problem,
    )


def version_of(reference: Mapping[str, Any]) -> str:
    """The exact version of an image reference, or empty: `exactVersion`, else that of an id, else `version`."""
    exact = str(reference.get("exactVersion") or "")
    if exact:
        return exact
    for name in ("id", "sharedGalleryImageId", "communityGalleryImageId"):
        _, found, version = str(reference.get(name) or "").lower().partition("/versions/")
        if found and version != "latest":
            return version
    version = str(reference.get("version") or "")
    return "" if version.lower() == "latest" else version


def _counts(body: Mapping[str, Any]) -> Counts:
    names = ("successfulInstanceCount", "failedInstanceCount", "inProgressInstanceCount", "pendingInstanceCount")
    return Counts(*(int(body.get(name) or 0) for name in names))


def _problem(body: Any) -> Problem | None:
    if not isinstance(body, Mapping) or not body.get("code"):
        return None
    details = tuple(
        Detail(str(each.get("target") or ""), str(each.get("code") or ""), str(each.get("message") or ""))
        for each in body.get("details") or ()
    )
    return Problem(str(body["code"]), str(body.get("message") or ""), details)


def _time(text: Any) -> float | None:
    return from_iso(str(text)) if text else None
