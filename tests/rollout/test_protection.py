"""Hosts that somebody protects by a tag: left out, waited for, or not, as declared."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from rollout import plan
from rollout.observation import Host, Pool
from rollout.phases import next_step
from rollout.protection import TAG
from rollout.record import Phase
from rollout.steps import (
    Admission,
    Await,
    Enter,
    Fail,
    GiveBack,
    HostView,
    Memory,
    SendMessage,
    Step,
    Wait,
)
from simulation.deeds import TAGS, TAGS_API, vm_id
from simulation.virtual_time import virtually
from tests.rollout.literals import NEW, disk, goal, record, session, view, vm
from tests.support.observed import declaration, host, image, pool
from tests.support.pools import Bench, bench
from tests.support.prechecked import findings

MINE = {TAG.upper(): "ask Ada"}
WAIT = {"policy": "wait", "deadline": "PT1H"}


def protected(phase: Phase, *, ago: float = 60.0, tags: dict[str, str] | None = None, **changes: Any) -> HostView:
    on = vm(tags=MINE if tags is None else tags)
    return view(record(phase, ago=ago), on, **{"new_disk": disk(NEW, "ready"), **changes})


def step(at: HostView, **protection: str) -> Step:
    return next_step(at, goal(protection=protection))


def test_by_default_a_protected_host_leaves_the_run_before_anything_is_built() -> None:
    left = step(protected(Phase.BUILD, new_disk=None))
    assert isinstance(left, GiveBack) and left.reason == "protected by its tag avd-protect: ask Ada"
    assert step(protected(Phase.BUILD, tags={TAG: ""})) == GiveBack("protected by its tag avd-protect")


def test_a_host_that_waits_is_built_and_not_drained_while_it_is_protected() -> None:
    may = Memory(may_drain=True)
    assert not isinstance(step(protected(Phase.BUILD, new_disk=None), **WAIT), Wait | GiveBack)
    held = step(protected(Phase.BUILD, memory=may), **WAIT)
    assert isinstance(held, Wait) and held.held and held.seconds == 60
    assert step(protected(Phase.BUILD, tags={}), **WAIT) == Await(Admission.DRAIN)
    assert step(protected(Phase.BUILD, tags={"Avd-Protected": "no"}), **WAIT) == Await(Admission.DRAIN)


def test_at_its_deadline_a_protected_host_is_left_out_or_fails() -> None:
    late = protected(Phase.BUILD, ago=3600)
    left = step(late, **WAIT)
    assert isinstance(left, GiveBack) and "waited for 60 min" in left.reason
    failed = step(late, **WAIT, then="fail")
    assert isinstance(failed, Fail) and "ask Ada" in failed.reason


def test_protection_can_be_ignored() -> None:
    assert step(protected(Phase.BUILD), policy="ignore") == Await(Admission.DRAIN)
    asked = step(protected(Phase.DRAIN, sessions=(session(),)), policy="ignore")
    assert isinstance(asked, SendMessage)


@pytest.mark.parametrize("policy", ["skip", "wait"])
def test_a_host_that_is_drained_already_is_given_back_to_its_users(policy: str) -> None:
    left = step(protected(Phase.DRAIN, sessions=(session(),)), policy=policy)
    assert isinstance(left, GiveBack) and "while it was drained" in left.reason


def test_the_last_look_sees_the_tag_too_and_what_is_out_is_finished() -> None:
    back = step(protected(Phase.RELEASE))
    assert isinstance(back, Enter) and back.record is not None and back.record.p is Phase.DRAIN
    gone_on = step(protected(Phase.RELEASE, session_host=None))
    assert not isinstance(gone_on, Enter | GiveBack)


def tagged(name: str) -> Host:
    return host(name, vm={"tags": {TAG: name}})


def observed() -> Pool:
    return pool([tagged("vm-0"), host("vm-1"), tagged("vm-2")])


def test_a_plan_leaves_protected_hosts_out_or_puts_them_last() -> None:
    seen, skip, wait = observed(), declaration(), declaration(protection=WAIT)
    assert [work.host for work in plan.hosts_to_update(seen, image(), skip)] == ["vm-1"]
    assert plan.state_line(seen, image(), skip) == "1 of 3 hosts need work; protected: vm-0, vm-2"
    works = plan.hosts_to_update(seen, image(), wait)
    assert [work.host for work in works] == ["vm-1", "vm-0", "vm-2"]
    assert plan.lines(seen, image(), wait)["vm-0"] == "1.0.0 -> 1.0.1 (protected: waits)"
    ignored = plan.hosts_to_update(seen, image(), declaration(protection={"policy": "ignore"}))
    assert [work.host for work in ignored] == ["vm-0", "vm-1", "vm-2"]


async def test_the_preview_names_them_with_a_remedy() -> None:
    told = [f for f in await findings(observed(), protection=WAIT) if f.id == "protected-host"]
    assert [(f.severity, f.subject) for f in told] == [("warning", "vm-0"), ("warning", "vm-2")]
    assert "not drained before the tag is gone" in told[0].problem and "avd-protect=" in told[0].remedy
    alone = pool([tagged("vm-0")])
    assert [f.id for f in await findings(alone)] == ["protected-host"], "though nothing else needs work"
    assert not [f for f in await findings(alone, protection={"policy": "ignore"}) if f.id == "protected-host"]


# -- whole rollouts


def tag(made: Bench, number: int, operation: str = "Merge") -> None:
    body = {"operation": operation, "properties": {"tags": {TAG: "a test"}}}
    answer = made.ask("PATCH", f"{vm_id(number)}/{TAGS}", body, TAGS_API)
    assert answer.status == 200, answer.body


def test_a_skipped_host_is_reported_and_updated_once_the_tag_is_gone(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=3, users=0)
        tag(made, 1)
        outcome = await made.roll()
        assert (outcome.status, outcome.hosts["protected"]) == ("complete", ["vm-1"]), outcome
        assert outcome.summary.endswith("protected: vm-1")
        assert [made.os_disk_image(f"vm-{n}") for n in range(3)] == ["1.0.1", "1.0.0", "1.0.1"]
        again = await made.roll()
        assert again.summary == "pool hp1: 2 of 3 hosts run 1.0.1; protected: vm-1"
        tag(made, 1, "Delete")
        assert (await made.roll()).status == "complete"
        assert made.os_disk_image("vm-1") == "1.0.1"

    virtually(story())


def test_a_host_that_is_waited_for_holds_up_nobody_and_goes_when_its_tag_does(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=4, users=0)
        tag(made, 0)
        tag(made, 1)
        long = {**WAIT, "deadline": "P1D"}
        work = asyncio.ensure_future(made.roll(max_unavailable=1.0, max_building=1.0, protection=long))
        await made.clock.sleep(3 * 3600)
        images = [made.os_disk_image(f"vm-{n}") for n in range(4)]
        assert images == ["1.0.0", "1.0.0", "1.0.1", "1.0.1"]
        assert not work.done()
        tag(made, 1, "Delete")
        await made.clock.sleep(3600)
        assert (made.os_disk_image("vm-1"), made.os_disk_image("vm-0")) == ("1.0.1", "1.0.0")
        tag(made, 0, "Delete")
        outcome = await work
        assert outcome.status == "complete" and len(outcome.hosts["updated"]) == 4, outcome

    virtually(story())


def test_a_host_that_stays_protected_fails_where_that_is_declared_and_serves_on(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        tag(made, 0)
        outcome = await made.roll(protection={**WAIT, "then": "fail"}, max_failed=1.0)
        assert outcome.status == "complete_with_failures"
        assert outcome.hosts["rolled_back"] == ["vm-0"] and "a test" in dict(outcome.failures)["vm-0"]
        assert made.os_disk_image("vm-0") == "1.0.0"
        assert (made.vm("vm-0")["tags"])[TAG] == "a test"
        assert not [key for key in made.control("GET", "state")["resources"] if "avdtmp" in key]

    virtually(story())
