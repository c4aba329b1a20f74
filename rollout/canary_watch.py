"""The canary of one run: the first updated hosts serve alone for the bake time, and are healthy still, before the rest
follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rollout.admission import Stage
from rollout.arm import SessionHost
from rollout.azure import Azure
from rollout.canary import StopAfter
from rollout.decisions import Decision
from rollout.declaration import Declaration
from rollout.errors import AzureError
from rollout.host_work import HostWork
from rollout.pool_record import RolloutRecord
from rollout.standings import Standings


class CanaryWatch:
    """How far the canary of an attempt is. `approved` says who approved that the rest follows."""

    def __init__(
        self,
        declaration: Declaration,
        works: Sequence[HostWork],
        record: RolloutRecord,
        approved: Decision | None,
    ) -> None:
        self._declaration, self._canary = declaration, declaration.canary
        self._needed = record.n
        self._before = max(0, record.n - len(works))
        """Hosts that this attempt has updated before a crash; hosts may have been added to the pool since."""
        self._chosen = [work for work in works if work.work.canary] if self._canary.chosen else None
        self.passed = bool(record.c)
        self.approved = approved
        self._baked_before = bool(record.b)
        self._since: float | None = None

    @property
    def names(self) -> frozenset[str] | None:
        """The hosts that are the canary; None where any of the first may be."""
        return frozenset(work.name for work in self._chosen) if self._chosen is not None else None

    @property
    def size(self) -> int:
        """Hosts that go first."""
        return len(self._chosen) if self._chosen is not None else self._canary.hosts

    @property
    def waits_for_approval(self) -> bool:
        return self._canary.approval and self.approved is None

    @property
    def alone(self) -> bool:
        """The run ends with the canary: nobody else need be begun."""
        return self.waits_for_approval or self._declaration.stop_after is StopAfter.CANARY

    def done(self, standings: Standings) -> int:
        """Hosts of this attempt that are updated, those of a run before a crash included."""
        return self._before + standings.updated

    def left(self, standings: Standings) -> int | None:
        """Hosts that may still go out before the canary has passed; None once it has."""
        if self.passed:
            return None
        if self._chosen is not None:
            return sum(not work.ended and work.stage < Stage.OUT for work in self._chosen)
        return max(0, self._canary.hosts - standings.canaries - self._before)

    def served(self, standings: Standings) -> bool:
        """All its hosts are updated."""
        if self._chosen is not None:
            return all(work.updated for work in self._chosen)
        return self.done(standings) >= min(self._canary.hosts, self._needed)

    def missing(self) -> HostWork | None:
        """A host that was declared to go first and did not get the image, though it did not fail on it."""
        return next((work for work in self._chosen or () if work.ended and not work.updated), None)

    def baked(self, now: float) -> bool:
        """Whether its hosts, which have served since the first call, have done so for the bake time. After a crash the
        bake begins anew: nobody watched meanwhile."""
        if self._since is None:
            self._since = now
        return self._baked_before or not self.size or now - self._since >= self._canary.bake

    def bakes_for(self, now: float, outage: float) -> float:
        """Seconds until the rest may follow, at the earliest: `outage` is how long a host is out."""
        bake = self._canary.bake if self._canary.hosts else 0.0
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


def too_many(failures: Sequence[HostWork], limit: int, *, baking: bool) -> str:
    """Why failures stop the rollout; empty where they do not. `limit` may fail; `baking`: the canary has not passed."""
    # Whatever max_failed allows later: a canary that came back from the new disk says that nobody may follow.
    canary_failed = baking and any(work.went_out and work.result != "gone" for work in failures)
    if len(failures) <= limit and not canary_failed:
        return ""
    first = failures[0]
    reason = first.reason or (first.record.w if first.record is not None else "")
    allowed = "none before the canary has passed" if canary_failed else f"{limit} allowed"
    return f"{len(failures)} host(s) failed, {allowed}; first: {first.name}, {reason}"
