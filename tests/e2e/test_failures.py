"""What a user is told by the CLI when it does not work, and what is left then: a mistyped key, a wrong secret, a role
that lacks an action, and a new image whose hosts never come back. Each fixture is a step of one stack's story."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from demo.verify import checks
from tests.e2e.emulated_stack import (
    GROUP,
    POOL,
    Act,
    EmulatedStack,
    emulated_stack,
    lasting,
    os_disks,
    public_texts,
    secrets_in,
    session_hosts,
    versions,
)

HOSTS = {"vm-0", "vm-1", "vm-2"}
START = "Microsoft.Compute/virtualMachines/start/action"
ROLES_API = "2022-04-01"
NEVER_REGISTERS = {
    "id": "bad-image",
    "effect": {"type": "guest", "host": "^vm-", "image": r"1\.0\.1$", "fault": "never_registers"},
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedStack]:
    with emulated_stack(tmp_path_factory.mktemp("failures")) as made:
        yield made


@pytest.fixture(scope="module")
def declared(stack: EmulatedStack) -> Act:
    act = stack.run("up", "--yes", "--skip-preview")
    assert act.exit_code == 0, act.output
    stack.pulumi.set("image_version", "1.0.1")
    return act


@pytest.fixture(scope="module")
def mistyped(stack: EmulatedStack, declared: Act) -> Act:
    stack.pulumi.set("rollout.max_unavailble", "3", path=True)
    act = stack.run("preview")
    stack.pulumi.quiet("config", "rm", "--path", "rollout.max_unavailble")
    return act


@pytest.fixture(scope="module")
def wrong_secret(stack: EmulatedStack, mistyped: Act) -> Act:
    return stack.run("up", "--yes", "--skip-preview", HOSTPOOL_CLIENT_SECRET="not-the-secret")


@pytest.fixture(scope="module")
def less_rights(stack: EmulatedStack, wrong_secret: Act) -> Act:
    """Somebody took the right to start machines from the role, and puts it back after the preview."""
    [role] = [body for body in stack.state()["resources"].values() if START in _custom_actions(body)]
    _let_role_have(stack, role, [action for action in _custom_actions(role) if action != START])
    act = stack.run("preview")
    _let_role_have(stack, role, _custom_actions(role))
    return act


def _custom_actions(body: dict[str, Any]) -> list[str]:
    """The actions of a custom role, none of anything else."""
    properties = body.get("properties", {})
    return list(properties["permissions"][0]["actions"]) if properties.get("type") == "CustomRole" else []


def _let_role_have(stack: EmulatedStack, role: dict[str, Any], actions: list[str]) -> None:
    properties = role["properties"]
    kept = {name: properties[name] for name in ("roleName", "type", "description", "assignableScopes")}
    permissions = [{**properties["permissions"][0], "actions": actions}]
    stack.arm("PUT", role["id"], {"properties": {**kept, "permissions": permissions}}, api_version=ROLES_API)


@pytest.fixture(scope="module")
def stopped(stack: EmulatedStack, less_rights: Act) -> Act:
    """The hosts of the new image never come back."""
    stack.azure.post("faults", {"seed": 1, "rules": [NEVER_REGISTERS]})
    return stack.run("up", "--yes", "--skip-preview")


@pytest.fixture(scope="module")
def saved(stack: EmulatedStack, stopped: Act) -> dict[str, object]:
    """The resource as the stack's state has it after the failure."""
    return stack.exported()


@pytest.fixture(scope="module")
def mended(stack: EmulatedStack, saved: dict[str, object]) -> Act:
    stack.azure.post("faults", {"seed": 1, "rules": []})
    return stack.run("up", "--yes", "--skip-preview")


def unchanged(act: Act) -> bool:
    """Nobody wrote anything, and every resource is as it was."""
    return act.all_writes == [] and lasting(act.before) == lasting(act.after)


def raised(act: Act) -> str:
    """The provider's failure: a sentence, without a traceback."""
    lines = [line for line in act.output.splitlines() if "pool hp1: " in line]
    assert lines and "Traceback" not in act.output, act.output
    return f"pool hp1: {lines[-1].partition('pool hp1: ')[2].strip()}"


def test_a_mistyped_key_is_told_with_what_was_meant(mistyped: Act) -> None:
    assert mistyped.exit_code != 0
    assert "rollout.max_unavailble" in mistyped.output and "max_unavailable" in mistyped.output, mistyped.output
    assert "Traceback" not in mistyped.output
    assert unchanged(mistyped)


def test_a_wrong_secret_ends_the_update_in_one_clear_line(wrong_secret: Act) -> None:
    assert wrong_secret.exit_code != 0
    assert raised(wrong_secret).startswith("pool hp1: "), wrong_secret.output
    assert "AADSTS7000215" in raised(wrong_secret) and "HOSTPOOL_*" in raised(wrong_secret)
    assert "not-the-secret" not in wrong_secret.output
    assert unchanged(wrong_secret)


def test_an_action_that_the_role_lost_is_named_in_the_preview(less_rights: Act) -> None:
    assert less_rights.exit_code != 0
    shown = " ".join(less_rights.output.split())
    assert f"{GROUP}: the role lacks {START}; add it to the role" in shown, less_rights.output
    assert "Traceback" not in less_rights.output
    assert unchanged(less_rights)


def test_the_pool_was_not_touched_by_what_was_refused(stopped: Act) -> None:
    tags = stopped.before["resources"][POOL.lower()].get("tags") or {}
    assert [name for name in tags if name.startswith("avd-rollout")] == []


def test_a_rollout_that_failed_says_what_failed_and_where_to_look(stopped: Act) -> None:
    assert stopped.exit_code != 0, stopped.output
    text = raised(stopped)
    assert text.startswith("pool hp1: 1 of 3 hosts failed; first: vm-"), text
    assert "; see " in text and Path(text.rpartition("; see ")[2]).is_file(), text


def test_one_host_is_tried_and_all_are_back_on_the_old_image(stopped: Act) -> None:
    assert versions(stopped.after) == dict.fromkeys(HOSTS, "1.0.0")
    assert os_disks(stopped.after) == os_disks(stopped.before)
    records = session_hosts(stopped.after)
    assert {host: record["status"] for host, record in records.items()} == dict.fromkeys(HOSTS, "Available")
    assert all(record["allowNewSession"] for record in records.values())
    assert max(sample["unavailable"] for sample in stopped.capacity) == 1


def test_nothing_is_left_over_and_nobody_was_cut_off(stopped: Act) -> None:
    assert stopped.after["resources"].keys() - stopped.before["resources"].keys() == set()
    gone = stopped.before["resources"].keys() - stopped.after["resources"].keys()
    # These did their work when the host was made; the rollout takes them off ahead.
    assert {key.rpartition("/")[2] for key in gone} <= {"joindomain", "microsoft.powershell.dsc"}
    assert [event for event in stopped.session_events if event["event"] == "cut_off"] == []
    assert stopped.refused == []


def test_the_saved_state_is_that_of_the_last_run_that_succeeded(saved: dict[str, dict[str, object]]) -> None:
    assert saved["outputs"]["status"] == "complete"
    assert str(saved["outputs"]["image_version_id"]).endswith("/versions/1.0.0")


def test_the_pool_itself_says_that_the_attempt_stopped(stopped: Act) -> None:
    record = stopped.after["resources"][POOL.lower()]["tags"]["avd-rollout"]
    assert "stopped" in record


def test_up_with_a_mended_image_completes_in_a_new_attempt(stack: EmulatedStack, stopped: Act, mended: Act) -> None:
    assert mended.exit_code == 0, mended.output
    evidence = replace(mended.evidence("1.0.1"), before=stopped.before)  # before the failed attempt, that is
    assert {check.title: check.problems for check in checks(evidence) if check.problems} == {}
    assert stack.exported()["outputs"]["attempt"] == 2


def test_i8_a_failure_shows_and_keeps_nothing_that_is_secret(stack: EmulatedStack, stopped: Act, mended: Act) -> None:
    texts = public_texts(stack, stopped, mended)
    assert secrets_in(stack, texts) == []
    assert "hosts failed" in texts["output 0"] and any(where.endswith(".jsonl") for where in texts)
