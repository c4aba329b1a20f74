"""The rights that declaring the OS upgrades of scale sets runs under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization

from components.custom_role import CustomRoles
from components.scale_set_role_actions import ScaleSetPurpose
from components.update_role_plan import AnyPurpose, roles

TYPE = "avd:index:ScaleSetUpgradeRole"


@dataclass(frozen=True)
class ScaleSetUpgradeRoleArgs:
    """Ids may be those of resources or of their resource groups. They are plain strings, not outputs: how many
    assignments there are must be known before anything is made."""

    principal_id: pulumi.Input[str]
    """Object id of the service principal or managed identity that runs the updates (not its client id)."""
    scale_set_ids: Sequence[str]
    image_ids: Sequence[str] = ()
    """Galleries, or image definitions."""
    network_ids: Sequence[str] = ()
    """Subnets and load balancers of the scale sets."""
    key_vault_ids: Sequence[str] = ()
    """Vaults whose secrets the scale sets' models refer to. Without it the rule `secret-expired` is not checked."""
    catalog: bool = True
    """Also the reads at the subscription: quota and sizes, Service Fabric clusters. Without them those rules are not
    checked."""
    role_name: str = "Scale set OS upgrades"
    """Display name; the purposes are added in brackets. Unique in the tenant."""
    principal_type: str = "ServicePrincipal"
    """Azure's ServicePrincipal | User | Group."""

    def __post_init__(self) -> None:
        if not self.scale_set_ids:
            raise ValueError("scale_set_ids: [] is empty; name the scale sets, or their resource groups")


class ScaleSetUpgradeRole(pulumi.ComponentResource):
    """Custom roles with exactly the actions of `ScaleSetUpgradePolicy`, one assignment per resource group."""

    role_definition_ids: dict[str, pulumi.Output[str]]
    assignment_ids: list[pulumi.Output[str]]
    assignments: list[authorization.RoleAssignment]
    """For `depends_on` of what needs them."""

    def __init__(self, name: str, args: ScaleSetUpgradeRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(TYPE, name, {}, opts)
        made = CustomRoles(
            self,
            name,
            roles(_resources(args), catalog=args.catalog),
            role_name=args.role_name,
            says="OS upgrades of scale sets",
            principal_id=args.principal_id,
            principal_type=args.principal_type,
        )
        self.role_definition_ids, self.assignments = made.definition_ids, made.assignments
        self.assignment_ids = made.assignment_ids
        self.register_outputs({"role_definition_ids": self.role_definition_ids, "assignment_ids": self.assignment_ids})


def _resources(args: ScaleSetUpgradeRoleArgs) -> dict[AnyPurpose, Sequence[str]]:
    return {
        ScaleSetPurpose.SCALE_SETS: args.scale_set_ids,
        ScaleSetPurpose.IMAGES: args.image_ids,
        ScaleSetPurpose.NETWORK: args.network_ids,
        ScaleSetPurpose.VAULTS: args.key_vault_ids,
    }
