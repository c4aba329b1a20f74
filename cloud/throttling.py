"""Staying below Azure's limits: one throttle for everything that one principal does in this process.

Azure Resource Manager counts per subscription and principal with token buckets (learn.microsoft.com, "Understand how
Azure Resource Manager throttles requests"); Compute counts per VM besides (learn.microsoft.com, "Throttling limits for
virtual machines"); AVD counts lists of session hosts. A request that is sent before Retry-After has passed is refused
and gets a new wait, so a 429 for the subscription holds everybody back, not only the request that saw it.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import heapify, heappop, heappush
from itertools import count
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from cloud.pace import Pace
from cloud.waits import retry_after
from rollout.clock import Clock, from_iso
from rollout.urgency import Urgency, urgency

PATIENCE = {Urgency.RUN: -3600.0, Urgency.OUT: 0.0, Urgency.DRAINING: 60.0, Urgency.LATER: 300.0}
"""Seconds by which a request may be overtaken by more urgent ones: a lease is renewed at once, a host out of service
goes before one that drains, and that before builds and leftovers; but nobody waits for ever."""


class Kind(StrEnum):
    READ = "reads"
    WRITE = "writes"
    DELETE = "deletes"
    DISK_LIST = "disk lists"
    """Pages of lists of disks, which Compute counts besides as HighCostGet3Min."""


@dataclass(frozen=True)
class Rate:
    """A token bucket: `burst` requests at once, `per_second` requests of the clock's time in the long run."""

    burst: float
    per_second: float


RATES = {
    Kind.READ: Rate(250, 25),
    Kind.WRITE: Rate(200, 10),
    Kind.DELETE: Rate(200, 10),
    Kind.DISK_LIST: Rate(230, 230 / 180),
}
"""Per subscription, principal and region, since 2024. Disk lists per subscription: that HighCostGet3Min has 240 is
recorded (x-ms-ratelimit-remaining-resource), its refill is inferred from the name; a few are left to others."""
_OF_A_HOST = (Kind.READ, Kind.WRITE, Kind.DELETE)
"""The buckets that hosts on their way draw from."""

_REFILL = {"PutVM": 15.0, "UpdateVM": 15.0, "DeleteVM": 15.0, "LowCostGet": 5.0, "GetOperation": 4.0}
"""Seconds in which Compute's bucket of one VM gains one request: 4, 12 and 15 a minute."""
_ABOUT_ONE_RESOURCE = frozenset(
    {"RetryableError", "RetryableErrorDueToAnotherOperation", "OperationNotAllowed", "TooManyRequests"}
)
"""Codes of a 429 that do not mean the subscription: a race in Network (recording error-429-retryableerror-network),
Compute's buckets of one VM."""
_LOW = 1
"""Requests left in a VM's bucket at which we wait for it to refill."""


def kind_of(method: str) -> Kind:
    """The bucket that a method is counted in. PUT, PATCH and POST are writes."""
    if method in ("GET", "HEAD"):
        return Kind.READ
    return Kind.DELETE if method == "DELETE" else Kind.WRITE


@dataclass(order=True)
class _Waiter:
    """Who waits for a bucket, ordered by when it is due."""

    due: float
    arrival: int
    first: asyncio.Event = field(default_factory=asyncio.Event, compare=False)
    """Set when it has become the first in the queue."""


class Bucket:
    """A token bucket on the clock's time. Who waits is served by urgency: as if it had come that much later."""

    def __init__(self, clock: Clock, rate: Rate) -> None:
        self._clock, self._rate = clock, rate
        self._level, self._at = rate.burst, clock.now()
        self._held_until = 0.0
        self._queue: list[_Waiter] = []
        self._arrivals = count()

    async def take(self) -> None:
        """Wait until a request may be sent, and count it."""
        if self._queue or self._wait() > 0:
            await self._turn(_Waiter(self._clock.now() + PATIENCE[urgency.get()], next(self._arrivals)))
        self._level -= 1

    async def _turn(self, me: _Waiter) -> None:
        heappush(self._queue, me)
        try:
            while True:
                if self._queue[0] is not me:
                    await me.first.wait()
                    me.first.clear()
                elif (wait := self._wait()) > 0:
                    await self._clock.sleep(wait)  # somebody more urgent may come meanwhile
                else:
                    return
        finally:
            if self._queue[0] is me:
                heappop(self._queue)
            else:
                self._queue.remove(me)
                heapify(self._queue)
            if self._queue:
                self._queue[0].first.set()

    def hold(self, seconds: float) -> None:
        """Let nobody pass for `seconds`: Azure said so, its bucket is empty."""
        self._refill()
        self._held_until = max(self._held_until, self._clock.now() + seconds)
        self._level = min(self._level, 1.0)

    def at_most(self, remaining: float) -> None:
        """Azure counts fewer requests left than we do: another process has the same principal."""
        self._refill()
        self._level = min(self._level, remaining)

    @property
    def level(self) -> float:
        """Requests that may be sent at once now."""
        self._refill()
        return self._level

    def _refill(self) -> None:
        now = self._clock.now()
        self._level = min(self._rate.burst, self._level + max(0.0, now - self._at) * self._rate.per_second)
        self._at = now

    def _wait(self) -> float:
        self._refill()
        held = self._held_until - self._clock.now()
        if held > 1e-6:
            return held
        missing = 1.0 - self._level
        return missing / self._rate.per_second if missing > 1e-6 else 0.0


class Throttle:
    """The buckets of one principal, for all subscriptions it works in."""

    def __init__(self, clock: Clock, rates: Mapping[Kind, Rate] = RATES) -> None:
        self._clock, self._rates = clock, rates
        self._buckets: dict[tuple[str, Kind], Bucket] = {}
        self._resources: dict[str, float] = {}
        self._taken: Counter[Kind] = Counter()
        self.pace = Pace(clock)
        self.paced = 0.0
        """Seconds for which requests waited here, all together."""

    def bucket(self, subscription: str, kind: Kind) -> Bucket:
        key = (subscription.lower(), kind)
        known = self._buckets.get(key)
        if known is None:
            known = self._buckets[key] = Bucket(self._clock, self._rates[kind])
        return known

    async def wait_turn(self, method: str, url: str) -> None:
        """Wait until this request may be sent, and count it."""
        path, asked = urlsplit(url).path.lower(), self._clock.now()
        key = _resource_key(method, path)
        while (until := self._resources.get(key)) is not None:
            wait = until - self._clock.now()
            if wait <= 1e-6:
                self._resources.pop(key, None)
                break
            await self._clock.sleep(wait)
        kind = kind_of(method)
        if method == "GET" and path.endswith("/providers/microsoft.compute/disks"):
            await self.bucket(_subscription(path), Kind.DISK_LIST).take()
        await self.bucket(_subscription(path), kind).take()
        self._taken[kind] += 1
        self.paced += self._clock.now() - asked

    def scarcity(self) -> float:
        """How scarce reads are, in the subscription where they are scarcest: from 0, a bucket is full and hosts may
        begin as they like, to 1, it is empty or hosts have to wait for others."""
        burst = self._rates[Kind.READ].burst
        levels = [bucket.level for (_, kind), bucket in self._buckets.items() if kind is Kind.READ]
        return max(1.0 - max(0.0, min(levels, default=burst)) / burst, self.pace.scarcity())

    def room(self) -> int:
        """Hosts that may begin now. What several subscriptions grant counts as if it were one's."""
        return self.pace.room(self._limits())

    def hosts_an_hour(self) -> float:
        """Hosts that the limits carry in the long run."""
        return 3600 * self.pace.per_second(self._limits())

    def _limits(self) -> dict[str, tuple[float, int]]:
        return {kind: (self._rates[kind].per_second, self._taken[kind]) for kind in _OF_A_HOST}

    def learn(self, method: str, url: str, status: int, headers: Mapping[str, str], text: str = "") -> None:
        """Take in what an answer says about limits. `text` is the body of a 429, else empty."""
        path = urlsplit(url).path.lower()
        kind = kind_of(method)
        left = headers.get(f"x-ms-ratelimit-remaining-subscription-{kind}")
        if left is not None and left.isdigit():
            self.bucket(_subscription(path), kind).at_most(float(left))
        self._learn_resource(method, path, headers)
        if status == 429:
            self._learn_refusal(method, path, headers, text)

    def _learn_refusal(self, method: str, path: str, headers: Mapping[str, str], text: str) -> None:
        wait = retry_after(headers, self._clock)
        if wait is None:
            return
        if _everybody(headers, text):
            self.bucket(_subscription(path), kind_of(method)).hold(wait)
        else:
            self._hold_resource(_resource_key(method, path), wait)

    def _learn_resource(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        for policy, left in _remaining(headers):
            if policy.endswith("Resource") and left <= _LOW:
                self._hold_resource(_resource_key(method, path), _REFILL.get(policy.removesuffix("Resource"), 15.0))
        # AVD: 10 lists of session hosts in 5 minutes; a single GET says 0 and "9223372036854775807"
        # (recording avd-sessionhost-get-and-list).
        if headers.get("x-rate-limit-remaining") == "0" and headers.get("x-rate-limit-limit", "0") != "0":
            try:
                reset = from_iso(headers.get("x-rate-limit-reset", ""))
            except ValueError:
                return
            self._hold_resource(_resource_key(method, path), reset - self._clock.now())

    def _hold_resource(self, key: str, seconds: float) -> None:
        if seconds > 0:
            self._resources[key] = max(self._resources.get(key, 0.0), self._clock.now() + seconds)


def _everybody(headers: Mapping[str, str], text: str) -> bool:
    """Whether a 429 is about the subscription; else it is about one resource."""
    if any(left == 0 and not policy.endswith("Resource") for policy, left in _remaining(headers)):
        return True
    try:
        body = json.loads(text)
    except ValueError:
        return True
    error = body.get("error", body) if isinstance(body, dict) else {}
    code = error.get("code") if isinstance(error, dict) else None
    return code not in _ABOUT_ONE_RESOURCE


def _remaining(headers: Mapping[str, str]) -> list[tuple[str, int]]:
    """`Microsoft.Compute/UpdateVMResource;11,...` -> [("UpdateVMResource", 11), ...]."""
    found = []
    for part in headers.get("x-ms-ratelimit-remaining-resource", "").split(","):
        name, _, left = part.strip().rpartition(";")
        if name and left.isdigit():
            found.append((name.rpartition("/")[2], int(left)))
    return found


def _resource_key(method: str, path: str) -> str:
    """What Compute counts together: the VM and the class of the request; elsewhere the method and path."""
    head, marker, tail = path.partition("/virtualmachines/")
    if not marker:
        return f"{method} {path}"
    name, _, verb = tail.partition("/")
    if method == "GET":
        policy = "LowCostGet"
    elif (method == "DELETE" and not verb) or verb == "deallocate":
        policy = "DeleteVM"
    elif method == "PUT" and not verb:
        policy = "PutVM"
    else:
        policy = "UpdateVM"
    return f"{policy} {head}{marker}{name}"


def _subscription(path: str) -> str:
    head, _, tail = path.partition("/subscriptions/")
    return tail.partition("/")[0] if not head else ""


_shared: WeakValueDictionary[tuple[object, ...], Throttle] = WeakValueDictionary()


def shared_throttle(resource_manager: str, principal: str, clock: Clock) -> Throttle:
    """The process's throttle for one principal at one endpoint, as long as anybody holds it: several rollouts of one
    process share their limits. One event loop each, since waiting is bound to it."""
    key = (resource_manager, principal, clock, id(asyncio.get_running_loop()))
    known = _shared.get(key)
    if known is None:
        known = _shared[key] = Throttle(clock)
    return known
