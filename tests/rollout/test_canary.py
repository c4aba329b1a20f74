"""The canary as declared: which hosts it is, that nobody goes before it, what has to happen before the rest follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout import admission, history, names, pool_record
from rollout.admission import Admissions, Candidate, Candidates, Stage
from rollout.canary import Canary
from rollout.decisions import Decision, decision
from rollout.errors import InvalidDeclaration
from rollout.events import Kind
from rollout.names import rollout_id
from rollout.observation import Host
from rollout.plan import hosts_to_update, lines, state_line
from rollout.pool_record import RolloutRecord, State
from rollout.record import HostRecord, Phase
from simulation.process import Died, Kill, Process
from simulation.virtual_time import virtually
from tests.rollout.test_admission import LIMITS, PLAIN, candidates
from tests.support.observed import NOW, POOL, declaration, host, image, pool, version
from tests.support.pools import POOL as EMULATED
from tests.support.pools import Bench, bench

WANTED = rollout_id(POOL, version("1.0.1"), None, None)
TAGS = f"{EMULATED}/providers/Microsoft.Resources/tags/default"


def going(**changes: Any) -> dict[str, str]:
    """The tag of an attempt that goes on."""
    return {names.RECORD: RolloutRecord(WANTED, 2, State.PAUSED, int(NOW), **changes).encode()}


def marked(hosts: list[Host], tags: Mapping[str, str] | None = None, **canary: Any) -> list[str]:
    """Hosts in the order of work, those of the canary with a star."""
    works = hosts_to_update(pool(hosts, tags=dict(tags or {})), image(), declaration(canary=canary))
    return [f"{work.host}*" if work.canary else work.host for work in works]


def zoned(number: int, **changes: Any) -> Host:
    return host(f"vm-{number}", vm={"zones": [str(1 + number % 3)]}, **changes)


# -- which hosts


def test_named_hosts_go_first_whatever_their_sessions() -> None:
    assert marked([host(f"vm-{n}") for n in range(4)], names=["VM-3", "vm-1"]) == ["vm-1*", "vm-3*", "vm-0", "vm-2"]


def test_what_a_crash_left_half_done_comes_before_them() -> None:
    hosts = [host("vm-0"), host("vm-1"), host("vm-2", found=HostRecord("abcd", 1, 1, Phase.DRAIN, int(NOW)))]
    assert marked(hosts, names=["vm-1"]) == ["vm-2", "vm-1*", "vm-0"]


def test_one_host_of_each_zone() -> None:
    assert marked([zoned(n) for n in range(5)], per_zone=True) == ["vm-0*", "vm-1*", "vm-2*", "vm-3", "vm-4"]


def test_a_zone_whose_canary_this_attempt_has_behind_it_needs_none() -> None:
    key = names.build_key("guid-of-vm-0", version("1.0.1"), 2)
    disk = {"properties": {"storageProfile": {"osDisk": {"name": names.new_disk("vm-0", key)}}}}
    done = host("vm-0", runs="1.0.1", vm={"zones": ["1"], **disk})
    others = [zoned(n) for n in range(1, 5)]
    assert marked([done, *others], going(n=5), per_zone=True) == ["vm-1*", "vm-2*", "vm-3", "vm-4"]
    # A new attempt has a canary of its own in each zone.
    assert "vm-3*" in marked([done, *others], per_zone=True)
    assert "*" not in "".join(marked([done, *others], going(n=5, c=1), per_zone=True))


def test_where_the_named_hosts_run_the_image_already_another_goes_first() -> None:
    hosts = [host("vm-0", runs="1.0.1"), host("vm-1"), host("vm-2")]
    assert marked(hosts, names=["vm-0"]) == ["vm-1*", "vm-2"]
    assert marked(hosts, going(n=3), names=["vm-0"]) == ["vm-1", "vm-2"]  # it was updated by this very attempt


def test_a_name_that_is_no_host_is_told() -> None:
    with pytest.raises(InvalidDeclaration, match=r"canary.names\[0\]: 'vm-9' is no host .* its hosts .* are vm-0"):
        marked([host("vm-0")], names=["vm-9"])


@pytest.mark.parametrize(
    ("inputs", "prop"),
    [
        ({"canary": {"hosts": 2, "names": ["vm-0"]}}, "canary.names"),
        ({"canary": {"names": ["vm-0"], "per_zone": True}}, "canary.per_zone"),
        ({"canary": {"names": ["vm-0", "VM-0"]}}, "canary.names[1]"),
        ({"canary": {"names": ["vm-0"]}, "exclude": ["vm-0"]}, "canary.names[0]"),
        ({"canary": {"names": ["vm-0"]}, "include": ["vm-1"]}, "canary.names[0]"),
        ({"canary": {"hosts": 0, "approval": True}}, "canary.approval"),
        ({"canary": {"hosts": 0}, "stop_after": "canary"}, "stop_after"),
        ({"stop_after": "half"}, "stop_after"),
    ],
)
def test_what_contradicts_itself_is_told(inputs: dict[str, Any], prop: str) -> None:
    with pytest.raises(InvalidDeclaration) as raised:
        declaration(**inputs)
    assert raised.value.prop == prop


def test_names_and_zones_are_the_canary_in_place_of_a_number() -> None:
    assert declaration(canary={"names": ["vm-1", "vm-2"]}).canary == Canary(2, names=("vm-1", "vm-2"))
    assert declaration(canary={"per_zone": True, "bake": "PT1H"}).canary == Canary(1, 3600.0, per_zone=True)


# -- nobody before them


@given(candidates(), LIMITS, st.sets(st.integers(0, 13)), st.booleans())
def test_before_the_canary_has_passed_only_the_chosen_hosts_go_out(
    them: tuple[Candidate, ...], limits: admission.Limits, chosen: set[int], alone: bool
) -> None:
    first = frozenset(f"vm-{number}" for number in chosen)
    limits = replace(limits, canary=first, alone=alone)
    go = admission.admit(Candidates(them), limits)
    if limits.canary_left is None:
        assert go == admission.admit(Candidates(them), replace(limits, canary=None, alone=False))
        return
    broken = {candidate.name for candidate in them if candidate.broken}
    assert set(go.release) <= first | broken
    if limits.canary_left or alone:
        assert set(go.drain) <= first | broken
    if alone:
        assert len(go.build) <= limits.canary_left and (limits.canary_left or not go.drain)


def test_a_broken_host_that_holds_the_slot_of_the_canary_is_mended_first() -> None:
    canary = Candidate("vm-0", Stage.EMPTY, serving=False, broken=False)
    broken = Candidate("vm-1", Stage.EMPTY, serving=False, broken=True)
    limits = replace(PLAIN, max_unavailable=1, canary_left=1, canary=frozenset({"vm-0"}))
    assert admission.admit(Candidates([canary, broken]), limits) == Admissions(release=("vm-1",))
    assert admission.admit(Candidates([canary, broken]), replace(limits, max_unavailable=2)).release == ("vm-0",)


def left(made: Bench, phase: str) -> dict[str, float]:
    """When each host entered a phase first."""
    told = [event for event in made.events if event.kind is Kind.PHASE and event.data["phase"] == phase]
    return {event.host: event.time for event in reversed(told)}


def test_the_named_canaries_are_out_alone_until_both_have_baked(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=5, users=0)
        outcome = await made.roll(canary={"names": ["vm-4", "vm-2"], "bake": "PT1H"})
        assert outcome.status == "complete", outcome.summary
        out, passed = left(made, "release"), next(e.time for e in made.events if e.kind is Kind.CANARY)
        assert sorted(out, key=lambda name: out[name])[:2] in (["vm-2", "vm-4"], ["vm-4", "vm-2"])
        assert sorted(name for name in out if out[name] < passed) == ["vm-2", "vm-4"]
        assert passed - max(out["vm-2"], out["vm-4"]) > 3600

    virtually(story())


def test_a_canary_in_each_zone_and_after_a_crash_the_same_ones(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=6, users=0)
        zones = {name: str((made.vm(name).get("zones") or ["none"])[0]) for name in (f"vm-{n}" for n in range(6))}
        assert len(set(zones.values())) > 1, "the scenario spreads its hosts over zones"
        with pytest.raises(Died):
            await made.roll(process=Process("first", Kill(at=1500)), canary={"per_zone": True, "bake": "PT1H"})
        outcome = await made.roll(canary={"per_zone": True, "bake": "PT1H"})
        assert outcome.status == "complete", outcome.summary
        passed = next(e.time for e in made.events if e.kind is Kind.CANARY)
        first = [name for name, at in left(made, "release").items() if at < passed]
        assert sorted(zones[name] for name in first) == sorted(set(zones.values())), first

    virtually(story())


def test_a_named_canary_whose_users_stay_pauses_the_rollout(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=3, sessions_per_host=1, ignore_probability=1.0)
        outcome = await made.roll(canary={"names": ["vm-1"]}, drain={"deadline": "PT10M", "log_off": "wait"})
        assert outcome.status == "paused" and "canary vm-1" in outcome.summary, outcome.summary
        assert left(made, "release") == {}
        samples = made.control("GET", "capacity", hostPool=EMULATED)["samples"]
        assert max(sample["unavailable"] for sample in samples) == 0

    virtually(story())


# -- what has to happen before the rest follows


def pool_tags(made: Bench) -> dict[str, str]:
    return dict(made.ask("GET", TAGS, None, "2021-04-01").body["properties"]["tags"])


def approve(made: Bench, ticket: str = "CHG0012345", *, attempt: int | None = None) -> None:
    """As `hostpool approve` does."""
    record = pool_record.decode(pool_tags(made)[names.RECORD])
    assert record is not None
    given = Decision(record.r, attempt or record.a, "ada@desk-7", int(made.clock.now()), ticket)
    body = {"operation": "Merge", "properties": {"tags": {names.APPROVAL: given.encode()}}}
    assert made.ask("PATCH", TAGS, body, "2021-04-01").status == 200


def writes(made: Bench) -> int:
    log = made.control("GET", "requests", since="0")["requests"]
    return sum(r["method"] != "GET" and not r["path"].endswith("retrieveRegistrationToken") for r in log)


def test_an_approval_lets_the_rest_follow_and_until_then_only_the_canary_is_touched(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=4, sessions_per_host=1)
        canary = {"hosts": 1, "approval": True}
        first = await made.roll(canary=canary)
        assert (first.status, len(first.hosts["updated"])) == ("paused", 1), first.summary
        assert "waits for hostpool approve" in first.waits_for
        assert {event.host for event in made.events if event.kind is Kind.PHASE} == set(first.hosts["updated"])
        assert sum(event.kind is Kind.CANARY for event in made.events) == 1
        before = writes(made)
        again = await made.roll(canary=canary)
        assert (again.status, again.waits_for, writes(made)) == ("paused", first.waits_for, before)
        approve(made, attempt=7)  # about another attempt
        assert (await made.roll(canary=canary)).status == "paused"
        approve(made)
        began = made.clock.now()
        last = await made.roll(canary=canary)
        assert (last.status, last.attempt) == ("complete", 1), last.summary
        released = left(made, "release")
        assert min(at for name, at in released.items() if name not in first.hosts["updated"]) > began
        [told] = [event for event in made.events if event.kind is Kind.APPROVED]
        assert (told.data["by"], told.data["ticket"]) == ("ada@desk-7", "CHG0012345")
        [entry] = history.read(pool_tags(made)[names.HISTORY])
        assert entry.approved == "ada@desk-7 (CHG0012345)" and entry.updated == 4

    virtually(story())


def test_killed_at_any_write_an_approval_is_still_waited_for(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=3, users=0)
        canary = {"names": ["vm-1"], "approval": True, "bake": "PT5M"}
        for write in (40, 5, 2, 1):
            try:
                await made.roll(process=Process(f"run {write}", Kill(write=write)), canary=canary)
            except Died:
                continue
        assert (await made.roll(canary=canary)).status == "paused"
        assert [made.os_disk_image(f"vm-{n}") for n in range(3)] == ["1.0.0", "1.0.1", "1.0.0"]
        approve(made)
        assert (await made.roll(canary=canary)).status == "complete"

    virtually(story())


def test_nobody_is_asked_where_nobody_is_left_to_follow(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        assert (await made.roll(canary={"hosts": 2, "approval": True})).status == "complete"

    virtually(story())


def test_stop_after_ends_with_the_canary_and_the_same_attempt_goes_on_without_it(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=3, users=0)
        first = await made.roll(stop_after="canary")
        assert (first.status, first.waits_for) == ("paused", "stop_after: canary"), first.summary
        assert len(first.hosts["updated"]) == 1 and len(left(made, "build")) == 1
        before = writes(made)
        assert (await made.roll(stop_after="canary")).summary == first.summary and writes(made) == before
        last = await made.roll()
        assert (last.status, last.attempt) == ("complete", 1)
        assert [e.data["result"] for e in made.events if e.kind is Kind.CANARY] == ["passed"]

    virtually(story())


def test_the_preview_says_what_is_waited_for() -> None:
    hosts = [host("vm-0", runs="1.0.1"), host("vm-1")]
    declared = declaration(canary={"approval": True})
    there = pool(hosts, tags=going(n=2, b=1))
    assert state_line(there, image(), declared) == "paused by the canary, which waits for hostpool approve, 1 of 2 done"
    assert lines(there, image(), declared) == {"vm-1": "1.0.0 -> 1.0.1"}
    given = Decision(WANTED, 2, "ada@desk-7", int(NOW)).encode()
    assert state_line(pool(hosts, tags={**going(n=2, b=1), names.APPROVAL: given}), image(), declared).startswith(
        "paused, 1 of 2"
    )


@given(st.text(max_size=150), st.text(max_size=60))
def test_a_decision_fits_a_tag_and_comes_back_for_its_attempt_alone(by: str, ticket: str) -> None:
    record = RolloutRecord(WANTED, 2, State.PAUSED, 0)
    text = Decision(WANTED, 2, by, 1_768_251_600, ticket).encode()
    assert len(text) <= 256
    found = decision({names.APPROVAL: text}, names.APPROVAL, record)
    if by.strip(" ;=") and not set(by) & set(";=") and by == " ".join(by.split()) and len(by) <= 100:
        assert found is not None and found.by == by
    assert decision({names.APPROVAL: text}, names.APPROVAL, replace(record, a=3)) is None
