"""DRAIN by literals: nobody is cut off without message and grace, and no wait is without end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rollout.phases import next_step
from rollout.phases.drain import AGENT_PATIENCE, SESSION_END
from rollout.record import Phase
from rollout.steps import (
    Admission,
    Await,
    Enter,
    GiveBack,
    LeaveDirectory,
    LogOffUsers,
    MarkDisk,
    Memory,
    RemoveExtension,
    RemoveLastScript,
    SendMessage,
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
    OLD,
    disk,
    extension,
    goal,
    kind,
    record,
    session,
    session_host,
    view,
    vm,
)
from tests.support.observed import NOW

DAY = 86400.0
KEPT = disk(OLD, "old", attached=True, until=NOW + 3 * DAY)
FORCE = {"log_off": "force", "deadline": "PT60M", "grace": "PT5M"}


def step(*, ago: float = 60.0, inputs: dict[str, Any] | None = None, **changes: Any) -> Step:
    hidden = changes.pop("hidden", False)
    memory = replace(changes.pop("memory", Memory()), script_removed=not hidden)
    fields = {"old_disk": KEPT, "memory": memory, **changes}
    return next_step(view(record(Phase.DRAIN, ago=ago), fields.pop("machine", None), **fields), goal(**(inputs or {})))


def told(*numbers: int, **changes: Any) -> Memory:
    ids = frozenset(session(number=n).id for n in numbers)
    return Memory(messaged=ids, **changes)


def test_new_sessions_are_refused_before_anything_else() -> None:
    assert step(session_host=session_host(allowNewSession=True), sessions=(session(),)) == SetAllowNewSession(False)


def test_every_session_that_a_message_reaches_gets_one_once() -> None:
    sessions = (session("Active", 1), session("Disconnected", 2), session("UserProfileDiskMounted", 3))
    sent = step(sessions=sessions, memory=told(2))
    assert isinstance(sent, SendMessage) and not sent.final
    assert [s.id for s in sent.sessions] == [sessions[0].id]
    assert sent.minutes == 59
    assert isinstance(step(sessions=sessions, memory=told(1, 2)), Wait)


def test_a_user_who_comes_late_is_told_though_the_deadline_is_over() -> None:
    late = step(ago=7200, sessions=(session(),), inputs={"drain": FORCE})
    assert isinstance(late, SendMessage) and not late.final and late.minutes == 1


def test_a_forced_log_off_needs_final_message_and_its_whole_grace() -> None:
    active, inputs = (session(),), {"drain": FORCE}
    assert isinstance(step(ago=3200, sessions=active, memory=told(1), inputs=inputs), Wait)
    final = step(ago=3301, sessions=active, memory=told(1), inputs=inputs)
    assert isinstance(final, SendMessage) and final.final and final.minutes == 5
    warned = frozenset({active[0].id})
    waiting = told(1, warned=warned, warned_at=NOW - 299)
    assert isinstance(step(ago=4000, sessions=active, memory=waiting, inputs=inputs), Wait)
    due = told(1, warned=warned, warned_at=NOW - 300)
    assert step(ago=4000, sessions=active, memory=due, inputs=inputs) == LogOffUsers(active)


def test_somebody_new_at_the_end_gets_the_grace_too() -> None:
    both = (session(number=1), session(number=2))
    memory = told(1, 2, warned=frozenset({both[0].id}), warned_at=NOW - 1000)
    final = step(ago=9000, sessions=both, memory=memory, inputs={"drain": FORCE})
    assert isinstance(final, SendMessage) and final.sessions == (both[1],)


def test_sessions_that_were_logged_off_get_time_to_end() -> None:
    warned = frozenset({session().id})
    memory = told(1, warned=warned, warned_at=NOW - 900, logged_off_at=NOW - SESSION_END + 1)
    assert isinstance(step(ago=9000, sessions=(session(),), memory=memory, inputs={"drain": FORCE}), Wait)


def test_nobody_is_logged_off_before_the_canary_has_passed() -> None:
    memory = told(1, may_log_off=False)
    waiting = step(ago=9000, sessions=(session(),), memory=memory, inputs={"drain": FORCE})
    assert isinstance(waiting, Wait) and "canary" in waiting.reason


def test_waiting_never_logs_off_anybody_but_leaves_the_host_out() -> None:
    memory = told(1, 2)
    sessions = (session("Disconnected", 1), session("Active", 2))
    left = step(ago=9000, sessions=sessions, memory=memory, inputs={"drain": {"log_off": "wait"}})
    assert isinstance(left, GiveBack) and "1 disconnected, 1 active" in left.reason


def test_disconnected_only_logs_off_the_disconnected_and_leaves_out_a_host_with_an_active_one() -> None:
    inputs = {"drain": {"log_off": "disconnected_only"}}
    gone, here = session("Disconnected", 1), session("Active", 2)
    assert step(ago=9000, sessions=(gone, here), memory=told(1, 2), inputs=inputs) == LogOffUsers((gone,))
    assert isinstance(step(ago=9000, sessions=(here,), memory=told(2), inputs=inputs), GiveBack)
    assert isinstance(step(ago=60, sessions=(gone, here), memory=told(1, 2), inputs=inputs), Wait)


def test_an_empty_host_waits_out_its_time_and_then_for_a_slot() -> None:
    assert isinstance(step(), Wait)
    assert isinstance(step(memory=Memory(empty_since=NOW - 59)), Wait)
    assert step(memory=Memory(empty_since=NOW - 60)) == Await(Admission.RELEASE)
    out = step(memory=Memory(empty_since=NOW - 60, may_release=True))
    assert isinstance(out, Enter) and out.record is not None and out.record.p is Phase.RELEASE


def test_a_profile_disk_that_is_still_mounted_is_a_session() -> None:
    memory = Memory(empty_since=None, may_release=True)
    assert isinstance(step(sessions=(session("UserProfileDiskMounted"),), memory=memory), Wait)


def test_a_host_that_is_off_has_nobody_to_wait_for() -> None:
    assert step(machine=vm("deallocated")) == Await(Admission.RELEASE)


@pytest.mark.parametrize(
    "old",
    [
        disk(OLD, attached=True),
        disk(OLD, "ready", attached=True),
        disk(OLD, "old", attached=True, until=NOW - 10 * DAY),
        disk(OLD, "old", attached=True, until=NOW + 1 * DAY),
    ],
)
def test_the_old_disk_is_marked_before_the_swap_and_its_time_counts_from_now(old: Any) -> None:
    """A mark of a paused run or a failed attempt would let the disk be deleted the moment it is out of use."""
    marked = step(old_disk=old)
    assert isinstance(marked, MarkDisk) and (marked.state, marked.keep) == ("old", 3 * DAY)
    assert marked.image and marked.image.endswith("/1.0.0")


def test_a_disk_that_is_not_kept_is_marked_once() -> None:
    marked = step(old_disk=disk(OLD, "old", attached=True, until=NOW - 5), inputs={"keep_old_disk": "PT0S"})
    assert isinstance(marked, Wait)


def test_extensions_that_would_run_again_go_while_the_host_serves_and_kept_ones_stay() -> None:
    on = vm(extensions=[extension(MONITOR), extension(DSC), extension(AD_JOIN)])
    assert step(machine=on, sessions=(session(),), memory=told(1)) == RemoveExtension("Microsoft.PowerShell.DSC")
    assert isinstance(step(machine=vm(extensions=[extension(MONITOR)])), Wait)


def test_the_entra_login_goes_only_when_nobody_is_on_the_host() -> None:
    on = vm(extensions=[extension(LOGIN)])
    assert isinstance(step(machine=on, sessions=(session(),), memory=told(1), inputs={"join": ENTRA}), Wait)
    assert step(machine=on, inputs={"join": ENTRA}) == RemoveExtension("AADLoginForWindows")


def test_the_last_run_command_goes_while_the_host_serves() -> None:
    assert step(hidden=True, sessions=(session(),), memory=told(1)) == RemoveLastScript()
    assert step(hidden=True) == RemoveLastScript()
    assert isinstance(step(hidden=True, machine=vm(provisioningState="Updating")), Wait)
    assert step(hidden=True, machine=vm("deallocated")) == Await(Admission.RELEASE)


def test_a_stopped_host_is_started_to_remove_extensions() -> None:
    assert step(machine=vm("deallocated", extensions=[extension(DSC)])) == Start()


def test_a_silent_vm_agent_is_waited_for_and_then_the_host_is_left_out() -> None:
    """It would hold a broken host, and with it the run, for ever."""
    on = vm(agent=False, extensions=[extension(DSC)])
    assert isinstance(step(machine=on, memory=Memory(unready_since=NOW - 60)), Wait)
    left = step(machine=on, memory=Memory(unready_since=NOW - AGENT_PATIENCE - 1))
    assert isinstance(left, GiveBack) and "Microsoft.PowerShell.DSC" in left.reason
    hanging = vm(agent=False, extensions=[extension(DSC)], power="starting")  # a start that never ends
    assert isinstance(step(machine=hanging, memory=Memory(unready_since=NOW - AGENT_PATIENCE - 1)), GiveBack)


def test_a_host_that_is_to_be_left_out_does_not_wait_for_its_vm_agent() -> None:
    on = vm(agent=False, extensions=[extension(DSC)])
    assert isinstance(step(machine=on, ago=9000, sessions=(session(),), memory=told(1)), GiveBack)


@pytest.mark.parametrize(
    ("machine", "cleanup", "leaves"),
    [
        (vm(), "leave", True),
        (vm(), "graph", True),
        (vm(), "none", False),
        (vm("deallocated"), "graph", True),
        (vm("deallocated"), "leave", False),
        (vm(agent=False), "leave", False),
    ],
)
def test_the_entra_device_goes_when_the_host_has_its_slot(machine: Any, cleanup: str, leaves: bool) -> None:
    memory = Memory(empty_since=NOW - 100, may_release=True)
    inputs = {"join": ENTRA, "device_cleanup": cleanup}
    assert isinstance(step(machine=machine, memory=memory, inputs=inputs), LeaveDirectory) is leaves
    waiting = Memory(empty_since=NOW - 100)
    assert step(machine=machine, memory=waiting, inputs=inputs) == Await(Admission.RELEASE)
    left = Memory(empty_since=NOW - 100, may_release=True, left_directory=True)
    assert kind(step(machine=machine, memory=left, inputs=inputs)) == "Enter"


def test_a_host_given_back_leaves() -> None:
    left = step(memory=Memory(give_back="paused"), sessions=(session(),))
    assert isinstance(left, Enter) and left.record is not None and left.record.p is Phase.LEAVE
