"""The control API's names and shapes, which tools outside the project rely on."""

from __future__ import annotations

from typing import Any

import pytest

from emulator import clock, identity
from emulator.wire import Headers, Request
from tests.emulator.avd.pool import POOL, Pool


def _get(pool: Pool, path: str, **query: str) -> Any:
    answer = pool.emulator.handle(Request("GET", path, query))
    assert answer.status == 200, answer.body
    return answer.body


def _post(pool: Pool, path: str, body: Any = None) -> Any:
    answer = pool.emulator.handle(Request("POST", path, body=body))
    assert answer.status == 200, answer.body
    return answer.body


def test_state_has_resources_by_lower_case_id_as_get_returns_them_and_guests_by_vm_id() -> None:
    pool = Pool(hosts=2, off=1)
    state = _get(pool, "/emulator/state")
    assert set(state) == {"now", "resources", "guests"}
    assert state["now"] == pool.world.iso()
    assert all(key == key.lower() for key in state["resources"])
    assert state["resources"][pool.host(0).lower()] == pool.call("GET", pool.host(0)).body
    vm = pool.vm(0)
    assert state["resources"][vm.id.lower()] == pool.call("GET", vm.id, version="2024-07-01").body
    disk = vm.body["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"]
    assert state["guests"][vm.body["properties"]["vmId"]] == {
        "booted": True,
        "provisioned": True,
        "joined": True,
        "registered": True,
        "osDiskId": disk,
        "imageVersionId": state["resources"][disk.lower()]["properties"]["creationData"]["galleryImageReference"]["id"],
    }
    assert state["guests"][pool.vm(1).body["properties"]["vmId"]]["booted"] is False


def test_state_shows_no_secret() -> None:
    pool = Pool(hosts=1)
    pool.token()
    text = str(_get(pool, "/emulator/state"))
    for secret in ("J0in-the-domain!", "L0cal-Admin-Passw0rd!", "deployer-secret", pool.token()):
        assert secret not in text


def test_requests_are_numbered_from_one_and_are_of_arm_only() -> None:
    pool = Pool(hosts=1)
    pool.call("GET", POOL)
    pool.call("PATCH", pool.host(0), {"properties": {"allowNewSession": False}})
    pool.call("GET", "/subscriptions/nowhere/unknown", version="")
    _get(pool, "/emulator/state")
    entries = _get(pool, "/emulator/requests")["requests"]
    assert [entry["n"] for entry in entries] == [1, 2, 3]
    assert entries[1] == {
        "n": 2,
        "time": pool.world.iso(),
        "principal": "d0000000-0000-4000-8000-000000000001",
        "method": "PATCH",
        "path": pool.host(0),
        "api_version": "2024-04-03",
        "status": 200,
        "action": "Microsoft.DesktopVirtualization/hostpools/sessionhosts/write",
        "fault": None,
    }
    assert [entry["n"] for entry in _get(pool, "/emulator/requests", since="2")["requests"]] == [3]


def test_capacity_and_session_events_of_a_pool() -> None:
    pool = Pool(hosts=2, sessions_per_host=1)
    samples = _get(pool, "/emulator/capacity", hostpool=POOL.upper())["samples"]
    assert set(samples[0]) == {
        "time",
        "hosts",
        "serving",
        "draining",
        "off",
        "unavailable",
        "sessions",
        "session_capacity",
    }
    events = _get(pool, "/emulator/session-events", hostpool=POOL)["events"]
    assert events[0] == {
        "time": pool.world.iso(),
        "user": "user1@contoso.com",
        "host": "vm-0.contoso.com",
        "event": "logon",
        "text": "",
    }
    assert pool.emulator.handle(Request("GET", "/emulator/capacity", {"hostpool": "nothing"})).status == 404


def test_scenario_replaces_the_world_and_tokens_stay_valid() -> None:
    pool = Pool(hosts=1)
    token = identity.issue(pool.world, "d0000000-0000-4000-8000-000000000001", "https://management.azure.com/")
    pool.call("POST", "/emulator/faults", {"rules": [{"effect": {"type": "status", "status": 500}}]})
    made = _post(pool, "/emulator/scenario", {"name": "pooled", "hosts": 3, "image": "1.0.0", "users": 6, "seed": 2})
    assert made["hostPools"] == [POOL]
    headers = Headers({"Authorization": f"Bearer {token}"})
    answer = pool.emulator.handle(Request("GET", f"{POOL}/sessionHosts", {"api-version": "2024-04-03"}, headers))
    assert answer.status == 200 and len(answer.body["value"]) == 3
    assert len(_get(pool, "/emulator/requests")["requests"]) == 1


def test_reset_puts_the_same_scenario_up_again() -> None:
    pool = Pool(hosts=2, sessions_per_host=1)
    pool.call("DELETE", pool.host(0), force="true")
    pool.wait(500)
    now = pool.world.now
    _post(pool, "/emulator/reset")
    assert pool.world.now == now
    assert len(pool.call("GET", f"{POOL}/sessionHosts").body["value"]) == 2
    assert len(pool.sessions(0)) == 1


@pytest.mark.parametrize(
    "body",
    [
        None,
        {"name": "nonsense"},
        {"name": "pooled", "hostz": 3},
        {"name": "pooled", "hosts": "3"},
        {"name": "pooled", "hosts": 2, "off": 3},
        {"name": "pooled", "start": "soon"},
    ],
)
def test_bad_scenarios_are_refused_and_change_nothing(body: Any) -> None:
    pool = Pool(hosts=1)
    answer = pool.emulator.handle(Request("POST", "/emulator/scenario", body=body))
    assert (answer.status, answer.body["error"]["code"]) == (400, "InvalidScenario")
    assert len(pool.call("GET", f"{POOL}/sessionHosts").body["value"]) == 1


def test_scenarios_lists_names_and_options() -> None:
    listed = _get(Pool(hosts=1), "/emulator/scenarios")["scenarios"]
    names = {each["name"] for each in listed}
    assert {"pooled", "entra", "personal", "automated", "empty"} <= names
    pooled = next(each for each in listed if each["name"] == "pooled")
    options = {option["name"]: option for option in pooled["options"]}
    assert options["hosts"]["default"] == 12
    assert all(option["description"] for option in options.values())


def test_environment_has_every_variable_clients_need() -> None:
    pool = Pool(hosts=1)
    environment = _get(pool, "/emulator/environment")
    assert {
        "ARM_METADATA_HOSTNAME",
        "ARM_TENANT_ID",
        "ARM_SUBSCRIPTION_ID",
        "ARM_CLIENT_ID",
        "ARM_CLIENT_SECRET",
        "HOSTPOOL_CLIENT_ID",
        "HOSTPOOL_CLIENT_SECRET",
        "HOSTPOOL_PRINCIPAL_ID",
        "AZURE_AUTHORITY_HOST",
        "HOSTPOOL_CLOCK",
    } <= set(environment)
    assert environment["ARM_METADATA_HOSTNAME"] == "localhost"


def test_draws_say_what_each_machine_drew() -> None:
    pool = Pool(hosts=1, users=0)
    pool.start(0)
    draw = _get(pool, "/emulator/draws")["draws"][0]
    assert draw["subject"] == pool.vm(0).id.lower()
    assert draw["seconds"] > 0 and draw["time"] == pool.world.iso()


def test_only_a_virtual_clock_is_advanced() -> None:
    pool = Pool(hosts=1)
    before = pool.world.now
    _post(pool, "/emulator/advance", {"seconds": 90.5})
    assert pool.world.now == before + 90.5
    assert pool.emulator.handle(Request("POST", "/emulator/advance", body={"seconds": -1})).status == 400
    clock.start(pool.world, 10.0)
    assert pool.emulator.handle(Request("POST", "/emulator/advance", body={"seconds": 1})).status == 409


def test_unknown_call_names_those_there_are() -> None:
    answer = Pool(hosts=1).emulator.handle(Request("GET", "/emulator/nothing"))
    assert answer.status == 404
    assert "POST scenario" in answer.body["error"]["message"]
    assert answer.headers["Date"] == "Mon, 12 Jan 2026 20:00:00 GMT"
