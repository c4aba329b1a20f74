"""Which version a pool gets from another one's record, and what is said where that is not ready."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollout import hold, names
from rollout.errors import InvalidDeclaration
from rollout.history import Entry
from rollout.pool_record import RolloutRecord, State
from rollout.promotion import Approval, Promotion, approvals_of, promotion, proof_of
from rollout.values import DAY, HOUR
from simulation.virtual_time import virtually
from tests.support.observed import DEFINITION, NOW, POOL, declaration, host, pool, version
from tests.support.pools import bench

TEST = POOL.replace("hp1", "hp-test")


def declared(**promote_from: Any) -> Any:
    given = {"host_pool_id": TEST, "stack": "test", "soak": "P2D", **promote_from}
    return declaration(version="promoted", promote_from=given).promote_from


def record_tags(state: State = State.COMPLETE, runs: str = "1.4.2", *entries: Entry, image: str = "") -> dict[str, str]:
    tags = {
        names.RECORD: RolloutRecord("3f2a9c11", 7, state, int(NOW - 6 * HOUR)).encode(),
        names.TARGET: image or version(runs),
    }
    return tags | ({names.HISTORY: ";".join(entry.encode() for entry in entries)} if entries else {})


def entry(runs: str = "1.4.2", *, ago: float, state: State = State.COMPLETE, updated: int = 3, **counts: int) -> Entry:
    ended = int(NOW - ago)
    fields = {"needed": 3, "updated": updated, "rolled_back": 0, "failed": 0, **counts}
    return Entry(int(ago), state, ended - 3600, ended, version=runs, owner="ci@runner", **fields)


PROD = pool([host("vm-0", runs="1.4.1"), host("vm-1", runs="1.4.1")], tags=record_tags(runs="1.4.1"))


def of(source: dict[str, str], target: Any = PROD, **promote_from: Any) -> Promotion:
    return promotion(declared(**promote_from), DEFINITION, target, source)


def test_a_version_that_has_soaked_is_promoted() -> None:
    assert of(record_tags(State.COMPLETE, "1.4.2", entry(ago=2 * DAY))) == Promotion("1.4.2")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({}, "no rollout has run in test yet, so that its version is not known"),
        (record_tags(State.RUNNING), "1.4.2 is being rolled out in test"),
        (record_tags(State.PAUSED), "1.4.2 is paused in test"),
        (
            record_tags(
                State.STOPPED,
                "1.4.2",
                entry(ago=HOUR, state=State.STOPPED, updated=0, rolled_back=1),
                entry(ago=DAY * 9),
            ),
            "1.4.2 is in test since 9 d; 1 host failed there",
        ),
        (
            record_tags(State.STOPPED, "1.4.2", entry(ago=HOUR, state=State.STOPPED, updated=1, rolled_back=2)),
            "1.4.2 was stopped in test; 2 hosts failed there",
        ),
        (record_tags(State.COMPLETE, "1.4.2", entry(ago=5 * HOUR)), "1.4.2 is in test since 5 h, 43 h to go"),
        (
            record_tags(
                State.COMPLETE_WITH_FAILURES,
                "1.4.2",
                entry(ago=5 * HOUR, state=State.COMPLETE_WITH_FAILURES, updated=2, failed=1),
            ),
            "1.4.2 is in test since 5 h, 43 h to go; 1 host failed there",
        ),
        (
            record_tags(State.COMPLETE, "1.4.2", entry(ago=90.0), entry("1.4.1", ago=9 * DAY)),
            "1.4.2 is in test since 1 min, 48 h to go",
        ),
    ],
    ids=["none", "running", "paused", "failed later", "stopped", "soaking", "soaking and failed", "the version before"],
)
def test_what_is_missing_is_said_and_the_pool_stays_as_it_is(source: dict[str, str], why: str) -> None:
    assert of(source) == Promotion("1.4.1", why)


def test_rollouts_of_the_same_version_do_not_begin_its_soak_anew() -> None:
    healed = entry(ago=HOUR, updated=1, needed=1)
    assert of(record_tags(State.COMPLETE, "1.4.2", healed, entry(ago=2 * DAY))) == Promotion("1.4.2")
    assert of(record_tags(State.RUNNING, "1.4.2", entry(ago=2 * DAY))) == Promotion("1.4.2")


def test_as_many_hosts_may_have_failed_as_declared() -> None:
    source = record_tags(
        State.COMPLETE, "1.4.2", entry(ago=3 * DAY), entry(ago=4 * DAY, state=State.STOPPED, rolled_back=1)
    )
    assert "1 host failed there" in of(source).why_not
    assert of(source, max_failed=1) == Promotion("1.4.2")


def test_people_approve_each_with_a_tag_of_their_own() -> None:
    source = record_tags(State.COMPLETE, "1.4.2", entry(ago=2 * DAY))
    ada, bob = Approval("1.4.2", "ada@desk-7", 1, "CHG0012345"), Approval("1.4.2", "bob; of ops", 2)
    tags = {**PROD.tags, ada.tag: ada.encode(), "avd-rollout-promotion-x": Approval("1.4.1", "eve", 3).encode()}
    one = pool(PROD.hosts, tags=tags)
    missing = "1.4.2 is in test since 2 d; 1 of 2 have approved it (hostpool approve --promotion 1.4.2)"
    assert of(source, one, approvals=2).why_not.replace("48 h", "2 d") == missing
    both = pool(PROD.hosts, tags={**tags, bob.tag: bob.encode()})
    assert of(source, both, approvals=2) == Promotion("1.4.2")
    assert approvals_of(both.tags, "1.4.2") == (ada, Approval("1.4.2", "bob, of ops", 2))


# -- what the pool stays with


def test_a_lower_version_is_followed_only_where_that_is_allowed() -> None:
    source = record_tags(State.COMPLETE, "1.4.0", entry("1.4.0", ago=9 * DAY))
    assert of(source).version == "1.4.1"
    assert of(source).why_not.startswith("test runs 1.4.0, and this pool 1.4.1; to follow it down, declare")
    assert of(source, allow_downgrade=True) == Promotion("1.4.0")


def test_versions_are_compared_by_number() -> None:
    prod = pool([host("vm-0", runs="1.4.9")], tags=record_tags(runs="1.4.9"))
    assert of(record_tags(State.COMPLETE, "1.4.10", entry("1.4.10", ago=9 * DAY)), prod) == Promotion("1.4.10")


NOT_READY = record_tags(State.COMPLETE, "1.4.3", entry("1.4.3", ago=HOUR))


def held(to: str) -> dict[str, str]:
    return {**record_tags(runs="1.4.1"), names.SCHEDULE: hold.Hold("r", int(NOW + DAY), int(NOW), to, "ci").encode()}


def test_a_rollout_that_is_scheduled_stands_while_the_other_pool_moves_on() -> None:
    assert of(NOT_READY, pool(PROD.hosts, tags=held("1.4.2"))).version == "1.4.2"
    gone_back = record_tags(State.COMPLETE, "1.4.1", entry("1.4.1", ago=HOUR))
    assert of(gone_back, pool(PROD.hosts, tags=held("1.4.2"))).version == "1.4.1"
    failed_since = record_tags(State.COMPLETE, "1.4.2", entry(ago=9 * DAY, failed=1))
    assert of(failed_since, pool(PROD.hosts, tags=held("1.4.2"))).version == "1.4.1"


@pytest.mark.parametrize(
    ("state", "stays"),
    [
        (State.RUNNING, "1.4.2"),
        (State.PAUSED, "1.4.2"),
        (State.COMPLETE_WITH_FAILURES, "1.4.2"),
        (State.STOPPED, ""),
    ],
)
def test_an_attempt_that_was_stopped_is_not_tried_again_before_a_version_is_ready(state: State, stays: str) -> None:
    hosts = [host("vm-0", runs="1.4.2"), host("vm-1", runs="1.4.1")]
    assert of(NOT_READY, pool(hosts, tags=record_tags(state, "1.4.2"))).version == stays


def test_a_pool_whose_canary_went_back_stays_with_what_all_hosts_run() -> None:
    assert of(NOT_READY, pool(PROD.hosts, tags=record_tags(State.STOPPED, "1.4.2"))).version == "1.4.1"


def test_before_its_first_rollout_a_pool_stays_with_what_all_hosts_run() -> None:
    alike = pool([host("vm-0", runs="1.4.1"), host("vm-1", runs="1.4.1")])
    assert of(NOT_READY, alike).version == "1.4.1"
    assert of(NOT_READY, pool([host("vm-0", runs="1.4.1"), host("vm-1", runs=None)])).version == ""
    assert of(NOT_READY, pool()).version == ""


# -- bad input


def test_a_version_of_another_image_says_nothing() -> None:
    other = record_tags(
        State.COMPLETE, "", entry(ago=9 * DAY), image=version("1.4.2", DEFINITION.replace("win11", "w"))
    )
    with pytest.raises(InvalidDeclaration, match=r"image: .*win11' is not the image that test runs .*images/w\)"):
        of(other)
    marketplace = record_tags(State.COMPLETE, "", entry(ago=9 * DAY), image="p:o:s:1.4.2")
    with pytest.raises(InvalidDeclaration, match=r"is not the image that test runs \(p:o:s\)"):
        of(marketplace)


def test_an_id_too_long_for_a_tag_is_a_digest_with_the_version() -> None:
    long = record_tags(State.COMPLETE, "", entry(ago=9 * DAY), image="0123456789abcdef/versions/1.4.2")
    assert of(long) == Promotion("1.4.2")


@pytest.mark.parametrize(
    ("given", "prop"),
    [
        ({"host_pool_id": "hp-test"}, "promote_from.host_pool_id: 'hp-test' is not the id of a host pool"),
        ({"host_pool_id": POOL.upper()}, "is this pool itself; name the pool of the stack before"),
        ({"host_pool_id": TEST, "soak": "2 days"}, "promote_from.soak: '2 days' is no duration"),
        ({"host_pool_id": TEST, "max_failed": -1.0}, "promote_from.max_failed: -1 is out of range"),
        ({"host_pool_id": TEST, "approvals": 1.5}, "promote_from.approvals: 1.5 is out of range"),
    ],
)
def test_bad_input_is_refused_with_what_to_write(given: dict[str, Any], prop: str) -> None:
    with pytest.raises(InvalidDeclaration) as caught:
        declaration(version="promoted", promote_from=given)
    assert prop in str(caught.value)


def test_promoted_needs_somewhere_to_come_from() -> None:
    with pytest.raises(InvalidDeclaration, match="version: 'promoted' comes from no pool; declare promote_from"):
        declaration(version="promoted")
    assert declaration(version="1.0.1", promote_from={"host_pool_id": TEST}).version == "1.0.1"


# -- what rollouts write


def test_the_tags_that_rollouts_write_are_the_proof(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0, latency=False)

        def tags() -> dict[str, str]:
            return dict(made.ask("GET", POOL, None, "2024-04-03").body["tags"])

        prod = pool([host("vm-9", runs="1.0.0")])
        assert proof_of(tags()) is None
        rule = {"id": "bad", "effect": {"type": "guest", "host": "vm", "image": "1.0.1", "fault": "never_registers"}}
        made.control("POST", "faults", {"seed": 1, "rules": [rule]})
        assert (await made.roll(verify={"timeout": "PT40M"})).status == "stopped"
        assert of(tags(), prod) == Promotion("1.0.0", "1.0.1 was stopped in test; 1 host failed there")
        made.control("DELETE", "faults")
        assert (await made.roll()).status == "complete"
        proof = proof_of(tags())
        assert proof is not None and proof.since is not None
        assert (proof.version, proof.state, proof.failed) == ("1.0.1", State.COMPLETE, 1)
        assert 0 <= made.clock.now() - proof.since < HOUR
        later = replace(prod, observed_at=proof.since + 2 * DAY)
        assert of(tags(), later) == Promotion("1.0.0", "1.0.1 is in test since 48 h; 1 host failed there")
        assert of(tags(), later, max_failed=1) == Promotion("1.0.1")

    virtually(story())
