"""Reads by id, pages, and what every request carries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.rest import HttpRequest

from cloud import api_versions
from cloud.azure_cloud import AzureCloud, open_cloud
from cloud.endpoints import PUBLIC
from cloud.ids import parse, short
from cloud.throttling import Throttle
from rollout.errors import Forbidden
from simulation.virtual_time import LoopClock
from tests.support.wire import Answer, AnyToken, Scripted, allow

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/avd"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm-0"
DISK = f"{GROUP}/providers/Microsoft.Compute/disks/d"
NIC = f"{GROUP}/providers/Microsoft.Network/networkInterfaces/n"
POOL = f"{GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/hp1"

pytestmark = pytest.mark.looptime


@asynccontextmanager
async def scripted(answer: Callable[[HttpRequest], Answer]) -> AsyncIterator[tuple[AzureCloud, Scripted]]:
    clock, wire = LoopClock(), Scripted(answer)
    async with open_cloud(
        {}, "own", clock, allow, transport=wire, credential=AnyToken(), endpoints=PUBLIC, throttle=Throttle(clock)
    ) as cloud:
        yield cloud, wire


def version(request: HttpRequest) -> str:
    return parse_qs(urlsplit(request.url).query)["api-version"][0]


async def test_a_list_is_read_to_its_last_page() -> None:
    def answer(request: HttpRequest) -> Answer:
        if "token=2" in request.url:
            return 200, {"value": [{"name": "c"}]}
        return 200, {"value": [{"name": "a"}, {"name": "b"}], "nextLink": f"{request.url}&$skiptoken=2"}

    async with scripted(answer) as (cloud, wire):
        assert [host["name"] for host in await cloud.list_session_hosts(POOL)] == ["a", "b", "c"]
        assert len(wire.sent) == 2


async def test_a_page_that_fails_is_no_end() -> None:
    def answer(request: HttpRequest) -> Answer:
        if "token=2" in request.url:
            return 403, {"error": {"code": "AuthorizationFailed", "message": "no"}}
        return 200, {"value": [{"name": "a"}], "nextLink": f"{request.url}&$skiptoken=2"}

    async with scripted(answer) as (cloud, _):
        with pytest.raises(Forbidden):
            await cloud.list_session_hosts(POOL)


async def test_the_etag_of_the_header_is_kept() -> None:
    async with scripted(lambda request: (200, {"name": "vm-0"}, {"ETag": '"7"'})) as (cloud, _):
        assert await cloud.get_vm(VM) == {"name": "vm-0", "etag": '"7"'}


async def test_a_resource_is_read_where_its_id_says_and_the_catalog_in_the_pools_subscription() -> None:
    async with scripted(lambda request: (200, {"value": []})) as (cloud, wire):
        await cloud.get_image_version(
            "/subscriptions/other/resourceGroups/g/providers/X/galleries/g/images/i/versions/1"
        )
        await cloud.list_usages("westeurope")
    assert wire.calls()[0].startswith("GET subscriptions/other/")
    assert wire.calls()[1].startswith("GET subscriptions/own/")


async def test_reads_and_sdk_writes_use_the_same_api_versions() -> None:
    done = {"properties": {"provisioningState": "Succeeded"}, "value": []}
    async with scripted(lambda request: (200, done)) as (cloud, wire):
        await cloud.update_vm(VM, {}, etag="*")
        await cloud.put_extension(VM, "x", {})
        await cloud.update_disk(DISK, {})
        await cloud.create_nic(NIC, {})
        await cloud.update_host_pool(POOL, {})
        await cloud.list_permissions(GROUP)
    assert [version(request) for request in wire.sent] == [
        api_versions.VIRTUAL_MACHINES,
        api_versions.VIRTUAL_MACHINES,
        api_versions.DISKS,
        api_versions.NETWORK,
        api_versions.DESKTOP_VIRTUALIZATION,
        api_versions.PERMISSIONS,
    ]


async def test_requests_of_one_connection_share_a_correlation_id_and_differ_in_their_own() -> None:
    async with scripted(lambda request: (200, {"name": "vm-0"})) as (cloud, wire):
        await cloud.get_vm(VM)
        await cloud.update_host_pool(POOL, {})
    one, two = (request.headers for request in wire.sent)
    assert one["x-ms-correlation-request-id"] == two["x-ms-correlation-request-id"] == cloud.connection.correlation_id
    assert one["x-ms-client-request-id"] != two["x-ms-client-request-id"]
    assert one["Authorization"] == "Bearer in-process"
    assert "avd-hostpool-image-update" in one["User-Agent"]


def test_ids_are_taken_apart() -> None:
    session = parse(f"{POOL}/sessionHosts/vm-0.contoso.com/userSessions/3")
    assert (session.group, session.names, session.name) == ("avd", ("hp1", "vm-0.contoso.com", "3"), "3")
    assert session.types == ("hostPools", "sessionHosts", "userSessions")
    assert parse(GROUP.lower()).name == "avd"
    assert parse("/subscriptions/s").subscription == "s"
    assert short(VM) == "virtualMachines/vm-0"
    for text in ("", "vm-0", f"{GROUP}/providers/Microsoft.Compute/virtualMachines"):
        with pytest.raises(ValueError, match="is not the id of an Azure resource"):
            parse(text)
