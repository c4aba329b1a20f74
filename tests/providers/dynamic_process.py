"""The real provider process, `python -m pulumi.dynamic`, with a test in the engine's place."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime import rpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc

from providers.host_pool_image_update import HostPoolImageUpdateProvider

ROOT = Path(__file__).parents[2]
URN = "urn:pulumi:test::avd::pulumi-python:dynamic/avd:HostPoolImageUpdate::image-update"


@dataclass
class Engine(engine_pb2_grpc.EngineServicer):
    """Keeps what it is told to log."""

    messages: list[engine_pb2.LogRequest] = field(default_factory=list)
    told: threading.Condition = field(default_factory=threading.Condition)

    def Log(self, request: engine_pb2.LogRequest, context: object) -> empty_pb2.Empty:
        with self.told:
            self.messages.append(request)
            self.told.notify_all()
        return empty_pb2.Empty()

    def wait_for(self, text: str) -> None:
        """Return when a message holds the text."""
        with self.told:
            assert self.told.wait_for(lambda: any(text in m.message for m in self.messages), 120), self.messages


@dataclass
class Provider:
    """The process and its calls, in the engine's terms."""

    process: subprocess.Popen[bytes]
    stub: provider_pb2_grpc.ResourceProviderStub
    engine: Engine
    server: grpc.Server

    def check(self, news: Mapping[str, Any], olds: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], list[Any]]:
        answer = self.stub.Check(provider_pb2.CheckRequest(urn=URN, olds=struct(olds or {}), news=struct(news)))
        return dict(rpc.deserialize_properties(answer.inputs, True)), list(answer.failures)

    def diff(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> Any:
        return self.stub.Diff(provider_pb2.DiffRequest(id="id", urn=URN, olds=struct(olds), news=struct(news)))

    def creating(self, props: Mapping[str, Any]) -> Any:
        """A create that is under way, as a gRPC future."""
        return self.stub.Create.future(provider_pb2.CreateRequest(urn=URN, properties=struct(props)))

    def create(self, props: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        answer = self.creating(props).result()
        return answer.id, dict(rpc.deserialize_properties(answer.properties))

    def read(self, props: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        answer = self.stub.Read(provider_pb2.ReadRequest(id="id", urn=URN, properties=struct(props)))
        return answer.id, dict(rpc.deserialize_properties(answer.properties))

    def delete(self, props: Mapping[str, Any]) -> None:
        self.stub.Delete(provider_pb2.DeleteRequest(id="id", urn=URN, properties=struct(props)))


def pickled() -> str:
    """What Pulumi puts beside the inputs."""
    return str(serialize_provider(HostPoolImageUpdateProvider()))


@contextmanager
def provider_process(environment: Mapping[str, str], folder: Path) -> Iterator[Provider]:
    """Start it as the CLI does: in the project's folder, the engine's address as its last argument."""
    engine = Engine()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "pulumi.dynamic", f"127.0.0.1:{port}"],
        cwd=folder,
        env={**environment, "PULUMI_PROJECT": "avd", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    address = f"127.0.0.1:{int(process.stdout.readline())}"
    options = [("grpc.enable_http_proxy", 0)]
    try:
        with grpc.insecure_channel(address, options=options) as channel:
            yield Provider(process, provider_pb2_grpc.ResourceProviderStub(channel), engine, server)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        server.stop(None).wait()


def struct(props: Mapping[str, Any]) -> Any:
    """Properties as a protobuf Struct; Unknown stays unknown."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(rpc.serialize_properties(dict(props), {}))
    finally:
        loop.close()
