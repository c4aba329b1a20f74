"""The real SDK clients on the emulator in one process: no sockets, no threads, and virtual time."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from azure.core.exceptions import ServiceResponseError
from azure.core.rest import AsyncHttpResponse, HttpRequest

from cloud.azure_cloud import AzureCloud, open_cloud
from cloud.clock import Chance
from cloud.endpoints import Endpoints
from cloud.policies import WriteGuard
from cloud.throttling import Throttle
from cloud.traffic import Observer
from emulator.app import Emulator
from emulator.wire import Headers, Principal, Request
from rollout.clock import Clock
from simulation.process import Died, Process
from simulation.virtual_time import LoopClock
from simulation.wire import AnyToken, InMemoryResponse, WithoutSockets, allow
from simulation.wire_log import Wire, is_write, kind_of_write

BASE_URL = "https://localhost"
ENDPOINTS = Endpoints(
    name="AvdEmulator",
    resource_manager=BASE_URL,
    audience="https://management.azure.com",
    authority=BASE_URL,
    key_vault_dns_suffix="localhost",
    graph=f"{BASE_URL}/graph",
)


class InProcessTransport(WithoutSockets):
    """Hands each request of a process to `Emulator.handle` as one principal. The world follows the loop's time, and the
    delay of an answer passes on it. Each exchange is noted on `wire`, where there is one."""

    def __init__(self, emulator: Emulator, process: Process, principal: Principal, wire: Wire | None) -> None:
        self._emulator, self._process, self._principal, self._wire = emulator, process, principal, wire
        self._clock = LoopClock()

    async def send(self, request: HttpRequest, **kwargs: Any) -> AsyncHttpResponse:
        process, asked = self._process, emulated(request, self._principal)
        write, last = is_write(asked), False
        if write:
            last = await self._about_to_write(asked)
            if self._wire is not None:
                await self._wire.announce(asked)
        elif process.dead.is_set() or process.paused_for:
            await process.alive()
        self._emulator.advance(self._clock.now())
        response = self._emulator.handle(asked)
        if self._wire is not None:
            self._wire.note(process, self._emulator.world.now, asked, response.status)
        if last:
            process.die(f"{kind_of_write(asked)} after")
        if response.delay:
            await self._clock.sleep(response.delay)
        await process.alive()
        if response.status == 0:
            raise ServiceResponseError("the connection was closed without an answer")
        return InMemoryResponse(request, response.status, response.body, response.headers)

    async def _about_to_write(self, asked: Request) -> bool:
        """Count the write; die before it, or stand still between its last check and the send. Whether the process dies
        after it."""
        process = self._process
        if process.dead.is_set():
            raise Died(process.name)
        last = process.count_write(kind_of_write(asked))
        if last and process.kill.side == "before":
            process.die(f"{kind_of_write(asked)} before")
            raise Died(process.name)
        if process.paused_for and process.pause is not None and process.pause.sending:
            process.late.append(process.writes)
            await process.alive()
        return last


def emulated(request: HttpRequest, principal: Principal) -> Request:
    """The emulator's form of an azure-core request."""
    url = urlsplit(request.url)
    content = None
    if request.method not in ("GET", "HEAD"):
        content = getattr(request, "content", None) or getattr(request, "body", None)  # the latter: older SDK clients
    return Request(
        method=request.method,
        path=unquote(url.path),
        query={name.lower(): value for name, value in parse_qsl(url.query, keep_blank_values=True)},
        headers=Headers(request.headers),
        body=json.loads(content) if content else None,
        principal=principal,
        base_url=BASE_URL,
    )


def principal_named(emulator: Emulator, name: str) -> Principal:
    """A principal of the emulated tenant (`deployer`, `updater`)."""
    known = emulator.world.sections["principals"].values()
    found = next(each for each in known if each["name"] == name)
    return Principal(found["object_id"], found["client_id"], found["name"])


@asynccontextmanager
async def in_process_cloud(
    emulator: Emulator,
    clock: Clock,
    *,
    process: Process | None = None,
    wire: Wire | None = None,
    principal: str = "deployer",
    write_guard: WriteGuard = allow,
    throttle: Throttle | None = None,
    observer: Observer | None = None,
    chance: Chance | None = None,
    subscription_id: str = "11111111-1111-1111-1111-111111111111",
) -> AsyncIterator[AzureCloud]:
    """An `AzureCloud` whose wire is a function call."""
    async with open_cloud(
        {},
        subscription_id,
        clock,
        write_guard,
        transport=InProcessTransport(emulator, process or Process(), principal_named(emulator, principal), wire),
        credential=AnyToken(),
        endpoints=ENDPOINTS,
        throttle=throttle or Throttle(clock),
        observer=observer,
        chance=chance or random.Random(emulator.world.seed),
    ) as cloud:
        yield cloud
