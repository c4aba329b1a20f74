"""The whole way: environment, metadata endpoint, token, TLS, SDK clients, against the emulator's server."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cloud.azure_cloud import open_cloud
from cloud.clock import ScaledClock, clock_from
from cloud.policies import read_only
from emulator.server import Running
from emulator.wire import Request
from rollout.errors import Forbidden, LeaseLost, NotFound, Unreachable
from tests.support.emulator import as_deployer
from tests.support.wire import allow

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/avd"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm-0"
POOL = f"{GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/hp1"


async def test_an_operation_runs_in_compressed_time(emulator_server: Running) -> None:
    environment = as_deployer(emulator_server)
    clock = clock_from(environment)
    assert isinstance(clock, ScaledClock)
    async with open_cloud(environment, SUBSCRIPTION, clock, allow) as cloud:
        vm = await cloud.get_vm(VM)
        assert vm is not None
        assert abs(cloud.azure_time() - clock.now()) < 600  # a second of the real clock is 600 here
        began = clock.now()
        await cloud.deallocate_vm(VM)
        assert clock.now() - began >= 5
        await cloud.start_vm(VM)
        await cloud.update_vm(VM, {"tags": {"made": "quickly"}}, etag="*")
        tagged = await cloud.get_vm(VM)
        assert tagged is not None and tagged["tags"] == {"made": "quickly"}
        assert len(await cloud.list_session_hosts(POOL)) == 3
        assert cloud.traffic.lost == 0


async def test_secrets_and_the_directory_take_tokens_of_their_own(emulator_server: Running) -> None:
    environment = emulator_server.server.environment()
    async with open_cloud(as_deployer(emulator_server), SUBSCRIPTION, clock_from(environment), allow) as cloud:
        vault = f"{emulator_server.url}/keyvault/avd-kv/secrets"
        assert await cloud.get_secret(f"{vault}/local-admin-name") == "avdadmin"
        with pytest.raises(NotFound):
            await cloud.get_secret(f"{vault}/nothing")
    async with open_cloud(environment, SUBSCRIPTION, clock_from(environment), allow) as updater:
        assert await updater.delete_directory_devices("nobody") == 0


async def test_the_updater_is_a_principal_of_its_own(emulator_server: Running) -> None:
    environment = emulator_server.server.environment()
    async with open_cloud(environment, SUBSCRIPTION, clock_from(environment), read_only) as cloud:
        with pytest.raises(Forbidden, match=r"Microsoft\.Compute/virtualMachines/read"):
            await cloud.get_vm(VM)


async def test_a_wrong_secret_is_told_before_anything_is_sent_to_arm(emulator_server: Running) -> None:
    environment = {**as_deployer(emulator_server), "ARM_CLIENT_SECRET": "wrong"}
    async with open_cloud(environment, SUBSCRIPTION, clock_from(environment), allow) as cloud:
        with pytest.raises(Forbidden, match="AADSTS7000215") as caught:
            await cloud.get_vm(VM)
        assert "ARM_TENANT_ID" in str(caught.value)
        assert "wrong" not in str(caught.value)
        assert cloud.traffic.reads == 0


async def test_many_requests_share_connections(emulator_server: Running) -> None:
    environment = as_deployer(emulator_server)
    async with open_cloud(environment, SUBSCRIPTION, clock_from(environment), read_only) as cloud:
        seen = await asyncio.gather(*(cloud.get_vm(VM) for _ in range(30)))
        assert {vm["name"] for vm in seen if vm} == {"vm-0"}
        with pytest.raises(LeaseLost):
            await cloud.start_vm(VM)


@contextmanager
def fault(server: Running, **rule: Any) -> Iterator[None]:
    def control(method: str, body: Any = None) -> None:
        async def ask() -> int:
            return server.emulator.handle(Request(method, "/emulator/faults", body=body)).status

        assert asyncio.run_coroutine_threadsafe(ask(), server.loop).result() < 300

    control("POST", {"seed": 1, "rules": [{"id": "f", **rule}]})
    try:
        yield
    finally:
        control("DELETE")


async def test_a_connection_that_breaks_after_the_request_may_have_carried_it(emulator_server: Running) -> None:
    environment = as_deployer(emulator_server)
    dropped = {"type": "drop", "when": "after"}
    async with open_cloud(environment, SUBSCRIPTION, clock_from(environment), allow) as cloud:
        vm = await cloud.get_vm(VM)
        assert vm is not None
        with (
            fault(emulator_server, method="POST", path="runCommand", nth=[1], effect=dropped),
            pytest.raises(Unreachable, match="no answer"),
        ):
            await cloud.run_command(VM, ["hostname"])
        assert cloud.traffic.by_method["POST"] == 1
        with fault(emulator_server, method="PATCH", path="hostPools/hp1", nth=[1], effect=dropped):
            await cloud.update_host_pool(POOL, {"properties": {"friendlyName": "again"}})
        assert cloud.traffic.by_method["PATCH"] == 2
        assert cloud.traffic.lost == 2


async def test_refused_answers_of_operations_are_read_and_tried_again(emulator_server: Running) -> None:
    environment = as_deployer(emulator_server)
    throttled = {"type": "status", "status": 429, "code": "SubscriptionRequestsThrottled", "retry_after": 30}
    unavailable = {"type": "status", "status": 503}
    async with open_cloud(environment, SUBSCRIPTION, clock_from(environment), allow) as cloud:
        with fault(emulator_server, method="POST", path="vm-1/start", nth=[1, 2], effect=throttled):
            await cloud.start_vm(VM.replace("vm-0", "vm-1"))
        with fault(emulator_server, method="POST", path="vm-1/start", nth=[1], effect=unavailable):
            await cloud.start_vm(VM.replace("vm-0", "vm-1"))
        assert cloud.traffic.throttled == 2
        assert cloud.traffic.by_method["POST"] == 5


async def test_an_unknown_certificate_authority_is_told(emulator_server: Running, tmp_path: Path) -> None:
    environment = as_deployer(emulator_server)
    environment.pop("SSL_CERT_FILE", None)
    environment.pop("REQUESTS_CA_BUNDLE", None)
    with pytest.raises(Unreachable, match="SSL_CERT_FILE"):
        async with open_cloud(environment, SUBSCRIPTION, clock_from({}), allow):
            pass


async def test_nobody_at_the_address_is_told_soon() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"localhost:{taken.getsockname()[1]}"
    with pytest.raises(Unreachable, match=host):
        async with open_cloud({"ARM_METADATA_HOSTNAME": host}, SUBSCRIPTION, clock_from({}), allow):
            pass


async def test_an_endpoint_that_went_away_is_told(emulator_server: Running) -> None:
    environment = as_deployer(emulator_server)
    async with open_cloud(environment, SUBSCRIPTION, clock_from({}), allow) as cloud:
        endpoints = cloud.connection.endpoints
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gone = f"https://localhost:{taken.getsockname()[1]}"
    moved = dataclasses.replace(endpoints, resource_manager=gone)
    clock = clock_from(environment)
    async with open_cloud(environment, SUBSCRIPTION, clock, allow, endpoints=moved) as cloud:
        with pytest.raises(Unreachable, match=gone.removeprefix("https://")):
            await cloud.get_vm(VM)
