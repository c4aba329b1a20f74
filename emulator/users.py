"""The people who work on a host pool: they log on, work, disconnect, read messages (or not), log off, come back.

Each user is drawn from the seed alone: start of the working day from a daily curve (hours are UTC), its length, and
habits. What happens to one user never changes another's draws, so two runs of one seed meet the same people.

New logons go to hosts that are Available and take new sessions, by the pool's load balancer. A disconnected user
reconnects to the old session even on a draining host. With `return_probability` the last user to leave a draining host
comes back to it after all (RDS-Templates issues 509 and 570): between zero sessions and the stop of the VM.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from emulator import capacity
from emulator.desktopvirtualization.broker import (
    Broker,
    Session,
    begin_session,
    broker_of,
    end_session,
    lose_session,
    report,
)
from emulator.world import Handler, World

SECTION = "users"
DOMAIN = "CONTOSO"
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

LOGONS_BY_HOUR = (1, 1, 0.5, 0.5, 1, 3, 10, 25, 35, 15, 5, 3, 4, 8, 4, 2, 2, 3, 4, 3, 2.5, 2.5, 2, 1)
"""Share of users whose day begins in each hour: an office with some late and night work (made up, not measured)."""


@dataclass(frozen=True)
class Habits:
    """Probabilities and median minutes of a pool's users.

    log_off_minutes: from reading a message to logging off. ignore_probability: never reacts to a message.
    disconnect_probability: leaves without logging off. return_probability: see above. stay: sessions end only when
    somebody ends them or by a message.
    """

    log_off_minutes: float = 5.0
    ignore_probability: float = 0.2
    disconnect_probability: float = 0.3
    return_probability: float = 0.0
    stay: bool = False
    logged_on: float = 0.5
    """Share of the users who are logged on when the scenario begins."""
    disconnected_minutes: float = 180.0
    """A disconnected session ends after this time, as the usual policy sets it."""


@dataclass(slots=True)
class User:
    """`start` and `length` in hours; `turn` counts what happened to the user: it shows outdated events."""

    name: str
    start: float
    length: float
    disconnects: bool
    ignores: bool
    host: str | None = None
    number: int = 0
    turn: int = 0
    home: str | None = None
    """Personal pools: the session host that is assigned to this user, by lower-case id."""


@dataclass(slots=True)
class Crowd:
    """The users of one pool."""

    habits: Habits
    people: dict[str, User] = field(default_factory=dict)


def crowd_of(world: World, pool_id: str) -> Crowd | None:
    """The users of a host pool, if it has any."""
    crowd: Crowd | None = world.sections.get(SECTION, {}).get(pool_id.lower())
    return crowd


def populate(world: World, broker: Broker, number: int, habits: Habits, domain: str = "contoso.com") -> Crowd:
    """Make the users of a pool; nobody is logged on yet. `begin` puts them to work."""
    crowd = Crowd(habits)
    for index in range(number):
        name = f"user{index + 1}@{domain}"
        chance = random.Random(f"{world.seed}/{broker.id.lower()}/{name}")
        hour = chance.choices(range(24), LOGONS_BY_HOUR)[0]
        day_shift = 5 <= hour <= 14
        crowd.people[name] = User(
            name,
            start=hour + chance.random(),
            length=_spread(chance, 7.5 if day_shift else 2.5, 0.25),
            disconnects=chance.random() < habits.disconnect_probability,
            ignores=chance.random() < habits.ignore_probability,
        )
    world.sections.setdefault(SECTION, {})[broker.id.lower()] = crowd
    return crowd


def begin(world: World, broker: Broker, placed: list[tuple[User, str]]) -> None:
    """Start the day: `placed` users have a session on a host (lower-case record id) already, the others come later."""
    crowd = crowd_of(world, broker.id)
    if crowd is None:
        return
    for user, record_id in placed:
        chance = _chance(world, user)
        away = not crowd.habits.stay and user.disconnects and chance.random() < 0.5
        session = begin_session(
            world,
            broker,
            record_id,
            user.name,
            state="Disconnected" if away else "Active",
            created=world.now - 60 * chance.uniform(5, 240),
        )
        user.host, user.number = record_id, session.number
        report(world, broker, session, "logon")
        if away:
            report(world, broker, session, "disconnect")
            _later(world, broker, user, 60 * chance.uniform(10, crowd.habits.disconnected_minutes), "users.expire")
        elif not crowd.habits.stay:
            _later(world, broker, user, 60 * _spread(chance, 90, 0.7), "users.leave")
    for user in crowd.people.values():
        if user.host is None and not crowd.habits.stay:
            _come_tomorrow(world, broker, user)


# -- what administrators and machines do to users


def message_seen(world: World, broker: Broker, session: Session) -> None:
    """A message was shown: most users finish and log off."""
    crowd, user = _who(world, broker, session)
    if crowd is None or user is None or user.ignores or session.state != "Active":
        return
    seconds = 60 * _spread(_chance(world, user), crowd.habits.log_off_minutes, 0.5)
    _later(world, broker, user, seconds, "users.heed")


def disconnected(world: World, broker: Broker, session: Session) -> None:
    """A session goes to Disconnected, by the user or by an administrator."""
    session.state = "Disconnected"
    report(world, broker, session, "disconnect")
    crowd, user = _who(world, broker, session)
    if crowd is None or user is None:
        return
    chance = _chance(world, user)
    limit = 60 * crowd.habits.disconnected_minutes
    back = 60 * _spread(chance, 45, 0.8)
    if back < limit and chance.random() < 0.5:
        _later(world, broker, user, back, "users.reconnect")
    else:
        _later(world, broker, user, limit, "users.expire")


def forced_off(world: World, broker: Broker, session: Session) -> None:
    """An administrator's log-off is through: the user comes back soon, to another host if need be."""
    _gone(world, broker, session, "forced_logoff", again=_spread_minutes(world, broker, session, 3))


def cut_off(world: World, broker: Broker, session: Session) -> None:
    """The VM stopped under a session. The broker lists it until it notices; the user knows at once."""
    event = "cut_off" if session.state == "Active" else "forced_logoff"
    report(world, broker, session, event)
    lose_session(broker, session)
    _, user = _who(world, broker, session)
    if user is not None:
        user.host = None
        _later(world, broker, user, _spread_minutes(world, broker, session, 2), "users.logon")


# -- events


def logon(world: World, pool: str, user: str, turn: int) -> None:
    """Event: a user wants to work. Where no host takes new sessions, again in two minutes."""
    broker, crowd, person = _actor(world, pool, user, turn)
    if broker is None or crowd is None or person is None or person.host is not None:
        return
    record_id = _choose(world, broker, person)
    if record_id is None:
        world.schedule(0, "avd.start_on_connect", pool=broker.id)
        _later(world, broker, person, 2 * MINUTE, "users.logon")
        return
    _arrive(world, broker, crowd, person, record_id)


def leave(world: World, pool: str, user: str, turn: int) -> None:
    """Event: the work is done; some disconnect instead of logging off."""
    broker, _, person = _actor(world, pool, user, turn)
    session = _session(broker, person)
    if broker is None or person is None or session is None:
        return
    if person.disconnects and session.state == "Active":
        disconnected(world, broker, session)
        return
    _gone(world, broker, session, "logoff", again=None)
    capacity.pool_changed(world, broker.id)


def heed(world: World, pool: str, user: str, turn: int) -> None:
    """Event: a user who was asked to log off does so, and goes on elsewhere if the day is not over."""
    broker, crowd, person = _actor(world, pool, user, turn)
    session = _session(broker, person)
    if broker is None or crowd is None or person is None or session is None:
        return
    busy = crowd.habits.stay or _remaining(world, person) > 10 * MINUTE
    again = _spread_minutes(world, broker, session, 4) if busy else None
    _gone(world, broker, session, "logoff", again=again)
    capacity.pool_changed(world, broker.id)


def expire(world: World, pool: str, user: str, turn: int) -> None:
    """Event: a disconnected session has reached its time limit."""
    broker, _, person = _actor(world, pool, user, turn)
    session = _session(broker, person)
    if broker is not None and session is not None and session.state == "Disconnected":
        _gone(world, broker, session, "logoff", again=None)
        capacity.pool_changed(world, broker.id)


def reconnect(world: World, pool: str, user: str, turn: int) -> None:
    """Event: back to a disconnected session; the broker leads to it even where the host is draining."""
    broker, _, person = _actor(world, pool, user, turn)
    session = _session(broker, person)
    if broker is None or person is None or session is None or session.ending:
        return
    session.state = "Active"
    report(world, broker, session, "logon")
    _later(world, broker, person, 60 * _spread(_chance(world, person), 60, 0.6), "users.leave")


def slip_back(world: World, pool: str, user: str, turn: int, host: str) -> None:
    """Event: a user returns to a draining host that had run empty, if it is still there to return to."""
    broker, crowd, person = _actor(world, pool, user, turn)
    if broker is None or crowd is None or person is None or person.host is not None:
        return
    record = world.get(host)
    if record is not None and record.hidden.get("running") and host in broker.hosts:
        _arrive(world, broker, crowd, person, host)
    else:
        logon(world, pool, user, turn)


HANDLERS: dict[str, Handler] = {
    "users.logon": logon,
    "users.leave": leave,
    "users.heed": heed,
    "users.expire": expire,
    "users.reconnect": reconnect,
    "users.slip_back": slip_back,
}


# -- inner steps


def _arrive(world: World, broker: Broker, crowd: Crowd, user: User, record_id: str) -> None:
    session = begin_session(world, broker, record_id, user.name)
    user.host, user.number = record_id, session.number
    report(world, broker, session, "logon")
    capacity.pool_changed(world, broker.id)
    if crowd.habits.stay:
        user.turn += 1
    else:
        seconds = max(5 * MINUTE, min(_remaining(world, user), 12 * HOUR))
        _later(world, broker, user, seconds * _chance(world, user).uniform(0.4, 1.0), "users.leave")


def _gone(world: World, broker: Broker, session: Session, event: str, *, again: float | None) -> None:
    """A session ends. `again`: seconds until the user logs on anew, None: the next working day."""
    report(world, broker, session, event)
    end_session(world, broker, session)
    crowd, user = _who(world, broker, session)
    if crowd is None or user is None:
        return
    user.host = None
    chance = _chance(world, user)
    record = world.get(session.host)
    emptied = record is not None and not record.body["properties"]["allowNewSession"] and not broker.hosts[session.host]
    if emptied and chance.random() < crowd.habits.return_probability:
        _later(world, broker, user, chance.uniform(20, 400), "users.slip_back", host=session.host)
    elif again is not None:
        _later(world, broker, user, again, "users.logon")
    elif not crowd.habits.stay:
        _come_tomorrow(world, broker, user)


def _choose(world: World, broker: Broker, user: User) -> str | None:
    """The host the load balancer sends a new logon to, by lower-case id; None if none takes it."""
    pool = world.get(broker.id)
    if pool is None:
        return None
    if user.home is not None:
        return user.home if user.home in broker.open else None
    properties = pool.body["properties"]
    limit = properties["maxSessionLimit"]
    fitting = [record_id for record_id in broker.open if len(broker.hosts[record_id]) < limit]
    if not fitting:
        return None
    if properties["loadBalancerType"] == "DepthFirst":
        return max(fitting, key=lambda record_id: len(broker.hosts[record_id]))
    return min(fitting, key=lambda record_id: len(broker.hosts[record_id]))


def _come_tomorrow(world: World, broker: Broker, user: User) -> None:
    """Schedule the next beginning of the user's day; every day is a working day."""
    midnight = math.floor(world.now / DAY) * DAY
    begins = midnight + user.start * HOUR + _chance(world, user).uniform(-15, 15) * MINUTE
    while begins <= world.now + 10 * MINUTE:
        begins += DAY
    _later(world, broker, user, begins - world.now, "users.logon")


def _remaining(world: World, user: User) -> float:
    """Seconds until the user's day ends; 0 outside it."""
    since = (world.now / HOUR - user.start) % 24
    return max(0.0, user.length - since) * HOUR


def _later(world: World, broker: Broker, user: User, seconds: float, kind: str, **payload: str) -> None:
    user.turn += 1
    world.schedule(seconds, kind, pool=broker.id, user=user.name, turn=user.turn, **payload)


def _actor(world: World, pool: str, name: str, turn: int) -> tuple[Broker | None, Crowd | None, User | None]:
    """Broker, crowd and user of an event; nothing where the event is outdated."""
    crowd = crowd_of(world, pool)
    user = crowd.people.get(name) if crowd is not None else None
    if world.get(pool) is None or user is None or user.turn != turn:
        return None, None, None
    return broker_of(world, pool), crowd, user


def _who(world: World, broker: Broker, session: Session) -> tuple[Crowd | None, User | None]:
    crowd = crowd_of(world, broker.id)
    return crowd, crowd.people.get(session.user) if crowd is not None else None


def _session(broker: Broker | None, user: User | None) -> Session | None:
    if broker is None or user is None or user.host is None:
        return None
    return broker.hosts.get(user.host, {}).get(user.number)


def _spread_minutes(world: World, broker: Broker, session: Session, median: float) -> float:
    _, user = _who(world, broker, session)
    return 60 * _spread(_chance(world, user), median, 0.5) if user is not None else 60 * median


def _chance(world: World, user: User) -> random.Random:
    """A user's own dice: they depend on seed, name and what has happened to that user."""
    return random.Random(f"{world.seed}/{user.name}/{user.turn}")


def _spread(chance: random.Random, median: float, sigma: float) -> float:
    return median * math.exp(chance.gauss(0, sigma))
