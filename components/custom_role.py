"""Custom roles and their assignments, from the plan of `update_role_plan.py`."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
from pulumi_azure_native import authorization

from components.arm_ids import name_of, stable_guid
from components.update_role_plan import Role


class CustomRoles:
    """What a component declares for a plan of roles.

    Names of definitions and assignments are GUIDs computed from what they stand for, so that a lost state or a second
    stack finds them instead of making others.
    """

    definition_ids: dict[str, pulumi.Output[str]]
    """By purposes, such as `pool+hosts+build`."""
    assignments: list[authorization.RoleAssignment]

    def __init__(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        roles: Sequence[Role],
        *,
        role_name: str,
        says: str,
        principal_id: pulumi.Input[str],
        principal_type: str,
    ) -> None:
        self._parent, self._name, self._role_name, self._says = parent, name, role_name, says
        self._principal_id, self._principal_type = principal_id, principal_type
        self.definition_ids, self.assignments = {}, []
        for role in roles:
            definition = self._definition(role)
            self.definition_ids[role.label] = definition.id
            self.assignments += [self._assignment(role, scope, definition) for scope in role.scopes]

    @property
    def assignment_ids(self) -> list[pulumi.Output[str]]:
        return [assignment.id for assignment in self.assignments]

    def _definition(self, role: Role) -> authorization.RoleDefinition:
        return authorization.RoleDefinition(
            f"{self._name}-{role.label}",
            scope=role.subscription,
            role_definition_id=role.guid(self._role_name),
            role_name=f"{self._role_name} ({role.label})",
            role_type="CustomRole",
            description=f"{self._says}: " + ", ".join(role.purposes),
            assignable_scopes=list(role.scopes),
            permissions=[
                {
                    "actions": role.actions,
                    "not_actions": [],
                    "data_actions": role.data_actions,
                    "not_data_actions": [],
                }
            ],
            opts=pulumi.ResourceOptions(parent=self._parent),
        )

    def _assignment(
        self, role: Role, scope: str, definition: authorization.RoleDefinition
    ) -> authorization.RoleAssignment:
        guid = role.guid(self._role_name)
        return authorization.RoleAssignment(
            f"{self._name}-{name_of(scope)}-{role.label}",
            scope=scope,
            role_assignment_name=pulumi.Output.from_input(self._principal_id).apply(
                lambda principal: stable_guid("assignment", scope, principal, guid)
            ),
            principal_id=self._principal_id,
            principal_type=self._principal_type,
            # Written out, as Azure returns it, and not the definition's output: known in a preview, and no replacement
            # of the assignment when the definition changes.
            role_definition_id=f"{role.subscription}/providers/Microsoft.Authorization/roleDefinitions/{guid}",
            opts=pulumi.ResourceOptions(parent=self._parent, depends_on=[definition]),
        )
