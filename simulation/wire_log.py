"""What went over the wire: the record that invariants are judged by, beside the emulator's own.

It is kept by the transport, outside the engine: who sent what when, and what Azure answered.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.wire import Body, Request

if TYPE_CHECKING:
    from simulation.process import Process


@dataclass(frozen=True)
class Exchange:
    """One request and the status it got (0: the connection broke). `at`: epoch seconds of Azure's time."""

    n: int
    at: float
    process: str
    method: str
    path: str
    status: int
    body: Body | None
    """Of writes only."""
    nth_write: int
    """Which of the process's writes it is; 0 for reads."""
    conditional: bool

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300

    @property
    def write(self) -> bool:
        return self.nth_write > 0

    def line(self) -> str:
        """One line of the event log, the same for the same run."""
        body = "" if self.body is None else " " + json.dumps(self.body, sort_keys=True)
        return f"{self.at:.6f} {self.process} {self.method} {self.path} {self.status}{body}"


@dataclass
class Wire:
    """All exchanges of a simulation in order. `watchers` are called with each; `heralds` with each write that is on its
    way, and say whether something is to happen before it arrives."""

    exchanges: list[Exchange] = field(default_factory=list)
    watchers: list[Callable[[Exchange], None]] = field(default_factory=list)
    heralds: list[Callable[[Request], bool]] = field(default_factory=list)

    async def announce(self, request: Request) -> None:
        """A write is on its way."""
        in_between = [herald(request) for herald in self.heralds]
        if any(in_between):
            await asyncio.sleep(0)

    def note(self, process: Process, at: float, request: Request, status: int) -> None:
        write = is_write(request)
        exchange = Exchange(
            len(self.exchanges) + 1,
            at,
            process.name,
            request.method,
            request.path,
            status,
            request.body if write else None,
            process.writes if write else 0,
            request.headers.find("If-Match") is not None,
        )
        self.exchanges.append(exchange)
        for watch in self.watchers:
            watch(exchange)


def is_write(request: Request) -> bool:
    """Whether a request may change something; the token's retrieval is a POST that does not."""
    if request.method == "GET":
        return False
    return not request.path.lower().endswith(("/retrieveregistrationtoken", "/listregistrationtokens"))


def kind_of_write(request: Request | Exchange) -> str:
    """A write without the names in it: `PATCH virtualmachines`, `POST virtualmachines/start`,
    `DELETE avdtmp virtualmachines`: temporary machines are told apart from hosts."""
    path = request.path.lower()
    temporary = "avdtmp " if "/avdtmp-" in path else ""
    _, _, rest = path.rpartition("/providers/")
    parts = rest.split("/")[1:]
    kinds = [part for position, part in enumerate(parts) if position % 2 == 0]
    if re.search(r"/tags/default$", path):
        kinds = ["tags"]
    return f"{request.method} {temporary}{'/'.join(kinds)}"
