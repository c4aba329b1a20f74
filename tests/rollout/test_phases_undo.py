"""UNDO by literals: the old disk goes back, and nobody who is on the new one is cut off."""

from __future__ import annotations

from typing import Any

import pytest

from rollout.phases import next_step
from rollout.phases.release import REFUSALS
from rollout.presence import FINAL_MESSAGE
from rollout.record import Phase
from rollout.steps import (
    CollectEvidence,
    Deallocate,
    DeleteDisk,
    DeleteSessionHost,
    Enter,
    Fail,
    LeaveDirectory,
    LogOffUsers,
    MarkDisk,
    Memory,
    PowerOff,
    RemoveExtension,
    Repair,
    SendMessage,
    SetAllowNewSession,
    Start,
    Step,
    Wait,
)
from tests.rollout.literals import (
    AD_JOIN,
    ENTRA,
    NEW,
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

BACK = disk(OLD, "old")
SEEN = Memory(evidence=True)
FAILED = "not healthy in time"


def undo(machine: Any = None, *, inputs: dict[str, Any] | None = None, ago: float = 60, **changes: Any) -> Step:
    was = changes.pop("record", record(Phase.UNDO, ago=ago, w=FAILED))
    fields = {"session_host": None, "memory": SEEN, "old_disk": BACK, **changes}
    return next_step(view(was, machine or vm(disk=NEW), **fields), goal(**(inputs or {})))


def rejoin(machine: Any = None, **changes: Any) -> Step:
    return next_step(view(record(Phase.UNDO_REJOIN, ago=300, w=FAILED), machine or vm(), **changes), goal())


def entered(step: Step) -> Phase | None:
    assert isinstance(step, Enter)
    return step.record.p if step.record is not None else None


def test_evidence_first() -> None:
    assert undo(memory=Memory()) == CollectEvidence()


def test_a_host_that_was_never_swapped_only_comes_up_again_in_its_size() -> None:
    assert entered(undo(vm("deallocated"), memory=Memory())) is Phase.UNDO_REJOIN
    resized = record(Phase.UNDO, z="Standard_D4s_v5", w=FAILED)
    assert undo(vm("running", size="Standard_D8s_v5"), record=resized) == PowerOff()
    back = undo(vm("deallocated", size="Standard_D8s_v5"), record=resized)
    assert isinstance(back, Enter) and back.vm_size == "Standard_D4s_v5" and entered(back) is Phase.UNDO
    assert entered(undo(vm("deallocated"), record=resized)) is Phase.UNDO_REJOIN


def test_a_vanished_old_disk_leaves_the_host_on_the_disk_it_has() -> None:
    gone = undo(old_disk=None)
    assert isinstance(gone, Fail) and OLD in gone.reason


def test_the_record_of_the_failed_disk_goes_once_nobody_is_on_it() -> None:
    host = session_host(allowNewSession=False)
    assert undo(session_host=session_host()) == SetAllowNewSession(False)
    assert isinstance(undo(session_host=host, sessions=None), Wait)
    assert undo(session_host=host) == DeleteSessionHost(force=False)
    refused = undo(session_host=host, memory=Memory(evidence=True, refused_deletes=REFUSALS))
    assert isinstance(refused, Fail)


def users(policy: str, *states: str, ago: float, warned_for: float | None = None) -> Step:
    sessions = tuple(session(state, n) for n, state in enumerate(states))
    memory = SEEN
    if warned_for is not None:
        memory = Memory(evidence=True, warned=dict.fromkeys((s.id for s in sessions), NOW - warned_for))
    inputs = {"drain": {"log_off": policy, "deadline": "PT60M", "grace": "PT5M", "allow_data_loss": True}}
    host = session_host(allowNewSession=False)
    return undo(session_host=host, sessions=sessions, memory=memory, inputs=inputs, ago=ago)


def test_users_on_the_failed_disk_get_message_and_grace() -> None:
    for policy in ("wait", "disconnected_only", "force"):
        told = users(policy, "Active", "UserProfileDiskMounted", ago=9000)
        assert (
            isinstance(told, SendMessage)
            and told.what == FINAL_MESSAGE
            and [s.state for s in told.sessions] == ["Active"]
        )
        assert isinstance(users(policy, "Active", ago=60, warned_for=299), Wait)
    assert isinstance(users("force", "Active", ago=60, warned_for=300), LogOffUsers)


def test_users_who_stay_keep_the_host_as_it_is_and_the_run_ends() -> None:
    late = 3600 + 300 + 1
    stayed = users("wait", "Active", ago=late, warned_for=late)
    assert isinstance(stayed, Fail) and "1 user(s)" in stayed.reason
    ended = users("disconnected_only", "Active", "Disconnected", ago=late, warned_for=late)
    assert isinstance(ended, LogOffUsers) and [s.state for s in ended.sessions] == ["Disconnected"]
    assert isinstance(users("disconnected_only", "Active", ago=late, warned_for=late), Fail)
    assert isinstance(users("wait", "Active", ago=late - 2, warned_for=late), Wait)
    assert isinstance(users("force", "UserProfileDiskMounted", ago=late, warned_for=late), Fail)


def test_the_new_disks_entra_device_goes_before_the_old_one_joins_again() -> None:
    inputs = {"join": ENTRA, "device_cleanup": "leave"}
    assert undo(inputs=inputs) == LeaveDirectory()
    assert undo(inputs=inputs, memory=Memory(evidence=True, left_directory=True)) == PowerOff()
    assert undo(vm(disk=NEW, agent=False), inputs=inputs) == PowerOff()
    assert undo(vm(disk=NEW, agent=False), inputs={**inputs, "device_cleanup": "graph"}) == LeaveDirectory()


def test_leftover_extensions_go_then_the_guest_then_the_disk_is_exchanged() -> None:
    joined = [extension(AD_JOIN)]
    assert undo(vm(disk=NEW, extensions=joined)) == RemoveExtension("joindomain")
    assert undo(vm(disk=NEW, extensions=joined, agent=False)) == PowerOff()
    assert undo(vm("stopped", disk=NEW)) == Deallocate()
    back = undo(vm("deallocated", disk=NEW))
    assert isinstance(back, Enter) and (back.attach, entered(back)) == (BACK.id, Phase.UNDO_REJOIN)
    assert back.record is not None and back.record.w == FAILED


def test_the_size_goes_back_before_the_disk() -> None:
    was = record(Phase.UNDO, z="Standard_D4s_v5", w=FAILED)
    resized = undo(vm("deallocated", disk=NEW, size="Standard_D8s_v5"), record=was)
    assert isinstance(resized, Enter) and (resized.vm_size, resized.attach) == ("Standard_D4s_v5", None)
    assert entered(resized) is Phase.UNDO


def test_the_old_disk_is_repaired_once_and_verified() -> None:
    assert rejoin(vm("deallocated"), session_host=None) == Start()
    assert rejoin(session_host=None) == Repair()
    assert isinstance(rejoin(session_host=None, memory=Memory(repaired=True)), Wait)
    assert rejoin(session_host=session_host()) == SetAllowNewSession(False)
    healthy = rejoin(memory=Memory(checked=True, healthy_polls=2))
    assert entered(healthy) is Phase.UNDO_SERVE
    late = Memory(repaired=True, up_since=NOW - 3601)
    assert isinstance(rejoin(session_host=None, memory=late), Fail)


def test_a_join_that_replays_on_the_old_disk_goes_before_trust_is_repaired() -> None:
    joined = vm(extensions=[extension(AD_JOIN)])
    assert rejoin(joined, session_host=None) == RemoveExtension("joindomain")
    busy = vm(extensions=[extension(AD_JOIN)], provisioningState="Updating")
    assert isinstance(rejoin(busy, session_host=None), Wait)


def serve(**changes: Any) -> Step:
    fields = {"session_host": session_host(), **changes}
    return next_step(view(record(Phase.UNDO_SERVE, w=FAILED, x=1, e=1), **fields), goal())


def test_the_host_serves_before_the_failed_disk_goes() -> None:
    failed = disk(NEW, "ready")
    assert serve(session_host=session_host(allowNewSession=False), new_disk=failed) == SetAllowNewSession(True)
    assert serve(new_disk=failed) == DeleteDisk(failed, "its host was rolled back")
    marked = serve(old_disk=disk(OLD, "old", attached=True))
    assert isinstance(marked, MarkDisk) and marked.state == ""
    last = serve(old_disk=disk(OLD, attached=True))
    assert entered(last) is Phase.ROLLED_BACK
    assert isinstance(last, Enter) and (last.exclusion_tag, last.delete_option) == (False, "Delete")


@pytest.mark.parametrize("phase", [Phase.UNDO, Phase.UNDO_REJOIN])
def test_a_host_on_its_way_back_is_not_given_back_by_an_order(phase: Phase) -> None:
    ordered = next_step(view(record(phase, w=FAILED), vm(), memory=Memory(give_back="paused")), goal())
    assert kind(ordered) != "GiveBack" and not (isinstance(ordered, Enter) and entered(ordered) is Phase.LEAVE)
