"""I4: nobody is cut off without the declared message and grace, and nobody lands on a host that is not proven."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from rollout.draining import LogOff
from rollout.record import Phase
from simulation.invariants.evidence import Evidence, Found
from simulation.timeline import RecordWrite, host_of
from simulation.wire_log import kind_of_write

LOG_OFF = "DELETE hostpools/sessionhosts/usersessions"
A_MOMENT = 30.0
"""Seconds within which a session may be seen disconnected, be come back to, and be ended."""
FINAL = "will sign you out"
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
        asked = [write.at for write in ends if host_of(write.path) == host and 0 <= at - write.at <= 120]
        if event["event"] == "cut_off" or not asked:
            problems.append(f"{who}: the host went from under the session")
        else:
            problems += [f"{who}: {wrong}" for wrong in _wrong_log_off(e, at, event, max(asked))]
    return looked, problems


def _wrong_log_off(e: Evidence, at: float, event: dict[str, Any], asked: float) -> list[str]:
    drain = e.declared.drain
    mine = _told(e, event, until=at)
    stays = [(t, kind) for t, kind, _ in mine if kind in ("logon", "disconnect")]
    since, state = stays[-1] if stays else (0.0, "logon")
    active = state == "logon"
    if not active and drain.end_disconnected_after is not None and asked - since >= drain.end_disconnected_after - 1:
        return []
    if drain.log_off is LogOff.WAIT:
        return ["logged off, though log_off is wait"]
    if drain.log_off is LogOff.DISCONNECTED_ONLY:
        return ["logged off while active"] if active else []
    # Who came back to a session was away when messages came; what happens within a look and a write nobody can know.
    came = since if active and asked - since > A_MOMENT else 0.0
    told = [t for t, kind, _ in mine if kind == "message" and t >= came]
    if not told or at - min(told) < drain.grace - 1:
        return ["logged off without message and grace"]
    return []


def told_once(e: Evidence) -> Found:
    """I4: nobody gets one message twice in one session and drain, unless the process that sent it died before it could
    note that."""
    looked, problems = 0, []
    seen: Counter[tuple[str, str, float, str]] = Counter()
    for at, event in e.time.users:
        if event["event"] != "message" or FINAL in str(event["text"]):
            continue  # a final message says another time each time
        looked += 1
        host = str(event["host"]).split(".")[0].lower()
        arrived = max((t for t, kind, _ in _told(e, event, until=at) if kind == "logon"), default=0.0)
        begun = max((w.at for w in e.time.records if w.host == host and _begins_drain(w) and w.at <= at), default=0.0)
        text = re.sub(r"\d+ minutes|\d+:\d\d", "#", str(event["text"]))
        key = (event["user"], host, max(arrived, begun), text)
        seen[key] += 1
        if seen[key] > 1 + _unnoted(e, host, at) and not e.spoils(host, "flag"):
            problems.append(f"{e.at(at)}: {event['user']} on {host} was told again: {event['text']}")
    return looked, problems


def _told(e: Evidence, event: dict[str, Any], *, until: float) -> list[tuple[float, str, str]]:
    """(time, event, text) of one user on one host before a moment."""
    who = (event["user"], event["host"])
    return [(t, o["event"], o["text"]) for t, o in e.time.users if (o["user"], o["host"]) == who and t < until]


def _begins_drain(write: RecordWrite) -> bool:
    return write.record is not None and write.record.p is Phase.DRAIN and not write.record.m


def _unnoted(e: Evidence, host: str, until: float) -> int:
    """Processes that sent messages to a host and did not come to note it."""
    last: dict[str, float] = {}
    for write in e.time.accepted_writes:
        if host_of(write.path) == host and kind_of_write(write).endswith("sendmessage") and write.at < until:
            last[write.process] = write.at
    noted = {
        process: max((w.at for w in e.time.records if w.host == host and w.exchange.process == process), default=0.0)
        for process in last
    }
    return sum(1 for process, at in last.items() if noted[process] < at)


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
