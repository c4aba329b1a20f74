"""What Azure refuses of a scale set: rules of upgrade policies, health sources, images and API versions.

Codes and words with a source name it; the rest has the code InvalidParameter or BadRequest in Compute's usual words,
which are unverified, while the rule itself is documented (learn.microsoft.com/azure/virtual-machine-scale-sets/
virtual-machine-scale-sets-automatic-upgrade, -configure-rolling-upgrades, -maxsurge, -health-extension).
"""

from __future__ import annotations

import re

from emulator import iso_durations, service_fabric
from emulator.compute import catalog, scale_set_health, scale_set_models
from emulator.compute.shapes import invalid
from emulator.network.load_balancers import balancer_of
from emulator.wire import ArmError, Body
from emulator.world import World

AUTOMATIC_OS_UPGRADE_SINCE = "2018-10-01"
NO_AUTOMATIC_UPDATES_SINCE = "2019-03-01"
LIFECYCLE_HOOKS_SINCE = "2025-11-01"
PERCENTS = {
    "maxBatchInstancePercent": (5, 100),
    "maxUnhealthyInstancePercent": (5, 100),
    "maxUnhealthyUpgradedInstancePercent": (0, 100),
}
HOOKS = ("UpgradeAutoOSScheduling", "UpgradeAutoOSRollingBatchStarting")


def require_valid(world: World, scale_set: Body, given: Body, api_version: str) -> None:
    """Raise for what is wrong with a set as it would be. `given` is the request's properties."""
    properties = scale_set["properties"]
    _require_known_members(given, api_version)
    _require_valid_policy(properties)
    _require_valid_notifications(properties)
    _require_valid_hooks(properties)
    _require_names(properties)
    automatic = scale_set_models.automatic_of(properties)["enableAutomaticOSUpgrade"]
    mode = properties["upgradePolicy"]["mode"]
    if automatic:
        _require_one_source(world, properties, "Automatic OS Upgrade", "specified", "enabling automatic OS upgrade")
        _require_upgradable_image(world, scale_set)
        _require_no_windows_update(properties, api_version)
        _require_durability(world, properties)
    if mode == "Rolling":
        _require_one_source(world, properties, "Rolling Upgrade mode", "provided", "enabling rolling upgrades")
    if automatic or mode == "Rolling":
        _require_standard_balancer(world, properties)
    if properties["orchestrationMode"] == "Flexible":
        _require_flexible(properties, automatic=bool(automatic))


def _require_known_members(given: Body, api_version: str) -> None:
    """API version floors: an older version does not know the member (words as Compute has them for unknown members)."""
    policy = given.get("upgradePolicy") or {}
    for holder, name, kind, since in (
        (policy, "automaticOSUpgradePolicy", "UpgradePolicy", AUTOMATIC_OS_UPGRADE_SINCE),
        (given, "lifecycleHooksProfile", "Properties", LIFECYCLE_HOOKS_SINCE),
    ):
        if name in holder and api_version < since:
            raise ArmError(
                400, "BadRequest", f"Could not find member '{name}' on object of type '{kind}'.", target=name
            )


def _require_valid_policy(properties: Body) -> None:
    policy = properties["upgradePolicy"]
    if policy["mode"] not in ("Automatic", "Manual", "Rolling"):
        # Wording: github.com/Azure/vm-scale-sets/issues/34
        raise invalid("The value of parameter upgradePolicy.mode is invalid.", "upgradePolicy.mode")
    rolling = scale_set_models.policy_of(properties)
    for name, (low, high) in PERCENTS.items():
        value = rolling[name]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise invalid(
                f"The value '{value}' of parameter 'rollingUpgradePolicy.{name}' is out of range. The value must be "
                f"between '{low}' and '{high}', inclusive.",
                f"rollingUpgradePolicy.{name}",
            )
    if rolling["maxBatchInstancePercent"] > rolling["maxUnhealthyInstancePercent"]:
        raise invalid(
            f"The value '{rolling['maxUnhealthyInstancePercent']}' of parameter "
            "'rollingUpgradePolicy.maxUnhealthyInstancePercent' must not be less than that of "
            f"'rollingUpgradePolicy.maxBatchInstancePercent', '{rolling['maxBatchInstancePercent']}'.",
            "rollingUpgradePolicy.maxUnhealthyInstancePercent",
        )
    if iso_durations.seconds(str(rolling["pauseTimeBetweenBatches"])) is None:
        raise invalid(
            f"The value '{rolling['pauseTimeBetweenBatches']}' of parameter "
            "'rollingUpgradePolicy.pauseTimeBetweenBatches' is invalid.",
            "rollingUpgradePolicy.pauseTimeBetweenBatches",
        )


def _require_one_source(world: World, properties: Body, what: str, verb: str, purpose: str) -> None:
    """Exactly one of probe and extension (words: github.com/Azure-Samples/open-source-labs/issues/46,
    terraform-provider-azurerm#5430, MicrosoftDocs/azure-docs#114432; for Rolling the words on both are inferred)."""
    extensions = scale_set_models.extensions_of(properties)
    network = properties["virtualMachineProfile"].get("networkProfile") or {}
    probe = (network.get("healthProbe") or {}).get("id")
    extension = any(scale_set_health.is_health_extension(each) for each in extensions)
    fabric = any(scale_set_health.is_service_fabric(each) for each in extensions)
    start = f"{what} is not supported for this Virtual Machine Scale Set because"
    if fabric and probe:
        raise _bad_request(f"{start} a health probe cannot be used with Service Fabric.")
    if probe and extension:
        raise _bad_request(
            f"{start} both a health probe and a health extension were provided. Remove the health probe or health "
            f"extension prior to {purpose}."
        )
    if not (probe or extension or fabric):
        raise _bad_request(f"{start} a health probe or health extension was not {verb}.")


def _require_upgradable_image(world: World, scale_set: Body) -> None:
    storage = scale_set["properties"]["virtualMachineProfile"]["storageProfile"]
    reference: Body = storage.get("imageReference") or {}
    image_id = str(reference.get("id") or "")
    if not image_id:
        if str(reference.get("version")).lower() != "latest":
            raise _not_latest()
        urn = [str(reference.get(name) or "") for name in ("publisher", "offer", "sku")]
        if not catalog.upgrades_automatically(*urn):
            # Wording: github.com/Azure/aks-engine/issues/1795
            raise _bad_request(
                "Automatic OS Upgrade cannot be enabled on virtualMachineScaleSets configured with a Platform Image."
            )
        return
    if "/galleries/" not in image_id.lower():
        raise _bad_request(
            "Automatic OS Upgrade cannot be enabled on virtualMachineScaleSets configured with a custom image that is "
            "not of a Shared Image Gallery."
        )
    version = re.search(r"/versions/([^/]+)/?$", image_id, re.IGNORECASE)
    if version is not None and version[1].lower() != "latest":
        raise _not_latest()


def _not_latest() -> ArmError:
    return _bad_request(
        "Automatic OS Upgrade is not supported for this Virtual Machine Scale Set because imageReference.version is "
        "not "
        "set to latest."
    )


def _require_no_windows_update(properties: Body, api_version: str) -> None:
    """Words: github.com/Azure/aks-engine/issues/1795; its code is not printed there."""
    windows = (properties["virtualMachineProfile"].get("osProfile") or {}).get("windowsConfiguration")
    if windows is None:
        return
    if windows.get("enableAutomaticUpdates", True) and api_version >= NO_AUTOMATIC_UPDATES_SINCE:
        raise _bad_request(
            "windowsConfiguration.enableAutomaticUpdates cannot be set to true if upgradePolicy."
            "automaticOSUpgradePolicy.enableAutomaticOSUpgrade is already true, starting from APIversion 2019-03-01"
        )
    if (windows.get("patchSettings") or {}).get("patchMode") == "AutomaticByPlatform":
        raise _bad_request(
            "windowsConfiguration.patchSettings.patchMode cannot be AutomaticByPlatform if "
            "upgradePolicy.automaticOSUpgradePolicy.enableAutomaticOSUpgrade is true."
        )


def _require_durability(world: World, properties: Body) -> None:
    """Service Fabric needs durability Silver or Gold, the same in its cluster, and a handler from 1.1 on. The level of
    a cluster that is not there is the setting `service_fabric_durability`; without it the two agree. Words of the
    mismatch: Service Fabric's troubleshooting guide of OS image upgrades."""
    for extension in scale_set_models.extensions_of(properties):
        if not scale_set_health.is_service_fabric(extension):
            continue
        settings = extension["properties"].get("settings") or {}
        level, node_type = str(settings.get("durabilityLevel") or "Bronze"), str(settings.get("nodeTypeRef") or "")
        elsewhere = str(world.setting("service_fabric_durability", level))
        cluster = service_fabric.durability(world, settings) or elsewhere
        if cluster.lower() != level.lower():
            raise ArmError(
                409,
                "OperationNotAllowed",
                f"Durability Mismatch Detected for NodeType {node_type}. VMSS Durability {level} does not match the "
                f"current SFRP NodeType durability level {cluster}",
            )
        if level.lower() == "bronze":
            raise _bad_request(
                "Automatic OS Upgrade is not supported for this Virtual Machine Scale Set because the durability level "
                "of its Service Fabric extension is Bronze."
            )
        numbers = [int(part) for part in re.findall(r"\d+", str(extension["properties"].get("typeHandlerVersion")))]
        if numbers < [1, 1]:
            raise _bad_request(
                "Automatic OS Upgrade is not supported for this Virtual Machine Scale Set because the "
                "typeHandlerVersion of its Service Fabric extension is less than 1.1."
            )


def _require_standard_balancer(world: World, properties: Body) -> None:
    """Multiple placement groups need a Standard load balancer's probe."""
    network = properties["virtualMachineProfile"].get("networkProfile") or {}
    probe = (network.get("healthProbe") or {}).get("id")
    if not probe or properties["singlePlacementGroup"] or properties["orchestrationMode"] == "Flexible":
        return
    balancer = balancer_of(world, probe)
    if balancer is not None and balancer.body["sku"]["name"] == "Basic":
        raise _bad_request(
            "A health probe of a Basic load balancer is not supported for a Virtual Machine Scale Set that is not "
            "limited "
            "to a single placement group. Use a Standard load balancer."
        )


def _require_flexible(properties: Body, *, automatic: bool) -> None:
    rolling = scale_set_models.policy_of(properties)
    network = properties["virtualMachineProfile"].get("networkProfile") or {}
    if automatic and rolling["maxSurge"]:
        raise _bad_request(
            "MaxSurge is not supported with automatic OS upgrade for Virtual Machine Scale Sets with Flexible "
            "Orchestration."
        )
    if rolling["rollbackFailedInstancesOnPolicyBreach"]:
        raise _bad_request(
            "rollbackFailedInstancesOnPolicyBreach is not supported for Virtual Machine Scale Sets with Flexible "
            "Orchestration."
        )
    if (properties["upgradePolicy"]["mode"] == "Rolling" or automatic) and network.get("healthProbe"):
        raise _bad_request(
            "Virtual Machine Scale Sets with Flexible Orchestration need the application health extension for rolling "
            "upgrades."
        )


def _require_valid_notifications(properties: Body) -> None:
    events = properties["virtualMachineProfile"].get("scheduledEventsProfile") or {}
    image, terminate = events.get("osImageNotificationProfile") or {}, events.get("terminateNotificationProfile") or {}
    if str(image.get("notBeforeTimeout") or "PT15M") != "PT15M":
        raise invalid(
            f"The value '{image['notBeforeTimeout']}' of parameter 'osImageNotificationProfile.notBeforeTimeout' is "
            "invalid. It must be PT15M.",
            "osImageNotificationProfile.notBeforeTimeout",
        )
    seconds = iso_durations.seconds(str(terminate.get("notBeforeTimeout") or "PT5M"))
    if seconds is None or not 300 <= seconds <= 900:
        raise invalid(
            f"The value '{terminate['notBeforeTimeout']}' of parameter "
            f"'terminateNotificationProfile.notBeforeTimeout' is "
            "invalid. It must be between PT5M and PT15M.",
            "terminateNotificationProfile.notBeforeTimeout",
        )


def _require_valid_hooks(properties: Body) -> None:
    """defaultAction Reject ends in a server error while hooks are in preview (Az.Compute,
    New-AzVmssLifecycleHookConfig)."""
    for hook in (properties.get("lifecycleHooksProfile") or {}).get("lifecycleHooks") or []:
        if hook.get("type") not in HOOKS:
            raise invalid(f"The value '{hook.get('type')}' of parameter 'lifecycleHook.type' is invalid.", "type")
        if iso_durations.seconds(str(hook.get("waitDuration") or "PT30M")) is None:
            raise invalid(
                f"The value '{hook['waitDuration']}' of parameter 'lifecycleHook.waitDuration' is invalid.",
                "waitDuration",
            )
        if hook.get("defaultAction") == "Reject":
            raise ArmError(500, "InternalServerError", "An error occurred.")


def _require_names(properties: Body) -> None:
    """learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules."""
    profile = properties["virtualMachineProfile"].get("osProfile") or {}
    prefix = str(profile.get("computerNamePrefix") or "")
    if "windowsConfiguration" in profile and len(prefix) > 9:
        raise invalid(
            "Windows computer name prefix cannot be more than 9 characters long, be entirely numeric, or contain the "
            "following characters: ` ~ ! @ # $ % ^ & * ( ) = + _ [ ] { } \\ | ; : . ' \" , < > / ?.",
            "computerNamePrefix",
        )


def _bad_request(message: str) -> ArmError:
    return ArmError(400, "BadRequest", message)
