"""Role definitions, assignments, and what they allow. Statuses and texts: recordings auth-role-definition-lifecycle,
auth-role-definition-errors, error-403-authorizationfailed-read, error-roleassignment-principal-not-found-retry."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.authorization import assignments, check, roles
from emulator.wire import ArmError, Request
from tests.emulator.arm_client import COMPUTE, GROUP, GUEST, NETWORK, OWNER, SCOPE, Client, code, message

ROLE = "88888888-0000-4000-8000-000000000001"
ASSIGNMENT = "99999999-0000-4000-8000-000000000001"


def definition_path(guid: str = ROLE, scope: str = SCOPE) -> str:
    return f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{guid}"


def assignment_path(scope: str = SCOPE, guid: str = ASSIGNMENT) -> str:
    return f"{scope}/providers/Microsoft.Authorization/roleAssignments/{guid}"


def role(*actions: str, name: str = "Image updater", scopes: tuple[str, ...] = (SCOPE,), **more: Any) -> dict[str, Any]:
    permission = {"actions": list(actions), **{k: v for k, v in more.items() if k.endswith("ctions")}}
    rest = {k: v for k, v in more.items() if not k.endswith("ctions")}
    return {"properties": {"roleName": name, "permissions": [permission], "assignableScopes": list(scopes), **rest}}


def assigned(azure: Client, definition: dict[str, Any], scope: str = SCOPE) -> None:
    assert azure.put(definition_path(), definition).status == 201
    body = {"properties": {"roleDefinitionId": definition_path(), "principalId": GUEST.object_id}}
    assert azure.put(assignment_path(scope), body).status == 201


def test_a_definition_is_201_also_when_updated_and_200_with_its_body_when_deleted(azure: Client) -> None:
    first = azure.put(definition_path(), role("Microsoft.Compute/*/read"))
    assert first.status == 201
    properties = first.body["properties"]
    assert properties["type"] == "CustomRole"
    assert properties["permissions"] == [
        {"actions": ["Microsoft.Compute/*/read"], "notActions": [], "dataActions": [], "notDataActions": []}
    ]
    assert properties["createdBy"] is None
    azure.wait(60)
    second = azure.put(definition_path(), role("Microsoft.Compute/*/read", "Microsoft.Support/*"))
    assert second.status == 201
    assert second.body["properties"]["createdOn"] == properties["createdOn"] < second.body["properties"]["updatedOn"]
    deleted = azure.delete(definition_path())
    assert (deleted.status, deleted.body["name"]) == (200, ROLE)
    assert azure.delete(definition_path()).status == 204
    assert (azure.get(definition_path()).status, code(azure.get(definition_path()))) == (
        404,
        "RoleDefinitionDoesNotExist",
    )


def test_a_definition_written_at_a_group_lives_in_the_subscription(azure: Client) -> None:
    body = azure.put("/" + definition_path(scope=GROUP), role("*/read", scopes=(GROUP,))).body
    assert body["id"] == definition_path()


@pytest.mark.parametrize(
    ("guid", "definition", "status", "expected", "text"),
    [
        (
            ROLE,
            role("*/read", type="BuiltInRole"),
            400,
            "InvalidRoleDefinitionType",
            f"The role definition '{ROLE}' request is not valid. The Role definition type value 'BuiltInRole' is not "
            "supported. The supported values are 'CustomRole'.",
        ),
        (
            ROLE,
            role("*/read", name=""),
            400,
            "RoleDefinitionNameNullOrEmpty",
            "A role definition must have a non-empty",
        ),
        (ROLE, role("*/read", scopes=()), 400, "MissingAssignableScopes", "at least one assignable scope"),
        (
            roles.READER,
            role("*/read"),
            409,
            "RoleDefinitionExists",
            "The role definition ID is already in use by a built-in role.",
        ),
        (ROLE, role("reed"), 400, "InvalidActionOrNotAction", "'reed' does not match any of the actions"),
        (ROLE, role("*/read", name="reader"), 409, "RoleDefinitionWithSameNameExists", "same name already exists"),
    ],
)
def test_a_wrong_definition_is_refused_in_azures_words(
    azure: Client, guid: str, definition: dict[str, Any], status: int, expected: str, text: str
) -> None:
    answer = azure.put(definition_path(guid), definition)
    assert (answer.status, code(answer)) == (status, expected)
    assert text in message(answer)


def test_the_list_has_custom_and_built_in_roles_and_filters_by_name(azure: Client) -> None:
    azure.put(definition_path(), role("*/read"))
    path = f"{SCOPE}/providers/Microsoft.Authorization/roleDefinitions"
    names = {r["properties"]["roleName"] for r in azure.get(path).body["value"]}
    assert {"Image updater", "Owner", "Contributor", "Reader"} <= names
    owner = azure.get(f"{path}?$filter=roleName eq 'Owner'").body["value"]
    assert [r["id"] for r in owner] == [f"{path}/{roles.OWNER}"]
    assert azure.get(f"/providers/Microsoft.Authorization/roleDefinitions/{roles.READER}", who=GUEST).status == 200


def test_an_assignment_is_201_and_the_same_role_again_409(azure: Client) -> None:
    body = {"properties": {"roleDefinitionId": roles.BUILT_IN[roles.READER]["id"], "principalId": GUEST.object_id}}
    first = azure.put(assignment_path(GROUP), body)
    assert first.status == 201
    assert first.body["properties"]["scope"] == GROUP
    assert first.body["properties"]["principalType"] == "ServicePrincipal"
    again = azure.put(assignment_path(GROUP, "99999999-0000-4000-8000-000000000002"), body)
    assert (again.status, code(again)) == (409, "RoleAssignmentExists")
    other = {"properties": {**body["properties"], "principalId": OWNER.object_id}}
    changed = azure.put(assignment_path(GROUP), other)
    assert (changed.status, code(changed)) == (409, "RoleAssignmentUpdateNotPermitted")
    deleted = azure.delete(assignment_path(GROUP))
    assert (deleted.status, deleted.body["name"]) == (200, ASSIGNMENT)
    assert azure.delete(assignment_path(GROUP)).status == 204


def test_an_unknown_principal_is_400_unless_its_type_is_named(azure: Client) -> None:
    stranger = "a236895d-38df-4285-90e7-9151ee89a206"
    properties = {"roleDefinitionId": roles.BUILT_IN[roles.READER]["id"], "principalId": stranger}
    refused = azure.put(assignment_path(), {"properties": properties})
    assert (refused.status, code(refused)) == (400, "PrincipalNotFound")
    assert message(refused).startswith("Principal a236895d38df428590e79151ee89a206 does not exist in the directory ")
    named = {"properties": {**properties, "principalType": "ServicePrincipal"}}
    assert azure.put(assignment_path(), named).status == 201


def test_a_role_is_assignable_only_below_its_scopes(azure: Client) -> None:
    azure.put(definition_path(), role("*/read", scopes=(GROUP,)))
    body = {"properties": {"roleDefinitionId": definition_path(), "principalId": GUEST.object_id}}
    assert azure.put(assignment_path(SCOPE), body).status == 400
    assert azure.put(assignment_path(f"{COMPUTE}/disks/d1"), body).status == 201
    used = azure.delete(definition_path())
    assert code(used) == "RoleDefinitionHasAssignments"


def test_assignments_at_above_and_below_a_scope_are_listed(azure: Client) -> None:
    assignments.grant(azure.world, GUEST.object_id, roles.READER, GROUP)
    at_group = f"{GROUP}/providers/Microsoft.Authorization/roleAssignments"
    at_subscription = f"{SCOPE}/providers/Microsoft.Authorization/roleAssignments"
    assert len(azure.get(at_group).body["value"]) == 2
    assert len(azure.get(at_subscription).body["value"]) == 2
    assert len(azure.get(f"{at_subscription}?$filter=atScope()").body["value"]) == 1
    of_guest = azure.get(f"{at_subscription}?$filter=principalId eq '{GUEST.object_id}'").body["value"]
    assert [a["properties"]["scope"] for a in of_guest] == [GROUP]


def test_without_a_role_a_call_is_403_in_azures_words(azure: Client) -> None:
    disk = f"{COMPUTE}/disks/d1"
    answer = azure.get(disk, who=GUEST)
    assert (answer.status, code(answer)) == (403, "AuthorizationFailed")
    assert message(answer) == (
        f"The client '{GUEST.client_id}' with object id '{GUEST.object_id}' does not have authorization to perform "
        f"action 'Microsoft.Compute/disks/read' over scope '{disk}' or the scope is invalid. If access was recently "
        "granted, please refresh your credentials."
    )
    assert answer.headers.find("x-ms-failure-cause") == "gateway"


def test_wildcards_exceptions_and_inheritance_decide(azure: Client) -> None:
    assigned(azure, role("Microsoft.Network/*", notActions=["Microsoft.Network/*/delete"]), scope=GROUP)
    nic = f"{NETWORK}/networkInterfaces/n1"
    assert azure.get(nic, who=GUEST).status == 404
    assert azure.delete(nic, who=GUEST).status == 403
    assert azure.get(f"{SCOPE}/providers/Microsoft.Network/networkInterfaces", who=GUEST).status == 403
    assert azure.get(f"{COMPUTE}/disks/d1", who=GUEST).status == 403


def test_a_change_of_role_takes_effect_at_once(azure: Client) -> None:
    assigned(azure, role("Microsoft.Compute/disks/read"))
    disk = f"{COMPUTE}/disks/d1"
    assert azure.get(disk, who=GUEST).status == 404
    azure.put(definition_path(), role("Microsoft.Compute/images/read"))
    assert azure.get(disk, who=GUEST).status == 403
    azure.delete(assignment_path())
    assert azure.get(f"{COMPUTE}/images/i1", who=GUEST).status == 403


def test_permissions_are_those_of_the_caller_at_the_scope(azure: Client) -> None:
    actions = ["Microsoft.Authorization/permissions/read", "Microsoft.Compute/disks/read"]
    assigned(azure, role(*actions), scope=GROUP)
    at = "/providers/Microsoft.Authorization/permissions"
    own = azure.get(GROUP + at, who=GUEST).body["value"]
    assert [p["actions"] for p in own] == [actions]
    assert message(azure.get(SCOPE + at, who=GUEST)).count("Microsoft.Authorization/permissions/read") == 1
    assert azure.get(f"{COMPUTE}/disks/d1{at}").body["value"][0]["actions"] == ["*"]


def test_linked_scopes_are_named(azure: Client) -> None:
    subnet, join = f"{NETWORK}/virtualNetworks/v/subnets/s", "Microsoft.Network/virtualNetworks/subnets/join/action"
    request = Request("PUT", f"{NETWORK}/networkInterfaces/n", principal=GUEST)
    with pytest.raises(ArmError) as caught:
        check.linked(
            azure.world,
            request,
            [(join, subnet)],
            performing=("Microsoft.Network/networkInterfaces/write", f"{NETWORK}/networkInterfaces/n"),
        )
    assert (caught.value.status, caught.value.code) == (403, "LinkedAuthorizationFailed")
    assert f"on the linked scope(s) '{subnet}' (respectively)" in caught.value.message
    assert request.linked == [f"{join} on {subnet}"]
    check.linked(azure.world, Request("PUT", "/", principal=OWNER), [(join, subnet)])


def test_data_actions_are_apart_from_actions(azure: Client) -> None:
    assignments.grant(azure.world, GUEST.object_id, roles.KEY_VAULT_SECRETS_USER, GROUP)
    secret = f"{GROUP}/providers/Microsoft.KeyVault/vaults/v/secrets/s"
    read = "Microsoft.KeyVault/vaults/secrets/getSecret/action"
    assert check.allowed(azure.world, GUEST, read, secret, data=True)
    assert not check.allowed(azure.world, GUEST, read, secret)
    assert not check.allowed(azure.world, OWNER, read, secret, data=True)


@given(
    st.lists(st.sampled_from(["Microsoft.Compute", "virtualMachines", "start", "*", "read"]), min_size=1, max_size=4)
)
def test_a_pattern_allows_what_it_spells(parts: list[str]) -> None:
    pattern = "/".join(parts)
    compiled = check._compile({"actions": [pattern]})
    assert compiled.allows(pattern.replace("*", "anything/at/all").upper(), data=False)
    assert not compiled.allows("Other/" + pattern.replace("*", "x") + "/more", data=False) or pattern.startswith("*")
