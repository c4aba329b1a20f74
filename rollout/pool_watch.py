"""The pool while it is worked on: who serves, who is broken, how many sessions there are, how many hosts must serve.

One list of session hosts a minute at most; between two lists the works' own changes correct it (`stage`).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Container

from rollout.arm import SessionHost, Vm
from rollout.azure import Azure, Body
from rollout.capacity import declared_session_limit, floor, session_limit
from rollout.clock import Clock
from rollout.declaration import Declaration
from rollout.errors import AzureError
from rollout.load import read
from rollout.observation import Host, Pool
from rollout.record import Phase
from rollout.standings import Listed

LIST_EVERY = 60.0
"""Seconds between lists of the pool's session hosts, for each page of them: Azure allows 10 calls in 5 minutes."""
PAGE = 1000
"""Hosts that a page of the list holds (unverified)."""
STALE_AFTER = 3
"""Times in which there could have been a new list, after which an old one admits nobody any more."""
SUSPECTS = 50
"""Hosts whose power state is read after a list, at most; further ones that look broken count as broken."""
DEMAND_WINDOW = 3600.0
"""Seconds of which the most sessions count as demand: users who were asked to sign out come back."""


class PoolWatch:
    """What a run knows of its pool's session hosts."""

    def __init__(self, azure: Azure, declaration: Declaration, pool: Pool, clock: Clock) -> None:
        self._azure, self._declaration, self._pool, self._clock = azure, declaration, pool, clock
        self._by_name = {host.name: host for host in pool.hosts}
        self._listed: dict[str, SessionHost] = {}
        self.sessions = 0
        """Sessions of the whole pool, disconnected ones included."""
        self._listed_at = float("-inf")
        self._every = LIST_EVERY * max(1, math.ceil(len(pool.hosts) / PAGE))
        self._as_of = 0.0
        """Azure's time when the list was asked for: what it says of heartbeats is judged by that."""
        self._demand: list[tuple[float, int]] = []
        self._expected = self.load = read(pool.tags)
        """The load of the weeks before; `load` has what this run has seen besides."""
        self._off: set[str] = set()
        self.scaling_plans: list[Body] | None = None
        """The scaling plans of the last look, None before the first."""

    @property
    def due(self) -> bool:
        """It is time for a new list."""
        return self._clock.now() - self._listed_at >= self._every

    async def refresh(self, out: Container[str]) -> None:
        """A new list. An answer that fails leaves the old one, which goes stale. `out`: names of the hosts that this
        run took out of service, of which nobody asks why they do not serve."""
        now, asked_at = self._clock.now(), self._azure.azure_time()
        try:
            bodies, plans = await asyncio.gather(
                self._azure.list_session_hosts(self._pool.id), self._azure.list_scaling_plans(self._pool.id)
            )
        except AzureError:
            return
        self.scaling_plans = plans
        self._listed_at, self._as_of = now, asked_at
        self._listed = {(host.vm_resource_id or "").lower(): host.lean() for host in map(SessionHost, bodies)}
        self.sessions = sum(host.sessions for host in self._listed.values())
        self._demand = [(at, count) for at, count in self._demand if now - at < DEMAND_WINDOW] + [(now, self.sessions)]
        self.load = self.load.seen(asked_at, self.sessions)
        await self._find_off(out)

    async def _find_off(self, out: Container[str]) -> None:
        """Which of the hosts that look broken are simply switched off (autoscale does that): the session-host record
        of a stopped VM may go on saying Unavailable."""
        suspects = [host for host in self._pool.hosts if host.name not in out and self._looks_broken(host)]
        bodies = await asyncio.gather(
            *(self._azure.get_vm(host.vm.id, instance_view=True) for host in suspects[:SUSPECTS]),
            return_exceptions=True,
        )
        self._off = {
            host.name for host, body in zip(suspects, bodies, strict=False) if isinstance(body, dict) and Vm(body).off
        }

    @property
    def stale(self) -> bool:
        return self._clock.now() - self._listed_at > STALE_AFTER * self._every

    def listed(self, host: Host) -> SessionHost | None:
        return self._listed.get(host.vm.id.lower())

    def dated(self, host: Host) -> tuple[SessionHost, float] | None:
        """The host as the last list has it, and Azure's time when that was asked for."""
        found = self.listed(host)
        return (found, self._as_of) if found is not None else None

    def serves(self, host: Host) -> bool:
        """Accepts sessions: undrained, in an accepted status, with a fresh heartbeat."""
        found = self.listed(host)
        if found is None or not found.allow_new_session or found.status not in self._declaration.verify.accept:
            return False
        return found.beats(self._as_of)

    def broken(self, host: Host) -> bool:
        """Out of service, though neither drained nor switched off: it counts as unavailable."""
        if host.record is not None and host.record.p is Phase.FAILED:
            return True  # an earlier attempt left it drained, and perhaps stopped: it keeps its slot until it is back
        return host.name not in self._off and self._looks_broken(host)

    def _looks_broken(self, host: Host) -> bool:
        found = self.listed(host)
        if found is None:
            return host.record is None
        if found.status == "Shutdown" or not found.allow_new_session:
            return False
        accepted = (*self._declaration.verify.accept, "Upgrading")
        return found.status not in accepted or not found.beats(self._as_of)

    def of(self, name: str) -> Listed:
        """What the last list says of the host of this name."""
        host = self._by_name[name]
        found = self.listed(host)
        return Listed(self.serves(host), self.broken(host), found.sessions if found is not None else 0)

    def elsewhere(self, names: Container[str]) -> tuple[int, int]:
        """Of the hosts that need no work: how many serve, and how many are broken."""
        others = [host for host in self._pool.hosts if host.name not in names]
        return sum(map(self.serves, others)), sum(map(self.broken, others))

    def floor(self, ahead: float) -> int:
        """Hosts that must go on serving, for the demand of the last hour and what is expected in the next `ahead`
        seconds."""
        now = self._azure.azure_time()
        expected = self._expected.most(now, now + ahead) or 0
        demand = max((count for _, count in self._demand), default=0)
        demand = max(demand, expected)
        return floor(demand, len(self._pool.hosts), self._declaration, self._session_limit())

    def _session_limit(self) -> int:
        if declared_session_limit(self._pool) is None and self._declaration.sessions_per_host is None:
            return 1
        return session_limit(self._pool, self._declaration)
