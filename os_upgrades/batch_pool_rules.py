"""What Azure asks of a Batch pool that rolls OS upgrades, as one table; docs/batch-pools.md shows it.

Ranges, and that a batch is no larger than max_unhealthy_instance_percent, are in `policy.parse`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from os_upgrades import image_rules, sources
from os_upgrades.batch_pool import FEATURE, REGISTERED, PoolCase
from os_upgrades.findings import Broken, Finding, Rule, Severity, broken
from os_upgrades.guest_rules import SOON, signatures_in
from os_upgrades.policy import DEFAULT_PERCENT
from rollout.arm import dig
from rollout.clock import iso

ERROR, WARNING = Severity.ERROR, Severity.WARNING
OLDEST_API = "2024-02-01"
"""The documentation of 2023 says 2023-11-01, where the upgrade policy came; that of 2024 and later says this one."""
AUTOMATIC, ROLLING = "upgrade_policy.automatic_os_upgrade_policy", "upgrade_policy.rolling_upgrade_policy"
EXTENSIONS = "deploymentConfiguration.virtualMachineConfiguration.extensions"
WINDOWS = "deploymentConfiguration.virtualMachineConfiguration.windowsConfiguration"


def api_knows_it(case: PoolCase) -> Iterator[Broken]:
    if case.automatic_os_upgrade and case.api_version < OLDEST_API:
        yield Broken(
            "api_version",
            case.api_version,
            "is older than automatic OS upgrades of pools",
            f"use api-version {OLDEST_API} or newer",
        )


def windows_update_is_off(case: PoolCase) -> Iterator[Broken]:
    """Only what is said is judged: the property may be left out, as the documentation has it."""
    enabled = dig(case.pool.machine, "windowsConfiguration", "enableAutomaticUpdates")
    if case.automatic_os_upgrade and enabled is True:
        yield Broken(
            f"{WINDOWS}.enableAutomaticUpdates",
            enabled,
            "has Windows Update change the disks that automatic OS upgrades replace",
            "make the pool with windowsConfiguration.enableAutomaticUpdates: false",
        )


def zones_are_crossed_in_zonal_pools_only(case: PoolCase) -> Iterator[Broken]:
    cross = case.pool.said("rollingUpgradePolicy", "enableCrossZoneUpgrade")
    if cross is not None and not case.pool.zonal:
        yield Broken(
            f"{ROLLING}.enable_cross_zone_upgrade",
            cross,
            "can be set only for pools whose nodes are placed by zone",
            "leave it out, or make the pool with nodePlacementConfiguration.policy Zonal",
        )


def the_pool_is_empty(case: PoolCase) -> Iterator[Broken]:
    pool = case.pool
    if case.changes and (pool.nodes or not pool.steady):
        resize = f"az batch pool resize --pool-id {pool.name} --target-dedicated-nodes 0 --target-low-priority-nodes 0"
        yield Broken(
            "upgrade_policy",
            "; ".join(f"{name}: {change}" for name, change in case.changes.items()),
            f"cannot be changed while the pool has {pool.nodes} node(s): Batch takes it on an empty pool only",
            f"empty it first ({resize}), or replace the pool",
        )


def the_feature_is_registered(case: PoolCase) -> Iterator[Broken]:
    wanted = case.pool.defers and case.allocation_mode == "UserSubscription"
    if not wanted or case.register_feature or case.feature in (None, REGISTERED):
        return
    namespace, name = FEATURE
    yield Broken(
        f"{AUTOMATIC}.os_rolling_upgrade_deferral",
        True,
        f"needs feature {namespace}/{name} in an account whose pools are in one's own subscription, and it is "
        f"{case.feature}",
        f"write register_feature: true, or az feature register --namespace {namespace} --name {name} and wait until "
        "it is Registered",
    )


def tasks_are_waited_for(case: PoolCase) -> Iterator[Broken]:
    if case.automatic_os_upgrade and not case.pool.defers:
        yield Broken(
            f"{AUTOMATIC}.os_rolling_upgrade_deferral",
            False,
            "has nodes upgraded while they run tasks, which then begin anew",
            "write true, or leave it out",
        )


def signatures_are_good(case: PoolCase) -> Iterator[Broken]:
    """Of what can be read: a node that is upgraded runs its extensions and its start task again."""
    for prop, url, until in _signatures(case):
        if case.now is not None and until <= case.now:
            yield Broken(
                prop,
                url,
                f"has a shared access signature that ended at {iso(until)}: the first batch would fail",
                "write a new one, or let the pool's managed identity read it",
            )


def signatures_stay_good(case: PoolCase) -> Iterator[Broken]:
    for prop, url, until in _signatures(case):
        if case.now is not None and case.now < until <= case.now + SOON:
            yield Broken(
                prop,
                url,
                f"has a shared access signature that ends at {iso(until)}: an upgrade after that would fail",
                "make one that lasts longer, or let the pool's managed identity read it",
            )


def _signatures(case: PoolCase) -> Iterator[tuple[str, str, float]]:
    if case.automatic_os_upgrade:
        yield from signatures_in("startTask", case.pool.properties.get("startTask"))
        yield from signatures_in(EXTENSIONS, case.pool.machine.get("extensions"))


def one_node_is_within_the_limit(case: PoolCase) -> Iterator[Broken]:
    nodes, limit = case.pool.nodes, _limit(case)
    if case.automatic_os_upgrade and nodes and 100 > limit * nodes:
        share = math.ceil(100 / nodes)
        yield Broken(
            f"{ROLLING}.max_unhealthy_instance_percent",
            limit,
            f"is exceeded by one unhealthy node of {nodes}, {share} %, which stops the upgrade",
            f"write {share} or more with use_rolling_upgrade_policy: true, or have at least {math.ceil(100 / limit)} "
            "nodes",
        )


def _limit(case: PoolCase) -> int:
    if not case.pool.said("automaticOSUpgradePolicy", "useRollingUpgradePolicy"):
        return DEFAULT_PERCENT
    return int(case.pool.said("rollingUpgradePolicy", "maxUnhealthyInstancePercent") or DEFAULT_PERCENT)


def numbers_are_used(case: PoolCase) -> Iterator[Broken]:
    used = case.pool.said("automaticOSUpgradePolicy", "useRollingUpgradePolicy")
    if case.automatic_os_upgrade and case.pool.upgrade_policy.get("rollingUpgradePolicy") and not used:
        yield Broken(
            f"{AUTOMATIC}.use_rolling_upgrade_policy",
            used,
            "has Azure upgrade by its own numbers (20 %), not by rolling_upgrade_policy",
            "write true, or leave rolling_upgrade_policy out",
        )


RULES: tuple[Rule[PoolCase], ...] = (
    Rule(
        "image-latest",
        ERROR,
        "The version of the image is latest: of a gallery image no version is named",
        sources.BATCH,
        image_rules.version_is_latest,
    ),
    Rule(
        "image-in-gallery",
        ERROR,
        "A custom image is one of an Azure Compute Gallery",
        sources.BATCH,
        image_rules.custom_image_is_in_a_gallery,
    ),
    Rule(
        "platform-image",
        WARNING,
        "A marketplace image is one of those that Azure upgrades by itself",
        sources.BATCH,
        image_rules.platform_image_is_supported,
    ),
    Rule(
        "image-in-region",
        ERROR,
        "A version of the gallery image is replicated to the region and not excluded from latest",
        sources.BATCH,
        image_rules.a_version_is_in_the_region,
    ),
    Rule(
        "newest-in-region",
        WARNING,
        "So is its newest version, else it is not rolled out",
        sources.BATCH,
        image_rules.the_newest_version_reaches_the_region,
    ),
    Rule("api-version", ERROR, f"The api-version is {OLDEST_API} or newer", sources.BATCH, api_knows_it),
    Rule(
        "windows-update",
        ERROR,
        "Automatic updates of Windows are not on",
        sources.BATCH,
        windows_update_is_off,
    ),
    Rule(
        "cross-zone",
        ERROR,
        "enable_cross_zone_upgrade is said only of pools whose nodes are placed by zone",
        sources.BATCH_API,
        zones_are_crossed_in_zonal_pools_only,
    ),
    Rule(
        "empty-pool",
        ERROR,
        "The policy of a pool that exists is changed while it has no nodes",
        sources.BATCH_DATA_PLANE,
        the_pool_is_empty,
    ),
    Rule(
        "deferral-feature",
        ERROR,
        f"Deferral in an account with allocation mode UserSubscription has feature {'/'.join(FEATURE)} registered",
        sources.BATCH,
        the_feature_is_registered,
    ),
    Rule(
        "deferral-off",
        WARNING,
        "Nodes are upgraded when they run no task",
        sources.BATCH,
        tasks_are_waited_for,
    ),
    Rule(
        "sas-expired",
        ERROR,
        "No shared access signature in the start task or in extensions' settings has ended",
        sources.BATCH,
        signatures_are_good,
    ),
    Rule(
        "sas-expires",
        WARNING,
        "None ends within a week",
        sources.BATCH,
        signatures_stay_good,
    ),
    Rule(
        "small-pool",
        WARNING,
        "One node is within max_unhealthy_instance_percent (20 % needs five nodes)",
        sources.SMALL_SETS,
        one_node_is_within_the_limit,
    ),
    Rule(
        "numbers-used",
        WARNING,
        "Where rolling_upgrade_policy is declared, use_rolling_upgrade_policy is true",
        sources.BATCH_API,
        numbers_are_used,
    ),
)
"""In the order in which findings are told, errors first."""


def check(case: PoolCase) -> tuple[Finding, ...]:
    """All rules that the pool breaks."""
    return broken(RULES, case)
