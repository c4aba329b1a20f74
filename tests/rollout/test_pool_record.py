"""The pool's record: attempt and state in one tag, the declaration in some more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.pool_record import (
    PIECE,
    PIECES,
    RolloutRecord,
    State,
    declaration_tags,
    decode,
    last,
    read_declaration,
)

NUMBERS = st.integers(0, 2**33)
JSON = st.dictionaries(
    st.text(min_size=1, max_size=20),
    st.one_of(st.booleans(), st.integers(-(2**31), 2**31), st.text(max_size=40), st.lists(st.text(max_size=10))),
    max_size=10,
)


@given(
    st.builds(
        RolloutRecord,
        r=st.text("0123456789abcdef", min_size=8, max_size=8),
        a=st.integers(1, 9999),
        st=st.sampled_from(list(State)),
        s=NUMBERS,
        u=NUMBERS,
        n=st.integers(0, 5000),
        c=st.integers(0, 1),
        t=st.sampled_from(["", "vm-0", "VM_1.x"]),
    )
)
def test_it_fits_a_tag_and_comes_back(record: RolloutRecord) -> None:
    text = record.encode()
    assert len(text) <= PIECE
    assert decode(text) == record


@pytest.mark.parametrize("text", [None, "", "v=2;r=a;a=1;st=running;s=1", "v=1;r=a;a=1;st=odd;s=1", "v=1;a=1", "text"])
def test_what_cannot_be_read_is_no_record(text: str | None) -> None:
    assert decode(text) is None


def test_running_and_paused_go_on_in_the_same_attempt() -> None:
    resumable = {state for state in State if RolloutRecord("a", 1, state, 1).resumable}
    assert resumable == {State.RUNNING, State.PAUSED}


@given(JSON)
def test_a_declaration_comes_back_in_tags_that_azure_takes(inputs: dict[str, Any]) -> None:
    tags = declaration_tags(inputs)
    assert all(len(value) <= 256 and len(name) <= 512 for name, value in tags.items())
    assert len(tags) <= PIECES + 1
    assert read_declaration(tags) == inputs


def test_a_declaration_that_is_too_long_is_told() -> None:
    import random

    noise = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=6000))
    with pytest.raises(ValueError, match="12 at most"):
        declaration_tags({"text": noise})


def test_tags_that_somebody_damaged_are_no_declaration() -> None:
    tags = declaration_tags({"version": "1.0.1"})
    assert read_declaration({}) is None
    assert read_declaration({name: value for name, value in tags.items() if not name.endswith("-0")}) is None
    assert read_declaration({**tags, "avd-rollout-declaration-0": "////"}) is None
    assert read_declaration({**tags, "avd-rollout-declaration-count": "many"}) is None


def test_the_last_that_happened_fits_a_tag() -> None:
    assert last(1_768_248_000.0, "paused", "ada@desk-7 4711", "3 of 12\nupdated") == (
        "2026-01-12T20:00:00Z paused, run by ada@desk-7 4711: 3 of 12 updated"
    )
    assert len(last(0.0, "stopped", "ada", "why " * 100)) <= PIECE
