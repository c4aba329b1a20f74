"""HTTPS in front of the emulator: one process, one event loop, requests handled one after the other as they come.

`Server` runs in an event loop; `running` puts one into a thread (tests, programs that also are clients).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from aiohttp import web

from emulator import clock, control
from emulator.app import Emulator
from emulator.certificates import Certificates, prepare, write_atomically
from emulator.state import Saver
from emulator.wire import ArmError, Headers, Request, Response

TICK = 0.25
"""Real seconds between two looks at the clock while nobody asks anything."""
LARGEST_BODY = 8 * 1024 * 1024


class Server:
    """Serves one emulator on 127.0.0.1. `port` 0 takes any free one; `url` says which."""

    def __init__(
        self, emulator: Emulator, certificates: Certificates, *, port: int = 0, state: Path | None = None
    ) -> None:
        self.emulator = emulator
        self.certificates = certificates
        self.port = port
        self.saver = Saver(state) if state is not None else None
        self._runner: web.ServerRunner | None = None
        self._ticker: asyncio.Task[None] | None = None
        emulator.world.sections[control.SERVER] = {"bundle": str(certificates.bundle)}

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def environment(self) -> dict[str, str]:
        """The variables to export."""
        return control.environment(self.emulator.world, self.url)

    async def start(self) -> None:
        """Listen. Raises OSError if the port is taken."""
        server = web.Server(self._respond, access_log=None, keepalive_timeout=300)
        self._runner = web.ServerRunner(server)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self.certificates.context, backlog=512)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Close, and save the last state."""
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        if self._runner is not None:
            server = self._runner.server
            transports = [connection.transport for connection in server.connections] if server is not None else []
            await self._runner.cleanup()
            for transport in transports:  # a client that keeps its connection would hold the TLS goodbye for 30 s
                if transport is not None:
                    transport.abort()
        if self.saver is not None:
            clock.catch_up(self.emulator.world)
            self.saver.finish(self.emulator.world)

    async def _tick(self) -> None:
        while True:
            world = self.emulator.world
            due = world.next_event()
            if due is not None:
                try:
                    clock.catch_up(world)
                except Exception:
                    traceback.print_exc(file=sys.stderr)
                if due <= world.now and self.saver is not None:
                    self.saver.changed()
            if self.saver is not None:
                self.saver.poll(world)
            await asyncio.sleep(TICK)

    async def _respond(self, raw: web.BaseRequest) -> web.StreamResponse:
        try:
            response = self.emulator.handle(_request(raw, await _body(raw), self.url))
        except ArmError as error:
            response = error.response()
        except Exception:
            traceback.print_exc(file=sys.stderr)
            message = f"The emulator failed on {raw.method} {raw.path}; its error output says why."
            response = ArmError(500, "InternalServerError", message).response()
        # Never the real date: clients tell emulated time by this header.
        response.headers.setdefault("Date", clock.http_date(self.emulator.world.now))
        if self.saver is not None:
            self.saver.changed()
        if response.delay:
            speed = clock.clock_of(self.emulator.world).speed
            await asyncio.sleep(response.delay / speed if speed else 0)
        if response.status == 0:
            if raw.transport is not None:
                raw.transport.abort()
            return web.Response(status=500)
        return _response(response)


def _response(response: Response) -> web.Response:
    headers = dict(response.headers)
    if response.body is None:
        return web.Response(status=response.status, headers=headers)
    if isinstance(response.body, str):
        headers.setdefault("Content-Type", "text/html; charset=utf-8")
        return web.Response(status=response.status, headers=headers, body=response.body.encode())
    headers.setdefault("Content-Type", "application/json; charset=utf-8")
    return web.Response(
        status=response.status, headers=headers, body=json.dumps(response.body, ensure_ascii=False).encode()
    )


async def _body(raw: web.BaseRequest) -> bytes:
    if not raw.can_read_body:
        return b""
    if (raw.content_length or 0) > LARGEST_BODY:
        raise ArmError(413, "RequestContentTooLarge", "The request content size exceeds the maximum size of '8' MB.")
    return await raw.content.read()


def _request(raw: web.BaseRequest, content: bytes, url: str) -> Request:
    query = {name.lower(): value for name, value in raw.query.items()}
    host = raw.headers.get("Host")
    return Request(
        raw.method,
        raw.path,
        query,
        Headers(raw.headers),
        _parsed(raw.content_type, content),
        base_url=f"https://{host}" if host else url,
    )


def _parsed(content_type: str, content: bytes) -> object:
    if not content.strip():
        return None
    # `curl -d` and urllib call JSON a form unless told otherwise; no form begins with a brace.
    if content_type == "application/x-www-form-urlencoded" and content.lstrip()[:1] not in (b"{", b"["):
        return dict(parse_qsl(content.decode(errors="replace"), keep_blank_values=True))
    try:
        return json.loads(content)
    except ValueError as error:
        raise ArmError(
            400,
            "InvalidRequestContent",
            f"The request content was invalid and could not be deserialized: '{error}'.",
        ) from None


def write_environment(path: Path, variables: dict[str, str]) -> None:
    """Write export lines to a file at once, so that whoever waits for it reads all of them."""
    write_atomically(path, export_lines(variables).encode(), 0o600)


def export_lines(variables: dict[str, str]) -> str:
    """Shell lines that set the variables."""
    return "".join(f"export {name}='{value}'\n" for name, value in variables.items())


@dataclass(frozen=True)
class Running:
    """A server in a thread. `call` runs a function in its event loop, between two requests."""

    server: Server
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def emulator(self) -> Emulator:
        return self.server.emulator


@contextlib.contextmanager
def running(emulator: Emulator, directory: Path, *, port: int = 0, state: Path | None = None) -> Iterator[Running]:
    """Serve an emulator from a thread as long as the block lasts. `directory` keeps the certificate authority."""
    server = Server(emulator, prepare(directory), port=port, state=state)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="emulator", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result()
        yield Running(server, loop)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        # Aborted connections close their sockets in the next turns of the loop.
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.01), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
