"""How a run ended: the figures and the one line, made from what its hosts came to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rollout.images import Image, same_image
from rollout.observation import Pool
from rollout.pool_record import RolloutRecord, State
from rollout.protection import Protection


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    status: str
    """complete, complete_with_failures, stopped, paused, or, where nothing was begun, scheduled (the window is closed)
    or queued (other rollouts of the subscription are at work)."""
    image_version_id: str
    hosts: dict[str, list[str]]
    """Names by state: updated, rolled_back, failed, gone, left_out, protected, pending, other (outside include),
    ghosts."""
    attempt: int
    failures: tuple[tuple[str, str], ...]
    """(host, reason), hosts that were left out included."""
    report: str
    """Path of the run's event log; empty when there was nothing to do."""
    summary: str
    """One line."""
    users: Mapping[str, int] = field(default_factory=dict)
    """People by what befell them in this run: names of `presence.COUNTED`."""
    goes_on: str = ""
    """When the next maintenance window opens (ISO 8601, UTC), for a run that is scheduled, or that a window's end has
    paused; else empty."""
    waits_for: str = ""
    """What a run that ended as declared, though hosts are left, waits for: the canary's approval or another rollout,
    say; else empty."""
    alarm: str = ""
    """What was found at `ready_by` where too few hosts served then; else empty."""


class HostResult(Protocol):
    """What the outcome needs of a host's work."""

    name: str
    ended: bool
    result: str
    reason: str


def nothing_to_do(pool: Pool, image: Image, protection: Protection) -> Outcome:
    """Every host is on the target, save those that are protected."""
    updated = [host.name for host in pool.hosts if same_image(host.image, image.id)]
    spared = [host.name for host in pool.hosts if host.name not in updated and protection.of(host.vm)]
    summary = f"pool {pool.name}: all {len(updated)} hosts run {image.version}"
    if spared:
        summary = f"pool {pool.name}: {len(updated)} of {len(pool.hosts)} hosts run {image.version}"
    attempt = pool.record.a if pool.record is not None else 0
    hosts = {"updated": updated, **({"protected": spared} if spared else {})}
    return Outcome("complete", image.id, hosts, attempt, (), "", summary + _and_protected(spared))


def _and_protected(hosts: Sequence[str]) -> str:
    return f"; protected: {', '.join(hosts)}" if hosts else ""


def scheduled(pool: Pool, image: Image, hosts: int, opens: str, goes_on: str, ready: int = 0) -> Outcome:
    """The window is closed, and no host was touched. `opens` says when for people; `ready` disks are built."""
    by_state = _by_state(pool, image)
    disks = f", {ready} disk{' is' if ready == 1 else 's are'} ready" if ready else ""
    summary = f"pool {pool.name}: scheduled for {opens}: {hosts} of {len(pool.hosts)} hosts get {image.version}{disks}"
    attempt = pool.record.a if pool.record is not None else 0
    return Outcome("scheduled", image.id, by_state, attempt, (), "", summary, goes_on=goes_on)


def held(pool: Pool, image: Image, waits_for: str) -> Outcome:
    """A paused attempt that was not resumed, because of what it waits for."""
    by_state = _by_state(pool, image)
    done, attempt = len(by_state.get("updated", ())), pool.record.a if pool.record is not None else 0
    summary = f"pool {pool.name}: paused by {waits_for}, {done} of {len(pool.hosts)} hosts run {image.version}"
    return Outcome("paused", image.id, by_state, attempt, (), "", summary, waits_for=waits_for)


def queued(pool: Pool, image: Image, hosts: int, waits_for: str) -> Outcome:
    """It is another rollout's turn, and nothing was begun."""
    attempt = pool.record.a if pool.record is not None else 0
    left = f"{hosts} of {len(pool.hosts)} hosts are to get {image.version}"
    summary = f"pool {pool.name}: queued behind {waits_for}: {left}"
    return Outcome("queued", image.id, _by_state(pool, image), attempt, (), "", summary, waits_for=waits_for)


def _by_state(pool: Pool, image: Image) -> dict[str, list[str]]:
    by_state: dict[str, list[str]] = {}
    for host in pool.hosts:
        by_state.setdefault("updated" if same_image(host.image, image.id) else "pending", []).append(host.name)
    return by_state


def outcome_of(
    pool: Pool,
    image: Image,
    record: RolloutRecord,
    results: Iterable[HostResult],
    protection: Protection,
    report: str,
    paused_by: str,
    why: str,
    goes_on: str = "",
    users: Mapping[str, int] | None = None,
    alarm: str = "",
) -> Outcome:
    """The outcome of a run with works. `why` is what stopped it, if anything did."""
    by_name = {result.name: result for result in results}
    hosts: dict[str, list[str]] = {}
    for host in pool.hosts:
        work = by_name.get(host.name)
        state = (work.result or "pending") if work is not None else ""
        if state in ("", "done"):
            spared = "protected" if protection.of(host.vm) else "other"
            state = "updated" if same_image(host.image, image.id) else spared
        hosts.setdefault(state, []).append(host.name)
    if pool.ghosts:
        hosts["ghosts"] = [ghost.name for ghost in pool.ghosts]
    failures = tuple((w.name, w.reason) for w in by_name.values() if w.ended and w.result not in ("done", ""))
    failed = tuple((w.name, w.reason) for w in by_name.values() if w.result in ("failed", "rolled_back", "gone"))
    summary = _summary(pool, image, record, hosts, failed or failures, report, paused_by, why)
    summary += _and_protected(hosts.get("protected", ()))
    cut_off = (users or {}).get("cut_off", 0)
    if cut_off:
        summary += f"; {cut_off} user(s) were cut off, not by the rollout"
    if alarm:
        summary += f"; not ready {alarm}"
    return Outcome(
        str(record.st), image.id, hosts, record.a, failures, report, summary, users or {}, goes_on, alarm=alarm
    )


def _summary(
    pool: Pool,
    image: Image,
    record: RolloutRecord,
    hosts: dict[str, list[str]],
    failures: tuple[tuple[str, str], ...],
    report: str,
    paused_by: str,
    why: str,
) -> str:
    done = len(hosts.get("updated", ()))
    if record.st is State.PAUSED:
        return f"pool {pool.name}: paused by {paused_by}, {done} of {len(pool.hosts)} hosts run {image.version}"
    if why.startswith("aborted"):
        return f"pool {pool.name}: {why}, {done} of {len(pool.hosts)} hosts run {image.version}"
    if failures:
        first = f"{failures[0][0]}, {failures[0][1]}"
        word = "were left out" if set(hosts) & {"left_out"} and not set(hosts) & FAILED else "failed"
        return f"pool {pool.name}: {len(failures)} of {record.n} hosts {word}; first: {first}; see {report}"
    if why:
        return f"pool {pool.name}: stopped: {why}; see {report}"
    return f"pool {pool.name}: {done} of {len(pool.hosts)} hosts run {image.version}"


FAILED = frozenset({"failed", "rolled_back", "gone"})
