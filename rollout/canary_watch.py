"""The canary of one run: the first updated hosts serve alone for the bake time, and are healthy still, before the rest
follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rollout.arm import SessionHost
from rollout.azure import Azure
from rollout.declaration import Declaration
from rollout.errors import AzureError
from rollout.host_work import HostWork
from rollout.pool_record import RolloutRecord
from rollout.standings import Standings


class CanaryWatch:
    """How far the canary is. After a crash its bake begins anew: nobody watched meanwhile."""

    def __init__(self, declaration: Declaration, works: Sequence[HostWork], record: RolloutRecord) -> None:
        self._declaration = declaration
        self._needed = record.n
        self._before = max(0, record.n - len(works))
        """Hosts that this attempt has updated before a crash; hosts may have been added to the pool since."""
        self.passed = bool(record.c)
        self._since: float | None = None

    def done(self, standings: Standings) -> int:
        """Hosts of this attempt that are updated, those of a run before a crash included."""
        return self._before + standings.updated

    def left(self, standings: Standings) -> int | None:
        """Hosts that may still go out before the canary has passed; None once it has."""
        if self.passed:
            return None
        return max(0, self._declaration.canary.hosts - standings.canaries - self._before)

    def served(self, standings: Standings) -> bool:
        """All its hosts are updated."""
        return self.done(standings) >= min(self._declaration.canary.hosts, self._needed)

    def baked(self, now: float) -> bool:
        """Whether its hosts, which have served since the first call, have done so for the bake time."""
        if self._since is None:
            self._since = now
        return not self._declaration.canary.hosts or now - self._since >= self._declaration.canary.bake

    def bakes_for(self, now: float, outage: float) -> float:
        """Seconds until the rest may follow, at the earliest: `outage` is how long a host is out."""
        bake = self._declaration.canary.bake if self._declaration.canary.hosts else 0.0
        return max(0.0, self._since + bake - now) if self._since is not None else outage + bake

    async def sick(self, azure: Azure, baked: Iterable[HostWork]) -> list[str]:
        """Names of the canary hosts that are not healthy (any more)."""
        return [work.name for work in baked if not await self._healthy(azure, work)]

    async def _healthy(self, azure: Azure, work: HostWork) -> bool:
        known = work.look.session_host
        if known is None or work.found_off:
            return True  # a host that was off is off again
        try:
            body = await azure.get_session_host(known.id)
        except AzureError:
            return True  # no answer says nothing of the image
        if body is None:
            return False
        host = SessionHost(body)
        accepted = host.status in self._declaration.verify.accept
        return accepted and host.beats(azure.azure_time()) and not host.fatal_findings
