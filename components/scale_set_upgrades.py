"""The parts of a scale set that say how it rolls OS upgrades, as arguments of azure-native: for the component
`ScaleSet`, or to be merged into a scale set of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import pulumi
from pulumi_azure_native import compute

from os_upgrades import events, health, policy
from os_upgrades.events import Notification
from os_upgrades.health import ApplicationHealth
from os_upgrades.values import iso

EXTENSION = health.EXTENSION
"""Name of the health extension."""


@dataclass(frozen=True)
class ScaleSetUpgrades:
    """How a scale set rolls OS upgrades, in plain inputs under the names of docs/scale-set-inputs.md. Lifecycle hooks
    are not among them, because azure-native's API version has none: declare a `ScaleSetUpgradePolicy` with
    `lifecycle_hooks` beside.

    Raises InvalidDeclaration for what Azure would refuse."""

    upgrade_policy: Mapping[str, Any]
    health_extension: Mapping[str, Any] | None = None
    """Settings of the Application Health extension; or the next one, never both."""
    health_probe_id: pulumi.Input[str] | None = None
    """Id of a load balancer's probe."""
    os_image_notification: Mapping[str, Any] | None = None
    terminate_notification: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        policy.parse(self.upgrade_policy)
        if self.health_extension is not None and self.health_probe_id is not None:
            health.parse({"extension": self.health_extension, "probe_id": "both"})
        _ = self.extension, self.os_image, self.terminate

    @property
    def policy(self) -> policy.UpgradePolicy:
        return policy.parse(self.upgrade_policy)

    @property
    def extension(self) -> ApplicationHealth | None:
        if self.health_extension is None:
            return None
        return health.parse({"extension": self.health_extension}).extension

    @property
    def os_image(self) -> Notification | None:
        given = self.os_image_notification
        return events.os_image_notification(given) if given is not None else None

    @property
    def terminate(self) -> Notification | None:
        given = self.terminate_notification
        return events.terminate_notification(given) if given is not None else None


@dataclass(frozen=True)
class PolicyParts:
    """Arguments of `compute.VirtualMachineScaleSet` to merge into one's own; None where there is nothing to say."""

    upgrade_policy: compute.UpgradePolicyArgs
    health_extension: compute.VirtualMachineScaleSetExtensionArgs | None
    """One of `virtual_machine_profile.extension_profile.extensions`."""
    health_probe: compute.ApiEntityReferenceArgs | None
    """`virtual_machine_profile.network_profile.health_probe`."""
    scheduled_events_profile: compute.ScheduledEventsProfileArgs | None
    """Of `virtual_machine_profile`."""
    windows_configuration: compute.WindowsConfigurationArgs | None
    """`virtual_machine_profile.os_profile.windows_configuration`: Windows Update off, where Azure rolls by itself."""


def policy_parts(upgrades: ScaleSetUpgrades, *, windows: bool) -> PolicyParts:
    """The parts for a scale set of Windows or Linux instances."""
    extension, probe = upgrades.extension, upgrades.health_probe_id
    off = windows and upgrades.policy.automatic_os_upgrade
    return PolicyParts(
        upgrade_policy=_upgrade_policy(upgrades.policy),
        health_extension=_extension(extension, windows) if extension is not None else None,
        health_probe=compute.ApiEntityReferenceArgs(id=probe) if probe is not None else None,
        scheduled_events_profile=_events(upgrades),
        windows_configuration=compute.WindowsConfigurationArgs(enable_automatic_updates=False) if off else None,
    )


def _upgrade_policy(declared: policy.UpgradePolicy) -> compute.UpgradePolicyArgs:
    automatic, rolling = declared.automatic_os_upgrade_policy, declared.rolling_upgrade_policy
    numbers = _said(rolling)
    if rolling is not None:
        numbers["pause_time_between_batches"] = iso(rolling.pause_time_between_batches)
    return compute.UpgradePolicyArgs(
        mode=str(declared.mode),
        automatic_os_upgrade_policy=compute.AutomaticOSUpgradePolicyArgs(**_said(automatic)) if automatic else None,
        rolling_upgrade_policy=compute.RollingUpgradePolicyArgs(**numbers) if rolling else None,
    )


def _said(declared: Any) -> dict[str, Any]:
    """The fields of a part that were said: azure-native has the same names."""
    if not is_dataclass(declared):
        return {}
    found = {field.name: getattr(declared, field.name) for field in fields(declared)}
    return {name: value for name, value in found.items() if value is not None}


def _extension(declared: ApplicationHealth, windows: bool) -> compute.VirtualMachineScaleSetExtensionArgs:
    body = declared.body(windows=windows)
    return compute.VirtualMachineScaleSetExtensionArgs(
        name=EXTENSION,
        publisher=body["publisher"],
        type=body["type"],
        type_handler_version=body["typeHandlerVersion"],
        auto_upgrade_minor_version=body["autoUpgradeMinorVersion"],
        settings=body["settings"],
    )


def _events(upgrades: ScaleSetUpgrades) -> compute.ScheduledEventsProfileArgs | None:
    image, terminate = upgrades.os_image, upgrades.terminate
    if image is None and terminate is None:
        return None
    return compute.ScheduledEventsProfileArgs(
        os_image_notification_profile=compute.OSImageNotificationProfileArgs(**_told(image)) if image else None,
        terminate_notification_profile=compute.TerminateNotificationProfileArgs(**_told(terminate))
        if terminate
        else None,
    )


def _told(declared: Notification) -> dict[str, Any]:
    return {"enable": declared.enable, "not_before_timeout": iso(declared.not_before_timeout)}
