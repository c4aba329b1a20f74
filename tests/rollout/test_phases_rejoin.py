"""REJOIN by literals: start, join, agent, and what has to be so before the host serves."""

from __future__ import annotations

from typing import Any

import pytest

from rollout.clock import iso
from rollout.phases import next_step
from rollout.record import Phase
from rollout.steps import (
    CheckGuest,
    Enter,
    Fail,
    InstallAgent,
    JoinDirectory,
    Memory,
    NoteHealthy,
    Repair,
    SetAllowNewSession,
    Start,
    Step,
    Wait,
)
from tests.rollout.literals import (
    AD_JOIN,
    DSC,
    ENTRA,
    LOGIN,
    MONITOR,
    NEW,
    extension,
    goal,
    kind,
    record,
    session_host,
    view,
    vm,
)
from tests.support.observed import NOW

JOINED = [extension(AD_JOIN)]
INSTALLED = [*JOINED, extension(DSC)]
LATE = Memory(up_since=NOW - 3601)
HEALTHY = Memory(up_since=NOW - 300, checked=True, healthy_polls=2)


def step(machine: Any = None, *, inputs: dict[str, Any] | None = None, **changes: Any) -> Step:
    was = changes.pop("record", record(Phase.REJOIN, ago=300))
    fields = {"sessions": None, **changes}
    return next_step(view(was, machine or vm(disk=NEW, extensions=INSTALLED), **fields), goal(**(inputs or {})))


def test_a_stopped_vm_is_started_when_nothing_runs_on_it() -> None:
    assert step(vm("deallocated", disk=NEW)) == Start()
    assert step(vm("stopped", disk=NEW)) == Start()
    assert isinstance(step(vm("deallocated", disk=NEW, provisioningState="Updating")), Wait)
    assert isinstance(step(vm("starting", disk=NEW)), Wait)


def test_time_without_capacity_or_without_a_process_does_not_count_against_the_disk() -> None:
    """The record is days old, but this process has never seen the VM run: it is started, not given up."""
    old = record(Phase.REJOIN, ago=200_000)
    assert step(vm("deallocated", disk=NEW), record=old) == Start()
    silent = vm(disk=NEW, agent=False)
    assert isinstance(step(silent, record=old, memory=Memory(up_since=NOW - 10)), Wait)
    assert isinstance(step(silent, record=old, memory=LATE), Fail)


def test_a_guest_that_shuts_itself_down_is_not_started_for_ever() -> None:
    assert step(vm("stopped", disk=NEW), memory=Memory(up_since=NOW - 60)) == Start()
    given_up = step(vm("stopped", disk=NEW), memory=LATE)
    assert isinstance(given_up, Fail) and "stay up" in given_up.reason


@pytest.mark.parametrize(("join", "known"), [(None, AD_JOIN), (ENTRA, LOGIN)])
def test_the_join_comes_first_and_its_extension_says_how_it_went(join: Any, known: Any) -> None:
    inputs = {"join": join} if join else {}
    assert step(vm(disk=NEW), inputs=inputs) == JoinDirectory()
    assert isinstance(step(vm(disk=NEW, extensions=[extension(known, "Creating", code="")]), inputs=inputs), Wait)
    failed = step(vm(disk=NEW, extensions=[extension(known, "Failed", code="failed/53")]), inputs=inputs)
    assert isinstance(failed, Fail) and known[0] in failed.reason
    assert step(vm(disk=NEW, extensions=[extension(known)]), inputs=inputs, session_host=None) == InstallAgent()


def test_a_join_that_never_ends_fails_in_time() -> None:
    given_up = step(vm(disk=NEW, extensions=[extension(AD_JOIN, "Creating")]), memory=LATE)
    assert isinstance(given_up, Fail) and "join" in given_up.reason


def test_the_agent_is_installed_once_and_then_waited_for() -> None:
    assert isinstance(step(session_host=None), Wait)
    failed = step(vm(disk=NEW, extensions=[*JOINED, extension(DSC, "Failed", code="failed/1")]), session_host=None)
    assert isinstance(failed, Fail) and failed.reason.startswith("agent")
    assert isinstance(step(session_host=None, memory=LATE), Fail)


def test_a_record_that_takes_users_is_drained_in_its_first_answer() -> None:
    for machine in (vm(disk=NEW), vm(disk=NEW, extensions=JOINED), None):
        assert step(machine, session_host=session_host()) == SetAllowNewSession(False)


@pytest.mark.parametrize(
    "properties",
    [
        {"lastHeartBeat": iso(NOW - 301)},
        {"status": "Upgrading"},
        {"status": "NeedsAssistance"},
        {
            "sessionHostHealthCheckResults": [
                {"healthCheckName": "DomainTrustCheck", "healthCheckResult": "HealthCheckFailed"}
            ]
        },
    ],
)
def test_a_host_that_is_not_healthy_does_not_serve(properties: dict[str, Any]) -> None:
    sick = session_host(allowNewSession=False, **properties)
    assert step(session_host=sick, memory=HEALTHY) == NoteHealthy(False)
    assert isinstance(step(session_host=sick, memory=Memory(checked=True)), Wait)
    assert isinstance(step(session_host=sick, memory=Memory(up_since=NOW - 3601, checked=True)), Fail)


def test_a_heartbeat_from_before_the_swap_proves_nothing() -> None:
    stale = session_host(ago=301, allowNewSession=False)
    assert kind(step(session_host=stale, memory=HEALTHY)) == "NoteHealthy"


def test_a_declared_status_counts_as_healthy() -> None:
    assisted = session_host(allowNewSession=False, status="NeedsAssistance")
    inputs = {"verify": {"accept": ["Available", "NeedsAssistance"]}}
    assert kind(step(session_host=assisted, memory=HEALTHY, inputs=inputs)) == "Enter"


def test_the_guest_is_asked_while_the_agent_upgrades_and_then_polled() -> None:
    upgrading = session_host(allowNewSession=False, status="Upgrading")
    assert step(session_host=upgrading) == CheckGuest()
    assert step() == CheckGuest()
    assert step(memory=Memory(checked=True, healthy_polls=1)) == NoteHealthy(True)
    served = step(memory=HEALTHY)
    assert isinstance(served, Enter) and served.record is not None and served.record.p is Phase.SERVE


@pytest.mark.parametrize(
    ("state", "code", "at", "says"),
    [
        ("Updating", "succeeded", None, "updating"),
        ("Succeeded", "", None, "not reported"),
        ("Succeeded", "succeeded", NOW - 301, "not reported"),
        ("Failed", "failed/1", None, "failed"),
        ("Succeeded", "failed/1", None, "failed"),
    ],
)
def test_a_kept_extension_reports_from_the_new_disk_before_the_host_serves(
    state: str, code: str, at: float | None, says: str
) -> None:
    machine = vm(disk=NEW, extensions=[*INSTALLED, extension(MONITOR, state, code=code, at=at)])
    waiting = step(machine, memory=HEALTHY)
    assert isinstance(waiting, Wait) and "AzureMonitorWindowsAgent" in waiting.reason and says in waiting.reason
    given_up = step(machine, memory=Memory(up_since=NOW - 3601, checked=True, healthy_polls=2))
    assert isinstance(given_up, Fail) and "AzureMonitorWindowsAgent" in given_up.reason


def test_a_kept_extension_that_has_reported_holds_nothing_up() -> None:
    for at in (None, NOW - 100):
        machine = vm(disk=NEW, extensions=[*INSTALLED, extension(MONITOR, at=at)])
        assert kind(step(machine, memory=HEALTHY)) == "Enter"


def test_a_kept_disk_is_repaired_not_joined() -> None:
    kept = record(Phase.REJOIN, ago=300, k=NEW)
    machine = vm(disk=NEW)
    assert step(machine, record=kept, session_host=None) == Repair()
    assert isinstance(step(machine, record=kept, session_host=None, memory=Memory(repaired=True)), Wait)
    assert step(machine, record=kept) == CheckGuest()
    given_up = step(machine, record=kept, session_host=None, memory=Memory(repaired=True, up_since=NOW - 3601))
    assert isinstance(given_up, Fail) and "register" in given_up.reason
