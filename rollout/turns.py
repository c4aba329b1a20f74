"""Whose turn it is among the rollouts of a subscription: at most so many work at once, the others queue.

They see each other by the leases on their pools. A rollout first looks without a lease, and while too many are at work
it holds nothing and waits. Else it takes its own pool's lease, and looks again: of those that did so at the same time
the earlier ones go on, by the second at which they took it and then by the pool's id, and a later one gives its lease
back. So the first of them always goes on, none waits for one that waits, and a runner that died counts until its lease
has run out. What a list leaves out is not waited for: it holds the pools that the credential may read (that Azure
leaves the others out, as its portal does, is unverified), and its tags may be some seconds old, so those of pools that
were rolled out before are read anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from rollout import lease, names, schedule
from rollout.arm import name_of, same_id, subscription_of
from rollout.azure import Azure, Body
from rollout.declaration import Declaration
from rollout.errors import Forbidden

POOLS = "Microsoft.DesktopVirtualization/hostPools"
LOOK_EVERY = 60.0
"""Seconds between looks of a rollout that queues."""


@dataclass(frozen=True)
class AtWork:
    """A rollout that holds the lease of its pool."""

    since: int
    """Epoch second at which it took it."""
    pool_id: str
    owner: str

    @property
    def order(self) -> tuple[int, str]:
        return self.since, self.pool_id.lower()

    def __str__(self) -> str:
        return f"{name_of(self.pool_id)} ({self.owner})"


async def at_work(azure: Azure, host_pool_id: str) -> tuple[AtWork, ...]:
    """The rollouts at work on the other pools of the subscription, the first first. Raises AzureError."""
    listed = await azure.list_resources(f"/subscriptions/{subscription_of(host_pool_id)}", POOLS)
    rolled = [
        body
        for body in listed
        if names.LEASE in (body.get("tags") or {}) and not same_id(str(body["id"]), host_pool_id)
    ]
    holders = await asyncio.gather(*(_holder(azure, body) for body in rolled))
    now = azure.azure_time()
    found = [
        AtWork(holder.since, str(body["id"]), holder.owner)
        for body, holder in zip(rolled, holders, strict=True)
        if holder is not None and holder.since and holder.until > now
    ]
    return tuple(sorted(found, key=lambda rollout: rollout.order))


async def _holder(azure: Azure, listed: Body) -> lease.Holder | None:
    """Who holds a pool's lease, as it is now; as it was listed where its tags may not be read."""
    try:
        tags = await azure.get_tags(str(listed["id"]))
    except Forbidden:
        tags = listed["tags"]
    return lease.decode(tags.get(names.LEASE))


def ahead_of(mine: AtWork | None, others: Sequence[AtWork], most: int) -> tuple[AtWork, ...]:
    """Those that a rollout waits for: none where there is a place for it. `mine` is None before it holds its lease."""
    before = tuple(other for other in others if mine is None or other.order < mine.order)
    return before if most and len(before) >= most else ()


def told(ahead: Sequence[AtWork], most: int) -> str:
    """What is waited for, for people: `the rollout of hp2 (ada@desk-7), max_rollouts_per_subscription is 1`."""
    pools = ", ".join(map(str, ahead[:3])) + (f" and {len(ahead) - 3} more" if len(ahead) > 3 else "")
    return f"the rollout{'s' if len(ahead) > 1 else ''} of {pools}; max_rollouts_per_subscription is {most}"


async def behind(azure: Azure, declaration: Declaration, moved: float | None) -> str:
    """For a look at a pool that is not at work: what a rollout would wait for that began now; empty for nothing, where
    its window is closed (by then it is another question), and where the others cannot be seen. `moved`: as for
    `schedule.openings`. Raises AzureError."""
    most = declaration.max_rollouts_per_subscription
    if not most or schedule.opening_at(declaration, azure.azure_time(), moved) is None:
        return ""
    try:
        ahead = ahead_of(None, await at_work(azure, declaration.host_pool_id), most)
    except Forbidden:
        return ""
    return f"would queue behind {told(ahead, most)}" if ahead else ""


async def waits_for(azure: Azure, holding: lease.Lease, most: int) -> tuple[str, str]:
    """What a rollout waits for, empty for nothing, and why that is not known, if it is not. `holding` is its lease,
    whether or not it has it."""
    if not most:
        return "", ""
    try:
        others = await at_work(azure, holding.resource_id)
    except Forbidden as error:
        return "", f"other rollouts of the subscription cannot be seen, and are not waited for: {error}"
    mine = AtWork(holding.since, holding.resource_id, holding.owner) if holding.held else None
    ahead = ahead_of(mine, others, most)
    return (told(ahead, most), "") if ahead else ("", "")
