"""Who came to a draining host and who left it, from one look to the next."""

from __future__ import annotations

from rollout.presence import CAME_BACK, CUT_OFF, LOGGED_OFF, SIGNED_OUT, Count, Presence, noted
from rollout.steps import Memory
from tests.rollout.literals import session

ONE, TWO = session("Active", 1), session("Active", 2)
AWAY = session("Disconnected", 1)


def test_the_first_look_tells_of_nobody() -> None:
    assert Presence().look((ONE, TWO), frozenset(), running=True) == []


def test_who_comes_and_goes_is_told_once() -> None:
    there = Presence()
    there.look((AWAY,), frozenset(), running=True)
    assert there.look((ONE, TWO), frozenset(), running=True) == [(ONE.user, CAME_BACK), (TWO.user, CAME_BACK)]
    assert there.look((ONE, TWO), frozenset(), running=True) == []
    assert there.look((ONE,), frozenset(), running=True) == [(TWO.user, SIGNED_OUT)]
    assert there.look((AWAY,), frozenset(), running=True) == []


def test_sessions_that_were_ended_as_declared_are_not_told_as_signed_out() -> None:
    there = Presence()
    there.look((ONE, TWO), frozenset(), running=True)
    assert there.look((), frozenset({ONE.id}), running=True) == [(TWO.user, SIGNED_OUT)]


def test_a_session_that_goes_with_its_machine_was_cut_off() -> None:
    there = Presence()
    there.look((ONE,), frozenset(), running=True)
    assert there.look((), frozenset(), running=False) == [(ONE.user, CUT_OFF)]
    there.look((TWO,), frozenset(), running=True)
    assert there.look((TWO,), frozenset(), running=False) == [], "the broker has not noticed yet"
    assert there.look((), frozenset(), running=True) == [(TWO.user, CUT_OFF)], "started again meanwhile"
    there.look((ONE,), frozenset(), running=True)
    assert there.look((), frozenset(), running=True) == [(ONE.user, SIGNED_OUT)]


def test_after_the_host_was_away_the_next_look_is_a_first_one() -> None:
    there = Presence()
    there.look((ONE,), frozenset(), running=True)
    there.forget()
    assert there.look((), frozenset(), running=True) == []


def test_people_are_counted_once_for_each_kind() -> None:
    count = Count()
    for _ in range(2):
        count.note("ann", SIGNED_OUT)
    count.note("bob", SIGNED_OUT)
    count.note("ann", CAME_BACK)
    assert (count.by_name["signed_out"], count.by_name["came_back"], count.by_name["cut_off"]) == (2, 1, 0)


def test_people_were_moved_twice_who_left_two_hosts_that_were_emptied() -> None:
    count = Count()
    for user, what, host in (
        ("ann", SIGNED_OUT, "vm-0"),
        ("ann", CAME_BACK, "vm-0"),
        ("ann", SIGNED_OUT, "vm-0"),
        ("bob", SIGNED_OUT, "vm-0"),
        ("bob", LOGGED_OFF, "vm-1"),
        ("cid", CUT_OFF, "vm-0"),
        ("cid", SIGNED_OUT, "vm-1"),
    ):
        count.note(user, what, host)
    assert count.by_name["moved_twice"] == count.moved_twice == 1


def test_time_away_counts_from_when_it_was_first_seen_and_ends_with_the_return() -> None:
    first = noted(Memory(warned={ONE.id: 90.0}), (AWAY, TWO), 100.0)
    assert first.away_since == {ONE.id: 100.0} and first.warned == {ONE.id: 90.0}
    assert noted(first, (AWAY, TWO), 200.0).away_since == {ONE.id: 100.0}
    back = noted(first, (ONE, TWO), 300.0)
    assert (back.away_since, back.returned, back.warned) == ({}, {ONE.id}, {})
    assert noted(back, (TWO,), 400.0).returned == frozenset(), "gone before anybody could tell them"
