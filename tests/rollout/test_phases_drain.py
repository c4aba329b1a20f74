"""DRAIN by literals: nobody is cut off without message and grace, and no wait is without end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rollout.phases import next_step
from rollout.phases.drain import AGENT_PATIENCE
from rollout.phases.people import LIST_LAG, LOOK, SESSION_END
from rollout.presence import FINAL_MESSAGE, MESSAGE, REMINDER, noted
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
FORCE = {"log_off": "force", "deadline": "PT60M", "grace": "PT5M", "allow_data_loss": True}


def step(*, ago: float = 60.0, inputs: dict[str, Any] | None = None, m: int | None = None, **changes: Any) -> Step:
    """`m`: what the record says of messages; left out, that all were sent that are remembered."""
    hidden = changes.pop("hidden", False)
    memory = replace(changes.pop("memory", Memory()), script_removed=not hidden)
    since = record(Phase.DRAIN, ago=ago, m=(int(ago) if memory.told else 0) if m is None else m)
    return next_step(
        view(since, changes.pop("machine", None), **{"old_disk": KEPT, "memory": memory, **changes}),
        goal(**(inputs or {})),
    )


def told(*numbers: int, at: float = NOW, **changes: Any) -> Memory:
    return Memory(told={session(number=n).id: at for n in numbers}, **changes)


def test_new_sessions_are_refused_before_anything_else() -> None:
    assert step(session_host=session_host(allowNewSession=True), sessions=(session(),)) == SetAllowNewSession(False)


def test_every_session_that_a_message_reaches_gets_one_once() -> None:
    sessions = (session("Active", 1), session("Disconnected", 2), session("UserProfileDiskMounted", 3))
    sent = step(sessions=sessions, memory=told(2))
    assert isinstance(sent, SendMessage) and sent.what == MESSAGE
    assert [s.id for s in sent.sessions] == [sessions[0].id]
    assert sent.ends == NOW - 60 + 3600
    assert isinstance(step(sessions=sessions, memory=told(1, 2)), Wait)


def test_a_user_who_comes_late_is_told_though_the_deadline_is_over() -> None:
    late = step(ago=7200, sessions=(session(),), inputs={"drain": FORCE})
    assert isinstance(late, SendMessage) and late.what == MESSAGE and late.ends == NOW + 300


def test_a_forced_log_off_needs_final_message_and_its_whole_grace() -> None:
    active, inputs = (session(),), {"drain": FORCE}
    assert isinstance(step(ago=3200, sessions=active, memory=told(1), inputs=inputs), Wait)
    final = step(ago=3301, sessions=active, memory=told(1), inputs=inputs)
    assert isinstance(final, SendMessage) and final.what == FINAL_MESSAGE and final.ends == NOW + 300
    waiting = told(1, warned={active[0].id: NOW - 299})
    assert isinstance(step(ago=4000, sessions=active, memory=waiting, inputs=inputs), Wait)
    due = told(1, warned={active[0].id: NOW - 300})
    assert step(ago=4000, sessions=active, memory=due, inputs=inputs) == LogOffUsers(active)


def test_somebody_new_at_the_end_gets_the_grace_too() -> None:
    both = (session(number=1), session(number=2))
    memory = told(1, 2, warned={both[0].id: NOW - 1000})
    final = step(ago=9000, sessions=both, memory=memory, inputs={"drain": FORCE})
    assert isinstance(final, SendMessage) and final.sessions == (both[1],) and final.what == FINAL_MESSAGE


def test_sessions_that_were_logged_off_get_time_to_end() -> None:
    memory = told(1, warned={session().id: NOW - 900}, logged_off_at=NOW - SESSION_END + 1)
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
    ended = LogOffUsers((gone,), only_disconnected=True)
    assert step(ago=9000, sessions=(gone, here), memory=told(1, 2), inputs=inputs) == ended
    assert isinstance(step(ago=9000, sessions=(here,), memory=told(2), inputs=inputs), GiveBack)
    assert isinstance(step(ago=60, sessions=(gone, here), memory=told(1, 2), inputs=inputs), Wait)


REMINDED = {
    "deadline": "PT60M",
    "reminders": [
        {"before": "PT5M", "text": "5"},
        {"before": "PT30M", "text": "30"},
        {"before": "PT15M", "text": "15"},
    ],
}


def reminded(ago: float, **changes: Any) -> str:
    """The text that is sent to one who was told when the drain began; empty where nothing is."""
    memory = changes.pop("memory", told(1, at=NOW - ago))
    sent = step(ago=ago, sessions=(session(),), memory=memory, inputs={"drain": {**REMINDED, **changes}})
    return sent.message.boxes[0][1] if isinstance(sent, SendMessage) and sent.what == REMINDER else ""


def test_reminders_are_sent_at_their_times_and_each_once() -> None:
    assert (reminded(1799), reminded(1800), reminded(2700), reminded(3300)) == ("", "30", "15", "5")
    assert reminded(2699, memory=told(1, at=NOW - 899)) == ""
    assert reminded(2700, memory=told(1, at=NOW - 900)) == "15"
    waiting = step(ago=1000, sessions=(session(),), memory=told(1, at=NOW - 1000), inputs={"drain": REMINDED})
    assert isinstance(waiting, Wait) and waiting.seconds == 800


def test_of_reminders_that_were_missed_only_the_last_is_sent() -> None:
    assert reminded(3400) == "5"


def test_a_reminder_within_the_grace_follows_the_final_message_whenever_that_came() -> None:
    force = {"log_off": "force", "grace": "PT10M"}
    assert reminded(3310, memory=told(1, at=NOW - 600), **force) == ""  # not warned: the final message is due
    assert reminded(9000, memory=told(1, at=NOW - 900, warned={session().id: NOW - 299}), **force) == ""
    assert reminded(9000, memory=told(1, at=NOW - 900, warned={session().id: NOW - 300}), **force) == "5"


def test_somebody_new_delays_the_log_off_and_the_others_are_not_reminded_again() -> None:
    both, inputs = (session(number=1), session(number=2)), {"drain": {**REMINDED, "log_off": "force", "grace": "PT10M"}}
    warned = {both[0].id: NOW - 360, both[1].id: NOW - 300}
    memory = Memory(told={both[0].id: NOW - 60, both[1].id: NOW - 900}, warned=warned)
    sent = step(ago=9000, sessions=both, memory=memory, inputs=inputs)
    assert isinstance(sent, SendMessage) and sent.sessions == (both[1],) and sent.ends == NOW + 300


def test_after_a_crash_the_record_says_who_was_told() -> None:
    """What was told before is not told again; who may have come after that is."""
    ago, since = 1000.0, record(Phase.DRAIN, ago=1000, m=500)
    before, after = session(number=1, came=NOW - 5000), session(number=2, came=NOW - 500 - LIST_LAG + 1)
    sent = next_step(view(since, old_disk=KEPT, sessions=(before, after)), goal())
    assert isinstance(sent, SendMessage) and sent.sessions == (after,)
    nobody_knows = next_step(view(since, old_disk=KEPT, sessions=(session(number=3),)), goal())
    assert isinstance(nobody_knows, SendMessage)
    assert ago == NOW - since.s


def test_what_was_told_is_noted_once_and_never_while_the_vm_changes() -> None:
    memory = told(1, 2, at=NOW - 20.5)
    noted = step(ago=60, m=0, sessions=(session(number=1), session(number=2)), memory=memory)
    assert isinstance(noted, Enter) and noted.record is not None
    assert (noted.record.p, noted.record.m) == (Phase.DRAIN, 40) and noted.attach is None
    again = next_step(
        view(noted.record, old_disk=KEPT, sessions=(session(),), memory=replace(memory, script_removed=True)), goal()
    )
    assert isinstance(again, Wait)
    busy = vm(provisioningState="Updating")
    assert isinstance(step(ago=60, m=0, machine=busy, sessions=(session(number=1),), memory=memory), Wait)
    mounted = (session(number=1), session("UserProfileDiskMounted", 3))
    assert isinstance(step(ago=60, m=0, sessions=mounted, memory=memory), Wait)


def test_who_comes_back_to_a_session_is_told_again_and_gets_the_grace() -> None:
    id = session().id
    memory = noted(told(1, away_since={id: NOW - 100}, warned={id: NOW - 299}), (session(),), NOW)
    sent = step(ago=9000, sessions=(session(),), memory=memory, inputs={"drain": FORCE})
    assert isinstance(sent, SendMessage) and sent.what == MESSAGE
    final = step(ago=9000, sessions=(session(),), memory=replace(memory, returned=frozenset()), inputs={"drain": FORCE})
    assert isinstance(final, SendMessage) and final.what == FINAL_MESSAGE


def test_a_disconnected_session_is_ended_after_its_time_whatever_the_policy() -> None:
    inputs = {"drain": {"log_off": "wait", "end_disconnected_after": "PT15M"}}
    gone, here = session("Disconnected", 1), session("Active", 2)

    def after(seconds: float, **changes: Any) -> Step:
        memory = told(1, 2, away_since={gone.id: NOW - seconds}, **changes)
        since = record(Phase.DRAIN, ago=1000, m=1000)
        fields: dict[str, Any] = {"old_disk": KEPT, "memory": replace(memory, script_removed=True)}
        return next_step(view(since, sessions=(gone, here), **fields), goal(**inputs))

    assert after(900) == LogOffUsers((gone,), only_disconnected=True)
    waiting = after(800)
    assert isinstance(waiting, Wait) and waiting.seconds == 100
    assert isinstance(after(0), Wait) and after(0).seconds == LOOK  # type: ignore[attr-defined]
    assert isinstance(after(900, may_log_off=False), Wait)
    undeclared = step(ago=900, sessions=(gone,), memory=told(1, away_since={gone.id: NOW - 9000}))
    assert not isinstance(undeclared, LogOffUsers)


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
