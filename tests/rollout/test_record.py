"""The record of a host: it fits one tag, comes back as it was written, and allows only the transitions of its table."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.errors import HostFailed
from rollout.record import BEFORE, ENDED, LIMIT, NEXT, UNAVAILABLE, HostRecord, Phase, decode

PHASES = st.sampled_from(list(Phase))
FLAGS = st.integers(0, 1)
HEX = st.text("0123456789abcdef", min_size=8, max_size=8)
VM_NAME = st.text(string.ascii_letters + string.digits + "-_.", min_size=1, max_size=60)
TAIL = st.text(string.ascii_letters + string.digits, max_size=20)
WHY = st.text(max_size=200)


@st.composite
def records(draw: st.DrawFn) -> HostRecord:
    """Disk names as Azure and the engine make them: both begin with the VM's name."""
    vm = draw(VM_NAME)
    return HostRecord(
        r=draw(HEX),
        a=draw(st.integers(0, 9999)),
        f=draw(st.integers(0, 99999)),
        p=draw(PHASES),
        s=draw(st.integers(1_700_000_000, 9_999_999_999)),
        d=vm + draw(TAIL),
        k=draw(st.one_of(st.just(""), TAIL.map(lambda tail: vm + tail))),
        n=draw(FLAGS),
        o=draw(FLAGS),
        x=draw(FLAGS),
        e=draw(FLAGS),
        z=draw(st.sampled_from(["", "Standard_D4s_v5", "Standard_NV36adms_A10_v5"])),
        j=draw(FLAGS),
        b=draw(FLAGS),
        w=draw(WHY),
    )


@given(records())
def test_it_fits_a_tag_and_comes_back_but_for_the_end_of_its_reason(record: HostRecord) -> None:
    text = record.encode()
    assert len(text) <= LIMIT
    back = decode(text)
    assert back is not None
    cleaned = " ".join(record.w.replace(";", ",").replace("=", ":").split())
    assert cleaned.startswith(back.w.rstrip()) or back.w == cleaned
    assert HostRecord(**{**vars(back), "w": ""}) == HostRecord(**{**vars(record), "w": ""})


@given(records())
def test_it_is_one_line_of_keys_and_values(record: HostRecord) -> None:
    text = record.encode()
    assert "\n" not in text and all("=" in part for part in text.split(";"))


def test_what_is_as_usual_is_not_written() -> None:
    assert HostRecord("3f2a9c11", 1, 7, Phase.DRAIN, 1768251600).encode() == (
        "v=1;r=3f2a9c11;a=1;f=7;p=drain;s=1768251600"
    )


def test_a_long_reason_is_cut_and_nothing_else() -> None:
    record = HostRecord("3f2a9c11", 1, 7, Phase.UNDO, 1768251600, d="d" * 80, w="x" * 300)
    back = decode(record.encode())
    assert back is not None and back.d == "d" * 80 and set(back.w) == {"x"} and len(record.encode()) == LIMIT


def test_names_that_do_not_fit_are_told_and_never_cut() -> None:
    record = HostRecord("3f2a9c11", 1, 7, Phase.UNDO, 1768251600, d="d" * 80, k="k" * 80, z="z" * 64)
    with pytest.raises(HostFailed, match="too long"):
        record.encode()


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "v=2;r=a;a=1;f=1;p=drain;s=1",
        "v=1;r=a;a=1;f=1;p=nowhere;s=1",
        "v=1;r=a;a=one;f=1;p=drain;s=1",
        "v=1;r=a;a=1;p=drain;s=1",
        "v=1;r=a;a=1;f=1;p=drain;s=1;d=ab;k=~x~rest",
        "somebody's own text",
    ],
)
def test_what_cannot_be_read_is_no_record(text: str | None) -> None:
    assert decode(text) is None


def test_keys_of_a_newer_version_are_passed_over() -> None:
    assert decode("v=1;r=a;a=1;f=1;p=drain;s=1;new=thing") == HostRecord("a", 1, 1, Phase.DRAIN, 1)


@given(PHASES, PHASES)
def test_only_the_tables_transitions_are_possible(before: Phase, after: Phase) -> None:
    record = HostRecord("a", 1, 1, before, 1, w="why")
    if after is before or after in NEXT[before]:
        assert record.to(after, 5.9, w="new") == HostRecord("a", 1, 1, after, 5, w="new")
    else:
        with pytest.raises(AssertionError, match="no transition"):
            record.to(after, 5.0)


def test_every_phase_can_come_to_an_end() -> None:
    ends: set[Phase | None] = {None, *ENDED}
    for _ in Phase:
        ends |= {phase for phase, after in NEXT.items() if after & ends}
    assert ends == {None, *Phase} and set(NEXT) == ends


def test_out_of_service_is_everything_between_release_and_serve() -> None:
    assert {Phase.BUILD, Phase.DRAIN, Phase.LEAVE, Phase.ROLLED_BACK} == set(Phase) - UNAVAILABLE


def test_a_reason_of_an_earlier_attempt_is_no_failure_of_this_one() -> None:
    assert HostRecord("a", 1, 1, Phase.LEAVE, 1, w="no disk").failing
    assert not HostRecord("a", 1, 1, Phase.LEAVE, 1, b=1, w=f"{BEFORE}no disk").failing
    assert not HostRecord("a", 1, 1, Phase.LEAVE, 1).failing
