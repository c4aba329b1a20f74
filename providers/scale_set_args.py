"""The arguments of `ScaleSetUpgradePolicy`, typed. Made from scale_set_schema.json by `python -m providers.docs`.

Defaults are those of the schema: None, like an argument that is left out, stands for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi


@dataclass(kw_only=True)
class AutomaticOSUpgradePolicyArgs:
    """Whether and how Azure rolls new image versions out by itself. A flag that is left out stays as it is."""

    enable_automatic_os_upgrade: pulumi.Input[bool] | None = None
    """Azure replaces the OS disks when a newer version is there. false opts out, also in the middle: an upgrade under
    way goes on to its end unless it is cancelled. Source: Azure documentation, automatic OS image upgrades of scale
    sets.
    """

    disable_automatic_rollback: pulumi.Input[bool] | None = None
    """true: an instance that is not healthy 5 minutes after its upgrade keeps the new OS disk; else it gets its former
    one again. Source: Azure documentation, automatic OS image upgrades of scale sets.
    """

    use_rolling_upgrade_policy: pulumi.Input[bool] | None = None
    """true: automatic OS upgrades go by rolling_upgrade_policy; else by Azure's own numbers, 20 % each. Source: Azure
    Compute REST API, Virtual Machine Scale Sets - Create Or Update.
    """

    os_rolling_upgrade_deferral: pulumi.Input[bool] | None = None
    """true: each instance is told in its metadata (Platform.PendingOSUpgrade) and waits until its upgrade is approved
    (POST approveRollingUpgrade). Source: Azure Compute REST API, Virtual Machine Scale Sets - Create Or Update.
    """


@dataclass(kw_only=True)
class RollingUpgradePolicyArgs:
    """How many instances at a time, and when to stop. A flag that is left out stays as it is."""

    max_batch_instance_percent: pulumi.Input[float] | None = None
    """Instances of one batch at most, one at least. Not more than max_unhealthy_instance_percent. 5 to 100. Default:
    20. Source: Azure documentation, configure rolling upgrades on scale sets.
    """

    max_unhealthy_instance_percent: pulumi.Input[float] | None = None
    """With more unhealthy instances, for whatever reason, no batch begins. 5 to 100. Default: 20. Source: Azure
    documentation, configure rolling upgrades on scale sets.
    """

    max_unhealthy_upgraded_instance_percent: pulumi.Input[float] | None = None
    """With more of the upgraded instances unhealthy after a batch the upgrade stops. 0 to 100. Default: 20. Source:
    Azure documentation, configure rolling upgrades on scale sets.
    """

    pause_time_between_batches: pulumi.Input[str | float] | None = None
    """Wait between two batches. Default: "PT0S". Source: Azure documentation, configure rolling upgrades on scale sets.
    """

    enable_cross_zone_upgrade: pulumi.Input[bool] | None = None
    """true: a batch may be of several availability zones. Source: Azure documentation, configure rolling upgrades on
    scale sets.
    """

    prioritize_unhealthy_instances: pulumi.Input[bool] | None = None
    """true: unhealthy instances come first. Source: Azure documentation, configure rolling upgrades on scale sets."""

    rollback_failed_instances_on_policy_breach: pulumi.Input[bool] | None = None
    """true: when the upgrade stops, failed instances go back to the former model. Orchestration mode Uniform only.
    Source: Azure documentation, configure rolling upgrades on scale sets.
    """

    max_surge: pulumi.Input[bool] | None = None
    """true: new instances are made and old ones deleted, which takes quota and addresses for a batch more; where the
    quota is not there Azure upgrades in place without saying so. Source: Azure documentation, rolling upgrades with
    MaxSurge.
    """


@dataclass(kw_only=True)
class UpgradePolicyArgs:
    """The upgrade policy."""

    mode: pulumi.Input[str]
    """What happens to instances when the model changes: Automatic, all at once in any order; Rolling, in batches;
    Manual, nothing until update_instances. Automatic OS upgrades do not follow it. One of Automatic, Rolling, Manual.
    Source: Azure documentation, upgrade policy modes of scale sets.
    """

    automatic_os_upgrade_policy: pulumi.Input[AutomaticOSUpgradePolicyArgs | Mapping[str, Any]] | None = None
    """Whether and how Azure rolls new image versions out by itself. A flag that is left out stays as it is."""

    rolling_upgrade_policy: pulumi.Input[RollingUpgradePolicyArgs | Mapping[str, Any]] | None = None
    """How many instances at a time, and when to stop. A flag that is left out stays as it is."""


@dataclass(kw_only=True)
class ApplicationHealthArgs:
    """The Application Health extension asks the application from inside the instance."""

    protocol: pulumi.Input[str]
    """How it asks. One of http, https, tcp. Source: Azure documentation, Application Health extension."""

    port: pulumi.Input[float] | None = None
    """Port of the application. tcp needs it. Source: Azure documentation, Application Health extension."""

    request_path: pulumi.Input[str] | None = None
    """Path of the request. http and https need it, tcp takes none. Source: Azure documentation, Application Health
    extension.
    """

    states: pulumi.Input[str] | None = None
    """binary: Healthy by status code 200 or a handshake, else Unhealthy. rich: over http also by the answer's body,
    {"ApplicationHealthState": "Healthy"}, with Initializing and Unknown. One of binary, rich. Default: "rich". Source:
    Azure documentation, Application Health extension.
    """

    interval_in_seconds: pulumi.Input[float] | None = None
    """Seconds between two probes, 5 to 60. Default: 5. Source: Azure documentation, Application Health extension."""

    number_of_probes: pulumi.Input[float] | None = None
    """Equal answers that change the state, 1 to 24. Default: 1. Source: Azure documentation, Application Health
    extension.
    """

    grace_period: pulumi.Input[float] | None = None
    """Seconds that a new instance may be Initializing, 5 to 7200; rich states only. Default: interval times probes.
    Source: Azure documentation, Application Health extension.
    """


@dataclass(kw_only=True)
class HealthArgs:
    """The source of health: extension or probe_id. It takes the place of another one."""

    extension: pulumi.Input[ApplicationHealthArgs | Mapping[str, Any]] | None = None
    """The Application Health extension asks the application from inside the instance."""

    probe_id: pulumi.Input[str] | None = None
    """Id of a load balancer's probe. Orchestration mode Uniform only. Source: Azure documentation, automatic OS image
    upgrades of scale sets.
    """


@dataclass(kw_only=True)
class OSImageNotificationArgs:
    """A scheduled event in the guest before its OS is upgraded or reimaged."""

    enable: pulumi.Input[bool]
    """Whether it is sent. Source: Azure Compute REST API, Virtual Machine Scale Sets - Create Or Update."""

    not_before_timeout: pulumi.Input[str | float] | None = None
    """How long the guest may put it off: Azure takes PT15M only. Default: "PT15M". Source: Azure Compute REST API,
    Virtual Machine Scale Sets - Create Or Update.
    """


@dataclass(kw_only=True)
class TerminateNotificationArgs:
    """A scheduled event in the guest before the instance is deleted, which upgrades do with max_surge only. Not for
    Spot instances.
    """

    enable: pulumi.Input[bool]
    """Whether it is sent. Source: Azure documentation, terminate notification of scale sets."""

    not_before_timeout: pulumi.Input[str | float] | None = None
    """How long the guest may put it off: PT5M to PT15M. Default: "PT5M". Source: Azure documentation, terminate
    notification of scale sets.
    """


@dataclass(kw_only=True)
class LifecycleHookArgs:
    """A lifecycle hook."""

    type: pulumi.Input[str]
    """Before an upgrade is scheduled, or before each of its batches. One of UpgradeAutoOSScheduling,
    UpgradeAutoOSRollingBatchStarting. Source: Azure Compute REST API 2025-11-01, lifecycleHooksProfile.
    """

    wait_duration: pulumi.Input[str | float] | None = None
    """How long Azure waits for an answer. Default: Azure's own. Source: Azure Compute REST API 2025-11-01,
    lifecycleHooksProfile.
    """

    default_action: pulumi.Input[str] | None = None
    """What happens without an answer. Reject is answered by a server error while hooks are in preview. Default: Azure's
    own. One of Approve, Reject. Source: Az.Compute, New-AzVmssLifecycleHookConfig.
    """


@dataclass(kw_only=True)
class ScaleSetUpgradePolicyArgs:
    """How an existing scale set rolls new OS images out. What is not declared stays as it is; what is declared is given
    back as it was found when the resource is deleted.
    """

    scale_set_id: pulumi.Input[str]
    """Id of the scale set. Another one is another resource: the former one is given back. Source: Azure Compute REST
    API, Virtual Machine Scale Sets - Create Or Update.
    """

    upgrade_policy: pulumi.Input[UpgradePolicyArgs | Mapping[str, Any]] | None = None
    """The upgrade policy."""

    health: pulumi.Input[HealthArgs | Mapping[str, Any]] | None = None
    """The source of health: extension or probe_id. It takes the place of another one."""

    image: pulumi.Input[str] | None = None
    """The image whose latest version is followed, in place of the one that the model names: the id of a gallery image
    definition, publisher:offer:sku, /sharedGalleries/<unique name>/images/<image> or /communityGalleries/<public
    name>/images/<image>. Source: Azure documentation, automatic OS image upgrades of scale sets.
    """

    os_image_notification: pulumi.Input[OSImageNotificationArgs | Mapping[str, Any]] | None = None
    """A scheduled event in the guest before its OS is upgraded or reimaged."""

    terminate_notification: pulumi.Input[TerminateNotificationArgs | Mapping[str, Any]] | None = None
    """A scheduled event in the guest before the instance is deleted, which upgrades do with max_surge only. Not for
    Spot instances.
    """

    lifecycle_hooks: pulumi.Input[Sequence[pulumi.Input[LifecycleHookArgs | Mapping[str, Any]]]] | None = None
    """Points at which an automatic OS upgrade waits for an answer from outside. In preview at Azure. An update of the
    scale set by azure-native's default API version takes them away; the next run sets them again. Source: Azure Compute
    REST API 2025-11-01, lifecycleHooksProfile.
    """

    windows_automatic_updates: pulumi.Input[bool] | None = None
    """Whether Windows Update installs patches by itself. Automatic OS upgrades of Windows need false. Source: Azure
    documentation, automatic OS image upgrades of scale sets.
    """

    update_instances: pulumi.Input[bool] | None = None
    """While the mode is Manual, instances that do not have the latest model are brought to it, in batches of
    max_batch_instance_percent, as long as they become healthy; also before the mode becomes another one. They restart,
    and get new OS disks where the image has changed. Default: false. Source: Azure documentation, perform manual
    upgrades on scale sets.
    """
