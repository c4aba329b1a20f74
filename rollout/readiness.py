"""Whether the pool is ready when people come: the proof that `ready_by` asks for."""

from __future__ import annotations

from dataclasses import dataclass

from rollout import capacity, schedule
from rollout.declaration import Declaration
from rollout.events import Event, Kind
from rollout.observation import Host, Pool
from rollout.record import UNAVAILABLE

SHOWN = 5
"""Hosts that are named."""


@dataclass(frozen=True)
class Proof:
    """What one look at the pool shows. `due`: when it had to be ready, for people."""

    due: str
    hosts: int
    serving: int
    floor: int
    out: tuple[str, ...]
    """Names of the hosts that the rollout has out of service, or could not bring back."""

    @property
    def ok(self) -> bool:
        return self.serving >= self.floor

    @property
    def text(self) -> str:
        """`by Mon 2026-01-12 06:00 UTC 3 of 12 hosts serve, 6 must; out of service: vm-1, vm-2`."""
        more = f" and {len(self.out) - SHOWN} more" if len(self.out) > SHOWN else ""
        out = f"; out of service: {', '.join(self.out[:SHOWN])}{more}" if self.out else ""
        return f"by {self.due} {self.serving} of {self.hosts} hosts serve, {self.floor} must{out}"

    def event(self, at: float) -> Event:
        data = {"ok": self.ok, "serving": self.serving, "floor": self.floor, "out": list(self.out)}
        return Event(at, Kind.READY, text=self.text, data=data)


def proof(pool: Pool, declaration: Declaration, due: float) -> Proof:
    """The proof of a pool that was just read, for the epoch second at which it had to be ready."""
    at = pool.observed_at
    limit = capacity.declared_session_limit(pool) or declaration.sessions_per_host or 1
    hosts, sessions = len(pool.hosts), capacity.sessions(pool.hosts)
    return Proof(
        schedule.told(declaration, due),
        hosts,
        len(capacity.serving(pool.hosts, at=at, accept=declaration.verify.accept)),
        capacity.floor(sessions, hosts, declaration, limit),
        tuple(host.name for host in pool.hosts if _out(host)),
    )


def _out(host: Host) -> bool:
    return host.record is not None and host.record.p in UNAVAILABLE
