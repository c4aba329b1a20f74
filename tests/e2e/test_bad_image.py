"""A new image whose hosts never come back: the rollout stops at the canary, nothing is lost, the next `up` goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from demo.verify import checks
from tests.e2e.emulated_stack import (
    POOL,
    Act,
    EmulatedStack,
    emulated_stack,
    os_disks,
    public_texts,
    secrets_in,
    session_hosts,
    versions,
)

HOSTS = {"vm-0", "vm-1", "vm-2"}
NEVER_REGISTERS = {
    "id": "bad-image",
    "effect": {"type": "guest", "host": "^vm-", "image": r"1\.0\.1$", "fault": "never_registers"},
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedStack]:
    with emulated_stack(tmp_path_factory.mktemp("bad-image")) as made:
        yield made


@pytest.fixture(scope="module")
def declared(stack: EmulatedStack) -> Act:
    act = stack.run("up", "--yes", "--skip-preview")
    assert act.exit_code == 0, act.output
    return act


@pytest.fixture(scope="module")
def stopped(stack: EmulatedStack, declared: Act) -> Act:
    stack.pulumi.set("image_version", "1.0.1")
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


def test_the_exit_code_tells_the_failure(stopped: Act) -> None:
    assert stopped.exit_code != 0, stopped.output


def test_the_last_line_of_the_error_says_what_failed_and_where_to_look(stopped: Act) -> None:
    raised = [line.strip() for line in stopped.output.splitlines() if "HostPoolImageUpdateFailed: " in line]
    assert raised, stopped.output
    text = raised[-1].partition("HostPoolImageUpdateFailed: ")[2]
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


def test_up_with_a_mended_image_completes_in_a_new_attempt(stack: EmulatedStack, declared: Act, mended: Act) -> None:
    assert mended.exit_code == 0, mended.output
    evidence = replace(mended.evidence("1.0.1"), before=declared.after)  # before the failed attempt, that is
    assert {check.title: check.problems for check in checks(evidence) if check.problems} == {}
    assert stack.exported()["outputs"]["attempt"] == 2


def test_i8_a_failure_shows_and_keeps_nothing_that_is_secret(stack: EmulatedStack, stopped: Act, mended: Act) -> None:
    texts = public_texts(stack, stopped, mended)
    assert secrets_in(stack, texts) == []
    assert "Traceback" in texts["output 0"] and any(where.endswith(".jsonl") for where in texts)
