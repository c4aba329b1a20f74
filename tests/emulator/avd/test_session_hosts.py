"""Session-host records: shape, draining, removal (recordings avd-sessionhost-get-and-list, avd-sessionhost-delete)."""

from __future__ import annotations

import re

from emulator.clock import parse
from tests.emulator.avd.pool import POOL, Pool


def test_record_has_the_recorded_shape() -> None:
    pool = Pool()
    body = pool.call("GET", pool.host(0)).body
    assert body["name"] == "hp1/vm-0.contoso.com"
    assert "/resourcegroups/avd/" in body["id"] and "/hostpools/hp1/sessionhosts/" in body["id"]
    properties = body["properties"]
    assert properties["resourceId"] == pool.vm(0).id
    assert properties["virtualMachineId"] == pool.vm(0).body["properties"]["vmId"]
    assert (properties["status"], properties["updateState"]) == ("Available", "Succeeded")
    assert "activeSessions" not in properties
    names = {result["healthCheckName"] for result in properties["sessionHostHealthCheckResults"]}
    assert {"DomainJoinedCheck", "DomainTrustCheck", "SxSStackListenerCheck", "UrlsAccessibleCheck"} <= names
    later = pool.call("GET", pool.host(0), version="2025-03-01-preview").body["properties"]
    assert later["activeSessions"] + later["disconnectedSessions"] == later["sessions"]


def test_entra_joined_hosts_are_named_without_a_domain() -> None:
    pool = Pool("entra", hosts=1)
    answer = pool.call("GET", f"{POOL}/sessionHosts/vm-0")
    assert answer.status == 200
    names = {result["healthCheckName"] for result in answer.body["properties"]["sessionHostHealthCheckResults"]}
    assert "AADJoinedHealthCheck" in names


def test_heartbeat_is_never_older_than_a_minute_while_the_agent_runs_and_stands_still_when_it_stops() -> None:
    pool = Pool(hosts=2, users=0)
    pool.wait(3601)
    assert 0 <= pool.world.now - parse(pool.shown(0)["lastHeartBeat"]) <= 60
    pool.stop(0)
    last = pool.shown(0)["lastHeartBeat"]
    pool.wait(3600)
    assert pool.shown(0)["lastHeartBeat"] == last
    assert pool.shown(0)["status"] == "Shutdown"


def test_missing_host_is_404_with_the_code_as_a_string() -> None:
    pool = Pool()
    answer = pool.call("GET", pool.host(99))
    assert (answer.status, answer.body["error"]["code"]) == (404, "404")
    assert re.fullmatch(r"ActivityId: [0-9a-f-]{36} Error: SessionHost does not exist", answer.body["error"]["message"])


def test_list_is_paged_by_page_size_with_a_next_link() -> None:
    pool = Pool(hosts=5)
    first = pool.call("GET", f"{POOL}/sessionHosts", pageSize="2").body
    assert len(first["value"]) == 5 and first["nextLink"] is None  # query names are lower-cased by the server
    first = pool.call("GET", f"{POOL}/sessionHosts", pagesize="2").body
    assert [each["name"] for each in first["value"]] == ["hp1/vm-0.contoso.com", "hp1/vm-1.contoso.com"]
    assert "initialSkip=2" in first["nextLink"] and "api-version=2024-04-03" in first["nextLink"]
    last = pool.call("GET", f"{POOL}/sessionHosts", pagesize="2", initialskip="4").body
    assert len(last["value"]) == 1 and last["nextLink"] is None


def test_draining_changes_nothing_but_the_flag_and_who_wrote_it() -> None:
    pool = Pool()
    before = pool.call("GET", pool.host(0)).body
    answer = pool.call("PATCH", pool.host(0), {"properties": {"allowNewSession": False, "status": "Shutdown"}})
    assert answer.status == 200
    changed = {name for name, value in answer.body["properties"].items() if before["properties"][name] != value}
    assert changed == {"allowNewSession"}
    assert answer.body["systemData"]["lastModifiedAt"] == pool.world.iso()


def test_delete_is_refused_with_sessions_unless_forced_then_204() -> None:
    pool = Pool(sessions_per_host=2, hosts=2)
    assert pool.call("DELETE", pool.host(0)).status == 409
    assert pool.call("DELETE", pool.host(0), force="True").status == 200
    assert pool.call("DELETE", pool.host(0)).status == 204
    assert pool.call("GET", pool.host(0)).status == 404


def test_users_of_a_record_deleted_by_force_are_cut_off_when_the_vm_stops() -> None:
    pool = Pool(sessions_per_host=2, hosts=2)
    pool.call("DELETE", pool.host(0), force="true")
    assert pool.events("cut_off") == []
    pool.stop(0)
    assert len(pool.events("cut_off")) == 2
