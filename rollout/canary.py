"""The canary: the first updated hosts serve alone for the bake time, and are healthy still, before the rest follows."""

from __future__ import annotations

from collections.abc import Iterable

from rollout.arm import SessionHost
from rollout.azure import Azure
from rollout.declaration import Declaration
from rollout.errors import AzureError
from rollout.host_work import HostWork


class Baking:
    """The bake of one run. After a crash it begins anew: nobody watched meanwhile."""

    def __init__(self, declaration: Declaration) -> None:
        self._declaration = declaration
        self._since: float | None = None

    def over(self, now: float) -> bool:
        """Whether the canary hosts, updated since the first call, have served for the bake time."""
        if self._since is None:
            self._since = now
        return not self._declaration.canary.hosts or now - self._since >= self._declaration.canary.bake

    def left(self, now: float, outage: float) -> float:
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
