"""What a user is told by the CLI who may not, cannot reach Azure, or mistyped: a clear line, and nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.emulated_stack import GROUP, POOL, Act, EmulatedStack, emulated_stack, lasting

START = "Microsoft.Compute/virtualMachines/start/action"
ROLES_API = "2022-04-01"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedStack]:
    """A stack at 1.0.0 whose next step is 1.0.1."""
    with emulated_stack(tmp_path_factory.mktemp("refusals"), hosts=2, users="0") as made:
        declared = made.run("up", "--yes", "--skip-preview")
        assert declared.exit_code == 0, declared.output
        made.pulumi.set("image_version", "1.0.1")
        yield made


def unchanged(act: Act) -> bool:
    """Nobody wrote anything, and every resource is as it was."""
    return act.all_writes == [] and lasting(act.before) == lasting(act.after)


def raised(act: Act) -> str:
    """The line that the provider's failure ends in."""
    lines = [line.strip() for line in act.output.splitlines() if "HostPoolImageUpdateFailed: " in line]
    return lines[-1].partition("HostPoolImageUpdateFailed: ")[2] if lines else ""


def test_a_mistyped_key_is_told_with_what_was_meant(stack: EmulatedStack) -> None:
    stack.pulumi.set("rollout.max_unavailble", "3", path=True)
    act = stack.run("preview")
    stack.pulumi.quiet("config", "rm", "--path", "rollout.max_unavailble")
    assert act.exit_code != 0
    assert "rollout.max_unavailble" in act.output and "max_unavailable" in act.output, act.output
    assert "Traceback" not in act.output
    assert unchanged(act)


def test_a_wrong_secret_is_a_warning_in_the_preview(stack: EmulatedStack) -> None:
    act = stack.run("preview", HOSTPOOL_CLIENT_SECRET="not-the-secret")
    assert act.exit_code == 0, act.output
    assert "Azure could not be asked" in act.output and "AADSTS7000215" in act.output, act.output
    assert unchanged(act)


def test_a_wrong_secret_ends_the_update_in_one_clear_line(stack: EmulatedStack) -> None:
    act = stack.run("up", "--yes", "--skip-preview", HOSTPOOL_CLIENT_SECRET="not-the-secret")
    assert act.exit_code != 0
    assert raised(act).startswith("pool hp1: "), act.output
    assert "AADSTS7000215" in raised(act) and "HOSTPOOL_*" in raised(act)
    assert "not-the-secret" not in act.output
    assert unchanged(act)


def test_an_azure_that_does_not_answer_is_named(stack: EmulatedStack) -> None:
    act = stack.run("up", "--yes", "--skip-preview", ARM_METADATA_HOSTNAME="localhost:9")
    assert act.exit_code != 0
    assert "ARM_METADATA_HOSTNAME" in act.output, act.output
    assert unchanged(act)


def test_an_action_that_the_role_lost_is_named_in_the_preview(stack: EmulatedStack) -> None:
    scope = f"{GROUP}/providers/Microsoft.Authorization/roleDefinitions"
    roles = [
        body
        for body in stack.state()["resources"].values()
        if START in str(body.get("properties", {}).get("permissions")) and "CustomRole" in str(body["properties"])
    ]
    assert roles, scope
    for role in roles:
        properties = role["properties"]
        actions = [action for action in properties["permissions"][0]["actions"] if action != START]
        permissions = [{**properties["permissions"][0], "actions": actions}]
        kept = {name: properties[name] for name in ("roleName", "type", "description", "assignableScopes")}
        stack.arm("PUT", role["id"], {"properties": {**kept, "permissions": permissions}}, api_version=ROLES_API)
    act = stack.run("preview")
    assert act.exit_code != 0
    assert f"{GROUP}: the role lacks {START}; add it to the role" in " ".join(act.output.split()), act.output
    assert "Traceback" not in act.output
    assert unchanged(act)


def test_the_pool_was_not_touched_by_any_of_it(stack: EmulatedStack) -> None:
    pool = stack.state()["resources"][POOL.lower()]
    assert [name for name in pool.get("tags") or {} if name.startswith("avd-rollout")] == []
