from __future__ import annotations

import uuid
from typing import Any

import pulumi
import pytest

from components import CaptureRoleArgs, ImageUpdateRole, ImageUpdateRoleArgs, Purpose
from components.capture_role_actions import CAPTURE_ACTIONS
from components.update_role_actions import ACTIONS, DATA_ACTIONS
from components.update_role_plan import Role, roles

SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111"
PRINCIPAL = "33333333-3333-3333-3333-333333333333"


def group(name: str) -> str:
    return f"{SUBSCRIPTION}/resourceGroups/{name}"


def arguments(**args: Any) -> ImageUpdateRoleArgs:
    given: dict[str, Any] = {
        "principal_id": PRINCIPAL,
        "host_pool_id": group("avd") + "/providers/Microsoft.DesktopVirtualization/hostPools/hp1",
        "host_resource_groups": [group("hosts-a"), group("hosts-b")],
        "subnet_ids": [group("network") + "/providers/Microsoft.Network/virtualNetworks/v/subnets/s"],
        "image_id": group("images") + "/providers/Microsoft.Compute/galleries/avd/images/win11",
        "key_vault_ids": [group("avd") + "/providers/Microsoft.KeyVault/vaults/kv"],
        "build_resource_group": group("build"),
    }
    return ImageUpdateRoleArgs(**given | args)


def in_one_group(**args: Any) -> ImageUpdateRoleArgs:
    one = group("avd")
    return arguments(
        **{"host_resource_groups": [one], "subnet_ids": [one], "image_id": one, "build_resource_group": None} | args
    )


def declared(declare, args: ImageUpdateRoleArgs):
    return declare(lambda: ImageUpdateRole("update", args))


def actions_at(made, scope: str) -> tuple[set[str], set[str]]:
    """What the assignments at a scope allow: actions and data actions."""
    definitions = {d["roleDefinitionId"]: d["permissions"][0] for d in made.of("authorization:RoleDefinition")}
    granted = [
        definitions[a["roleDefinitionId"].rsplit("/", 1)[-1]]
        for a in made.of("authorization:RoleAssignment")
        if a["scope"] == scope
    ]
    return (
        {action for permission in granted for action in permission["actions"]},
        {action for permission in granted for action in permission["dataActions"]},
    )


def test_creates_one_assignment_per_resource_group(declare):
    made = declared(declare, arguments(catalog=False))
    scopes = [a["scope"] for a in made.of("authorization:RoleAssignment")]
    assert sorted(scopes) == [group(n) for n in ("avd", "build", "hosts-a", "hosts-b", "images", "network")]


def test_creates_one_assignment_where_everything_is_in_one_group(declare):
    made = declared(declare, in_one_group(catalog=False))
    assert [a["scope"] for a in made.of("authorization:RoleAssignment")] == [group("avd")]
    assert len(made.of("authorization:RoleDefinition")) == 1


def test_groups_that_hold_the_same_share_a_role(declare):
    made = declared(declare, arguments(catalog=False))
    [hosts] = [d for d in made.of("authorization:RoleDefinition") if "hosts" in d["roleName"]]
    assert hosts["assignableScopes"] == [group("hosts-a"), group("hosts-b")]


def test_the_group_of_the_hosts_has_no_right_to_delete_machines(declare):
    made = declared(declare, arguments())
    for action in ("virtualMachines/delete", "networkInterfaces/delete", "networkInterfaces/write"):
        assert not [a for a in actions_at(made, group("hosts-a"))[0] if a.endswith(action)]
        assert [a for a in actions_at(made, group("build"))[0] if a.endswith(action)]


def test_the_build_group_merges_with_the_hosts_group_when_it_is_the_same(declare):
    made = declared(declare, in_one_group())
    actions, _ = actions_at(made, group("avd"))
    assert "Microsoft.Compute/virtualMachines/delete" in actions
    assert "Microsoft.Compute/virtualMachines/start/action" in actions


def test_secrets_are_readable_only_where_the_vault_is(declare):
    made = declared(declare, arguments())
    reading = {"Microsoft.KeyVault/vaults/secrets/getSecret/action"}
    assert actions_at(made, group("avd"))[1] == reading
    for name in ("build", "hosts-a", "hosts-b", "images", "network"):
        assert actions_at(made, group(name))[1] == set()


def test_the_subscription_scope_holds_catalogue_reads_only(declare):
    actions, data_actions = actions_at(declared(declare, arguments()), SUBSCRIPTION)
    assert actions == set(ACTIONS[Purpose.CATALOG])
    assert all(action.endswith("/read") for action in actions)
    assert data_actions == set()


def test_assigns_everything_once_at_the_subscription_when_asked(declare):
    made = declared(declare, arguments(subscription_scope=True))
    assert [a["scope"] for a in made.of("authorization:RoleAssignment")] == [SUBSCRIPTION]
    actions, data_actions = actions_at(made, SUBSCRIPTION)
    assert actions == {action for purpose in Purpose for action in ACTIONS[purpose]}
    assert data_actions == set(DATA_ACTIONS[Purpose.SECRETS])


@pytest.mark.parametrize("image", [None, "/sharedGalleries/3-AVD/images/win11", "/communityGalleries/c-1/images/w"])
def test_an_image_of_others_needs_no_right_on_a_gallery(declare, image):
    made = declared(declare, arguments(image_id=image))
    assert not [a for a in made.of("authorization:RoleAssignment") if a["scope"] == group("images")]


def test_names_are_guids_that_a_second_run_finds_again(declare):
    first, second = declared(declare, arguments()), declared(declare, arguments())
    for token, name in (("RoleDefinition", "roleDefinitionId"), ("RoleAssignment", "roleAssignmentName")):
        names = [r[name] for r in first.of(f"authorization:{token}")]
        assert names == [r[name] for r in second.of(f"authorization:{token}")]
        assert len(set(names)) == len(names)
        assert all(uuid.UUID(n).version == 5 for n in names)


def test_another_principal_has_other_assignments_of_the_same_roles(declare):
    first, second = declared(declare, arguments()), declared(declare, arguments(principal_id="4" * 8))
    names = [{a["roleAssignmentName"] for a in made.of("authorization:RoleAssignment")} for made in (first, second)]
    assert not names[0] & names[1]
    roles_of = [{a["roleDefinitionId"] for a in made.of("authorization:RoleAssignment")} for made in (first, second)]
    assert roles_of[0] == roles_of[1]


def test_the_principal_is_said_to_be_a_service_principal(declare):
    made = declared(declare, in_one_group())
    assert {a["principalType"] for a in made.of("authorization:RoleAssignment")} == {"ServicePrincipal"}


def test_the_principal_may_be_an_output(declare):
    def program() -> None:
        ImageUpdateRole("update", in_one_group(principal_id=pulumi.Output.from_input(PRINCIPAL)))

    plain = declared(declare, in_one_group())
    assert declare(program).of("authorization:RoleAssignment") == plain.of("authorization:RoleAssignment")


def test_each_definition_is_a_custom_role_that_exists_before_its_assignments(declare, options):
    made = declared(declare, in_one_group(catalog=False))
    assert [d["roleType"] for d in made.of("authorization:RoleDefinition")] == ["CustomRole"]
    [waits] = [given.depends_on for given in options().values() if given.depends_on]
    assert [type(resource).__name__ for resource in waits] == ["RoleDefinition"]


def test_ids_that_differ_by_case_are_one_group():
    planned = roles({Purpose.POOL: [group("AVD")], Purpose.HOSTS: [group("avd")]}, catalog=False)
    assert planned == [Role((Purpose.POOL, Purpose.HOSTS), (group("AVD"),))]


def test_a_gallery_in_another_subscription_has_its_own_definition_there(declare):
    images = "/subscriptions/22222222-2222-2222-2222-222222222222/resourceGroups/images"
    made = declared(declare, in_one_group(image_id=images))
    [definition] = [d for d in made.of("authorization:RoleDefinition") if d["assignableScopes"] == [images]]
    assert definition["scope"] == "/subscriptions/22222222-2222-2222-2222-222222222222"
    assert definition["roleName"] == "AVD image update (gallery in 22222222-2222-2222-2222-222222222222)"
    [assignment] = [a for a in made.of("authorization:RoleAssignment") if a["scope"] == images]
    assert assignment["roleDefinitionId"].startswith("/subscriptions/22222222-2222-2222-2222-222222222222/providers/")
    assert actions_at(made, images)[0] == set(ACTIONS[Purpose.GALLERY])


def test_names_of_definitions_are_unique_in_the_tenant(declare):
    images = "/subscriptions/22222222-2222-2222-2222-222222222222/resourceGroups/images"
    made = declared(declare, arguments(image_id=images))
    names = [d["roleName"] for d in made.of("authorization:RoleDefinition")]
    assert len(set(names)) == len(names)


def test_what_is_in_no_resource_group_is_refused():
    with pytest.raises(ValueError, match="'hp1' is not in a resource group: write /subscriptions/"):
        roles({Purpose.POOL: ["hp1"], Purpose.HOSTS: [group("avd")]})


def test_no_action_is_a_wildcard_and_none_is_listed_twice():
    for purpose, actions in ACTIONS.items():
        assert len(set(map(str.lower, actions))) == len(actions), purpose
        assert all("*" not in action and action.count("/") >= 2 for action in actions), purpose


def test_captures_come_beside_and_only_the_clone_s_group_lets_machines_be_deleted(declare):
    captures = CaptureRoleArgs(group("golden"), group("images"), group("network"), group("clones"))
    made = declared(declare, arguments(captures=captures))
    assert actions_at(made, group("golden"))[0] == set(CAPTURE_ACTIONS["golden"])
    assert actions_at(made, group("clones"))[0] == set(CAPTURE_ACTIONS["clone"])
    assert actions_at(made, group("images"))[0] == {*CAPTURE_ACTIONS["versions"], *ACTIONS[Purpose.GALLERY]}
    assert actions_at(made, group("network"))[0] == set(ACTIONS[Purpose.NETWORK])
    alone = declared(declare, arguments(captures=CaptureRoleArgs(group("golden"), group("images"), group("network"))))
    assert actions_at(alone, group("golden"))[0] == {*CAPTURE_ACTIONS["golden"], *CAPTURE_ACTIONS["clone"]}
