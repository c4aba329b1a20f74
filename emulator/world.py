"""The emulated cloud: resources, a clock, and the events that are due.

Nothing here runs by itself. Time only moves in `World.advance`, which is called before each request is handled and by
a timer of the server; it takes due events one by one, each at its own time, so that what is recorded (capacity
samples, session events, operation end times) carries exact times however seldom somebody asks. Events are data, not
closures, so that the whole world can be written to a file and read back (`state.py`).
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from emulator.wire import Body

Handler = Callable[..., None]
"""An event handler: called as handler(world, **payload) at the event's time."""


@dataclass(slots=True)
class Resource:
    """One ARM resource. `body` is what GET returns; `hidden` is what it never shows (protected settings, secrets)."""

    id: str
    body: Body
    etag: int = 1
    hidden: Body = field(default_factory=dict)


@dataclass(order=True, slots=True)
class Event:
    time: float
    order: int
    kind: str = field(compare=False)
    payload: Body = field(compare=False)


class Resources(dict[str, Resource]):
    """Resources by lower-case id, with an index by each prefix, since the children of a VM are asked for in every
    answer, and one by type, since of thousands of resources few are scaling plans."""

    def __init__(self, resources: Mapping[str, Resource] | None = None) -> None:
        super().__init__()
        self._below: dict[str, dict[str, None]] = {}
        self._of_type: dict[str, dict[str, None]] = {}
        for key, resource in (resources or {}).items():
            self[key] = resource

    def __reduce__(self) -> tuple[type[Resources], tuple[dict[str, Resource]]]:
        return Resources, (dict(self),)

    def __setitem__(self, key: str, resource: Resource) -> None:
        if key not in self:
            for prefix in _prefixes(key):
                self._below.setdefault(prefix, {})[key] = None
            self._of_type.setdefault(_type_of(resource), {})[key] = None
        super().__setitem__(key, resource)

    def __delitem__(self, key: str) -> None:
        self._of_type[_type_of(self[key])].pop(key, None)
        super().__delitem__(key)
        for prefix in _prefixes(key):
            self._below[prefix].pop(key, None)
            if not self._below[prefix]:
                del self._below[prefix]

    def keys_below(self, prefix: str, resource_type: str | None = None) -> list[str]:
        """The keys that start with `prefix/`, in order of creation. With a (lower-case) type all of it are among them,
        and others may be."""
        below = self._below.get(prefix, {}) if prefix else self
        of_type = self._of_type.get(resource_type, {}) if resource_type is not None else below
        if len(of_type) < len(below):
            return [key for key in of_type if key.startswith(f"{prefix}/")]
        return list(below)


def _type_of(resource: Resource) -> str:
    return str(resource.body.get("type", "")).lower()


def _prefixes(key: str) -> list[str]:
    found, at = [], key.find("/", 1)
    while at > 0:
        found.append(key[:at])
        at = key.find("/", at + 1)
    return found


class World:
    """All state of the emulator. Times are epoch seconds of emulated time."""

    def __init__(self, *, now: float, seed: int = 1) -> None:
        self.now = now
        self.seed = seed
        self.random = random.Random(seed)
        self.resources = Resources()
        """By lower-case ARM id."""
        self.sections: dict[str, Any] = {}
        """State of the other parts (operations, guests, users, faults, request log ...), by the part's name; each part
        owns one key and keeps JSON-able values or dataclasses registered in `state.py` there."""
        self.handlers: dict[str, Handler] = {}
        self._events: list[Event] = []
        self._order = 0

    # -- time

    def advance(self, to: float) -> None:
        """Move time forward to `to`, handling each event that falls due at its own time, oldest first."""
        while self._events and self._events[0].time <= to:
            event = heapq.heappop(self._events)
            self.now = max(self.now, event.time)
            self.handlers[event.kind](self, **event.payload)
        self.now = max(self.now, to)

    def schedule(self, delay: float, kind: str, **payload: Any) -> None:
        """Handle an event of `kind` after `delay` seconds. The payload is JSON-able."""
        self._order += 1
        heapq.heappush(self._events, Event(self.now + max(0.0, delay), self._order, kind, payload))

    def next_event(self) -> float | None:
        """When the next event falls due, or None."""
        return self._events[0].time if self._events else None

    def iso(self, at: float | None = None) -> str:
        """A time as ARM writes it, `2026-01-01T10:00:00.0000000+00:00`-like with microseconds and Z."""
        moment = datetime.fromtimestamp(self.now if at is None else at, UTC)
        return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")

    # -- saving

    def export(self) -> Body:
        """All of the world but its handlers, for `state.py`; the values are the living ones, not copies."""
        return {
            "now": self.now,
            "seed": self.seed,
            "random": self.random.getstate(),
            "resources": dict(self.resources),
            "sections": self.sections,
            "events": self._events,
            "order": self._order,
        }

    @classmethod
    def of_export(cls, saved: Body) -> World:
        """The world of an export; handlers are set by whoever runs it."""
        world = cls(now=saved["now"], seed=saved["seed"])
        world.random.setstate(saved["random"])
        world.sections = saved["sections"]
        for key, resource in saved["resources"].items():
            world.resources[key] = resource
        world._events, world._order = saved["events"], saved["order"]
        return world

    # -- identity

    def guid(self) -> str:
        """A random GUID that depends on the seed only."""
        bits = self.random.getrandbits(128)
        text = f"{bits & ~(0xF << 76) & ~(0x3 << 62) | 0x4 << 76 | 0x2 << 62:032x}"  # version 4, as uuid.UUID makes it
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    # -- resources

    def setting(self, name: str, default: Any) -> Any:
        """An option of the emulator itself: speed, latency, throttling (`sections["settings"]`)."""
        return self.sections.get("settings", {}).get(name, default)

    def get(self, resource_id: str) -> Resource | None:
        return self.resources.get(resource_id.lower())

    def put(self, resource_id: str, body: Body, hidden: Mapping[str, Any] | None = None) -> Resource:
        """Create or replace a resource; the etag counts up, what is hidden stays unless given."""
        known = self.get(resource_id)
        if known is None:
            known = self.resources[resource_id.lower()] = Resource(resource_id, body, hidden=dict(hidden or {}))
        else:
            known.body = body
            known.etag += 1
            if hidden is not None:
                known.hidden = dict(hidden)
        return known

    def delete(self, resource_id: str) -> None:
        if resource_id.lower() in self.resources:
            del self.resources[resource_id.lower()]

    def under(self, prefix: str, resource_type: str | None = None) -> Iterator[Resource]:
        """Resources whose id starts with `prefix/`, in order of creation, of one type (`Microsoft.Compute/disks`)."""
        wanted = resource_type.lower() if resource_type is not None else None
        for key in self.resources.keys_below(prefix.lower().rstrip("/"), wanted):
            resource = self.resources.get(key)
            if resource is not None and (wanted is None or _type_of(resource) == wanted):
                yield resource
