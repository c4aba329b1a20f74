"""The real SDK clients on the emulator in one process: no sockets, no threads, and virtual time under looptime."""

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
from simulation.wire import AnyToken, InMemoryResponse, WithoutSockets, allow

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
    """Hands each request to `Emulator.handle` as one principal. The world follows the clock, and the delay of an answer
    passes on it."""

    def __init__(self, emulator: Emulator, clock: Clock, principal: Principal) -> None:
        self._emulator, self._clock, self._principal = emulator, clock, principal

    async def send(self, request: HttpRequest, **kwargs: Any) -> AsyncHttpResponse:
        self._emulator.world.advance(self._clock.now())
        self._emulator.world.advance(self._clock.now())
        response = self._emulator.handle(emulated(request, self._principal))
        if response.delay:
            await self._clock.sleep(response.delay)
        if response.status == 0:
            raise ServiceResponseError("the connection was closed without an answer")
        return InMemoryResponse(request, response.status, response.body, response.headers)


def emulated(request: HttpRequest, principal: Principal) -> Request:
    """The emulator's form of an azure-core request."""
    url = urlsplit(request.url)
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
        transport=InProcessTransport(emulator, clock, principal_named(emulator, principal)),
        credential=AnyToken(),
        endpoints=ENDPOINTS,
        throttle=throttle or Throttle(clock),
        observer=observer,
        chance=chance or random.Random(emulator.world.seed),
    ) as cloud:
        yield cloud
