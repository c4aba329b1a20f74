"""BUILD by literals: every way towards a ready disk with nothing left of its making."""

from __future__ import annotations

from typing import Any

import pytest

from rollout.phases import next_step
from rollout.phases.build import PATIENCE
from rollout.record import Phase
from rollout.steps import (
    Admission,
    Await,
    DeleteDisk,
    DeleteTemporaryVm,
    Enter,
    Fail,
    MarkDisk,
    Memory,
    Step,
    Wait,
)
from tests.rollout.literals import LOGIN, MONITOR, NEW, disk, extension, goal, kind, record, temporary, view, vm
from tests.support.observed import NOW

NIC = {"id": "/nic"}


def step(**changes: Any) -> Step:
    wanted = changes.pop("goal", None) or goal()
    return next_step(view(changes.pop("record", Phase.BUILD), **changes), wanted)


def test_first_a_nic_then_the_temporary_vm() -> None:
    assert kind(step()) == "CreateTemporaryNic"
    assert kind(step(temporary_nic=NIC)) == "CreateTemporaryVm"


@pytest.mark.parametrize("state", ["Creating", "Updating", "Deleting"])
def test_a_busy_temporary_vm_is_waited_for(state: str) -> None:
    assert kind(step(temporary_vm=temporary(provisioningState=state))) == "Wait"


def test_it_is_checked_before_it_is_stopped_and_its_disk_counts_only_then() -> None:
    assert kind(step(temporary_vm=temporary(agent=False))) == "Wait"
    assert kind(step(temporary_vm=temporary())) == "CheckBuild"
    checked = Memory(build_checked=True)
    assert kind(step(temporary_vm=temporary(), memory=checked)) == "DeallocateTemporaryVm"
    off = temporary("deallocated")
    marked = step(temporary_vm=off, memory=checked, new_disk=disk(NEW, "building"))
    assert isinstance(marked, MarkDisk) and marked.state == "ready"
    assert kind(step(temporary_vm=off, new_disk=disk(NEW, "ready"), memory=checked)) == "DeleteTemporaryVm"


@pytest.mark.parametrize("power", ["deallocated", "stopped"])
def test_a_temporary_vm_that_was_stopped_unchecked_is_discarded(power: str) -> None:
    """By its own guest, by somebody, or before a crash: nobody knows whether set-up is complete on its disk."""
    assert isinstance(step(temporary_vm=temporary(power), new_disk=disk(NEW, "building")), DeleteTemporaryVm)


def test_a_failed_temporary_vm_and_one_that_a_policy_touched_are_discarded() -> None:
    checked = Memory(build_checked=True)
    assert kind(step(temporary_vm=temporary(provisioningState="Failed"))) == "DeleteTemporaryVm"
    touched = temporary("deallocated", extensions=[extension(MONITOR)])
    assert kind(step(temporary_vm=touched, memory=checked, new_disk=disk(NEW, "building"))) == "DeleteTemporaryVm"
    discarded = step(new_disk=disk(NEW, "building"), temporary_nic=NIC)
    assert isinstance(discarded, DeleteDisk)


def test_a_disk_is_built_twice_at_most() -> None:
    given_up = step(temporary_nic=NIC, memory=Memory(build_tries=2))
    assert isinstance(given_up, Fail) and "2 builds" in given_up.reason


@pytest.mark.parametrize(
    ("machine", "says"),
    [
        (temporary(), "set-up did not complete"),
        (temporary(agent=False), "agent does not answer"),
        (temporary("stopped"), "stopped"),
    ],
)
def test_a_temporary_vm_is_not_waited_for_without_end(machine: Any, says: str) -> None:
    late = Memory(build_since=NOW - PATIENCE - 1)
    given_up = step(temporary_vm=machine, memory=late)
    assert isinstance(given_up, Fail) and says in given_up.reason
    assert isinstance(step(temporary_vm=temporary(provisioningState="Creating"), memory=late), Wait)


def test_a_ready_disk_waits_for_its_turn_without_a_nic() -> None:
    ready = disk(NEW, "ready")
    assert kind(step(new_disk=ready, temporary_nic=NIC)) == "DeleteTemporaryNic"
    assert step(new_disk=ready) == Await(Admission.DRAIN)


def test_entering_drain_notes_what_is_taken_off() -> None:
    may = Memory(may_drain=True)
    on = vm(extensions=[extension(LOGIN)], storageProfile={"osDisk": {"deleteOption": "Delete"}})
    entered = step(machine=on, new_disk=disk(NEW, "ready"), memory=may, goal=goal(exclusion_tag="NoScale"))
    assert isinstance(entered, Enter) and entered.record is not None
    assert (entered.record.p, entered.record.x, entered.record.j) == (Phase.DRAIN, 1, 1)
    assert (entered.exclusion_tag, entered.delete_option) == (True, "Detach")
    theirs = vm(tags={"NoScale": ""})
    entered = step(machine=theirs, new_disk=disk(NEW, "ready"), memory=may, goal=goal(exclusion_tag="NoScale"))
    assert isinstance(entered, Enter) and entered.record is not None
    assert (entered.record.x, entered.delete_option) == (0, None)


def test_after_deallocate_nothing_is_built_while_the_host_serves() -> None:
    assert step(goal=goal(build="after_deallocate")) == Await(Admission.DRAIN)


@pytest.mark.parametrize(
    ("kept", "says"),
    [
        (None, "vanished"),
        (disk("kept", "old", attached=True), "attached elsewhere"),
        (disk("kept"), "lost its tags"),
    ],
)
def test_a_kept_disk_that_cannot_be_attached_is_told_before_the_host_is_touched(kept: Any, says: str) -> None:
    given_up = step(record=record(Phase.BUILD, k="kept"), new_disk=kept)
    assert isinstance(given_up, Fail) and says in given_up.reason


def test_a_kept_disk_needs_no_build() -> None:
    assert step(record=record(Phase.BUILD, k="kept"), new_disk=disk("kept", "old")) == Await(Admission.DRAIN)


def test_a_host_given_back_leaves() -> None:
    left = step(memory=Memory(give_back="paused"))
    assert isinstance(left, Enter) and left.record is not None and left.record.p is Phase.LEAVE
