"""The figures of one run that admission decides by, as they are now."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rollout import schedule
from rollout.admission import Left, Limits, Order, Stage, look_ahead
from rollout.canary_watch import CanaryWatch
from rollout.declaration import Build, Declaration
from rollout.hand_off import HandOff, under_way
from rollout.pool_watch import PoolWatch
from rollout.standings import Standings
from rollout.window_watch import WindowWatch


@dataclass
class Figures:
    """Where a run's limits come from: what is declared, and what is known of the pool, its hosts and the window."""

    declaration: Declaration
    hosts: int
    """Hosts of the whole pool."""
    order: Order
    watch: PoolWatch
    standings: Standings
    window: WindowWatch
    canary: CanaryWatch
    elsewhere: tuple[int, int] = (0, 0)
    """Of the hosts that need no work: how many serve, and how many are broken."""

    def limits(self, now: float, azure_time: float) -> Limits:
        """`now` is the engine's clock, `azure_time` Azure's."""
        declaration, standings = self.declaration, self.standings
        unavailable = declaration.max_unavailable.of(self.hosts)
        building = declaration.max_building.of(self.hosts) if declaration.max_building else 2 * unavailable
        outages, (serving, broken) = standings.outages, self.elsewhere
        outage = outages[len(outages) // 2] if outages else schedule.OUTAGE
        drain, seen = declaration.drain, standings.stay(now)
        stay = drain.deadline
        if seen is not None and self.order.by_stay:
            stay = min(seen, drain.deadline + drain.grace)
        left = self.window.left(azure_time, outages, standings.drains, self.watch.sessions)
        before = standings.candidates.count(Stage.DRAINING, Stage.EMPTY, Stage.OUT)
        queue = before // unavailable * left.from_release  # until there is a slot for the next host
        ahead, soft = self._ahead(unavailable, stay, outage, now), declaration.hand_off is HandOff.SOFT
        floor_occupied = self.watch.floor(queue + left.from_drain)
        return Limits(
            max_unavailable=unavailable,
            max_building=self.hosts if declaration.build is Build.AFTER_DEALLOCATE else building,
            serving=serving + standings.serving,
            floor=self.watch.floor(queue + schedule.EMPTYING + left.from_release),
            floor_occupied=floor_occupied,
            carry=max(floor_occupied, self._carry(unavailable, left)) if soft else None,
            max_sessions=drain.max_sessions,
            broken_elsewhere=broken,
            ahead=min(ahead, unavailable) if soft and under_way(standings.candidates) else ahead,
            ahead_empty=self._ahead(
                unavailable, drain.deadline if self.order.empty_ahead else schedule.EMPTYING, outage, now
            ),
            at_once=max(unavailable, self.hosts // 2),
            build_proven=self._build_proven(),
            first_builds=max(1, self.canary.size),
            canary_left=self.canary.left(standings),
            canary=self.canary.names,
            alone=self.canary.alone,
            order=self.order,
            left=left,
            stock=self.window.stock if left.opens else None,
        )

    def sample(self, limits: Limits, needed: int) -> dict[str, Any]:
        """What is told of capacity; `needed` hosts needed work when the attempt began."""
        candidates = self.standings.candidates
        return {
            "hosts": self.hosts,
            "serving": limits.serving,
            "draining": candidates.count(Stage.DRAINING, Stage.EMPTY) + candidates.closed,
            "unavailable": candidates.count(Stage.OUT) + limits.broken_elsewhere,
            "building": candidates.count(Stage.BUILDING),
            "queued": candidates.count(Stage.QUEUED),
            "done": self.canary.done(self.standings),
            "of": needed,
            "sessions": self.watch.sessions,
            "floor": limits.floor,
        }

    def _ahead(self, unavailable: int, stay: float, outage: float, now: float) -> int:
        """While a canary bakes for long, nobody else is drained: no sooner than a drain takes is there use for it.
        `stay` is how long that is, in seconds."""
        left = self.canary.left(self.standings)
        if left is not None and self.canary.bakes_for(now, outage) > stay:
            return left
        return look_ahead(unavailable, self.hosts, stay, outage)

    def _carry(self, unavailable: int, left: Left) -> int:
        """Hosts that must accept sessions until the last one is done, or the window closes."""
        left_to_go = self.standings.candidates.count(*(stage for stage in Stage if stage <= Stage.OUT))
        waves = math.ceil(left_to_go / unavailable)
        return self.watch.floor(min(waves * left.from_release + left.from_drain, left.seconds))

    def _build_proven(self) -> bool:
        if self.declaration.build is Build.AFTER_DEALLOCATE or self.canary.done(self.standings) > 0:
            return True
        return self.standings.proven > 0
