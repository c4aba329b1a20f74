"""Figures from literal records of the emulator."""

from __future__ import annotations

from typing import Any

import pytest

from bench import measure

GROUP = "/subscriptions/s/resourceGroups/avd/providers"
A, B = f"{GROUP}/Microsoft.Compute/virtualMachines/A", f"{GROUP}/Microsoft.Compute/virtualMachines/B"
NO_CALLS = measure.Calls(reads=0, writes=0, deletes=0, compute_updates=0, refused=0)


def at(second: int) -> str:
    return f"2026-01-12T20:{second // 60:02}:{second % 60:02}Z"


def request(method: str, path: str, second: int = 0, status: int = 200) -> dict[str, Any]:
    return {"method": method, "path": path, "time": at(second), "status": status}


def change(vm: str, state: str, second: int) -> dict[str, Any]:
    return {"virtualMachine": vm, "state": state, "time": at(second)}


def draw(vm: str, name: str, seconds: float) -> dict[str, Any]:
    return {"subject": vm.lower(), "name": name, "seconds": seconds, "time": at(0)}


CHANGES = [
    *(change(A, "serving", 0), change(B, "serving", 0)),
    *(change(A, "draining", 60), change(A, "unavailable", 100), change(A, "draining", 160), change(A, "serving", 170)),
    *(change(B, "draining", 170), change(B, "unavailable", 200), change(B, "serving", 290)),
]


def test_reads_writes_and_deletes_are_counted_as_arm_counts_them():
    found = measure.calls(
        [
            request("GET", A),
            request("PATCH", A),
            request("PUT", f"{A}/extensions/dsc"),
            request("POST", f"{GROUP}/Microsoft.DesktopVirtualization/hostPools/hp1/retrieveRegistrationToken"),
            request("DELETE", f"{A}/extensions/dsc", status=429),
            request("GET", "/keyvault/avd-kv/secrets/name"),
            request("DELETE", "/graph/v1.0/devices/1"),
        ]
    )
    assert found == measure.Calls(reads=1, writes=3, deletes=1, compute_updates=2, refused=1)


def test_the_first_write_is_neither_a_read_nor_a_call_to_key_vault():
    requests = [request("GET", A, 1), request("PUT", "/keyvault/v/secrets/s", 2), request("PATCH", A, 3)]
    assert measure.first_write(requests) == measure.seconds_of(at(3))


def test_a_host_is_served_when_it_serves_for_the_last_time():
    back_and_forth = [*CHANGES, change(A, "draining", 300), change(A, "serving", 310)]
    served = measure.served_at(back_and_forth, [A, B])
    assert served == {A.lower(): measure.seconds_of(at(310)), B.lower(): measure.seconds_of(at(290))}


def test_a_host_that_does_not_serve_at_the_end_is_no_makespan():
    with pytest.raises(ValueError, match=r"1 hosts do not serve at the end, first .*/B"):
        measure.served_at([*CHANGES, change(B, "draining", 300)], [A, B])


def test_the_outage_is_the_time_unavailable_and_neither_draining_nor_off():
    twice = [*CHANGES, change(A, "off", 300), change(A, "unavailable", 310), change(A, "serving", 315)]
    found = measure.outages(twice, [A, B], until=measure.seconds_of(at(400)))
    assert found == {A.lower(): 65.0, B.lower(): 90.0}


def test_an_outage_that_has_not_ended_counts_until_the_end():
    found = measure.outages([change(A, "unavailable", 10)], [A], until=measure.seconds_of(at(25)))
    assert found == {A.lower(): 15.0}


def test_sessions_that_ended_against_their_users_are_counted_from_the_beginning_on():
    kinds = ["forced_logoff", "message", "logoff", "cut_off", "forced_logoff", "logon", "forced_logoff"]
    events = [{"event": kind, "time": at(10 * number)} for number, kind in enumerate(kinds)]
    found = measure.ended_for_users(events, since=measure.seconds_of(at(10)))
    assert found == measure.EndedForUsers(cut_off=1, forced=2)


def test_users_are_disturbed_by_what_they_are_told_and_by_moves_that_follow():
    def event(second: int, user: str, host: str, kind: str) -> dict[str, Any]:
        return {"time": at(second), "user": user, "host": host, "event": kind}

    events = [
        event(5, "early", "vm-0", "message"),  # before the rollout
        event(10, "moves", "vm-0", "message"),
        event(20, "moves", "vm-0", "logoff"),
        event(40, "moves", "vm-1", "logon"),
        event(41, "moves", "vm-1", "message"),
        event(42, "moves", "vm-1", "message"),  # told again on the same host
        event(50, "moves", "vm-1", "logoff"),
        event(60, "moves", "vm-2", "logon"),
        event(10, "goes home", "vm-0", "message"),
        event(20, "goes home", "vm-0", "logoff"),
        event(30 + 30 * 60, "goes home", "vm-1", "logon"),
        event(10, "returns", "vm-0", "message"),
        event(20, "returns", "vm-0", "logoff"),
        event(30, "returns", "vm-0", "logon"),
        event(30, "new", "vm-0", "logon"),
        event(70, "forced", "vm-0", "forced_logoff"),
        event(80, "unlucky", "vm-0", "cut_off"),
    ]
    found = measure.disturbed(sorted(events, key=lambda e: e["time"]), since=measure.seconds_of(at(10)))
    assert (found.messages, found.moved, found.twice, found.forced, found.cut_off) == (5, 2, 1, 1, 1)
    assert found.sessions == 9


def test_a_host_is_drained_until_it_is_out_or_given_back():
    changes = [
        change("a", "draining", 10),
        change("b", "draining", 20),
        change("a", "unavailable", 40),
        change("b", "serving", 50),
        change("c", "draining", 60),
        change("c", "unavailable", 90),
    ]
    assert measure.drained(changes, ["a", "b"]) == 60


def test_a_percentile_lies_between_its_neighbours():
    assert measure.percentile(range(21), 95) == 19.0
    assert measure.percentile((10.0, 20.0, 40.0), 25) == 15.0
    assert measure.percentile([7.0], 95) == 7.0


def test_t_u_is_what_was_drawn_for_stop_swap_start_join_agent_and_upgrading():
    draws = [
        *(draw(A, "vm power off", 8), draw(A, "vm deallocate", 20), draw(A, "vm swap os disk", 10)),
        *(draw(A, "vm start", 9), draw(A, "guest boot", 50), draw(A, "guest agent ready", 12)),
        *(draw(A, "extension ad join", 170), draw(A, "extension avd agent", 260), draw(A, "avd upgrading", 300)),
        *(draw(A, "extension monitor", 98), draw(B, "avd upgrading", 1)),
    ]
    parts = measure.unavoidable(draws, A)
    assert parts == {"stop": 28, "swap": 10, "start": 59, "join": 170, "agent": 260, "upgrading": 300}


def test_the_bound_is_the_canary_and_then_the_slots():
    found = measure.bound({"a": 900.0, "b": 800.0, "c": 1000.0}, "a", 150.0, 600.0, 2, NO_CALLS)
    assert (found.canary, found.others, found.api) == (1650.0, 900.0, 0.0)
    assert found.seconds == 2550.0


@pytest.mark.parametrize(
    ("calls", "seconds"),
    [
        ({"writes": 20_200}, 2000.0),
        ({"deletes": 15_200}, 1500.0),
        ({"compute_updates": 6500}, 600.0),
        ({"writes": 20_200, "compute_updates": 26_500}, 3000.0),
    ],
)
def test_the_api_binds_where_it_takes_longer_than_the_slots(calls, seconds):
    made = measure.Calls(**{"reads": 0, "writes": 0, "deletes": 0, "compute_updates": 0, "refused": 0} | calls)
    found = measure.bound({"a": 900.0, "b": 100.0}, "a", 0.0, 0.0, 10, made)
    assert found.api == seconds
    assert found.seconds == 900.0 + seconds


def test_the_time_above_the_bound_adds_up():
    spans = measure.slots(CHANGES, [A, B])
    a, b = A.lower(), B.lower()
    begun, served = measure.seconds_of(at(0)), measure.seconds_of(at(290))
    outage = {a: 50.0, b: 80.0}
    bound = measure.bound(outage, a, build=20.0, bake=10.0, max_unavailable=1, made=NO_CALLS)
    lost = measure.lost(spans, outage, a, begun, measure.seconds_of(at(180)), 1, bound)
    assert (lost.canary, lost.longer, lost.empty, lost.empty_at_end) == (100.0, 10.0, 20.0, 0.0)
    assert lost.canary + lost.longer + lost.empty == served - begun - bound.seconds


def test_slots_stay_empty_after_the_last_host_went_out():
    spans = {"canary": (0.0, 10.0), "b": (20.0, 50.0), "c": (30.0, 90.0)}
    outage = {"canary": 10.0, "b": 30.0, "c": 60.0}
    bound = measure.bound(outage, "canary", 0.0, 10.0, 2, NO_CALLS)
    lost = measure.lost(spans, outage, "canary", 0.0, 20.0, 2, bound)
    assert lost.empty == (70.0 * 2 - 90.0) / 2
    assert lost.empty_at_end == (60.0 * 2 - 20.0 - 60.0) / 2
