"""The pool while it is worked on: who serves, who is broken, how many sessions there are, how many hosts must serve.

One list of session hosts a minute at most; between two lists the works' own changes correct it (`stage`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rollout.admission import Stage
from rollout.arm import SessionHost
from rollout.azure import Azure
from rollout.capacity import declared_session_limit, floor, session_limit
from rollout.clock import Clock
from rollout.declaration import Declaration
from rollout.errors import AzureError
from rollout.observation import Host, Pool

LIST_EVERY = 60.0
"""Seconds between lists of the pool's session hosts: Azure allows 10 in 5 minutes."""
STALE_AFTER = 180.0
"""Seconds after which an old list admits nobody any more."""
DEMAND_WINDOW = 3600.0
"""Seconds of which the most sessions count as demand: users who were asked to sign out come back."""


class PoolWatch:
    """What a run knows of its pool's session hosts."""

    def __init__(self, azure: Azure, declaration: Declaration, pool: Pool, clock: Clock) -> None:
        self._azure, self._declaration, self._pool, self._clock = azure, declaration, pool, clock
        self._listed: dict[str, SessionHost] = {}
        self._listed_at = float("-inf")
        self._as_of = 0.0
        """Azure's time of the list: what it says of heartbeats is judged by that."""
        self._demand: list[tuple[float, int]] = []
        self._serving_at_start: int | None = None

    async def refresh(self) -> None:
        """A new list where the last is a minute old. An answer that fails leaves the old one, which goes stale."""
        now = self._clock.now()
        if now - self._listed_at < LIST_EVERY:
            return
        try:
            bodies = await self._azure.list_session_hosts(self._pool.id)
        except AzureError:
            return
        self._listed_at, self._as_of = now, self._azure.azure_time()
        self._listed = {(host.vm_resource_id or "").lower(): host for host in map(SessionHost, bodies)}
        self._demand = [(at, count) for at, count in self._demand if now - at < DEMAND_WINDOW] + [(now, self.sessions)]
        if self._serving_at_start is None:
            self._serving_at_start = sum(self.serves(host) for host in self._pool.hosts)

    @property
    def stale(self) -> bool:
        return self._clock.now() - self._listed_at > STALE_AFTER

    @property
    def sessions(self) -> int:
        """Sessions of the whole pool, disconnected ones included."""
        return sum(host.sessions for host in self._listed.values())

    def listed(self, host: Host) -> SessionHost | None:
        return self._listed.get(host.vm.id.lower())

    def serves(self, host: Host) -> bool:
        """Accepts sessions: undrained, in an accepted status, with a fresh heartbeat."""
        found = self.listed(host)
        if found is None or not found.allow_new_session or found.status not in self._declaration.verify.accept:
            return False
        return found.beats(self._as_of)

    def broken(self, host: Host) -> bool:
        """Out of service, though neither drained nor switched off: it counts as unavailable."""
        found = self.listed(host)
        if found is None:
            return host.record is None
        if found.status == "Shutdown" or not found.allow_new_session:
            return False
        accepted = (*self._declaration.verify.accept, "Upgrading")
        return found.status not in accepted or not found.beats(self._as_of)

    def serving(self, stages: Mapping[str, Stage]) -> int:
        """Hosts that accept sessions, by the list and by what was done since. `stages`: by the name of the host."""
        count = 0
        for host in self._pool.hosts:
            stage = stages.get(host.name)
            if stage is Stage.BACK:
                count += 1
            elif stage is None or stage < Stage.DRAINING or stage is Stage.ENDED:
                count += self.serves(host)
        return count

    def broken_elsewhere(self, names: Iterable[str]) -> int:
        """Broken hosts that need no work."""
        at_work = set(names)
        return sum(self.broken(host) for host in self._pool.hosts if host.name not in at_work)

    def floor(self) -> int:
        """Hosts that must go on serving: for the demand, and whatever the demand, not more than max_unavailable or half
        of the pool goes at once."""
        hosts, declaration = len(self._pool.hosts), self._declaration
        demand = max((count for _, count in self._demand), default=0)
        at_once = max(declaration.max_unavailable.of(hosts), hosts // 2)
        kept = min(self._serving_at_start or 0, hosts - at_once)
        return max(floor(demand, hosts, declaration, self._session_limit()), kept)

    def _session_limit(self) -> int:
        if declared_session_limit(self._pool) is None and self._declaration.sessions_per_host is None:
            return 1
        return session_limit(self._pool, self._declaration)
