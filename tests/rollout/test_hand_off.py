"""How users come to updated hosts: which old hosts are closed and opened, step by step and in whole rollouts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostpool.status import status_of
from rollout import names, plan
from rollout.admission import Candidate, Candidates, Left, Limits, Stage
from rollout.declaration import parse
from rollout.errors import InvalidDeclaration
from rollout.hand_off import SETTLE, SPARE, WAITING, Change, HandOver, change, under_way
from rollout.phases import next_step
from rollout.pool_record import RolloutRecord, State
from rollout.record import HostRecord, Phase
from rollout.record import decode as decode_record
from rollout.steps import Await, Enter, Memory, SetAllowNewSession, Step, Wait
from simulation.references import pause
from simulation.timeline import Timeline
from simulation.virtual_time import virtually
from tests.rollout.literals import goal, kind, record, session_host, view, vm
from tests.support.observed import NOW, declaration, host, image, pool
from tests.support.pools import INPUTS, POOL, Bench, bench

LIMITS = Limits(2, 4, 0, 0, 0, 6, 10, True, 1, None)


def old(name: str, *, sessions: int = 0, closed: bool = False, stage: Stage = Stage.QUEUED) -> Candidate:
    return Candidate(name, stage, serving=not closed, broken=False, sessions=sessions, closed=closed)


def changed(*hosts: Candidate, updated: int, carry: int | None, **limits: Any) -> Change:
    serving = updated + sum(host.serving for host in hosts)
    return change(Candidates(hosts), replace(LIMITS, serving=serving, carry=carry, **limits))


WAIT = (old("busy", sessions=5), old("quiet", sessions=1), old("usual", sessions=3))


def test_as_many_old_hosts_stay_open_as_the_load_needs_those_that_go_last() -> None:
    assert changed(*WAIT, updated=1, carry=2).close == ("quiet",)
    assert changed(*WAIT, updated=3, carry=2).close == ("quiet", "usual", "busy")
    assert changed(*WAIT, updated=1, carry=3) == Change()


def test_without_it_and_before_the_canary_has_passed_nobody_is_closed() -> None:
    assert changed(*WAIT, updated=9, carry=None) == Change()
    assert changed(*WAIT, updated=9, carry=2, canary_left=0) == Change()


def test_who_waits_for_a_person_stays_open() -> None:
    held = old("held", stage=Stage.HELD)
    assert changed(held, updated=9, carry=2) == Change()
    assert not under_way(Candidates([held])) and under_way(Candidates([*WAIT]))


CLOSED = (old("busy", sessions=5, closed=True), old("quiet", sessions=1, closed=True))


def test_as_many_are_opened_as_are_missing_and_no_more_before_these_count() -> None:
    assert changed(*CLOSED, updated=4, carry=4) == Change()
    assert changed(*CLOSED, updated=3, carry=4) == Change(open=("busy",))
    assert changed(*CLOSED, updated=1, carry=4) == Change(open=("busy", "quiet"))
    over, limits = HandOver(), replace(LIMITS, serving=3, carry=4)
    assert over.change(Candidates(CLOSED), limits, 100.0, begins=True).open == ("busy",)
    assert over.change(Candidates(CLOSED), limits, 100.0 + SETTLE / 2, begins=True).open == ()
    assert over.change(Candidates(CLOSED), limits, 100.0 + SETTLE, begins=True).open == ("busy",)


def test_all_are_opened_where_none_can_be_drained_any_more_and_where_it_is_not_declared_any_more() -> None:
    over = Left(seconds=60.0, from_drain=600.0)
    assert changed(*CLOSED, updated=9, carry=2, left=over).open == ("busy", "quiet")
    assert changed(*CLOSED, updated=9, carry=None).open == ("busy", "quiet")


def test_while_nobody_may_be_begun_hosts_are_opened_only() -> None:
    serving = replace(LIMITS, serving=9, carry=2)
    assert HandOver().change(Candidates(WAIT), serving, 0.0, begins=False) == Change()
    missing = replace(LIMITS, serving=1, carry=2)
    assert HandOver().change(Candidates(CLOSED), missing, 0.0, begins=False).open == ("busy",)


HOSTS = st.lists(st.tuples(st.sampled_from(Stage), st.booleans(), st.integers(0, 9)), max_size=12)


@given(HOSTS, st.integers(0, 9), st.integers(0, 12))
def test_i1_capacity_what_stays_open_carries_the_load(hosts: Any, updated: int, carry: int) -> None:
    them = [
        replace(old(f"vm-{n}", sessions=used, closed=closed and stage in WAITING), stage=stage)
        for n, (stage, closed, used) in enumerate(hosts)
    ]
    found = changed(*them, updated=updated, carry=carry)
    serving = updated + sum(host.serving for host in them)
    assert not found.close or serving - len(found.close) >= carry + SPARE
    assert len(found.open) <= max(0, carry - serving)
    assert len(set(found.close + found.open)) == len(found.close + found.open)


# -- the steps of one host


def step(memory: Memory, was: HostRecord | None = None, *, open: bool = True, **inputs: Any) -> Step:
    tag = inputs.pop("tag", None)
    seen = session_host(allowNewSession=open)
    changes = {"machine": inputs.pop("machine", vm()), "memory": memory, "session_host": seen, "sessions": None}
    return next_step(view(was or record(Phase.BUILD), **changes), replace(goal(**inputs), exclusion_tag=tag))


SHUT = Memory(closed=True, may_build=False)


def test_a_host_is_closed_after_its_record_says_so_and_then_waits_for_its_turn() -> None:
    first = step(SHUT, tag="no-scale")
    assert isinstance(first, Enter) and first.record is not None and first.exclusion_tag is True
    assert (first.record.p, first.record.h, first.record.x) == (Phase.BUILD, 1, 1)
    assert step(SHUT, first.record) == SetAllowNewSession(False)
    assert isinstance(step(SHUT, first.record, open=False), Await)
    assert kind(step(replace(SHUT, may_build=True), first.record, open=False)) == "CreateTemporaryNic"


def test_a_host_is_opened_before_its_record_says_so() -> None:
    closed, opened = record(Phase.BUILD, h=1, x=1), Memory(closed=False, may_build=False)
    assert step(opened, closed, open=False) == SetAllowNewSession(True)
    then = step(opened, closed)
    assert isinstance(then, Enter) and then.record is not None and then.exclusion_tag is False
    assert (then.record.h, then.record.x) == (2, 0)
    assert isinstance(step(opened, then.record), Await)


def test_a_protected_host_and_one_that_was_found_draining_are_not_closed() -> None:
    tagged = vm(tags={"avd-protect": "Ada"})
    assert not isinstance(step(SHUT, machine=tagged, protection={"policy": "wait"}), Enter)
    assert isinstance(step(SHUT, record(Phase.BUILD, n=0), open=False), Await)


def test_an_operation_on_the_vm_is_not_cut_off_by_the_record() -> None:
    assert isinstance(step(SHUT, machine=vm(provisioningState="Updating")), Wait)


def test_the_record_forgets_it_with_the_drain_and_keeps_it_on_the_way_out() -> None:
    closed = record(Phase.BUILD, h=1)
    assert closed.closed and closed.to(Phase.LEAVE, 0.0).closed and not closed.to(Phase.DRAIN, 0.0).closed


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(InvalidDeclaration, match="has no effect with max_unavailable: 100%"):
        parse({**INPUTS, "hand_off": "soft", "max_unavailable": "100%"})
    with pytest.raises(InvalidDeclaration, match="hand_off: 'gentle' is not known; use one of hard, soft"):
        parse({**INPUTS, "hand_off": "gentle"})
    assert parse(INPUTS).hand_off == "hard"


# -- whole rollouts

SOFT: dict[str, Any] = {
    "hand_off": "soft",
    "max_unavailable": 1.0,
    "max_building": 1.0,
    "canary": {"hosts": 1.0, "bake": "PT0S"},
}


def flags(made: Bench, hosts: int) -> list[bool]:
    ids = (f"{POOL}/sessionHosts/vm-{number}.contoso.com" for number in range(hosts))
    found = (made.ask("GET", id, None, "2024-04-03") for id in ids)
    return [answer.body["properties"]["allowNewSession"] for answer in found if answer.status == 200]


def closed(made: Bench, hosts: int) -> list[str]:
    tags = {f"vm-{n}": (made.vm(f"vm-{n}").get("tags") or {}).get(names.RECORD) for n in range(hosts)}
    return [name for name, tag in tags.items() if (found := decode_record(tag)) is not None and found.closed]


def test_fewer_people_are_moved_twice(tmp_path: Path) -> None:
    """Everybody heeds the message, and goes on elsewhere: the first of them can land on old hosts only."""

    async def twice(hand_off: str) -> int:
        people = {"sessions_per_host": 1, "ignore_probability": 0.0, "max_session_limit": 8}
        made = await bench(tmp_path / hand_off, hosts=6, latency=False, **people)
        began = made.clock.now()
        outcome = await made.roll(max_unavailable=1.0, canary=SOFT["canary"], hand_off=hand_off)
        assert outcome.status == "complete", outcome.summary
        assert outcome.users["messaged"] == 6
        assert min(s["serving"] for at, s in Timeline(made).samples if at >= began) >= 1
        return outcome.users["moved_twice"]

    assert virtually(twice("soft")) < virtually(twice("hard"))


def test_hosts_that_were_closed_are_opened_when_the_run_is_paused(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=5, users=0, latency=False)
        work = asyncio.ensure_future(made.roll(**SOFT))
        while not closed(made, 5):
            await made.clock.sleep(60.0)
            assert not work.done(), "nobody was closed"
        await made.clock.sleep(30.0)
        shut = closed(made, 5)
        assert shut and not any(open for number, open in enumerate(flags(made, 5)) if f"vm-{number}" in shut)
        pause(made)
        assert (await work).status == "paused"
        assert flags(made, 5) == [True] * 5 and closed(made, 5) == []

    virtually(story())


def test_preview_and_status_say_so() -> None:
    there = [host("vm-0"), host("vm-1", found=record(Phase.BUILD, h=1))]
    soft = declaration(hand_off="soft")
    told = plan.lines(pool(there), image(), soft)["hand_off"]
    assert told == "soft: old hosts that wait take new sessions only while the load needs them"
    assert "hand_off" not in plan.lines(pool(there), image(), declaration())
    tags = {names.RECORD: RolloutRecord("abcd", 1, State.RUNNING, int(NOW), 0, 2).encode()}
    seen = status_of(pool(there, tags=tags), soft, at=NOW)
    assert "1 old host closed to new sessions until their turn" in seen.line
    assert seen.hosts[1].waits_for.endswith("it takes no new sessions meanwhile (hand_off: soft)")
