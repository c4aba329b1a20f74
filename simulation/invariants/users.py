"""I4: nobody is cut off without the declared message and grace, and nobody lands on a host that is not proven."""

from __future__ import annotations

from typing import Any

from rollout.draining import LogOff
from simulation.invariants.evidence import Evidence, Found
from simulation.timeline import host_of
from simulation.wire_log import kind_of_write

LOG_OFF = "DELETE hostpools/sessionhosts/usersessions"
UNSEEN = 90.0
"""Seconds in which a host that has just registered may take users before the engine drains it."""


def nobody_cut_off(e: Evidence) -> Found:
    """I4: users are logged off only as declared, after a message and the grace; nobody is stopped under."""
    looked, problems = 0, []
    ends = [write for write in e.time.accepted_writes if kind_of_write(write) == LOG_OFF]
    for at, event in e.time.users:
        host = str(event["host"]).split(".")[0].lower()
        if event["event"] not in ("cut_off", "forced_logoff") or e.spoils(host, "sessions"):
            continue
        looked += 1
        who = f"{e.at(at)}: {event['user']} on {host}"
        asked = [write for write in ends if host_of(write.path) == host and 0 <= at - write.at <= 120]
        if event["event"] == "cut_off" or not asked:
            problems.append(f"{who}: the host went from under the session")
        else:
            problems += [f"{who}: {wrong}" for wrong in _wrong_log_off(e, at, event)]
    return looked, problems


def _wrong_log_off(e: Evidence, at: float, event: dict[str, Any]) -> list[str]:
    drain = e.declared.drain
    who = (event["user"], event["host"])
    mine = [(t, other["event"]) for t, other in e.time.users if (other["user"], other["host"]) == who and t < at]
    states = [kind for _, kind in mine if kind in ("logon", "disconnect")]
    active = states[-1:] == ["logon"]
    told = [t for t, kind in mine if kind == "message"]
    if drain.log_off is LogOff.WAIT:
        return ["logged off, though log_off is wait"]
    if drain.log_off is LogOff.DISCONNECTED_ONLY:
        return ["logged off while active"] if active else []
    if not told or at - min(told) < drain.grace - 1:
        return ["logged off without message and grace"]
    return []


def nobody_lands_early(e: Evidence) -> Found:
    """I4: nobody lands on a host that is not proven healthy on the disk it has."""
    looked, problems = 0, []
    for at, event in e.time.users:
        host = str(event["host"]).split(".")[0].lower()
        if event["event"] != "logon" or host not in e.time.phases:
            continue
        looked += 1
        unproven = e.time.phases[host].at(at) in ("rejoin", "undo-rejoin")
        steps = e.time.states.get(host)
        if not unproven or steps is None or steps.at(at) != "serving" or e.spoils(host, "flag"):
            continue
        if at - steps.since(at) > UNSEEN:
            problems.append(f"{e.at(at)}: {event['user']} landed on {host}, which is not verified yet")
    return looked, problems
