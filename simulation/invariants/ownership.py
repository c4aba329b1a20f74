"""I5, I7: one rollout per pool, writes under a lease only, and none where there is nothing to do."""

from __future__ import annotations

from simulation.invariants.evidence import Evidence, Found
from simulation.timeline import host_of
from simulation.wire_log import kind_of_write

LEASE_MARGIN = 55.0
"""No write is accepted in the last seconds of a lease: 60 s, less what an answer and a Date header are off."""


def one_rollout(e: Evidence) -> Found:
    """I5: once a host was claimed with a higher fencing number, nothing of an older owner lands on it, save an
    unconditional write whose process stood still between check and send."""
    looked, problems = 0, []
    late = {(process.name, n) for process in e.story.processes for n in process.late}
    fences: dict[str, int] = {}
    newest: dict[str, tuple[int, str]] = {}
    for write in e.time.accepted_writes:
        record = next((r for r in e.time.records if r.exchange is write), None) if write.method == "PATCH" else None
        if record is not None and record.record is not None:
            fences[write.process] = max(fences.get(write.process, 0), record.record.f)
        host = host_of(write.path)
        if not host:
            continue
        fence = fences.get(write.process, 0)
        known, owner = newest.get(host, (0, ""))
        looked += 1
        if fence < known and owner != write.process:
            if write.conditional or (write.process, write.nth_write) not in late:
                problems.append(
                    f"{e.at(write.at)}: {write.process} ({fence}) writes {kind_of_write(write)} on {host}, "
                    f"which {owner} ({known}) has claimed"
                )
        elif record is not None and record.record is not None:
            newest[host] = (record.record.f, write.process)
    return looked, problems


def writes_under_lease(e: Evidence) -> Found:
    """I5: no write is accepted from a process whose lease has run out."""
    looked, problems = 0, []
    late = {(process.name, n) for process in e.story.processes for n in process.late}
    until: dict[str, float] = {}
    leases = {exchange.n: holder for exchange, holder in e.time.leases}
    for write in e.time.accepted_writes:
        holder = leases.get(write.n)
        if holder is not None:
            until[write.process] = holder.until if holder.owner == write.process else write.at
            continue
        looked += 1
        ended = write.at > until.get(write.process, float("-inf")) - LEASE_MARGIN
        if ended and (write.process, write.nth_write) not in late:
            problems.append(f"{e.at(write.at)}: {write.process} writes {kind_of_write(write)} without a lease")
    return looked, problems


def complete_is_quiet(e: Evidence) -> Found:
    """I7: an `up` on a pool that is complete writes nothing."""
    writes = e.story.idle_writes
    if writes is None:
        return 0, []
    return 1, [f"{writes} writes on a pool that is complete"] if writes else []
