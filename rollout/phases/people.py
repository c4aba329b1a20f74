"""What is due to the users of a host that drains: messages, time, and the end of their sessions as declared."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rollout import presence
from rollout.arm import UserSession
from rollout.clock import local_time
from rollout.draining import Drain, LogOff, Reminder
from rollout.record import HostRecord
from rollout.steps import Enter, GiveBack, Goal, HostView, LogOffUsers, Memory, Part, SendMessage, Step, Wait
from rollout.values import MINUTE

SESSION_END = 45.0
"""Seconds given to a session to end after it was logged off, before it is asked again."""
REACHABLE = ("Active", "Disconnected", "Pending")
"""States of sessions that a message or a log-off reaches."""
LOOK = 5 * MINUTE
"""Seconds between looks while it matters who is disconnected: the pool's list counts those sessions too, and does not
tell who comes back to one."""
LIST_LAG = 2 * MINUTE
"""Seconds that a list of sessions may be behind, or clocks apart: who came so shortly before a message may have missed
it."""


@dataclass(frozen=True)
class People:
    """The users of a host in its drain."""

    sessions: tuple[UserSession, ...]
    memory: Memory
    record: HostRecord
    drain: Drain
    now: float

    @property
    def reachable(self) -> tuple[UserSession, ...]:
        return tuple(s for s in self.sessions if s.state in REACHABLE)

    @property
    def deadline(self) -> float:
        return self.record.s + self.drain.deadline

    @property
    def force(self) -> bool:
        return self.drain.log_off is LogOff.FORCE

    @property
    def warned_at(self) -> float | None:
        return self.memory.warned_at if self.force else None

    @property
    def off_at(self) -> float:
        """When they are to have signed out: who comes late, or is held until the canary has passed, still gets the
        whole grace."""
        if not self.force:
            return self.deadline
        return self.warned_at + self.drain.grace if self.warned_at else max(self.deadline, self.now + self.drain.grace)

    def told_at(self, session: UserSession) -> float | None:
        """When a session got its last message; None when it has got none, or was away when it came.

        By this process's memory, else by the record: all that were there at `m` had got by then what was due."""
        if session.id in self.memory.returned:
            return None
        known = self.memory.told.get(session.id)
        if known is not None or not self.record.m:
            return known
        noted = float(self.record.s + self.record.m)
        return noted if session.created is not None and session.created + LIST_LAG <= noted else None

    def due(self, reminder: Reminder, session: UserSession) -> float:
        """When a reminder is to be sent to a session. One that is shorter than the grace of a forced log-off follows
        the session's own final message, whenever that was sent: where somebody new delays the log-off, the others have
        been reminded. Longer ones precede it."""
        if not self.force or reminder.before > self.drain.grace:
            return self.deadline - reminder.before if self.warned_at is None else -math.inf
        return self.memory.warned.get(session.id, math.inf) + self.drain.grace - reminder.before

    def reminded(self) -> SendMessage | None:
        """The last reminder that is due, to those who have heard nothing since."""
        late: dict[Reminder, list[UserSession]] = {}
        for session in self.reachable:
            due = [reminder for reminder in self.drain.reminders if self.due(reminder, session) <= self.now]
            if due and (self.told_at(session) or self.now) < self.due(due[-1], session):
                late.setdefault(due[-1], []).append(session)
        for reminder, sessions in late.items():
            return SendMessage(tuple(sessions), reminder.message, self.off_at, presence.REMINDER)
        return None

    def away_too_long(self) -> tuple[UserSession, ...]:
        after = self.drain.end_disconnected_after
        if after is None:
            return ()
        away = (s for s in self.sessions if s.state == "Disconnected")
        return tuple(s for s in away if self.now >= self.memory.away_since.get(s.id, self.now) + after)

    def wait(self, reason: str, until: float) -> Wait:
        """Until a moment, or what is due before it."""
        moments = [until, *(self.due(r, s) for r in self.drain.reminders for s in self.sessions)]
        after = self.drain.end_disconnected_after
        if after is not None:
            moments += [since + after for since in self.memory.away_since.values()]
        if after is not None or self.memory.away_since:
            moments.append(self.now + LOOK)
        return Wait(reason, min(m for m in moments if m > self.now) - self.now, of=Part.SESSIONS, listed=True)

    def __str__(self) -> str:
        states = [s.state for s in self.sessions]
        return ", ".join(f"{states.count(state)} {state.lower()}" for state in dict.fromkeys(states)) + " session(s)"


def people_of(view: HostView, goal: Goal, record: HostRecord) -> People:
    return People(view.sessions or (), view.memory, record, goal.declaration.drain, view.now)


def next_step(people: People, zone: str) -> Step:
    """The next step towards a host without sessions, of one that has some; never one that was not declared."""
    memory, drain, now = people.memory, people.drain, people.now
    fresh = tuple(s for s in people.reachable if people.told_at(s) is None)
    if fresh:
        return SendMessage(fresh, drain.message, people.off_at, presence.MESSAGE)
    if memory.logged_off_at is not None and now < memory.logged_off_at + SESSION_END:
        return Wait(f"{people} to end", 10.0, of=Part.SESSIONS)
    over = people.away_too_long()
    if over and memory.may_log_off:
        return LogOffUsers(over, only_disconnected=True)
    reminded = people.reminded()
    if reminded is not None:
        return reminded
    warn_at = people.deadline - (drain.grace if people.force else 0.0)
    if now < warn_at:
        return people.wait(str(people), warn_at)
    if not memory.may_log_off:
        return people.wait(f"{people}; nobody is logged off before the canary has passed", now + 10 * MINUTE)
    return _at_the_deadline(people, zone)


def _at_the_deadline(people: People, zone: str) -> Step:
    """What is declared for those who are still there."""
    drain, reachable = people.drain, people.reachable
    if people.force:
        unwarned = tuple(s for s in reachable if s.id not in people.memory.warned)
        if unwarned:
            return SendMessage(unwarned, drain.final_message, people.now + drain.grace, presence.FINAL_MESSAGE)
        if people.now < people.off_at:
            return people.wait(f"{people}; logged off at {local_time(people.off_at, zone)}", people.off_at)
        return LogOffUsers(reachable) if reachable else Wait(str(people), 30.0, of=Part.SESSIONS)
    ended = tuple(s for s in people.sessions if s.state == "Disconnected")
    if drain.log_off is LogOff.DISCONNECTED_ONLY and ended:
        return LogOffUsers(ended, only_disconnected=True)
    return GiveBack(f"still in use at the drain deadline ({people}); drain.log_off is {drain.log_off}")


def note(people: People) -> Enter | None:
    """The write that keeps messages from being sent again after a crash: by now all that are there have got theirs."""
    record, times = people.record, [people.told_at(s) for s in people.sessions]
    if not times or any(at is None for at in times):
        return None
    seconds = math.ceil(max(at for at in times if at is not None) - record.s)
    return Enter(record.to(record.p, record.s, m=seconds)) if seconds > record.m else None
