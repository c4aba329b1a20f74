"""Fault rules: matching, counting, effects."""

from __future__ import annotations

from typing import Any

import pytest

from emulator import faults, requests_log
from emulator.wire import Request
from tests.emulator.avd.pool import POOL, Pool

VM = POOL.rsplit("/", 2)[0].replace("DesktopVirtualization", "Compute") + "/virtualMachines/vm-0"


def _rule(**given: Any) -> dict[str, Any]:
    return {"id": "r", "effect": {"type": "status", "status": 429, "code": "TooMany", "retry_after": 7}, **given}


def _hits(pool: Pool, *rules: dict[str, Any], calls: int = 6, seed: int = 1) -> list[str | None]:
    faults.replace(pool.world, {"seed": seed, "rules": list(rules)})
    found = [faults.before(pool.world, Request("GET", "/a/B", {"x": "1"})) for _ in range(calls)]
    return [fault.id if fault else None for fault in found]


def test_nth_counts_the_rules_own_matches_and_acts_once() -> None:
    assert _hits(Pool(), _rule(nth=[3])) == [None, None, "r", None, None, None]
    assert _hits(Pool(), _rule(nth=[1, 4])) == ["r", None, None, "r", None, None]


def test_without_nth_there_is_no_limit_but_times() -> None:
    assert _hits(Pool(), _rule()) == ["r"] * 6
    assert _hits(Pool(), _rule(times=2)) == ["r", "r", None, None, None, None]


def test_probability_depends_on_the_seed() -> None:
    pool = Pool()
    first = _hits(pool, _rule(probability=0.5), calls=50)
    assert first == _hits(pool, _rule(probability=0.5), calls=50)
    assert first != _hits(pool, _rule(probability=0.5), calls=50, seed=2)
    assert 10 < first.count("r") < 40


def test_path_is_searched_without_case_in_path_and_query() -> None:
    assert _hits(Pool(), _rule(path=r"/A/b\?X=1$"), calls=1) == ["r"]
    assert _hits(Pool(), _rule(path="other"), calls=1) == [None]
    assert _hits(Pool(), _rule(method="put"), calls=1) == [None]
    assert _hits(Pool(), _rule(method="get"), calls=1) == ["r"]


def test_first_rule_that_acts_wins_and_hides_the_call_from_later_ones() -> None:
    hits = _hits(Pool(), _rule(id="first", nth=[2]), _rule(id="second", nth=[2]))
    assert hits == [None, "first", "second", None, None, None]


def test_posting_replaces_rules_and_resets_counters() -> None:
    pool = Pool()
    assert _hits(pool, _rule(nth=[2]), calls=2) == [None, "r"]
    assert _hits(pool, _rule(nth=[2]), calls=2) == [None, "r"]


@pytest.mark.parametrize(
    "rule",
    [
        {"effect": {"type": "explode"}},
        {"effect": {"type": "drop", "when": "later"}},
        {"effect": {"type": "guest", "fault": "tired"}},
        {"effect": {"type": "status", "status": 500}, "path": "("},
        {"effect": {"type": "status", "status": 500}, "nth": [0]},
        {"effect": {"type": "status", "status": 500}, "probability": 2},
        {"effect": {"type": "status", "status": 500}, "pth": "x"},
        {"effect": {"type": "operation", "outcome": "win"}},
    ],
)
def test_bad_rules_are_refused_and_change_nothing(rule: dict[str, Any]) -> None:
    pool = Pool()
    faults.replace(pool.world, {"rules": [_rule()]})
    answer = pool.call("POST", "/emulator/faults", {"rules": [rule]})
    assert (answer.status, answer.body["error"]["code"]) == (400, "InvalidFault")
    assert faults.before(pool.world, Request("GET", "/a")) is not None


def test_status_effect_answers_and_is_logged_with_the_rules_id() -> None:
    pool = Pool()
    pool.call("POST", "/emulator/faults", {"rules": [_rule(path="hostPools", nth=[1])]})
    answer = pool.call("GET", POOL)
    assert (answer.status, answer.body["error"]["code"], answer.headers["Retry-After"]) == (429, "TooMany", "7")
    assert pool.call("GET", POOL).status == 200
    assert [entry["fault"] for entry in requests_log.since(pool.world, 0)] == ["r", None]


@pytest.mark.parametrize(("when", "applied"), [("before", False), ("after", True)])
def test_drop_closes_the_connection_before_or_after_the_effect(when: str, applied: bool) -> None:
    pool = Pool()
    pool.call(
        "POST", "/emulator/faults", {"rules": [{"id": "d", "effect": {"type": "drop", "when": when}, "nth": [1]}]}
    )
    assert pool.call("PATCH", pool.host(0), {"properties": {"allowNewSession": False}}).status == 0
    assert pool.shown(0)["allowNewSession"] is not applied


def test_delay_holds_the_answer_back() -> None:
    pool = Pool()
    pool.call("POST", "/emulator/faults", {"rules": [{"id": "d", "effect": {"type": "delay", "seconds": 60}}]})
    assert pool.call("GET", POOL).delay == 60


@pytest.mark.parametrize(("outcome", "status"), [("fail", "Failed"), ("hang", "InProgress")])
def test_operation_effect_acts_at_the_would_be_end(outcome: str, status: str) -> None:
    pool = Pool()
    effect = {"type": "operation", "outcome": outcome, "code": "AllocationFailed"}
    pool.call(
        "POST", "/emulator/faults", {"rules": [{"id": "o", "method": "POST", "path": "/deallocate", "effect": effect}]}
    )
    answer = pool.call("POST", f"{VM}/deallocate", version="2024-07-01")
    assert answer.status == 202
    url = answer.headers["Azure-AsyncOperation"].removeprefix("https://localhost")
    path, _, query = url.partition("?")
    arguments = dict(pair.split("=", 1) for pair in query.split("&") if not pair.startswith("api-version"))
    assert pool.call("GET", path, version="2024-07-01", **arguments).body["status"] == "InProgress"
    pool.wait(7200)
    final = pool.call("GET", path, version="2024-07-01", **arguments).body
    assert final["status"] == status
    assert final.get("error", {}).get("code") == ("AllocationFailed" if outcome == "fail" else None)


def test_guest_rules_fit_host_and_image_and_count_boots() -> None:
    pool = Pool()
    effect = {"type": "guest", "host": "vm-1", "image": "1[.]0[.]1$", "fault": "never_boots"}
    faults.replace(pool.world, {"rules": [{"id": "g", "effect": effect, "times": 1}]})
    assert faults.guest(pool.world, "vm-2", "x/1.0.1") == []
    assert faults.guest(pool.world, "vm-1", "x/1.0.0") == []
    assert faults.guest(pool.world, "VM-1", "x/1.0.1") == [effect]
    assert faults.guest(pool.world, "vm-1", "x/1.0.1") == []
