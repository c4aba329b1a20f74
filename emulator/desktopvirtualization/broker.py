"""What the AVD broker knows beside the ARM resources: which hosts a pool has, who is logged on where, the token.

One `Broker` per host pool in the section `avd`, by lower-case host pool id. Session-host records are ARM resources
(their ids are the keys here); user sessions are kept here only, because a large pool has many of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from emulator.wire import Body
from emulator.world import Resource, World

SECTION = "avd"
EVENTS = "session_events"


@dataclass(slots=True)
class Session:
    """A user session. `lost`: the VM is gone from under it, but the broker has not noticed yet."""

    number: int
    user: str
    host: str
    created: float
    object_id: str
    state: str = "Active"
    ending: bool = False
    lost: bool = False


@dataclass(slots=True)
class Broker:
    """`hosts`: sessions by number, by lower-case session-host id. `open`: hosts that take users now."""

    id: str
    hosts: dict[str, dict[int, Session]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    open: dict[str, None] = field(default_factory=dict)
    record_of: dict[str, str] = field(default_factory=dict)
    """Lower-case VM id -> lower-case session-host id."""
    detached: dict[str, list[Session]] = field(default_factory=dict)
    """By lower-case VM id: sessions that go on in a VM whose record was deleted by force."""
    live: int = 0
    """Sessions that people really have: those in `hosts` that are not lost."""
    token: str | None = None
    expires: float = 0.0


def brokers(world: World) -> dict[str, Broker]:
    """All brokers by lower-case host pool id."""
    table: dict[str, Broker] = world.sections.setdefault(SECTION, {})
    return table


def broker_of(world: World, pool_id: str) -> Broker:
    """The broker of a host pool, made at first use."""
    key = pool_id.lower()
    table = brokers(world)
    if key not in table:
        table[key] = Broker(pool_id)
    return table[key]


def pool_id_of(record_id: str) -> str:
    """The host pool's id in the id of one of its children."""
    return "/".join(record_id.split("/")[:9])


def record_of(world: World, vm_id: str) -> tuple[Broker, Resource] | None:
    """The session-host record of a VM, with its broker."""
    for broker in brokers(world).values():
        record_id = broker.record_of.get(vm_id.lower())
        record = world.get(record_id) if record_id else None
        if record is not None:
            return broker, record
    return None


def begin_session(
    world: World, broker: Broker, record_id: str, user: str, *, state: str = "Active", created: float | None = None
) -> Session:
    """A user has logged on: the record's count follows. The caller reports the event and touches the capacity."""
    key = record_id.lower()
    number = broker.numbers.get(key, 0) + 1
    broker.numbers[key] = number
    session = Session(number, user, key, world.now if created is None else created, world.guid(), state)
    broker.hosts[key][number] = session
    broker.live += 1
    count(world, broker, key)
    return session


def end_session(world: World, broker: Broker, session: Session) -> None:
    """A session is over, in the list of the broker as well."""
    if broker.hosts.get(session.host, {}).pop(session.number, None) is not None and not session.lost:
        broker.live -= 1
    count(world, broker, session.host)


def count(world: World, broker: Broker, record_id: str) -> None:
    """Write the number of sessions into the record."""
    record = world.get(record_id)
    if record is not None:
        record.body["properties"]["sessions"] = len(broker.hosts.get(record_id, {}))


def lose_session(broker: Broker, session: Session) -> None:
    """The VM is gone from under a session; the broker goes on listing it until it notices."""
    if not session.lost:
        session.lost = True
        broker.live -= 1


def report(world: World, broker: Broker, session: Session, event: str, text: str = "") -> None:
    """Add to the pool's session events: logon, logoff, message, disconnect, forced_logoff or cut_off."""
    entries: list[Body] = world.sections.setdefault(EVENTS, {}).setdefault(broker.id.lower(), [])
    host = session.host.rsplit("/", 1)[-1]
    record = world.get(session.host)
    if record is not None:
        host = record.id.rsplit("/", 1)[-1]
    entries.append({"time": world.iso(), "user": session.user, "host": host, "event": event, "text": text})


def events_of(world: World, pool_id: str) -> list[Body]:
    """The session events of a host pool, in order."""
    entries: list[Body] = world.sections.get(EVENTS, {}).get(pool_id.lower(), [])
    return entries
