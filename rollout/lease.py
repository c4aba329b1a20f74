"""The pool's lease: one rollout per pool, by a tag on the host pool. A capture has one on its image definition.

Host pools and their tags take no If-Match, so the lease is advisory: write, wait, read back, go only if it is still
ours. The lock proper is the claim of each VM by a conditional PATCH that carries the lease's fencing number. Every
write is refused unless the lease has more than `MARGIN` seconds left; times are Azure's, from its Date headers.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from rollout import names
from rollout.arm import name_of
from rollout.azure import Azure
from rollout.clock import Clock, iso
from rollout.errors import AzureError, LeaseHeld, LeaseLost

LENGTH = 600.0
"""Seconds a lease lasts from its last renewal."""
REAL_LENGTH = 20.0
"""A lease lasts this many real seconds at least: where time is compressed, a machine's hiccup still takes real ones."""
RENEWALS = 5
"""A lease is renewed this many times in its length."""
MARGIN = 60.0
"""No write is sent in the last seconds of a lease."""
SETTLE = 30.0
"""Seconds between writing the lease and reading it back."""
WATCH_EVERY = 15.0


@dataclass(frozen=True)
class Holder:
    """What the lease tag says."""

    owner: str
    fence: int
    until: float
    since: int = 0
    """Epoch second at which a rollout took it; 0 for what is no rollout."""

    def encode(self) -> str:
        since = f";since={self.since}" if self.since else ""
        return f"owner={self.owner};fence={self.fence};until={int(self.until)}{since}"


def decode(text: str | None) -> Holder | None:
    """The holder of a tag's value, or None."""
    pairs = dict(part.split("=", 1) for part in (text or "").split(";") if "=" in part)
    try:
        return Holder(pairs["owner"], int(pairs["fence"]), float(pairs["until"]), int(pairs.get("since", 0)))
    except (KeyError, ValueError):
        return None


class Lease:
    """A lease on one pool, held by `owner` (a text that tells people who: user, machine, process)."""

    TAG = names.LEASE
    STATUS = "hostpool status"
    """The command that shows who holds it."""

    def __init__(self, resource_id: str, owner: str, clock: Clock) -> None:
        self.resource_id = resource_id
        self.owner = owner.replace(";", ",").replace("=", ":")[:120]
        self.fence = 0
        self.until = 0.0
        self.since = 0
        self.length = max(LENGTH, REAL_LENGTH / clock.real_seconds(1.0))
        self._clock = clock
        self._azure: Azure | None = None
        self._taking = False

    def check(self) -> None:
        """Raise LeaseLost unless the lease has more than MARGIN seconds left. Called in the step that sends a write."""
        if self._taking:
            return  # the only write now is the lease itself
        if self._azure is None or self._azure.azure_time() > self.until - MARGIN:
            raise LeaseLost(
                f"{self.subject}: the lease of {self.owner} has ended; nothing more is written. "
                "Run pulumi up again: it goes on where this run stopped."
            )

    @property
    def subject(self) -> str:
        """What the lease is on, for messages."""
        return f"pool {name_of(self.resource_id)}"

    def held_by(self, holder: Holder) -> str:
        """What is said to whoever finds it held, and renewed."""
        return (
            f"host_pool_id: {self.subject} is being updated by {holder.owner} (lease until {iso(holder.until)}, "
            f"renewed); wait for it, or ask it to stop with: hostpool --host-pool {self.resource_id} pause"
        )

    @property
    def renew_every(self) -> float:
        """Seconds between renewals."""
        return self.length / RENEWALS

    @property
    def held(self) -> bool:
        return self._azure is not None

    async def acquire(self, azure: Azure, *, above: int = 0, for_rollout: bool = False) -> None:
        """Take the lease, waiting for a holder that has died. Raises LeaseHeld for one that lives. `for_rollout`: other
        rollouts of the subscription count it.

        The fencing number becomes higher than the last one and than `above`, the highest that hosts were claimed with:
        somebody may have wiped the pool's tags, as a template that is applied does.
        """
        first = decode((await azure.get_tags(self.resource_id)).get(self.TAG))
        holder = first
        while holder is not None and holder.owner != self.owner and holder.until > azure.azure_time():
            if first is not None and (holder.owner, holder.until) != (first.owner, first.until):
                raise LeaseHeld(self.held_by(holder))
            await self._clock.sleep(min(WATCH_EVERY, max(1.0, holder.until - azure.azure_time())))
            holder = decode((await azure.get_tags(self.resource_id)).get(self.TAG))
        now = azure.azure_time()
        fence, self.since = max(holder.fence if holder else 0, above) + 1, int(now) if for_rollout else 0
        mine = Holder(self.owner, fence, now + self.length, self.since)
        try:
            await self._write_unheld(azure, mine)
            await self._clock.sleep(SETTLE)
            seen = decode((await azure.get_tags(self.resource_id)).get(self.TAG))
        except asyncio.CancelledError:
            await self._withdraw(azure, mine)
            raise
        if seen is None or (seen.owner, seen.fence) != (mine.owner, mine.fence):
            raise LeaseHeld(self.held_by(seen or mine))
        self.fence, self.until, self._azure = mine.fence, mine.until, azure

    async def _write_unheld(self, azure: Azure, holder: Holder) -> None:
        self._taking = True
        try:
            await azure.merge_tags(self.resource_id, {self.TAG: holder.encode()})
        finally:
            self._taking = False

    async def _withdraw(self, azure: Azure, mine: Holder) -> None:
        """Told to stop while it was being taken: nobody need wait for it to run out."""
        try:
            if decode((await azure.get_tags(self.resource_id)).get(self.TAG)) == replace(mine, until=int(mine.until)):
                await self._write_unheld(azure, Holder("nobody", mine.fence, azure.azure_time()))
        except AzureError:
            pass  # it ends by itself

    def see(self, tags: dict[str, str]) -> None:
        """Tags of the pool were read: raise LeaseLost when somebody else holds the lease now."""
        seen = decode(tags.get(self.TAG))
        if self.held and (seen is None or (seen.owner, seen.fence) != (self.owner, self.fence)):
            self._azure = None
            raise LeaseLost(
                f"{self.subject}: the lease was taken by {seen.owner if seen else 'nobody'}; "
                f"this run stops. See {self.STATUS}."
            )

    async def renew(self) -> None:
        """Extend the lease; call it every `renew_every` seconds."""
        self.check()
        azure = self._azure
        assert azure is not None
        until = azure.azure_time() + self.length
        renewed = Holder(self.owner, self.fence, until, self.since)
        await azure.merge_tags(self.resource_id, {self.TAG: renewed.encode()})
        self.until = until

    async def release(self) -> None:
        """Give the lease up; the fencing number stays in the tag, ended, so that the next one is higher."""
        azure = self._azure
        if azure is None:
            return
        ended = Holder("nobody", self.fence, azure.azure_time())
        try:
            await azure.merge_tags(self.resource_id, {self.TAG: ended.encode()})
        finally:
            self._azure = None
