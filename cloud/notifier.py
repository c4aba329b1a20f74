"""Sends notices through apprise: mail, Teams, Slack, webhooks and what else it knows.

The services' URLs hold their credentials, so they are Key Vault secrets, read at the first notice and kept in memory
only. Nothing here stops or delays a rollout: what cannot be sent is told once, and lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from rollout.azure import Azure
from rollout.declaration import Declaration
from rollout.errors import AzureError
from rollout.events import Event
from rollout.notices import Notices, Notify, Silence, Teller, Tone

if TYPE_CHECKING:
    from apprise import Apprise

PATIENCE = 30.0
"""Real seconds in which the last notices must be sent."""

logging.getLogger("apprise").addHandler(logging.NullHandler())
logging.getLogger("apprise").propagate = False  # its warnings name the URL


@asynccontextmanager
async def notifying(azure: Azure, declaration: Declaration, warn: Callable[[str], None]) -> AsyncIterator[Teller]:
    """Whoever the declaration names is told, as a listener of the engine. `warn` is told what could not be sent."""
    if declaration.notify is None:
        yield Silence()
        return
    async with Notifier(azure, declaration.notify, declaration.pool_name, declaration.zone, warn) as notifier:
        yield notifier


class Notifier:
    """A listener of the engine; `async with` it around the run. `warn` is told what could not be done."""

    def __init__(self, azure: Azure, declared: Notify, pool: str, zone: str, warn: Callable[[str], None]) -> None:
        self._azure, self._declared, self._warn = azure, declared, warn
        self._notices = Notices(pool, zone)
        self._queue: asyncio.Queue[tuple[str, str, Tone]] = asyncio.Queue()
        self._services: Apprise | None = None
        self._warned = False
        self._sender: asyncio.Task[None]

    def __call__(self, event: Event) -> None:
        notice = self._notices.of(event)
        if notice is not None and (notice.grave or not self._declared.quiet):
            self._queue.put_nowait((*self._notices.worded(self._declared, notice), notice.tone))

    async def __aenter__(self) -> Notifier:
        self._sender = asyncio.create_task(self._send(), name="notifier")
        return self

    async def __aexit__(self, *raised: object) -> None:
        try:
            await self.sent()
        finally:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)

    async def sent(self) -> None:
        """Until all that was told has been sent, or tried."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._queue.join()
        except TimeoutError:
            self._tell(f"{self._queue.qsize() + 1} notifications could not be sent in {PATIENCE:g} s")

    async def _send(self) -> None:
        while True:
            title, text, tone = await self._queue.get()
            try:
                if self._services is None:
                    self._services = await self._open()
                services = self._services
                if services and not await asyncio.to_thread(services.notify, title=title, body=text, notify_type=tone):
                    self._tell("a notification could not be sent to at least one of the services")
            except Exception as error:  # whatever a service's plugin raises
                self._tell(f"notifications could not be sent: {type(error).__name__}")
            finally:
                self._queue.task_done()

    async def _open(self) -> Apprise:
        from apprise import Apprise

        services = Apprise()
        for number, uri in enumerate(self._declared.url_secrets):
            try:
                url = await self._azure.get_secret(uri)
            except AzureError as error:
                self._tell(f"notify.url_secrets[{number}]: {uri!r} could not be read ({error.status} {error.code})")
                continue
            if not services.add(url.strip()):
                self._tell(f"notify.url_secrets[{number}]: {uri!r} holds no URL of a service that apprise knows")
        return services

    def _tell(self, text: str) -> None:
        """Once: a service that is down must not fill the display."""
        if not self._warned:
            self._warned = True
            self._warn(text)
