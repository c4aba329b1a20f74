"""The AVD agent on a session host: registration, upgrade, heartbeat, health checks.

Called by the guests: `register` when an agent is installed or restarted with a token, `booted` when a guest is up whose
agent is registered, `stopped` when a VM goes down. An agent belongs to the OS disk it was registered on: another disk
in the same VM does not take over its record.
"""

from __future__ import annotations

from emulator import capacity, guests, users
from emulator.desktopvirtualization import session_hosts
from emulator.desktopvirtualization.broker import broker_of, brokers, end_session, pool_id_of, record_of
from emulator.durations import draw
from emulator.wire import Body
from emulator.world import Handler, Resource, World

RECHECK = 60.0
"""Seconds after which an agent that failed a health check looks again (inferred)."""


def register(world: World, vm: Resource, token: str) -> str | None:
    """Register a VM with the pool that a token belongs to. Returns None or the agent's error code (event 3277)."""
    broker = next((known for known in brokers(world).values() if token and known.token == token), None)
    if broker is None:
        return "INVALID_REGISTRATION_TOKEN"
    if broker.expires <= world.now:
        return "EXPIRED_REGISTRATION_TOKEN"
    computer, name = _names(world, vm)
    if world.get(f"{broker.id}/sessionHosts/{name}") is not None:
        return "NAME_ALREADY_REGISTERED"
    record = session_hosts.make(world, broker, name, vm, status="Upgrading", computer=computer, running=True)
    record.body["properties"]["updateState"] = "Started"
    capacity.join(world, broker.id, vm.id)
    _later(world, record, draw(world, "avd upgrading", vm.id), "avd.upgraded")
    return None


def booted(world: World, vm: Resource) -> None:
    """A guest is up and its agent believes itself registered: after a while the broker hears from it.

    Nothing where the record was deleted, or belongs to the agent of another OS disk (a stale record stays Unavailable).
    """
    found = record_of(world, vm.id)
    if found is None:
        return
    record = found[1]
    if str(record.hidden["disk"]).lower() != _disk_id(vm).lower():
        return
    _later(world, record, draw(world, "avd agent start", vm.id) + _slow(world, vm), "avd.agent_up")


def stopped(world: World, vm: Resource) -> None:
    """The VM is down: users on it are thrown out now; the broker notices later and lists sessions until then."""
    for broker in brokers(world).values():
        for session in broker.detached.pop(vm.id.lower(), []):
            users.cut_off(world, broker, session)
    found = record_of(world, vm.id)
    if found is None:
        capacity.touch(world, vm.id)
        return
    broker, record = found
    taking_users = record.body["properties"]["allowNewSession"]
    if taking_users and guests.machine_of(world, vm).power == "deallocated":
        capacity.found_off(world, vm.id)  # nobody drained it first: not stopped for work on it
    record.hidden["since"] = session_hosts.last_heartbeat(world, record)
    record.hidden["running"] = False
    for session in broker.hosts[record.id.lower()].values():
        if not session.lost:
            users.cut_off(world, broker, session)
    capacity.touch(world, vm.id)
    _later(world, record, draw(world, "avd shutdown noticed"), "avd.noticed")


def recheck(world: World, vm: Resource) -> None:
    """Something changed on the host (secure channel repaired, joined anew): the agent runs its checks."""
    found = record_of(world, vm.id)
    if found is not None and found[1].hidden["running"] and found[1].body["properties"]["status"] != "Upgrading":
        _judge(world, found[1])


def watch(world: World, record: Resource) -> None:
    """Look again in a while at a host that did not pass its checks."""
    _later(world, record, RECHECK, "avd.check_again")


# -- events


def upgraded(world: World, record: str, turn: int) -> None:
    """Event: the agent has updated itself and its stack, and reports for work."""
    host = _current(world, record, turn)
    if host is not None:
        host.body["properties"]["updateState"] = "Succeeded"
        host.body["properties"]["lastUpdateTime"] = world.iso()
        _judge(world, host)


def agent_up(world: World, record: str, turn: int) -> None:
    """Event: the first heartbeat after a boot."""
    host = _current(world, record, turn)
    if host is not None:
        _forget_lost(world, host)
        host.hidden["running"] = True
        host.hidden["since"] = world.now
        _judge(world, host)


def noticed(world: World, record: str, turn: int) -> None:
    """Event: the broker has noticed that a host is down; its sessions leave the list."""
    host = _current(world, record, turn)
    if host is None:
        return
    _forget_lost(world, host)
    host.body["properties"]["sessionHostHealthCheckResults"] = [
        {**result, "healthCheckResult": "SessionHostShutdown"}
        for result in host.body["properties"]["sessionHostHealthCheckResults"]
    ]
    session_hosts.set_status(world, host, "Shutdown")


def check_again(world: World, record: str, turn: int) -> None:
    """Event: a host that failed its checks runs them once more."""
    host = _current(world, record, turn)
    if host is not None and host.hidden["running"]:
        _judge(world, host)


HANDLERS: dict[str, Handler] = {
    "avd.upgraded": upgraded,
    "avd.agent_up": agent_up,
    "avd.noticed": noticed,
    "avd.check_again": check_again,
}


def _forget_lost(world: World, record: Resource) -> None:
    """The sessions that ended with the VM leave the broker's list."""
    broker = broker_of(world, pool_id_of(record.id))
    for session in list(broker.hosts[record.id.lower()].values()):
        if session.lost:
            end_session(world, broker, session)


# -- health


def _judge(world: World, record: Resource) -> None:
    """Run the health checks and set the status that follows from them."""
    vm = world.get(record.body["properties"]["resourceId"])
    if vm is None:
        return
    results, status = checks(world, vm, record)
    record.body["properties"]["sessionHostHealthCheckResults"] = results
    session_hosts.set_status(world, record, status)
    if status != "Available":
        watch(world, record)


def checks(world: World, vm: Resource, record: Resource) -> tuple[list[Body], str]:
    """The health check results of a host and its status.

    Fatal ones give the status of that name in the specification's enumeration; UrlsAccessibleCheck and
    MonitoringAgentCheck are not fatal and give NeedsAssistance.
    """
    guest = guests.guest_of(world, vm.body["properties"]["vmId"])
    entra = "." not in record.id.rsplit("/", 1)[-1]
    joined = guest is not None and (guest.joined if entra else guest.join_type is not None)
    trusted = guest is not None and not (guest.trust_broken and guest.join_type == "ad")
    healthy = guest is not None and "unhealthy" not in guest.faults
    urls = not record.hidden.get("urls_blocked")
    domain = record.id.rsplit("/", 1)[-1].partition(".")[2]
    rows: list[tuple[str, bool, str, str, str]] = [
        (
            "AADJoinedHealthCheck" if entra else "DomainJoinedCheck",
            joined,
            "SessionHost healthy: Microsoft Entra ID Join check succeeded."
            if entra
            else f"SessionHost healthy: is joined to domain \u2264{domain}\u2265",
            "SessionHost is not joined to a domain",
            "NotJoinedToDomain",
        ),
        (
            "DomainTrustCheck",
            trusted,
            "",
            "SessionHost unhealthy: the trust relationship with the domain is lost",
            "DomainTrustRelationshipLost",
        ),
        (
            "SxSStackListenerCheck",
            healthy,
            "SessionHost healthy: SxS stack listener is ready",
            "SessionHost unhealthy: SxS stack listener is not ready",
            "SxSStackListenerNotReady",
        ),
        (
            "UrlsAccessibleCheck",
            urls,
            '{"AccessibleUrls":["rdbroker.invalid"],"NotAccessibleUrls":null,"Context":null}',
            '{"AccessibleUrls":[],"NotAccessibleUrls":["rdbroker.invalid"],"Context":null}',
            "NeedsAssistance",
        ),
        ("MonitoringAgentCheck", True, "Located running process", "", "NeedsAssistance"),
        (
            "FSLogixHealthCheck",
            not record.hidden.get("fslogix_broken"),
            "",
            "SessionHost unhealthy: FSLogix is not running",  # unverified wording
            "FSLogixNotHealthy",
        ),
        (
            "AppAttachHealthCheck",
            True,
            "SessionHost healthy: MSIX packages have been properly staged",
            "",
            "NeedsAssistance",
        ),
    ]
    results = [
        {
            "healthCheckName": name,
            "healthCheckResult": "HealthCheckSucceeded" if good else "HealthCheckFailed",
            "additionalFailureDetails": {
                "message": fine if good else bad,
                "errorCode": 0 if good else -2147467259,
                "lastHealthCheckDateTime": world.iso(),
            },
        }
        for name, good, fine, bad, _ in rows
    ]
    failed = [status for _, good, _, _, status in rows if not good]
    return results, failed[0] if failed else "Available"


def _names(world: World, vm: Resource) -> tuple[str, str]:
    """Computer name, and the record's name: FQDN when joined to AD, the computer name when joined to Entra."""
    content = guests.content_of(world, vm.id)
    computer = str(content["computer_name"] or guests.computer_name_of(vm))
    if content["secret_generation"] is None:
        return computer, computer
    return computer, f"{computer}.{world.setting('domain', 'contoso.com')}"


def _slow(world: World, vm: Resource) -> float:
    """Extra seconds of an agent that a fault rule slows down."""
    guest = guests.guest_of(world, vm.body["properties"]["vmId"])
    return guest.fault_seconds("agent_slow") if guest is not None else 0.0


def _disk_id(vm: Resource) -> str:
    return str(vm.body["properties"]["storageProfile"]["osDisk"].get("managedDisk", {}).get("id"))


def _later(world: World, record: Resource, seconds: float, kind: str) -> None:
    record.hidden["turn"] += 1
    world.schedule(seconds, kind, record=record.id, turn=record.hidden["turn"])


def _current(world: World, record_id: str, turn: int) -> Resource | None:
    """The record an event was meant for, unless something newer happened to it or it was deleted meanwhile."""
    record = world.get(record_id)
    return record if record is not None and record.hidden.get("turn") == turn else None


__all__ = ["HANDLERS", "booted", "checks", "recheck", "register", "stopped", "watch"]
