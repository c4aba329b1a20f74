"""Pre-checks of the pool itself."""

from __future__ import annotations

from typing import Any

import pytest

from rollout import names
from rollout.arm import SessionHost
from rollout.clock import iso
from rollout.lease import Holder
from rollout.observation import Host
from rollout.record import HostRecord, Phase
from tests.support.observed import NOW, POOL, SUBSCRIPTION, host, pool, session_host_body
from tests.support.prechecked import ids, only

STALE: dict[str, Any] = {"lastHeartBeat": iso(NOW - 3600)}
FATAL = {
    "sessionHostHealthCheckResults": [
        {"healthCheckName": "DomainTrustCheck", "healthCheckResult": "HealthCheckFailed"},
    ]
}


def hosts(count: int = 3, **session_host: Any) -> list[Host]:
    return [host(f"vm-{n}", **session_host) for n in range(count)]


async def test_a_personal_pool_is_refused() -> None:
    found = await only(pool(hosts(), properties={"hostPoolType": "Personal"}))
    assert found.id == "personal-pool" and POOL in found.subject and "pooled" in found.remedy


async def test_an_automated_pool_is_refused() -> None:
    found = await only(pool(hosts(), properties={"managementType": "Automated"}))
    assert found.id == "automated-pool" and "managementType is Automated" in found.problem


async def test_a_standard_pool_is_not() -> None:
    assert await ids(pool(hosts(), properties={"managementType": "Standard"})) == []


async def test_an_empty_pool_is_refused() -> None:
    ghost = SessionHost(session_host_body("gone"))
    assert await ids(pool([], ghosts=(ghost,))) == ["empty-pool"]


async def test_records_without_a_vm_are_reported() -> None:
    found = await only(pool(hosts(), ghosts=(SessionHost(session_host_body("gone")),)))
    assert (found.id, found.severity, found.subject) == ("session-host-without-vm", "warning", "gone.contoso.com")


async def test_an_unset_session_limit_needs_sessions_per_host() -> None:
    unset = pool(hosts(), properties={"maxSessionLimit": 999999})
    found = await only(unset)
    assert found.id == "no-session-limit" and "--max-session-limit" in found.remedy
    assert await ids(unset, sessions_per_host=8) == []


@pytest.mark.parametrize(
    ("inputs", "wanted"),
    [
        ({"min_serving": "100%"}, ["floor-never-holds"]),
        ({"min_serving": 10}, ["floor-never-holds"]),
        ({"min_serving": 9}, []),
        ({"min_serving": 9, "max_unavailable": 3}, ["(floor-narrows-window)"]),
        ({"min_serving": 7, "max_unavailable": 3}, []),
    ],
)
async def test_the_declared_floor_of_ten_hosts(inputs: dict[str, Any], wanted: list[str]) -> None:
    assert await ids(pool(hosts(10)), **inputs) == wanted


async def test_a_floor_that_never_holds_names_the_number_that_would() -> None:
    found = await only(pool(hosts(10)), min_serving="100%", max_unavailable=3)
    assert found.subject == "min_serving: '100%'" and "at most 7" in found.remedy


async def test_too_many_users_for_any_drain_is_a_warning_because_they_go_home() -> None:
    assert await ids(pool(hosts(3, sessions=9))) == ["(floor-holds-hosts-back)"]
    assert await ids(pool(hosts(3, sessions=5))) == []


@pytest.mark.parametrize(
    "sick",
    [{"status": "Unavailable"}, STALE, FATAL, {"status": "NeedsAssistance"}],
    ids=["status", "heartbeat", "fatal", "assistance"],
)
async def test_more_than_a_fifth_unhealthy_stops_it(sick: dict[str, Any]) -> None:
    bad = [host(f"bad-{n}", **sick) for n in range(3)]
    found = await only(pool([*hosts(10), *bad]), max_unavailable=4)
    assert (found.id, found.severity) == ("unhealthy-hosts", "error") and "3 of 13" in found.problem
    assert found.subject == "bad-0, bad-1, bad-2"
    assert await ids(pool([*hosts(10), *bad[:2]]), max_unavailable=4) == ["(host-unhealthy)"]
    assert await ids(pool([*hosts(10), *bad[:2]]), max_unavailable=2) == ["(host-unhealthy)", "(unhealthy-hosts)"]


async def test_an_accepted_status_is_not_unhealthy() -> None:
    assert await ids(pool(hosts(3, status="NeedsAssistance")), verify={"accept": ["NeedsAssistance"]}) == []


async def test_hosts_that_are_off_or_in_our_own_work_are_not_unhealthy() -> None:
    off = [
        host("off", status="Shutdown", **STALE),
        host("cut", status="Unavailable", disk={"properties": {"diskState": "Reserved"}}),
    ]
    work = host("work", in_pool=False, found=HostRecord("abcd", 1, 1, Phase.REJOIN, int(NOW)))
    failed = host("failed", status="Unavailable", found=HostRecord("abcd", 1, 1, Phase.FAILED, int(NOW)))
    assert await ids(pool([host("vm-0"), *off, work, failed])) == []


async def test_a_pool_in_drain_mode_is_remarked_upon() -> None:
    assert await ids(pool(hosts(3, allowNewSession=False))) == ["(all-drained)"]


async def test_a_preview_tells_who_holds_the_lease() -> None:
    held = pool(hosts(), tags={names.LEASE: Holder("anna@pc", 3, NOW + 300).encode()})
    found = await only(held)
    assert found.id == "lease-held" and "anna@pc" in found.problem and "2026-01-12T21:05:00Z" in found.problem
    assert await ids(held, mode="start") == []


@pytest.mark.parametrize("holder", [Holder("anna", 3, NOW - 1), Holder("nobody", 3, NOW + 300)])
async def test_a_lease_that_has_ended_is_nobodys(holder: Holder) -> None:
    assert await ids(pool(hosts(), tags={names.LEASE: holder.encode()})) == []


async def test_a_pause_is_remembered() -> None:
    found = await only(pool(hosts(), tags={names.PAUSE: "anna"}))
    assert (found.id, found.severity) == ("paused", "warning") and "resume" in found.remedy


async def test_hosts_in_a_group_that_the_role_does_not_cover() -> None:
    far = f"{SUBSCRIPTION}/resourceGroups/far"
    refused = {far: "Microsoft.Compute/disks/read"}
    there = pool(hosts(), unreadable=refused, out_of_reach=(SessionHost(session_host_body("sh-9", far)),))
    found = await only(there)
    assert (found.id, found.subject) == ("host-out-of-scope", "sh-9.contoso.com")
    assert "resource group far, which the role does not cover (Microsoft.Compute/disks/read)" in found.problem
    assert f"--scope {far}" in found.remedy
    done = pool([host("vm-0", runs="1.0.1")], unreadable=refused, out_of_reach=there.out_of_reach)
    assert await ids(done) == ["host-out-of-scope"]


async def test_a_group_without_hosts_may_be_out_of_reach() -> None:
    assert await ids(pool(hosts(), unreadable={f"{SUBSCRIPTION}/resourceGroups/far": "x/read"})) == []
