"""Who is on a host that drains, from one look at its sessions to the next: who came back, who left, and how."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace

from rollout.arm import UserSession
from rollout.steps import Memory

MESSAGE, REMINDER, FINAL_MESSAGE = "message", "reminder", "final message"
LOGGED_OFF, ENDED = "logged off", "disconnected session ended"
CAME_BACK, SIGNED_OUT, CUT_OFF = "came back", "signed out", "cut off"
"""What befell a user: `data.what` of a USER event. LOGGED_OFF and ENDED: as declared, an active session or one that was
disconnected. SIGNED_OUT: by themselves. CUT_OFF: the machine went from under the session."""


COUNTED = {
    "messaged": MESSAGE,
    "signed_out": SIGNED_OUT,
    "disconnected_ended": ENDED,
    "logged_off": LOGGED_OFF,
    "came_back": CAME_BACK,
    "cut_off": CUT_OFF,
}
"""Names under which people are counted in a run's outcome."""
SENT_OFF = frozenset({SIGNED_OUT, LOGGED_OFF, ENDED})
"""How people leave a host because it is emptied."""


class Count:
    """How many people something befell in a run; each is counted once for each kind."""

    def __init__(self) -> None:
        self._people: dict[str, set[str]] = {what: set() for what in COUNTED.values()}
        self._left: dict[str, set[str]] = {}

    def note(self, user: str, what: str, host: str = "") -> None:
        self._people.setdefault(what, set()).add(user)
        if what in SENT_OFF:
            self._left.setdefault(user, set()).add(host)

    @property
    def moved_twice(self) -> int:
        """People who left a host that was emptied, and then another one."""
        return sum(len(hosts) > 1 for hosts in self._left.values())

    @property
    def by_name(self) -> dict[str, int]:
        """By the names of COUNTED, and `moved_twice`."""
        counted = {name: len(self._people[what]) for name, what in COUNTED.items()}
        return {**counted, "moved_twice": self.moved_twice}


def noted(memory: Memory, sessions: Sequence[UserSession], now: float) -> Memory:
    """The memory after a look: since when sessions have been disconnected, and who is back in one. A message that
    somebody did not see who was away is due again."""
    away = {s.id: memory.away_since.get(s.id, now) for s in sessions if s.state == "Disconnected"}
    back = {s.id for s in sessions if s.state == "Active" and s.id in memory.away_since}
    return replace(
        memory,
        away_since=away,
        warned={id_: at for id_, at in memory.warned.items() if id_ not in back},
        returned=(memory.returned | back) & {s.id for s in sessions},
    )


class Presence:
    """The users of one host as they come and go, from its drain until it is out of service."""

    def __init__(self) -> None:
        self._there: dict[str, UserSession] | None = None
        """As of the last look; None before the first."""
        self._down = False
        """The machine was seen not running while they were there: their sessions may be listed for a while."""

    def forget(self) -> None:
        """The host went out of service, or back to its users."""
        self._there, self._down = None, False

    def look(self, sessions: Iterable[UserSession], ended: Container[str], *, running: bool) -> list[tuple[str, str]]:
        """(user, what) for all that happened since the last look: CAME_BACK, SIGNED_OUT, CUT_OFF. The first look finds
        who is there, of whom nothing happened. `ended`: ids of sessions that were ended as declared, which was told
        then; `running`: whether the machine runs."""
        before, now = self._there, {session.id: session for session in sessions}
        self._there = now
        if before is None:
            return []
        self._down = bool(before) and (self._down or not running)
        came = [s.user for s in now.values() if _came(before.get(s.id), s)]
        went = [s.user for s in before.values() if s.id not in now and s.id not in ended]
        how = CUT_OFF if self._down else SIGNED_OUT
        return [*((user, CAME_BACK) for user in came), *((user, how) for user in went)]


def _came(was: UserSession | None, session: UserSession) -> bool:
    return was is None or (was.state == "Disconnected" and session.state == "Active")
