"""Keeps the lease alive beside the work, and watches the pool's tags for a pause or for another owner.

A task of its own, so that neither a long list nor a throttled call can let the lease run out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from rollout import names
from rollout.azure import Azure
from rollout.clock import Clock
from rollout.errors import AzureError, LeaseLost
from rollout.lease import Lease

LOOK_EVERY = 30.0
"""Seconds between looks at the pool's tags."""
ORDERS = (names.PAUSE, names.ABORT)
"""Tags by which people stop a run."""


class LeaseKeeper:
    """Use as `async with`. `tags`: the pool's tags as of the last look. `lost`: why the lease ended."""

    def __init__(self, azure: Azure, lease: Lease, clock: Clock, changed: asyncio.Event) -> None:
        self._azure, self._lease, self._clock, self._changed = azure, lease, clock, changed
        self._task: asyncio.Task[None] | None = None
        self.tags: Mapping[str, str] = {}
        self.lost: LeaseLost | None = None

    async def __aenter__(self) -> LeaseKeeper:
        self._task = asyncio.create_task(self._keep(), name="lease")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self) -> None:
        renewed = self._clock.now()
        try:
            while True:
                try:
                    tags = await self._azure.get_tags(self._lease.resource_id)
                    self._lease.see(tags)
                    self._note_orders(tags)
                    if self._clock.now() - renewed >= self._lease.renew_every:
                        await self._lease.renew()
                        renewed = self._clock.now()
                except AzureError:
                    self._lease.check()  # unanswered for now: the lease holds until its end
                await self._clock.sleep(LOOK_EVERY)
        except LeaseLost as lost:
            self.lost = lost
            self._changed.set()

    def _note_orders(self, tags: Mapping[str, str]) -> None:
        """What people say by tags is heeded at once."""
        before, self.tags = self.tags, tags
        if any(tags.get(name) != before.get(name) for name in ORDERS):
            self._changed.set()
