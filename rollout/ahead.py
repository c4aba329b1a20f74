"""Ready before the window: disks are built ahead of a maintenance window, so that it is spent on swaps only.

Building touches no user: a temporary machine provisions the disk beside the host. What is built ahead is a matter of
cost alone, so that it is bounded (as many disks as the window can swap, for `build_ahead` before it) and told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rollout import names, schedule
from rollout.costs import Costs
from rollout.declaration import Declaration
from rollout.images import Image
from rollout.observation import Pool
from rollout.plan import Work, rollout_of
from rollout.values import HOUR
from rollout.window import Opening


@dataclass(frozen=True)
class Stock:
    """The disks that one opening needs."""

    disks: int
    """That it can swap, those that need no build included."""
    ready: int
    """Of them, that need no build (any more)."""

    @property
    def missing(self) -> int:
        return max(0, self.disks - self.ready)


def stock(pool: Pool, image: Image, declaration: Declaration, works: Sequence[Work], opening: Opening) -> Stock:
    """What is to be ready when the opening begins, and what is."""
    ongoing = rollout_of(pool, image, declaration)
    canaries = 0 if ongoing is not None and ongoing.c else declaration.canary.hosts
    swaps = schedule.swaps(declaration, opening, len(pool.hosts), canaries=min(canaries, len(works)))
    built = ready(pool, image, declaration)
    return Stock(min(swaps, len(works)), sum(work.revert is not None or work.host in built for work in works))


def ready(pool: Pool, image: Image, declaration: Declaration) -> frozenset[str]:
    """Names of the hosts whose disk of the attempt that goes on is there, provisioned and attached to nothing."""
    ongoing = rollout_of(pool, image, declaration)
    if ongoing is None:
        return frozenset()
    return frozenset(
        host.name
        for host in pool.hosts
        for disk in host.kept
        if disk.name == names.new_disk(host.name, names.build_key(host.vm.vm_id, image.id, ongoing.a))
        and disk.tags.get(names.DISK_STATE) == "ready"
    )


def costs(declaration: Declaration, found: Stock, opening: Opening) -> Costs:
    """The most that building ahead of this opening costs: every disk lies there from the first moment until the opening
    ends, or, where it has no end, until a host's turn has come."""
    lasts = opening.end - opening.start if opening.end < math.inf else found.disks * schedule.OUTAGE
    hours = (declaration.build_ahead + lasts) / HOUR
    return Costs(found.missing, found.missing * schedule.BUILD / HOUR, found.missing * hours)


def line(pool: Pool, image: Image, declaration: Declaration, works: Sequence[Work], opening: Opening | None) -> str:
    """For the preview: what is built ahead of the next opening, from when, and what that costs. May be empty."""
    if not declaration.build_ahead or opening is None:
        return ""
    found = stock(pool, image, declaration, works, opening)
    if not found.missing:
        return f"; {found.ready} disk{' is' if found.ready == 1 else 's are'} ready" if found.ready else ""
    begins = schedule.told(declaration, max(pool.observed_at, opening.start - declaration.build_ahead))
    return f"; from {begins} are built {costs(declaration, found, opening).line()} at most"
