"""Rules for how a scale set is rolled: batches, limits, instances of another model, surge."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterator

from os_upgrades.findings import Broken
from os_upgrades.policy import DEFAULT_PERCENT
from os_upgrades.scale_set import ScaleSet
from os_upgrades.surroundings import Case
from rollout.arm import dig, name_of
from rollout.azure import Body

ROLLING = "upgrade_policy.rolling_upgrade_policy"
RESERVED_ADDRESSES = 5
"""Of each subnet, by Azure (learn.microsoft.com/azure/virtual-network/virtual-networks-faq)."""


def percent(scale_set: ScaleSet, name: str) -> int:
    """A percentage of the rolling upgrade policy, Azure's default where it has none."""
    value = scale_set.policy("rollingUpgradePolicy", name)
    return int(value) if value is not None else DEFAULT_PERCENT


def batch_size(scale_set: ScaleSet) -> int:
    """Instances of one batch at most: rounded down, one at least."""
    return max(1, math.floor(scale_set.capacity * percent(scale_set, "maxBatchInstancePercent") / 100))


def _rolls(scale_set: ScaleSet) -> bool:
    return scale_set.automatic_os_upgrade or scale_set.policy("mode") == "Rolling"


def one_instance_is_within_the_limit(case: Case) -> Iterator[Broken]:
    scale_set = case.scale_set
    limit = percent(scale_set, "maxUnhealthyInstancePercent")
    if _rolls(scale_set) and scale_set.capacity and 100 > limit * scale_set.capacity:
        share = math.ceil(100 / scale_set.capacity)
        yield Broken(
            f"{ROLLING}.max_unhealthy_instance_percent",
            limit,
            f"is exceeded by one unhealthy instance of {scale_set.capacity}, {share} %: the one that is being upgraded "
            "stops the upgrade",
            f"write {share} or more, or have at least {math.ceil(100 / limit)} instances",
        )


def numbers_are_used(case: Case) -> Iterator[Broken]:
    used = case.scale_set.policy("automaticOSUpgradePolicy", "useRollingUpgradePolicy")
    numbers = case.scale_set.policy("rollingUpgradePolicy") or {}
    others = [name for name, value in numbers.items() if value not in (None, False, DEFAULT_PERCENT, "PT0S")]
    if case.automatic_os_upgrade and not used and others:
        yield Broken(
            "upgrade_policy.automatic_os_upgrade_policy.use_rolling_upgrade_policy",
            used,
            f"leaves open whether automatic OS upgrades go by {', '.join(sorted(others))}: Azure's pages disagree",
            "write true to have them used",
        )


def surge_is_not_flexible(case: Case) -> Iterator[Broken]:
    surge = case.scale_set.policy("rollingUpgradePolicy", "maxSurge")
    if case.automatic_os_upgrade and surge and case.scale_set.flexible:
        yield Broken(
            f"{ROLLING}.max_surge",
            surge,
            "does not go with automatic OS upgrades in orchestration mode Flexible yet",
            "write max_surge: false, or leave automatic OS upgrades off",
        )


def surge_has_cores(case: Case) -> Iterator[Broken]:
    cores, size = case.surroundings.cores, batch_size(case.scale_set)
    if not _surges(case.scale_set) or cores is None:
        return
    if cores.free < size * cores.each:
        yield Broken(
            f"{ROLLING}.max_surge",
            True,
            f"needs {size * cores.each} cores of {cores.family} for a batch of {size}, and {cores.free} are free: "
            "Azure then upgrades in place without saying so",
            "raise the quota, lower max_batch_instance_percent, or write max_surge: false",
        )


def surge_has_addresses(case: Case) -> Iterator[Broken]:
    size = batch_size(case.scale_set)
    if not _surges(case.scale_set):
        return
    for subnet in case.surroundings.subnets:
        free = _free_addresses(subnet)
        if free is not None and free < size:
            yield Broken(
                f"{ROLLING}.max_surge",
                True,
                f"needs {size} addresses of subnet {name_of(str(subnet.get('id')))} for a batch, and "
                f"{max(0, free)} are free",
                "use a larger subnet, lower max_batch_instance_percent, or write max_surge: false",
            )


def _surges(scale_set: ScaleSet) -> bool:
    return _rolls(scale_set) and scale_set.policy("rollingUpgradePolicy", "maxSurge") is True


def _free_addresses(subnet: Body) -> int | None:
    """Of its IPv4 ranges; None where none is known."""
    properties = subnet.get("properties") or {}
    prefixes = properties.get("addressPrefixes") or [properties.get("addressPrefix")]
    ranges = [ipaddress.ip_network(str(prefix), strict=False) for prefix in prefixes if prefix]
    sizes = [each.num_addresses - RESERVED_ADDRESSES for each in ranges if each.version == 4]
    return sum(sizes) - len(properties.get("ipConfigurations") or ()) if sizes else None


def rollback_on_breach_is_uniform(case: Case) -> Iterator[Broken]:
    wanted = case.scale_set.policy("rollingUpgradePolicy", "rollbackFailedInstancesOnPolicyBreach")
    if wanted and case.scale_set.flexible:
        yield Broken(
            f"{ROLLING}.rollback_failed_instances_on_policy_breach",
            wanted,
            "is known in orchestration mode Uniform only",
            "write false, or leave it out",
        )


def instances_have_the_model(case: Case) -> Iterator[Broken]:
    if case.scale_set.policy("mode") != "Manual" or case.updates_instances or not case.automatic_os_upgrade:
        return
    behind = [each.instance_id for each in case.surroundings.instances or () if each.latest_model is False]
    if behind:
        named = ", ".join(behind[:5]) + (f" and {len(behind) - 5} more" if len(behind) > 5 else "")
        yield Broken(
            "upgrade_policy.mode",
            "Manual",
            f"leaves instances on an older model ({named}), and automatic OS upgrades are for those of the latest",
            "write update_instances: true to bring them to it, or az vmss update-instances",
        )


def instances_can_be_brought(case: Case) -> Iterator[Broken]:
    instances = case.surroundings.instances
    if case.updates_instances and instances and all(each.latest_model is None for each in instances):
        yield Broken(
            "update_instances",
            True,
            "brings nothing: Azure does not say which of these instances have the latest model, as in orchestration "
            "mode Flexible",
            "leave it out, and bring them by name (az vmss update-instances)",
        )


def no_upgrade_runs(case: Case) -> Iterator[Broken]:
    """The policy may change while one runs, the model may not."""
    code = dig(case.surroundings.rolling_upgrade, "properties", "runningStatus", "code")
    if case.changes_model and code == "RollingForward":
        yield Broken(
            "scale_set_id",
            case.scale_set.id,
            "is being upgraded now, and Azure takes no other model before that ends (409 OperationNotAllowed)",
            "wait for its end, or cancel it (az vmss rolling-upgrade cancel)",
        )


def spot_is_not_told(case: Case) -> Iterator[Broken]:
    told = dig(case.scale_set.profile, "scheduledEventsProfile", "terminateNotificationProfile", "enable")
    priority = str(case.scale_set.profile.get("priority") or "")
    if told and priority.lower() in ("spot", "low"):
        yield Broken(
            "terminate_notification.enable",
            told,
            f"is not possible with instances of priority {priority}",
            "leave terminate_notification out",
        )


def hooks_are_of_use(case: Case) -> Iterator[Broken]:
    hooks = dig(case.scale_set.properties, "lifecycleHooksProfile", "lifecycleHooks") or ()
    if hooks and not case.automatic_os_upgrade:
        yield Broken(
            "lifecycle_hooks[0].type",
            hooks[0].get("type"),
            "is asked before automatic OS upgrades, and they are off",
            "turn upgrade_policy.automatic_os_upgrade_policy.enable_automatic_os_upgrade on, or leave the hooks out",
        )


def hooks_do_not_reject(case: Case) -> Iterator[Broken]:
    for i, hook in enumerate(dig(case.scale_set.properties, "lifecycleHooksProfile", "lifecycleHooks") or ()):
        if hook.get("defaultAction") == "Reject":
            yield Broken(
                f"lifecycle_hooks[{i}].default_action",
                "Reject",
                "is answered by a server error while lifecycle hooks are in preview",
                "write Approve, or leave it out",
            )
