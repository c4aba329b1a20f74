"""The errors of rolling upgrades, in Azure's words where somebody has printed them. Pure.

Codes: learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-automatic-upgrade.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from emulator.compute.scale_set_batches import percent
from emulator.wire import Body

_MORE = "For details on rolling upgrades, use http://aka.ms/AzureVMSSRollingUpgrade"
_WORST = "Instance found to be unhealthy or unreachable."


def of_instance(set_name: str, instance_id: str, error: Body | None = None) -> Body:
    """An element of `details`; without an error the instance is unhealthy. Shape: Service Fabric's guide of OS image
    upgrades."""
    return {
        "code": "RollingUpgradeInstanceUnhealthyError" if error is None else error["code"],
        "target": f"{set_name}/virtualMachines/{instance_id.rsplit('/', 1)[-1]}",
        "message": _WORST if error is None else error["message"],
    }


def before(unhealthy: int, whole: int, limit: int, details: Iterable[Body]) -> Body:
    """Too many are unhealthy before anything is touched. Words: Service Fabric's guide of OS image upgrades."""
    return {
        "code": "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade",
        "message": "Rolling Upgrade failed due to exceeding the MaxUnhealthyInstancePercent value (defined in the "
        f"RollingUpgradePolicy) before any batch was attempted. {percent(unhealthy, whole)}% of instances are in an "
        f"unhealthy state, more than the threshold of {limit}% configured in the RollingUpgradePolicy. The most "
        f"impactful error is:  {_WORST} {_MORE}",
        "details": list(details),
    }


def between(unhealthy: int, whole: int, limit: int, details: Iterable[Body]) -> Body:
    """Too many of all are unhealthy before the next batch. Words: Azure/azure-sdk-for-python, quoted in samples."""
    return {
        "code": "MaxUnhealthyInstancePercentExceededInRollingUpgrade",
        "message": "Rolling Upgrade failed after exceeding the MaxUnhealthyInstancePercent value defined in the "
        f"RollingUpgradePolicy. {percent(unhealthy, whole)}% of instances are in an unhealthy state after being "
        f"upgraded "
        f"- more than the threshold of {limit}% configured in the RollingUpgradePolicy. The most impactful error is:  "
        f"{_WORST} {_MORE}",
        "details": list(details),
    }


def after(bad: int, upgraded: int, limit: int, details: list[Body]) -> Body:
    """Too many of the upgraded are unhealthy. Words: github.com/microsoft/AzureTRE/issues/1591."""
    first = details[0]["target"].rsplit("/", 1)[-1]
    return {
        "code": "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade",
        "message": "Rolling Upgrade failed after exceeding the MaxUnhealthyUpgradedInstancePercent value defined in "
        "the "
        f"RollingUpgradePolicy. {percent(bad, upgraded)}% of instances are in an unhealthy state after being upgraded "
        f"- "
        f"more than the threshold of {limit}%. The most impactful error is: {details[0]['message']}. First failed "
        f"instance ID is: {first}.",
        "details": details,
    }


def going_on(failed: Mapping[str, Body]) -> Body | None:
    """What an upgrade says that goes on with few enough failures (words unverified)."""
    if not failed:
        return None
    return {
        "code": "RollingUpgradeInProgressWithFailedUpgradedVMs",
        "message": f"Rolling Upgrade went on with {len(failed)} failed instances, not more than the "
        "MaxUnhealthyUpgradedInstancePercent value defined in the RollingUpgradePolicy allows.",
        "details": list(failed.values()),
    }
