"""What is going on with one host, in words that an administrator needs on a Saturday night. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hostpool.status import DONE, EXCLUDED, TO_DO, HostRow, PoolStatus
from hostpool.wording import day_and_time, duration, many
from rollout import names
from rollout.arm import UserSession, Vm
from rollout.clock import in_zone, iso
from rollout.events import Event, Kind
from rollout.observation import Host
from rollout.record import BEFORE, Phase


@dataclass(frozen=True)
class Meaning:
    """What a phase is: what happens, whether users feel it, and what a person does about it."""

    what: str
    users: str
    do: str


_WAIT = "Nothing; it goes on by itself."

MEANINGS: dict[str, Meaning] = {
    Phase.BUILD: Meaning(
        "A new OS disk is being built beside it, by a temporary VM made from the new image.",
        "They notice nothing; the host works as ever.",
        _WAIT,
    ),
    Phase.DRAIN: Meaning(
        "It takes no new sessions, and its users were asked to sign out. Nothing else was changed yet.",
        "Those signed in can go on working; new ones land on other hosts.",
        "Nothing, or ask the users left to sign out. At the deadline the declared drain.log_off decides.",
    ),
    Phase.RELEASE: Meaning(
        "Its users are gone. It is taken out of the pool, stopped, and gets the new OS disk.",
        "The host is away; they land on other hosts.",
        f"{_WAIT} Do not start the VM by hand.",
    ),
    Phase.REJOIN: Meaning(
        "The new OS disk is attached. The host starts, joins its directory, gets the agent and has to become healthy.",
        "The host is away; they land on other hosts.",
        f"{_WAIT} If it is not healthy by verify.timeout, the old disk goes back by itself.",
    ),
    Phase.SERVE: Meaning(
        "It is healthy on the new disk. It is being given back to users, and leftovers are removed.",
        "They can sign in again, or will within a minute.",
        _WAIT,
    ),
    Phase.UNDO: Meaning(
        "The new disk failed. The host is stopped and gets its old disk back.",
        "The host is away; they land on other hosts.",
        f"{_WAIT} Evidence was kept: see hostpool report.",
    ),
    Phase.UNDO_REJOIN: Meaning(
        "The old disk is attached again. The host starts; its trust in the directory and its registration are mended.",
        "The host is away; they land on other hosts.",
        f"{_WAIT} If this fails too, the host is left drained and reported.",
    ),
    Phase.UNDO_SERVE: Meaning(
        "It is healthy on the old disk. It is being given back to users, and leftovers are removed.",
        "They can sign in again, or will within a minute.",
        _WAIT,
    ),
    Phase.LEAVE: Meaning(
        "It leaves this run unchanged, on the old image: its drain and tags are being given back.",
        "They can sign in again, or will within a minute.",
        "Nothing now. The next pulumi up tries it again; where users stay signed in, pick a quieter time or another "
        "drain.log_off.",
    ),
    Phase.ROLLED_BACK: Meaning(
        "The new disk failed on it, so it serves on its old disk, on the old image.",
        "They notice nothing; the host works as before the rollout.",
        "Find the cause first (hostpool report has the evidence). Then run pulumi up: it tries this host again.",
    ),
    Phase.FAILED: Meaning(
        "Neither the new disk nor the old one could be brought back. It is left drained, with a disk, to be looked at.",
        "Nobody can sign in to it; they land on other hosts.",
        "Look at the VM (Azure portal: Boot diagnostics, Serial console). Once the cause is mended, run pulumi up, or "
        "give it a fresh disk: hostpool rebuild {host}. It can wait until Monday as long as the other hosts carry the "
        "load.",
    ),
    DONE: Meaning("It runs the declared image.", "They notice nothing.", "Nothing."),
    TO_DO: Meaning(
        "It runs another image than declared, and nothing was changed on it.",
        "They notice nothing; the host works as ever.",
        "Nothing while a rollout works: its turn comes. Else run pulumi up.",
    ),
    EXCLUDED: Meaning(
        "The declaration leaves it out (include, exclude); nothing is done to it.",
        "They notice nothing.",
        "Nothing, or change include or exclude in the stack's configuration.",
    ),
    "": Meaning("No rollout has run on this pool.", "They notice nothing.", "Nothing."),
}
"""Of every phase a host can be in, and of those at rest."""

OF_KEPT: dict[str, Meaning] = {
    Phase.BUILD: Meaning(
        "It goes back to its kept OS disk: nothing is built, and its turn to be drained comes.",
        "They notice nothing; the host works as ever.",
        _WAIT,
    ),
    Phase.RELEASE: Meaning(
        "Its users are gone. It is taken out of the pool, stopped, and gets its kept OS disk back.",
        "The host is away; they land on other hosts.",
        f"{_WAIT} Do not start the VM by hand.",
    ),
    Phase.REJOIN: Meaning(
        "Its kept OS disk is attached again. The host starts; its trust in the directory and registration are mended.",
        "The host is away; they land on other hosts.",
        f"{_WAIT} If it is not healthy by verify.timeout, the disk that it had goes back by itself.",
    ),
    Phase.SERVE: Meaning(
        "It is healthy on its kept disk. It is being given back to users, and leftovers are removed.",
        "They can sign in again, or will within a minute.",
        _WAIT,
    ),
    Phase.UNDO: Meaning(
        "Its kept disk failed. The host is stopped and gets the disk back that it had before the revert.",
        "The host is away; they land on other hosts.",
        f"{_WAIT} Evidence was kept: see hostpool report.",
    ),
    Phase.UNDO_REJOIN: Meaning(
        "The disk that it had before the revert is attached again. The host starts, and its registration is mended.",
        "The host is away; they land on other hosts.",
        f"{_WAIT} If this fails too, the host is left drained and reported.",
    ),
    Phase.UNDO_SERVE: Meaning(
        "It is healthy on the disk that it had before the revert. It is being given back to users.",
        "They can sign in again, or will within a minute.",
        _WAIT,
    ),
    Phase.ROLLED_BACK: Meaning(
        "Its kept disk failed on it, so it serves on the disk that it had before the revert.",
        "They notice nothing; the host works as before the revert.",
        "Find the cause first (hostpool report has the evidence). Then run pulumi up: it tries this host again.",
    ),
}
"""The same of a host that goes back to a kept disk (a revert), where it is another thing."""


@dataclass(frozen=True)
class Explanation:
    """Texts without line breaks; `facts` are what Azure shows, as (name, text)."""

    host: str
    phase: str
    since: float | None
    what: str
    users: str
    last_action: str
    waits_for: str
    why: str
    """Of this attempt."""
    before: str
    """Why it failed in an earlier attempt, while this one has not come to it, or tries it again."""
    do: str
    engine: str
    """Whether anything works on the pool now."""
    facts: tuple[tuple[str, str], ...]


def explain(
    status: PoolStatus,
    row: HostRow,
    host: Host,
    vm: Vm | None,
    sessions: Sequence[UserSession],
    log: Sequence[Event],
) -> Explanation:
    """`vm` has the instance view (None: it could not be read), `log` the local events of the attempt, if any."""
    record = host.record
    kept = OF_KEPT.get(row.phase) if record is not None and record.k else None
    meaning = kept or MEANINGS[row.phase]
    earlier = record is not None and (record.r, record.a) != (status.rollout, status.attempt)
    again = row.why.startswith(BEFORE)
    before = f"in attempt {record.a}: {row.why}" if earlier and row.why and record else row.why.removeprefix(BEFORE)
    return Explanation(
        host=row.host,
        phase=row.phase,
        since=row.since,
        what=meaning.what,
        users=meaning.users,
        last_action=_last_action(row.host, log, status.zone) if status.rollout else "",
        waits_for=row.waits_for,
        why="" if earlier or again else row.why or _why(row.host, log),
        before=before if earlier or again else "",
        do=_do(status, row, meaning, earlier=earlier),
        engine=_engine(status),
        facts=_facts(status, row, host, vm, sessions),
    )


def as_lines(told: Explanation, now: float, zone: str) -> list[str]:
    """For a terminal."""
    since = f", for {duration(now - told.since)}, since {day_and_time(told.since, zone)}" if told.since else ""
    lines = [f"{told.host}: {told.phase or 'at rest'}{since}", "", told.what]
    rows = [
        ("users", told.users),
        ("why", told.why),
        ("before", told.before),
        ("last action", told.last_action),
        ("waits for", told.waits_for),
        ("engine", told.engine),
        ("to do", told.do),
    ]
    lines += ["", *(f"{name + ':':13}{text}" for name, text in rows if text)]
    return [*lines, "", "In Azure now:", *(f"  {name + ':':16}{text}" for name, text in told.facts)]


def as_json(told: Explanation) -> dict[str, Any]:
    data = asdict(told)
    data["since"] = iso(told.since) if told.since is not None else None
    data["facts"] = dict(told.facts)
    return data


def _do(status: PoolStatus, row: HostRow, meaning: Meaning, *, earlier: bool) -> str:
    at_rest = row.phase in (Phase.ROLLED_BACK, Phase.FAILED)
    if at_rest and earlier and status.working:
        return f"Nothing: attempt {status.attempt} is at work, and tries it again."
    if row.phase in set(map(str, Phase)) and not at_rest and not status.working:
        return "Run pulumi up: no engine works on the pool now, and the host stays as it is until one does."
    return meaning.do.replace("{host}", row.host)


def _engine(status: PoolStatus) -> str:
    if status.working and status.lease_until is not None:
        return f"{status.owner} works on the pool (lease until {day_and_time(status.lease_until, status.zone)})"
    return "none works on the pool now"


def _last_action(host: str, log: Sequence[Event], zone: str) -> str:
    done = [event for event in log if event.host == host and event.kind is Kind.ACTION]
    if not done:
        return "" if log else "not known here: the event log lies where pulumi up ran"
    return f"{done[-1].text}, {day_and_time(done[-1].time, zone)}"


def _why(host: str, log: Sequence[Event]) -> str:
    """Why it was left, or failed, unless something became of it since: a phase, its end, another run."""
    told = [event for event in log if event.kind is Kind.STARTED or (event.host == host and event.kind in _NEWS)]
    return told[-1].text if told and told[-1].kind is Kind.HOST_FAILED else ""


_NEWS = (Kind.PHASE, Kind.HOST_FAILED, Kind.HOST_DONE)


def _facts(
    status: PoolStatus, row: HostRow, host: Host, vm: Vm | None, sessions: Sequence[UserSession]
) -> tuple[tuple[str, str], ...]:
    seen = host.session_host
    states = [session.state for session in sessions]
    facts = [
        ("OS disk", f"{host.vm.os_disk_name or 'none'}, image {row.image}"),
        ("VM", f"{vm.power or 'power state unknown'}, {vm.provisioning_state}" if vm else "could not be read"),
    ]
    if seen is None:
        facts.append(("session host", "no record in the pool"))
    else:
        drained = "takes new sessions" if seen.allow_new_session else "takes no new sessions"
        beat = f"heartbeat {duration(status.read_at - seen.heartbeat)} ago" if seen.heartbeat else "no heartbeat"
        facts.append(("session host", f"{seen.status or 'no status'}, {drained}, {beat}"))
        facts += [("health", finding) for finding in seen.fatal_findings]
    if sessions:
        count = ", ".join(f"{states.count(state)} {state.lower()}" for state in dict.fromkeys(states))
        facts.append(("sessions", count))
    else:
        facts.append(("sessions", many(row.sessions, "session") if row.sessions else "none"))
    for extension in vm.extensions if vm else ():
        facts.append(("extension", f"{extension.name}: {extension.provisioning_state} {extension.status}".strip()))
    for disk in host.kept:
        until = disk.tags.get(names.DISK_KEEP_UNTIL)
        facts.append(("detached disk", f"{disk.name} ({disk.tags.get(names.DISK_STATE) or 'no state'}"
                      + (f", kept until {in_zone(until, status.zone)})" if until else ")")))  # fmt: skip
    return tuple(facts)
