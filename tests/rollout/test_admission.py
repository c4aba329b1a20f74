"""Admission, for any pool: capacity holds, the order is kept, and the canary and the barrier are what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from rollout import admission
from rollout.admission import Admissions, Candidate, Candidates, Left, Limits, Order, Stage, look_ahead

FLAGS = st.booleans()


def admit(them: Sequence[Candidate], limits: Limits) -> Admissions:
    return admission.admit(Candidates(them), limits)


@st.composite
def candidates(draw: st.DrawFn) -> tuple[Candidate, ...]:
    made = []
    for number in range(draw(st.integers(0, 14))):
        stage = draw(st.sampled_from(list(Stage)))
        before_out = stage < Stage.OUT
        made.append(
            Candidate(
                f"vm-{number}",
                stage,
                serving=draw(FLAGS) and stage < Stage.DRAINING,
                broken=draw(FLAGS) and before_out,
                holds_slot=draw(FLAGS) and stage is Stage.ENDED,
                sessions=draw(st.integers(0, 4)),
            )
        )
    return tuple(replace(c, serving=c.serving and not c.broken) for c in made)


LIMITS = st.builds(
    Limits,
    max_unavailable=st.integers(1, 6),
    max_building=st.integers(1, 8),
    serving=st.integers(0, 20),
    floor=st.integers(0, 20),
    broken_elsewhere=st.integers(0, 3),
    ahead=st.integers(0, 10),
    at_once=st.integers(1, 12),
    build_proven=FLAGS,
    first_builds=st.integers(1, 3),
    canary_left=st.one_of(st.none(), st.integers(0, 3)),
    order=st.builds(Order, barrier=FLAGS, drain_ahead=FLAGS, by_sessions=FLAGS),
    ahead_empty=st.one_of(st.none(), st.integers(0, 10)),
    floor_occupied=st.integers(0, 20),
    max_sessions=st.one_of(st.none(), st.integers(0, 3)),
)
PLAIN = Limits(2, 4, 10, 0, 0, 6, 10, True, 1, None)


def of(names: tuple[str, ...], all_: tuple[Candidate, ...]) -> list[Candidate]:
    return [c for c in all_ if c.name in names]


@given(candidates(), LIMITS)
def test_i1_capacity_hosts_out_of_service_never_pass_max_unavailable(
    them: tuple[Candidate, ...], limits: Limits
) -> None:
    go = of(admit(them, limits).release, them)
    out = sum(c.stage is Stage.OUT or c.holds_slot for c in them)
    broken = sum(c.broken for c in them) + limits.broken_elsewhere
    mended = sum(c.broken for c in go)
    if len(go) > mended:
        assert out + len(go) + broken - mended <= limits.max_unavailable
    if go:
        assert out + len(go) <= limits.max_unavailable


@given(candidates(), LIMITS)
def test_i1_capacity_admitted_drains_never_go_below_the_floor(them: tuple[Candidate, ...], limits: Limits) -> None:
    go = of(admit(them, limits).drain, them)
    lost = sum(c.serving for c in go)
    assert lost == 0 or limits.serving - lost >= limits.floor
    waiting = sum(c.stage in (Stage.DRAINING, Stage.EMPTY) for c in them)
    out = sum(c.stage is Stage.OUT for c in them)
    ahead = sum(not c.broken for c in go)
    assert not ahead or waiting + ahead + out <= limits.at_once


@given(candidates(), LIMITS)
def test_only_hosts_that_wait_for_it_are_admitted_and_in_their_order(
    them: tuple[Candidate, ...], limits: Limits
) -> None:
    go = admit(them, limits)
    for names, stage in ((go.build, Stage.QUEUED), (go.drain, Stage.BUILT), (go.release, Stage.EMPTY)):
        there = [c for c in them if c.stage is stage]
        if stage is Stage.BUILT and limits.order.by_sessions:
            there.sort(key=lambda c: c.sessions)
        assert list(names) == [c.name for c in there if c.name in names]
    assert go.build == tuple(c.name for c in them if c.stage is Stage.QUEUED)[: len(go.build)]


@given(candidates(), LIMITS)
def test_i1_capacity_hosts_with_sessions_are_drained_for_the_load_that_is_expected_until_they_are_back(
    them: tuple[Candidate, ...], limits: Limits
) -> None:
    go = of(admit(them, limits).drain, them)
    if any(c.serving and c.sessions for c in go):
        before_the_last = sum(c.serving for c in go) - 1 - _after_the_last_occupied(go, them, limits)
        assert limits.serving - before_the_last - 1 >= limits.floor_occupied


def _after_the_last_occupied(go: list[Candidate], them: tuple[Candidate, ...], limits: Limits) -> int:
    """Serving hosts without sessions that were taken after it: for them the lower floor is enough."""
    names = admit(them, limits).drain
    in_turn = sorted(go, key=lambda c: names.index(c.name))
    last = max(place for place, c in enumerate(in_turn) if c.serving and c.sessions)
    return sum(c.serving for c in in_turn[last + 1 :])


@given(candidates(), LIMITS)
def test_no_host_with_more_sessions_than_declared_is_drained(them: tuple[Candidate, ...], limits: Limits) -> None:
    if limits.max_sessions is not None:
        assert all(c.sessions <= limits.max_sessions for c in of(admit(them, limits).drain, them))


def test_those_with_the_fewest_sessions_now_are_drained_first_and_quick_ones_not_far_ahead() -> None:
    sessions = {"a": 3, "b": 1, "c": 0, "d": 0, "e": 2}
    them = [Candidate(name, Stage.BUILT, True, False, sessions=count) for name, count in sessions.items()]
    assert admit(them, replace(PLAIN, ahead=3, ahead_empty=3)).drain == ("c", "d", "b")
    assert admit(them, replace(PLAIN, ahead=3, ahead_empty=1)).drain == ("c", "b", "e")
    by_name = replace(PLAIN, ahead=3, order=Order(by_sessions=False))
    assert admit(them, by_name).drain == ("a", "b", "c")
    assert admit(them, replace(PLAIN, ahead=3, ahead_empty=3, max_sessions=0)).drain == ("c", "d")
    # Ten serve: seven must, and nine where a host has users who may take long.
    tight = replace(PLAIN, floor=7, floor_occupied=9, ahead=6, ahead_empty=1)
    assert admit(them, tight).drain == ("c",)


def test_a_broken_host_does_not_wait_for_those_that_wait_for_its_slot() -> None:
    empty = Candidate("vm-0", Stage.EMPTY, serving=False, broken=False)
    broken = Candidate("vm-2", Stage.BUILT, serving=False, broken=True)
    limits = replace(PLAIN, max_unavailable=1, ahead=1, at_once=1)
    assert admit([empty, broken], limits) == Admissions(drain=("vm-2",))
    mended = replace(broken, stage=Stage.EMPTY)
    assert admit([empty, mended], limits).release == ("vm-2",)


@given(candidates(), LIMITS, st.floats(0, 100))
def test_nothing_begins_that_cannot_end_before_the_window_closes(
    them: tuple[Candidate, ...], limits: Limits, seconds: float
) -> None:
    go, ever = (admit(them, replace(limits, left=left)) for left in (Left(seconds, 60.0, 40.0, 20.0), Left()))
    assert go.build == (ever.build if seconds >= 60 else ())
    assert go.drain == (ever.drain if seconds >= 40 else ())
    assert go.release == (ever.release if seconds >= 20 else ())


@given(candidates(), LIMITS)
def test_builds_are_limited_and_few_until_one_has_worked(them: tuple[Candidate, ...], limits: Limits) -> None:
    go = admit(them, limits).build
    building = sum(c.stage is Stage.BUILDING for c in them)
    begun = sum(Stage.QUEUED < c.stage < Stage.OUT and c.stage is not Stage.HELD for c in them)  # holds no place
    assert not go or building + len(go) <= limits.max_building
    if go and not limits.build_proven:
        assert begun + len(go) <= limits.first_builds


@given(candidates(), LIMITS)
def test_before_the_canary_has_passed_only_its_hosts_go_out(them: tuple[Candidate, ...], limits: Limits) -> None:
    if limits.canary_left is not None:
        assert len(admit(them, limits).release) <= limits.canary_left


@given(candidates(), LIMITS)
def test_a_barrier_begins_no_batch_before_the_last_has_ended(them: tuple[Candidate, ...], limits: Limits) -> None:
    go = admit(them, replace(limits, order=Order(barrier=True), canary_left=None)).release
    at = [number for number, c in enumerate(them) if c.name in go]
    size = limits.max_unavailable
    for number in at:
        assert number // size == at[0] // size
        assert all(c.stage >= Stage.BACK for c in them[: number // size * size])


@given(candidates(), LIMITS)
def test_without_draining_ahead_a_host_is_drained_for_a_free_slot_only(
    them: tuple[Candidate, ...], limits: Limits
) -> None:
    limits = replace(limits, order=replace(limits.order, drain_ahead=False))
    go = admit(them, limits).drain
    begun = sum(c.stage in (Stage.DRAINING, Stage.EMPTY, Stage.OUT) for c in them)
    assert not go or begun + len(go) <= limits.max_unavailable
    if limits.canary_left is not None:
        waiting = sum(c.stage in (Stage.DRAINING, Stage.EMPTY) for c in them)
        assert not go or waiting + len(go) <= limits.canary_left


@given(candidates(), LIMITS)
def test_by_name_nobody_takes_the_slot_of_a_host_before_it(them: tuple[Candidate, ...], limits: Limits) -> None:
    limits = replace(limits, order=Order(by_sessions=False), canary_left=None, broken_elsewhere=0)
    them = tuple(replace(c, broken=False) for c in them)
    go = admit(them, limits).release
    waiting = [c.name for c in them if c.stage in (Stage.DRAINING, Stage.EMPTY)]
    free = limits.max_unavailable - sum(c.stage is Stage.OUT or c.holds_slot for c in them)
    assert go == tuple(c.name for c in of(tuple(waiting[: max(0, free)]), them) if c.stage is Stage.EMPTY)


def host(name: str, stage: Stage, *, broken: bool = False, serving: bool = False, holds: bool = False) -> Candidate:
    return Candidate(name, stage, serving, broken, holds)


def test_a_free_slot_takes_the_next_host_at_once() -> None:
    them = (host("a", Stage.OUT), host("b", Stage.EMPTY), host("c", Stage.EMPTY))
    assert admit(them, PLAIN).release == ("b",)


def test_a_failed_host_keeps_its_slot_and_one_that_is_back_does_not() -> None:
    empty = host("b", Stage.EMPTY)
    assert admit((host("a", Stage.ENDED, holds=True), empty), replace(PLAIN, max_unavailable=1)).release == ()
    for stage in (Stage.BACK, Stage.ENDED):
        assert admit((host("a", stage), empty), replace(PLAIN, max_unavailable=1)).release == ("b",)


def test_a_broken_host_is_mended_though_it_holds_the_only_slot() -> None:
    them = (host("healthy", Stage.EMPTY), host("broken", Stage.EMPTY, broken=True))
    assert admit(them, replace(PLAIN, max_unavailable=1)).release == ("broken",)


def test_broken_hosts_elsewhere_leave_fewer_slots() -> None:
    them = (host("a", Stage.EMPTY), host("b", Stage.EMPTY))
    assert admit(them, replace(PLAIN, broken_elsewhere=1)).release == ("a",)
    assert admit(them, replace(PLAIN, broken_elsewhere=2)).release == ()


def test_a_host_that_does_not_serve_is_drained_though_the_floor_is_reached() -> None:
    them = (host("serves", Stage.BUILT, serving=True), host("off", Stage.BUILT))
    assert admit(them, replace(PLAIN, serving=3, floor=3)).drain == ("off",)
    assert admit(them, replace(PLAIN, serving=4, floor=3)).drain == ("serves", "off")


def test_each_order_for_comparison_takes_one_advantage_away() -> None:
    them = (
        *(host("back", Stage.BACK), host("out", Stage.OUT), host("drains", Stage.DRAINING)),
        *(host("empty", Stage.EMPTY), host("built", Stage.BUILT)),
    )
    limits = replace(PLAIN, max_unavailable=2)  # one slot is free
    assert admit(them, limits) == Admissions(drain=("built",), release=("empty",))
    # `back` and `out` are a batch, the others are later ones.
    assert admit(them, replace(limits, order=Order(barrier=True))) == Admissions(drain=("built",))
    assert admit(them, replace(limits, order=Order(drain_ahead=False))) == Admissions(release=("empty",))
    assert admit(them, replace(limits, order=Order(by_sessions=False))) == Admissions(drain=("built",))


def test_a_barrier_without_draining_ahead_drains_the_batch_that_is_under_way() -> None:
    avd = replace(PLAIN, max_unavailable=2, order=Order(barrier=True, drain_ahead=False, by_sessions=False))
    them = [host(name, Stage.BUILT) for name in "abcd"]
    assert admit(them, avd).drain == ("a", "b")
    them[0] = host("a", Stage.BACK)
    assert admit(them, avd).drain == ("b",)
    them[1] = host("b", Stage.ENDED)
    assert admit(them, avd).drain == ("c", "d")
    them[:2] = [host("a", Stage.BUILT), host("b", Stage.BUILT)]
    assert admit(them, replace(avd, canary_left=1)).drain == ("a",)
    assert admit(them, replace(avd, canary_left=0)).drain == ()


def test_nothing_waiting_means_nothing_admitted() -> None:
    assert admit((host("a", Stage.OUT), host("b", Stage.DRAINING), host("c", Stage.ENDED)), PLAIN) == Admissions()


@given(st.integers(1, 50), st.integers(1, 500), st.floats(0, 86400), st.floats(0, 7200))
def test_looking_ahead_fills_every_slot_and_leaves_half_of_the_pool(
    max_unavailable: int, hosts: int, deadline: float, outage: float
) -> None:
    ahead = look_ahead(max_unavailable, hosts, deadline, outage)
    assert max_unavailable <= ahead <= max(max_unavailable, hosts // 2)
