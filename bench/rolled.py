"""What is measured of one way to bring machines to a new image, whoever does it."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

LOOK = 10.0
"""Seconds between two looks at machines whose changes nobody writes down."""


@dataclass(frozen=True)
class Rolled:
    """One upgrade, of a good image or a bad one. Times in seconds."""

    waited: float
    """From when the image was declared or published until the upgrade began."""
    makespan: float
    """From then until it had ended and every machine served that ever served again."""
    outages: Mapping[str, float]
    """Machine -> how long it did not serve, of those that were taken out."""
    drawn: float
    """Of the median machine: what its own steps took, as the emulator drew them, one after the other."""
    most_out: int
    updated: int
    """Machines on the new image."""
    asked: int = 0
    """Messages that asked users to leave."""
    ended: int = 0
    """Sessions that were logged off after such a message, or that ended while their users were disconnected."""
    cut_off: int = 0
    """Sessions that ended under their users; tasks that were killed and began anew, as often as that was so."""


@dataclass
class Watch:
    """Which machines are out, from looks at all of them."""

    seconds: dict[str, float] = field(default_factory=dict)
    """Machine -> how long it has been out."""
    most: int = 0
    out: Set[str] = frozenset()
    at: float = 0.0

    def look(self, out: Set[str], now: float) -> None:
        """Machines that are out now; who was at the last look was out until this one."""
        for machine in self.out:
            self.seconds[machine] = self.seconds.get(machine, 0.0) + now - self.at
        self.out, self.at, self.most = out, now, max(self.most, len(out))
