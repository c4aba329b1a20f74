"""What the checks read: a story, its timeline, what was declared, and what the deeds have spoiled."""

from __future__ import annotations

import math

from rollout import names
from rollout.declaration import Declaration, parse
from simulation.deeds import vm_id
from simulation.emulated_pool import INPUTS
from simulation.end_state import end_state
from simulation.play import Played, in_work, spoiled

Found = tuple[int, list[str]]
"""How many things a check looked at, and what is wrong, a line each."""

KNOWN_AFTER = 240.0
"""Seconds after which the engine must know of what happened in the pool: a list is at most 180 s old when somebody is
admitted, and a minute may pass until that takes effect."""


class Evidence:
    """A story with its timeline, read once for all checks."""

    def __init__(self, story: Played) -> None:
        self.story, self.case = story, story.case
        self.time = story.time
        self.declared: Declaration = parse({**INPUTS, **story.case.inputs})
        self.spoiled = spoiled(story)
        self.before, self.after = end_state(story.before), end_state(story.after)

    def spoils(self, host: str, what: str) -> bool:
        return what in self.spoiled.get(host, ())

    @property
    def max_unavailable(self) -> int:
        return self.declared.max_unavailable.of(self.case.hosts)

    def needed_for(self, sessions: int) -> int:
        """Hosts that must serve with so many sessions."""
        limit = int(self.case.pool.get("max_session_limit", 16))
        least = self.declared.min_serving.rounded_up(self.case.hosts)
        return max(least, math.ceil(round(sessions * (1 + self.declared.headroom), 6) / limit))

    def in_work(self, host: str) -> bool:
        """Whether the host's record still says at the end that a rollout works on it; that of one that was rolled back
        or failed stays, and says so."""
        vm = self.story.after["resources"].get(vm_id(host).lower(), {})
        return in_work((vm.get("tags") or {}).get(names.RECORD))

    def at(self, moment: float) -> str:
        """A moment as minutes since the story's beginning."""
        return f"{(moment - self.story.made.clock.epoch) / 60:.1f} min"
