"""The live line of a rollout, and the few lines that stay, made from the engine's events.

`1.0.1: 7/12 done, 3 out, 2 draining, 1 building | vm-4 waits: the agent to register | floor 6, serving 8`. The line is
as long for 12 hosts as for 200: it counts hosts, and names one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cloud.clock import real_time
from rollout.events import Event, Kind
from rollout.presence import CAME_BACK, CUT_OFF
from rollout.record import UNAVAILABLE, Phase

EVERY = 2.0
"""Real seconds between two live lines at least."""
EVERY_IN_LOG = 60.0
"""The same where the display is a log that keeps each line (continuous integration)."""
EACH_HOST = 24
"""Up to so many hosts each one gets a line when it is done; beyond, every tenth of them."""
LONGEST = 60
"""Characters of the text of a waiting host or a failure in the live line."""

_OUT = frozenset(str(phase) for phase in UNAVAILABLE - {Phase.FAILED})
_STAGES = {str(Phase.BUILD): "building", str(Phase.DRAIN): "draining"}


class Log(Protocol):
    """Where lines go."""

    def status(self, text: str) -> None: ...
    def info(self, text: str) -> None: ...
    def warning(self, text: str) -> None: ...


class Progress:
    """A listener of the engine's events. `log` gets the lines, `every` seconds apart at least. `what`: a host, or what
    takes its place."""

    def __init__(
        self, log: Log, *, every: float = EVERY, now: Callable[[], float] = real_time, what: str = "host"
    ) -> None:
        self._log, self._every, self._now, self._what = log, every, now, what
        self._shown, self._shown_at = "", float("-inf")
        self._version = ""
        self._hosts: set[str] = set()
        self._stage: dict[str, str] = {}
        self._waits: dict[str, str] = {}
        self._done: set[str] = set()
        self._ended: dict[str, str] = {}
        """Hosts that ended otherwise, with the result: rolled back, failed, left out."""
        self._floor: int | None = None
        self._serving: int | None = None
        self._note = ""

    def __call__(self, event: Event) -> None:
        """Take an event in and show what it changes."""
        said = self._take(event)
        if said:
            self._log.warning(said) if event.kind in _WARNINGS else self._log.info(said)
        text, at = self.line(), self._now()
        if self._version and text != self._shown and (at - self._shown_at >= self._every or said):
            self._shown, self._shown_at = text, at
            self._log.status(text)

    def line(self) -> str:
        """The live line as of now."""
        stages = list(self._stage.values())
        counts = [f"{len(self._done)}/{len(self._hosts)} done"]
        for name in ("out", "draining", "building"):
            if name in stages:
                counts.append(f"{stages.count(name)} {name}")
        ended = list(self._ended.values())
        counts += [f"{ended.count(result)} {result}" for result in sorted(set(ended))]
        parts = [", ".join(counts), self._note or self._waiting()]
        if self._floor is not None and self._serving is not None:
            parts.append(f"floor {self._floor}, serving {self._serving}")
        return f"{self._version}: " + " | ".join(part for part in parts if part)

    def _waiting(self) -> str:
        """The host that waits and matters most: one that is out, then one that drains; the newest of them."""
        for stage in ("out", "draining", "building"):
            for host, text in reversed(self._waits.items()):
                if self._stage.get(host) == stage:
                    return f"{host} waits: {_short(text)}"
        return ""

    def _take(self, event: Event) -> str:
        """Keep what the event says; returns the line that stays, or nothing."""
        data = event.data
        match event.kind:
            case Kind.STARTED:
                self._version = str(data.get("version") or "")
                self._hosts = {str(host) for host in data.get("hosts") or ()}
                how = "goes on" if data.get("resumed") else "begins"
                hosts = f"{len(self._hosts)} {self._what}{'' if len(self._hosts) == 1 else 's'}"
                return f"attempt {data.get('attempt')} {how}: {hosts} to {self._version}"
            case Kind.PHASE:
                self._enter(event.host, str(data.get("phase") or ""))
            case Kind.WAITING:
                self._waits.pop(event.host, None)  # so that the newest is the last
                self._waits[event.host] = event.text
            case Kind.CAPACITY:
                self._floor, self._serving = _whole(data.get("floor")), _whole(data.get("serving"))
            case Kind.HOST_DONE:
                return self._finish(event)
            case Kind.HOST_FAILED:
                return self._fail(event)
            case Kind.USER:
                seen = data.get("what") in (CAME_BACK, CUT_OFF) and len(self._hosts) <= EACH_HOST
                return f"{event.host}: {event.text}" if seen else ""
            case Kind.CANARY:
                hosts = ", ".join(str(host) for host in data.get("hosts") or ())
                return f"canary {data.get('result')}: {hosts}" if hosts else ""
            case Kind.CHECKPOINT:
                return f"checkpoint at {data.get('percent'):g} %"
            case Kind.SCHEDULED | Kind.QUEUED:
                return event.text
            case Kind.PAUSED:
                self._note = event.text or "paused"
                return self._note
            case Kind.RESUMED:
                self._note = ""
                return event.text or "resumed"
            case Kind.WARNING:
                return event.text
        return ""

    def _enter(self, host: str, phase: str) -> None:
        self._waits.pop(host, None)
        stage = "out" if phase in _OUT else _STAGES.get(phase)
        if stage is None:
            self._stage.pop(host, None)
        else:
            self._stage[host] = stage

    def _finish(self, event: Event) -> str:
        self._enter(event.host, "")
        self._ended.pop(event.host, None)
        self._hosts.add(event.host)
        self._done.add(event.host)
        count, total = len(self._done), len(self._hosts)
        if total <= EACH_HOST:
            outage = event.data.get("outage")
            out = f", out for {outage / 60:.0f} min" if isinstance(outage, int | float) and outage else ""
            return f"{event.host} done{out} ({count} of {total})"
        tenths = {(total * tenth + 9) // 10 for tenth in range(1, 11)}
        return f"{count} of {total} {self._what}s done" if count in tenths else ""

    def _fail(self, event: Event) -> str:
        result = str(event.data.get("result") or "failed").replace("_", " ").replace("-", " ")
        if result == "restoring":
            return ""  # on its way back to the old disk: the end is told by an event of its own
        self._enter(event.host, "")
        self._ended[event.host] = result
        return f"{event.host} {result}: {event.text}"


_WARNINGS = frozenset({Kind.HOST_FAILED, Kind.WARNING, Kind.PAUSED})


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None
