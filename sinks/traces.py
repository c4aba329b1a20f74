"""OpenTelemetry spans of a rollout, where the standard variables name an endpoint for OTLP over HTTP.

A `rollout` span for the run, below it a `host` span for each host that is worked on, below that one span for each
phase, named after it. Actions are events of the phase's span. All runs of an attempt are in one trace: its id is made
from pool, rollout and attempt. docs/audit.md lists the attributes; nobody's name is among them but that of who runs
it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rollout.events import Event, Kind
from rollout.names import digest

if TYPE_CHECKING:  # half a second of imports that only those pay who have an endpoint
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SPOKEN = "http/protobuf"
SERVICE = "avd-hostpool-image-update"
PATIENCE = 10.0
"""Real seconds in which the last spans must be sent."""


def is_wanted(environment: Mapping[str, str], warn: Callable[[str], None]) -> bool:
    """Whether the variables ask for spans (opentelemetry.io: environment variable specification)."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true" or environment.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    if not any(environment.get(name) for name in ENDPOINTS):
        return False
    protocol = next((environment[name] for name in PROTOCOLS if environment.get(name)), SPOKEN)
    if protocol != SPOKEN:
        warn(f"no spans are sent: OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}, and only {SPOKEN} is spoken")
    return protocol == SPOKEN


class Traces:
    """A listener of the engine; `async with` it around the run. `open_provider` is called with the trace's id once a
    rollout begins, so that a run that finds nothing to do imports nothing."""

    def __init__(self, host_pool_id: str, open_provider: Callable[[int], TracerProvider]) -> None:
        self._open = open_provider
        self._provider: TracerProvider | None = None
        self._tracer: Tracer
        self._pool = {"avd.host_pool.id": host_pool_id, "avd.host_pool.name": host_pool_id.rsplit("/", 1)[-1]}
        self._rollout: Span | None = None
        self._hosts: dict[str, Span] = {}
        self._phases: dict[str, Span] = {}
        self._last = 0.0

    def __call__(self, event: Event) -> None:
        self._last = event.time
        data, host = event.data, event.host
        match event.kind:
            case Kind.STARTED:
                self._begin(event)
            case Kind.PHASE:
                self._enter(event)
            case Kind.ACTION:
                if host in self._phases:
                    self._phases[host].add_event(event.text, _seconds(data), _ns(event.time))
            case Kind.HOST_DONE:
                self._close_host(event, {"avd.host.result": "updated", "avd.host.outage": float(data.get("outage", 0))})
            case Kind.HOST_FAILED if data.get("result") != "restoring":
                result = str(data.get("result"))
                error = "" if result == "left_out" else event.text
                self._close_host(event, {"avd.host.result": result, "avd.host.why": event.text}, error)
            case Kind.CANARY | Kind.CHECKPOINT | Kind.PAUSED if self._rollout is not None:
                said = event.text or str(data.get("result") or f"{data.get('percent')} %")
                self._rollout.add_event(str(event.kind), {"avd.text": said}, _ns(event.time))
            case Kind.ENDED:
                status = str(data.get("status"))
                error = event.text if status in ("stopped", "complete_with_failures") else ""
                self._close({"avd.rollout.status": status}, error)

    async def __aenter__(self) -> Traces:
        return self

    async def __aexit__(self, *raised: object) -> None:
        self._close({"avd.rollout.status": "interrupted"}, "the run ended before its time")
        if self._provider is None:
            return
        loop, sent = asyncio.get_running_loop(), asyncio.Event()

        def end(provider: TracerProvider) -> None:
            provider.shutdown()
            try:
                loop.call_soon_threadsafe(sent.set)
            except RuntimeError:
                pass  # the loop is closed: nobody waited so long

        # A thread of its own: the exporter blocks, tries again for half a minute, and must not keep the process.
        threading.Thread(target=end, args=(self._provider,), name="spans", daemon=True).start()
        try:
            async with asyncio.timeout(PATIENCE):
                await sent.wait()
        except TimeoutError:
            pass

    # -- spans

    def _begin(self, event: Event) -> None:
        data = event.data
        attributes: dict[str, Any] = {
            **self._pool,
            "avd.rollout.id": str(data.get("rollout")),
            "avd.rollout.attempt": int(data.get("attempt") or 0),
            "avd.rollout.resumed": bool(data.get("resumed")),
            "avd.rollout.hosts": len(data.get("hosts") or ()),
            "avd.image.id": str(data.get("image")),
            "avd.image.version": str(data.get("version")),
            "avd.owner": str(data.get("owner")),
        }
        if self._provider is None:
            parts = (self._pool["avd.host_pool.id"], str(data.get("rollout")), str(data.get("attempt")))
            self._provider = self._open(int(digest(*parts, length=32), 16))
            self._tracer = self._provider.get_tracer(SERVICE)
        self._rollout = self._tracer.start_span("rollout", attributes=attributes, start_time=_ns(event.time))

    def _enter(self, event: Event) -> None:
        """The phase before ends here; one that a crash began goes on as a span of its own."""
        host, phase = event.host, str(event.data.get("phase") or "")
        if self._rollout is None:
            return
        if host not in self._hosts:
            self._hosts[host] = self._child(self._rollout, "host", {**self._pool, "avd.host": host}, event.time)
        if (before := self._phases.pop(host, None)) is not None:
            before.end(_ns(event.time))
        if phase not in ("", "done"):
            attributes = {**self._pool, "avd.host": host, "avd.phase": phase}
            self._phases[host] = self._child(self._hosts[host], phase, attributes, event.time)

    def _child(self, parent: Span, name: str, attributes: Mapping[str, Any], at: float) -> Span:
        from opentelemetry.trace import set_span_in_context

        context = set_span_in_context(parent)
        return self._tracer.start_span(name, context, attributes=dict(attributes), start_time=_ns(at))

    def _close_host(self, event: Event, attributes: Mapping[str, Any], error: str = "") -> None:
        if (phase := self._phases.pop(event.host, None)) is not None:
            phase.end(_ns(event.time))
        if (span := self._hosts.pop(event.host, None)) is not None:
            self._finish(span, attributes, error)

    def _close(self, attributes: Mapping[str, Any], error: str) -> None:
        """The run is over: what is still open ends with it."""
        for span in (*self._phases.values(), *self._hosts.values()):
            span.end(_ns(self._last))
        self._phases, self._hosts = {}, {}
        if self._rollout is not None:
            self._finish(self._rollout, attributes, error)
            self._rollout = None

    def _finish(self, span: Span, attributes: Mapping[str, Any], error: str) -> None:
        span.set_attributes(dict(attributes))
        if error:
            from opentelemetry.trace import StatusCode

            span.set_status(StatusCode.ERROR, error)
        span.end(_ns(self._last))


def otlp_provider(trace_id: int, warn: Callable[[str], None]) -> TracerProvider:
    """A provider that exports as the environment says; it is not made the process's own, which is Pulumi's. `warn` is
    told once, on this loop, where spans cannot be sent."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    logger = logging.getLogger("opentelemetry.exporter.otlp")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False  # it prints what is told once here

    class Ids(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            return trace_id

    class Exporter(OTLPSpanExporter):
        warned = False

        def export(self, spans: Any) -> SpanExportResult:
            result: SpanExportResult = super().export(spans)
            if result is not SpanExportResult.SUCCESS and not self.warned:
                self.warned = True
                try:
                    loop.call_soon_threadsafe(warn, "spans could not be sent to the endpoint in OTEL_EXPORTER_OTLP_*")
                except RuntimeError:
                    pass  # the run is over
            return result

    loop = asyncio.get_running_loop()
    resource = Resource({"service.name": SERVICE}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, id_generator=Ids(), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Exporter()))
    return provider


def _ns(at: float) -> int:
    return int(at * 1e9)


def _seconds(data: Mapping[str, Any]) -> dict[str, float]:
    return {"avd.seconds": float(data["seconds"])} if data.get("seconds") is not None else {}
