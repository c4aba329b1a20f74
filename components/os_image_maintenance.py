"""When Azure may begin automatic OS upgrades: a maintenance configuration of scope OSImage, and the scale sets it is
for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_azure_native import maintenance

from os_upgrades import maintenance as windows

TYPE = "avd:index:OSImageMaintenance"


@dataclass(frozen=True)
class ScaleSetRef:
    """A scale set that the window is for; an existing one, or one of this program."""

    resource_group_name: pulumi.Input[str]
    scale_set_name: pulumi.Input[str]


@dataclass(frozen=True)
class OSImageMaintenanceArgs:
    resource_group_name: pulumi.Input[str]
    """Of the maintenance configuration."""
    configuration_name: str
    location: str
    """Region of the scale sets."""
    window: Mapping[str, Any]
    """`start` ("2026-12-05 22:00"), `recur_every` ("Day", "3Days", "Week Saturday,Sunday": a week at most),
    `time_zone` (a Windows name), `duration` (default PT5H, five hours at least), `expiration`."""
    scale_sets: Mapping[str, ScaleSetRef]
    """By a name that stays. All of them begin at the same time: scale sets that are not to be upgraded together get a
    window each."""
    tags: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        windows.parse(self.window, "window")


class OSImageMaintenance(pulumi.ComponentResource):
    """A maintenance configuration with an assignment for each scale set. The scale sets need automatic OS upgrades:
    without them Azure has nothing to begin."""

    configuration_id: pulumi.Output[str]
    assignments: list[maintenance.ConfigurationAssignment]

    def __init__(self, name: str, args: OSImageMaintenanceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(TYPE, name, {}, opts)
        window = windows.parse(args.window, "window")
        configuration = maintenance.MaintenanceConfiguration(
            name,
            resource_group_name=args.resource_group_name,
            resource_name_=args.configuration_name,
            location=args.location,
            maintenance_scope="OSImage",
            visibility="Custom",
            start_date_time=window.start,
            duration=window.duration,
            recur_every=window.recur_every,
            time_zone=window.time_zone,
            expiration_date_time=window.expiration,
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.configuration_id = configuration.id
        self.assignments = [
            self._assignment(f"{name}-{key}", args, configuration, scale_set)
            for key, scale_set in args.scale_sets.items()
        ]
        self.register_outputs({"configuration_id": self.configuration_id})

    def _assignment(
        self,
        name: str,
        args: OSImageMaintenanceArgs,
        configuration: maintenance.MaintenanceConfiguration,
        scale_set: ScaleSetRef,
    ) -> maintenance.ConfigurationAssignment:
        return maintenance.ConfigurationAssignment(
            name,
            resource_group_name=scale_set.resource_group_name,
            provider_name="Microsoft.Compute",
            resource_type="virtualMachineScaleSets",
            resource_name_=scale_set.scale_set_name,
            configuration_assignment_name=name,
            location=args.location,
            maintenance_configuration_id=configuration.id,
            opts=pulumi.ResourceOptions(parent=self),
        )
