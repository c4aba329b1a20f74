"""A rollout under the real CLI is told to stop: Ctrl-C once and twice, a CI runner's SIGTERM, `hostpool pause`.

Whatever it was, the lease is given back and the stack is not locked, so that the next `up` goes on at once.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.emulated_stack import (
    POOL,
    TOKEN,
    Act,
    EmulatedStack,
    RunningCli,
    emulated_stack,
    session_hosts,
)

LEASE = "avd-rollout-lease"
SAID = "pool hp1: stopped at a safe point; run pulumi up again: it goes on where this run stopped"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedStack]:
    """A pool that is to run 1.0.1, with a canary that bakes for days: no rollout here ends by itself."""
    with emulated_stack(tmp_path_factory.mktemp("stopping"), hosts=2, users="2") as made:
        act = made.run("up", "--yes", "--skip-preview")
        assert act.exit_code == 0, act.output
        made.pulumi.set("image_version", "1.0.1")
        made.pulumi.set("rollout.canary.bake", "P2D", path=True)
        yield made


@dataclass(frozen=True)
class Stopped:
    """How an `up` ended that was told to stop in the middle."""

    act: Act
    lease: str
    pending: tuple[str, ...]
    """Pulumi's pending operations: what it takes for interrupted."""


def stopped(stack: EmulatedStack, said: str, ask: Callable[[RunningCli], None]) -> Stopped:
    """Begin `up`, ask it to stop once it has said something, and wait for its end and its provider's."""
    watch, cli = stack.watch(), stack.begin("up", "--yes", "--skip-preview")
    stack.wait_until(lambda: said in cli.output.read_text(), cli)
    ask(cli)
    exit_code = cli.process.wait(120)
    act = watch(exit_code, cli.output.read_text())
    state = json.loads(stack.pulumi.quiet("stack", "export"))["deployment"]
    pending = tuple(each["type"] for each in state.get("pending_operations") or () if each["resource"]["type"] == TOKEN)
    return Stopped(act, stack.pool_tags()[LEASE], pending)


@pytest.fixture(scope="module")
def ctrl_c(stack: EmulatedStack) -> Stopped:
    """What a terminal sends: SIGINT to the CLI's process group, which its plugins are not in."""
    return stopped(stack, "attempt 1 begins", lambda cli: os.killpg(cli.process.pid, signal.SIGINT))


@pytest.fixture(scope="module")
def twice(stack: EmulatedStack, ctrl_c: Stopped) -> Stopped:
    def ask(cli: RunningCli) -> None:
        os.killpg(cli.process.pid, signal.SIGINT)
        time.sleep(0.3)  # as fast as a person is
        if cli.process.poll() is None:
            os.killpg(cli.process.pid, signal.SIGINT)

    return stopped(stack, "attempt 1 goes on", ask)


@pytest.fixture(scope="module")
def ci_runner(stack: EmulatedStack, twice: Stopped) -> Stopped:
    """SIGTERM to the CLI and all processes below it."""

    def ask(cli: RunningCli) -> None:
        for pid in cli.tree():
            os.kill(pid, signal.SIGTERM)

    return stopped(stack, "attempt 1 goes on", ask)


@pytest.fixture(scope="module")
def paused(stack: EmulatedStack, ci_runner: Stopped) -> Stopped:
    return stopped(stack, "attempt 1 goes on", lambda cli: hostpool(stack, "pause"))


def hostpool(stack: EmulatedStack, command: str) -> None:
    subprocess.run(
        [sys.executable, "-c", "from hostpool.main import main; main()", command],
        env={**stack.pulumi.environment, "HOSTPOOL_ID": POOL},
        check=True,
    )


def test_one_ctrl_c_ends_the_rollout_at_a_safe_point_and_says_so(ctrl_c: Stopped) -> None:
    assert ctrl_c.act.exit_code == 1
    assert ctrl_c.act.output.rstrip().count(SAID) >= 1
    assert "told to stop" in ctrl_c.act.output
    assert ctrl_c.pending == ()
    assert "owner=nobody" in ctrl_c.lease


def test_two_ctrl_c_give_the_lease_back_too(twice: Stopped) -> None:
    """Pulumi calls the update pending then, unless the first Ctrl-C had ended the run already."""
    assert twice.act.exit_code != 0
    assert twice.pending == (() if SAID in twice.act.output else ("updating",))
    assert "owner=nobody" in twice.lease


def test_the_sigterm_of_a_ci_runner_ends_it_at_a_safe_point(ci_runner: Stopped) -> None:
    assert ci_runner.act.exit_code == 1
    assert SAID in ci_runner.act.output
    assert ci_runner.pending == ()
    assert "owner=nobody" in ci_runner.lease


def test_a_pause_finishes_what_is_out_and_gives_back_the_rest(paused: Stopped) -> None:
    assert paused.act.exit_code == 1
    assert "paused by" in paused.act.output and "Traceback" not in paused.act.output
    assert {host["allowNewSession"] for host in session_hosts(paused.act.after).values()} == {True}
    assert "owner=nobody" in paused.lease
    assert paused.pending == ()


def test_nobody_was_cut_off(ctrl_c: Stopped, twice: Stopped, ci_runner: Stopped, paused: Stopped) -> None:
    acts = (ctrl_c.act, twice.act, ci_runner.act, paused.act)
    assert [event for act in acts for event in act.session_events if event["event"] == "cut_off"] == []
