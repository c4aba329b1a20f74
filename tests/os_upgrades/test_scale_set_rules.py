"""Each rule by the smallest thing that breaks it, and by what nearly does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from os_upgrades.findings import Severity
from os_upgrades.scale_set_rules import RULES, check
from os_upgrades.surroundings import Case, Cores
from tests.os_upgrades.literals import (
    BALANCER,
    DEFINITION,
    HEALTH,
    PROBE,
    SUBNET,
    VAULT,
    balancer,
    case,
    cluster,
    extension,
    extensions,
    fabric,
    instance,
    profile,
    version,
)

IMAGE = "virtualMachineProfile.storageProfile.imageReference"
EXTENSIONS = "virtualMachineProfile.extensionProfile.extensions"
FLEXIBLE = {"orchestrationMode": "Flexible"}
AUTOMATIC = {"enableAutomaticOSUpgrade": True}
OFF = {"upgradePolicy": {"mode": "Manual", "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": False}}}


def reference(**image: Any) -> dict[str, Any]:
    return profile(storageProfile={"imageReference": {"id": None, **image}})


def platform(**changed: str) -> dict[str, Any]:
    named = {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2022-datacenter-g2"}
    return reference(**{**named, "version": "latest", **changed})


def probed(**around: Any) -> dict[str, Any]:
    return profile(networkProfile={"healthProbe": {"id": PROBE}}, extensionProfile={"extensions": []}, **around)


def rolling(**numbers: Any) -> dict[str, Any]:
    return {"upgradePolicy": {"rollingUpgradePolicy": numbers, "automaticOSUpgradePolicy": USED}}


def upgrade(code: str) -> dict[str, Any]:
    return {"properties": {"runningStatus": {"code": code}}}


USED = {"enableAutomaticOSUpgrade": True, "useRollingUpgradePolicy": True}
LINUX = {"linuxConfiguration": {"patchSettings": {"patchMode": "AutomaticByPlatform"}}, "windowsConfiguration": None}
SAS = "https://store.blob.core.windows.net/boot/setup.ps1?sv=2024&se={}&sig=abc"
SECRET = "https://web-kv.vault.azure.net/secrets/settings"
FROM_VAULT = {"secretUrl": SECRET, "sourceVault": {"id": VAULT}}
CERTIFICATE = {"sourceVault": {"id": VAULT}, "vaultCertificates": [{"certificateUrl": SECRET}]}
TIGHT = {"id": SUBNET, "properties": {"addressPrefix": "10.0.0.0/28", "ipConfigurations": [{}] * 10}}
HOOK = {"type": "UpgradeAutoOSScheduling", "waitDuration": "PT8H", "defaultAction": "Approve"}


@dataclass(frozen=True)
class Example:
    """What breaks a rule, what is said of it, and what nearly breaks it."""

    rule: str
    wrong: Case
    prop: str
    said: str
    remedy: str
    near: tuple[Case, ...] = field(default=())


EXAMPLES = [
    Example(
        "image-latest",
        case(platform(version="20348.1.1")),
        f"{IMAGE}.version",
        "'20348.1.1' is not latest",
        "write latest",
        (case(platform()), case({**platform(version="20348.1.1"), **OFF})),
    ),
    Example(
        "image-latest",
        case(reference(id=f"{DEFINITION}/versions/1.0.0")),
        f"{IMAGE}.id",
        f"'{DEFINITION}/versions/1.0.0' pins version 1.0.0",
        f"name the image definition without a version: {DEFINITION}",
        (case(reference(id=DEFINITION)), case(reference(id=f"{DEFINITION}/versions/latest"))),
    ),
    Example(
        "image-latest",
        case(reference(sharedGalleryImageId="/SharedGalleries/g/Images/web/Versions/1.0.0")),
        f"{IMAGE}.sharedGalleryImageId",
        "'/SharedGalleries/g/Images/web/Versions/1.0.0' pins version 1.0.0",
        "name the image definition without a version: /SharedGalleries/g/Images/web",
        (case(reference(sharedGalleryImageId="/SharedGalleries/g/Images/web")),),
    ),
    Example(
        "image-in-gallery",
        case(reference(id=DEFINITION.replace("/galleries/images/images/", "/images/"))),
        f"{IMAGE}.id",
        "is a managed image",
        "make a version of an Azure Compute Gallery image from it",
        (case(reference(communityGalleryImageId="/CommunityGalleries/g/Images/web")), case(platform())),
    ),
    Example(
        "platform-image",
        case(platform(publisher="MicrosoftWindowsDesktop", offer="Windows-11", sku="win11-24h2-avd")),
        IMAGE,
        "'MicrosoftWindowsDesktop:Windows-11:win11-24h2-avd' is not among the marketplace images",
        "make a version of an Azure Compute Gallery image",
        (case(platform()), case(platform(sku="2019-DATACENTER"))),
    ),
    Example(
        "image-in-region",
        case(image_versions=[version("1.0.0", "northeurope"), version("0.9.0", "westeurope", excludeFromLatest=True)]),
        f"{IMAGE}.id",
        "has no version that is replicated to westeurope and not excluded from latest (there are 1.0.0, 0.9.0)",
        "replicate a version to westeurope",
        (case(image_versions=[version("1.0.0", "West Europe")]), case(image_versions=None)),
    ),
    Example(
        "newest-in-region",
        case(image_versions=[version("1.0.9", "westeurope"), version("1.0.10", "northeurope")]),
        f"{IMAGE}.id",
        "'1.0.10' is the newest version of web and is not replicated to westeurope",
        "add westeurope to its target regions",
        (case(image_versions=[version("1.0.9", "northeurope"), version("1.0.10", "westeurope")]),),
    ),
    Example(
        "newest-in-region",
        case(image_versions=[version("1.0.0", "westeurope"), version("1.0.1", "westeurope", excludeFromLatest=True)]),
        f"{IMAGE}.id",
        "'1.0.1' is the newest version of web and is excluded from latest",
        "set excludeFromLatest to false",
        (
            case(
                image_versions=[version("1.0.0", "westeurope"), version("1.0.1", "westeurope", excludeFromLatest=False)]
            ),
        ),
    ),
    Example(
        "health-source",
        case(extensions()),
        "health",
        "None leaves nobody to say whether an upgraded instance is healthy",
        "declare one, such as health:",
        (
            case(),
            case(probed(), load_balancers={BALANCER.lower(): balancer()}),
            case(extensions(fabric()), cluster=cluster()),
            case({**extensions(), **OFF}),
        ),
    ),
    Example(
        "health-source",
        case(extensions(fabric(durabilityLevel="Bronze")), cluster=cluster(durabilityLevel="Bronze", isStateless=True)),
        "health",
        "None leaves nobody to say",
        "declare one",
        (
            case(
                extensions(HEALTH, fabric(durabilityLevel="Bronze")),
                cluster=cluster(durabilityLevel="Bronze", isStateless=True),
            ),
        ),
    ),
    Example(
        "one-health-source",
        case(profile(networkProfile={"healthProbe": {"id": PROBE}})),
        "virtualMachineProfile.networkProfile.healthProbe.id",
        f"'{PROBE}' is a second source of health beside the extension HealthExtension",
        "take one of the two away",
        (case(probed()), case()),
    ),
    Example(
        "health-first",
        case(before={**extensions(), **OFF}),
        "upgrade_policy.mode",
        "'Rolling' begins before any instance reports its health",
        "write update_instances: true",
        (
            case(before={**extensions(), **OFF}, updates_instances=True),
            case(before=OFF),
            case(before=extensions()),
            case({"upgradePolicy": {"mode": "Manual"}}, before={**extensions(), **OFF}),
        ),
    ),
    Example(
        "flexible-health",
        case({**FLEXIBLE, **probed()}),
        "virtualMachineProfile.networkProfile.healthProbe.id",
        "is a load balancer probe, and scale sets of orchestration mode Flexible need the extension",
        "declare health",
        (case(FLEXIBLE), case(probed())),
    ),
    Example(
        "probe-exists",
        case(probed(), load_balancers={BALANCER.lower(): {"properties": {"probes": [{"name": "ssh"}]}}}),
        "virtualMachineProfile.networkProfile.healthProbe.id",
        f"'{PROBE}' does not exist",
        "name one of ssh",
        (case(probed(), load_balancers={BALANCER.lower(): balancer()}), case(probed())),
    ),
    Example(
        "standard-load-balancer",
        case({"singlePlacementGroup": False, **probed()}, load_balancers={BALANCER.lower(): balancer("Basic")}),
        "virtualMachineProfile.networkProfile.healthProbe.id",
        "is of load balancer web-lb, which is Basic, and the scale set may have several placement groups",
        "use a probe of a Standard load balancer",
        (
            case(probed(), load_balancers={BALANCER.lower(): balancer("Basic")}),
            case({"singlePlacementGroup": False, **probed()}, load_balancers={BALANCER.lower(): balancer()}),
        ),
    ),
    Example(
        "probe-interval",
        case(probed(), load_balancers={BALANCER.lower(): balancer(intervalInSeconds=120)}),
        "virtualMachineProfile.networkProfile.healthProbe.id (health).intervalInSeconds",
        "120 is two minutes or more",
        "probe every 5 to 60 seconds",
        (case(probed(), load_balancers={BALANCER.lower(): balancer(intervalInSeconds=119)}),),
    ),
    Example(
        "service-fabric-durability",
        case(extensions(HEALTH, fabric(durabilityLevel="Bronze")), cluster=cluster(durabilityLevel="Bronze")),
        f"{EXTENSIONS}[ServiceFabric].settings.durabilityLevel",
        "'Bronze' lets Azure take nodes away without asking the cluster",
        "raise it to Silver or Gold",
        (
            case(extensions(fabric(durabilityLevel="Gold")), cluster=cluster(durabilityLevel="Gold")),
            case(
                extensions(HEALTH, fabric(durabilityLevel="Bronze")),
                cluster=cluster(durabilityLevel="Bronze", isStateless=True),
            ),
        ),
    ),
    Example(
        "service-fabric-same-durability",
        case(extensions(fabric()), cluster=cluster(durabilityLevel="Gold")),
        f"{EXTENSIONS}[ServiceFabric].settings.durabilityLevel",
        "'Silver' is not that of node type nt1 of the cluster, Gold",
        "write the same level on both, such as Gold",
        (case(extensions(fabric()), cluster=cluster()), case(extensions(fabric()))),
    ),
    Example(
        "service-fabric-handler",
        case(extensions(fabric(typeHandlerVersion="1.0")), cluster=cluster()),
        f"{EXTENSIONS}[ServiceFabric].typeHandlerVersion",
        "'1.0' is older than 1.1",
        'write "1.1" or newer',
        tuple(case(extensions(fabric(typeHandlerVersion=new)), cluster=cluster()) for new in ("1.1", "1.10", "2.0")),
    ),
    Example(
        "service-fabric-probe",
        case(profile(networkProfile={"healthProbe": {"id": PROBE}}, extensionProfile={"extensions": [fabric()]})),
        "virtualMachineProfile.networkProfile.healthProbe.id",
        f"'{PROBE}' is a load balancer probe, and the health of Service Fabric scale sets is the cluster's to say",
        "take the probe away",
        (case(extensions(fabric())), case(probed())),
    ),
    Example(
        "windows-update",
        case(profile(osProfile={"windowsConfiguration": {"enableAutomaticUpdates": True}})),
        "virtualMachineProfile.osProfile.windowsConfiguration.enableAutomaticUpdates",
        "true has Windows Update change the disks",
        "write windows_automatic_updates: false",
        (
            case(),
            case(profile(osProfile={"windowsConfiguration": None})),
            case({**profile(osProfile={"windowsConfiguration": {"enableAutomaticUpdates": True}}), **OFF}),
        ),
    ),
    Example(
        "windows-update",
        case(profile(osProfile={"windowsConfiguration": {"enableAutomaticUpdates": None}})),
        "virtualMachineProfile.osProfile.windowsConfiguration.enableAutomaticUpdates",
        "None has Windows Update change the disks",
        "write windows_automatic_updates: false",
    ),
    Example(
        "patch-mode",
        case(profile(osProfile=LINUX)),
        "virtualMachineProfile.osProfile.linuxConfiguration.patchSettings.patchMode",
        "'AutomaticByPlatform' has Azure patch the disks",
        "write Manual (Windows) or ImageDefault (Linux)",
        (case(profile(osProfile={"windowsConfiguration": {"patchSettings": {"patchMode": "Manual"}}})),),
    ),
    Example(
        "extension-order",
        case(extensions(HEALTH, extension(provisionAfterExtensions=["agent"]))),
        f"{EXTENSIONS}[script].provisionAfterExtensions",
        "'agent' is no extension of the scale set",
        "correct the name",
        (case(extensions(HEALTH, extension(provisionAfterExtensions=["healthextension"]))),),
    ),
    Example(
        "extension-order",
        case(
            extensions(
                HEALTH,
                extension("a", provisionAfterExtensions=["b"]),
                extension("b", provisionAfterExtensions=["a"]),
            )
        ),
        f"{EXTENSIONS}[a].provisionAfterExtensions",
        "['b'] leads back to the extension itself",
        "break the circle",
        (case(extensions(HEALTH, extension("a", provisionAfterExtensions=["b"]), extension("b"))),),
    ),
    Example(
        "sas-expired",
        case(extensions(HEALTH, extension(settings={"fileUris": [SAS.format("2026-11-26T23:59:59Z")]}))),
        f"{EXTENSIONS}[script].settings.fileUris[0]",
        "'https://store.blob.core.windows.net/boot/setup.ps1?...' has a shared access signature that ended at "
        "2026-11-26T23:59:59Z",
        "make a new one, write it into the extension of the model, and deploy the scale set",
        (case(extensions(HEALTH, extension(settings={"fileUris": [SAS.format("2027-11-27")]}))),),
    ),
    Example(
        "sas-expires",
        case(extensions(HEALTH, extension(settings={"command": f"get {SAS.format('2026-12-03')} run"}))),
        f"{EXTENSIONS}[script].settings.command",
        "that ends at 2026-12-03T00:00:00Z: an upgrade after that would fail",
        "make one that lasts longer",
        (case(extensions(HEALTH, extension(settings={"command": SAS.format("2026-12-05")}))),),
    ),
    Example(
        "secret-expired",
        case(
            extensions(HEALTH, extension(protectedSettingsFromKeyVault=FROM_VAULT)),
            secrets={SECRET: {"properties": {"attributes": {"enabled": True, "exp": 1}}}},
        ),
        f"{EXTENSIONS}[script].protectedSettingsFromKeyVault.secretUrl",
        f"'{SECRET}' has expired at 1970-01-01T00:00:01Z: the first batch would fail",
        "renew the secret in its vault",
        (
            case(
                extensions(HEALTH, extension(protectedSettingsFromKeyVault=FROM_VAULT)),
                secrets={SECRET: {"properties": {"attributes": {"enabled": True, "exp": 1900000000}}}},
            ),
            case(extensions(HEALTH, extension(protectedSettingsFromKeyVault=FROM_VAULT))),
        ),
    ),
    Example(
        "secret-expired",
        case(profile(osProfile={"secrets": [CERTIFICATE]}), secrets={SECRET: None}),
        "virtualMachineProfile.osProfile.secrets[0].vaultCertificates[0].certificateUrl",
        f"'{SECRET}' does not exist",
        "renew the secret",
        (case(profile(osProfile={"secrets": [CERTIFICATE]}), secrets={SECRET: {"properties": {}}}),),
    ),
    Example(
        "small-scale-set",
        case(top={"sku": {"capacity": 2}}),
        "upgrade_policy.rolling_upgrade_policy.max_unhealthy_instance_percent",
        "20 is exceeded by one unhealthy instance of 2, 50 %",
        "write 50 or more, or have at least 5 instances",
        (
            case(top={"sku": {"capacity": 5}}),
            case(rolling(maxUnhealthyInstancePercent=50), top={"sku": {"capacity": 2}}),
            case(top={"sku": {"capacity": 0}}),
        ),
    ),
    Example(
        "numbers-used",
        case({"upgradePolicy": {"rollingUpgradePolicy": {"maxBatchInstancePercent": 10}}}),
        "upgrade_policy.automatic_os_upgrade_policy.use_rolling_upgrade_policy",
        "None leaves open whether automatic OS upgrades go by maxBatchInstancePercent",
        "write true",
        (
            case(rolling(maxBatchInstancePercent=10)),
            case({"upgradePolicy": {"rollingUpgradePolicy": {"maxBatchInstancePercent": 20}}}),
        ),
    ),
    Example(
        "surge-flexible",
        case({**FLEXIBLE, **rolling(maxSurge=True)}),
        "upgrade_policy.rolling_upgrade_policy.max_surge",
        "true does not go with automatic OS upgrades in orchestration mode Flexible yet",
        "write max_surge: false",
        (
            case(rolling(maxSurge=True)),
            case({**FLEXIBLE, "upgradePolicy": {"rollingUpgradePolicy": {"maxSurge": True}, **OFF["upgradePolicy"]}}),
        ),
    ),
    Example(
        "surge-quota",
        case(rolling(maxSurge=True), cores=Cores("standardDSv5Family", free=3, each=2)),
        "upgrade_policy.rolling_upgrade_policy.max_surge",
        "true needs 4 cores of standardDSv5Family for a batch of 2, and 3 are free",
        "raise the quota",
        (
            case(rolling(maxSurge=True), cores=Cores("standardDSv5Family", free=4, each=2)),
            case(rolling(maxSurge=False), cores=Cores("standardDSv5Family", free=3, each=2)),
        ),
    ),
    Example(
        "surge-addresses",
        case(rolling(maxSurge=True), subnets=[TIGHT]),
        "upgrade_policy.rolling_upgrade_policy.max_surge",
        "true needs 2 addresses of subnet web for a batch, and 1 are free",
        "use a larger subnet",
        (case(rolling(maxSurge=True, maxBatchInstancePercent=10), subnets=[TIGHT]), case(subnets=[TIGHT])),
    ),
    Example(
        "rollback-on-breach",
        case({**FLEXIBLE, **rolling(rollbackFailedInstancesOnPolicyBreach=True)}),
        "upgrade_policy.rolling_upgrade_policy.rollback_failed_instances_on_policy_breach",
        "true is known in orchestration mode Uniform only",
        "write false",
        (case(rolling(rollbackFailedInstancesOnPolicyBreach=True)),),
    ),
    Example(
        "latest-model",
        case({"upgradePolicy": {"mode": "Manual"}}, instances=[instance(0), instance(1, latest=False)]),
        "upgrade_policy.mode",
        "'Manual' leaves instances on an older model (1)",
        "write update_instances: true",
        (
            case({"upgradePolicy": {"mode": "Manual"}}, instances=[instance(0), instance(1, latest=None)]),
            case({"upgradePolicy": {"mode": "Manual"}}, instances=[instance(1, latest=False)], updates_instances=True),
            case(instances=[instance(1, latest=False)]),
        ),
    ),
    Example(
        "model-known",
        case({**FLEXIBLE}, instances=[instance(0, latest=None)], updates_instances=True),
        "update_instances",
        "true brings nothing",
        "leave it out, and bring them by name",
        (
            case(instances=[instance(0), instance(1, latest=None)], updates_instances=True),
            case(instances=[], updates_instances=True),
            case({**FLEXIBLE}, instances=[instance(0, latest=None)]),
        ),
    ),
    Example(
        "upgrade-running",
        case(profile(scheduledEventsProfile={}), before={}, rolling_upgrade=upgrade("RollingForward")),
        "scale_set_id",
        "is being upgraded now",
        "wait for its end, or cancel it",
        (
            case(profile(scheduledEventsProfile={}), before={}, rolling_upgrade=upgrade("Completed")),
            case({"upgradePolicy": {"mode": "Manual"}}, before={}, rolling_upgrade=upgrade("RollingForward")),
        ),
    ),
    Example(
        "windows-settings",
        case(profile(storageProfile={"osDisk": {"osType": "Linux"}})),
        "windows_automatic_updates",
        "false is declared of Linux instances",
        "leave it out",
        (
            case(profile(storageProfile={"osDisk": {"osType": "Windows"}})),
            case(profile(storageProfile={"osDisk": {"osType": "Linux"}}, osProfile={"windowsConfiguration": None})),
        ),
    ),
    Example(
        "terminate-spot",
        case(profile(priority="Spot", scheduledEventsProfile={"terminateNotificationProfile": {"enable": True}})),
        "terminate_notification.enable",
        "true is not possible with instances of priority Spot",
        "leave terminate_notification out",
        (case(profile(scheduledEventsProfile={"terminateNotificationProfile": {"enable": True}})),),
    ),
    Example(
        "hooks-need-automatic",
        case({**OFF, "lifecycleHooksProfile": {"lifecycleHooks": [HOOK]}}),
        "lifecycle_hooks[0].type",
        "'UpgradeAutoOSScheduling' is asked before automatic OS upgrades, and they are off",
        "turn upgrade_policy.automatic_os_upgrade_policy.enable_automatic_os_upgrade on",
        (case({"lifecycleHooksProfile": {"lifecycleHooks": [HOOK]}}),),
    ),
    Example(
        "hooks-reject",
        case({"lifecycleHooksProfile": {"lifecycleHooks": [{**HOOK, "defaultAction": "Reject"}]}}),
        "lifecycle_hooks[0].default_action",
        "'Reject' is answered by a server error",
        "write Approve",
        (case({"lifecycleHooksProfile": {"lifecycleHooks": [HOOK]}}),),
    ),
]


def test_a_scale_set_that_breaks_nothing_has_no_findings() -> None:
    assert check(case()) == ()


@pytest.mark.parametrize("example", [pytest.param(each, id=each.rule) for each in EXAMPLES])
def test_what_breaks_a_rule_is_told_with_property_value_rule_source_and_remedy(example: Example) -> None:
    finding = next(found for found in check(example.wrong) if found.rule == example.rule)
    [rule] = [rule for rule in RULES if rule.id == example.rule]
    text = str(finding)
    assert text.startswith(f"{example.prop}: ")
    assert example.said in text
    assert f"(rule {rule.id}, {rule.source})" in text
    assert example.remedy in finding.remedy
    assert text.endswith(f"; {finding.remedy}")
    assert finding.severity is rule.severity


@pytest.mark.parametrize("example", [pytest.param(each, id=each.rule) for each in EXAMPLES])
def test_what_nearly_breaks_it_does_not(example: Example) -> None:
    for near in example.near:
        assert [found for found in check(near) if found.rule == example.rule] == []


@pytest.mark.parametrize("example", [pytest.param(each, id=each.rule) for each in EXAMPLES])
def test_nothing_else_is_said_of_it_that_is_an_error(example: Example) -> None:
    assert {found.rule for found in check(example.wrong) if found.severity is Severity.ERROR} <= {example.rule}


def test_every_rule_has_an_example_of_either_kind() -> None:
    assert {example.rule for example in EXAMPLES} == {rule.id for rule in RULES}
    assert {example.rule for example in EXAMPLES if example.near} == {rule.id for rule in RULES}
    assert len({rule.id for rule in RULES}) == len(RULES)
