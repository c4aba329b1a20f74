"""Lines in Pulumi's own display: the status beside the resource, and messages that stay.

`pulumi.log` of a dynamic provider has no engine behind it and ends on stderr without a resource, so the engine's log
service is called at the address that the process was started with. Nothing here may fail a rollout: what cannot be sent
goes to stderr, and what stderr refuses is lost.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from providers.engine_watch import engine_address

TIMEOUT = 5.0
"""Real seconds that a message may take."""
PATIENCE = 10.0


class EngineLog:
    """Messages about one resource, sent in order by a thread of their own. Each call returns at once; `close` waits."""

    def __init__(self, urn: str, address: str | None = None) -> None:
        self._urn, self._address = urn, address or engine_address()
        self._queue: queue.SimpleQueue[_Message | None] = queue.SimpleQueue()
        self._sender: threading.Thread | None = None

    def status(self, text: str) -> None:
        """The line beside the resource; the next one takes its place."""
        self._put(_Message("INFO", text, ephemeral=True))

    def info(self, text: str) -> None:
        self._put(_Message("INFO", text))

    def warning(self, text: str) -> None:
        self._put(_Message("WARNING", text))

    def close(self) -> None:
        """Send what is left, for `PATIENCE` real seconds at most."""
        if self._sender is not None:
            self._queue.put(None)
            self._sender.join(PATIENCE)
            self._sender = None

    def _put(self, message: _Message) -> None:
        if self._sender is None:
            self._sender = threading.Thread(target=self._run, name="engine-log", daemon=True)
            self._sender.start()
        self._queue.put(message)

    def _run(self) -> None:
        if self._address is None:
            while (message := self._queue.get()) is not None:
                _stderr(message)
            return
        import grpc
        from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

        # The engine is on this machine: a proxy of the environment is not for it.
        with grpc.insecure_channel(self._address, options=[("grpc.enable_http_proxy", 0)]) as channel:
            stub = engine_pb2_grpc.EngineStub(channel)
            while (message := self._queue.get()) is not None:
                severity = engine_pb2.LogSeverity.Value(message.severity)
                request = engine_pb2.LogRequest(
                    severity=severity, message=message.text, urn=self._urn, ephemeral=message.ephemeral
                )
                try:
                    stub.Log(request, timeout=TIMEOUT)
                except grpc.RpcError:
                    _stderr(message)


def warn(text: str, props: Mapping[str, Any]) -> None:
    """A warning beside the resource of these properties; returns once it is sent."""
    log = EngineLog(str(props.get("resource_urn") or ""))
    log.warning(text)
    log.close()


@dataclass(frozen=True)
class _Message:
    severity: str
    text: str
    ephemeral: bool = False


def _stderr(message: _Message) -> None:
    try:
        print(f"{message.severity.lower()}: {message.text}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass  # the CLI that read it is gone
