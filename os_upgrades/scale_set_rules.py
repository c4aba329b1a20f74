"""What Azure asks of a scale set that rolls OS upgrades, as one table. Each rule is a pure function in the file of its
concern; docs/scale-sets.md shows the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from os_upgrades import guest_rules, health_rules, image_rules, rolling_rules, service_fabric_rules, sources
from os_upgrades.findings import Broken, Finding, Rule, Severity, broken
from os_upgrades.scale_set import ScaleSet
from os_upgrades.surroundings import Case
from rollout.azure import Body

ERROR, WARNING = Severity.ERROR, Severity.WARNING


def _fabric(check: Callable[[ScaleSet, Body | None], Iterator[Broken]]) -> Callable[[Case], Iterator[Broken]]:
    return lambda case: check(case.scale_set, case.surroundings.cluster)


RULES: tuple[Rule[Case], ...] = (
    Rule(
        "image-latest",
        ERROR,
        "The version of the image is latest: of a gallery image no version is named",
        sources.AUTOMATIC_UPGRADE,
        image_rules.version_is_latest,
    ),
    Rule(
        "image-in-gallery",
        ERROR,
        "A custom image is one of an Azure Compute Gallery",
        sources.AUTOMATIC_UPGRADE,
        image_rules.custom_image_is_in_a_gallery,
    ),
    Rule(
        "platform-image",
        WARNING,
        "A marketplace image is one of those that Azure upgrades by itself",
        sources.AUTOMATIC_UPGRADE,
        image_rules.platform_image_is_supported,
    ),
    Rule(
        "image-in-region",
        ERROR,
        "A version of the gallery image is replicated to the region and not excluded from latest",
        sources.AUTOMATIC_UPGRADE,
        image_rules.a_version_is_in_the_region,
    ),
    Rule(
        "newest-in-region",
        WARNING,
        "So is its newest version, else it is not rolled out",
        sources.AUTOMATIC_UPGRADE,
        image_rules.the_newest_version_reaches_the_region,
    ),
    Rule(
        "health-source",
        ERROR,
        "There is a source of health: the Application Health extension or a load balancer probe. Service Fabric of "
        "durability Silver or Gold needs none",
        sources.AUTOMATIC_UPGRADE,
        health_rules.has_a_source,
    ),
    Rule(
        "one-health-source",
        ERROR,
        "There is only one source of health",
        sources.HEALTH_EXTENSION,
        health_rules.has_one_source_only,
    ),
    Rule(
        "health-first",
        WARNING,
        "A scale set of mode Manual that becomes Rolling has its source of health on its instances before",
        sources.ROLLING_UPGRADES,
        health_rules.instances_report_before_they_are_rolled,
    ),
    Rule(
        "flexible-health",
        ERROR,
        "In orchestration mode Flexible it is the extension",
        sources.ROLLING_UPGRADES,
        health_rules.flexible_has_the_extension,
    ),
    Rule(
        "probe-exists",
        ERROR,
        "The load balancer has the probe",
        sources.AUTOMATIC_UPGRADE,
        health_rules.probe_exists,
    ),
    Rule(
        "standard-load-balancer",
        ERROR,
        "With several placement groups the probe is of a Standard load balancer",
        sources.AUTOMATIC_UPGRADE,
        health_rules.probe_is_of_a_standard_load_balancer,
    ),
    Rule(
        "probe-interval",
        WARNING,
        "The probe asks more often than every two minutes",
        sources.AUTOMATIC_UPGRADE,
        health_rules.probe_is_fast,
    ),
    Rule(
        "service-fabric-durability",
        ERROR,
        "The durability of a Service Fabric node type is Silver or Gold, or the node type is stateless",
        sources.AUTOMATIC_UPGRADE,
        _fabric(service_fabric_rules.is_durable),
    ),
    Rule(
        "service-fabric-same-durability",
        ERROR,
        "It is the same on the cluster and on the extension",
        sources.AUTOMATIC_UPGRADE,
        _fabric(service_fabric_rules.durability_is_the_clusters),
    ),
    Rule(
        "service-fabric-handler",
        ERROR,
        "The Service Fabric extension's typeHandlerVersion is 1.1 or newer",
        sources.AUTOMATIC_UPGRADE,
        _fabric(service_fabric_rules.handler_is_new_enough),
    ),
    Rule(
        "service-fabric-probe",
        ERROR,
        "A Service Fabric scale set has no load balancer probe as its source of health",
        sources.AUTOMATIC_UPGRADE,
        _fabric(service_fabric_rules.has_no_probe),
    ),
    Rule(
        "windows-update",
        ERROR,
        "Automatic updates of Windows are off",
        sources.AUTOMATIC_UPGRADE,
        guest_rules.windows_update_is_off,
    ),
    Rule(
        "patch-mode",
        ERROR,
        "The patch mode is not AutomaticByPlatform",
        sources.AUTOMATIC_UPGRADE,
        guest_rules.patches_are_not_azures,
    ),
    Rule(
        "extension-order",
        ERROR,
        "Extensions are provisioned after extensions that exist, without a circle",
        sources.EXTENSION_SEQUENCING,
        guest_rules.extensions_are_in_order,
    ),
    Rule(
        "sas-expired",
        ERROR,
        "No shared access signature in extensions' settings has ended",
        sources.AUTOMATIC_UPGRADE,
        guest_rules.sas_are_good,
    ),
    Rule(
        "sas-expires",
        WARNING,
        "None ends within a week",
        sources.AUTOMATIC_UPGRADE,
        guest_rules.sas_stay_good,
    ),
    Rule(
        "secret-expired",
        ERROR,
        "Key Vault secrets and certificates that the model refers to exist, are enabled and have not expired",
        sources.AUTOMATIC_UPGRADE,
        guest_rules.secrets_are_good,
    ),
    Rule(
        "small-scale-set",
        WARNING,
        "One unhealthy instance is within max_unhealthy_instance_percent (20 % needs five instances)",
        sources.SMALL_SETS,
        rolling_rules.one_instance_is_within_the_limit,
    ),
    Rule(
        "numbers-used",
        WARNING,
        "Where rolling_upgrade_policy differs from Azure's defaults, use_rolling_upgrade_policy is true",
        sources.COMPUTE_API,
        rolling_rules.numbers_are_used,
    ),
    Rule(
        "surge-flexible",
        ERROR,
        "max_surge and automatic OS upgrades do not meet in orchestration mode Flexible",
        sources.MAX_SURGE,
        rolling_rules.surge_is_not_flexible,
    ),
    Rule(
        "surge-quota",
        WARNING,
        "With max_surge there is quota for a batch more",
        sources.MAX_SURGE,
        rolling_rules.surge_has_cores,
    ),
    Rule(
        "surge-addresses",
        WARNING,
        "With max_surge the subnet has addresses for a batch more",
        sources.MAX_SURGE,
        rolling_rules.surge_has_addresses,
    ),
    Rule(
        "rollback-on-breach",
        ERROR,
        "rollback_failed_instances_on_policy_breach is for orchestration mode Uniform",
        sources.ROLLING_UPGRADES,
        rolling_rules.rollback_on_breach_is_uniform,
    ),
    Rule(
        "latest-model",
        WARNING,
        "With mode Manual instances are brought to the latest model",
        sources.AUTOMATIC_UPGRADE,
        rolling_rules.instances_have_the_model,
    ),
    Rule(
        "model-known",
        WARNING,
        "Where instances are to be brought to the latest model, Azure says which have it",
        sources.UPGRADE_POLICY,
        rolling_rules.instances_can_be_brought,
    ),
    Rule(
        "upgrade-running",
        WARNING,
        "While a rolling upgrade runs nothing changes but the upgrade policy",
        sources.UNDER_WAY,
        rolling_rules.no_upgrade_runs,
    ),
    Rule(
        "windows-settings",
        ERROR,
        "Automatic updates of Windows are a setting of Windows instances",
        sources.COMPUTE_API,
        guest_rules.windows_settings_are_of_windows,
    ),
    Rule(
        "terminate-spot",
        ERROR,
        "Instances of priority Spot have no termination notification",
        sources.TERMINATE_NOTIFICATION,
        rolling_rules.spot_is_not_told,
    ),
    Rule(
        "hooks-need-automatic",
        WARNING,
        "Lifecycle hooks go with automatic OS upgrades",
        sources.COMPUTE_API,
        rolling_rules.hooks_are_of_use,
    ),
    Rule(
        "hooks-reject",
        WARNING,
        "default_action of a lifecycle hook is Approve while hooks are in preview",
        sources.LIFECYCLE_HOOKS,
        rolling_rules.hooks_do_not_reject,
    ),
)
"""In the order in which findings are told, errors first."""


def check(case: Case) -> tuple[Finding, ...]:
    """All rules that the scale set breaks."""
    return broken(RULES, case)
