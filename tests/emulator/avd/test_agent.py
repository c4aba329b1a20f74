"""The agent: registration, upgrade, stop and boot, trust, faults."""

from __future__ import annotations

from emulator import computers, faults, guests
from emulator.desktopvirtualization import agent
from tests.emulator.avd.pool import Pool


def _checks(pool: Pool, number: int) -> dict[str, str]:
    return {
        each["healthCheckName"]: each["healthCheckResult"]
        for each in pool.shown(number)["sessionHostHealthCheckResults"]
    }


def test_registration_codes() -> None:
    pool = Pool(hosts=2)
    token = pool.token(hours=1)
    assert agent.register(pool.world, pool.vm(0), "nonsense") == "INVALID_REGISTRATION_TOKEN"
    assert agent.register(pool.world, pool.vm(0), token) == "NAME_ALREADY_REGISTERED"
    renewed = pool.token(hours=1)
    assert agent.register(pool.world, pool.vm(0), token) == "INVALID_REGISTRATION_TOKEN"
    pool.wait(3601)
    assert agent.register(pool.world, pool.vm(0), renewed) == "EXPIRED_REGISTRATION_TOKEN"


def test_new_record_takes_users_as_soon_as_its_upgrade_is_over() -> None:
    pool = Pool(hosts=1, users=30, logged_on=1.0, start="2026-01-12T07:50:00Z")
    pool.call("DELETE", pool.host(0), force="true")
    pool.stop(0)
    pool.start(0)
    pool.wait(300)
    assert agent.register(pool.world, pool.vm(0), pool.token()) is None
    assert (pool.shown(0)["status"], pool.shown(0)["allowNewSession"]) == ("Upgrading", True)
    assert pool.shown(0)["sessions"] == 0
    pool.wait(3600)
    assert (pool.shown(0)["status"], pool.shown(0)["updateState"]) == ("Available", "Succeeded")
    assert pool.shown(0)["sessions"] > 0


def test_stop_cuts_users_off_at_once_and_the_broker_notices_later() -> None:
    pool = Pool(sessions_per_host=3, hosts=2, disconnect_probability=0.0)
    pool.stop(0)
    assert [event["event"] for event in pool.events("cut_off", "forced_logoff")] == ["cut_off"] * 3
    assert pool.shown(0)["status"] == "Available" and pool.shown(0)["sessions"] == 3
    pool.wait(120)
    assert pool.shown(0)["status"] == "Shutdown" and pool.shown(0)["sessions"] == 0
    pool.start(0)
    pool.wait(600)
    assert pool.shown(0)["status"] == "Available"


def test_reboot_that_the_broker_never_noticed_leaves_no_session_behind() -> None:
    pool = Pool(sessions_per_host=3, hosts=2)
    pool.call("PATCH", pool.host(0), {"properties": {"allowNewSession": False}})
    guests.reboot(pool.world, pool.vm(0))
    pool.wait(900)
    assert pool.shown(0)["status"] == "Available"
    assert pool.sessions(0) == []


def test_record_of_another_disks_agent_is_not_taken_over() -> None:
    pool = Pool(hosts=2)
    pool.stop(0)
    pool.wait(120)
    record = pool.world.get(pool.host(0))
    assert record is not None
    record.hidden["disk"] = "/some/other/disk"
    pool.start(0)
    pool.wait(1800)
    assert pool.shown(0)["status"] == "Shutdown"


def test_outdated_computer_secret_fails_the_trust_check_until_it_is_repaired() -> None:
    pool = Pool(hosts=2)
    content = guests.content_of(pool.world, pool.vm(0).id)
    pool.stop(0)
    computers.join_ad(pool.world, "vm-0", "joiner")
    pool.start(0)
    pool.wait(600)
    assert pool.shown(0)["status"] == "DomainTrustRelationshipLost"
    assert _checks(pool, 0)["DomainTrustCheck"] == "HealthCheckFailed"
    assert _checks(pool, 0)["DomainJoinedCheck"] == "HealthCheckSucceeded"
    content["secret_generation"] = computers.ad_generation(pool.world, "vm-0")
    pool.wait(61)
    assert pool.shown(0)["status"] == "Available"


def test_unhealthy_and_slow_agents_by_fault_rules() -> None:
    pool = Pool(hosts=3)
    rules = [
        {"id": "a", "effect": {"type": "guest", "host": "^vm-0$", "fault": "unhealthy"}},
        {"id": "b", "effect": {"type": "guest", "host": "^vm-1$", "fault": "agent_slow", "seconds": 3000}},
    ]
    faults.replace(pool.world, {"rules": rules})
    for number in (0, 1):
        pool.stop(number)
    pool.wait(120)
    for number in (0, 1):
        pool.start(number)
    pool.wait(1500)
    assert pool.shown(0)["status"] == "SxSStackListenerNotReady"
    assert pool.shown(1)["status"] == "Shutdown"
    pool.wait(3000)
    assert pool.shown(1)["status"] == "Available"


def test_blocked_urls_need_assistance_only() -> None:
    pool = Pool(hosts=2, needs_assistance=1)
    pool.wait(300)
    assert pool.shown(1)["status"] == "NeedsAssistance"
    assert _checks(pool, 1)["UrlsAccessibleCheck"] == "HealthCheckFailed"
