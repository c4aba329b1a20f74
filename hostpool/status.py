"""Where the pool stands now, as rows for people: from what `rollout.observation` read, without a call of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from hostpool.declared import stored, zone_of
from hostpool.kinds import Kind as TargetKind
from hostpool.wording import clock_time, duration, many
from rollout import capacity, hold, images, lease, names, schedule
from rollout.clock import iso
from rollout.decisions import decision, holds
from rollout.declaration import Declaration
from rollout.draining import LogOff
from rollout.errors import InvalidDeclaration
from rollout.events import Event, Kind
from rollout.observation import Host, Pool
from rollout.pool_record import RolloutRecord, State
from rollout.record import Phase

DONE, TO_DO, EXCLUDED = "done", "to do", "excluded"
"""Instead of a phase, for hosts without a record."""
CLOSED = "it takes no new sessions meanwhile (hand_off: soft)"


@dataclass(frozen=True)
class HostRow:
    """One host. Texts are empty where there is nothing to say."""

    host: str
    phase: str
    """A phase of `rollout.record.Phase`, or DONE, TO_DO, EXCLUDED."""
    image: str
    """Short: `1.0.1`, with the definition's name where it is not the target's."""
    on_target: bool
    status: str
    """The session host's status; `no record` while it has none."""
    new_sessions: bool
    sessions: int
    since: float | None
    """Epoch second the phase was entered; None for a host without a record."""
    waits_for: str
    why: str = ""
    """Why it failed, as the record says."""


@dataclass(frozen=True)
class PoolStatus:
    """The pool at `read_at` (epoch seconds, Azure's time)."""

    pool: str
    read_at: float
    state: str
    """State of the attempt, `none` when no rollout has run."""
    rollout: str
    attempt: int
    target: str
    """Id of the image version that is rolled out (a digest of one too long for a tag); empty when none."""
    line: str
    """The state in one line."""
    owner: str
    """Who holds the lease; empty when nobody does."""
    lease_until: float | None
    paused_by: str
    """What the pause tag says; empty when it is not set."""
    last: str
    """The last that a run has written of itself: when, what, by whom, why; empty when none has."""
    scheduled: str
    """Which version holds the pool until when, and who decided that; empty for none, and where the open attempt itself
    waits for its window, which `line` says."""
    queue: str
    """What a rollout that began now would wait for, `would queue behind the rollout of hp2 (...)`; else empty."""
    zone: str
    """IANA name of the pool's time zone."""
    serving: int
    floor: int | None
    """None where neither the pool nor the declaration gives a session limit, or there is no declaration."""
    sessions: int
    kept_disks: int
    hosts: tuple[HostRow, ...]
    ghosts: tuple[str, ...]
    """Session hosts without an Azure VM: left alone."""
    kind: TargetKind = TargetKind.HOST_POOL
    """What it is; the rest has the same meaning for a scale set's instances and a Batch pool's nodes."""
    upgrade: Mapping[str, Any] = field(default_factory=dict)
    """`runningStatus`, `progress` and so on, as Azure tells them of a scale set's rolling upgrade."""

    @property
    def working(self) -> bool:
        """An engine holds the lease."""
        return bool(self.owner)

    @property
    def to_do(self) -> bool:
        """A host is yet to be updated."""
        return any(row.phase == TO_DO for row in self.hosts)


def status_of(pool: Pool, declaration: Declaration | None, *, at: float, log: Sequence[Event] = ()) -> PoolStatus:
    """`log`: events of this attempt that are at hand locally; they say better than Azure what a host waits for."""
    record = pool.record
    target = pool.tags.get(names.TARGET, "")
    holder = lease.decode(pool.tags.get(names.LEASE))
    alive = holder is not None and holder.until > at
    waits = _waits(log) if alive else {}  # what an engine that is gone waited for is over
    rows = tuple(_row(host, pool, declaration, target, waits, at) for host in pool.hosts)
    accept = declaration.verify.accept if declaration else ("Available",)
    zone = zone_of(pool.tags, pool.id)
    paused = pool.tags.get(names.PAUSE, "")
    held = hold.of(pool.tags)
    own = held is not None and record is not None and record.resumable and held.r == record.r
    return PoolStatus(
        pool=pool.name,
        read_at=at,
        state=str(record.st) if record else "none",
        rollout=record.r if record else "",
        attempt=record.a if record else 0,
        target=target,
        line="; ".join(filter(None, (_line(pool, rows), open_waits(pool, declaration, alive=alive, at=at)))),
        owner=holder.owner if holder and alive else "",
        lease_until=holder.until if holder else None,
        paused_by=paused,
        last=pool.tags.get(names.LAST, ""),
        scheduled="" if own else hold.line(pool.tags, pool.id),
        queue="",
        zone=zone,
        serving=len(capacity.serving(pool.hosts, at=at, accept=accept)),
        floor=_floor(pool, declaration),
        sessions=capacity.sessions(pool.hosts),
        kept_disks=sum(
            disk.tags.get(names.DISK_STATE) in ("old", "failed", "quarantined") for h in pool.hosts for disk in h.kept
        ),
        hosts=rows,
        ghosts=tuple(ghost.name for ghost in pool.ghosts),
        upgrade=_upgrade(record, rows),
    )


_CODES = {
    State.RUNNING: "RollingForward",
    State.COMPLETE: "Completed",
    State.COMPLETE_WITH_FAILURES: "Faulted",
    State.STOPPED: "Faulted",
    State.PAUSED: "Cancelled",
}
"""Azure's code for a state of the attempt, as in `rollout.history`."""


def _upgrade(record: RolloutRecord | None, rows: Sequence[HostRow]) -> dict[str, Any]:
    if record is None:
        return {}
    phases = [row.phase for row in rows if row.phase != EXCLUDED]
    ended = (Phase.FAILED, Phase.ROLLED_BACK)
    successful, failed = phases.count(DONE), sum(phase in ended for phase in phases)
    pending = sum(phase in (TO_DO, "") for phase in phases)
    return {
        "runningStatus": {"code": _CODES[record.st]},
        "progress": {
            "successfulInstanceCount": successful,
            "failedInstanceCount": failed,
            "inProgressInstanceCount": len(phases) - successful - failed - pending,
            "pendingInstanceCount": pending,
        },
    }


def as_json(status: PoolStatus) -> dict[str, Any]:
    """Plain data, times as ISO 8601 in UTC."""
    data = asdict(status)
    data["read_at"] = iso(status.read_at)
    data["lease_until"] = iso(status.lease_until) if status.lease_until is not None else None
    for row in data["hosts"]:
        row["since"] = iso(row["since"]) if row["since"] is not None else None
    return data


def short_image(image: str | None, target: str) -> str:
    """`1.0.1`; `win10/1.0.1` where the definition is not the target's; `unknown` for None."""
    if not target or images.same_image(image, target):
        return images.short(image)
    return images.step(image, target).split(" -> ")[0]


def _row(
    host: Host, pool: Pool, declaration: Declaration | None, target: str, waits: Mapping[str, Event], at: float
) -> HostRow:
    on_target = bool(target) and images.same_image(host.image, target)
    record, seen = host.record, host.session_host
    if record is not None:
        phase = str(record.p)
    elif declaration is not None and _excluded(host.name, declaration):
        phase = EXCLUDED
    else:
        phase = DONE if on_target else TO_DO
    told = waits.get(host.name)
    fresh = told is not None and record is not None and told.time >= record.s
    return HostRow(
        host=host.name,
        phase=phase if target or record else "",
        image=short_image(host.image, target),
        on_target=on_target,
        status=seen.status if seen else "no record",
        new_sessions=bool(seen and seen.allow_new_session),
        sessions=seen.sessions if seen else 0,
        since=float(record.s) if record else None,
        waits_for=told.text if fresh and told else waits_for(host, pool, declaration, at),
        why=record.w if record else "",
    )


def waits_for(host: Host, pool: Pool, declaration: Declaration | None, at: float) -> str:
    """What a host in work waits for, as far as Azure shows it; empty for a host at rest."""
    record, seen = host.record, host.session_host
    if record is None:
        return ""
    match record.p:
        case Phase.BUILD if record.k:
            return "its turn to be drained: its kept disk needs no build"
        case Phase.BUILD:
            ready = any(
                d.tags.get(names.DISK_ROLLOUT) == record.r and d.tags.get(names.DISK_STATE) == "ready"
                for d in host.kept
            )
            waits = "a free slot: its new disk is ready" if ready else "its new disk to be built"
            return f"{waits}; {CLOSED}" if record.closed else waits
        case Phase.DRAIN:
            return _drain_waits(seen.sessions if seen else 0, record.s, declaration, at)
        case Phase.RELEASE:
            return f"the VM to stop and change its disk ({host.vm.provisioning_state or 'no state'})"
        case Phase.REJOIN | Phase.UNDO_REJOIN:
            if seen is None:
                return "the host to start, join and register: it has no session-host record yet"
            if not seen.beats(at):
                return "a fresh heartbeat of its agent"
            findings = "; ".join(seen.fatal_findings)
            return findings or f"a healthy status (it is {seen.status or 'unknown'})"
        case Phase.SERVE | Phase.UNDO_SERVE:
            return "its leftovers to be removed"
        case Phase.UNDO:
            return "the VM to stop and take the old disk back"
        case Phase.LEAVE:
            return "its drain and tags to be given back"
        case Phase.ROLLED_BACK:
            return "the next attempt"
        case Phase.FAILED:
            return "a person"


def _drain_waits(sessions: int, since: int, declaration: Declaration | None, at: float) -> str:
    if not sessions:
        return "a free slot, or a while without sessions"
    text = f"{many(sessions, 'session')} to end"
    if declaration is None:
        return text
    drain = declaration.drain
    then = {
        LogOff.WAIT: "then it is left out",
        LogOff.DISCONNECTED_ONLY: "then disconnected ones are logged off",
        LogOff.FORCE: "then they are logged off",
    }[drain.log_off]
    left = since + drain.deadline - at
    return f"{text}, {duration(left)} left, {then}" if left > 0 else f"{text}, past the deadline"


def _waits(log: Sequence[Event]) -> dict[str, Event]:
    return {event.host: event for event in log if event.kind is Kind.WAITING and event.host}


def _excluded(host: str, declaration: Declaration) -> bool:
    name = host.lower()
    if declaration.include and name not in {item.lower() for item in declaration.include}:
        return True
    return name in {item.lower() for item in declaration.exclude}


def _floor(pool: Pool, declaration: Declaration | None) -> int | None:
    if declaration is None:
        return None
    try:
        limit = capacity.session_limit(pool, declaration)
    except InvalidDeclaration:
        return None
    return capacity.floor(capacity.sessions(pool.hosts), len(pool.hosts), declaration, limit)


def _line(pool: Pool, rows: Sequence[HostRow]) -> str:
    """State and counts."""
    record = pool.record
    if record is None:
        return "no rollout has run on this pool"
    wanted = [row for row in rows if row.phase != EXCLUDED]
    done = sum(row.phase == DONE for row in wanted)
    failed = sum(row.phase in (Phase.FAILED, Phase.ROLLED_BACK) for row in rows)
    text = f"{str(record.st).replace('_', ' ')}, {done} of {len(wanted)} hosts done"
    closed = sum(host.record is not None and host.record.closed for host in pool.hosts)
    if closed:
        text += f", {many(closed, 'old host')} closed to new sessions until their turn"
    return f"{text}, {failed} failed" if failed else text


def open_waits(pool: Pool, declaration: Declaration | None, *, alive: bool, at: float) -> str:
    """What an open attempt waits for, and what makes it go on, in one sentence; empty while it goes on, and for one
    that has ended. `alive`: an engine works on it."""
    record, paused, zone = pool.record, pool.tags.get(names.PAUSE, ""), zone_of(pool.tags, pool.id)
    if record is None or not record.resumable:
        return ""
    if alive:
        return "pause asked for: hosts in work finish, no new one starts" if paused else ""
    when = goes_on(pool.tags, pool.id, record, at)
    held = holds(declaration, record, pool.tags) if declaration is not None else ""
    if held and not paused:
        return f"paused by {held}"
    if record.st is State.RUNNING:
        holder = lease.decode(pool.tags.get(names.LEASE))
        heard = f"; the last engine was heard until {clock_time(holder.until, zone)}" if holder is not None else ""
        then = ", and begins no further host before hostpool resume" if paused else ""
        return f"no engine works on it{heard}: the next pulumi up resumes it{then}"
    if paused:
        return f"hostpool resume, then it goes on {when}"
    approved = decision(pool.tags, names.APPROVAL, record) if record.b and not record.c else None
    return f"{f'approved by {approved.told}; ' if approved else ''}goes on {when}"


def goes_on(tags: Mapping[str, str], pool_id: str, record: RolloutRecord, at: float) -> str:
    """When a paused attempt goes on, and by what: `with the next pulumi up or hostpool tick`. `tags` are the pool's."""
    held, declaration = hold.of(tags), stored(tags, pool_id)
    if held is not None and held.r != record.r:
        return f"never: {held.to} takes its place"
    moved = hold.moved(tags, declaration) if declaration is not None else None
    if declaration is None or record.t or schedule.opening_at(declaration, at, moved) is not None:
        return "with the next pulumi up or hostpool tick"
    opening = schedule.next_opening(declaration, at, moved)
    if opening is None:
        return "never: no window comes any more; declare another"
    return f"when its window opens, {schedule.told(declaration, opening.start)}, with hostpool tick or pulumi up"
