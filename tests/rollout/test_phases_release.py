"""RELEASE by literals: the last look, the record, the stop, and the one write that exchanges the disk."""

from __future__ import annotations

from typing import Any

import pytest

from rollout.phases import next_step
from rollout.phases.release import REFUSALS
from rollout.record import Phase
from rollout.steps import Deallocate, DeleteSessionHost, Enter, Fail, Memory, PowerOff, Step, Wait
from tests.rollout.literals import NEW, OLD, disk, goal, kind, record, session, view, vm

READY = disk(NEW, "ready", runs="1.0.1")


def step(machine: Any = None, *, inputs: dict[str, Any] | None = None, **changes: Any) -> Step:
    was = changes.pop("record", Phase.RELEASE)
    fields = {"new_disk": READY, "session_host": None, **changes}
    return next_step(view(was, machine, **fields), goal(**(inputs or {})))


def entered(step: Step) -> Phase:
    assert isinstance(step, Enter) and step.record is not None
    return step.record.p


def found(**changes: Any) -> Step:
    """While its session-host record is there."""
    return next_step(view(Phase.RELEASE, new_disk=READY, **changes), goal(drain={"log_off": "force"}))


def test_a_user_who_came_back_is_not_cut_off() -> None:
    assert entered(found(sessions=(session("Pending"),))) is Phase.DRAIN
    assert isinstance(found(sessions=None), Wait)


def test_the_record_goes_without_force_so_that_azure_can_refuse() -> None:
    assert found() == DeleteSessionHost(force=False)


def test_refusals_without_a_session_end() -> None:
    given_up = found(memory=Memory(refused_deletes=REFUSALS))
    assert isinstance(given_up, Fail) and "lists no session" in given_up.reason


@pytest.mark.parametrize(
    ("power", "stop", "then"),
    [
        ("running", "deallocate", PowerOff),
        ("stopped", "deallocate", Deallocate),
        ("deallocating", "deallocate", Wait),
        ("running", "power_off", PowerOff),
        ("stopped", "power_off", Enter),
        ("deallocated", "deallocate", Enter),
        ("deallocated", "power_off", Enter),
        ("", "deallocate", Wait),
    ],
)
def test_the_guest_shuts_down_before_the_allocation_goes(power: str, stop: str, then: type[Step]) -> None:
    assert isinstance(step(vm(power), inputs={"stop": stop}), then)


def test_nothing_is_written_while_an_operation_runs() -> None:
    assert isinstance(step(vm("deallocated", provisioningState="Updating")), Wait)


def test_the_swap_is_one_write_of_name_type_and_record() -> None:
    swapped = step(vm("deallocated"))
    assert isinstance(swapped, Enter) and swapped.record is not None
    assert (swapped.record.p, swapped.record.d) == (Phase.REJOIN, OLD)
    assert (swapped.attach, swapped.storage_account_type) == (READY.id, "Premium_LRS")


def test_the_size_is_written_first_and_what_it_was_is_in_the_record() -> None:
    inputs = {"vm_size": "Standard_D8s_v5"}
    resized = step(vm("deallocated"), inputs=inputs)
    assert isinstance(resized, Enter) and resized.record is not None
    assert (resized.vm_size, resized.attach) == ("Standard_D8s_v5", None)
    assert (resized.record.p, resized.record.z, resized.record.s) == (
        Phase.RELEASE,
        "Standard_D4s_v5",
        record(Phase.RELEASE).s,
    )
    then = step(
        vm("deallocated", size="standard_d8s_v5"),
        inputs=inputs,
        record=record(Phase.RELEASE, z="Standard_D4s_v5"),
    )
    assert isinstance(then, Enter) and then.attach == READY.id and then.record is not None
    assert then.record.z == "Standard_D4s_v5"


def test_a_swap_whose_answer_was_lost_is_not_done_again() -> None:
    again = step(vm("deallocated", disk=NEW))
    assert entered(again) is Phase.REJOIN
    assert isinstance(again, Enter) and again.attach is None


def test_after_deallocate_builds_now() -> None:
    assert kind(step(vm("deallocated"), new_disk=None, inputs={"build": "after_deallocate"})) == "CreateTemporaryNic"


@pytest.mark.parametrize("kept", [disk("kept", "old", attached=True), disk("kept", "")])
def test_a_disk_that_is_not_ready_is_never_attached(kept: Any) -> None:
    was = record(Phase.RELEASE, k="kept")
    assert isinstance(step(vm("deallocated"), record=was, new_disk=kept, new_disk_name="kept"), Fail)


def test_a_kept_disk_is_attached_as_it_is() -> None:
    kept = disk("kept", "old")
    swapped = step(vm("deallocated"), record=record(Phase.RELEASE, k="kept"), new_disk=kept, new_disk_name="kept")
    assert isinstance(swapped, Enter) and swapped.attach == kept.id
