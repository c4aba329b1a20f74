"""Figures of one rollout, from what the emulator itself recorded: requests, changes of capacity, drawn durations.

Times in these records are ISO 8601 texts of emulated time; all figures are in seconds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median, quantiles
from typing import Any

Record = Mapping[str, Any]

OUTAGE_DRAWS = {
    "stop": ("vm power off", "vm deallocate"),
    "swap": ("vm swap os disk",),
    "start": ("vm start", "guest boot"),
    "join": ("extension ad join", "extension entra join"),
    "agent": ("extension avd agent", "extension avd agent entra wait"),
    "upgrading": ("avd upgrading",),
}
"""What a host is out of service for, and the emulator's rows of it. How long its guest needs until the VM agent answers
is left out, and so is everything that goes on at the same time, such as kept extensions that run on the new disk."""
BUILD_DRAWS = ("vm create windows image", "guest agent ready", "vm deallocate", "vm delete deallocated")
"""What a temporary VM is there for."""


def seconds_of(text: str) -> float:
    """Epoch seconds of an ISO 8601 time."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def is_arm(request: Record) -> bool:
    """A call to Azure Resource Manager, not to Key Vault's data plane or Graph."""
    return str(request["path"]).lower().startswith(("/subscriptions/", "/providers/"))


def is_write(request: Record) -> bool:
    return request["method"] not in ("GET", "HEAD")


@dataclass(frozen=True)
class Calls:
    """How many calls were made to Azure Resource Manager, refused ones included."""

    reads: int
    writes: int
    """PUT, PATCH and POST: what ARM counts as writes."""
    deletes: int
    compute_updates: int
    """Writes of virtual machines and what hangs on them, which Compute counts besides."""
    refused: int
    """Answered with 429."""


def calls(requests: Iterable[Record]) -> Calls:
    """Counts of the ARM calls among these requests."""
    arm = [request for request in requests if is_arm(request)]
    writes = [r for r in arm if r["method"] not in ("GET", "HEAD", "DELETE")]
    return Calls(
        reads=sum(not is_write(r) for r in arm),
        writes=len(writes),
        deletes=sum(r["method"] == "DELETE" for r in arm),
        compute_updates=sum("/microsoft.compute/virtualmachines/" in str(r["path"]).lower() for r in writes),
        refused=sum(r["status"] == 429 for r in arm),
    )


def first_write(requests: Iterable[Record]) -> float:
    """When the first write to Azure Resource Manager was sent."""
    return min(seconds_of(r["time"]) for r in requests if is_arm(r) and is_write(r))


def served_at(changes: Iterable[Record], vms: Iterable[str]) -> dict[str, float]:
    """VM (lower-case id) -> when it began to serve for the last time. Raises ValueError where one does not serve."""
    last: dict[str, tuple[float, str]] = {}
    for change in changes:
        last[str(change["virtualMachine"]).lower()] = (seconds_of(change["time"]), str(change["state"]))
    idle = [vm for vm in vms if last.get(vm.lower(), (0.0, "unknown"))[1] != "serving"]
    if idle:
        raise ValueError(f"{len(idle)} hosts do not serve at the end, first {idle[0]}")
    return {vm.lower(): last[vm.lower()][0] for vm in vms}


def outages(changes: Iterable[Record], vms: Iterable[str], until: float) -> dict[str, float]:
    """VM (lower-case id) -> seconds it was in the state `unavailable` up to `until`."""
    since: dict[str, float] = {}
    total = {vm.lower(): 0.0 for vm in vms}
    for change in changes:
        vm, at = str(change["virtualMachine"]).lower(), seconds_of(change["time"])
        if vm in since:
            total[vm] += at - since.pop(vm)
        if change["state"] == "unavailable" and vm in total:
            since[vm] = at
    for vm, at in since.items():
        total[vm] += until - at
    return total


@dataclass(frozen=True)
class EndedForUsers:
    """Sessions that did not end by their users' doing."""

    cut_off: int
    """The VM stopped under an active session."""
    forced: int
    """Logged off by an administrator, warned before, or disconnected when the VM stopped."""


def ended_for_users(events: Iterable[Record], since: float) -> EndedForUsers:
    """From the session events of a pool, those of a rollout that began at `since`."""
    kinds = [event["event"] for event in events if seconds_of(event["time"]) >= since]
    return EndedForUsers(cut_off=kinds.count("cut_off"), forced=kinds.count("forced_logoff"))


RETURNS_WITHIN = 30 * 60.0
"""Seconds after being asked to leave a host in which a user who works on another one has moved there."""


@dataclass(frozen=True)
class Disturbed:
    """What users noticed of a rollout; `moved` and `twice` count people's changes of host."""

    messages: int
    moved: int
    """Sessions that ended on a host that was to be emptied, by its user, and began anew on another."""
    twice: int
    """Of them, those of users who had been asked to leave a host before."""
    forced: int
    cut_off: int

    @property
    def sessions(self) -> int:
        """Disturbed sessions: told, moved and forced each count."""
        return self.messages + self.moved + self.forced + self.cut_off


def disturbed(events: Iterable[Record], since: float) -> Disturbed:
    """From the session events of a pool, in order, those of a rollout that began at `since`."""
    told: dict[str, tuple[str, float]] = {}
    asked: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for event in events:
        at, user, host = seconds_of(event["time"]), str(event["user"]), str(event["host"])
        if at < since:
            continue
        kinds[event["event"]] += 1
        if event["event"] == "message" and told.get(user, ("", 0.0))[0] != host:
            told[user] = host, math.inf
            asked[user] += 1
        elif event["event"] == "logoff" and user in told and told[user][0] == host:
            told[user] = host, at
        elif event["event"] == "logon" and user in told:
            left, when = told.pop(user)
            if left != host and at - when < RETURNS_WITHIN:
                kinds["moved"] += 1
                kinds["twice"] += asked[user] > 1
    return Disturbed(kinds["message"], kinds["moved"], kinds["twice"], kinds["forced_logoff"], kinds["cut_off"])


def drained(changes: Iterable[Record], vms: Sequence[str]) -> float:
    """Seconds that hosts were drained and not yet out, all together."""
    wanted, since = {vm.lower() for vm in vms}, dict[str, float]()
    total = 0.0
    for change in changes:
        vm, at = str(change["virtualMachine"]).lower(), seconds_of(change["time"])
        if vm in since:
            total += at - since.pop(vm)
        if change["state"] == "draining" and vm in wanted:
            since[vm] = at
    return total


def drawn(draws: Iterable[Record], subject: str, names: Sequence[str]) -> float:
    """Seconds drawn for a subject under these names."""
    return sum(float(d["seconds"]) for d in draws if d["subject"] == subject.lower() and d["name"] in names)


def unavoidable(draws: Sequence[Record], vm: str) -> dict[str, float]:
    """T_u of a host by part: what the emulator drew for its stop, swap, start, join, agent and Upgrading."""
    return {part: drawn(draws, vm, names) for part, names in OUTAGE_DRAWS.items()}


@dataclass(frozen=True)
class Bound:
    """No rollout of this pool can take less than `seconds`."""

    canary: float
    """Build, T_u and bake of the canary."""
    others: float
    """Sum of the other hosts' T_u, by max_unavailable."""
    api: float
    """The greatest of the API terms: writes, deletes and Compute updates by the rates that Azure grants."""

    @property
    def seconds(self) -> float:
        return self.canary + max(self.others, self.api)


def bound(
    outage: Mapping[str, float], canary: str, build: float, bake: float, max_unavailable: int, made: Calls
) -> Bound:
    """The lower bound from T_u by VM, the canary's VM and the seconds its build drew.

    ARM grants 200 writes at once and 10 a second, deletes the same; Compute 1,500 updates at once and 500 a minute
    (learn.microsoft.com, "Understand how Azure Resource Manager throttles requests" and "Throttling limits for virtual
    machines").
    """
    others = sum(seconds for vm, seconds in outage.items() if vm != canary)
    return Bound(
        canary=build + outage[canary] + bake,
        others=others / max_unavailable,
        api=max((made.writes - 200) / 10, (made.deletes - 200) / 10, (made.compute_updates - 1500) / 500 * 60, 0.0),
    )


@dataclass(frozen=True)
class Lost:
    """Where a rollout's time above its bound went, in seconds; slot seconds are divided by max_unavailable."""

    canary: float
    """From the first write until the canary had baked, above the bound's share of it."""
    longer: float
    """Outages of the other hosts above their T_u."""
    empty: float
    """Slots without a host after the canary had baked."""
    empty_at_end: float
    """Of these, after the last host went out: what remains when nothing is left to begin."""


def lost(
    spans: Mapping[str, tuple[float, float]],
    outage: Mapping[str, float],
    canary: str,
    begun: float,
    baked: float,
    max_unavailable: int,
    bound: Bound,
) -> Lost:
    """From the hosts' time in a slot (from, until), T_u by VM, and when the canary had baked."""
    others = {vm: span for vm, span in spans.items() if vm != canary}
    ended = max(until for _, until in others.values())
    last_out = max(start for start, _ in others.values())
    held = sum(until - start for start, until in others.values())
    at_end = sum(max(0.0, until - max(start, last_out)) for start, until in others.values())
    return Lost(
        canary=baked - begun - bound.canary,
        longer=(held - sum(outage[vm] for vm in others)) / max_unavailable,
        empty=(ended - baked) - held / max_unavailable,
        empty_at_end=(ended - last_out) - at_end / max_unavailable,
    )


def slots(changes: Sequence[Record], vms: Sequence[str]) -> dict[str, tuple[float, float]]:
    """VM (lower-case id) -> from when it was first unavailable until it served for good."""
    served = served_at(changes, vms)
    first: dict[str, float] = {}
    for change in changes:
        if change["state"] == "unavailable":
            first.setdefault(str(change["virtualMachine"]).lower(), seconds_of(change["time"]))
    return {vm.lower(): (first[vm.lower()], served[vm.lower()]) for vm in vms}


def middle(values: Iterable[float]) -> float:
    return float(median(values))


def percentile(values: Iterable[float], percent: int) -> float:
    """Between neighbours in proportion; of one value it is that."""
    there = list(values)
    return float(quantiles(there, n=100, method="inclusive")[percent - 1]) if len(there) > 1 else float(there[0])
