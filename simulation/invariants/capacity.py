"""I1, capacity: through the engine's doing, no more hosts are out than may be, and enough of them serve."""

from __future__ import annotations

from collections.abc import Iterator

from rollout.schedule import opening_at
from simulation.invariants.evidence import KNOWN_AFTER, Evidence, Found
from simulation.timeline import host_of
from simulation.wire_log import Exchange, kind_of_write


def max_unavailable(e: Evidence) -> Found:
    """I1: nobody is taken out of service while as many are out as may be."""
    looked, problems = 0, []
    for host, write in _taken_out(e):
        looked += 1
        others = [
            name
            for name in e.time.hosts_in("unavailable", write.at)
            if name != host and not e.spoils(name, "gone") and _known_out(e, name, write)
        ]
        if len(others) + 1 > e.max_unavailable:
            problems.append(f"{e.at(write.at)}: {host} is taken out while {', '.join(others)} are out")
    return looked, problems


def in_its_window(e: Evidence) -> Found:
    """I1: nobody is taken out of service while the maintenance window is closed."""
    if e.declared.window is None:
        return 0, []
    out = list(_taken_out(e))
    closed = [(host, write) for host, write in out if opening_at(e.declared, write.at) is None]
    return len(out), [f"{e.at(write.at)}: {host} is taken out, and the window is closed" for host, write in closed]


def _taken_out(e: Evidence) -> Iterator[tuple[str, Exchange]]:
    """The writes that take a host out of service."""
    for write in e.time.accepted_writes:
        host = host_of(write.path)
        kind = kind_of_write(write)
        if not host or kind not in ("DELETE hostpools/sessionhosts", "POST virtualmachines/poweroff"):
            continue
        was = e.time.states[host].at(write.at - 0.001) if host in e.time.states else None
        if was in ("serving", "draining"):  # else it is out already, was off, or belongs to nobody
            yield host, write


def _known_out(e: Evidence, host: str, write: Exchange) -> bool:
    """Out of service by the engine, or so long that it must know."""
    phase = e.time.phases[host].at(write.at) if host in e.time.phases else None
    out_by_us = phase in ("release", "rejoin", "undo", "undo-rejoin")
    return out_by_us or write.at - e.time.states[host].since(write.at) > KNOWN_AFTER


def floor(e: Evidence) -> Found:
    """I1: nobody is drained, or closed ahead of its turn, when fewer hosts would serve than the load needs."""
    looked, problems = 0, []
    for write in e.time.accepted_writes:
        host = host_of(write.path)
        if kind_of_write(write) != "PATCH hostpools/sessionhosts" or not _drains(write):
            continue
        phase = e.time.phases[host].at(write.at) if host in e.time.phases else None
        if phase not in ("build", "drain") or e.time.states[host].at(write.at - 0.001) != "serving":
            continue  # a new record is drained before it serves
        looked += 1
        start = write.at - KNOWN_AFTER
        load = min(e.time.sessions.between(start, write.at), default=0)
        needed = e.needed_for(load)
        serving = len(e.time.hosts_in("serving", write.at))
        lost = sum(
            1
            for name, steps in e.time.states.items()
            if name != host
            and "serving" in steps.between(start, write.at)
            and steps.at(write.at) in ("unavailable", "off", "deleted", "draining")
            and (
                e.spoils(name, "flag") or (e.time.phases[name].at(write.at) if name in e.time.phases else None) is None
            )
        )
        if serving + lost < needed:
            problems.append(f"{e.at(write.at)}: {host} is drained, {serving} serve, {needed} must for {load} sessions")
    return looked, problems


def _drains(write: Exchange) -> bool:
    return isinstance(write.body, dict) and (write.body.get("properties") or {}).get("allowNewSession") is False
