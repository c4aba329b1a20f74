"""The rights under which the upgrade policies of existing Batch pools are declared (`BatchPoolUpgradePolicy`)."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization

from components.arm_ids import resource_group_of, stable_guid, subscription_of
from components.batch_role_actions import BATCH_ACTIONS, Actions, BatchPurpose

TYPE = "avd:index:BatchUpgradeRole"


@dataclass(frozen=True)
class BatchUpgradeRoleArgs:
    """Ids are plain strings, not outputs: how many assignments there are must be known before anything is made."""

    principal_id: pulumi.Input[str]
    """Object id of the service principal or managed identity that runs the update (not its client id)."""
    account_id: str
    """The Batch account: its pools may be written."""
    image_id: str | None = None
    """The pools' gallery image definition, whose group's versions may be read. None for marketplace images."""
    register_feature: bool = False
    """Also the rights at the subscription to look for, and register, feature RollingUpgradeDeferral."""
    role_name: str = "Batch OS upgrades"
    """Display name; the purpose is added in brackets. Unique in the tenant."""
    principal_type: str = "ServicePrincipal"


class BatchUpgradeRole(pulumi.ComponentResource):
    """One custom role and assignment per purpose, each at the smallest scope that holds what it is for. Their names are
    GUIDs computed from what they stand for, so that a lost state finds them again."""

    assignments: list[authorization.RoleAssignment]
    """For `depends_on` of the policies."""

    def __init__(self, name: str, args: BatchUpgradeRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(TYPE, name, {}, opts)
        self.assignments = [
            self._assigned(name, args, purpose, scope, BATCH_ACTIONS[purpose])
            for purpose, scope in scopes_of(args).items()
        ]
        self.register_outputs({"assignment_ids": [assignment.id for assignment in self.assignments]})

    def _assigned(
        self, name: str, args: BatchUpgradeRoleArgs, purpose: BatchPurpose, scope: str, actions: Actions
    ) -> authorization.RoleAssignment:
        subscription = subscription_of(args.account_id)
        guid = stable_guid("role", scope, args.role_name, purpose)
        definition = authorization.RoleDefinition(
            f"{name}-{purpose}",
            scope=subscription,
            role_definition_id=guid,
            role_name=f"{args.role_name} ({purpose})",
            role_type="CustomRole",
            description=f"Upgrade policies of Batch pools: {purpose}",
            assignable_scopes=[scope],
            permissions=[{"actions": list(actions), "not_actions": [], "data_actions": [], "not_data_actions": []}],
            opts=pulumi.ResourceOptions(parent=self),
        )
        return authorization.RoleAssignment(
            f"{name}-{purpose}",
            scope=scope,
            role_assignment_name=pulumi.Output.from_input(args.principal_id).apply(
                lambda principal: stable_guid("assignment", scope, principal, guid)
            ),
            principal_id=args.principal_id,
            principal_type=args.principal_type,
            # Written out, as Azure returns it: known in a preview.
            role_definition_id=f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{guid}",
            opts=pulumi.ResourceOptions(parent=self, depends_on=[definition]),
        )


def scopes_of(args: BatchUpgradeRoleArgs) -> dict[BatchPurpose, str]:
    """Where each purpose has its role. A role can be assigned at resource groups and above, and a custom one be
    assignable nowhere below them (learn.microsoft.com/azure/role-based-access-control/custom-roles)."""
    scopes = {BatchPurpose.ACCOUNT: resource_group_of(args.account_id)}
    if args.image_id is not None:
        scopes[BatchPurpose.IMAGES] = resource_group_of(args.image_id)
    if args.register_feature:
        scopes[BatchPurpose.SUBSCRIPTION] = subscription_of(args.account_id)
    return scopes
