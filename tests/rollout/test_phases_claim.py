"""The claim: the write that precedes everything else, and what it makes of records that others left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rollout.phases import claim, next_step
from rollout.record import HostRecord, Phase
from rollout.steps import Enter
from tests.rollout.literals import AD_JOIN, NEW, OLD, disk, extension, goal, kind, record, session_host, view, vm
from tests.support.observed import NOW


def claimed(was: HostRecord | None, **changes: Any) -> HostRecord:
    wanted = changes.pop("goal", None) or goal(attempt=2)
    step = claim(view(was, **changes), wanted)
    assert isinstance(step, Enter) and step.record is not None
    return step.record


def test_a_host_at_rest_is_noted_as_found() -> None:
    on = vm("deallocated", properties=None, storageProfile={"osDisk": {"deleteOption": "Delete"}})
    found = claimed(None, machine=on)
    assert (found.p, found.d, found.n, found.o, found.e, found.k) == (Phase.BUILD, OLD, 0, 1, 1, "")
    assert claimed(None, session_host=session_host()).n == 1


def test_the_friendly_name_is_kept_before_anything_is_done() -> None:
    step = claim(view(None, session_host=session_host(friendlyName="Finance")), goal())
    assert isinstance(step, Enter) and step.friendly_name == "Finance"


def test_a_drain_flag_that_autoscale_may_have_set_is_not_taken_for_an_administrators() -> None:
    assert claimed(None, goal=goal(exclusion_tag="NoScale")).n == 1


def test_a_revert_notes_the_disk_to_attach() -> None:
    assert claimed(None, new_disk=disk("kept", "old"), new_disk_name="kept", build_key="").k == "kept"


@pytest.mark.parametrize("phase", [p for p in Phase if p not in (Phase.ROLLED_BACK, Phase.FAILED, Phase.LEAVE)])
def test_a_crash_of_this_rollout_goes_on_where_it_was(phase: Phase) -> None:
    was = record(phase, ago=9000, f=3, n=0, o=1, x=1, e=1, z="Standard_D2s_v5", w="it failed", k="kept", j=1)
    now = claimed(was, machine=vm(disk=NEW))
    assert now == record(phase, ago=9000, f=7, n=0, o=1, x=1, e=1, z="Standard_D2s_v5", w="it failed", k="kept", j=1)


def test_a_host_that_was_leaving_is_worked_on_again_unless_it_failed() -> None:
    assert claimed(record(Phase.LEAVE, f=3, n=0)).p is Phase.BUILD
    assert claimed(record(Phase.LEAVE, f=3, w="no disk")) == record(Phase.LEAVE, f=7, w="no disk")


def test_a_rolled_back_host_was_given_back_so_it_is_looked_at_anew() -> None:
    was = record(Phase.ROLLED_BACK, n=1, o=1, x=1, e=1, z="Standard_D2s_v5", w="it failed")
    now = claimed(was)
    assert now == HostRecord(was.r, 2, 7, Phase.BUILD, int(NOW), d=OLD, n=0)


def test_a_failed_host_keeps_how_it_was_found_and_why_it_failed() -> None:
    was = record(Phase.FAILED, n=1, o=1, x=1, e=1, z="Standard_D2s_v5", w="no trust", k="kept", a=1)
    now = claimed(was, machine=vm(disk=NEW))
    assert (now.p, now.a, now.d, now.k, now.s) == (Phase.BUILD, 2, OLD, "", int(NOW))
    assert (now.n, now.o, now.x, now.e, now.z, now.b) == (1, 1, 1, 1, "Standard_D2s_v5", 1)
    assert now.w == "before: no trust" and not now.failing
    again = claimed(record(Phase.FAILED, w="before: no trust"))
    assert again.w == "before: no trust"


@pytest.mark.parametrize("phase", [Phase.BUILD, Phase.DRAIN, Phase.LEAVE, Phase.RELEASE])
def test_another_rollouts_host_begins_again_with_the_disk_it_has(phase: Phase) -> None:
    was = record(phase, r="another", a=5, n=0, k="kept", w="x" if phase is Phase.LEAVE else "")
    now = claimed(was)
    assert now.p is (Phase.RELEASE if phase is Phase.RELEASE else Phase.BUILD)
    assert (now.r, now.a, now.k, now.n, now.w, now.s) == (goal().rollout, 2, "", 0, "", int(NOW))


@pytest.mark.parametrize("phase", [Phase.REJOIN, Phase.SERVE, Phase.UNDO, Phase.UNDO_REJOIN, Phase.UNDO_SERVE])
def test_another_rollouts_swap_is_ended_first(phase: Phase) -> None:
    was = record(phase, r="another", a=5, k="kept", w="it failed", ago=500)
    for attached in (OLD, NEW):
        now = claimed(was, machine=vm(disk=attached))
        assert (now.p, now.a, now.k, now.w, now.d, now.s) == (phase, 5, "kept", "it failed", OLD, int(NOW - 500))


@pytest.mark.parametrize("change", [{"f": 3}, {"r": "another"}, {"p": Phase.FAILED}, {"p": Phase.ROLLED_BACK}])
def test_nothing_is_done_to_a_host_before_it_is_claimed(change: dict[str, Any]) -> None:
    was = record(Phase.RELEASE, **change) if "p" not in change else record(change["p"])
    assert kind(next_step(view(was), goal())) == "Enter"


@pytest.mark.parametrize("was", [None, record(Phase.REJOIN, f=3)])
def test_a_claim_does_not_preempt_what_a_crash_left_under_way(was: HostRecord | None) -> None:
    for busy in (vm(provisioningState="Updating"), vm(extensions=[extension(AD_JOIN, "Creating", code="")])):
        assert kind(claim(view(was, busy), goal())) == "Wait"
        assert kind(claim(view(was, replace(busy, stuck=True)), goal())) == "Enter"


def test_a_record_that_lost_the_disk_takes_the_attached_one() -> None:
    assert claimed(record(Phase.DRAIN, f=3, d="")).d == OLD
