"""Users: what they do by themselves, and what is done to them.

Recording avd-usersessions-list-message-disconnect-delete.
"""

from __future__ import annotations

from typing import Any

import pytest

from emulator.clock import parse
from emulator.desktopvirtualization.broker import broker_of
from tests.emulator.avd.pool import POOL, Pool


def _message(pool: Pool, host: int, number: str) -> int:
    body = {"messageTitle": "Update", "messageBody": "Please log off"}
    return pool.call("POST", f"{pool.host(host)}/userSessions/{number}/sendMessage", body).status


def _drain(pool: Pool, host: int) -> None:
    assert pool.call("PATCH", pool.host(host), {"properties": {"allowNewSession": False}}).status == 200


def test_session_lists_at_both_levels() -> None:
    pool = Pool(sessions_per_host=2, hosts=2)
    own = pool.sessions(0)
    assert [session["name"] for session in own] == ["hp1/vm-0.contoso.com/1", "hp1/vm-0.contoso.com/2"]
    assert own[0]["properties"]["activeDirectoryUserName"].startswith("CONTOSO\\")
    everyone = pool.call("GET", f"{POOL}/userSessions").body["value"]
    assert len(everyone) == 4
    assert everyone[0]["properties"]["createTime"] is None
    assert everyone[0]["properties"]["activeDirectoryUserName"] is None
    user = own[1]["properties"]["userPrincipalName"]
    found = pool.call("GET", f"{POOL}/userSessions", **{"$filter": f"userPrincipalName eq '{user}'"}).body["value"]
    assert [each["name"] for each in found] == ["hp1/vm-0.contoso.com/2"]


def test_unknown_session_has_two_texts() -> None:
    pool = Pool(sessions_per_host=1, hosts=1)
    path = f"{pool.host(0)}/userSessions/77"
    assert "User session does not exist" in pool.call("GET", path).body["error"]["message"]
    message = pool.call("POST", f"{path}/sendMessage", {"messageTitle": "a", "messageBody": "b"})
    assert (message.status, message.body["error"]["code"]) == (404, "404")
    assert "User session ID not found" in message.body["error"]["message"]
    assert pool.call("DELETE", path).status == 404


def test_log_off_answers_at_once_and_takes_effect_some_seconds_later() -> None:
    pool = Pool(sessions_per_host=1, hosts=1)
    path = f"{pool.host(0)}/userSessions/1"
    answer = pool.call("DELETE", path, force="true")
    assert (answer.status, answer.body) == (200, None)
    assert pool.call("GET", path).body["properties"]["sessionState"] == "Active"
    pool.wait(30)
    assert pool.call("GET", path).status == 404
    assert [event["event"] for event in pool.events()] == ["logon", "forced_logoff"]


def test_message_makes_users_log_off_and_go_elsewhere() -> None:
    pool = Pool(sessions_per_host=4, hosts=2, ignore_probability=0.0)
    _drain(pool, 0)
    for number in range(1, 5):
        assert _message(pool, 0, str(number)) == 200
    pool.wait(3600)
    assert pool.sessions(0) == []
    assert len(pool.sessions(1)) == 8
    assert [event["text"] for event in pool.events("message")] == ["Update: Please log off"] * 4
    assert len(pool.events("logoff")) == 4


def test_those_who_ignore_messages_stay() -> None:
    pool = Pool(sessions_per_host=4, hosts=2, ignore_probability=1.0)
    _drain(pool, 0)
    for number in range(1, 5):
        _message(pool, 0, str(number))
    pool.wait(4 * 3600)
    assert len(pool.sessions(0)) == 4


def test_disconnected_session_stays_and_its_user_may_come_back_to_a_draining_host() -> None:
    pool = Pool(sessions_per_host=12, hosts=1, max_session_limit=20)
    _drain(pool, 0)
    for number in range(1, 13):
        assert pool.call("POST", f"{pool.host(0)}/userSessions/{number}/disconnect").status == 200
    assert {each["properties"]["sessionState"] for each in pool.sessions(0)} == {"Disconnected"}
    logons = len(pool.events("logon"))
    pool.wait(2 * 3600)
    assert len(pool.events("logon")) > logons


def test_disconnected_sessions_lost_with_the_vm_are_forced_logoffs() -> None:
    pool = Pool(sessions_per_host=2, hosts=1)
    pool.call("POST", f"{pool.host(0)}/userSessions/1/disconnect")
    pool.stop(0)
    assert sorted(event["event"] for event in pool.events("cut_off", "forced_logoff")) == ["cut_off", "forced_logoff"]


@pytest.mark.parametrize(("kind", "expected"), [("BreadthFirst", [5, 5, 5]), ("DepthFirst", [8, 7, 0])])
def test_load_balancing(kind: str, expected: list[int]) -> None:
    options: dict[str, Any] = {"load_balancer": kind, "max_session_limit": 8, "disconnect_probability": 0.0}
    pool = Pool(hosts=3, users=15, logged_on=0.0, start="2026-01-12T00:00:00Z", **options)
    broker = broker_of(pool.world, POOL)
    people = pool.world.sections["users"][POOL.lower()].people.values()
    for user in people:
        user.turn += 1
        pool.world.schedule(1, "users.logon", pool=broker.id, user=user.name, turn=user.turn)
    pool.wait(2)
    assert sorted((len(pool.sessions(number)) for number in range(3)), reverse=True) == expected


def test_new_logons_never_reach_a_draining_host() -> None:
    pool = Pool(hosts=2, users=40, logged_on=0.0, start="2026-01-12T05:00:00Z", max_session_limit=50)
    _drain(pool, 0)
    pool.wait(6 * 3600)
    assert pool.sessions(0) == []
    assert {event["host"] for event in pool.events("logon")} == {"vm-1.contoso.com"}


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_last_user_of_a_draining_host_comes_back_with_the_return_probability(probability: float) -> None:
    pool = Pool(sessions_per_host=1, hosts=2, return_probability=probability)
    _drain(pool, 0)
    pool.call("DELETE", f"{pool.host(0)}/userSessions/1")
    pool.wait(30)
    assert pool.sessions(0) == []
    pool.wait(600)
    assert len(pool.sessions(0)) == int(probability)


def test_nobody_comes_back_to_a_deleted_record() -> None:
    pool = Pool(sessions_per_host=1, hosts=2, return_probability=1.0)
    _drain(pool, 0)
    pool.call("DELETE", f"{pool.host(0)}/userSessions/1")
    pool.wait(25)
    assert pool.call("DELETE", pool.host(0)).status == 200
    pool.wait(900)
    assert len(pool.sessions(1)) == 2


def test_a_day_has_a_busy_morning_and_a_quiet_night() -> None:
    pool = Pool(hosts=12, users=120, start="2026-01-12T03:00:00Z", logged_on=0.0)
    counts: dict[int, int] = {}
    for _ in range(24):
        pool.wait(3600)
        counts[int(pool.world.iso()[11:13])] = pool.call("GET", f"{POOL}/sessionHosts").body["value"].__len__() and sum(
            each["properties"]["sessions"] for each in pool.call("GET", f"{POOL}/sessionHosts").body["value"]
        )
    assert counts[10] > 3 * counts[3]
    assert counts[10] > 30


def test_same_seed_same_people() -> None:
    def story(seed: int) -> list[Any]:
        pool = Pool(seed=seed)
        pool.wait(86400)
        return pool.events()

    assert story(3) == story(3)
    assert story(3) != story(4)


def test_personal_hosts_belong_to_their_users() -> None:
    pool = Pool("personal", hosts=3, logged_on=1.0)
    assigned = [pool.shown(number)["assignedUser"] for number in range(3)]
    assert len(set(assigned)) == 3
    for number in range(3):
        assert [each["properties"]["userPrincipalName"] for each in pool.sessions(number)] == [assigned[number]]


def test_session_times_are_in_the_past() -> None:
    pool = Pool()
    created = [parse(each["properties"]["createTime"]) for number in range(12) for each in pool.sessions(number)]
    assert created and max(created) <= pool.world.now
