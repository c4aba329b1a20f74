"""Lines in Pulumi's own display: the status beside the resource, and messages that stay.

`pulumi.log` of a dynamic provider has no engine behind it and ends on stderr without a resource, so the engine's log
service is called at the address that the process was started with. Nothing here may fail a rollout: what cannot be sent
goes to stderr, and what stderr refuses is lost.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

from providers.engine_watch import engine_address

if TYPE_CHECKING:
    from pulumi.runtime.proto import engine_pb2

TIMEOUT = 5.0
"""Real seconds that a message may take."""


class EngineLog:
    """Messages about one resource. Each returns at once; `close` waits for those under way."""

    def __init__(self, urn: str, address: str | None = None) -> None:
        self._urn = urn
        self._pending: set[Any] = set()
        self._lock = threading.Lock()
        self._channel: Any = None
        self._stub: Any = None
        address = address or engine_address()
        if address is not None:
            import grpc
            from pulumi.runtime.proto import engine_pb2_grpc

            # The engine is on this machine: a proxy of the environment is not for it.
            self._channel = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
            self._stub = engine_pb2_grpc.EngineStub(self._channel)

    def status(self, text: str) -> None:
        """The line beside the resource; the next one takes its place."""
        self._send("INFO", text, ephemeral=True)

    def info(self, text: str) -> None:
        self._send("INFO", text)

    def warning(self, text: str) -> None:
        self._send("WARNING", text)

    def close(self) -> None:
        """Wait for the messages under way, `TIMEOUT` seconds at most each, then hang up."""
        import concurrent.futures

        with self._lock:
            pending = list(self._pending)
        for sent in pending:
            try:
                sent.result(timeout=TIMEOUT)
            except (concurrent.futures.CancelledError, Exception):
                pass  # its callback has written it to stderr
        if self._channel is not None:
            self._channel.close()

    def _send(self, severity: str, text: str, *, ephemeral: bool = False) -> None:
        if self._stub is None:
            _stderr(severity, text)
            return
        try:
            sent = self._stub.Log.future(self._request(severity, text, ephemeral), timeout=TIMEOUT)
            with self._lock:
                self._pending.add(sent)
            sent.add_done_callback(lambda done: self._sent(done, severity, text))
        except Exception:  # a closed channel, an SDK that names things otherwise
            _stderr(severity, text)

    def _request(self, severity: str, text: str, ephemeral: bool) -> engine_pb2.LogRequest:
        from pulumi.runtime.proto import engine_pb2

        level = engine_pb2.LogSeverity.Value(severity)
        return engine_pb2.LogRequest(severity=level, message=text, urn=self._urn, ephemeral=ephemeral)

    def _sent(self, done: Any, severity: str, text: str) -> None:
        with self._lock:
            self._pending.discard(done)
        if done.cancelled() or done.exception() is not None:
            _stderr(severity, text)


def _stderr(severity: str, text: str) -> None:
    try:
        print(f"{severity.lower()}: {text}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass  # the CLI that read it is gone
