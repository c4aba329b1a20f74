"""How many hosts may begin, so that Azure's limits leave room for those under way.

A host takes about a hundred reads and thirty writes on its way. Were more hosts begun than the limits carry, all of
them would wait for their turn at every call, and with them the users of those that are out of service: so hosts begin
no faster than their calls can be made. What a host takes is learned from those before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rollout.clock import Clock

BURST = 100.0
"""Hosts that may begin at once: Azure's buckets are full then."""
SHARE = 0.9
"""Of what the limits grant: the rest is for what belongs to no host."""
AT_FIRST = {"reads": 120.0, "writes": 30.0, "deletes": 8.0}
"""Calls of a host, until ENOUGH hosts have ended."""
ENOUGH = 20
HALF = 0.5
"""Of its calls has a host made that is under way, on the average."""
FEW = 10.0
"""With room for fewer hosts, reads count as scarce."""


class Pace:
    """A token bucket of hosts on the clock's time, filled as fast as the limits let hosts through."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._level, self._at = BURST, clock.now()
        self._begun = self._ended = 0

    def room(self, limits: Mapping[str, tuple[float, int]]) -> int:
        """Hosts that may begin now. `limits`: for each kind of call how many are granted in a second, and how many were
        made so far."""
        now = self._clock.now()
        self._level = min(BURST, self._level + max(0.0, now - self._at) * SHARE * self.per_second(limits))
        self._at = now
        return max(0, int(self._level))

    def per_second(self, limits: Mapping[str, tuple[float, int]]) -> float:
        """Hosts that the limits let through in a second, in the long run."""
        return min(granted / self._of_a_host(kind, made) for kind, (granted, made) in limits.items())

    def scarcity(self) -> float:
        """From 0, hosts may begin as they like, to 1, they have to wait."""
        return 1.0 - max(0.0, min(self._level, FEW)) / FEW

    @contextmanager
    def host(self) -> Iterator[None]:
        """Open while a host is under way."""
        self._begun += 1
        self._level -= 1.0
        try:
            yield
        finally:
            self._ended += 1

    def _of_a_host(self, kind: str, made: int) -> float:
        if self._ended < ENOUGH:
            return AT_FIRST[kind]
        return max(1.0, made / (self._ended + HALF * (self._begun - self._ended)))
