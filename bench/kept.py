"""What is kept of the emulator's record where a whole one would fill the memory: figures, counted as entries come.

Each class stands in for one of the record's lists: it takes what is appended, and knows the last entry.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from bench.measure import BUILD_DRAWS, OUTAGE_DRAWS, is_arm, seconds_of

_OUTAGE = {name for names in OUTAGE_DRAWS.values() for name in names}


class Entries(list[Any]):
    """A list that keeps its last entry only. Falsy, and without one, until there is one."""

    def append(self, entry: Any) -> None:
        self[:] = [entry]
        self.take(entry)

    def take(self, entry: Any) -> None:
        """Count an entry."""


class Requests(Entries):
    """The request log, in a file; calls to Azure Resource Manager by kind."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("w", encoding="utf-8")
        self.methods: Counter[str] = Counter()
        self.compute_updates = self.refused = self.total = 0
        self.begun: float | None = None
        """When the first write was sent."""

    def __len__(self) -> int:
        return self.total

    def take(self, request: dict[str, Any]) -> None:
        self.total += 1
        self._file.write(json.dumps(request) + "\n")
        if not is_arm(request):
            return
        method = request["method"]
        self.methods[method] += 1
        self.refused += request["status"] == 429
        if method not in ("GET", "HEAD"):
            self.begun = seconds_of(request["time"]) if self.begun is None else self.begun
            if method != "DELETE":
                self.compute_updates += "/microsoft.compute/virtualmachines/" in request["path"].lower()

    @property
    def reads(self) -> int:
        return self.methods["GET"] + self.methods["HEAD"]

    @property
    def deletes(self) -> int:
        return self.methods["DELETE"]

    @property
    def writes(self) -> int:
        """PUT, PATCH and POST: what ARM counts as writes."""
        return self.methods.total() - self.reads - self.deletes

    def close(self) -> None:
        self._file.close()


class Draws(Entries):
    """Seconds drawn: T_u of each VM, and what the build of each temporary VM took."""

    def __init__(self) -> None:
        super().__init__()
        self.outage: defaultdict[str, float] = defaultdict(float)
        self.build: defaultdict[str, float] = defaultdict(float)

    def take(self, draw: dict[str, Any]) -> None:
        subject, name = draw["subject"], draw["name"]
        if "/avdtmp-" in subject:
            if name in BUILD_DRAWS:
                self.build[subject] += draw["seconds"]
        elif name in _OUTAGE:
            self.outage[subject] += draw["seconds"]


class Samples(Entries):
    """Samples of a pool's capacity: the most hosts that were unavailable at once, and the fewest that served."""

    def __init__(self) -> None:
        super().__init__()
        self.most_unavailable = 0
        self.fewest_serving: int | None = None

    def take(self, sample: dict[str, Any]) -> None:
        self.most_unavailable = max(self.most_unavailable, sample["unavailable"])
        serving = sample["serving"]
        self.fewest_serving = serving if self.fewest_serving is None else min(self.fewest_serving, serving)


class Changes(Entries):
    """Changes of a pool's hosts: since when each serves, and how long it was unavailable."""

    def __init__(self) -> None:
        super().__init__()
        self.served_at: dict[str, float] = {}
        self.outage: defaultdict[str, float] = defaultdict(float)
        self._since: dict[str, float] = {}

    def take(self, change: dict[str, Any]) -> None:
        vm, at = change["virtualMachine"].lower(), seconds_of(change["time"])
        since = self._since.pop(vm, None)
        if since is not None:
            self.outage[vm] += at - since
        if change["state"] == "unavailable":
            self._since[vm] = at
        if change["state"] == "serving":
            self.served_at[vm] = at
        else:
            self.served_at.pop(vm, None)


class SessionEvents(Entries):
    """What happened to users, by kind."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: Counter[str] = Counter()

    def take(self, event: dict[str, Any]) -> None:
        self.kinds[event["event"]] += 1
