"""What Batch demands of a pool: the rules of its upgrade policy, each with the document that states it.

Ranges, maxBatch and enableCrossZoneUpgrade: REST documentation of RollingUpgradePolicy (Batch management, 2024-07-01);
the others learn.microsoft.com/azure/batch/batch-upgrade-policy. The words of the reasons are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from emulator import ids
from emulator.batch import fleet as fleets
from emulator.batch import images
from emulator.batch.errors import CANNOT_BE_UPDATED, Problem
from emulator.compute.sizes import find_size
from emulator.resources import features
from emulator.wire import Body
from emulator.world import Resource, World

UPGRADE_POLICY_SINCE = "2023-11-01"
"""First api-version of the management API that has `upgradePolicy`."""
MODES = ("automatic", "manual", "rolling")
FEATURE = "Microsoft.Compute/RollingUpgradeDeferral"
RANGES = {
    "maxBatchInstancePercent": (5, 100),
    "maxUnhealthyInstancePercent": (5, 100),
    "maxUnhealthyUpgradedInstancePercent": (0, 100),
}
FOR_EMPTY_POOLS = (
    "vmSize",
    "deploymentConfiguration",
    "networkConfiguration",
    "interNodeCommunication",
    "taskSlotsPerNode",
    "taskSchedulingPolicy",
    "userAccounts",
    "mountConfiguration",
    "upgradePolicy",
)
"""Properties that "can be updated only when the pool is empty" (azure-batch 15.1, BatchPoolUpdateOptions)."""
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_POLICY = "properties.upgradePolicy"
_OS, _ROLLING = f"{_POLICY}.automaticOSUpgradePolicy", f"{_POLICY}.rollingUpgradePolicy"
_MACHINE = "properties.deploymentConfiguration.virtualMachineConfiguration"


def first_problem(world: World, account: Resource, properties: Body, api_version: str) -> Problem | None:
    """What is wrong with a pool that is to be made or written."""
    return next(_problems(world, account, properties, api_version), None)


def not_on_nodes(before: Body, after: Body) -> Problem | None:
    """The first property that differs and can be changed on an empty pool only."""
    for name in FOR_EMPTY_POOLS:
        if comparable(name, before.get(name)) != comparable(name, after.get(name)):
            told = "A property that cannot be updated was specified as part of the request."
            return Problem(f"properties.{name}", None, told, CANNOT_BE_UPDATED)
    return None


def seconds_of(duration: str) -> float | None:
    """Seconds of an ISO 8601 duration of days and smaller units, None for what is none."""
    match = _DURATION.fullmatch(duration.strip().upper())
    if match is None or not any(match.groups()):
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + seconds


def comparable(name: str, value: object) -> object:
    """A value so that what means the same is equal: case, and what is false or nothing when left out."""
    if isinstance(value, dict):
        return {key: comparable(key, item) for key, item in value.items() if item not in (None, False, {}, [])}
    if isinstance(value, list):
        return [comparable(name, item) for item in value]
    return value.lower() if isinstance(value, str) else value


def _problems(world: World, account: Resource, properties: Body, api_version: str) -> Iterator[Problem]:
    size = str(properties.get("vmSize") or "")
    if not size:
        yield Problem("properties.vmSize", None, "A required property was not specified.", "MissingRequiredProperty")
    elif find_size(size) is None:
        yield Problem("properties.vmSize", size, "The specified VM size is not supported.")
    machine = (properties.get("deploymentConfiguration") or {}).get("virtualMachineConfiguration")
    if not machine:
        told = "A required property was not specified."
        yield Problem(_MACHINE, None, told, "MissingRequiredProperty")
        return
    wrong_image = images.problem_of(world, machine.get("imageReference") or {}, account.body["location"])
    if wrong_image is not None:
        yield wrong_image
    policy = properties.get("upgradePolicy")
    if policy is None:
        return
    if api_version[:10] < UPGRADE_POLICY_SINCE:
        told = f"Could not find member 'upgradePolicy': it needs api-version {UPGRADE_POLICY_SINCE} or later."
        yield Problem(_POLICY, None, told, "InvalidRequestBody")
        return
    yield from _policy(policy, machine)
    if fleets.os_upgrade(properties).get("enableAutomaticOSUpgrade"):
        yield from _automatic(account, machine)
    if fleets.defers(properties):
        yield from _deferral(world, account)


def _policy(policy: Body, machine: Body) -> Iterator[Problem]:
    mode = str(policy.get("mode") or "")
    if mode.lower() not in MODES:
        yield Problem(f"{_POLICY}.mode", mode or None, f"The value must be one of {', '.join(MODES)}.")
    rolling = policy.get("rollingUpgradePolicy") or {}
    for name, (least, most) in RANGES.items():
        value = rolling.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most):
            yield Problem(f"{_ROLLING}.{name}", value, f"The value must be between {least} and {most}, inclusive.")
            return
    batch, unhealthy = rolling.get("maxBatchInstancePercent"), rolling.get("maxUnhealthyInstancePercent")
    if batch is not None and unhealthy is not None and batch > unhealthy:
        told = f"The value must not be more than maxUnhealthyInstancePercent, which is {unhealthy}."
        yield Problem(f"{_ROLLING}.maxBatchInstancePercent", batch, told)
    pause = rolling.get("pauseTimeBetweenBatches")
    if pause is not None and seconds_of(str(pause)) is None:
        yield Problem(f"{_ROLLING}.pauseTimeBetweenBatches", pause, "The value must be an ISO 8601 duration.")
    cross, placement = rolling.get("enableCrossZoneUpgrade"), machine.get("nodePlacementConfiguration") or {}
    if cross is not None and str(placement.get("policy", "Regional")).lower() != "zonal":
        told = "The property can be set only when nodePlacementConfiguration.policy is Zonal."
        yield Problem(f"{_ROLLING}.enableCrossZoneUpgrade", cross, told)


def _automatic(account: Resource, machine: Body) -> Iterator[Problem]:
    reference = machine.get("imageReference") or {}
    path = f"{_OS}.enableAutomaticOSUpgrade"
    if account.hidden.get("without_auto_os_upgrade"):
        told = (
            "Automatic OS upgrade is not enabled for this Batch account. Create a support request that names the "
            f"account '{ids.name(account.id)}' to ask for its activation."
        )
        yield Problem(path, True, told)
    if not images.follows_latest(reference):
        version = str(reference.get("id") or reference.get("version"))
        yield Problem(f"{images.PATH}.version", version, "With automatic OS upgrade the version must be 'latest'.")
    elif not images.upgraded_by_azure(reference):
        yield Problem(path, True, "Automatic OS upgrade is not supported for the image that the pool uses.")
    windows = machine.get("windowsConfiguration") or {}
    if windows.get("enableAutomaticUpdates") is True:
        told = "The property cannot be true when automaticOSUpgradePolicy.enableAutomaticOSUpgrade is true."
        yield Problem(f"{_MACHINE}.windowsConfiguration.enableAutomaticUpdates", True, told)


def _deferral(world: World, account: Resource) -> Iterator[Problem]:
    if account.body["properties"].get("poolAllocationMode") != "UserSubscription":
        return
    subscription = str(ids.subscription(account.id))
    if features.state_of(world, subscription, FEATURE) != "Registered":
        # Built like Compute's words on Microsoft.Compute/EncryptionAtHost; of this feature none were seen.
        told = (
            f"The property is not valid because the '{FEATURE}' feature is not enabled for this subscription. Register "
            f"it: az feature register --namespace Microsoft.Compute --name {FEATURE.partition('/')[2]}."
        )
        yield Problem(f"{_OS}.osRollingUpgradeDeferral", True, told)
