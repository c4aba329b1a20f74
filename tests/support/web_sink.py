"""A web server that keeps what it is sent: a webhook for notices, a collector for spans."""

from __future__ import annotations

import gzip
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Sent:
    path: str
    headers: dict[str, str]
    body: bytes


class WebSink(ThreadingHTTPServer):
    """`status` is its answer to everything."""

    daemon_threads = True

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def notices(self) -> list[dict[str, Any]]:
        """What apprise's `json://` sent: title, message, type."""
        return [json.loads(each.body) for each in self.sent if each.path == "/hook"]

    def messages(self) -> list[tuple[str, str]]:
        """(title, text) of it."""
        return [(each["title"], each["message"]) for each in self.notices()]

    def spans(self) -> list[dict[str, Any]]:
        """The spans that came to `/v1/traces`, as plain data."""
        found = []
        for each in self.sent:
            if each.path == "/v1/traces":
                request = ExportTraceServiceRequest.FromString(each.body)
                for resource in request.resource_spans:
                    service = _plain(resource.resource.attributes)["service.name"]
                    found += [_span(span, service) for scope in resource.scope_spans for span in scope.spans]
        return found


def _span(span: Any, service: str) -> dict[str, Any]:
    return {
        "service": service,
        "name": span.name,
        "trace": span.trace_id.hex(),
        "id": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "start": span.start_time_unix_nano / 1e9,
        "end": span.end_time_unix_nano / 1e9,
        "error": span.status.message if span.status.code == 2 else "",
        "attributes": _plain(span.attributes),
        "events": [event.name for event in span.events],
    }


def _plain(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        sink = cast(WebSink, self.server)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        sink.sent.append(Sent(self.path, dict(self.headers), body))
        self.send_response(sink.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        return None


@contextmanager
def web_sink() -> Iterator[WebSink]:
    server = WebSink()
    with serving(server):
        yield server


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    """Answers in a thread of its own meanwhile."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
