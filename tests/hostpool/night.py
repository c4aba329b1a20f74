"""A night's rollout as the engine would tell it: events made by a small simulation, the same for the same arguments.

It knows a sliding window, a canary with its bake time, draining users, a host whose new disk fails and gets the old
one back, a host left out because a user stayed, and a process that is killed and resumed.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rollout.events import Event, Kind

BEGIN = 1768251600.0  # 2026-01-12T21:00:00Z
POOL = "hp-finance"
SUBSCRIPTION = "/subscriptions/11111111-2222-3333-4444-555555555555"
POOL_ID = f"{SUBSCRIPTION}/resourceGroups/rg-avd/providers/Microsoft.DesktopVirtualization/hostPools/{POOL}"
IMAGE = f"{SUBSCRIPTION}/resourceGroups/rg-images/providers/Microsoft.Compute/galleries/avd/images/win11"
VERSION_ID = f"{IMAGE}/versions/1.0.1"
ROLLOUT = "3f2a9c11"
OWNER = "runner-17"

EVIDENCE = {
    "extension": "JsonADDomainExtension: Exception(s) occured while joining Domain 'corp.example.com'",
    "boot_diagnostics": "https://avddiag.blob.core.windows.net/bootdiagnostics-vm5/screenshot.bmp",
    "event_log": ["NETLOGON 5719: no domain controller is available", "NetSetup 4097: joined failed with 1355"],
    "session_host_status": "NeedsAssistance",
}


@dataclass
class Night:
    """The simulation's state; `events` fills as it runs."""

    hosts: Sequence[str]
    max_unavailable: int
    rng: random.Random
    failing: frozenset[str]
    staying: frozenset[str]
    floor: int
    events: list[Event] = field(default_factory=list)
    state: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, int] = field(default_factory=dict)
    queue: list[tuple[float, int, Iterator[float], str]] = field(default_factory=list)
    turn: int = 0

    def tell(self, at: float, kind: Kind, host: str = "", text: str = "", /, **data: object) -> None:
        self.events.append(Event(at, kind, host, text, dict(data)))

    def capacity(self, at: float) -> None:
        count: dict[str, object] = {
            s: sum(v == s for v in self.state.values()) for s in ("serving", "draining", "unavailable")
        }
        sessions = sum(self.sessions.values())
        self.tell(at, Kind.CAPACITY, hosts=len(self.hosts), sessions=sessions, floor=self.floor, **count)

    def begin(self, host: str, at: float) -> None:
        self.turn += 1
        heapq.heappush(self.queue, (at, self.turn, self.way(host), host))

    def way(self, host: str) -> Iterator[float]:
        """One host: yields how long each step takes; the time of the step is sent in by `run` as `self.now`."""
        draw = self.rng.uniform
        self.phase(host, "build", "")
        yield draw(330, 480)
        self.action(host, "created the temporary VM", draw(150, 240))
        self.action(host, "deallocated the temporary VM", draw(40, 70))
        self.phase(host, "drain", "build", "draining")
        for i in range(self.sessions[host]):
            self.user(host, i, "message")
        self.tell(self.now, Kind.WAITING, host, f"{self.sessions[host]} sessions, log-off deadline in 60 min")
        yield draw(240, 1500)
        if host in self.staying:
            self.tell(self.now, Kind.WAITING, host, "1 active session, left at the deadline")
            yield 1800.0
            self.phase(host, "leave", "drain")
            self.tell(
                self.now,
                Kind.HOST_FAILED,
                host,
                "user3 was still signed in at the drain deadline; drain.log_off is wait",
                result="left_out",
            )
            self.phase(host, "done", "leave", "serving")
            return
        if self.sessions[host]:
            self.user(host, 0, "logged off")
        if self.sessions[host] > 3:
            self.user(host, 1, "came back")
        self.sessions[host] = 0
        out = self.now
        self.phase(host, "release", "drain", "unavailable")
        yield draw(50, 110)
        self.action(host, "deallocated", draw(40, 90))
        self.action(host, "attached the new OS disk", draw(4, 12))
        self.phase(host, "rejoin", "release")
        yield draw(420, 760)
        self.action(host, "started", draw(20, 60))
        if host in self.failing:
            text = "domain join: the network path was not found (1355)"
            self.tell(self.now, Kind.HOST_FAILED, host, text, evidence=EVIDENCE, result="restoring")
            self.phase(host, "undo", "rejoin")
            yield draw(120, 200)
            self.phase(host, "undo-rejoin", "undo")
            yield draw(300, 420)
            self.phase(host, "undo-serve", "undo-rejoin")
            yield 30.0
            self.tell(self.now, Kind.HOST_FAILED, host, text, result="rolled_back")
            self.phase(host, "rolled-back", "undo-serve", "serving")
            return
        self.action(host, "installed the agent", draw(90, 200))
        self.phase(host, "serve", "rejoin", "serving")
        self.tell(self.now, Kind.HOST_DONE, host, outage=self.now - out, image=VERSION_ID)
        self.phase(host, "done", "serve", "serving")

    def phase(self, host: str, to: str, came_from: str, state: str | None = None) -> None:
        self.tell(self.now, Kind.PHASE, host, phase=to, **{"from": came_from})
        if state:
            self.state[host] = state
        self.capacity(self.now)

    def action(self, host: str, text: str, seconds: float) -> None:
        self.tell(self.now, Kind.ACTION, host, text, seconds=round(seconds, 1))

    def user(self, host: str, i: int, what: str) -> None:
        self.tell(self.now, Kind.USER, host, what, user=f"user{self.hosts.index(host) * 6 + i}@example.com", what=what)

    now: float = BEGIN

    def run(self, waiting: list[str], slots: int) -> None:
        """Until no host is left in work; a free slot takes the next host at once."""
        for host in waiting[:slots]:
            self.begin(host, self.now)
        del waiting[:slots]
        while self.queue:
            self.now, _, way, host = heapq.heappop(self.queue)
            took = next(way, None)
            if took is not None:
                self.turn += 1
                heapq.heappush(self.queue, (self.now + took, self.turn, way, host))
            elif waiting:
                self.begin(waiting.pop(0), self.now)


def night(
    hosts: int = 12,
    max_unavailable: int = 3,
    *,
    failing: Sequence[str] = ("vm-5",),
    staying: Sequence[str] = ("vm-8",),
    killed_after: float | None = 5400.0,
    seed: int = 1,
) -> list[Event]:
    """The events of one rollout. `killed_after` seconds the process is killed; it is resumed 20 minutes later."""
    names = [f"vm-{i}" for i in range(hosts)]
    rng = random.Random(seed)
    made = Night(names, max_unavailable, rng, frozenset(failing), frozenset(staying), floor=hosts * 6 // 10)
    made.state = dict.fromkeys(names, "serving")
    made.sessions = {name: rng.randint(0, 5) for name in names}
    start: dict[str, object] = {
        "rollout": ROLLOUT,
        "attempt": 1,
        "image": VERSION_ID,
        "version": "1.0.1",
        "pool": POOL_ID,
        "owner": OWNER,
    }
    made.tell(BEGIN, Kind.STARTED, resumed=False, hosts=names, **start)
    finding = {
        "id": "quota",
        "severity": "warning",
        "subject": "standardDSv5Family",
        "problem": "8 of 100 vCPUs are free: temporary VMs are built two at a time",
        "remedy": "ask for more quota, or lower max_building",
    }
    made.tell(BEGIN + 4, Kind.CHECKED, findings=[finding])
    made.now = BEGIN + 40
    made.capacity(made.now)
    waiting = list(names)
    canary = waiting.pop(0)
    made.run([canary], 1)
    made.now += 600
    made.tell(made.now, Kind.CANARY, result="passed", hosts=[canary])
    made.run(waiting, max_unavailable)
    done = [e.host for e in made.events if e.kind is Kind.HOST_DONE]
    failed = [e.host for e in made.events if e.kind is Kind.HOST_FAILED and e.data["result"] == "rolled_back"]
    left = [e.host for e in made.events if e.kind is Kind.HOST_FAILED and e.data["result"] == "left_out"]
    states = {"updated": done, "rolled_back": failed, "left_out": left}
    status = "complete_with_failures" if failed or left else "complete"
    made.tell(made.now + 5, Kind.ENDED, status=status, hosts=states)
    if killed_after is None:
        return made.events
    return _killed(made.events, BEGIN + killed_after, {**start, "owner": "runner-18"})


def _killed(events: list[Event], at: float, start: dict[str, object]) -> list[Event]:
    """The same night with the process dead for 20 minutes."""
    away = 1200.0
    before = [e for e in events if e.time <= at]
    after = [Event(e.time + away, e.kind, e.host, e.text, e.data) for e in events if e.time > at]
    known = [e for e in before if e.kind is Kind.CAPACITY][-1]
    return [
        *before,
        Event(at + away, Kind.STARTED, "", "", {**start, "resumed": True, "hosts": []}),
        Event(at + away + 40, Kind.CAPACITY, "", "", known.data),
        *after,
    ]
