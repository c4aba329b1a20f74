"""The CLI is killed in the middle of a rollout, with all its processes or alone: the next `up` finishes the job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from demo.verify import checks
from tests.e2e.emulated_stack import (
    VMS,
    Act,
    EmulatedStack,
    State,
    emulated_stack,
    kill,
    lives,
    os_disks,
    session_hosts,
    versions,
)

HOSTS = {"vm-0", "vm-1", "vm-2"}
LEASE = "avd-rollout-lease"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedStack]:
    with emulated_stack(tmp_path_factory.mktemp("killed")) as made:
        yield made


@pytest.fixture(scope="module")
def declared(stack: EmulatedStack) -> Act:
    act = stack.run("up", "--yes", "--skip-preview")
    assert act.exit_code == 0, act.output
    return act


@dataclass(frozen=True)
class MachineGone:
    """What was there when all processes were gone, and how the story went on."""

    half_done: Act
    """From the start of the killed `up` to its kill."""
    locked: Act
    """An `up` without `pulumi cancel`."""
    cancelled: Act
    finished: Act
    """The next `up`."""
    whole: Act
    """From the start of the killed `up` to the end of the next."""


@pytest.fixture(scope="module")
def machine_gone(stack: EmulatedStack, declared: Act) -> MachineGone:
    """All processes are killed while a host is stopped for the swap."""
    stack.pulumi.set("image_version", "1.0.1")
    first, watch = stack.last_request(), stack.watch()
    cli = stack.begin("up", "--yes", "--skip-preview")
    stack.wait_until(lambda: any(_stops_a_host(call) for call in stack.azure.requests_since(first)), cli)
    cli.kill_all()
    half_done = watch(-9, cli.output.read_text())
    locked = stack.run("up", "--yes", "--skip-preview")
    cancelled = stack.run("cancel", "--yes")
    finished = stack.run("up", "--yes", "--skip-preview")
    return MachineGone(half_done, locked, cancelled, finished, watch(finished.exit_code, finished.output))


@dataclass(frozen=True)
class CliGone:
    """The CLI was killed, its provider lived on."""

    held: str
    """The pool's lease when the CLI was killed."""
    given_back: str
    """The lease once the provider's process had ended."""
    half_done: Act
    """From the start of the killed `up` to the end of the provider's process."""
    finished: Act
    """The next `up`."""


@pytest.fixture(scope="module")
def cli_gone(stack: EmulatedStack, machine_gone: MachineGone) -> CliGone:
    """The CLI alone is killed, while the canary of the revert bakes."""
    stack.pulumi.set("image_version", "1.0.0")
    stack.pulumi.set("rollout.canary.bake", "P2D", path=True)
    watch = stack.watch()
    cli = stack.begin("up", "--yes", "--skip-preview")
    stack.wait_until(lambda: _canary_serves(stack.state()), cli)
    held = stack.pool_tags()[LEASE]
    below = cli.kill()
    providers = [pid for pid, args in below.items() if "pulumi.dynamic" in args]
    assert providers, below
    stack.wait_until(lambda: not any(lives(pid) for pid in providers))
    kill(below)  # Pulumi's own processes, which may not have noticed
    half_done, given_back = watch(-9, cli.output.read_text()), stack.pool_tags()[LEASE]
    stack.pulumi.set("rollout.canary.bake", "PT0S", path=True)
    assert stack.run("cancel", "--yes").exit_code == 0
    return CliGone(held, given_back, half_done, stack.run("up", "--yes", "--skip-preview"))


def _stops_a_host(call: dict[str, object]) -> bool:
    path = str(call["path"]).lower()
    return path.startswith(f"{VMS}/vm-".lower()) and path.endswith("/deallocate") and call["status"] in (200, 202)


def _at_work(key: str, body: dict[str, object]) -> bool:
    """A host's VM that carries the record of a rollout."""
    tags = body.get("tags")
    return key.startswith(f"{VMS}/vm-".lower()) and isinstance(tags, dict) and "avd-rollout" in tags


def _canary_serves(state: State) -> bool:
    """A host runs the version of the revert and takes new sessions."""
    back = [host for host, version in versions(state).items() if version == "1.0.0"]
    records = session_hosts(state)
    return any(
        host in records and records[host]["status"] == "Available" and records[host]["allowNewSession"] for host in back
    )


def test_the_kill_left_a_host_in_the_middle(machine_gone: MachineGone) -> None:
    after = machine_gone.half_done.after
    records = [body["tags"]["avd-rollout"] for key, body in after["resources"].items() if _at_work(key, body)]
    assert records != []
    assert set(versions(after).values()) != {"1.0.1"}


def test_the_stack_is_locked_until_pulumi_cancel(machine_gone: MachineGone) -> None:
    assert machine_gone.locked.exit_code != 0
    assert "pulumi cancel" in machine_gone.locked.output
    assert machine_gone.locked.all_writes == []
    assert machine_gone.cancelled.exit_code == 0, machine_gone.cancelled.output


def test_the_next_up_finishes_the_job_as_if_nothing_had_been(machine_gone: MachineGone) -> None:
    assert machine_gone.finished.exit_code == 0, machine_gone.finished.output
    verdict = checks(machine_gone.whole.evidence("1.0.1"))
    assert {check.title: check.problems for check in verdict if check.problems} == {}


def test_it_is_the_same_attempt_that_goes_on(machine_gone: MachineGone) -> None:
    assert "attempt 1 begins" in machine_gone.half_done.output
    assert "attempt 1 goes on" in machine_gone.finished.output


def test_a_provider_whose_cli_is_gone_gives_the_lease_back_and_ends(cli_gone: CliGone) -> None:
    assert "owner=nobody" not in cli_gone.held
    assert "owner=nobody" in cli_gone.given_back
    assert sorted(versions(cli_gone.half_done.after).values()) == ["1.0.0", "1.0.1", "1.0.1"]


def test_the_job_that_a_lone_kill_interrupted_is_finished_too(declared: Act, cli_gone: CliGone) -> None:
    finished = cli_gone.finished
    assert finished.exit_code == 0, finished.output
    assert "attempt 2 goes on" in finished.output
    assert versions(finished.after) == dict.fromkeys(HOSTS, "1.0.0")
    assert os_disks(finished.after) == os_disks(declared.before)


def test_no_call_of_either_principal_is_refused(machine_gone: MachineGone, cli_gone: CliGone) -> None:
    assert machine_gone.whole.refused + cli_gone.half_done.refused + cli_gone.finished.refused == []
