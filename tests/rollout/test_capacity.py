"""The capacity floor."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.capacity import UNSET, declared_session_limit, floor, serving, session_limit, sessions
from rollout.clock import iso
from rollout.errors import InvalidDeclaration
from tests.support.observed import NOW, declaration, host, pool


@pytest.mark.parametrize(
    ("count", "inputs", "limit", "wanted"),
    [
        (0, {}, 10, 0),
        (60, {"headroom": 0}, 10, 6),
        (60, {}, 10, 7),
        (61, {"headroom": 0}, 10, 7),
        (100, {"headroom": 0.1}, 10, 11),
        (0, {"min_serving": 4}, 10, 4),
        (60, {"min_serving": 4}, 10, 7),
        (0, {"min_serving": "50%"}, 10, 7),
        (0, {"min_serving": "41%"}, 10, 6),
    ],
)
def test_the_floor_of_thirteen_hosts(count: int, inputs: dict[str, object], limit: int, wanted: int) -> None:
    assert floor(count, 13, declaration(**inputs), limit) == wanted


@given(st.integers(0, 5000), st.integers(1, 500), st.integers(1, 30), st.integers(0, 100), st.integers(0, 100))
def test_the_floor_holds_all_sessions_with_headroom(count: int, hosts: int, limit: int, room: int, least: int) -> None:
    declared = declaration(headroom=room / 100, min_serving=f"{least}%")
    wanted = floor(count, hosts, declared, limit)
    assert wanted * limit >= count * (1 + room / 100) - 1e-6
    assert wanted >= hosts * least / 100 - 1e-9
    # and it is the smallest such number
    assert (
        wanted == 0
        or (wanted - 1) * limit < count * (1 + room / 100)
        or wanted == math.ceil(hosts * least / 100 - 1e-9)
    )


def test_an_unset_session_limit_needs_a_declared_one() -> None:
    unset = pool([host("vm-0")], properties={"maxSessionLimit": UNSET})
    assert session_limit(pool([host("vm-0")]), declaration(sessions_per_host=99)) == 10
    assert session_limit(unset, declaration(sessions_per_host=7)) == 7
    assert declared_session_limit(unset) is None
    with pytest.raises(InvalidDeclaration, match="sessions_per_host"):
        session_limit(unset, declaration())


def test_a_host_serves_only_undrained_available_and_with_a_fresh_heartbeat() -> None:
    hosts = [
        host("vm-0"),
        host("drained", allowNewSession=False),
        host("stale", lastHeartBeat=iso(NOW - 3600)),
        host("silent", lastHeartBeat=None),
        host("needs", status="NeedsAssistance"),
        host("off", status="Shutdown"),
        host("between", in_pool=False),
    ]
    assert [h.name for h in serving(hosts, at=NOW)] == ["vm-0"]
    assert [h.name for h in serving(hosts, at=NOW, accept=("Available", "NeedsAssistance"))] == ["vm-0", "needs"]


def test_sessions_of_all_hosts_count() -> None:
    assert (
        sessions([host("vm-0", sessions=3), host("vm-1", sessions=4, allowNewSession=False), host("x", in_pool=False)])
        == 7
    )
