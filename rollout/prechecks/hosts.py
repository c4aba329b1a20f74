"""The session hosts: do they serve, are their agents alive and up to date, do profiles come off when users leave?

Everything is in the list of session hosts that is observed anyway.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from rollout.observation import Host
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, error, some, warning

UNHEALTHY_SHARE = 0.2
"""More unhealthy hosts than this stop a rollout before it starts, as with scale sets' rolling upgrades
(maxUnhealthyInstancePercent, learn.microsoft.com/azure/virtual-machine-scale-sets)."""
LAPSES = 90 * 86400.0
"""Seconds after which the registration of an agent that was not heard of has ended (azure-docs issue 114491)."""
PORTAL = "Azure portal: Host pools > the pool > Session hosts"


def check(facts: Facts) -> Iterator[Finding]:
    yield from ghosts(facts)
    yield from health(facts)
    yield from agents(facts)
    for host in facts.pool.hosts:
        yield from _profiles(host)
        yield from _stale(facts, host)


def ghosts(facts: Facts) -> Iterator[Finding]:
    by_id = {host.vm.id.lower(): host.name for host in facts.pool.hosts}
    for ghost in facts.pool.ghosts:
        former = by_id.get((ghost.vm_resource_id or "").rstrip("/").lower())
        if former is not None:
            yield warning(
                "former-session-host",
                ghost.name,
                f"it is a record of an earlier registration of VM {former}; it is left alone",
                f"delete it ({PORTAL} > Remove)",
            )
            continue
        yield warning(
            "session-host-without-vm",
            ghost.name,
            "its session-host record has no Azure VM; it is left alone",
            f"delete the record if the VM is gone ({PORTAL} > Remove)",
        )


def why_unhealthy(host: Host, at: float, accept: tuple[str, ...]) -> str:
    """Why a host that is meant to serve does not, or nothing. Hosts that are off or in our own work are not meant to
    serve."""
    session_host = host.session_host
    if host.record is not None or host.deallocated or (session_host is not None and session_host.status == "Shutdown"):
        return ""
    if session_host is None:
        return "it is not registered"
    if session_host.fatal_findings:
        return f"{session_host.fatal_findings[0].partition(':')[0]} fails"
    if session_host.status not in (*accept, "Upgrading"):
        return f"status {session_host.status}"
    return "" if session_host.beats(at) else "no heartbeat for 5 minutes"


def health(facts: Facts) -> Iterator[Finding]:
    pool, accept = facts.pool, facts.declaration.verify.accept
    looked = {host.name: why_unhealthy(host, pool.observed_at, accept) for host in pool.hosts}
    sick = {name: why for name, why in looked.items() if why}
    if len(sick) > UNHEALTHY_SHARE * len(pool.hosts):
        reasons = ", ".join(f"{why}: {count}" for why, count in Counter(sick.values()).most_common())
        yield error(
            "unhealthy-hosts",
            some(sick),
            f"{len(sick)} of {len(pool.hosts)} hosts are unhealthy, more than {UNHEALTHY_SHARE:.0%} ({reasons}): a "
            "rollout would take capacity from a pool that has too little",
            f"mend or remove them, or switch them off ({PORTAL} shows why)",
        )
        return
    for name, why in sick.items():
        yield warning(
            "host-unhealthy",
            name,
            f"it does not serve ({why}) and counts against max_unavailable",
            f"look at it ({PORTAL} > the host shows its checks); an update gives it a new disk and a new registration",
        )
    if len(sick) >= facts.declaration.max_unavailable.of(len(pool.hosts)):
        yield warning(
            "unhealthy-hosts",
            some(sick),
            f"they are unhealthy and hold all of max_unavailable ({facts.declaration.max_unavailable})",
            "mend them, or raise max_unavailable",
        )


def agents(facts: Facts) -> Iterator[Finding]:
    """Agents update themselves one after the other, so that a version counts as the pool's once most hosts have it."""
    pool = facts.pool
    alive = [(h.name, h.session_host) for h in pool.hosts if h.session_host and h.session_host.beats(pool.observed_at)]
    versions = Counter(record.agent_version for _, record in alive)
    usual, count = versions.most_common(1)[0] if versions else ("", 0)
    for name, record in alive:
        if 2 * count > len(alive) and _numbers(record.agent_version) < _numbers(usual):
            yield warning(
                "agent-behind",
                name,
                f"its AVD agent is {record.agent_version}, and most hosts run {usual}: it does not update itself",
                "restart it (az vm run-command invoke --ids <vm> --command-id RunPowerShellScript --scripts "
                "'Restart-Service RDAgentBootLoader'); an update of the host installs a new one",
            )
        if record.update_state == "Failed":
            yield warning(
                "agent-update-failed",
                name,
                "the last update of its AVD agent failed"
                + (f" ({record.update_error})" if record.update_error else ""),
                "look at its event log (source WVD-Agent-Updater); an update of the host installs a new one",
            )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _profiles(host: Host) -> Iterator[Finding]:
    """What of FSLogix can be seen from outside. Whether a user's container is still attached is seen per session, when
    the host is drained."""
    checks = host.session_host.health_checks if host.session_host is not None else ()
    for found in checks:
        if found.name == "FSLogixHealthCheck" and found.result == "HealthCheckFailed":
            yield warning(
                "fslogix-unhealthy",
                host.name,
                "FSLogixHealthCheck fails" + (f" ({found.message})" if found.message else "") + ": profile containers "
                "may stay attached to it when users sign out, so that they get no profile on another host",
                "look at the service and the containers (frxsvc, frx list-redirects, the share's open files) before "
                "the host is drained",
            )


def _stale(facts: Facts, host: Host) -> Iterator[Finding]:
    record = host.session_host
    if record is not None and host.record is None and facts.pool.observed_at - record.heartbeat > LAPSES:
        yield warning(
            "session-host-stale",
            host.name,
            f"nothing was heard of it for {LAPSES / 86400:.0f} days or more, after which its registration has ended",
            f"update it, which registers it anew, or remove it with its VM ({PORTAL} > Remove)",
        )
