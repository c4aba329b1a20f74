"""The stand-in behind a real gRPC channel, over resources kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from emulator.native.long_running import Json, OperationFailed
from emulator.native.provider import Provider
from emulator.native.values import decode, encode
from tests.support.emulator import as_deployer, served

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
ENVIRONMENT = {
    "ARM_METADATA_HOSTNAME": "localhost:1",
    "ARM_SUBSCRIPTION_ID": SUBSCRIPTION,
    "ARM_TENANT_ID": "22222222-2222-2222-2222-222222222222",
    "ARM_CLIENT_ID": "deployer",
    "ARM_CLIENT_SECRET": "hunter2",
}


class MemoryArm:
    """Resources by lower-case id. `on_put` may change what is stored, or raise."""

    def __init__(self) -> None:
        self.resources: dict[str, Json] = {}
        self.calls: list[tuple[str, str, Any]] = []
        self.on_put: Callable[[Json], Json] = lambda body: body
        self.failing_operation: str | None = None

    def get(self, resource_id: str, api_version: str) -> Json | None:
        self.calls.append(("GET", resource_id, api_version))
        return self.resources.get(resource_id.lower())

    def put(self, resource_id: str, api_version: str, body: Mapping[str, Any]) -> Json:
        self.calls.append(("PUT", resource_id, dict(body)))
        stored = self.on_put({"id": resource_id, "name": resource_id.rsplit("/", 1)[-1], **body})
        self.resources[resource_id.lower()] = stored
        if self.failing_operation is not None:
            raise OperationFailed(self.failing_operation)
        return stored

    def delete(self, resource_id: str, api_version: str) -> None:
        self.calls.append(("DELETE", resource_id, api_version))
        self.resources.pop(resource_id.lower(), None)

    def cancel(self) -> None:
        self.calls.append(("CANCEL", "", None))


class Plugin:
    """What the Pulumi engine does with a plugin, in plain Python."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.stub = provider_pb2_grpc.ResourceProviderStub(channel)

    @staticmethod
    def urn(token: str, name: str = "it") -> str:
        return f"urn:pulumi:test::avd::avd:index:Parent${token}::{name}"

    def configure(self, **variables: str) -> Any:
        keyed = {f"azure-native:config:{key}": value for key, value in variables.items()}
        return self.stub.Configure(provider_pb2.ConfigureRequest(variables=keyed, acceptSecrets=True))

    def check(
        self, token: str, news: Mapping[str, Any], olds: Mapping[str, Any] | None = None, name: str = "it"
    ) -> Any:
        answer = self.stub.Check(
            provider_pb2.CheckRequest(
                urn=self.urn(token, name), olds=encode(olds or {}), news=encode(news), randomSeed=b"seed"
            )
        )
        return decode(answer.inputs), {failure.property: failure.reason for failure in answer.failures}

    def create(self, token: str, properties: Mapping[str, Any], preview: bool = False) -> Any:
        answer = self.stub.Create(
            provider_pb2.CreateRequest(urn=self.urn(token), properties=encode(properties), preview=preview)
        )
        return answer.id, decode(answer.properties)

    def update(
        self, token: str, resource_id: str, olds: Mapping[str, Any], news: Mapping[str, Any], preview: bool = False
    ) -> Any:
        answer = self.stub.Update(
            provider_pb2.UpdateRequest(
                urn=self.urn(token), id=resource_id, olds=encode(olds), news=encode(news), preview=preview
            )
        )
        return decode(answer.properties)

    def diff(self, token: str, old_inputs: Mapping[str, Any], news: Mapping[str, Any]) -> Any:
        return self.stub.Diff(
            provider_pb2.DiffRequest(urn=self.urn(token), id="/id", old_inputs=encode(old_inputs), news=encode(news))
        )

    def read(
        self,
        token: str,
        resource_id: str,
        inputs: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> Any:
        answer = self.stub.Read(
            provider_pb2.ReadRequest(
                urn=self.urn(token), id=resource_id, inputs=encode(inputs or {}), properties=encode(outputs or {})
            )
        )
        return answer.id, decode(answer.inputs), decode(answer.properties)

    def delete(self, token: str, resource_id: str) -> None:
        self.stub.Delete(provider_pb2.DeleteRequest(urn=self.urn(token), id=resource_id))

    def cancel(self) -> None:
        self.stub.Cancel(empty_pb2.Empty())

    def invoke(self, token: str, **arguments: Any) -> Any:
        answer = self.stub.Invoke(provider_pb2.InvokeRequest(tok=token, args=encode(arguments)))
        return decode(getattr(answer, "return"))


@pytest.fixture
def arm() -> MemoryArm:
    return MemoryArm()


@contextmanager
def running(provider: Provider) -> Iterator[Plugin]:
    """A plugin that was started and is not configured yet."""
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Plugin(channel)
    server.stop(grace=None).wait()


@pytest.fixture
def plugin(arm: MemoryArm, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugin]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with running(Provider(None, lambda _: arm)) as started:
        yield started


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Plugin]:
    """A plugin that talks to an emulator, not configured yet."""
    with served(tmp_path, hosts=1) as azure, running(Provider()) as started:
        for name, value in as_deployer(azure).items():
            monkeypatch.setenv(name, value)
        yield started


@pytest.fixture
def ready(plugin: Plugin) -> Plugin:
    plugin.configure()
    return plugin
