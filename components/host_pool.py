"""A pooled AVD host pool whose session hosts the rolling update may take over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import desktopvirtualization

TYPE = "avd:index:HostPool"


@dataclass(frozen=True)
class HostPoolArgs:
    resource_group_name: pulumi.Input[str]
    host_pool_name: str
    location: str
    """Region of the pool's metadata; AVD offers some regions only
    (https://learn.microsoft.com/azure/virtual-desktop/data-locations). Hosts may be elsewhere."""
    max_session_limit: int
    """Sessions a host takes. The update's capacity floor divides by it, so it has no default here: Azure's own is
    999999, with which no floor can be computed."""
    load_balancer_type: str = "BreadthFirst"
    """BreadthFirst | DepthFirst."""
    preferred_app_group_type: str = "Desktop"
    """Desktop | RailApplications."""
    start_vm_on_connect: bool = False
    validation_environment: bool = False
    """True: agent updates arrive here first. One pool per company should have it."""
    custom_rdp_property: str | None = None
    friendly_name: str | None = None
    description: str | None = None
    tags: Mapping[str, str] | None = None
    """Set when the pool is made; later changes of them are ignored (see `HostPool`)."""


class HostPool(pulumi.ComponentResource):
    """A pooled host pool of management type Standard.

    Standard is what Azure makes under api-version 2024-04-03, which has no `managementType`; pools of the other type,
    Automated, replace their virtual machines themselves, and the update refuses them.

    Left alone, because the update (or AVD) changes them: registrationInfo, vmTemplate and tags. The update keeps its
    record in tags of the pool, some with names that are not known beforehand, and Pulumi can ignore tags by whole names
    only: so the declared tags are set when the pool is made, and not changed by Pulumi after that.

    The session hosts are deliberately no part of this component. Where they are declared with Pulumi, give the virtual
    machines `protect=True` and `ignore_changes=["storageProfile.osDisk", "storageProfile.imageReference"]`, else the
    next `pulumi up` would undo a swap or replace machines; Terraform's `lifecycle { prevent_destroy, ignore_changes }`
    and leaving the machines out of Bicep's incremental deployments do the same.
    """

    host_pool_id: pulumi.Output[str]
    host_pool_name: pulumi.Output[str]

    def __init__(self, name: str, args: HostPoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(TYPE, name, {}, opts)
        pool = desktopvirtualization.HostPool(
            name,
            resource_group_name=args.resource_group_name,
            host_pool_name=args.host_pool_name,
            location=args.location,
            host_pool_type="Pooled",
            load_balancer_type=args.load_balancer_type,
            preferred_app_group_type=args.preferred_app_group_type,
            max_session_limit=args.max_session_limit,
            start_vm_on_connect=args.start_vm_on_connect,
            validation_environment=args.validation_environment,
            custom_rdp_property=args.custom_rdp_property,
            friendly_name=args.friendly_name,
            description=args.description,
            tags=args.tags,
            opts=pulumi.ResourceOptions(
                parent=self,
                ignore_changes=["registrationInfo", "vmTemplate", "tags"],
            ),
        )
        self.host_pool_id = pool.id
        self.host_pool_name = pool.name
        self.register_outputs({"host_pool_id": self.host_pool_id, "host_pool_name": self.host_pool_name})
