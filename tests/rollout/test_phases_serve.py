"""SERVE and LEAVE by literals: the host as it was found, and nothing left on it."""

from __future__ import annotations

from typing import Any

import pytest

from rollout.names import FRIENDLY_NAME
from rollout.phases import next_step
from rollout.phases.serve import RECORD_PATIENCE
from rollout.record import HostRecord, Phase
from rollout.steps import (
    Deallocate,
    DeleteDisk,
    DeleteTemporaryNic,
    DeleteTemporaryVm,
    Enter,
    Fail,
    JoinDirectory,
    MarkDisk,
    Memory,
    Register,
    RemoveExtension,
    RemoveRunCommands,
    SetAllowNewSession,
    Step,
    Wait,
)
from tests.rollout.literals import (
    AD_JOIN,
    DSC,
    ENTRA,
    LOGIN,
    NEW,
    OLD,
    disk,
    extension,
    goal,
    kind,
    record,
    session,
    session_host,
    temporary,
    view,
    vm,
)

ON = session_host()
DRAINED = session_host(allowNewSession=False)


def serve(machine: Any = None, *, was: HostRecord | None = None, **changes: Any) -> Step:
    fields = {"session_host": ON, **changes}
    return next_step(view(was or record(Phase.SERVE), machine or vm(disk=NEW), **fields), goal())


def leave(machine: Any = None, *, was: HostRecord | None = None, **changes: Any) -> Step:
    wanted = changes.pop("goal", None) or goal()
    fields = {"session_host": ON, **changes}
    return next_step(view(was or record(Phase.LEAVE), machine, **fields), wanted)


def test_users_come_back_before_the_leftovers_go() -> None:
    machine = vm(disk=NEW, extensions=[extension(DSC), extension(AD_JOIN)])
    assert serve(machine, session_host=DRAINED) == SetAllowNewSession(True)
    assert serve(machine) == RemoveExtension("Microsoft.PowerShell.DSC")
    assert isinstance(serve(vm(disk=NEW, extensions=[extension(DSC)], provisioningState="Updating")), Wait)


def test_the_drain_flag_and_the_friendly_name_are_as_found() -> None:
    drained = record(Phase.SERVE, n=0)
    assert serve(was=drained) == SetAllowNewSession(False)
    assert kind(serve(was=drained, session_host=DRAINED)) == "Enter"
    named = vm(disk=NEW, tags={FRIENDLY_NAME: "Finance"})
    assert serve(named) == SetAllowNewSession(True, friendly_name="Finance")
    assert kind(serve(named, session_host=session_host(friendlyName="Finance"))) == "Enter"


def test_the_last_write_takes_off_what_was_put_on() -> None:
    last = serve(was=record(Phase.SERVE, x=1, e=1))
    assert isinstance(last, Enter) and last.record is None
    assert (last.exclusion_tag, last.delete_option, last.friendly_name) == (False, "Delete", "")
    plain = serve()
    assert isinstance(plain, Enter) and (plain.exclusion_tag, plain.delete_option) == (None, None)


def test_a_kept_disk_in_use_again_is_nobodys_old_disk() -> None:
    back = serve(was=record(Phase.SERVE, k=NEW), new_disk=disk(NEW, "old", attached=True))
    assert isinstance(back, MarkDisk) and back.state == ""


def test_a_host_found_off_goes_off_again_only_without_sessions_and_drained_until_then() -> None:
    off = record(Phase.SERVE, o=1)
    on = vm(disk=NEW, extensions=[extension(DSC)])
    assert serve(on, was=off, session_host=DRAINED) == RemoveExtension("Microsoft.PowerShell.DSC")
    assert isinstance(serve(was=off, session_host=DRAINED, sessions=(session(),)), Wait)
    assert serve(was=off, session_host=DRAINED) == Deallocate()
    assert isinstance(serve(vm("deallocating", disk=NEW), was=off, session_host=DRAINED), Wait)
    assert serve(vm("deallocated", disk=NEW), was=off, session_host=DRAINED) == SetAllowNewSession(True)
    assert kind(serve(vm("deallocated", disk=NEW), was=off)) == "Enter"


def test_a_host_that_somebody_switched_off_meanwhile_is_not_waited_for() -> None:
    """A stopped VM refuses the removal of extensions; those that ran on its disk stay inert on it."""
    assert kind(serve(vm("deallocated", disk=NEW, extensions=[extension(DSC)]))) == "Enter"


def test_an_agent_whose_record_was_deleted_registers_again_once() -> None:
    assert serve(session_host=None) == Register()
    assert isinstance(serve(session_host=None, memory=Memory(repaired=True)), Wait)
    assert isinstance(serve(vm(disk=NEW, power="deallocated"), session_host=None), Wait)


def test_a_record_that_never_comes_back_is_told() -> None:
    assert isinstance(serve(was=record(Phase.SERVE, ago=RECORD_PATIENCE + 1), session_host=None), Fail)


def test_leaving_gives_back_the_flag_then_removes_what_was_built() -> None:
    built = disk(NEW, "ready")
    nothing: dict[str, Any] = {"session_host": DRAINED, "new_disk": built}
    assert leave(**nothing) == SetAllowNewSession(True)
    assert leave(temporary_vm=temporary(), temporary_nic={"id": "/nic"}, new_disk=built) == DeleteTemporaryVm()
    assert isinstance(leave(temporary_vm=temporary(provisioningState="Creating")), Wait)
    assert leave(temporary_nic={"id": "/nic"}, new_disk=built) == DeleteTemporaryNic()
    assert leave(new_disk=built) == DeleteDisk(built, "it is not needed")
    marked = leave(old_disk=disk(OLD, "old", attached=True))
    assert isinstance(marked, MarkDisk) and marked.state == ""
    last = leave(was=record(Phase.LEAVE, x=1, e=1))
    assert isinstance(last, Enter) and last.record is None
    assert (last.exclusion_tag, last.delete_option) == (False, "Delete")


def test_a_paused_run_keeps_its_ready_disks() -> None:
    left = leave(new_disk=disk(NEW, "ready"), memory=Memory(give_back="paused"))
    assert isinstance(left, Enter) and left.record is None


def test_a_kept_disk_is_not_deleted_when_the_host_leaves() -> None:
    was = record(Phase.LEAVE, k="kept")
    assert kind(leave(was=was, new_disk=disk("kept", "old"))) == "Enter"


def test_a_host_that_leaves_because_it_failed_says_so() -> None:
    last = leave(was=record(Phase.LEAVE, w="no disk"))
    assert isinstance(last, Enter) and last.record is not None
    assert (last.record.p, last.record.w) == (Phase.ROLLED_BACK, "no disk")


def test_a_host_found_draining_or_off_leaves_so() -> None:
    assert leave(was=record(Phase.LEAVE, n=0)) == SetAllowNewSession(False)
    off = record(Phase.LEAVE, o=1)
    assert leave(was=off, session_host=DRAINED) == Deallocate()
    assert isinstance(leave(was=off, session_host=DRAINED, sessions=(session(),)), Wait)
    assert leave(vm("deallocated"), was=off, session_host=DRAINED) == SetAllowNewSession(True)


def test_a_host_that_an_earlier_attempt_left_failed_is_never_given_to_users_unswapped() -> None:
    was = record(Phase.LEAVE, a=2, b=1, n=1, w="before: no trust")
    machine = vm(disk=NEW)
    old = disk(OLD, "old")
    last = leave(machine, was=was, session_host=DRAINED, old_disk=old)
    assert isinstance(last, Enter) and last.record is not None
    assert (last.record.p, last.record.w, last.record.a, last.record.n) == (Phase.FAILED, "no trust", 1, 1)
    assert (last.exclusion_tag, last.friendly_name) == (None, None)
    anew = leave(machine, was=record(Phase.LEAVE, a=2, b=1, w="no disk"), session_host=DRAINED, old_disk=old)
    assert isinstance(anew, Enter) and anew.record is not None and (anew.record.a, anew.record.w) == (2, "no disk")


@pytest.mark.parametrize("was", [record(Phase.LEAVE, j=1), record(Phase.UNDO_REJOIN, j=1)])
def test_an_entra_host_that_had_left_the_directory_joins_it_again(was: HostRecord) -> None:
    entra = goal(join=ENTRA)
    assert leave(was=was, goal=entra, session_host=DRAINED) == JoinDirectory()
    assert isinstance(leave(vm(agent=False), was=was, goal=entra, session_host=DRAINED), Wait)
    there = vm(extensions=[extension(LOGIN)])
    assert kind(leave(there, was=was, goal=entra, session_host=DRAINED)) in ("SetAllowNewSession", "CheckGuest")
    without = leave(was=record(was.p), goal=entra, session_host=DRAINED)
    assert kind(without) in ("SetAllowNewSession", "CheckGuest")


def test_a_run_command_that_a_crash_left_goes_while_the_vm_runs() -> None:
    cleared = Memory(commands_removed=True)
    for phase in (Phase.SERVE, Phase.UNDO_SERVE, Phase.LEAVE):
        here = vm(disk=OLD if phase is not Phase.SERVE else NEW)
        found = next_step(view(phase, here, session_host=ON, resumed=True), goal())
        assert found == RemoveRunCommands()
        assert next_step(view(phase, here, session_host=ON, resumed=True, memory=cleared), goal()) != found
        assert next_step(view(phase, here, session_host=ON), goal()) != found
    assert serve(vm("deallocated", disk=NEW), was=record(Phase.SERVE, o=1), resumed=True) != RemoveRunCommands()
